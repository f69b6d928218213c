// SPDX-License-Identifier: MIT
/*
 * census.h - how much of a tree is selected and not yet cached: what the plan of requests depends on.
 */
#ifndef TROVE_GREP_CENSUS_H
#define TROVE_GREP_CENSUS_H

#include "grep/text.h"
#include "grep/trees.h"

struct trove__census {
    struct trove *cache;
    bool complete;  /* in: all trees are at hand, so whole folders can be looked into */
    uint64_t total; /* blobs in all the trees that could be seen */
    uint64_t selected,
        in_whole; /* blobs wanted and missing; of these, in folders selected as a whole */
    struct trove_want *folders; /* the topmost such folders that miss something; own */
    size_t folder_count, folder_capacity;
    /* While it is taken. */
    struct trove__text whole; /* the path of the whole folder we are in, with its slash */
    bool folder_noted;        /* it is in `folders` */
    struct trove_oid folder_id;
};

void trove__census_init(struct trove__census *census, struct trove *cache);
void trove__census_reset(struct trove__census *census); /* counts from zero; `complete` stays */
void trove__census_deinit(struct trove__census *census);

/* Counts below ROOT. 0, or as trove__walk(). */
int trove__census_take(struct trove__census *census, struct trove__trees *trees,
                       struct trove_object *root, struct trove__pathspec *pathspec,
                       const struct trove__walk_limits *limits, struct trove_error *err);

#endif
