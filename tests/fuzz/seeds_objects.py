#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds_objects.py FOLDER - a seed corpus for the parsers of trees, commits, tags and revisions: what git writes, and what it
only reads.

The first byte of each seed chooses the algorithm: 0 SHA-1, 1 SHA-256.
"""
import os
import sys


def save(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def entry(mode, name, width):
    return mode + b" " + name + b"\0" + bytes(range(width))


def trees(folder):
    for algorithm, width in ((b"\0", 20), (b"\1", 32)):
        orderly = [entry(b"100644", b"a", width), entry(b"100755", b"b.c", width), entry(b"40000", b"dir", width),
                   entry(b"120000", b"link", width), entry(b"160000", b"module", width)]
        odd = [entry(b"0100644", b"..", width), entry(b"100644", b"z", width), entry(b"040000", b"a", width),
               entry(b"40000", b"a", width), entry(b"0", b".git", width), entry(b"37777777777", b"\xff", width)]
        name = "sha%d" % (1 if width == 20 else 256)
        save(folder, name + "-orderly", algorithm + b"".join(orderly))
        save(folder, name + "-odd", algorithm + b"".join(odd))
        save(folder, name + "-cut", algorithm + b"".join(orderly)[:-1])
        save(folder, name + "-empty", algorithm)


def commits(folder):
    for algorithm, width in ((b"\0", 40), (b"\1", 64)):
        tree, parent = b"tree " + b"1" * width + b"\n", b"parent " + b"aB" * (width // 2) + b"\n"
        rest = b"author A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nwhy\n"
        name = "sha%d" % (1 if width == 40 else 256)
        for parents in range(3):
            save(folder, "%s-commit%d" % (name, parents), algorithm + tree + parent * parents + rest)
        save(folder, name + "-cut", algorithm + tree + parent[:-1])
        for kind in (b"commit", b"tree", b"blob", b"tag", b"other"):
            save(folder, "%s-tag-%s" % (name, kind.decode()),
                 algorithm + b"object " + b"2" * width + b"\ntype " + kind + b"\ntag v1\n")


REVISIONS = [b"HEAD", b"@", b"@~2", b"v1^{}", b"v1^{commit}^{tree}:a/b", b"1" * 40 + b"^2~3", b"main~0^0", b"x^{object}",
             b"HEAD:", b"HEAD:a:b^{", b"HEAD@{1}", b":0:x", b":/x", b"HEAD^{/x}", b"deadbeef", b"v1-3-gdeadbeef", b"a..b",
             b"HEAD^{blub}", b"HEAD~99999999999"]


def revisions(folder):
    for number, revision in enumerate(REVISIONS):
        save(folder, "%02d" % number, b"\0" + revision)
    save(folder, "sha256", b"\1" + b"1" * 64 + b"~2")


trees(os.path.join(sys.argv[1], "fuzz_tree"))
commits(os.path.join(sys.argv[1], "fuzz_commit"))
revisions(os.path.join(sys.argv[1], "fuzz_revision"))
