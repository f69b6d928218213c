# SPDX-License-Identifier: MIT
"""page_rules.py - what the pages say of the sources: ARCHITECTURE.md's files and edges, the manual's options, the packages."""
import re


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


