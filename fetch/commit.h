// SPDX-License-Identifier: MIT
/*
 * commit.h - what of a commit object leads on: its tree and its parents.
 */
#ifndef TROVE_FETCH_COMMIT_H
#define TROVE_FETCH_COMMIT_H

#include <trove/error.h>
#include <trove/oid.h>

struct trove__commit {
    struct trove_oid tree;
    size_t parent_count;
    const char *parents; /* borrowed from the commit's bytes; see trove__commit_parent() */
    enum trove_algo algo;
};

/* Reads the head of a commit. DATA (SIZE bytes) is borrowed for as long as *RET_COMMIT is used. Takes and refuses what
 * git takes and refuses up to the last parent; the rest is not looked at. Returns 0 or -EPROTO. */
int trove__commit_parse(enum trove_algo algo, const void *data, size_t size,
                        struct trove__commit *ret_commit, struct trove_error *err);

/* Parent INDEX, from 0. Returns 0, or -ENOENT when there are not so many. */
int trove__commit_parent(const struct trove__commit *commit, size_t index,
                         struct trove_oid *ret_id);

#endif
