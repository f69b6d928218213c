// SPDX-License-Identifier: MIT
/*
 * ls_tree_rows.h - the lines of ls-tree. Those with sizes wait for the blobs of some lines together.
 */
#ifndef TROVE_TOOLS_LS_TREE_ROWS_H
#define TROVE_TOOLS_LS_TREE_ROWS_H

#include "grep/text.h"
#include "grep/walk.h"
#include <stdio.h>
#include <trove/cache.h>

enum trove__row_form {
    TROVE__ROW_PLAIN, /* mode, type, id, name */
    TROVE__ROW_LONG,  /* and the size of blobs */
    TROVE__ROW_NAME,
    TROVE__ROW_OBJECT, /* the id alone */
};

#define TROVE__ROWS_WAITING 256

struct trove__row {
    struct trove_oid id;
    uint32_t mode;
    size_t path_offset, path_length; /* in `paths` */
};

struct trove__rows {
    enum trove__row_form form;
    bool nul;           /* lines end with NUL and names are not quoted */
    bool quote_fully;   /* core.quotePath */
    const char *folder; /* names are written from here: "" or with a slash at its end */
    FILE *out;
    struct trove *cache; /* for sizes */
    const struct trove_until *until;
    struct trove__row waiting[TROVE__ROWS_WAITING];
    size_t waiting_count;
    struct trove__text paths; /* of the waiting */
    struct trove__text name;  /* of the line being built, written from the folder */
    struct trove__text line;  /* being built */
};

/* Form and nul stay as they are. */
void trove__rows_init(struct trove__rows *rows, FILE *out);
void trove__rows_deinit(struct trove__rows *rows);

/* 0, or a negative errno with *ERR set. */
int trove__rows_add(struct trove__rows *rows, const struct trove__walk_entry *entry,
                    struct trove_error *err);
/* Prints what waits. */
int trove__rows_flush(struct trove__rows *rows, struct trove_error *err);

#endif
