# SPDX-License-Identifier: MIT
"""What every end-to-end test begins with: its arguments, its seed, the repositories, the homes, the report.

TROVE_LONG=1 makes tests larger, TROVE_SEED chooses the seed. Without it the seed is 1, so that a change is judged by the
same questions as the one before it; a long run asks new ones.
"""
import argparse
import os
import sys
import time

import grep_cases
import repos
from compare import Report, Runner

LONG = os.environ.get("TROVE_LONG", "0") not in ("", "0")


def parser(about):
    result = argparse.ArgumentParser(description=about)
    result.add_argument("--trove", required=True, help="the program to test")
    result.add_argument("--root", required=True, help="the project's folder")
    result.add_argument("--work", required=True, help="where repositories are made and kept")
    result.add_argument("--seed", type=int, default=int(os.environ.get("TROVE_SEED", time.time() if LONG else 1)))
    result.add_argument("--only", type=int, default=None, help="only the case of this number")
    result.add_argument("--workers", type=int, default=max(2, os.cpu_count() or 2))
    return result


def parse(parser):
    """Reads the command line, and prints the seed."""
    args = parser.parse_args()
    args.trove, args.root, args.work = (os.path.abspath(path) for path in (args.trove, args.root, args.work))
    print("seed %d" % args.seed, flush=True)
    return args


def again(args):
    """The command line that asks this seed's questions once more; --via and --only follow."""
    words = [sys.executable, os.path.abspath(sys.argv[0])]
    for name, value in sorted(vars(args).items()):
        if name in ("via", "only", "workers") or value is None or value is False:
            continue
        words += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
    return ("TROVE_LONG=1 " if LONG else "") + " ".join(words)


class Run:
    """One title's comparisons. Makes the repositories that are not there."""

    def __init__(self, args, title, show=10):
        self.args = args
        self.paths = repos.make_all(args.root, args.work)
        self.homes = grep_cases.make_homes(os.path.join(args.work, "homes"))
        self.runner = Runner(args.trove, self.paths, self.homes, args.work)
        self.report = Report(title, args.work, self.homes, again(args), show)

    def numbered(self, cases):
        """CASES with their numbers, without those to be left out, or only the one that was asked for."""
        for number, case in enumerate(cases):
            case.number = number
            if self.args.only not in (None, number):
                continue
            reason = grep_cases.left_out_reason(case)
            if reason:
                self.report.leave_out(reason)
            else:
                yield case
