// SPDX-License-Identifier: MIT
/*
 * ghosts.h - which ids were evicted not long ago: a fixed array of words, charged to the budget.
 */
#ifndef TROVE_CORE_GHOSTS_H
#define TROVE_CORE_GHOSTS_H

#include "core/budget.h"
#include "core/table.h"
#include "core/worth.h"

struct trove__ghosts {
    /* READ-MOSTLY */
    atomic_uint *words;
    uint64_t mask;
    unsigned tick_shift;
    uint64_t tick_bytes;
    /* SHARED-HOT */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong evictions; /* a clock; of those remembered */
    atomic_ulong bytes[2]; /* the same in bytes, of small and of main */
};

struct trove__ghost {
    enum trove__leaver kind;
    bool
        recent; /* since then not much was evicted from that queue: a little more of it would have kept the object */
};

/* What the ghosts of a cache of MAX_BYTES are charged with. */
uint64_t trove__ghosts_bytes(uint64_t max_bytes);
/* Charges BUDGET, and takes its live_max for what objects have. 0, -ENOMEM (nothing to deinit). */
int trove__ghosts_init(struct trove__ghosts *ghosts, uint64_t max_bytes,
                       struct trove__budget *budget);
void trove__ghosts_deinit(struct trove__ghosts *ghosts, struct trove__budget *budget);

static inline bool trove__leaver_of_main(enum trove__leaver kind)
{
    return kind >= TROVE__LEAVER_IDLE;
}

/* The object with HASH, of BYTES, is evicted as KIND. */
void trove__ghosts_remember(struct trove__ghosts *ghosts, uint64_t hash, enum trove__leaver kind,
                            uint64_t bytes);
/* Changes with each eviction that is remembered. */
static inline uint64_t trove__ghosts_turn(struct trove__ghosts *ghosts)
{
    return trove__load_relaxed(&ghosts->evictions); /* RELAXED: a clock */
}
/* Starts loading what recall of HASH reads. */
void trove__ghosts_prefetch(struct trove__ghosts *ghosts, uint64_t hash);
/* Was HASH evicted within about as many evictions as TABLE has objects? Forgets it. *RET_GHOST is set only then. */
bool trove__ghosts_recall(struct trove__ghosts *ghosts, struct trove__table *table, uint64_t hash,
                          struct trove__ghost *ret_ghost);

#endif
