// SPDX-License-Identifier: MIT
/*
 * header_line.h - the lines that commits and tags begin with.
 */
#ifndef TROVE_FETCH_HEADER_LINE_H
#define TROVE_FETCH_HEADER_LINE_H

#include <trove/oid.h>

/* Reads "<KEY><hex id>\n" at TEXT (SIZE bytes). Returns 1 with *RET_ID and *RET_USED set, 0 when the line does not begin
 * with KEY, -EPROTO when it does and no id and newline follow. */
int trove__header_id(enum trove_algo algo, const char *key, const char *text, size_t size,
                     struct trove_oid *ret_id, size_t *ret_used);

#endif
