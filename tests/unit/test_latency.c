// SPDX-License-Identifier: MIT
/*
 * test_latency.c - histograms of times: their buckets, sums over threads, quantiles, and what is timed at all.
 */
#include "core/cache_struct.h"
#include "fake_source.h"
#include "support.h"
#include <string.h>

static struct trove *open_cache(struct fake_source *source, bool count_reads)
{
    struct trove_options options;

    fake_options(&options);
    options.count_reads = count_reads;
    fake_source_init(source, NULL);
    return fake_open(source, &options);
}

/* The bucket that one time of NS falls into. */
static unsigned bucket_of(uint64_t ns)
{
    static struct trove__telemetry telemetry;
    struct trove_latency before, after;
    unsigned bucket = 0;

    trove__latency_sum(&telemetry, TROVE_LATENCY_PUT, &before);
    trove__latency_record(&telemetry, TROVE_LATENCY_PUT, ns);
    trove__latency_sum(&telemetry, TROVE_LATENCY_PUT, &after);
    assert_int_equal(after.count, before.count + 1);
    assert_int_equal(after.sum_ns, before.sum_ns + ns);
    while (after.buckets[bucket] == before.buckets[bucket])
        bucket++;
    return bucket;
}

static void check_bucket(uint64_t ns)
{
    unsigned bucket = bucket_of(ns);
    uint64_t bound = trove_latency_bound(bucket);

    assert_true(ns <= bound);
    assert_true(bucket == 0 || ns > trove_latency_bound(bucket - 1));
    if (bound != UINT64_MAX)
        assert_true(bound <= 8 ? bound == (ns > 0 ? ns : 1) : bound - ns <= ns / 8);
}

/* Goal: every time falls into the one bucket whose bounds are around it, and the bound is at most an eighth above it. */
static void latency__buckets(void **state)
{
    (void)state;
    for (unsigned i = 1; i < TROVE_LATENCY_BUCKETS; i++)
        assert_true(trove_latency_bound(i) > trove_latency_bound(i - 1));
    for (uint64_t ns = 0; ns < 300; ns++)
        check_bucket(ns);
    for (unsigned power = 3; power < 64; power++)
        for (int64_t beside = -1; beside <= 1; beside++)
            check_bucket(((uint64_t)1 << power) + (uint64_t)beside);
    for (uint64_t ns = 9; ns < UINT64_MAX / 3; ns = ns * 3 + 1)
        check_bucket(ns);
    check_bucket(UINT64_MAX);
}

/* Goal: a quantile is never too low and at most an eighth too high; of nothing it is 0. */
static void latency__quantiles(void **state)
{
    static struct trove__telemetry telemetry;
    struct trove_latency latency;
    uint64_t q;

    (void)state;
    trove__latency_sum(&telemetry, TROVE_LATENCY_HIT, &latency);
    assert_int_equal(trove_latency_quantile(&latency, 0.5), 0);
    for (uint64_t ns = 1; ns <= 1000; ns++)
        trove__latency_record(&telemetry, TROVE_LATENCY_HIT, ns * 1000);
    trove__latency_sum(&telemetry, TROVE_LATENCY_HIT, &latency);
    for (unsigned percent = 0; percent <= 100; percent++) {
        uint64_t exact = percent == 0 ? 1000 : percent * 10000;

        q = trove_latency_quantile(&latency, percent / 100.0);
        assert_in_range(q, exact, exact + 1000 + (exact + 1000) / 8);
    }
    assert_in_range(trove_latency_quantile(&latency, 7), 1000000, 1125000);
    assert_in_range(trove_latency_quantile(&latency, -1), 1000, 1125);
}

enum { THREADS = 24, TIMES = 1000 }; /* more than there are stripes */

static void record_some(void *context, unsigned index)
{
    for (unsigned i = 0; i < TIMES; i++)
        trove__latency_record(context, TROVE_LATENCY_GET, index * TIMES + i);
}

/* Goal: what all threads took is in the sum, no more and no less. */
static void latency__sums_threads(void **state)
{
    static struct trove__telemetry telemetry;
    struct trove_latency latency;
    uint64_t all = THREADS * TIMES;

    (void)state;
    run_threads(THREADS, record_some, &telemetry);
    trove__latency_sum(&telemetry, TROVE_LATENCY_GET, &latency);
    assert_int_equal(latency.count, all);
    assert_int_equal(latency.sum_ns, all * (all - 1) / 2);
    trove__latency_deinit(&telemetry);
}

static uint64_t count_of(struct trove *cache, enum trove_latency_of of)
{
    struct trove_latency latency;

    trove_latency(cache, of, &latency);
    return latency.count;
}

static void use(struct trove *cache, unsigned n)
{
    const struct trove_object *object;
    struct trove_oid id = fake_id(n);
    struct trove_result result;
    struct trove_want want = {id, TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};

    for (int i = 0; i < 2; i++) {
        assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
        assert_int_equal(check_result(&result, n), 0);
    }
    assert_int_equal(trove_fetch(cache, &options, NULL, NULL, NULL), 0);
    assert_int_equal(trove_put(cache, TROVE_BLOB, &n, sizeof(n), NULL, NULL), 0);
    assert_true(trove_has(cache, &id));
    trove_read_lock();
    assert_int_equal(trove_get(cache, &id, &object), 0);
    trove_read_unlock();
}

/* Goal: misses, fetches and requests are timed each time, the rest about one time in 64, and reads only where they are
 * counted. */
static void latency__what_is_timed(void **state)
{
    enum { USES = 6400 };
    struct fake_source source;
    struct trove *cache;

    (void)state;
    for (int counted = 0; counted <= 1; counted++) {
        cache = open_cache(&source, counted);
        for (unsigned n = 0; n < USES; n++)
            use(cache, n);
        assert_int_equal(count_of(cache, TROVE_LATENCY_FETCHED), USES);
        assert_int_equal(count_of(cache, TROVE_LATENCY_JOINED), 0);
        assert_int_equal(count_of(cache, TROVE_LATENCY_FETCH), USES);
        /* The last of them may just be ending. */
        assert_in_range(count_of(cache, TROVE_LATENCY_REQUEST), 2 * USES - 2, 2 * USES);
        assert_in_range(count_of(cache, TROVE_LATENCY_HIT), USES / 64 / 2, USES / 64 * 2);
        assert_in_range(count_of(cache, TROVE_LATENCY_PUT), USES / 64 / 2, USES / 64 * 2);
        assert_in_range(count_of(cache, TROVE_LATENCY_HAS), counted ? USES / 64 / 2 : 0,
                        counted ? USES / 64 * 2 : 0);
        assert_in_range(count_of(cache, TROVE_LATENCY_GET), counted ? USES / 64 / 2 : 0,
                        counted ? USES / 64 * 2 : 0);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latency__buckets),
        cmocka_unit_test(latency__quantiles),
        cmocka_unit_test(latency__sums_threads),
        cmocka_unit_test(latency__what_is_timed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
