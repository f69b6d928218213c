#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds_grep.py FOLDER - a seed corpus for patterns and texts."""
import os
import sys

TEXT = (
    b"int main(void)\n{\n\treturn foo(bar, 42);\n}\n\n/* foo_bar \xc3\xa9t\xc3\xa9 */\n"
    b"FOO foofoo \xff\xc3 k\xe2\x84\xaa s\xc5\xbf\r\nlast line foo"
)
PATTERNS = [
    b"foo", b"^$", b"foo\\|bar", b"[a-z]*(", b"\\<foo\\>", b".*", b"", b"[[:space:]]$", b"foo\\{1,2\\}", b"foo|bar",
    b"(a|ab)(c|bcd)*", b"[^a]", b"\xc3\xa9", b"(?<=o)o", b"a.c", b"\\w+", b"o$", b"^f", b"\\bfoo\\b", b"x*", b"a\nb",
    b"(", b"[", b"\\", b"*", b"a**", b"foo\\Ebar", b"\\z", b"foo(?!\\s)", b"k", b"s", b"(*NO_JIT)foo", b"\\`a", b"a\\'",
]


def main():
    folder = os.path.join(sys.argv[1], "fuzz_grep")
    os.makedirs(folder, exist_ok=True)
    for number, pattern in enumerate(PATTERNS):
        for first in (0, 1, 2, 3, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x88, 0x91, 0x9D):
            second = (number * 37 + first) & 0xFF
            name = "%02d-%02x" % (number, first)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(bytes([first, second, len(pattern)]) + pattern + TEXT)
                if number % 3 == 0:
                    file.write(b"\n")
                if number % 5 == 0:
                    file.write(b"\0x\n")


main()
