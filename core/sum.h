// SPDX-License-Identifier: MIT
/*
 * sum.h - a sum that many threads change and some look at: what a thread adds stays in its stripe until that is worth a
 * write to the word that everybody reads. So writers rarely meet, and a look is one load.
 *
 * INVARIANTS  M1 the total and the parts together are the sum. A part is at most SLACK, either way; 0 keeps the total exact.
 * EDGES       none: sums hand nothing over. RELAXED throughout.
 * PROGRESS    wait-free.
 * LIMITS      A look may be off by SLACK for each stripe, and by what is just on its way from one to the total.
 * TESTS       tests/unit/test_sum.c
 */
#ifndef TROVE_CORE_SUM_H
#define TROVE_CORE_SUM_H

#include "core/counters.h"

struct trove__sum {
    /* READ-MOSTLY */
    long slack;
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_long total;
    struct {
        _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_long part;
    } stripes[TROVE__COUNTER_STRIPES];
};

static inline void trove__sum_init(struct trove__sum *sum, long slack)
{
    sum->slack = slack;
    atomic_init(&sum->total, 0);
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        atomic_init(&sum->stripes[s].part, 0);
}

static inline void trove__sum_add(struct trove__sum *sum, long n)
{
    if (sum->slack != 0) {
        atomic_long *part = &sum->stripes[trove__thread_stripe()].part;
        long now = trove__add_relaxed(part, n) + n; /* RELAXED, all: see EDGES */

        if (now <= sum->slack && now >= -sum->slack)
            return;
        n = trove__exchange_relaxed(part, 0);
    }
    trove__add_relaxed(&sum->total, n);
}

/* About what it is; never below 0. */
static inline uint64_t trove__sum_look(const struct trove__sum *sum)
{
    long total = trove__load_relaxed(&sum->total); /* RELAXED: see EDGES */

    return total > 0 ? (uint64_t)total : 0;
}

#endif
