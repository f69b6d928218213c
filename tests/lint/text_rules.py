# SPDX-License-Identifier: MIT
"""text_rules.py - how each file reads: head, names, comments of the public headers, length of functions, words, format."""
import collections
import os
import re
import shutil
import subprocess

FUNCTION_MAX, FUNCTION_P90, TWIN_LINES = 70, 50, 10

# Longer than FUNCTION_MAX, each for a reason: "path:function": "why".
LONG_FUNCTIONS = {}


# What a test or a bench is may be its goal, or its question, at once.
HEAD = r" \* ((\S*/)?%s - |Goal: |Question: )\S"


def check_head(tree):
    """Every file begins with its licence and says what it is."""
    for path in tree.every_c():
        lines = tree.lines(path)
        name = re.escape(os.path.basename(path))
        if lines[0] != "// SPDX-License-Identifier: MIT":
            tree.breach(path, 1, "the first line is not the SPDX line")
        elif lines[1] != "/*" or not re.match(HEAD % name, lines[2]):
            tree.breach(path, 2, "no comment that begins with `%s - ` and what it is" % os.path.basename(path))
    for path in tree.scripts():
        top = tree.lines(path)[:3]
        if "# SPDX-License-Identifier: MIT" not in top:
            tree.breach(path, 1, "no SPDX line on top")
        elif not re.match(r'(# ?|""")[\w`]', tree.lines(path)[top.index("# SPDX-License-Identifier: MIT") + 1]):
            tree.breach(path, 2, "does not say what it is below the SPDX line")


def check_names(tree):
    """A file's name is enough to find it; a private header may have the name of the public one that it completes."""
    seen = {}
    for path in tree.rooms() + tree.files("tests/**/*.[ch]", "bench/**", "tests/**/*.py", "scripts/*", "cmake/*"):
        name = os.path.basename(path)
        if name in seen and name != "CMakeLists.txt":
            tree.breach(path, 1, "another file has this name: " + seen[name])
        seen.setdefault(name, path)


def check_guards(tree):
    """Every header can be included twice."""
    for path in tree.every_c():
        if path.endswith(".h"):
            code = [line for line in tree.code(path).split("\n") if line.strip()]
            guard = re.match(r"#ifndef (\w+)$", code[0]) if code else None
            if not guard or code[1].split() != ["#define", guard.group(1)] or code[-1].strip() != "#endif":
                tree.breach(path, 1, "not wholly inside an include guard")


def check_documents(tree):
    """Every declaration of a public header has a comment: above it, above its group, or behind it."""
    for path in tree.public():
        lines = tree.lines(path)
        for number, line in enumerate(lines):
            if not re.match(r"TROVE_API\b|struct \w+ \{|enum \w+ \{|typedef |#define TROVE_[A-Z]\w*\(", line) or "_H" in line:
                continue
            end = number
            while not re.search(r"[;{]", lines[end]) and end < number + 8 and line[0] != "#":
                end += 1
            above = number - 1
            while above > 0 and lines[above] and not lines[above].rstrip().endswith("*/"):
                above -= 1
            if "/*" not in "".join(lines[number:end + 1]) and not lines[above].rstrip().endswith("*/"):
                tree.breach(path, number + 1, "no comment for this declaration")


def check_functions(tree):
    """None over FUNCTION_MAX lines but for a listed reason, nine of ten at most FUNCTION_P90."""
    lengths, listed = [], set()
    for path in tree.rooms() + tree.files("tests/**/*.c", "bench/**/*.c", "bench/**/*.cc"):
        for function in tree.functions(path):
            key = "%s:%s" % (path, function.name)
            if not path.startswith(("tests/", "bench/")):
                lengths.append(function.length)
            if function.length > FUNCTION_MAX and key in LONG_FUNCTIONS:
                listed.add(key)
            elif function.length > FUNCTION_MAX:
                tree.breach(path, function.line, "%s has %d lines (at most %d)" % (function.name, function.length, FUNCTION_MAX))
    for key in set(LONG_FUNCTIONS) - listed:
        tree.breach(key.split(":")[0], 1, "%s is not long any more: take it off the list" % key)
    lengths.sort()
    if lengths:
        p90 = lengths[len(lengths) * 9 // 10]
        tree.notes.append("%d functions: median %d lines, nine of ten at most %d, longest %d" %
                          (len(lengths), lengths[len(lengths) // 2], p90, lengths[-1]))
        if p90 > FUNCTION_P90:
            tree.breach(".", 0, "nine of ten functions have up to %d lines (at most %d)" % (p90, FUNCTION_P90))


def check_words(tree):
    """Nothing left to do, and no place that only one machine has."""
    # In pieces, so that this file does not find itself.
    forbidden = re.compile("|".join(["[/*#]\\s*TO" + "DO\\b|\\bTO" + "DO:", "\\bFIX" + "ME\\b", "\\bXX" + "X\\b", "/" + "work/", "/" + "root/",
                                     "/" + "home/\\w"]))
    for path in tree.every_c() + tree.scripts() + tree.files("*.md", "*.txt", "*.json", "Makefile", "**/CMakeLists.txt", "cmake/*",
                                                             "docs/**/*.md", "man/*"):
        for number, line in enumerate(tree.lines(path), 1):
            if forbidden.search(line):
                tree.breach(path, number, "a word that has no place here: " + forbidden.search(line).group(0))


def check_twins(tree):
    """No run of TWIN_LINES lines of code stands in two places; brackets, includes and one-word lines do not count."""
    places = collections.OrderedDict()
    for path in tree.rooms() + tree.files("tests/**/*.[ch]", "bench/**/*.[ch]", "bench/**/*.cc"):
        kept = [(number, re.sub(r"\s+", " ", line).strip()) for number, line in enumerate(tree.lines(path), 1)]
        code = tree.code(path).split("\n")
        kept = [(number, line) for number, line in kept if len(code[number - 1].strip()) > 3 and not line.startswith("#include")]
        reported = -TWIN_LINES
        for i in range(len(kept) - TWIN_LINES + 1):
            key = "\n".join(line for _, line in kept[i:i + TWIN_LINES])
            if key in places and i >= reported + TWIN_LINES:
                tree.breach(path, kept[i][0], "the same %d lines stand at %s:%d" % ((TWIN_LINES,) + places[key]))
                reported = i
            places.setdefault(key, (path, kept[i][0]))


def check_format(tree):
    """Every C file is as clang-format writes it (scripts/format)."""
    program = shutil.which("clang-format-14")
    if program is None:
        tree.breach(".clang-format", 1, "clang-format-14 is not installed (scripts/install-packages --tests)")
        return
    paths = tree.every_c()
    for at in range(0, len(paths), 64):
        result = subprocess.run([program, "--dry-run", "--Werror"] + paths[at:at + 64], cwd=tree.root, stderr=subprocess.PIPE,
                                universal_newlines=True, check=False)
        for match in re.finditer(r"^(\S+?):(\d+):\d+: error:", result.stderr, re.M):
            tree.breach(match.group(1), int(match.group(2)), "not as clang-format writes it; scripts/format does")
        if result.returncode != 0 and not result.stderr:
            tree.breach(".clang-format", 1, "clang-format-14 failed")
