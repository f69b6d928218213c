# SPDX-License-Identifier: MIT
"""layer_rules.py - who may include, call, allocate and share what; and the edges between threads."""
import os
import re

from tree import ROOMS, line_of

# Above the libraries memory comes from the C library: the program ends when there is none, and nobody makes it fail.
ALLOCATING_ROOMS = ["tools"]
ALLOCATIONS = ("malloc calloc realloc reallocarray free strdup strndup aligned_alloc posix_memalign memalign asprintf vasprintf "
               "getline getdelim open_memstream").split()
# Atomics are named in order.h alone; atomic_init() of memory that nobody else knows yet is an ordinary store.
ATOMICS = r"\b(atomic_(?:load|store|exchange|compare|fetch|thread|signal|flag)\w*|__atomic_\w+|__sync_\w+)\b"


def check_rooms(tree):
    """A room includes from itself and from below; core/ from nothing else of this project; nobody a .c file."""
    for path in tree.rooms():
        room = ROOMS.index(path.split("/")[0])
        text = tree.read(path)
        for match in re.finditer(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.M):
            name, line = match.group(1), line_of(text, match.start())
            if name.endswith(".c"):
                tree.breach(path, line, "includes a .c file")
            if name.split("/")[0] in ROOMS[room + 1:] + ["tests", "bench"]:
                tree.breach(path, line, "includes from the room above: " + name)
    for path in tree.public():
        for match in re.finditer(r'^\s*#\s*include\s+["<]([^">]+)[">]', tree.read(path), re.M):
            if match.group(1).split("/")[0] in ROOMS:
                tree.breach(path, line_of(tree.read(path), match.start()), "a public header includes a private one")


def check_memory(tree):
    """libtrove and the search engine allocate through core/memory.h, so that a test can make each allocation fail."""
    for path in tree.rooms():
        if path.split("/")[0] in ALLOCATING_ROOMS or os.path.basename(path) == "memory.c":
            continue
        code = tree.code(path)
        for match in re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(ALLOCATIONS), code):
            tree.breach(path, line_of(code, match.start()), "not through core/memory.h: " + match.group(1))


def check_atomics(tree):
    """Shared words are touched through core/order.h alone; volatile is no protocol."""
    for path in tree.rooms() + tree.public():
        code = tree.code(path)
        if os.path.basename(path) != "order.h":
            for match in re.finditer(ATOMICS, code):
                tree.breach(path, line_of(code, match.start()), "a bare atomic: " + match.group(1))
        for match in re.finditer(r"\bvolatile\b", code):
            tree.breach(path, line_of(code, match.start()), "volatile")


LABEL = re.compile(r"\[(E\d+) ([\w-]+)\]")
ACCESS = re.compile(r"\btrove__(?:load|store|exchange|add|sub|or|and|cas)_(relaxed|acquire|release|acq_rel|seq_cst)\s*\(")


class Edges:
    """The edges of core/: where each is listed, where each is labelled."""

    def __init__(self, tree):
        self.tree = tree
        self.paths = tree.files("core/*.[ch]", "fetch/*.[ch]", "grep/*.[ch]")
        self.listed = {}  # path -> {(number, name): line}
        self.uses = []  # (path, line, (number, name))
        for path in self.paths:
            self.listed[path] = self.list_of(path)
            for number, line in enumerate(tree.lines(path), 1):
                if os.path.basename(path) != "order.h":
                    self.uses += [(path, number, match.groups()) for match in LABEL.finditer(line)]

    def list_of(self, path):
        """The lines `En name ...` from the word EDGES in the opening comment to the next heading."""
        found, inside = {}, False
        for number, line in enumerate(self.tree.lines(path), 1):
            if re.match(r" \* [A-Z]{5,}\b", line):
                inside = line.startswith(" * EDGES")
            if inside:
                match = re.match(r" \* (?:EDGES)?[^[\]]*?\b(E\d+) +([\w-]+)", line)
                if match:
                    found[match.groups()] = number
            if line == " */":
                break
        return found

    def home(self, path, edge):
        """The file whose list an edge used in PATH is in: its own, its family's (table_grow.c: table.c), an included header's."""
        family = re.split(r"[_.]", os.path.basename(path))[0]
        included = re.findall(r'#include "(\w+/\w+)\.h"', self.tree.read(path))
        candidates = [path, path[:-2] + ".h", path[:-2] + ".c"]
        candidates += [other for other in self.paths if re.split(r"[_.]", os.path.basename(other))[0] == family]
        candidates += [stem + ending for stem in included for ending in (".h", ".c")]
        return next((other for other in candidates if edge in self.listed.get(other, {})), None)


def orders_at(lines, number):
    """The orders of the accesses that the label in line NUMBER stands for: in its own line, or in the statement after it."""
    orders, at = set(), number - 1
    while at < len(lines) and at < number + 12:
        orders.update(ACCESS.findall(lines[at]))
        orders.update(word.lower() for word in re.findall(r"\b(RELEASE|ACQUIRE|ACQ_REL|SEQ_CST)\b", lines[at]) if at == number - 1)
        if orders and re.search(r"[;{]", re.sub(r"/\*.*", "", lines[at])):
            break
        at += 1
    return orders


def check_edges(tree):
    """Every edge that a file lists has both ends labelled, [En name], and every label is in a list."""
    edges = Edges(tree)
    ends = {}
    for path, number, edge in edges.uses:
        home = edges.home(path, edge)
        if home is None:
            tree.breach(path, number, "no EDGES list has [%s %s]" % edge)
            continue
        around = " ".join(tree.lines(path)[max(0, number - 2):number + 2])
        ends.setdefault((home, edge), []).append((orders_at(tree.lines(path), number), "itself" in around or "both" in around))
    for home, listed in edges.listed.items():
        for edge, line in sorted(listed.items()):
            found = ends.get((home, edge), [])
            orders = set().union(*[sides for sides, _ in found]) if found else set()
            if not orders & {"release", "acq_rel", "seq_cst"}:
                tree.breach(home, line, "edge %s %s has no release end" % edge)
            if not orders & {"acquire", "acq_rel", "seq_cst"}:
                tree.breach(home, line, "edge %s %s has no acquire end" % edge)
            if len(found) == 1 and not found[0][1]:
                tree.breach(home, line, "edge %s %s has only one end" % edge)


def check_explored(tree):
    """The edges of every file of core/ are explored as mutants, or tests/explore/unexplored.txt says why not."""
    families = set()
    for path in tree.files("tests/explore/test_*.c"):
        for group in re.findall(r"families\[\] = \{([^}]*)\}", tree.read(path)):
            families |= set(re.findall(r'"(\w+)"', group))
    excused = {}
    for path in tree.files("tests/explore/unexplored.txt"):
        for number, line in enumerate(tree.lines(path), 1):
            match = re.match(r"(\w+): \S", line)
            if match:
                excused[match.group(1)] = (path, number)
    labelled = {}
    for path in tree.files("core/*.[ch]"):
        if os.path.basename(path) != "order.h" and LABEL.search(tree.read(path)):
            labelled.setdefault(re.split(r"[_.]", os.path.basename(path))[0], path)
    for family, path in sorted(labelled.items()):
        if family not in families and family not in excused:
            tree.breach(path, 1, "its edges are not explored: no families[] of tests/explore/ has \"%s\"" % family)
    for family, (path, number) in sorted(excused.items()):
        if family not in labelled or family in families:
            tree.breach(path, number, "%s needs no excuse" % family)


def check_orders(tree):
    """Every acquire and release names its edge, every relaxed access (but to counters) says why a stale value is harmless: in its function, or in
    the comment above it; a file whose opening comment says RELAXED says so for all."""
    for path in tree.files("core/*.[ch]", "fetch/*.[ch]", "grep/*.[ch]"):
        if os.path.basename(path) == "order.h":
            continue
        code, lines = tree.code(path), tree.lines(path)
        opening = tree.read(path).split("*/")[0]
        for match in ACCESS.finditer(code):
            number = line_of(code, match.start())
            first = number
            while first > 1 and lines[first - 1] not in ("{", "}", "};", " */"):
                first -= 1
            while first > 1 and lines[first - 2].strip() and lines[first - 2] != "}":
                first -= 1
            last = number
            while last < len(lines) and lines[last - 1] != "}":
                last += 1
            near = "\n".join(lines[first - 1:last])
            if match.group(1) == "relaxed" and re.match(r"&[\w.>-]*counters(->|\.)", code[match.end():]):
                continue  # a sum that somebody reads some time
            if match.group(1) == "relaxed":
                if not re.search(r"RELAXED|[Rr]elaxed", re.sub(r"trove__\w+", "", near) + opening):
                    tree.breach(path, number, "a relaxed access that does not say why")
            elif not LABEL.search(near):
                tree.breach(path, number, "%s without the label of its edge" % match.group(1))
