#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds_traces.py FOLDER - a seed corpus for the bench's readers of traces: both formats, whole, cut and out of range.

The first byte of each seed chooses the format: 0 oracleGeneral, 1 csv, 2 csv after a line that says which columns.
"""
import os
import struct
import sys


def save(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def oracle(folder):
    records = b"".join(struct.pack("<IQIq", time, number, size, -1)
                       for time, (number, size) in enumerate([(7, 100), (2**64 - 1, 2**32 - 1), (7, 5), (0, 0)]))
    save(folder, "oracle", b"\0" + records)
    save(folder, "oracle-cut", b"\0" + records[:-1])
    save(folder, "oracle-empty", b"\0")


PLAIN = {"plain": b"time,id,size,type\n0,a,10,1\r\n\n1, b ,4294967296,3\n2,a,99,1", "header": b"time,id,size\n", "none": b"",
         "short": b"h\n1,a\n", "no-id": b"h\n1,,5\n", "minus": b"h\n1,a,-5\n", "large": b"h\n1,a,1\n1,a,4294967297\n",
         "longer": b"h\n1,a,99999999999999999999999\n", "line": b"h\n" + b"x" * 5000}
TOLD = {"types": b"obj-type-col=4\nh\n0,a,10,1\n1,b,11,4\n", "type-0": b"obj-type-col=4\nh\n0,a,10,0\n",
        "type-5": b"obj-type-col=4\nh\n0,a,1,4\n0,a,10,5\n", "comma": b"time-col=1,delimiter=,,obj-id-col=1,obj-size-col=2\nh\na,1\n",
        "semicolon": b"delimiter=;,obj-size-col=1,has-header=false,obj-id-col=2\n5;x\n6;y\n5;x\n", "unknown": b"nothing=1\n",
        "column-0": b"obj-id-col=0\n1,a,1\n", "column-64": b"obj-id-col=64,header=true\n1,a,1\n"}


folder = os.path.join(sys.argv[1], "fuzz_traces")
oracle(folder)
for name, text in PLAIN.items():
    save(folder, "csv-" + name, b"\1" + text)
for name, text in TOLD.items():
    save(folder, "told-" + name, b"\2" + text)
