#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds_attributes.py FOLDER - a seed corpus for files of attributes: paths, each with a NUL behind it, a NUL, the text."""
import os
import sys

TEXTS = [
    b"*.c -diff\n", b"*.c diff\n*.h diff=cpp\n", b"* binary\n*.txt -binary\n", b"[attr]m diff=x\n*.c m\n", b"d/* -diff\n/a.c diff\n",
    b"[attr]m n\n[attr]n m -diff\n* m\n", b"\"sp ace.c\" -diff\n\"quo\\\"te\\303\\251\" diff\n", b"\"open -diff\n", b"!*.c diff\n*.c/ diff\n",
    b"# comment\n\n  *.c\t-diff \r\n", b"\xef\xbb\xbf*.c -diff\n", b"*.c --diff\n*.c diff= -x=y !diff\n", b"[attr]-x diff\n[attr] diff\n",
    b"**/a.c -diff\nd/** diff\nx/**/a.c !diff\n", b"[ab].* -diff\n\\[a] diff\n[a -diff\n", b"*.c " + b"x " * 1200 + b"\n*.c -diff",
    b"".join(b"[attr]m%d m%d\n" % (n, n + 1) for n in range(300)) + b"* m0\n", b"*.c -diff\0*.h -diff\n", b"",
]
PATHS = [b"a.c", b"d/a.c\0d/e/f.h\0x.txt", b"sp ace.c\0quo\"te\xc3\xa9", b"x/y/z/a.c\0[a]\0d/e"]


def main():
    folder = os.path.join(sys.argv[1], "fuzz_attributes")
    os.makedirs(folder, exist_ok=True)
    for number, text in enumerate(TEXTS):
        for which, paths in enumerate(PATHS):
            with open(os.path.join(folder, "%02d-%d" % (number, which)), "wb") as file:
                file.write(paths + b"\0\0" + text)


main()
