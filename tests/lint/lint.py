# SPDX-License-Identifier: MIT
"""Rules of the house that can be checked by reading: lint.py ROOT. Prints each breach as FILE:LINE: what; exits 1 then.

head       every C file begins with the SPDX line and a comment that names it
edges      a label [En name] in core/ stands at a release and at an acquire, in its file's list on top, and in
           ARCHITECTURE.md; no bare atomics outside order.h, no volatile
documents  every function that include/trove declares has a comment above it
functions  none over 70 lines, nine of ten at most 50
names      file names are unique in the whole tree
words      nothing left to do, no names of one machine
twins      no run of 12 lines stands in two places
rooms      nothing includes a .c file, nor a room above its own; libtrove allocates through core/memory.h
table      ARCHITECTURE.md's room table names files that exist
"""
import collections
import glob
import os
import re
import sys

ROOT = os.path.abspath(sys.argv[1])
ROOMS = ["core", "fetch", "grep", "tools"]  # from below to above
FUNCTION_MAX, FUNCTION_P90, TWIN_LINES = 70, 50, 12
breaches = []


def breach(path, line, text):
    breaches.append("%s:%d: %s" % (os.path.relpath(path, ROOT), line, text))


def files(*patterns):
    found = []
    for pattern in patterns:
        found += glob.glob(os.path.join(ROOT, pattern), recursive=True)
    return sorted(set(found))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def code_only(text):
    """TEXT without comments and literals, line by line as before."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


SOURCES = files("core/*.[ch]", "fetch/*.[ch]", "grep/*.[ch]", "tools/*.[ch]")
PUBLIC = files("include/trove/*.h")
EVERY_C = SOURCES + PUBLIC + files("tests/**/*.[ch]", "bench/*.[ch]")


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_head():
    for path in EVERY_C:
        lines = read(path).split("\n")
        if lines[0] != "// SPDX-License-Identifier: MIT":
            breach(path, 1, "the first line is not the SPDX line")
        elif not (lines[1] == "/*" and re.match(r" \* (\S*/)?%s - \S" % re.escape(os.path.basename(path)), lines[2])):
            breach(path, 2, "no comment that begins with the file's name")




def check_edges():
    """Labels are unique to a file by their name; ends are told apart by the order named in the labelled lines."""
    page = read(os.path.join(ROOT, "ARCHITECTURE.md"))
    label = re.compile(r"\[(E\d+) ([\w-]+)\]")
    ends = collections.defaultdict(list)
    for path in files("core/*.[ch]"):
        lines = read(path).split("\n")
        for number, line in enumerate(lines):
            for match in label.finditer(line):
                ends[match.group(2)].append((path, number, lines))
    for name, places in sorted(ends.items()):
        path, number, _ = places[0]
        listed = any(re.search(r"\bE\d+ +%s\b(?!\])" % re.escape(name), read(other)) for other, _, _ in places)
        around = ["\n".join(lines[max(0, at - 3):at + 8]) for _, at, lines in places]
        if not any(re.search(r"release|acq_rel|seq_cst", text) for text in around):
            breach(path, number + 1, "edge %s has no release end" % name)
        if not any(re.search(r"acquire|acq_rel|seq_cst|dependent", text) for text in around):
            breach(path, number + 1, "edge %s has no acquire end" % name)
        if len(places) < 2:
            breach(path, number + 1, "edge %s has only one end" % name)
        if not listed:
            breach(path, number + 1, "edge %s is not in the list on top of its file" % name)
        if name not in page:
            breach(path, number + 1, "edge %s is not in ARCHITECTURE.md" % name)
    for path in SOURCES:
        code = code_only(read(path))
        if os.path.basename(path) not in ("order.h", "rcu.h", "rcu.c"):
            for match in re.finditer(r"\b(atomic_(?:load|store|exchange|compare|fetch|thread|signal|flag)\w*|__atomic_\w+|__sync_\w+)\b", code):
                breach(path, line_of(code, match.start()), "a bare atomic: " + match.group(0))
        for match in re.finditer(r"\bvolatile\b", code):
            breach(path, line_of(code, match.start()), "volatile")


def check_documents():
    for path in PUBLIC:
        lines = read(path).split("\n")
        for number, line in enumerate(lines):
            if not line.startswith("TROVE_API"):
                continue
            above = number - 1
            # One comment may stand above a group of declarations that have no empty line between them.
            while above > 0 and lines[above] and not lines[above].rstrip().endswith("*/"):
                above -= 1
            own = "/*" in line or "/*" in "".join(lines[number:number + 3]).split(";")[-1]
            if not own and not lines[above].rstrip().endswith("*/"):
                breach(path, number + 1, "no comment above this declaration")


def functions(path):
    """(first line, length) of each function: from a brace in column 0 to the next closing one."""
    start = None
    for number, line in enumerate(read(path).split("\n"), 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, number - start - 1
            start = None


def check_functions():
    lengths = []
    for path in files("core/*.c", "fetch/*.c", "grep/*.c", "tools/*.c"):
        for start, length in functions(path):
            lengths.append(length)
            if length > FUNCTION_MAX:
                breach(path, start, "a function of %d lines (at most %d)" % (length, FUNCTION_MAX))
    lengths.sort()
    p90 = lengths[len(lengths) * 9 // 10] if lengths else 0
    print("%d functions: median %d lines, nine of ten at most %d" % (len(lengths), lengths[len(lengths) // 2], p90))
    if p90 > FUNCTION_P90:
        breach(ROOT, 0, "nine of ten functions have up to %d lines (at most %d)" % (p90, FUNCTION_P90))


def check_names():
    seen = collections.defaultdict(list)
    # A private header may have the name of the public one that it completes.
    for path in SOURCES + files("tests/**/*.[ch]", "bench/*.[ch]", "tests/**/*.py", "scripts/*", "cmake/*"):
        seen[os.path.basename(path)].append(path)
    for name, paths in seen.items():
        if len(paths) > 1:
            breach(paths[1], 1, "another file has this name: " + os.path.relpath(paths[0], ROOT))


def check_words():
    # Written in pieces, so that this file does not find itself.
    forbidden = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "\\bXX" + "X\\b", "/" + "work/", "/" + "root/", "/" + "home/\\w",
                                     "\\." + "library\\b"]))
    for path in EVERY_C + files("*.md", "*.txt", "Makefile", "cmake/*", "scripts/*", "tests/**/*.py", "tests/**/*.txt",
                                "tests/**/*.sh", "bench/*", "docs/**/*.md", ".ci/run"):
        if os.path.isfile(path):
            for number, line in enumerate(read(path).split("\n"), 1):
                if forbidden.search(line):
                    breach(path, number, "forbidden word: " + forbidden.search(line).group(0))


def check_twins():
    """Runs of lines that stand twice; lines of only brackets do not count, nor do includes."""
    places = {}
    for path in SOURCES + files("tests/**/*.c", "bench/*.c"):
        kept = [(number, re.sub(r"\s+", " ", line).strip()) for number, line in enumerate(code_only(read(path)).split("\n"), 1)]
        kept = [(n, line) for n, line in kept if len(line) > 3 and not line.startswith("#include")]
        reported = -TWIN_LINES
        for i in range(len(kept) - TWIN_LINES + 1):
            key = "\n".join(line for _, line in kept[i:i + TWIN_LINES])
            if key in places and i >= reported + TWIN_LINES:
                other, line = places[key]
                breach(path, kept[i][0], "the same %d lines stand at %s:%d" % (TWIN_LINES, os.path.relpath(other, ROOT), line))
                reported = i
            places.setdefault(key, (path, kept[i][0]))


def check_rooms():
    for path in SOURCES:
        room = ROOMS.index(os.path.relpath(path, ROOT).split("/")[0])
        text = read(path)
        for match in re.finditer(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.M):
            name = match.group(1)
            if name.endswith(".c"):
                breach(path, line_of(text, match.start()), "includes a .c file")
            for above in ROOMS[room + 1:]:
                if name.startswith(above + "/"):
                    breach(path, line_of(text, match.start()), "includes from the room above: " + name)
        if room < 2 and os.path.basename(path) not in ("memory.c", "allocator.c"):
            code = code_only(text)
            for match in re.finditer(r"\b(malloc|calloc|realloc|free|strdup|strndup|aligned_alloc|posix_memalign|asprintf)\s*\(", code):
                if code[max(0, match.start() - 2):match.start()] not in ("->", "__") and code[match.start() - 1] != ".":
                    breach(path, line_of(code, match.start()), "not through core/memory.h: " + match.group(1))


def check_table():
    path = os.path.join(ROOT, "ARCHITECTURE.md")
    for number, line in enumerate(read(path).split("\n"), 1):
        if not line.startswith("|"):
            continue
        for name in re.findall(r"`((?:core|fetch|grep|tools|include|tests|bench|scripts|cmake)/[^`\s]*)`", line):
            if not files(name) and not files(name + "*"):
                breach(path, number, "no such file: " + name)


for name, check in sorted(globals().copy().items()):
    if name.startswith("check_"):
        check()
for text in breaches:
    print(text)
print("%d files read, %d breaches" % (len(EVERY_C), len(breaches)))
sys.exit(1 if breaches else 0)
