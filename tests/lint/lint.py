#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lint.py - the rules of the house that can be checked by reading.

lint.py [--root ROOT] [--build BUILD] [RULE...]   all rules, or these; prints FILE:LINE: WHAT for each breach, and exits 1 then
lint.py --list                                    the rules, each with what it asks
"""
import argparse
import sys

import layer_rules
import page_rules
import text_rules
from tree import Tree

RULES = {name[len("check_"):]: function
         for module in (text_rules, layer_rules, page_rules)
         for name, function in vars(module).items() if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=".")
    parser.add_argument("--build")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rules", nargs="*")
    arguments = parser.parse_args()
    if arguments.list:
        for name, rule in RULES.items():
            print("%-14s %s" % (name, " ".join(rule.__doc__.split())))
        return 0
    tree = Tree(arguments.root, arguments.build)
    for name in arguments.rules or RULES:
        RULES[name](tree)
    for line in tree.notes + tree.breaches:
        print(line)
    return 1 if tree.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
