// SPDX-License-Identifier: MIT
/*
 * tree_print.h - a tree as `git ls-tree` lists it.
 */
#ifndef TROVE_TOOLS_TREE_PRINT_H
#define TROVE_TOOLS_TREE_PRINT_H

#include <stdio.h>
#include <trove/error.h>
#include <trove/object.h>

/* "<mode> <type> <id>\t<name>\n" for each entry of TREE. QUOTE_FULLY is core.quotePath.
 * Returns 0, -EPROTO (no tree that git could read), -ENOMEM. */
int trove__tree_print(enum trove_algo algo, const struct trove_object *tree, bool quote_fully,
                      FILE *out, struct trove_error *err);

#endif
