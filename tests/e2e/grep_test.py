# SPDX-License-Identifier: MIT
"""`trove grep` beside `git grep`: grep_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

TROVE_LONG=1 runs the whole table and five times as many random command lines; TROVE_SEED chooses the seed.
"""
import argparse
import contextlib
import copy
import itertools
import os
import random
import sys
import time

import grep_cases
import repos
import servers
from compare import Report, Runner, run_all

LONG = os.environ.get("TROVE_LONG", "0") not in ("", "0")


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trove", required=True, help="the program to test")
    parser.add_argument("--root", required=True, help="the project's folder")
    parser.add_argument("--work", required=True, help="where repositories are made and kept")
    parser.add_argument("--via", default="file", help="file, http, git, ssh; several with commas")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TROVE_SEED", time.time())))
    parser.add_argument("--table", type=int, default=1000, help="how many cases of the table, drawn by the seed")
    parser.add_argument("--random", type=int, default=1000, help="how many random command lines")
    parser.add_argument("--at-least", type=int, default=1, help="fewer comparisons than this are a failure")
    parser.add_argument("--only", type=int, default=None, help="only the case of this number")
    parser.add_argument("--workers", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--canary", action="store_true", help="run POSIX patterns as PCRE: the test must see it")
    return parser.parse_args()


def break_posix(case):
    """The canary's fault: trove is told to take POSIX patterns as Perl's."""
    case = copy.copy(case)
    case.trove_args = [b"-P" if word in (b"-E", b"-G") else word for word in case.args]
    if case.trove_args == case.args:
        case.trove_only = case.trove_only + [b"-P"]
    return case


def can_be_broken(case):
    return b"-P" not in case.args and b"-F" not in case.args and case.short_form is None


def cases(args, folder, report):
    """All of this seed's cases, numbered."""
    rng = random.Random(args.seed)
    table = list(itertools.chain(grep_cases.table(), grep_cases.short_forms(), grep_cases.deep_table(LONG)))
    chosen = table if LONG else rng.sample(table, min(args.table, len(table)))
    drawn = grep_cases.random_cases(rng, args.random * (5 if LONG else 1), folder)
    for number, case in enumerate(itertools.chain(chosen, drawn)):
        case.number = number
        if args.only not in (None, number):
            continue
        reason = grep_cases.left_out_reason(case)
        if reason:
            report.leave_out(reason)
        elif not args.canary or can_be_broken(case):
            yield case


def again(args):
    """The command line that runs this seed's cases once more."""
    words = [sys.executable, os.path.abspath(__file__), "--trove", args.trove, "--root", args.root, "--work", args.work,
             "--seed", args.seed, "--table", args.table, "--random", args.random] + ["--canary"] * args.canary
    return ("TROVE_LONG=1 " if LONG else "") + " ".join(str(word) for word in words)


def compare(args, title, change=lambda case: case, show=10):
    """Compares all cases, each changed by CHANGE; returns the report."""
    homes = grep_cases.make_homes(os.path.join(args.work, "homes"))
    report = Report(title, args.work, homes, again(args), show)
    runner = Runner(args.trove, repos.make_all(args.root, args.work), homes, args.work)
    todo = map(change, cases(args, os.path.join(args.work, "patterns"), report))
    begin = time.time()
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(servers.start(kind, repos.folder(args.work))) for kind in args.via.split(",")]
        run_all(todo, runner, report, running, args.workers)
    report.end()
    print("    %.0f s" % (time.time() - begin))
    return report


def canary(args):
    """A fault that the comparisons must see: equal without it, different with it."""
    if compare(args, "grep-healthy").failures:
        return 1
    seen = compare(args, "grep-canary", break_posix, show=1).failures
    print("canary: %s" % ("caught, by %d comparisons" % seen if seen else "NOT caught"))
    return 0 if seen else 1


def main():
    args = options()
    args.trove, args.root, args.work = (os.path.abspath(path) for path in (args.trove, args.root, args.work))
    print("seed %d" % args.seed, flush=True)
    if args.canary:
        return canary(args)
    report = compare(args, "grep-" + args.via.replace(",", "-"))
    total = sum(report.count.values())
    if args.only is None and total < args.at_least:
        print("too few: %d comparisons are the least" % args.at_least)
        return 1
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
