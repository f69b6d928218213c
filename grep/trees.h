// SPDX-License-Identifier: MIT
/*
 * trees.h - the trees of a walk, out of the cache, with those that are missing asked for some at a time.
 */
#ifndef TROVE_GREP_TREES_H
#define TROVE_GREP_TREES_H

#include "grep/walk.h"
#include <trove/cache.h>

/* The most trees that may lie ready; more are given up, and asked for again when they are needed. */
#define TROVE__TREES_READY (4 * TROVE__WALK_AHEAD)

struct trove__trees {
    struct trove *cache;
    struct trove_stream *stream;
    const struct trove_until *until;
    bool cached_only; /* what is not cached is -ENOENT */
    /* Called before waiting; may be NULL. */
    int (*before_wait)(void *context);
    void *wait_context;
    struct trove_object *ready[TROVE__TREES_READY];
    size_t ready_count;
    bool through_commit; /* out: peeling came by one */
};

/* CACHE and UNTIL are borrowed until deinit, as is WITHIN (may be NULL), a fetch that is expected to bring the trees. */
int trove__trees_init(struct trove__trees *trees, struct trove *cache, struct trove_fetch *within,
                      const struct trove_until *until, struct trove_error *err);
void trove__trees_deinit(struct trove__trees *trees);

/* What the walk is given. */
struct trove__walk_trees trove__trees_supplier(struct trove__trees *trees);

/* Any one object, not only a tree; own. 0, or a negative errno with *ERR set. */
int trove__trees_object(struct trove__trees *trees, const struct trove_oid *id,
                        enum trove_type type, struct trove_object **ret, struct trove_error *err);

/* The tree or blob that ROOT stands for, through tags and a commit; own. 0, or a negative errno with *ERR set. */
int trove__trees_peel(struct trove__trees *trees, const struct trove_want *root,
                      struct trove_object **ret, struct trove_error *err);

#endif
