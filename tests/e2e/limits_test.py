# SPDX-License-Identifier: MIT
"""Limits: limits_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

A tree of 300 MB within 32 MiB of cache, with up to 100 MB of output; files of 60 MB; servers that hang or drip at each
stage; a reader that goes away and an answered -q, which end the transfer; options that are unknown.
"""
import base64
import concurrent.futures
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time

import harness
import repos
import servers
import stalling

MIB = 1 << 20
TREE_BYTES = 300_000_000
WORDS = [b"alpha", b"beta", b"gamma", b"delta", b"int", b"return", b"static", b"the", b"of", b"foo", b"bar", b"(x)", b"{", b"}",
         b"malloc", b"/* note */", b"0x1f", b"if", b"else", b"caf\xc3\xa9"]
RARE = b"needle in the last file"


# --- a tree of 300 MB -------------------------------------------------------------------------------------------------
def big_contents(rng):
    """Texts of 4 KB to 12 MB, half of them a change of the one before, so that the pack holds deltas."""
    block = b"".join(b" ".join(rng.choices(WORDS, k=rng.randrange(1, 12))) + b"\n" for _ in range(60000))
    left, text = TREE_BYTES, b""
    sizes = [12_000_000, 8_000_000] + [rng.choice([4_000, 30_000, 200_000, 1_000_000, 2_500_000]) for _ in range(3000)]
    for size in sizes:
        if left <= 0:
            return
        if text and rng.random() < 0.5:
            at = rng.randrange(len(text))
            text = text[:at] + b"a line that was not there before\n" + text[at + 20:]
        else:
            at, salt = rng.randrange(len(block)), b"%d foo bar\n" % rng.randrange(1 << 60)
            text = salt + ((block[at:] + block) * (size // len(block) + 1))[:size]
        left -= len(text)
        yield text


def make_big(path):
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
    with subprocess.Popen(["git", "-C", path, "-c", "core.compression=1", "fast-import", "--quiet"], stdin=subprocess.PIPE) as git:
        git.stdin.write(b"commit refs/heads/main\ncommitter C <c@example.com> 1700000000 +0000\ndata 0\n")
        for number, text in enumerate(big_contents(random.Random(7))):
            git.stdin.write(b"M 644 inline dir-%02d/file-%04d.txt\ndata %d\n%s\n" % (number % 23, number, len(text), text))
        git.stdin.write(b"M 644 inline zzz\ndata %d\n%s\n" % (len(RARE), RARE))
    if git.returncode != 0:
        raise RuntimeError("git fast-import failed")
    repos.serve_everything(path)
    empty = os.path.join(os.path.dirname(path), "empty.git")
    shutil.rmtree(empty, ignore_errors=True)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", empty], check=True)
    commit = repos.git(empty, "commit-tree", "-m", "nothing", repos.git(empty, "mktree", input=b"").decode().strip())
    repos.git(empty, "update-ref", "refs/heads/main", commit.decode().strip())


# --- large files ------------------------------------------------------------------------------------------------------
def base64_lines(seed, size):
    lines = base64.encodebytes(random.Random(seed).randbytes(MIB))
    return (lines * (size // len(lines) + 1))[:size]


def make_large(path):
    """A file of 60 MB between small ones, and two of 30 MB of which fast-import makes the second a delta of the first."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
    text = base64_lines(2, 30 * MIB)
    files = {"a.c": b"abc\n", "m.bin": b"\0" + base64_lines(1, 60 * MIB), "z.c": b"abc too\n",
             "one.txt": text, "two.txt": text[:MIB] + b"abc here\n" + text[MIB:]}
    with subprocess.Popen(["git", "-C", path, "-c", "core.compression=1", "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet"], stdin=subprocess.PIPE) as git:
        git.stdin.write(b"commit refs/heads/main\ncommitter C <c@example.com> 1700000000 +0000\ndata 0\n")
        for name, text in files.items():
            git.stdin.write(b"M 644 inline %s\ndata %d\n%s\n" % (name.encode(), len(text), text))
    if git.returncode != 0:
        raise RuntimeError("git fast-import failed")
    repos.serve_everything(path)


# --- the tests --------------------------------------------------------------------------------------------------------
class Limits:
    def __init__(self, args, big):
        self.args, self.big = args, big
        self.empty = os.path.join(os.path.dirname(big), "empty.git")
        self.failures, self.checks, self.lock = 0, 0, threading.Lock()

    def check(self, good, text):
        """Counts and prints one fact."""
        with self.lock:
            self.checks += 1
            self.failures += not good
            print("%s %s" % ("ok  " if good else "FAIL", text), flush=True)

    def environment(self, **more):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "LC_", "LANG"))}
        return {**keep, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **more}

    def run(self, *words, seconds=300, **more):
        return subprocess.run(words, env=self.environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=seconds, check=False)

    def trove(self, url, *words, **more):
        """What trove answered, and its own figures, which end standard error."""
        done = self.run(self.args.trove, "--stats=json", "-C", url, *words, **more)
        done.stderr, _, stats = done.stderr.decode(errors="replace").rstrip("\n").rpartition("\n")
        return done, json.loads(stats)

    def memory(self, kind, *questions):
        # The program itself: a search that finds an empty tree.
        program = self.trove("file://" + self.empty, "grep", "x", "HEAD")[1]["peak_memory"]
        limit = program + (32 + 64) * MIB
        with servers.start(kind, os.path.dirname(self.big)) as server:
            whole = self.trove(server.url("big"), "grep", "-q", "no such text", "HEAD", **server.environment)[1]["bytes_fetched"]
            for words in questions:
                git = self.run("git", "-C", self.big, "grep", "--threads=1", *words, "HEAD")
                ours, stats = self.trove(server.url("big"), "grep", "--max-bytes=32M", *words, "HEAD", **server.environment)
                peak = stats["peak_memory"]
                self.check(git.stdout == ours.stdout and git.returncode == ours.returncode,
                           "300 MB over %s: grep %s equals git's, %d bytes%s" % (
                               kind, " ".join(words), len(git.stdout), ours.stderr[:300]))
                self.check(0 < program < peak <= limit, "300 MB over %s: peak of %.1f MiB resident; limit %.1f, the program itself %.1f" % (
                    kind, peak / MIB, limit / MIB, program / MIB))
                # What is printed waits for its turn, in memory or in a file, so nothing is fetched twice: trees, then everything.
                self.check(stats["bytes_fetched"] <= whole * 21 // 20 and stats["requests"] <= 4,
                           "300 MB over %s: grep %s fetched %d bytes in %d requests; %d when all fits" % (
                               kind, " ".join(words), stats["bytes_fetched"], stats["requests"], whole))

    def no_temporary_files(self):
        """What waits has nowhere to go: said, with the status of a failure."""
        done = self.trove("file://" + self.big, "grep", "--max-bytes=32M", "-h", "-w", "malloc", "HEAD", TMPDIR="/nonexistent/folder")[0]
        self.check(done.returncode == 128 and "cannot make a temporary file in /nonexistent/folder" in done.stderr,
                   "300 MB, no folder for temporary files: %d, %s" % (done.returncode, done.stderr))

    def large_files(self, path):
        url = "file://" + path
        for words in (["grep", "abc", "HEAD"], ["grep", "-I", "-c", "abc", "HEAD"], ["ls-tree", "-l", "HEAD"],
                      ["cat-file", "-s", "HEAD:m.bin"], ["cat-file", "-p", "HEAD:m.bin"], ["cat-file", "-p", "HEAD:two.txt"]):
            git = self.run("git", "-C", path, *words)
            ours = self.run(self.args.trove, "-C", url, *words)
            self.check(git.returncode == 0 and git.stdout == ours.stdout and ours.returncode == 0, "large files: %s equals git's, %d bytes%s" % (
                " ".join(words), len(git.stdout), ours.stderr.decode(errors="replace")[:300]))
        ours = self.run(self.args.trove, "-C", url, "--max-inflight=32M", "grep", "abc", "HEAD")
        self.check(ours.returncode == 128 and b"max_inflight_bytes" in ours.stderr, "large files: too little memory for one is said: %d, %s" % (
            ours.returncode, ours.stderr.decode(errors="replace").strip()))

    def stall(self, scheme, stage, mode, options, expected):
        folder = repos.folder(self.args.work)
        words = [*options, "grep", "-c", "int", "HEAD"]
        begin = time.monotonic()
        with self.stopping(scheme, folder, stage, mode) as (url, more):
            done, stats = self.trove(url + "self.git", *words, **more)
        text = done.stderr.strip()
        good = done.returncode == 128 and text.startswith("fatal: ") and re.search(expected, text) is not None
        # Who is too slow once is not asked for the rest. At a deadline everything ends at once, and what waited for the
        # first request may have left in one more before its callers go.
        good = good and stats["requests"] <= (2 if "--timeout" in options else 1)
        self.check(good, "%s, %s at %s, %s: %d after %.1f s, %s requests: %s" % (
            scheme, mode + "s", stage, " ".join(options) or "no options", done.returncode, time.monotonic() - begin,
            stats["requests"], text[-200:]))

    def stalls(self, pool):
        """Every stage on every transport, by both limits; the default limit of 30 s at one stage of each."""
        slow, deadline = "(?i)low-speed", "(?i)deadline|timed? ?out"
        todo = [(scheme, "middle", "hang", [], slow) for scheme in ("git", "http", "ssh")]
        for scheme in ("git", "http", "ssh"):
            for stage in stalling.STAGES:
                for mode in ("hang", "drip"):
                    todo.append((scheme, stage, mode, ["--low-speed", "1000/2"], slow))
                todo.append((scheme, stage, "hang", ["--timeout", "1.5"], deadline))
                todo.append((scheme, stage, "drip", ["--timeout", "1.5", "--low-speed", "0/0"], deadline))
        return [pool.submit(self.stall, *one) for one in todo]

    @contextlib.contextmanager
    def stopping(self, scheme, folder, stage, mode):
        """Yields what stands before the name of a repository in FOLDER, and the environment that it needs."""
        if scheme == "ssh":
            place = "%s -B %s %s %s --" % (sys.executable, os.path.abspath(stalling.__file__), stage, mode)
            yield "ssh://host" + folder + "/", {"GIT_SSH_COMMAND": place, "GIT_SSH_VARIANT": "ssh"}
        else:
            with stalling.server(scheme, folder, stage, mode) as url:
                yield url, {}

    def early_end(self, scheme):
        """Who is answered, or has no reader any more, does not wait for what the server still has to send: it says no more."""
        with self.stopping(scheme, os.path.dirname(self.big), "late", "hang") as (url, more):
            url += "big.git"
            done, stats = self.trove(url, "--low-speed=0/0", "grep", "-q", "foo", "HEAD", **more)
            self.check(done.returncode == 0 and stats["bytes_fetched"] < stalling.BEHIND["late"] + MIB,
                       "over %s: -q received %d bytes, and the end is never sent" % (scheme, stats["bytes_fetched"]))
            with subprocess.Popen([self.args.trove, "--stats=json", "--low-speed=1000/300", "-C", url, "grep", "foo", "HEAD"], env=self.environment(**more),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                line = process.stdout.readline()
                process.stdout.close()
                err = process.stderr.read()
            some = json.loads(err)["bytes_fetched"]
            self.check(line.startswith(b"HEAD:") and process.returncode == -13 and some < stalling.BEHIND["late"] + MIB,
                       "over %s: a reader of one line: %d bytes, ended by %d" % (scheme, some, process.returncode))

    def unknown_options(self):
        url = "file://" + self.big
        for words in (["grep", "--no-such", "x"], ["--no-such", "grep", "x"], ["cat-file", "--no-such"], ["ls-tree", "--no-such", "HEAD"],
                      ["grep", "-Z", "x"], ["ls-tree", "-Q", "HEAD"], ["cat-file", "-Q", "HEAD"], ["grep", "--max-bytes=x", "x"],
                      ["grep", "--timeout", "never", "x"], ["grep", "--recurse-submodules", "x"], ["nonsense"]):
            done = self.run(self.args.trove, "-C", url, *words)
            name = next((word for word in words if word.startswith("-")), words[0]).split("=")[0].lstrip("-")
            said = done.stderr.decode()
            self.check(done.returncode == 129 and name in said, "%s: %d, %s" % (" ".join(words), done.returncode, said.split("\n")[0]))


def main():
    args = harness.parse(harness.parser(__doc__))
    repos.make_all(args.root, args.work)
    top = os.path.join(args.work, "big")
    os.makedirs(top, exist_ok=True)
    limits = Limits(args, repos.make_once(top, "big.git", repos.VERSION, make_big))
    with concurrent.futures.ThreadPoolExecutor(100) as pool:  # they wait, all at once
        waiting = limits.stalls(pool)
        limits.unknown_options()
        limits.large_files(repos.make_once(top, "large.git", repos.VERSION, make_large))
        limits.memory("file", ["-c", "foo"], ["-n", "-E", "(alpha|beta) malloc"], ["-l", "needle"])
        limits.memory("http", ["-n", "-E", "(alpha|beta) malloc"], ["-h", "-w", "malloc"])
        limits.no_temporary_files()
        for scheme in ("git", "http", "ssh"):
            limits.early_end(scheme)
        for one in waiting:
            one.result()
    print("%d checks, %d failed" % (limits.checks, limits.failures))
    return 1 if limits.failures else 0


if __name__ == "__main__":
    sys.exit(main())
