// SPDX-License-Identifier: MIT
/*
 * ghosts.h - which ids were evicted not long ago: a fixed array of words, charged to the budget.
 */
#ifndef TROVE_CORE_GHOSTS_H
#define TROVE_CORE_GHOSTS_H

#include "core/budget.h"
#include "core/table.h"

struct trove__ghosts {
    /* READ-MOSTLY */
    atomic_uint *words;
    uint64_t mask;
    unsigned tick_shift;
    /* SHARED-HOT */
    _Alignas(TROVE__FALSE_SHARING_BYTES)
        atomic_ulong evictions; /* the clock; of those remembered */
};

/* What the ghosts of a cache of MAX_BYTES are charged with. */
uint64_t trove__ghosts_bytes(uint64_t max_bytes);
/* 0, -ENOMEM (nothing to deinit). */
int trove__ghosts_init(struct trove__ghosts *ghosts, uint64_t max_bytes,
                       struct trove__budget *budget);
void trove__ghosts_deinit(struct trove__ghosts *ghosts, struct trove__budget *budget);

/* The object with HASH is evicted. */
void trove__ghosts_remember(struct trove__ghosts *ghosts, uint64_t hash);
/* Was HASH evicted within about as many evictions as TABLE has objects? Forgets it. */
bool trove__ghosts_recall(struct trove__ghosts *ghosts, struct trove__table *table, uint64_t hash);

#endif
