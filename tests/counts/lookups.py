#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lookups.py - how many instructions a warm lookup takes and how many lines of memory it touches, each below its bound.

lookups.py --valgrind VALGRIND PROGRAM

PROGRAM (warm_lookups.c) runs under callgrind, whose first-level data cache of 32 KiB is far too small for what the lookups
read: each line that only one lookup reads is a miss of it, what all of them read (the secret, the cache) is none. So the
misses count the lines of memory that a lookup waits for: two for a hit, the bucket's and the object's, one for a miss. Counts, no times: the same on every run.

What it does not see: the reader for AVX-512, which valgrind cannot run; that for AVX2 stands for it. Compilers count: the bounds
are those of gcc 12 with -O2, and about a tenth.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

CACHE = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"]
ALGORITHMS = ("SHA-1", "SHA-256")

# The most instructions with each reader, for SHA-1 and for SHA-256.
INSTRUCTIONS = {
    "has in its own section, hit": {"avx2": (97, 96), "sse2": (112, 122), "plain": (191, 200)},
    "has, hit": {"avx2": (49, 48), "sse2": (64, 75), "plain": (149, 158)},
    "has, miss": {"avx2": (59, 58), "sse2": (72, 82), "plain": (158, 164)},
    "get, hit": {"avx2": (51, 50), "sse2": (74, 80), "plain": (153, 162)},
    "get, miss": {"avx2": (57, 56), "sse2": (79, 82), "plain": (158, 165)},
    "get_many, hit": {"avx2": (89, 84), "sse2": (103, 112), "plain": (180, 188)},
    "get_many, miss": {"avx2": (93, 91), "sse2": (108, 115), "plain": (182, 188)},
    "get and pin, hit": {"avx2": (96, 95), "sse2": (119, 125), "plain": (199, 208)},
}
# The least and the most lines, for SHA-1 and for SHA-256, whose header of 44 bytes lies in two lines every other time (where
# one load reads from both, callgrind counts one miss). The pins are on another line than the header, so that a line more is
# seen to be counted.
HIT, MISS, PINNED = ((1.9, 2.1), (1.9, 2.7)), ((0.9, 1.1), (0.9, 1.1)), ((2.9, 3.1), (2.9, 3.7))


def run(valgrind, program):
    """{"READER ALGORITHM KIND": (instructions, lines) of all lookups}, and how many of a kind these were."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "counts")
        done = subprocess.run([valgrind, "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=" + out] + CACHE + [program],
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        counts = {}
        for path in glob.glob(out + ".*"):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
            if not name:
                continue
            events = re.search(r"^events: (.*)$", text, re.M).group(1).split()
            totals = dict(zip(events, map(int, re.search(r"^(?:totals|summary): (.*)$", text, re.M).group(1).split())))
            counts[name.group(1)] = totals["Ir"], totals["D1mr"] + totals["D1mw"]
    return counts, int(re.search(r"(\d+) lookups", done.stdout).group(1))


def judge(name, kind, reader, algorithm, instructions, lines):
    """What is wrong with one count."""
    wrong, most = [], INSTRUCTIONS[kind][reader][algorithm]
    least_lines, most_lines = (PINNED if "pin" in kind else HIT if "hit" in kind else MISS)[algorithm]
    if instructions > most:
        wrong.append("%s: %.1f instructions, at most %d" % (name, instructions, most))
    if not least_lines <= lines <= most_lines:
        wrong.append("%s: %.2f lines, not in %.1f to %.1f" % (name, lines, least_lines, most_lines))
    # It can fail: a fourth more instructions, or a line more, would be too much.
    if not wrong and (instructions * 5 / 4 <= most or lines + 1 <= most_lines or lines - 1 >= least_lines):
        wrong.append("%s: %.1f instructions, %.2f lines: its bounds are too wide" % (name, instructions, lines))
    return wrong


def check(counts, lookups):
    wrong = []
    for reader in ("avx2", "sse2", "plain"):
        for algorithm, algorithm_name in enumerate(ALGORITHMS):
            prefix = "%s %s " % (reader, algorithm_name)
            if prefix + "nothing" not in counts:
                if reader == "plain":
                    wrong.append("nothing was counted for " + prefix)
                continue
            nothing = counts[prefix + "nothing"]
            for kind in INSTRUCTIONS:
                count = counts[prefix + kind]
                instructions, lines = ((count[i] - nothing[i]) / lookups for i in (0, 1))
                print("%-46s %6.1f instructions, %.2f lines" % (prefix + kind, instructions, lines))
                wrong += judge(prefix + kind, kind, reader, algorithm, instructions, lines)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--valgrind", default="valgrind")
    parser.add_argument("program")
    arguments = parser.parse_args()
    counts, lookups = run(arguments.valgrind, arguments.program)
    wrong = check(counts, lookups)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
