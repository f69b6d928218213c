// SPDX-License-Identifier: MIT
/*
 * aside.h - texts put aside in a temporary file until it is their turn.
 *
 * ROLES   any thread puts; a list has one user at a time.
 * LIMITS  the file takes `max_bytes`, counted up to its end: room is used again once nothing is aside.
 */
#ifndef TROVE_GREP_ASIDE_H
#define TROVE_GREP_ASIDE_H

#include "grep/text.h"
#include <stdint.h>
#include <trove/error.h>

struct trove__aside;

/* What one text, or the pieces of a long one, have become. All zero is none. */
struct trove__aside_list {
    struct trove__aside_piece *pieces;
    size_t count, capacity;
};

/* 0 or -ENOMEM. There is no file before there is something to put aside. */
int trove__aside_create(uint64_t max_bytes, struct trove__aside **ret);
void trove__aside_destroy(struct trove__aside *aside); /* NULL is fine */

/* Adds a copy of TEXT to LIST. 1; 0: it would be more than `max_bytes`; or an error of the file, or of memory. */
int trove__aside_put(struct trove__aside *aside, const struct trove__text *text,
                     struct trove__aside_list *list, struct trove_error *err);

/* As trove__text_write() for all of LIST; a failure of WRITE leaves ERR alone, one of the file sets it. */
int trove__aside_write(struct trove__aside *aside, const struct trove__aside_list *list,
                       bool earlier, const char *mark, size_t mark_size, trove__text_writer write,
                       void *context, struct trove_error *err);

/* Gives LIST up: it is all zero again. */
void trove__aside_drop(struct trove__aside *aside, struct trove__aside_list *list);

#endif
