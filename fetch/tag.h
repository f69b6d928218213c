// SPDX-License-Identifier: MIT
/*
 * tag.h - what an annotated tag points at.
 */
#ifndef TROVE_FETCH_TAG_H
#define TROVE_FETCH_TAG_H

#include <trove/error.h>
#include <trove/oid.h>

struct trove__tag {
    struct trove_oid target;
    enum trove_type type; /* of the target */
};

/* Reads the head of a tag object: "object <id>\ntype <name>\n". Returns 0 or -EPROTO. */
int trove__tag_parse(enum trove_algo algo, const void *data, size_t size,
                     struct trove__tag *ret_tag, struct trove_error *err);

#endif
