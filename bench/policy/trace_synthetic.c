// SPDX-License-Identifier: MIT
/*
 * trace_synthetic.c - traces made by formula: Zipf, loop, scan, and mixtures. The same in each run.
 *
 * Sizes are like those of git's objects: most some hundred bytes to some kilobytes, few much larger.
 */
#include "bench/keys.h"
#include "trace.h"
#include <math.h>
#include <stdlib.h>
#include <trove/object.h>

/* From 0 to below 1. */
static double random_of(uint64_t n)
{
    return (double)(bench_mix(n * 2 + 1) >> 11) * 0x1p-53;
}

/* A third commits and trees of some hundred bytes, the others blobs with a long tail. */
static uint64_t size_of(uint64_t key, unsigned *ret_type)
{
    double u = random_of(key ^ 0x5eed), v = random_of(key ^ 0xface);

    *ret_type = u < .2 ? TROVE_COMMIT : u < .4 ? TROVE_TREE : TROVE_BLOB;
    if (*ret_type == TROVE_COMMIT)
        return 200 + (uint64_t)(v * 600);
    if (*ret_type == TROVE_TREE)
        return 100 + (uint64_t)(v * v * 4000);
    return (uint64_t)(600 / pow(1.0001 - v, .9));
}

static int use(struct trace *trace, uint64_t key)
{
    unsigned type;
    uint64_t size = size_of(key, &type);

    return trace_add(trace, key, size, type);
}

/* Objects by rank, popularity 1 / rank^EXPONENT: the inverse of the sum, approximated by the integral. */
static uint64_t zipf(uint64_t n, double count, double exponent)
{
    double u = random_of(n), power = 1 - exponent;

    if (fabs(power) < 1e-9)
        return (uint64_t)pow(count, u);
    return (uint64_t)pow(u * (pow(count + 1, power) - 1) + 1, 1 / power) - 1;
}

static uint64_t zipf_99(uint64_t n, uint64_t scale)
{
    return zipf(n, (double)(scale / 10), .99);
}

static uint64_t zipf_70(uint64_t n, uint64_t scale)
{
    return zipf(n, (double)(scale / 10), .7);
}

/* Popularity that drifts: who is popular changes all the time. */
static uint64_t zipf_drifting(uint64_t n, uint64_t scale)
{
    return zipf(n, (double)(scale / 20), .99) + n / 16;
}

static uint64_t loop(uint64_t n, uint64_t scale)
{
    return n % (scale / 10);
}

/* Everything once, then once more, then again: what greps over the whole tree do. */
static uint64_t scan_and_hot(uint64_t n, uint64_t scale)
{
    return n % 2 == 0 ? ((uint64_t)1 << 40) + n / 2 % (scale / 5)
                      : zipf(n, (double)(scale / 50), .9);
}

/* A hot set, and now and then a burst of objects that never come back. */
static uint64_t bursts(uint64_t n, uint64_t scale)
{
    uint64_t burst = scale / 20;

    return n / burst % 4 == 3 ? ((uint64_t)1 << 40) + n : zipf(n, (double)(scale / 10), .9);
}

/* Each object twice, not long one after the other, and never again: hard for those that judge by a second use. */
static uint64_t pairs(uint64_t n, uint64_t scale)
{
    uint64_t distance = scale / 100;

    return n / (2 * distance) * distance + n % distance;
}

static const struct {
    const char *name;
    uint64_t (*key)(uint64_t n, uint64_t scale);
} kinds[] = {
    {"zipf-0.99", zipf_99}, {"zipf-0.70", zipf_70},         {"zipf-drifting", zipf_drifting},
    {"loop", loop},         {"scan-and-hot", scan_and_hot}, {"bursts", bursts},
    {"pairs", pairs},
};

int trace_synthetic(struct trace *trace, unsigned which, size_t scale)
{
    if (which >= sizeof(kinds) / sizeof(kinds[0]))
        return 0;
    trace_init(trace, kinds[which].name);
    for (uint64_t n = 0; n < scale; n++)
        if (use(trace, kinds[which].key(n, scale)) < 0)
            abort();
    if (trace_finish(trace) < 0)
        abort();
    return 1;
}
