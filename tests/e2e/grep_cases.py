# SPDX-License-Identifier: MIT
"""The questions put to `grep`: a table of options, patterns, pathspecs and revisions, and seeded random command lines."""
import hashlib
import os

from compare import Case

# --- what is left out, and why: (does it apply to this case?, reason) ------------------------------------------------
LEFT_OUT = []


def left_out_reason(case):
    for applies, reason in LEFT_OUT:
        if applies(case):
            return reason
    return None


# --- words ------------------------------------------------------------------------------------------------------------
# Each pattern with the type it is meant for; the table crosses them with other types as well.
PATTERNS = [
    b"foo", b"malloc", b"int", b"FOO", b"fo*", b"f.o", b"^foo", b"foo$", b"^$", b"^", b"$", b"", b".", b".*", b"x*",
    b"[a-f]oo", b"[[:upper:]]", b"[[:alpha:]_][[:alnum:]_]*(", b"\\<foo\\>", b"\\bfoo\\b", b"foo\\|bar", b"fo\\+", b"fo\\?b",
    b"\\(fo\\)o", b"\\(a\\)\\1", b"caf.", b"\xc3\xa9", b"\xc3\x89", b"stra.e", b"\xff", b"[^a-z]", b"\\w", b"\\W\\w", b"\\s", b"\\S\\S",
    b"\\d", b"\\$", b"\\.", b"\\[", b"*a", b"a*b", b"a\\*b", b"()", b"{", b"}", b"foo bar", b"foo  bar", b"\tbar", b"\r",
    b"foo\\r", b"\\\\", b"-- ", b"-", b"a\nb", b"foo\nbar", b"[", b"[]", b"[]]", b"[a", b"\\", b"[[:foo:]]", b"a\\{2\\}",
    b"o\\{2,\\}", b"\\{1", b"int main", b"return", b"static", b"[0-9][0-9]*", b"[\xc3\xa9]", b"\xe4\xb8\xad", b"version",
]
EXTENDED = [
    b"foo|foobar", b"(foo|foobar)x?", b"a|ab|abc", b"fo+", b"fo{2}", b"o{2,}", b"(fo)+o?", b"^(foo|bar)", b"(foo|bar)$", b"a{,2}b",
    b"(", b")", b"a)", b"(a", b"a{x", b"{1", b"a{2,1}", b"*a", b"+a", b"a**", b"a|", b"|a", b"()", b"(|a)", b"x$y", b"x^y",
    b"\\<(int|main)\\>", b"(.)\\1", b"[[:digit:]]+", b"\\bfoo", b"foo\\b", b"(foo|bar|baz)+", b"f(o|oo)b", b"(a|b)*c", b"\\w+\\(",
    b"[^[:space:]]+", b"(int|unsigned)[ \t]+\\w+", b"malloc|free|calloc", b"foo(bar)?", b"(f|fo|foo)(o|obar)?",
]
PERL = [
    b"foo(?!\\s)", b"(?<!\\s)foo", b"foo\\z", b"\\Afoo", b"(?i)foo", b"\\bfoo\\b", b"foo|foobar", b"\\d+", b"(?s)foo.bar",
    b"(?m)^foo", b"\\p{Lu}", b"\\x{e9}", b"(?<n>fo)o\\k<n>", b"foo\\Kbar", b"(", b"a{2,1}", b"(*UTF8)foo", b"[[:alpha:]]+", b"\\w+",
    b"(?-m)^foo", b"(?^)^bar", b"^.{3}$", b"(foo)(?=bar)", b"\\R", b"\\h+", b"a++b", b"(?#x)foo", b"\\Qa.b\\E", b"foo\\s+bar", b".*?foo", b"\\N", b"\\xff",
]
FIXED = [b"foo", b"a.b", b"[0]", b"f(x)", b"a*b", b"\\", b"", b"\xc3\xa9", b"caf\xc3\xa9", b"\xff", b"FOO", b"--", b"foo\nbar", b"word-word"]
BY_TYPE = {b"-G": PATTERNS, b"-E": EXTENDED + PATTERNS[:20], b"-P": PERL + PATTERNS[:20], b"-F": FIXED, b"": PATTERNS}

FLAGS = [[w] for w in (
    b"-n", b"--line-number", b"--no-line-number", b"--column", b"--no-column", b"-i", b"--ignore-case", b"--no-ignore-case", b"-w",
    b"--word-regexp", b"-v", b"--invert-match", b"-l", b"--files-with-matches", b"--name-only", b"-L", b"--files-without-match", b"-c",
    b"--count", b"-o", b"--only-matching", b"-h", b"-H", b"-q", b"--quiet", b"-z", b"--null", b"-I", b"-a", b"--text", b"--heading",
    b"--break", b"--full-name", b"--recursive", b"-r", b"--no-recursive", b"--color", b"--color=always", b"--color=never", b"--no-color",
    b"--color=auto", b"-in", b"-nH", b"-ivn", b"-lz", b"-cz", b"--textconv", b"--no-textconv", b"--ext-grep")]
FLAGS += [[b"-m", b"1"], [b"-m2"], [b"--max-count=3"], [b"--max-count", b"0"], [b"-m", b"-1"], [b"-A", b"1"], [b"-B2"], [b"-C", b"1"],
          [b"-C0"], [b"-3"], [b"--context=2"], [b"--context", b"1"], [b"--after-context=1"], [b"--before-context", b"1"], [b"--max-depth", b"0"],
          [b"--max-depth=1"], [b"--max-depth", b"-1"], [b"-A", b"1", b"-B", b"3"]]
FUNCTION = [[b"-p"], [b"--show-function"], [b"-W"], [b"--function-context"]]
USAGE = [[b"--no-such-option"], [b"-Z"], [b"-m", b"x"], [b"-A"], [b"--max-depth"], [b"--color=sometimes"], [b"-C", b"x"], [b"--line"],
         [b"--col=always"], [b"-m", b"1k"], [b"--count=3"], [b"--no-count"], [b"--col"]]

PATHS = {
    "awkward": [b"dir", b"dir/", b"a", b"*.c", b"*.txt", b"a-b.c", b"a.c", b":(exclude)*.c", b":!dir", b":^a", b":(icase)UPPER.c",
                b":(glob)*.c", b":(glob)**/*.c", b":(glob)dir/**", b":(literal)star*.c", b":(literal)br[ack]et.c", b":(top)dir", b":/a",
                b".", b"./dir", b"dir/../a", b"dir//a", b"no-such-file", b"", b"../x", b"sub dir", b"d\xc3\xa9p\xc3\xb4t", b"br[ack]et.c",
                b"quest?.c", b"?.c", b"[ab].c", b"dir/a", b"dir/a/*", b"*/a.c", b"link", b"module", b"module/", b":(exclude)", b":!*",
                b":(icase,exclude)DIR", b":(nonsense)x", b":(", b":", b":(glob,literal)x", b"\\a.c", b"quo\"te", b"latin\xe91.txt", b"-dash"],
    "self": [b"core", b"core/", b"*.c", b"*.h", b"include", b"fetch/*.c", b":(exclude)core", b":(glob)core/*.h", b":(glob)**/*.h", b".",
             b"CMakeLists.txt", b"include/../core", b":(icase)CORE", b"README.md", b"tests/", b":(top)tools", b":!tests", b":^*.md", b"nowhere"],
    "source": [b"malloc", b"malloc/", b"stdlib/*.c", b"*.h", b"po", b":(exclude)po", b":(glob)malloc/*.c", b"string/", b"posix/glob.c",
               b":(icase)MALLOC/malloc.c", b"localedata", b"elf/", b"manual/*.texi", b":!*.c", b"nowhere"],
}
PATHS["sha256"] = PATHS["awkward"]
PATHS["tree"] = PATHS["below"] = PATHS["deeper"] = PATHS["awkward"] + [b"..", b"../", b"../*.c", b"../../a", b"../../..", b":/sub dir/a"]
PATHS["large"] = PATHS["source"]

REVS = {
    "awkward": [b"HEAD", b"main", b"side", b"both", b"heads/both", b"tags/both", b"refs/heads/both", b"v1", b"v1-again", b"light", b"HEAD~1",
                b"HEAD^", b"HEAD^2", b"HEAD^^", b"HEAD~", b"HEAD^0", b"HEAD^{tree}", b"HEAD^{commit}", b"v1^{}", b"v1^{tree}", b"v1~1", b"HEAD:",
                b"HEAD:dir", b"HEAD:dir/a", b"HEAD:dir/", b"HEAD:plain.txt", b"HEAD:caf\xc3\xa9.c", b"HEAD:with space.txt", b"HEAD:all.bin",
                b"HEAD:new\nline.c", b"main:a.c", b"a-tree", b"a-blob", b"tagged-blob", b"tagged-tree", b"refs/tree", b"empty", b"feature/one",
                b"caf\xc3\xa9", b"origin/main", b"no-such-rev", b"HEAD~99", b"HEAD^3", b"HEAD:nowhere", b"v1^{blob}", b"v1:dir", b"HEAD:link", b"@",
                b"@~1", b"main^{tree}:dir", b"HEAD:dir/../a", b"HEAD:./dir", b"refs/notes/x", b"notes/x", b"1234567", b"tree"],
    "self": [b"HEAD", b"main", b"tip", b"older", b"HEAD~1", b"HEAD^{tree}", b"HEAD:core", b"HEAD:CMakeLists.txt", b"tip:include/trove"],
    "source": [b"HEAD", b"main", b"v1", b"v2", b"HEAD^1", b"HEAD^2", b"v1^{}", b"v1^{tree}", b"HEAD:malloc", b"HEAD:malloc/malloc.c", b"HEAD~1"],
    "large": [b"HEAD", b"main", b"HEAD:malloc", b"HEAD:string"],
}
REVS["sha256"] = REVS["awkward"]
REVS["tree"] = REVS["below"] = REVS["deeper"] = REVS["awkward"] + [
    b"HEAD:./", b"HEAD:./a", b"HEAD:../a", b"main:./dir/../a.c", b"HEAD:../../a.c", b"HEAD:../../..", b"HEAD:./plain.txt"]

# Configuration of the user that changes what is printed; each is a home of its own.
HOMES = {
    "plain": "",
    "numbers": "[grep]\n\tlineNumber = true\n\tcolumn = true\n",
    "extended": "[grep]\n\textendedRegexp = true\n",
    "perl": "[grep]\n\tpatternType = perl\n\textendedRegexp = true\n",
    "fixed": "[grep]\n\tpatternType = fixed\n",
    "bytes": "[core]\n\tquotePath = false\n[grep]\n\tfullName = true\n",
    "colour": "[color]\n\tgrep = always\n[color \"grep\"]\n\tmatch = blue\n\tfilename = yellow bold\n\tlineNumber = 12\n\tcolumn = \"#ff8000\"\n"
              "\tseparator = red reverse\n\tcontext = dim\n\tselected = ul\n\tmatchContext = green\n\tmatchSelected = magenta\n",
    "binary": "[diff \"default\"]\n\tbinary = true\n",
    "threads": "[grep]\n\tthreads = -1\n",
    "bad colour": "[color \"grep\"]\n\tmatch = brownish\n",
    "no colour": "[color \"grep\"]\n\tnothing = red\n",
    "attributes": "[core]\n\tattributesFile = ATTRIBUTES\n",
}
REFUSED_HOMES = {"threads", "bad colour", "no colour"}  # git refuses them for any command line
ATTRIBUTES = "*.txt binary\n*.c -diff\nall.bin diff\ndir/** diff\na/* -text\n*.h diff=cpp\n"


def make_homes(folder):
    homes = {}
    for name, text in HOMES.items():
        homes[name] = os.path.join(folder, name)
        os.makedirs(homes[name], exist_ok=True)
        attributes = os.path.join(homes[name], "attributes")
        with open(os.path.join(homes[name], ".gitconfig"), "w") as file:
            file.write(text.replace("ATTRIBUTES", attributes) + "[safe]\n\tdirectory = *\n")
        with open(attributes, "w") as file:
            file.write(ATTRIBUTES)
    return homes


# --- the table --------------------------------------------------------------------------------------------------------
def table():
    """Every option alone and beside -n, every pattern under every type, every pathspec, every revision."""
    def grep(repo, *args, **more):
        return Case(repo, "grep", list(args), **more)

    for locale in ("C", "C.UTF-8"):
        for kind, patterns in BY_TYPE.items():
            for pattern in patterns:
                kinds = [kind] if kind else []
                yield grep("awkward", *kinds, b"-n", b"-e", pattern, b"HEAD", b"--", b"*.c", locale=locale)
                yield grep("awkward", *kinds, b"-o", b"--column", b"-e", pattern, b"main", b"--", b"*.txt", locale=locale)
                yield grep("awkward", *kinds, b"-iwc", b"-e", pattern, b"side", locale=locale)
                yield grep("awkward", *kinds, b"-v", b"-e", pattern, b"HEAD:dir", b"--", locale=locale)
    for flag in FLAGS + FUNCTION + USAGE:
        for extra in ([], [b"-n"], [b"-v"], [b"-A1", b"--column"]):
            yield grep("awkward", *flag, *extra, b"foo", b"HEAD", b"--")
        yield grep("self", *flag, b"-E", b"(int|struct) trove", b"HEAD")
        yield grep("source", *flag, b"malloc", b"HEAD", b"--", b"malloc", b"string")
        yield grep("tree", *flag, b"bar", b"HEAD")
        yield grep("sha256", *flag, b"foo", b"v1")
    for home in HOMES:
        for args in ([b"foo"], [b"-n", b"fo+"], [b"--no-color", b"-E", b"fo+"], [b"-G", b"foo\\|bar"], [b"-c", b"int"], [b"-C1", b"main"],
                     [b"-v", b"foo"], [b"-F", b"a.b"], [b"--no-line-number", b"--no-column", b"x"]):
            for repo in ("awkward", "tree", "below"):
                yield grep(repo, *args, b"HEAD", home=home)
            for rev in (b"HEAD^{tree}", b"HEAD:dir", b"a-blob", b"HEAD:plain.txt"):
                yield grep("awkward", *args, rev, home=home)
    for repo in ("awkward", "self", "source", "sha256", "tree", "below", "deeper"):
        for path in PATHS[repo]:
            yield grep(repo, b"-n", b"foo", b"HEAD", b"--", path)
            yield grep(repo, b"-l", b"-e", b"", b"HEAD", b"--", path)
            yield grep(repo, b"-c", b"--max-depth", b"1", b"int", b"HEAD", b"--", path)
            yield grep(repo, b"-l", b"e", b"HEAD", b"--", path, b":(exclude)*.c")
        for rev in REVS[repo]:
            yield grep(repo, b"-n", b"int", rev, b"--")
            yield grep(repo, b"-cz", b"bar", rev)
            yield grep(repo, b"--heading", b"--break", b"foo", rev, b"--", b"*.c")
            yield grep(repo, b"-l", b"foo", rev, b"HEAD", b"--", b"dir")
            yield grep(repo, b"--color=always", b"-n", b"foo", rev)


def deep_table(long):
    """A few questions to the largest repository, where each costs most."""
    repo = "large" if long else "source"
    for args in ([b"-n", b"malloc"], [b"-c", b"-e", b"the"], [b"-lE", b"(un)?signed +int"], [b"-F", b"--column", b"GNU C Library"],
                 [b"-il", b"copyright"], [b"-L", b"e"], [b"-w", b"main"], [b"-P", b"-o", b"\\b[A-Z]{12,}\\b"]):
        yield Case(repo, "grep", [*args, b"HEAD"])
        yield Case(repo, "grep", [*args, b"HEAD", b"--", b"malloc", b"*.h"])


def short_forms():
    """`trove grep [options] PATTERN REPOSITORY [REV...] [-- PATHSPEC...]`; without a REV it is HEAD."""
    for options, pattern in (([b"-n"], b"foo"), ([], b"int main"), ([b"-c", b"-E"], b"fo+|bar"), ([b"-A", b"2"], b"malloc"),
                             ([b"-e", b"foo", b"-e", b"bar"], None), ([b"--color=always", b"-i"], b"FOO")):
        for revs, tail in (([], []), ([b"HEAD"], []), ([b"main", b"HEAD~1"], []), ([], [b"--", b"*.c"]), ([b"main"], [b"--", b"dir", b"a"])):
            words = options + ([pattern] if pattern is not None else [])
            for repo in ("awkward", "self"):
                yield Case(repo, "grep", words + (revs or [b"HEAD"]) + tail, short_form=words + [None] + revs + tail)
                if not revs:  # no REV in the long form means HEAD as well
                    yield Case(repo, "grep", words + [b"HEAD"] + tail, trove_args=words + tail)


# --- random command lines ---------------------------------------------------------------------------------------------
ATOMS = [b"foo", b"bar", b"o", b"a", b"x", b".", b"[a-z]", b"[^b]", b"[[:alpha:]]", b"\\w", b"\\b", b"int", b"t", b" ", b"_", b"\xc3\xa9", b"F"]


def random_pattern(rng, kind):
    roll = rng.random()
    if roll < 0.5:
        return rng.choice([pattern for pattern in BY_TYPE[kind] if b"\\1" not in pattern])
    if kind == b"-F":
        return b"".join(rng.choice(ATOMS) for _ in range(rng.randrange(1, 4)))
    repeat = [b"*", b"*", b"\\+", b"\\?", b"\\{1,2\\}"] if kind in (b"", b"-G") else [b"*", b"+", b"?", b"{1,2}", b"{2}"]
    bar, left, right = (b"\\|", b"\\(", b"\\)") if kind in (b"", b"-G") else (b"|", b"(", b")")

    def part(depth):
        out = b""
        for _ in range(rng.randrange(1, 4)):
            if depth < 2 and rng.random() < 0.15:
                out += left + part(depth + 1) + bar + part(depth + 1) + right
            else:
                out += rng.choice(ATOMS)
            if depth == 0 and rng.random() < 0.2:  # nested repeats take the C library's matcher for ever
                out += rng.choice(repeat)
        return out

    head = b"^" if rng.random() < 0.1 else b""
    tail = b"$" if rng.random() < 0.1 else b""
    return head + part(0) + (bar + part(0) if rng.random() < 0.3 else b"") + tail


def pattern_file(folder, text):
    name = os.path.join(folder, hashlib.sha256(text).hexdigest()[:16])
    with open(name, "wb") as file:
        file.write(text)
    return os.fsencode(name)


def random_expression(rng, kind, folder):
    """The patterns of one command line: one, several, from a file, or combined."""
    roll = rng.random()
    if roll < 0.55:
        pattern = random_pattern(rng, kind)
        return [b"-e", pattern] if pattern.startswith(b"-") or rng.random() < 0.5 else [pattern]
    if roll < 0.75:
        return [word for _ in range(rng.randrange(2, 4)) for word in (b"-e", random_pattern(rng, kind))]
    if roll < 0.95:
        end = rng.choice([b"\n", b"", b"\r\n", b"\n\n"])
        return [b"-f", pattern_file(folder, b"\n".join(random_pattern(rng, kind).replace(b"\n", b"") for _ in range(3)) + end)]
    first, second, third = ([b"-e", random_pattern(rng, kind)] for _ in range(3))
    return rng.choice([
        first + [b"--and"] + second, first + [b"--or"] + second, [b"--not"] + first, first + [b"--and", b"--not"] + second,
        first + [b"--and", b"("] + second + third + [b")"], [b"--all-match"] + first + second, [b"--not", b"("] + first + second + [b")"],
        [b"("] + first + second + [b")", b"--and"] + third])


def random_case(rng, folder):
    repo = rng.choices(["awkward", "self", "sha256", "source", "tree", "below", "deeper"], [47, 25, 12, 8, 4, 2, 2])[0]
    kind = rng.choice([b"", b"-G", b"-E", b"-E", b"-P", b"-F"])
    words = [[kind]] if kind else []
    for _ in range(rng.choices([0, 1, 2, 3, 5], [10, 30, 30, 20, 10])[0]):
        words.append(rng.choice(FLAGS if rng.random() < 0.97 else FUNCTION + USAGE))
    rng.shuffle(words)
    expression = random_expression(rng, kind, folder)
    revs = rng.choices(REVS[repo], k=rng.choices([1, 2, 3], [85, 12, 3])[0]) if rng.random() < 0.6 else [b"HEAD"]
    tail = []
    if rng.random() < 0.55:
        tail = [b"--"] + rng.choices(PATHS[repo], k=rng.choices([0, 1, 2, 3], [10, 60, 22, 8])[0])
    elif repo == "source":  # all of it takes git a second
        tail = [b"--", rng.choice([b"malloc", b"string", b"time"])]
    args = [word for group in words for word in group] + expression
    case = Case(repo, "grep", args + revs + tail, locale=rng.choice(["C.UTF-8", "C"]))
    if rng.random() < 0.25:
        case.short_form = args + [None] + ([] if revs == [b"HEAD"] else revs) + tail
    if rng.random() < 0.15:
        case.home = rng.choice(sorted(set(HOMES) - REFUSED_HOMES))
    if rng.random() < 0.1:
        case.trove_only = [rng.choice([b"-j1", b"-j4", b"--threads=2"])]
    return case


def random_cases(rng, count, folder):
    os.makedirs(folder, exist_ok=True)
    for _ in range(count):
        yield random_case(rng, folder)
