#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lint_self_test.py - shows that each rule of lint.py can fail: a small tree that keeps all rules, broken in one place at a time."""
import os
import sys
import tempfile

import lint
from tree import Tree

GOOD = {
    "core/order.h": """// SPDX-License-Identifier: MIT
/*
 * order.h - shared words.
 */
#ifndef ORDER_H
#define ORDER_H

#define trove__load_acquire(word) atomic_load_explicit((word), memory_order_acquire)

#endif
""",
    "core/thing.c": """// SPDX-License-Identifier: MIT
/*
 * thing.c - a thing.
 *
 * EDGES     E1 give   give() release -> take() acquire   the thing
 * PROGRESS  wait-free
 */
#include "core/order.h"

void give(int *word)
{
    /* RELEASE [E1 give]: pairs with take(). */
    trove__store_release(word, 1);
}

int take(int *word)
{
    /* RELAXED: a guess. */
    if (trove__load_relaxed(word) == 0)
        return 0;
    /* ACQUIRE [E1 give]: pairs with give(). */
    return trove__load_acquire(word);
}
""",
    "include/trove/base.h": """// SPDX-License-Identifier: MIT
/*
 * base.h - the base.
 */
#ifndef TROVE_BASE_H
#define TROVE_BASE_H

/* What it does. */
TROVE_API int trove_do(void);

#endif
""",
    "tests/explore/test_explore_thing.c": """// SPDX-License-Identifier: MIT
/*
 * test_explore_thing.c - what is given is taken.
 */
static const char *const families[] = {"thing", NULL};
""",
    "tests/unit/test_it.c": """// SPDX-License-Identifier: MIT
/*
 * Goal: it works.
 */
int main(void)
{
    return 0;
}
""",
    "scripts/hello": """#!/bin/sh
# SPDX-License-Identifier: MIT
# hello - says hello.
echo hello
""",
    "tools/main.c": """// SPDX-License-Identifier: MIT
/*
 * main.c - the program.
 */
#include "core/order.h"
#include <stdlib.h>

static const char *const options[] = {"--stats", "-C"};
static const char *home = getenv("HOME");
""",
    "tools/grep_option_table.c": """// SPDX-License-Identifier: MIT
/*
 * grep_option_table.c - the options of grep.
 */
static const struct trove__option table[] = {
    FLAG('v', "invert-match", OPTION_INVERT),
    {TROVE__OPTION_FLAG, OPTION_NOT_YET, '\\0', "and", true},
};
""",
    "man/trove.1": """.TH TROVE 1
.SH "TROVE'S OWN OPTIONS"
.BR \\-\\-stats ", " \\-C
.SH GREP
.BR \\-v ", " \\-\\-invert\\-match
.\\" not-yet-grep
.BR \\-\\-and
.SH ENVIRONMENT
.B HOME
""",
    "README.md": "| `-v` | what matches |\n| `--and` | not there yet |\n",
    "include/trove/trove.h": """// SPDX-License-Identifier: MIT
/*
 * trove.h - all of it.
 */
#ifndef TROVE_TROVE_H
#define TROVE_TROVE_H

#include <trove/base.h>

#endif
""",
    "man/libtrove.3": ".TH LIBTROVE 3\n.BR trove_do ().\n",
    "ARCHITECTURE.md": "| `tools/` | `core/order.h` |\n| `core/order.h`, `core/thing.*` | things |\n| `tools/*.c` | the program; its test is `tests/unit/test_it.c` |\n",
}

LONG = "\n\nint longest(void)\n{\n" + "".join("    give(%d);\n" % i for i in range(71)) + "}\n"
TWIN = "\n\nint twin_%s(void)\n{\n" + "".join("    give(%d + %d);\n" % (i, i) for i in range(12)) + "}\n"

# rule, file, what is replaced (None: the end), what it becomes, words of the breach
PLANTED = [
    ("head", "core/thing.c", "// SPDX-License-Identifier: MIT", "// a thing", "not the SPDX line"),
    ("head", "core/thing.c", "thing.c - a thing", "a thing", "no comment that begins"),
    ("head", "scripts/hello", "# SPDX-License-Identifier: MIT\n", "", "no SPDX line"),
    ("names", "tools/thing.c", None, "", "another file has this name"),
    ("guards", "core/order.h", "#define ORDER_H\n", "", "include guard"),
    ("documents", "include/trove/base.h", "/* What it does. */\n", "", "no comment for this declaration"),
    ("documents", "include/trove/base.h", "/* What it does. */", "struct trove_x {\n    int x;\n};", "no comment for this declaration"),
    ("functions", "core/thing.c", None, LONG, "longest has 71 lines"),
    ("words", "core/thing.c", "a thing.", "a thing. TO" + "DO: more.", "no place here"),
    ("words", "scripts/hello", "echo hello", "echo /" + "home/me", "no place here"),
    ("twins", "core/thing.c", None, TWIN % "a" + TWIN % "b", "the same 10 lines"),
    ("format", "core/thing.c", "    /* RELAXED", "  /* RELAXED", "clang-format"),
    ("rooms", "core/thing.c", '"core/order.h"', '"fetch/pack.h"', "room above"),
    ("rooms", "core/thing.c", '"core/order.h"', '"core/other.c"', "includes a .c file"),
    ("rooms", "include/trove/base.h", "/* What", '#include "core/order.h"\n\n/* What', "includes a private one"),
    ("memory", "core/thing.c", "return 0;", "return free(word), 0;", "not through core/memory.h: free"),
    ("atomics", "core/thing.c", "trove__load_acquire(word)", "atomic_load(word)", "bare atomic"),
    ("atomics", "core/thing.c", "void give(int *word)", "void give(volatile int *word)", "volatile"),
    ("edges", "core/thing.c", "/* ACQUIRE [E1 give]: pairs with give(). */", "", "only one end"),
    ("edges", "core/thing.c", "/* ACQUIRE [E1 give]: pairs with give(). */", "", "no acquire end"),
    ("edges", "core/thing.c", "    /* RELEASE [E1 give]: pairs with take(). */\n", "", "no release end"),
    ("edges", "core/thing.c", "E1 give   give()", "E2 give   give()", "no EDGES list has [E1 give]"),
    ("edges", "core/thing.c", "E1 give   give()", "E2 give   give()", "edge E2 give has no"),
    ("explored", "tests/explore/test_explore_thing.c", '"thing", ', "", "its edges are not explored"),
    ("orders", "core/thing.c", "    /* RELAXED: a guess. */\n", "", "does not say why"),
    ("orders", "core/thing.c", "/* RELEASE [E1 give]: pairs with take(). */", "", "release without the label"),
    ("architecture", "ARCHITECTURE.md", "core/thing.*", "core/thong.*", "no such file: core/thong.*"),
    ("architecture", "ARCHITECTURE.md", "core/thing.*", "core/order.h", "does not name core/thing.c"),
    ("below", "tools/main.c", '"core/order.h"', '"core/thing.h"', "does not let tools/ include core/thing.h"),
    ("below", "tools/main.c", '#include "core/order.h"\n', "", "tools/ does not include core/order.h"),
    ("options", "tools/grep_option_table.c", 'FLAG(', """FLAG('w', "word-regexp", OPTION_WORD),\n    FLAG(""", "GREP does not have -w"),
    ("options", "tools/grep_option_table.c", "OPTION_INVERT", "OPTION_NOT_YET", "does not have -v of tools/grep_option_table.c as not there yet"),
    ("options", "tools/main.c", '"--stats"', '"--statistics"', "does not have --statistics"),
    ("options", "man/trove.1", "stats", "statistics", "names --statistics, which no table has"),
    ("options", "README.md", "`-v`", "`-v --and`", "--and is not there yet"),
    ("options", "tools/main.c", '"HOME"', '"HOUSE"', "no manual page names the variable HOUSE"),
    ("calls", "include/trove/base.h", "trove_do(", "trove_do_more(", "does not name trove_do_more()"),
    ("calls", "include/trove/base.h", "trove_do(", "trove_do_more(", "names trove_do()"),
    ("manuals", "man/trove.1", ".B HOME", ".BX HOME", "BX"),
    ("references", "ARCHITECTURE.md", "test_it.c", "test_its.c", "no such file: tests/unit/test_its.c"),
    ("references", "core/thing.c", "a thing.", "a thing; see core/order.c.", "no such file: core/order.c"),
]


def broken(rule, tree):
    lint.RULES[rule](tree)
    return tree.breaches


def write(root, files):
    for path, text in files.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)


def main():
    failures = []
    with open(os.path.join(os.path.dirname(__file__), "../../.clang-format"), encoding="utf-8") as file:
        GOOD[".clang-format"] = file.read()
    with tempfile.TemporaryDirectory() as root:
        write(root, GOOD)
        for rule in lint.RULES:
            if broken(rule, Tree(root)):
                failures.append("%s finds something in the good tree: %s" % (rule, broken(rule, Tree(root))[0]))
    for rule, path, old, new, words in PLANTED:
        with tempfile.TemporaryDirectory() as root:
            text = GOOD.get(path, "")
            if old is not None and old not in text:
                failures.append("nothing to replace in %s: %s" % (path, old))
            write(root, dict(GOOD, **{path: text.replace(old, new, 1) if old is not None else text + new}))
            found = broken(rule, Tree(root))
            if not any(words in breach for breach in found):
                failures.append("%s does not see %r in %s; it says %s" % (rule, new, path, found))
    for rule in set(lint.RULES) - {planted[0] for planted in PLANTED}:
        failures.append("nothing is planted for " + rule)
    for failure in failures:
        print(failure)
    print("%d rules, %d breaches planted, %d failures" % (len(lint.RULES), len(PLANTED), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
