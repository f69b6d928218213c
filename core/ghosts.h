// SPDX-License-Identifier: MIT
/*
 * ghosts.h - which ids were evicted not long ago: a fixed array of words, charged to the budget.
 */
#ifndef TROVE_CORE_GHOSTS_H
#define TROVE_CORE_GHOSTS_H

#include "core/budget.h"
#include "core/table.h"

enum trove__ghost_origin {
    TROVE__GHOST_OF_SMALL,
    TROVE__GHOST_OF_MAIN,
};

struct trove__ghosts {
    /* READ-MOSTLY */
    atomic_uint *words;
    uint64_t mask;
    unsigned tick_shift;
    uint64_t tick_bytes;
    /* SHARED-HOT */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong evictions; /* a clock; of those remembered */
    atomic_ulong bytes[2];                                       /* the same in bytes, by origin */
};

struct trove__ghost {
    enum trove__ghost_origin origin;
    bool
        recent; /* since then not much was evicted from that queue: a little more of it would have kept the object */
};

/* What the ghosts of a cache of MAX_BYTES are charged with. */
uint64_t trove__ghosts_bytes(uint64_t max_bytes);
/* Charges BUDGET, and takes its live_max for what objects have. 0, -ENOMEM (nothing to deinit). */
int trove__ghosts_init(struct trove__ghosts *ghosts, uint64_t max_bytes,
                       struct trove__budget *budget);
void trove__ghosts_deinit(struct trove__ghosts *ghosts, struct trove__budget *budget);

/* The object with HASH, of BYTES, is evicted. */
void trove__ghosts_remember(struct trove__ghosts *ghosts, uint64_t hash,
                            enum trove__ghost_origin origin, uint64_t bytes);
/* Starts loading what recall of HASH reads. */
void trove__ghosts_prefetch(struct trove__ghosts *ghosts, uint64_t hash);
/* Was HASH evicted within about as many evictions as TABLE has objects? Forgets it. *RET_GHOST is set only then. */
bool trove__ghosts_recall(struct trove__ghosts *ghosts, struct trove__table *table, uint64_t hash,
                          struct trove__ghost *ret_ghost);

#endif
