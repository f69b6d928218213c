# SPDX-License-Identifier: MIT
"""page_rules.py - what the pages say of the sources: ARCHITECTURE.md's files and edges, the manual's options, the packages."""
import re
import shutil
import subprocess

from tree import ROOMS, line_of


def check_architecture(tree):
    """ARCHITECTURE.md names files that exist, and every file of the rooms."""
    text = tree.read("ARCHITECTURE.md")
    named = set()
    for number, line in enumerate(text.split("\n"), 1):
        for name in re.findall(r"`((?:core|fetch|grep|tools|include|tests|bench|scripts|cmake|man)/[\w./*-]+)`", line):
            found = tree.files(name, name + "*") if not name.endswith("/") else [name]
            if not found:
                tree.breach("ARCHITECTURE.md", number, "no such file: " + name)
            named.update(found)
    for path in tree.rooms():
        if path not in named:
            tree.breach("ARCHITECTURE.md", 1, "does not name " + path)


def check_below(tree):
    """A room includes of the rooms below it what ARCHITECTURE.md names in its row, no less and no more."""
    allowed = {}
    for number, line in enumerate(tree.read("ARCHITECTURE.md").split("\n"), 1):
        row = re.match(r"\| `(%s)/` \| (.*) \|$" % "|".join(ROOMS), line)
        if row:
            allowed[row.group(1)] = (number, re.findall(r"`(\w+/[\w.]*)`", row.group(2)))
    used = {room: set() for room in ROOMS}
    for path in tree.rooms():
        room = path.split("/")[0]
        names = allowed.get(room, (0, []))[1]
        for match in re.finditer(r'^#include "(\w+)/(\w+\.h)"', tree.read(path), re.M):
            name, below = match.group(1) + "/" + match.group(2), match.group(1) + "/"
            if match.group(1) == room or match.group(1) not in ROOMS:
                continue
            used[room].update([name, below])
            if name not in names and below not in names:
                tree.breach(path, line_of(tree.read(path), match.start()), "ARCHITECTURE.md does not let %s/ include %s" % (room, name))
    for room, (number, names) in allowed.items():
        for name in names:
            if name not in used[room]:
                tree.breach("ARCHITECTURE.md", number, "%s/ does not include %s" % (room, name))


OPTION = re.compile(r"""(?:(?:FLAG|VALUE)\('(?P<short1>[^']+)',\s*(?:NULL|"(?P<long1>[\w-]+)"),\s*(?:TROVE__GREP_)?OPTION_(?P<id1>\w+)
                     |\{TROVE__OPTION_\w+,\s*(?:TROVE__GREP_)?OPTION_(?P<id2>\w+),\s*'(?P<short2>[^']+)',\s*(?:NULL|"(?P<long2>[\w-]+)"))""",
                    re.X)
# Where the options of a table are described: the file, the section of man/trove.1.
TABLES = {"tools/grep_option_table.c": "GREP", "tools/cat_file.c": "CAT-FILE", "tools/ls_tree.c": "LS-TREE"}
OWN = ["tools/main.c", "tools/common.c"]


def sections_of(manual):
    """{section: (what is there, what is not there yet)}, as plain text."""
    plain = re.sub(r'^\.(?!SH|\\"|P)\w+ ?', "", manual, flags=re.M).replace("\\-", "-")
    plain = re.sub(r"\\f[A-Z]", "", plain)
    found = {}
    for section in re.split(r"^\.SH ", plain, flags=re.M)[1:]:
        name, _, body = section.partition("\n")
        there, _, rest = body.partition('.\\" not-yet')
        found[name.strip('"')] = (there, rest)
    return found


def has_word(text, option):
    return re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(option), text) is not None


def options_of(text):
    """The options of a table: (name as typed, whether it is there)."""
    for match in OPTION.finditer(text):
        short, name = match.group("short1") or match.group("short2"), match.group("long1") or match.group("long2")
        there = (match.group("id1") or match.group("id2")) != "NOT_YET"
        if short in "()":
            yield short, there
        elif short != "\\0":
            yield "-" + short, there
        if name:
            yield "--" + name, there


def check_options(tree):
    """man/trove.1 has every option and every variable of the program, and no others; README.md claims none that is not there."""
    sections, readme = sections_of(tree.read("man/trove.1")), tree.read("README.md")
    known = set()
    for path, section in TABLES.items():
        if not tree.files(path):
            continue
        for option, there in options_of(tree.read(path)):
            known.add(option)
            if not has_word(sections.get(section, ("", ""))[0 if there else 1], option):
                tree.breach("man/trove.1", 1, "%s does not have %s of %s as %s" %
                            (section, option, path, "an option" if there else "not there yet"))
            for number, line in enumerate(readme.split("\n"), 1):
                if not there and section == "GREP" and line.startswith("|") and "not there yet" not in line:
                    for words in re.findall(r"`([^`]*)`", line):
                        if has_word(words, option) and "trove " not in words:
                            tree.breach("README.md", number, "%s is not there yet" % option)
    own = sections.get("TROVE'S OWN OPTIONS", ("", ""))[0]
    for path in tree.files(*OWN):
        for option in re.findall(r'"(--?[A-Za-z][\w-]*)"', tree.read(path)):
            known.add(option)
            if not has_word(own, option):
                tree.breach("man/trove.1", 1, "TROVE'S OWN OPTIONS does not have %s of %s" % (option, path))
    for section in ["TROVE'S OWN OPTIONS"] + list(TABLES.values()):
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", "".join(sections.get(section, ("", "")))):
            if option not in known:
                tree.breach("man/trove.1", 1, "%s names %s, which no table has" % (section, option))
    manual = sections.get("ENVIRONMENT", ("", ""))[0]
    if "man/libtrove.3" in tree.files("man/*"):
        manual += tree.read("man/libtrove.3")
    for path in tree.rooms():
        for name in re.findall(r'getenv\("(\w+)"\)', tree.read(path)):
            if not has_word(manual, name):
                tree.breach(path, 1, "no manual page names the variable " + name)


def check_calls(tree):
    """man/libtrove.3 names every function of the public headers, and no others."""
    declared = set()
    for path in tree.public():
        declared.update(re.findall(r"TROVE_API[^;{]*?\b(trove_\w+)\(", tree.code(path)))
    named = set(re.findall(r"\btrove_\w+(?= \(\))", tree.read("man/libtrove.3")))
    for name in sorted(declared - named):
        tree.breach("man/libtrove.3", 1, "does not name %s()" % name)
    for name in sorted(named - declared):
        tree.breach("man/libtrove.3", 1, "names %s(), which no header declares" % name)


def check_manuals(tree):
    """groff formats the manual pages without a warning."""
    program = shutil.which("groff")
    if program is None:
        tree.breach("man", 1, "groff is not installed (scripts/install-packages --tests)")
        return
    for path in tree.files("man/*.[1-8]"):
        result = subprocess.run([program, "-man", "-Tutf8", "-ww", "-z", path], cwd=tree.root, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, universal_newlines=True, check=False)
        for line in result.stderr.split("\n"):
            if line:
                tree.breach(path, 1, line)


def check_references(tree):
    """Files that comments and pages name exist."""
    for path in tree.every_c() + tree.files("*.md"):
        for number, line in enumerate(tree.lines(path), 1):
            for name in re.findall(r"(?<![\w/.])(?:core|fetch|grep|tools|tests/\w+|bench|scripts|cmake)/\w+\.(?:[ch]|py|sh)\b", line):
                if not tree.files(name):
                    tree.breach(path, number, "no such file: " + name)
