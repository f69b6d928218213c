# SPDX-License-Identifier: MIT
"""A repository of awkward names, modes and contents, with every kind of ref: the same one from the same seed.

Trees are written as raw objects, because git's own commands refuse to write some of what git reads without complaint.
"""
import os
import random
import subprocess

WORDS = [b"foo", b"bar", b"foobar", b"baz", b"int", b"main", b"the", b"malloc", b"Foo", b"FOO", b"x", b"a1", b"_id",
         b"caf\xc3\xa9", b"\xc3\xa9t\xc3\xa9", b"\xff\xfe", b"stra\xc3\x9fe", b"\xe4\xb8\xad\xe6\x96\x87", b"$var",
         b"a.b", b"f(x)", b"[0]", b"a*b", b"--", b"", b"\t", b"if", b"return", b"static", b"unsigned", b"word-word"]

NAMES = [b"a-b.c", b"a.c", b"a0.c", b"Makefile", b"README", b"plain.txt", b"with space.txt", b" lead", b"trail ",
         b"-dash", b"--help", b"tab\there", b"new\nline.c", b"quo\"te", b"back\\slash", b"apo'strophe", b"caf\xc3\xa9.c",
         b"latin\xe91.txt", b"bell\x07", b"esc\x1b[31m", b"del\x7f", b"star*.c", b"quest?.c", b"br[ack]et.c",
         b"br]", b":colon", b":(top)x", b"!bang", b"^hat", b"HEAD", b"main", b"UPPER.C", b"upper.c", b"x.C", b"..x",
         b"...", b"a.b.c.d", b"\xe4\xb8\xad.txt", b"all.bin", b"crlf.txt", b"semi;colon", b"dollar$x", b"pipe|x",
         b"amp&", b"hash#", b"percent%s", b"at@{1}", b"tilde~1", b"0", b"long" + b"g" * 200]


def text(rng, lines, end):
    out = []
    for _ in range(lines):
        kind = rng.random()
        if kind < 0.12:
            out.append(b"")
        elif kind < 0.2:
            out.append(rng.choice([b"int %s(void)", b"static void %s(int x)", b"$%s {", b"_%s:", b"\t%s();", b"}", b"{",
                                   b" * %s", b"/* %s */", b"# %s"]).replace(b"%s", rng.choice(WORDS)))
        else:
            indent = rng.choice([b"", b"", b"    ", b"\t"])
            out.append(indent + b" ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 9))))
    return end.join(out) + (end if rng.random() < 0.8 else b"")


def content(rng, index):
    """One file's bytes. The first twenty indexes are the special kinds, so that each occurs."""
    kind = index if index < 20 else rng.randrange(200)
    special = {
        0: b"", 1: b"\n", 2: b"\n\n\n", 3: b"foo", 4: b"foo\n", 5: b"foo\0bar\nfoo\n", 6: b"\0foo\n",
        7: b"x" * 7999 + b"\0foo\nfoo bar\n", 8: b"x\n" * 4000 + b"\0foo\nfoo\0bar\nint main\n",
        9: "foo bar\nint main\n".encode("utf-16"), 10: b"\xef\xbb\xbffoo at the start\nfoo\n",
        11: b"foo\r\nbar\r\n\r\nfoo bar\r\n", 12: b"foo\rbar\rfoo\n", 13: b"\xfffoo\xfe\nfoo\xc3\nbar\xc3\xa9\n",
        14: b"foo " * 3000 + b"\n", 15: b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 1\n" % 7,
        16: b"a\x0bb\x0cfoo\x1b[31mred\n", 17: b"foo\n" * 300, 18: bytes(range(1, 256)) + b"\nfoo\n",
        19: b"\n".join(b"%d foo" % n for n in range(500)),
    }
    if kind in special:
        return special[kind]
    return text(rng, rng.randrange(1, 60), rng.choice([b"\n", b"\n", b"\n", b"\r\n"]))


class Writer:
    """Writes raw objects into the repository at PATH."""

    def __init__(self, path, git):
        self.path, self.git = path, git

    def object(self, kind, data):
        out = self.git(self.path, "hash-object", "-w", "-t", kind, "--literally", "--stdin", input=data)
        return out.decode().strip()

    def blobs(self, contents):
        """Many blobs by one fast-import; returns their ids in order."""
        marks = os.path.join(self.path, "marks")
        stream = b"".join(b"blob\nmark :%d\ndata %d\n%s\n" % (number + 1, len(data), data)
                          for number, data in enumerate(contents))
        self.git(self.path, "fast-import", "--quiet", "--export-marks=" + marks, input=stream)
        with open(marks) as file:
            found = dict(line.split() for line in file)
        os.unlink(marks)
        return [found[":%d" % (number + 1)] for number in range(len(contents))]

    def tree(self, entries):
        """ENTRIES: (mode, name, id), sorted here as git sorts them."""
        def key(entry):
            return entry[1] + (b"/" if entry[0].lstrip(b"0") == b"40000" else b"")
        data = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in sorted(entries, key=key))
        return self.object("tree", data)

    def commit(self, tree, parents, message):
        who = b"A U Thor <author@example.com> 1700000000 +0000"
        lines = [b"tree " + tree.encode()] + [b"parent " + p.encode() for p in parents]
        return self.object("commit", b"\n".join(lines) + b"\nauthor " + who + b"\ncommitter " + who + b"\n\n" + message)

    def tag(self, name, kind, target):
        who = b"A U Thor <author@example.com> 1700000000 +0000"
        return self.object("tag", b"object %s\ntype %s\ntag %s\ntagger %s\n\nA tag.\n"
                           % (target.encode(), kind.encode(), name.encode(), who))

    def ref(self, name, oid):
        self.git(self.path, "update-ref", name, oid)


def folder(writer, rng, depth, first, digits):
    """One tree of blobs, links, a gitlink and folders; returns its id."""
    names = rng.sample(NAMES, 6 if depth else len(NAMES))
    ids = writer.blobs([content(rng, first + number) for number in range(len(names))])
    entries = []
    for name, oid in zip(names, ids):
        mode = rng.choice([b"100644"] * 6 + [b"100755", b"100664", b"0100644"])
        entries.append((mode, name, oid))
    target = writer.blobs([b"foo/bar"])[0]
    entries.append((b"120000", b"link", target))
    entries.append((b"160000", b"module", "1" * digits))
    if depth < 3:
        for name in (b"dir", b"a", b"sub dir", b"d\xc3\xa9p\xc3\xb4t")[:4 - depth]:
            entries.append((b"40000", name, folder(writer, rng, depth + 1, 20, digits)))
    return writer.tree(entries)


def make(path, algorithm, git):
    """Makes the bare repository PATH."""
    rng = random.Random(20240229)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "--object-format=" + algorithm, path], check=True)
    digits = 64 if algorithm == "sha256" else 40
    writer = Writer(path, git)
    first = writer.commit(writer.tree([]), [], b"nothing\n")
    second = writer.commit(folder(writer, rng, 1, 0, digits), [first], b"some\n")
    side = writer.commit(folder(writer, rng, 2, 20, digits), [first], b"side\n")
    top = folder(writer, rng, 0, 0, digits)
    last = writer.commit(top, [second, side], b"all\n")
    blob = writer.blobs([b"foo in a tagged blob\n"])[0]
    refs = {
        "refs/heads/main": last, "refs/heads/side": side, "refs/heads/feature/one": second,
        "refs/heads/both": second, "refs/tags/both": side, "refs/tags/light": second, "refs/heads/empty": first,
        "refs/notes/x": first, "refs/remotes/origin/main": second, "refs/tree": top, "refs/tags/a-tree": top,
        "refs/tags/a-blob": blob, "refs/heads/caf\u00e9": side,
    }
    refs["refs/tags/v1"] = writer.tag("v1", "commit", last)
    refs["refs/tags/v1-again"] = writer.tag("v1-again", "tag", refs["refs/tags/v1"])
    refs["refs/tags/tagged-blob"] = writer.tag("tagged-blob", "blob", blob)
    refs["refs/tags/tagged-tree"] = writer.tag("tagged-tree", "tree", top)
    for name, oid in refs.items():
        writer.ref(name, oid)
    git(path, "repack", "-q", "-a", "-d")
