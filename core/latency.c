// SPDX-License-Identifier: MIT
/*
 * latency.c - histograms of times: log-linear buckets, one set for each stripe of threads, summed by who reads.
 *
 * INVARIANTS I1 a histogram is made once for a stripe and a kind, and lives as long as its cache. I2 its words only grow.
 * EDGES      E1 histogram   histogram_of() release -> histogram_of(), sum acquire   zeroed words
 *            The words themselves are relaxed: sums, each by itself.
 * PROGRESS   recording is wait-free but for the allocator, the first time; without memory a time is lost. Summing is wait-free.
 * LIMITS     A stripe is shared past TROVE__COUNTER_STRIPES threads.
 * TESTS      tests/unit/test_latency.c, tests/stress/test_telemetry_stress.c
 */
#include "core/memory.h"
#include "core/telemetry.h"
#include <string.h>

#define EXACT_BITS 3 /* buckets to a power of two, as a power of two */
#define EXACT (1u << EXACT_BITS)

struct trove__histogram {
    atomic_ulong sum_ns;
    atomic_ulong buckets[TROVE_LATENCY_BUCKETS];
};

/* --- buckets ------------------------------------------------------------------------------------------------------ */

/* Bucket 0 to 7: 1 to 8 ns. From there each power of two has eight, by the three bits below the highest of NS - 1. */
static unsigned bucket_of(uint64_t ns)
{
    uint64_t below = ns > 0 ? ns - 1 : 0;
    unsigned power, index;

    if (below < EXACT)
        return (unsigned)below;
    power = 63 - (unsigned)__builtin_clzll(below) - EXACT_BITS; /* from 0 */
    index = (power << EXACT_BITS) + (unsigned)(below >> power);
    return index < TROVE_LATENCY_BUCKETS ? index : TROVE_LATENCY_BUCKETS - 1;
}

uint64_t trove_latency_bound(unsigned index)
{
    unsigned power = index >> EXACT_BITS;

    if (index >= TROVE_LATENCY_BUCKETS - 1)
        return UINT64_MAX;
    if (power == 0)
        return index + 1;
    return (uint64_t)(EXACT + (index & (EXACT - 1)) + 1) << (power - 1);
}

/* --- recording ---------------------------------------------------------------------------------------------------- */

static struct trove__histogram *histogram_of(struct trove__telemetry *telemetry,
                                             enum trove_latency_of of)
{
    _Atomic(struct trove__histogram *) *place = &telemetry->histograms[trove__thread_stripe()][of];
    /* ACQUIRE [E1 histogram]: pairs with the CAS below. */
    struct trove__histogram *there = trove__load_acquire(place), *fresh;

    if (there != NULL)
        return there;
    fresh = trove__calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return NULL;
    /* ACQ_REL [E1 histogram]: hands it over, or takes what another thread of the stripe made. Pairs with itself. */
    if (trove__cas_acq_rel(place, &there, fresh))
        return fresh;
    trove__free(fresh);
    return there;
}

void trove__latency_record(struct trove__telemetry *telemetry, enum trove_latency_of of,
                           uint64_t ns)
{
    struct trove__histogram *histogram = histogram_of(telemetry, of);

    if (histogram == NULL)
        return;
    /* RELAXED, both: sums. */
    trove__add_relaxed(&histogram->buckets[bucket_of(ns)], 1);
    trove__add_relaxed(&histogram->sum_ns, ns);
}

void trove__latency_deinit(struct trove__telemetry *telemetry)
{
    /* RELAXED: nobody else is left. */
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        for (unsigned of = 0; of < TROVE_LATENCIES; of++)
            trove__free(trove__load_relaxed(&telemetry->histograms[s][of]));
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void add(struct trove_latency *sum, struct trove__histogram *histogram)
{
    /* RELAXED: sums, each of some moment. */
    for (unsigned i = 0; i < TROVE_LATENCY_BUCKETS; i++) {
        uint64_t n = trove__load_relaxed(&histogram->buckets[i]);

        sum->buckets[i] += n;
        sum->count += n;
    }
    sum->sum_ns += trove__load_relaxed(&histogram->sum_ns);
}

void trove__latency_sum(const struct trove__telemetry *telemetry, enum trove_latency_of of,
                        struct trove_latency *ret_latency)
{
    memset(ret_latency, 0, sizeof(*ret_latency));
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++) {
        /* ACQUIRE [E1 histogram]: pairs with histogram_of(). */
        struct trove__histogram *histogram =
            trove__load_acquire(&((struct trove__telemetry *)telemetry)->histograms[s][of]);

        if (histogram != NULL)
            add(ret_latency, histogram);
    }
}

uint64_t trove_latency_quantile(const struct trove_latency *latency, double q)
{
    double share = q < 0 ? 0 : q > 1 ? 1 : q;
    uint64_t seen = 0, wanted;

    if (latency->count == 0)
        return 0;
    wanted = (uint64_t)(share * (double)latency->count);
    if ((double)wanted < share * (double)latency->count || wanted == 0)
        wanted++;
    for (unsigned i = 0; i < TROVE_LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen >= wanted)
            return trove_latency_bound(i);
    }
    return trove_latency_bound(TROVE_LATENCY_BUCKETS - 1);
}
