# SPDX-License-Identifier: MIT
"""tree.py - what the lints look at: the files of a tree, their code without comments, and the breaches found."""
import collections
import glob
import os
import re

ROOMS = ["core", "fetch", "grep", "tools"]  # from below to above


def code_only(text):
    """TEXT without comments and literals, line by line as before."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


Function = collections.namedtuple("Function", "name line length")


class Tree:
    """One tree of sources; every path is relative to its root."""

    def __init__(self, root, build=None):
        self.root = os.path.abspath(root)
        self.build = build  # a build folder, for the lints that look at libraries
        self.breaches = []
        self.notes = []  # figures worth a line, not breaches
        self.texts = {}

    def breach(self, path, line, text):
        self.breaches.append("%s:%d: %s" % (path, line, text))

    def files(self, *patterns):
        found = set()
        for pattern in patterns:
            found.update(glob.glob(os.path.join(self.root, pattern), recursive=True))
        return sorted(os.path.relpath(path, self.root) for path in found if os.path.isfile(path))

    def read(self, path):
        if path not in self.texts:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                self.texts[path] = file.read()
        return self.texts[path]

    def lines(self, path):
        return self.read(path).split("\n")

    def code(self, path):
        return code_only(self.read(path))

    def rooms(self):
        """The product's own sources."""
        return self.files(*["%s/*.[ch]" % room for room in ROOMS])

    def public(self):
        return self.files("include/trove/*.h")

    def every_c(self):
        return self.rooms() + self.public() + self.files("tests/**/*.[ch]", "bench/**/*.[ch]", "bench/**/*.cc")

    def scripts(self):
        return [path for path in self.files("scripts/*", "tests/**/run", "tests/**/*.py", "tests/**/*.sh", "bench/*.sh", "bench/*.py")
                if "__pycache__" not in path]

    def functions(self, path):
        """From a brace in column 0 to the next closing one; the name is the last one called in the lines above."""
        start, lines = None, self.lines(path)
        for number, line in enumerate(lines, 1):
            if line == "{":
                start = number
            elif line == "}" and start is not None:
                head, above = "", start - 2
                while above >= 0 and lines[above] and not re.match(r"[}#/ ]\S?\*?/?$|.*\*/$|\}", lines[above]):
                    head = lines[above] + " " + head
                    above -= 1
                name = re.search(r"(\w+)\s*\(", head)
                yield Function(name.group(1) if name else "?", start, number - start - 1)
                start = None
