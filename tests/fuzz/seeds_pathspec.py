#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds_pathspec.py FOLDER - a seed corpus for pathspecs: the limit of depth, a spec, a NUL, a path."""
import os
import sys

SPECS = [
    b"*.c", b"src", b"src/", b"src/*.h", b"a/b/c", b"", b".", b"./src", b"src/../lib", b"/", b"[a-c]*", b"[!a]?", b"[[:alpha:]]x",
    b"[]-]", b"[a", b"a\\*b", b"a\\", b"**", b"**/c", b"src/**", b"a/**/z", b":/", b":/src", b":!src", b":^*.c", b":(top)src",
    b":(exclude)*.h", b":(icase)SRC/*.C", b":(glob)src/*.c", b":(glob)**/x", b":(glob)src/**", b":(literal)*.c",
    b":(top,icase,exclude)Src", b":(literal,glob)x", b":(attr:x)y", b":(none)z", b":(", b":", b"::", b":!", b":/!x", b"\xff*",
    b"\xc3\x89t\xc3\xa9",
]
PATHS = [b"src/main.c", b"SRC/a/b/Main.H", b"a/b/c/z", b"*.c", b"\xc3\xa9t\xc3\xa9/\xff"]


def main():
    folder = os.path.join(sys.argv[1], "fuzz_pathspec")
    os.makedirs(folder, exist_ok=True)
    for number, spec in enumerate(SPECS):
        for which, path in enumerate(PATHS):
            # Depths below 4 stand for none.
            for depth in (0, 4 + which % 3):
                with open(os.path.join(folder, "%02d-%d-%d" % (number, which, depth)), "wb") as file:
                    file.write(bytes([depth]) + spec + b"\0" + path)


main()
