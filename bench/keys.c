// SPDX-License-Identifier: MIT
/*
 * keys.c - objects by number: ids as random as a hash's, in the same sequence for everybody; Zipf; shuffles.
 *
 * SOURCES  Hormann, Derflinger: Rejection-inversion to generate variates from monotone discrete distributions.
 */
#include "bench/keys.h"

#include <math.h>
#include <stdlib.h>

#include "bench/harness.h"

#define ZIPF_EXPONENT 0.99

static int object_id(void *context, enum trove_type type, const void *data, size_t size,
                     struct trove_oid *ret_id)
{
    uint64_t n;

    (void)context;
    (void)type;
    (void)size;
    memcpy(&n, data, sizeof(n));
    *ret_id = bench_id(n);
    return 0;
}

const struct trove_hash bench_hash = {TROVE_SHA1, object_id, NULL};

void bench_shuffle(uint64_t *numbers, size_t count, uint64_t seed)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = bench_mix(seed + i) % i;
        uint64_t number = numbers[i - 1];

        numbers[i - 1] = numbers[j];
        numbers[j] = number;
    }
}

struct zipf {
    double count, low, high; /* of the integral */
    uint64_t state;
};

static double integral(double x)
{
    return pow(x, 1 - ZIPF_EXPONENT) / (1 - ZIPF_EXPONENT);
}

static double integral_inverse(double y)
{
    return pow(y * (1 - ZIPF_EXPONENT), 1 / (1 - ZIPF_EXPONENT));
}

static struct zipf zipf_of(size_t count, uint64_t seed)
{
    return (struct zipf){(double)count, integral(1.5) - 1, integral((double)count + 0.5),
                         bench_mix(seed + 1)};
}

/* 0 to COUNT - 1, 0 the most often. */
static size_t zipf_next(struct zipf *zipf)
{
    for (;;) {
        double unit, u, rank;

        zipf->state += 0x9e3779b97f4a7c15;
        unit = (double)(bench_mix(zipf->state) >> 11) * 0x1p-53;
        u = zipf->high + unit * (zipf->low - zipf->high);
        rank = floor(integral_inverse(u) + 0.5);
        rank = rank < 1 ? 1 : rank > zipf->count ? zipf->count : rank;
        if (u >= integral(rank + 0.5) - pow(rank, -ZIPF_EXPONENT))
            return (size_t)rank - 1;
    }
}

struct trove_oid *bench_draw_ids(enum bench_draw draw, const uint64_t *numbers, size_t number_count,
                                 size_t count, uint64_t seed)
{
    /* 2 MiB: those who read them share pages that are huge for all, and whole. */
    size_t bytes = (count * sizeof(struct trove_oid) + (2u << 20) - 1) & ~(size_t)((2u << 20) - 1);
    struct trove_oid *ids = aligned_alloc(64, bytes);
    struct zipf zipf = zipf_of(number_count, seed);

    if (ids == NULL)
        bench_die("no memory");
    for (size_t i = 0; i < count; i++) {
        size_t at = draw == BENCH_UNIFORM ? bench_mix(seed * count + i) % number_count
                    : draw == BENCH_ZIPF  ? zipf_next(&zipf)
                                          : 0;

        ids[i] = bench_id(draw == BENCH_MISSING ? BENCH_ABSENT + seed * count + i : numbers[at]);
    }
    return ids;
}
