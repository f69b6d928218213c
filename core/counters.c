// SPDX-License-Identifier: MIT
/*
 * counters.c - striped counters. See counters.h.
 */
#include "core/counters.h"
#include "core/rcu.h"

/* Which stripe a thread adds to: handed out in turn. One static word for the process, because threads are the process's
 * and not a cache's. */
static atomic_uint stripes_given;
static _Thread_local unsigned stripe_plus_one; /* 0: none yet */

unsigned trove__thread_stripe(void)
{
    if (stripe_plus_one == 0) {
        trove__thread_know();
        /* RELAXED: only the spread of threads over stripes depends on it. */
        stripe_plus_one = trove__add_relaxed(&stripes_given, 1) % TROVE__COUNTER_STRIPES + 1;
    }
    return stripe_plus_one - 1;
}

void trove__counters_init(struct trove__counters *counters)
{
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        for (unsigned c = 0; c < TROVE__COUNTERS; c++)
            atomic_init(&counters->stripes[s].values[c], 0);
}

void trove__counters_add(struct trove__counters *counters, enum trove__counter which, uint64_t n)
{
    /* RELAXED: a sum, nothing is handed over. */
    trove__add_relaxed(&counters->stripes[trove__thread_stripe()].values[which], n);
}

uint64_t trove__counters_sum(const struct trove__counters *counters, enum trove__counter which)
{
    uint64_t sum = 0;

    /* RELAXED: see counters.h for what a sum means. */
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        sum += trove__load_relaxed(&counters->stripes[s].values[which]);
    return sum;
}

uint64_t trove__counters_gauge(const struct trove__counters *counters, enum trove__counter which)
{
    uint64_t sum = trove__counters_sum(counters, which);

    return sum <= INT64_MAX ? sum : 0;
}
