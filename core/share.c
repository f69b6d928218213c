// SPDX-License-Identifier: MIT
/*
 * share.c - how much of the objects' bytes the small queue has. See share.h.
 */
#include "core/share.h"

#define FIRST (TROVE__SHARE_ALL / 10)
#define LEAST (TROVE__SHARE_ALL / 20)
#define MOST (TROVE__SHARE_ALL / 20 * 19)
#define STEP_OBJECTS 20 /* of average size; measured on traces: less learns late, more swings */

void trove__share_init(struct trove__share *share)
{
    atomic_init(&share->part, FIRST);
}

uint64_t trove__share_of(const struct trove__share *share, uint64_t bytes)
{
    uint64_t part = trove__load_relaxed(&share->part); /* RELAXED: see EDGES */

    return bytes / TROVE__SHARE_ALL * part + bytes % TROVE__SHARE_ALL * part / TROVE__SHARE_ALL;
}

void trove__share_learn(struct trove__share *share, bool from_small, uint64_t objects)
{
    uint64_t step = TROVE__SHARE_ALL * STEP_OBJECTS / (objects + 1);
    uint64_t part = trove__load_relaxed(&share->part); /* RELAXED, both: see EDGES */

    if (from_small)
        part = step < MOST - part ? part + step : MOST;
    else
        part = step < part - LEAST ? part - step : LEAST;
    trove__store_relaxed(&share->part, part);
}
