# SPDX-License-Identifier: MIT
"""`trove grep` beside `git grep`: grep_test.py --trove PROGRAM --root PROJECT --work FOLDER [options]"""
import argparse
import contextlib
import itertools
import os
import random
import sys
import time

import grep_cases
import repos
import servers
from compare import Report, Runner, run_all


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trove", required=True, help="the program to test")
    parser.add_argument("--root", required=True, help="the project's folder")
    parser.add_argument("--work", required=True, help="where repositories are made and kept")
    parser.add_argument("--via", default="file", help="file, http, git, ssh; several with commas")
    parser.add_argument("--seed", type=int, default=None, help="of the random command lines (default: the time)")
    parser.add_argument("--random", type=int, default=2000, help="how many random command lines")
    parser.add_argument("--share", type=int, default=1, help="only each Nth case of the table")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--canary", action="store_true", help="run POSIX patterns as PCRE: the test must fail")
    return parser.parse_args()


def break_posix(case):
    """The canary's fault: trove is told to take POSIX patterns as Perl's."""
    if b"-P" not in case.args and b"-F" not in case.args:
        case.trove_args = [b"-P" if word in (b"-E", b"-G") else word for word in case.args]
        if case.trove_args == case.args:
            case.trove_only = case.trove_only + [b"-P"]
    return case


def cases(args, folder, seed):
    rng = random.Random(seed)
    table = itertools.chain(grep_cases.table(), grep_cases.short_forms(), grep_cases.deep_table())
    yield from itertools.islice(table, 0, None, args.share)
    yield from grep_cases.random_cases(rng, args.random, folder)


def main():
    args = options()
    seed = args.seed if args.seed is not None else int(time.time())
    print("seed %d" % seed)
    paths = repos.make_all(args.root, os.path.join(args.work, "repos"))
    homes = grep_cases.make_homes(os.path.join(args.work, "homes"))
    good = True
    for kind in args.via.split(","):
        with servers.start(kind, os.path.join(args.work, "repos")) as server:
            runner = Runner(os.path.abspath(args.trove), paths, server, homes, args.work)
            report = Report("grep over " + kind, args.work)
            begin = time.time()
            todo = []
            for case in cases(args, os.path.join(args.work, "patterns"), seed):
                reason = grep_cases.left_out_reason(case)
                if reason:
                    report.leave_out(reason)
                else:
                    todo.append(break_posix(case) if args.canary else case)
            run_all(todo, runner, report, args.workers)
            good = report.end() and good
            print("    %.0f s" % (time.time() - begin))
    if args.canary:
        print("canary: %s" % ("NOT caught" if good else "caught"))
        return 1 if good else 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
