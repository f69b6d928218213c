# SPDX-License-Identifier: MIT
"""Patterns made to explode and contents made to break, beside git: hostile_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

Equality only. What git itself takes too long for is counted and left out: both would try the same in the same engine.
"""
import os
import random
import subprocess
import sys

import grep_cases
import harness
import repos
from compare import Case, Report, Runner, run_all
import servers

VERSION = "2"  # changes whenever this file makes other repositories
LINE_BYTES = 70_000_000  # more than waits in memory of what is found
WORDS = [b"alpha", b"beta", b"int", b"return", b"foo", b"bar", b"malloc", b"(x)", b"{", b"0x1f", b"aaaaaaaa", b"abcabc", b"Foo", b"FOO",
         "straße".encode(), "ÉCOLE".encode(), "日本語".encode(), "İı".encode()]


# --- contents ---------------------------------------------------------------------------------------------------------
def lines(rng, count, end=b"\n", words=None):
    return b"".join(b" ".join(rng.choices(words or WORDS, k=rng.randrange(1, 12))) + end for _ in range(count))


def contents(rng):
    """(path, bytes): one idea a folder."""
    for i in range(10):
        yield b"text/%d.c" % i, lines(rng, 1500, words=WORDS[:14])
        yield b"utf8/%d.c" % i, lines(rng, 1500)
        yield b"as/%d" % i, b"".join(b"a" * rng.randrange(20, 60) + rng.choice([b"!", b"b", b""]) + b"\n" for _ in range(300))
        yield b"crlf/%d" % i, lines(rng, 500, b"\r\n") + b"foo\r\r\n\r\nfoo\r"
        yield b"invalid/%d" % i, rng.randbytes(100_000).replace(b"\0", b"\n")
    yield b"line/letter", b"a" * 8_000_000 + b"\nlast foo\n"
    yield b"line/words", b" ".join(rng.choices(WORDS, k=500)) * 2000 + b"\nlast foo"
    yield b"empty/lines", b"\n" * 200_000
    yield b"empty/file", b""
    yield b"nul/early", b"\0".join([b"foo bar\n"] * 50_000)
    yield b"nul/late", lines(rng, 2000) + b"\0foo\0\nfoo\0bar\n" * 50_000
    yield b"deep/" + b"d/" * 1900 + b"file", b"foo\n"
    for i in range(20_000):
        yield b"wide/%05d" % i, b"foo %d\n" % i
    for i in range(3000):
        yield b"same/%d/%04d" % (i % 7, i), b"foo bar\nint main\n" * 20


def long_line(rng):
    line = lines(rng, 2000).replace(b"\n", b" ")
    return (line * (LINE_BYTES // len(line) + 1))[:LINE_BYTES] + b"\nand foo behind it\n"


def make(path, files):
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
    with subprocess.Popen(["git", "-C", path, "-c", "core.compression=1", "fast-import", "--quiet"], stdin=subprocess.PIPE) as git:
        git.stdin.write(b"commit refs/heads/main\ncommitter C <c@example.com> 1700000000 +0000\ndata 0\n")
        for name, data in files:
            git.stdin.write(b"M 644 inline %s\ndata %d\n%s\n" % (name, len(data), data))
    if git.returncode != 0:
        raise RuntimeError("git fast-import failed")
    repos.serve_everything(path)


# --- questions --------------------------------------------------------------------------------------------------------
def many(form, count):
    return b"|".join(form % i for i in range(count))


def each(form, count):
    return [word for i in range(count) for word in (b"-e", form % i)]


QUESTIONS = {
    b"as": [
        [b"-E", b"(a+)+$"], [b"-E", b"(a*)*b"], [b"-E", b"(a|aa)+$"], [b"-E", b"(a|a|a|a)*b$"], [b"-E", b"(a?){30}a{30}"],
        [b"-E", b"((a*)*)*c"], [b"-E", b"(.*)(.*)(.*)(.*)x"], [b"-E", b"(a+)\\1"], [b"-E", b"^(.*)\\1$"], [b"-o", b"-E", b"(a|ab|b)*!"],
        # PCRE2 gives up in the middle: what was found before is printed.
        [b"-P", b"(a+)+$"], [b"-P", b"(a|aa)+$"], [b"-v", b"-P", b"(*NO_JIT)(*LIMIT_MATCH=500)^(a+)+$"],
        [b"-n", b"-C1", b"-P", b"(*LIMIT_MATCH=2000)^a{20,30}b|^(a+)+!x"], [b"-c", b"-P", b"(*LIMIT_MATCH=500)^(a+)+$"]],
    b"text": [
        [b"-c", b"-E", b"([a-z]+) \\1"], [b"-c", b"-E", b"(alpha|beta|int|return|foo)+ ?(bar|malloc)*"], [b"-c", b"-E", many(b"w%dx", 2000)],
        [b"-c", b"-E", many(b"alph%d", 2000) + b"|alpha"], [b"-E", many(b"alph%d", 250) + b"|alpha$"], [b"-c", b"-P", many(b"fo%d", 500) + b"|foo"],
        [b"-c", b"-F", *each(b"alph%d", 1000)], [b"-c", *each(b"w%dx", 3000)], [b"-c", b"-E", *each(b"w%d+x", 300)], [b"-c", b"-i", *each(b"w%dX", 300)],
        [b"-c", b"-E", b"(foo|bar){1,255}"], [b"-c", b"-E", b"a{1,255}b{1,255}"], [b"-c", b"-E", b"(a{1,100}){1,100}"],
        [b"-c", b"-E", b"((a{1,20}){1,20}){1,20}"], [b"-c", b"-E", b"a{32767}"], [b"-E", b"a{40000}"], [b"-c", b"-P", b"a{65535}"], [b"-P", b"a{65536}"],
        # A long literal is one that PCRE2 may refuse, to which git leaves it.
        *([b"-c", kind, letters * (size // len(letters))] for kind in (b"-F", b"-G", b"-i") for letters in (b"a", b"a ", b"a.")
          for size in (4000, 10_000, 32_762, 32_764, 32_766, 32_768, 100_000)),
        [b"-c", b"-F", b"a\\E" * 20_000], [b"-c", b"-E", b"[a]" + b"a" * 50_000], [b"-c", b"-E", b"[" + b"abcdefghij" * 1000 + b"]x"],
        [b"-o", b"-w", b"foo"], [b"-v", b"-c", b"-E", b"x*"], [b"-o", b"x*"], [b"-m1", b"-n", b"foo"], [b"--color=always", b"-E", b"foo|bar|alpha|int"]],
    b"utf8": [
        [b"-c", b"-i", "école".encode()], [b"-c", b"-i", b"-E", "(école|straße)".encode()], [b"-c", b"-i", b"-E", b"STRA.E"], [b"-c", b"-i", b"-F", "日本".encode()],
        [b"-c", b"-i", b"-E", b"i+"], [b"-c", b"-E", "[é-ÿ]".encode()], [b"-c", b"-E", b"[[:alpha:]]{12}"], [b"-c", b"-E", b".{100}"], [b"-o", b"-i", b"e"],
        [b"-n", b"--column", b"-e", b"foo", b"-e", "é".encode()]],
    b"line": [
        [b"-c", b"foo"], [b"foo"], [b"-o", b"-n", b"malloc"], [b"-c", b"-P", b"a+b"], [b"-c", b"-w", b"a"], [b"-c", b"-w", b"-E", b"a+"], [b"-c", b"-F", b"a" * 1000 + b"b"],
        [b"-c", b"-F", b"b" + b"a" * 1000], [b"-c", b"-v", b"foo"], [b"-n", b"--column", b"-C1", b"last"]],
    b"empty": [
        [b"-c", b"^$"], [b"-c", b""], [b"-c", b"foo"], [b"-n", b"^$"], [b"-c", b"-v", b"foo"], [b"-c", b"-E", b"^"], [b"-o", b"-c", b"x*"], [b"-o", b"--break", b"-C1", b"x*"],
        [b"-c", b"-P", b"^$"], [b"-m1", b"-n", b"^$"], [b"-c", b"-w", b"x*"], [b"-c", b"-E", b"$"], [b"-L", b"."]],
    b"nul": [
        [b"-c", b"foo"], [b"-c", b"-a", b"foo.bar"], [b"-a", b"-c", b"-E", b"foo.+bar"], [b"-a", b"-c", b"-P", b"foo\\0bar"], [b"foo"], [b"-a", b"foo"], [b"-c", b"-v", b"foo"], [b"-I", b"-c", b"foo"]],
    b"invalid": [
        [b"-a", b"-c", b"foo"], [b"-a", b"-c", b"-i", "é".encode()], [b"-a", b"-c", b"-E", b".\\w."], [b"-a", b"-c", b"-E", b"[^a]{3}"], [b"-a", b"-c", b"-P", b"\\w{4}"],
        [b"-a", b"-c", b"-P", b".{20}"], [b"-a", b"-c", b"-v", b"-P", b"x"], [b"-a", b"-o", b"-E", b"[[:alpha:]]+\xc3"], [b"-a", b"-i", b"\xff"]],
    b"crlf": [[b"-c", b"foo$"], [b"-c", b"-E", b"foo.?$"], [b"-c", b"-P", b"foo\\r$"], [b"-n", b"-v", b"."], [b"-n", b"^\r$"]],
    b"deep": [[b"foo"], [b"-c", b"-v", b"x"]],
    b"wide": [[b"-c", b"foo"], [b"-l", b"foo 7"], [b"-L", b"1"], [b"-C1", b"9$"]],
    b"same": [[b"-c", b"foo"], [b"-l", b"foo"], [b"--break", b"-h", b"-m1", b"main"]],
}


def cases():
    number = 0
    for folder, questions in QUESTIONS.items():
        for args in questions:
            for locale in ("C.UTF-8", "C") if folder in (b"utf8", b"invalid") else ("C.UTF-8",):
                yield Case("hostile", "grep", [*args, b"HEAD", b"--", folder], locale, number=number)
                number += 1
    for number, args in enumerate(([b"-c", b"foo"], [b"foo"], [b"-o", b"-n", b"malloc"], [b"-m1", b"-E", b"(foo|bar)+ malloc$|behind"]), number):
        yield Case("long", "grep", [*args, b"HEAD"], number=number)


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--via", default="file", choices=["file"])
    args = harness.parse(parser)
    repos.make_all(args.root, args.work)
    top = os.path.join(args.work, "hostile")
    os.makedirs(top, exist_ok=True)
    rng = random.Random(5)
    paths = {"hostile": repos.make_once(top, "hostile.git", VERSION, lambda path: make(path, contents(rng))),
             "long": repos.make_once(top, "long.git", VERSION, lambda path: make(path, [(b"line", long_line(rng))]))}
    homes = grep_cases.make_homes(os.path.join(args.work, "homes"))
    runner = Runner(args.trove, paths, homes, args.work)
    report = Report("hostile", args.work, homes, harness.again(args))
    with servers.start("file", top) as server:
        run_all((case for case in cases() if args.only in (None, case.number)), runner, report, [server], args.workers)
    return 0 if report.end() else 1


if __name__ == "__main__":
    sys.exit(main())
