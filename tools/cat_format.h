// SPDX-License-Identifier: MIT
/*
 * cat_format.h - the formats of `cat-file --batch=` and `--batch-check=`: %(objectname) and the like.
 */
#ifndef TROVE_TOOLS_CAT_FORMAT_H
#define TROVE_TOOLS_CAT_FORMAT_H

#include <stdio.h>
#include <trove/git.h>

/* What a line can say about an object. */
struct trove__cat_facts {
    const char *name; /* the id in hex */
    enum trove_type type;
    uint64_t size;
    const char *rest; /* what follows the name in the input */
};

/* Is FORMAT one that can be printed? Returns 0, or an errno with *ERR saying what is wrong with it. *RET_USES_REST tells
 * whether input lines end at their first blank. */
int trove__cat_format_check(const char *format, bool *ret_uses_rest, struct trove_error *err);

/* Writes FORMAT, which was checked, and a newline. */
void trove__cat_format_print(const char *format, const struct trove__cat_facts *facts, FILE *out);

#endif
