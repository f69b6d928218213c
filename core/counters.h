// SPDX-License-Identifier: MIT
/*
 * counters.h - counters of one cache that many threads add to and nobody stops for: each thread adds to a stripe of its
 * own (shared only past the number of stripes), a reader sums the stripes.
 *
 * A sum is exact when nothing runs; meanwhile it is some value between the true ones at the call's begin and end, for
 * each counter by itself. Gauges are counters that also go down, by adding the two's complement. Their sum may be off by
 * what changed during the call, because a rise in a stripe that was read already is missed and the fall that followed it in
 * another is not; so it may fall below nothing, which trove__counters_gauge() gives as 0.
 *
 * PROGRESS  wait-free.
 * TESTS     tests/stepped/test_stopped_cache.c (a sum beside a rise and a fall at each of its steps).
 */
#ifndef TROVE_CORE_COUNTERS_H
#define TROVE_CORE_COUNTERS_H

#include "core/order.h"
#include <stdint.h>

enum trove__counter {
    /* what is missing: resolve and the fetch threads */
    TROVE__COUNT_HITS,
    TROVE__COUNT_MISSES,
    TROVE__COUNT_REQUESTS,
    TROVE__COUNT_FETCHED,
    TROVE__COUNT_JOINED,
    TROVE__COUNT_UNCACHED,
    TROVE__COUNT_ABSENT,
    TROVE__COUNT_FAILED,
    TROVE__COUNT_FLIGHTS_NOW,    /* gauge */
    TROVE__COUNT_INFLIGHT_BYTES, /* gauge */
    /* what is cached */
    TROVE__COUNT_PUTS,
    TROVE__COUNT_EVICTIONS,
    TROVE__COUNT_OVERFULLS,
    TROVE__COUNT_OVERFULLS_DEFERRED,
    TROVE__COUNT_OBJECTS,      /* gauge */
    TROVE__COUNT_OBJECT_BYTES, /* gauge */
    /* what is read, if it is to be counted */
    TROVE__COUNT_HAS_CALLS,
    TROVE__COUNT_HAS_FOUND,
    TROVE__COUNT_GET_CALLS,
    TROVE__COUNT_GET_FOUND,
    TROVE__COUNTERS,
};

#define TROVE__COUNTER_STRIPES 16

struct trove__counters {
    struct {
        _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong values[TROVE__COUNTERS];
    } stripes[TROVE__COUNTER_STRIPES];
};

/* The stripe of the calling thread, 0 to TROVE__COUNTER_STRIPES - 1. */
unsigned trove__thread_stripe(void);

void trove__counters_init(struct trove__counters *counters);
/* The calling thread's values, for who adds to several: with trove__add_relaxed(). */
static inline atomic_ulong *trove__counters_mine(struct trove__counters *counters)
{
    return counters->stripes[trove__thread_stripe()].values;
}

void trove__counters_add(struct trove__counters *counters, enum trove__counter which, uint64_t n);
uint64_t trove__counters_sum(const struct trove__counters *counters, enum trove__counter which);
uint64_t trove__counters_gauge(const struct trove__counters *counters, enum trove__counter which);

#endif
