// SPDX-License-Identifier: MIT
/*
 * trace_held_out.c - traces made by formula with which no rule was chosen: they judge, and nothing is tuned to them. The same in
 * each run. Who changes a rule because of one of them needs new ones.
 */
#include "bench/keys.h"
#include "trace.h"
#include <math.h>
#include <stdlib.h>
#include <trove/object.h>

#define REQUESTS 700000
#define APART ((uint64_t)1 << 40) /* keys from here on are of another kind */
#define SIZE_MOST ((uint64_t)8 << 20)

enum sizes { EQUAL, LOGNORMAL, LIKE_GIT };

/* From 0 to below 1: the Nth of the SALTth sequence. */
static double random_of(uint64_t n, uint64_t salt)
{
    return (double)(bench_mix(bench_mix(n + salt * 0x9e3779b97f4a7c15) * 2 + 1) >> 11) * 0x1p-53;
}

static uint64_t size_of(uint64_t key, enum sizes sizes)
{
    double u = (double)(bench_mix(key ^ 0xabcdef) >> 11) * 0x1p-53;
    double v = (double)(bench_mix(key ^ 0x13579) >> 11) * 0x1p-53, size = 200;

    if (sizes == LOGNORMAL)
        size = exp(6.5 + 1.6 * sqrt(-2 * log(u + 1e-12)) * cos(6.283185 * v)) + 40;
    else if (sizes == LIKE_GIT)
        size = u < .5 ? 150 + v * 500 : u < .75 ? 100 + v * v * 9000 : 400 / pow(1.0005 - v, .8);
    return size < (double)SIZE_MOST ? (uint64_t)size : SIZE_MOST;
}

static uint64_t zipf(uint64_t n, uint64_t salt, double count, double exponent)
{
    double power = 1 - exponent;

    return (uint64_t)pow(random_of(n, salt) * (pow(count + 1, power) - 1) + 1, 1 / power) - 1;
}

static uint64_t zipf_90(uint64_t n, uint64_t salt)
{
    return zipf(n, salt, 90000, .9);
}

static uint64_t zipf_120(uint64_t n, uint64_t salt)
{
    return zipf(n, salt, 150000, 1.2);
}

static uint64_t zipf_75(uint64_t n, uint64_t salt)
{
    return zipf(n, salt, 40000, .75);
}

static uint64_t drift_24(uint64_t n, uint64_t salt)
{
    return zipf(n, salt, 25000, .85) + n / 24;
}

static uint64_t drift_6(uint64_t n, uint64_t salt)
{
    return zipf(n, salt, 60000, 1.05) + n / 6;
}

/* Who is popular changes eight times, all at once. */
static uint64_t shifts(uint64_t n, uint64_t salt)
{
    return zipf(n, salt, 30000, .95) + n / (REQUESTS / 8) * 9000;
}

/* Two of three requests go round. */
static uint64_t loop_and_zipf(uint64_t n, uint64_t salt)
{
    return n % 3 == 0 ? zipf(n, salt, 20000, .8) : APART + (n - n / 3 - 1) % 12000;
}

static uint64_t drift_and_scan(uint64_t n, uint64_t salt)
{
    return random_of(n * 5 + 2, salt) < .3 ? 2 * APART + n : zipf(n, salt, 30000, .9) + n / 40;
}

/* Four times each, most of them soon. */
static uint64_t short_lives(uint64_t n, uint64_t salt)
{
    uint64_t newest = n / 4, back = newest < 6000 ? newest : 6000;

    return newest - (uint64_t)(random_of(n, salt) * random_of(n + 77, salt) * (double)back);
}

static uint64_t back_and_forth(uint64_t n, uint64_t salt)
{
    uint64_t at = n % 60000;

    (void)salt;
    return at < 30000 ? at : 59999 - at;
}

static uint64_t sliding_window(uint64_t n, uint64_t salt)
{
    return n / 10 + (uint64_t)(random_of(n, salt) * 8000);
}

static const struct {
    const char *name;
    uint64_t (*key)(uint64_t n, uint64_t salt);
    enum sizes sizes;
    uint64_t salt;
} kinds[] = {
    {"back-and-forth", back_and_forth, LOGNORMAL, 11},
    {"drift-and-scan", drift_and_scan, LOGNORMAL, 9},
    {"drift-24", drift_24, LOGNORMAL, 4},
    {"drift-6", drift_6, EQUAL, 5},
    {"loop-and-zipf", loop_and_zipf, LIKE_GIT, 8},
    {"shifts", shifts, LIKE_GIT, 6},
    {"short-lives", short_lives, LIKE_GIT, 10},
    {"sliding-window", sliding_window, EQUAL, 12},
    {"zipf-0.75", zipf_75, LIKE_GIT, 3},
    {"zipf-0.90", zipf_90, LOGNORMAL, 1},
    {"zipf-1.20", zipf_120, EQUAL, 2},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void use(struct trace *trace, uint64_t key, enum sizes sizes)
{
    if (trace_add(trace, bench_mix(key + 12345), size_of(key, sizes), TROVE_BLOB) < 0)
        abort();
}

/* An object used K requests before is used again with a probability that falls as 1/K; one in six is new. */
static void stack_distances(struct trace *trace, uint64_t salt)
{
    uint64_t *history = malloc(REQUESTS * sizeof(*history)), fresh = 0;

    if (history == NULL)
        abort();
    for (uint64_t n = 0; n < REQUESTS; n++) {
        uint64_t back = (uint64_t)pow(1 + (double)n * .3, random_of(n * 3 + 1, salt));
        bool is_new = n == 0 || random_of(n * 3, salt) < .18;

        history[n] = is_new ? fresh++ : history[back > n ? 0 : n - back];
        use(trace, history[n], LOGNORMAL);
    }
    free(history);
}

bool trace_held_out(struct trace *trace, unsigned which)
{
    if (which > KINDS)
        return false;
    trace_init(trace, which == KINDS ? "stack-distances" : kinds[which].name);
    if (which == KINDS)
        stack_distances(trace, 7);
    else
        for (uint64_t n = 0; n < REQUESTS; n++)
            use(trace, kinds[which].key(n, kinds[which].salt), kinds[which].sizes);
    if (trace_finish(trace) < 0)
        abort();
    return true;
}
