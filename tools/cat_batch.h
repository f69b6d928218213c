// SPDX-License-Identifier: MIT
/*
 * cat_batch.h - `cat-file --batch` and `--batch-check`: names in, objects out, in the order of the names.
 */
#ifndef TROVE_TOOLS_CAT_BATCH_H
#define TROVE_TOOLS_CAT_BATCH_H

#include "common.h"

struct trove__cat_batch_options {
    const char *format; /* checked */
    bool contents;      /* --batch */
    bool buffered;      /* --buffer: output may wait */
    bool uses_rest;     /* names end at the first blank */
    char line_end;      /* of the input */
};

/* Reads names from standard input until it ends. TOOL is open. Returns the exit status, its message printed. */
int trove__cat_batch(struct trove__tool *tool, const struct trove__cat_batch_options *options);

#endif
