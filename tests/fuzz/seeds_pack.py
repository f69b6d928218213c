#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds_pack.py FOLDER - a seed corpus for packs and deltas: small packs by hand and by git, right ones and wrong ones."""
import hashlib
import os
import subprocess
import sys
import tempfile
import zlib

MEND = 2  # fuzz_pack sets count and trailer right


def save(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def header(kind, size):
    out = bytearray()
    byte = kind << 4 | size & 15
    size >>= 4
    while size:
        out.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    out.append(byte)
    return bytes(out)


def distance(value):
    digits = [value & 0x7F]
    value >>= 7
    while value:
        value -= 1
        digits.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes(reversed(digits))


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def pack(entries, algorithm="sha1"):
    body = b"PACK" + (2).to_bytes(4, "big") + len(entries).to_bytes(4, "big") + b"".join(entries)
    return body + hashlib.new(algorithm, body).digest()


def plain(kind, data, level=6):
    return header(kind, len(data)) + zlib.compress(data, level)


def oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).digest()


BASE = b"the base that all deltas here are made for, twice over " * 3
DELTA = varint(len(BASE)) + varint(15) + b"\x91\x04\x0a" + b"\x05hello"
DELTA_OF_DELTA = varint(15) + varint(3) + b"\x03abc"


def deltas():
    yield "copy-insert", DELTA
    yield "copy-64k", varint(70000) + varint(65536) + b"\x80"
    yield "all-operands", varint(1 << 30) + varint(0x030201) + b"\xff\x01\x02\x03\x04\x01\x02\x03"
    yield "reserved", varint(len(BASE)) + varint(1) + b"\x00"
    yield "past-the-end", varint(len(BASE)) + varint(5) + b"\x91\xff\x05"
    yield "wraps", varint(len(BASE)) + varint(2 ** 64 - 1) + b"\x91\x00\x05"
    yield "empty-result", varint(len(BASE)) + varint(0)


def packs():
    first = plain(3, BASE)
    ofs = header(6, len(DELTA)) + distance(len(first)) + zlib.compress(DELTA)
    yield "empty", pack([])
    yield "all-types", pack([plain(kind, b"some data\n" * kind) for kind in (1, 2, 3, 4)])
    yield "ofs", pack([first, ofs])
    second = header(6, len(DELTA_OF_DELTA)) + distance(len(ofs)) + zlib.compress(DELTA_OF_DELTA)
    yield "chain", pack([first, ofs, second])
    ref = header(7, len(DELTA)) + oid(BASE) + zlib.compress(DELTA)
    yield "ref-after", pack([first, ref])
    yield "ref-before", pack([ref, first])
    yield "circle", pack([ref, header(7, len(DELTA)) + oid(b"x") + zlib.compress(DELTA)])
    yield "stored", pack([plain(3, bytes(range(256)) * 300, 0)])
    yield "bomb", pack([plain(3, b"\0" * 900000, 9)])
    yield "liar", pack([header(3, 5000) + zlib.compress(b"short")])
    yield "dictionary", pack([header(3, 10) + b"\x78\xbb" + zlib.compress(b"0123456789")[2:]])


def git_packs():
    with tempfile.TemporaryDirectory() as folder:
        def git(*arguments, **options):
            command = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout

        git("init", "-q")
        for revision in range(4):
            with open(os.path.join(folder, "file"), "a", encoding="ascii") as file:
                file.writelines(f"line {revision} {i}\n" for i in range(60))
            git("add", "file")
            git("commit", "-q", "-m", f"revision {revision}")
        ids = git("rev-list", "--objects", "--all")
        yield "git-ofs", git("pack-objects", "-q", "--stdout", "--delta-base-offset", input=ids)
        yield "git-ref", git("pack-objects", "-q", "--stdout", input=ids)


def structured():
    """Entries in the language of fuzz_pack_deltas: kind byte, base byte where there is one, length, data."""
    right, many = 8, 16
    first = bytes([2 | many, 10]) + b"0123456789"
    copy = b"\x91\x04\x64"
    grow = b"\x80\x80" + b"\x05hello"
    ofs = bytes([4 | right, 0, 9]) + copy + b"\x05hello"
    late = bytes([5 | right, 2, 3]) + copy
    yield "plain", first
    yield "ofs", first + ofs
    yield "chain", first + ofs + 20 * (bytes([4 | right, 0, 3]) + b"\x91\x01\x07")
    yield "late", late + late + first
    yield "late-chain", late + bytes([4 | right, 0, 3]) + b"\x91\x01\x07" + first
    yield "outside", bytes([6 | right, 3]) + copy
    yield "nobody", bytes([7 | right, 3]) + copy
    yield "nothing-below", ofs
    many_others = 30 * (bytes([2 | many, 200]) + bytes(range(200)))
    yield "far", first + many_others + bytes([4 | right, 30, 3]) + copy
    yield "far-chain", first + 3 * ofs + many_others + bytes([4 | right, 30, 3]) + b"\x91\x01\x07"
    yield "grows", bytes([2 | many, 250]) + bytes(250) + 4 * (bytes([4 | right, 0, 8]) + grow)


def main():
    folder = sys.argv[1]
    for name, delta in deltas():
        save(os.path.join(folder, "fuzz_delta"), name, bytes([3]) + delta)
    for name, data in structured():
        for way in range(8):
            save(os.path.join(folder, "fuzz_pack_deltas"), f"{name}-{way}", bytes([way | 4 << 3]) + data)
    for make in (packs, git_packs):
        for name, data in make():
            for way in (0, MEND, MEND | 7 << 2, MEND | 62 << 2):
                save(os.path.join(folder, "fuzz_pack"), f"{name}-{way}", bytes([way]) + data)


main()
