// SPDX-License-Identifier: MIT
/*
 * ahead.h - what threads have taken ahead of need from a sum that only so much can be taken from, or that must never be too
 * low: a stripe each. So a sum that every writer adds to is written once for many of them.
 *
 * INVARIANTS  A1 what lies in a stripe is in the sum. It is used by leaving the stripe, or given back by leaving the stripe and
 *             then the sum.
 * EDGES       none: counts hand nothing over. RELAXED throughout is enough: a word's modification order alone decides what is
 *             taken from it.
 * PROGRESS    lock-free: an exchange fails only when another thread of the stripe used some, or somebody gave it back.
 * TESTS       tests/unit/test_sum.c; tests/explore/test_explore_queue.c, by the budget
 */
#ifndef TROVE_CORE_AHEAD_H
#define TROVE_CORE_AHEAD_H

#include "core/counters.h"
#include <stdbool.h>

struct trove__ahead {
    struct {
        _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong left;
    } stripes[TROVE__COUNTER_STRIPES];
};

static inline void trove__ahead_init(struct trove__ahead *ahead)
{
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        atomic_init(&ahead->stripes[s].left, 0);
}

/* N of what this stripe has, if it has as much. */
static inline bool trove__ahead_use(struct trove__ahead *ahead, uint64_t n)
{
    atomic_ulong *left = &ahead->stripes[trove__thread_stripe()].left;
    unsigned long seen = trove__load_relaxed(left); /* RELAXED: a guess, the exchange checks it */

    do {
        if (seen < n)
            return false;
    } while (!trove__cas_relaxed(left, &seen, seen - n)); /* RELAXED: see EDGES */
    return true;
}

/* N, which the caller has added to the sum, are for this stripe. */
static inline void trove__ahead_keep(struct trove__ahead *ahead, uint64_t n)
{
    trove__add_relaxed(&ahead->stripes[trove__thread_stripe()].left, n); /* RELAXED: see EDGES */
}

/* Takes all stripes' away. The caller takes it off the sum. */
static inline uint64_t trove__ahead_collect(struct trove__ahead *ahead)
{
    uint64_t n = 0;

    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        if (trove__load_relaxed(&ahead->stripes[s].left) != 0) /* RELAXED, both: see EDGES */
            n += trove__exchange_relaxed(&ahead->stripes[s].left, 0);
    return n;
}

/* How much that is: a sample. */
static inline uint64_t trove__ahead_look(const struct trove__ahead *ahead)
{
    uint64_t n = 0;

    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        n += trove__load_relaxed(&ahead->stripes[s].left); /* RELAXED: a sample */
    return n;
}

#endif
