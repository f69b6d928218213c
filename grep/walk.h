// SPDX-License-Identifier: MIT
/*
 * walk.h - the paths below a tree, in git's order, as far as pathspecs select them. Trees come from whoever has them.
 */
#ifndef TROVE_GREP_WALK_H
#define TROVE_GREP_WALK_H

#include "fetch/tree.h"
#include "grep/pathspec.h"
#include <trove/object.h>

#define TROVE__WALK_AHEAD 64 /* most trees asked for at once */

/* Where trees come from. */
struct trove__walk_trees {
    void *context;
    /* The tree, if it is at hand (own: unpinned by the walk), else NULL. May be NULL itself. */
    struct trove_object *(*ready)(void *context, const struct trove_oid *id);
    /* Waits for the tree IDS[0]; the others will be wanted soon. *RET is own. 0, or a negative errno with *ERR set. */
    int (*bring)(void *context, const struct trove_oid *ids, size_t count,
                 struct trove_object **ret, struct trove_error *err);
};

/* What is found. PATH ends with NUL, not counted; borrowed for the call. */
struct trove__walk_entry {
    const char *path;
    size_t length;
    uint32_t mode;
    struct trove_oid id;
    bool whole; /* of a folder: all that is in it is selected */
};

/* What to do with a folder: go into it, or not; a negative errno ends the walk. */
enum { TROVE__WALK_PASS = 0, TROVE__WALK_ENTER = 1 };

struct trove__walk_visitor {
    void *context;
    /* A folder that is selected or may hold what is. NULL: all are entered. */
    int (*folder)(void *context, const struct trove__walk_entry *entry, struct trove_error *err);
    /* A file, link or gitlink that is selected. Non-zero ends the walk with that result. */
    int (*file)(void *context, const struct trove__walk_entry *entry, struct trove_error *err);
};

/* Bounds on what a tree may do to the walk: past one of them it ends with -EFBIG. */
struct trove__walk_limits {
    uint32_t max_depth; /* folders in folders */
    size_t max_path;    /* bytes of a path */
    uint64_t
        max_paths; /* paths seen in all: a tree of a few hundred bytes can name more than there are atoms */
};

void trove__walk_limits_init(struct trove__walk_limits *limits); /* 2048; 64 KiB; 32 million */

/*
 * Walks the tree ROOT (borrow, pinned). Entries are borrowed for the call that gets them. Returns 0 at the end; what the
 * visitor returned; -EPROTO for a tree that cannot be read, -EFBIG for a limit, -ENOMEM, or what bring() failed with.
 */
int trove__walk(struct trove_object *root, enum trove_algo algo, struct trove__pathspec *pathspec,
                const struct trove__walk_trees *trees, const struct trove__walk_visitor *visitor,
                const struct trove__walk_limits *limits, struct trove_error *err);

#endif
