#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trace_points.py LIBRARY MANUAL OBJECT... - the static trace points of LIBRARY are those that MANUAL lists, with as many arguments;
and the OBJECTs, the readers that count nothing, have no trace point, no counter and no listener."""
import re
import subprocess
import sys

WATCHING = re.compile(r"trove__(telemetry|timed|span|latency|counters|sample|is_listened|reader_counted)")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout


def in_library(path):
    """{name: number of arguments} of the notes of provider trove."""
    points = {}
    for note in re.findall(r"Provider: trove\n\s+Name: (\w+)\n.*\n\s+Arguments: ?(.*)", run("readelf", "-n", path)):
        count = len(re.findall(r"-?\d+@", note[1]))
        if points.setdefault(note[0], count) != count:
            print("%s: %s with %d and with %d arguments" % (path, note[0], points[note[0]], count))
            sys.exit(1)
    return points


def in_manual(path):
    text = open(path, encoding="utf-8").read().split(".SS Static trace points")[1].split(".SH ")[0]
    return {name: arguments.count(",") + 1
            for name, arguments in re.findall(r'^\.BI (\w+)\( (?:"([^"]*)"|\w+) \)$', text, re.M)}


def main():
    library, manual, objects = sys.argv[1], sys.argv[2], sys.argv[3:]
    found, listed = in_library(library), in_manual(manual)
    failures = ["%s: %s is in %s only" % (library, point, "the library" if point in found.items() else manual)
                for point in sorted(set(found.items()) ^ set(listed.items()))]
    if len(listed) < 10:
        failures.append("%s lists only %d trace points" % (manual, len(listed)))
    for path in objects:
        symbols = run("nm", path)
        if "trove__table_find_slow" not in symbols:
            failures.append("%s is no reader" % path)
        failures += ["%s has %s" % (path, name) for name in sorted({m.group() for m in WATCHING.finditer(symbols)})]
        if ".note.stapsdt" in run("readelf", "-SW", path):
            failures.append("%s has a trace point" % path)
    print("\n".join(failures) or "%d trace points, %d readers without any" % (len(found), len(objects)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
