# SPDX-License-Identifier: MIT
"""`trove grep` beside `git grep`: grep_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]

TROVE_LONG=1 runs the whole table and five times as many random command lines.
"""
import contextlib
import copy
import itertools
import os
import random
import sys
import time

import grep_cases
import harness
import repos
import servers
from compare import run_all


def options():
    parser = harness.parser(__doc__)
    parser.add_argument("--via", default="file", help="file, http, git, ssh; several with commas")
    parser.add_argument("--table", type=int, default=1000, help="how many cases of the table, drawn by the seed")
    parser.add_argument("--random", type=int, default=1000, help="how many random command lines")
    parser.add_argument("--at-least", type=int, default=1, help="fewer comparisons than this are a failure")
    parser.add_argument("--canary", action="store_true", help="run POSIX patterns as PCRE: the test must see it")
    return harness.parse(parser)


def cases(args):
    """All of this seed's cases."""
    rng = random.Random(args.seed)
    table = list(itertools.chain(grep_cases.table(), grep_cases.short_forms(), grep_cases.deep_table(harness.LONG)))
    chosen = table if harness.LONG else rng.sample(table, min(args.table, len(table)))
    times = 5 if harness.LONG else 1
    drawn = grep_cases.random_cases(rng, args.random * times, os.path.join(args.work, "patterns"))
    return itertools.chain(chosen, drawn)


def can_be_broken(case):
    return b"-P" not in case.args and b"-F" not in case.args and case.short_form is None


def break_posix(case):
    """The canary's fault: trove is told to take POSIX patterns as Perl's."""
    case = copy.copy(case)
    case.trove_args = [b"-P" if word in (b"-E", b"-G") else word for word in case.args]
    if case.trove_args == case.args:
        case.trove_only = case.trove_only + [b"-P"]
    return case


def compare(args, title, todo, show=10):
    """Compares all of TODO; returns the report."""
    run = harness.Run(args, title, show)
    begin = time.time()
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(servers.start(kind, repos.folder(args.work))) for kind in args.via.split(",")]
        run_all(run.numbered(todo), run.runner, run.report, running, args.workers)
    run.report.end()
    print("    %.0f s" % (time.time() - begin), flush=True)
    return run.report


def canary(args):
    """A fault that the comparisons must see: equal without it, different with it."""
    todo = [case for case in cases(args) if can_be_broken(case)]
    if compare(args, "grep-healthy", todo).failures:
        return 1
    seen = compare(args, "grep-canary", map(break_posix, todo), show=1).failures
    print("canary: %s" % ("caught, by %d comparisons" % seen if seen else "NOT caught"))
    return 0 if seen else 1


def main():
    args = options()
    if args.canary:
        return canary(args)
    report = compare(args, "grep-" + args.via.replace(",", "-"), cases(args))
    total = sum(report.count.values())
    if args.only is None and total < args.at_least:
        print("too few: %d comparisons are the least" % args.at_least)
        return 1
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
