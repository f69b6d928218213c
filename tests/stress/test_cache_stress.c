// SPDX-License-Identifier: MIT
/*
 * test_cache_stress.c - more threads than cores put, get, pin and evict the same ids; the bounds hold at every sample, and
 * when it is quiet the books are right to the byte.
 */
#include "core/cache_struct.h"
#include "core/memory.h"
#include "core/rcu.h"
#include "fake_hash.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trove/cache.h>

#define THREADS 8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 20000
#else
#define ROUNDS 150000
#endif

struct run {
    struct trove *cache;
    uint64_t seed, ids, rounds, max_bytes;
    enum trove_overfull overfull;
    atomic_uint done;
    atomic_ulong errors, overfulls, hits, adds;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The bytes of object N: their size and content follow from N, so that any reader can check them. */
static size_t content(uint64_t n, unsigned char *buffer)
{
    size_t size = 8 + n * 2654435761u % 120;

    for (size_t i = 0; i < size; i++)
        buffer[i] = (unsigned char)(n * 31 + i * 7);
    memcpy(buffer, &n, sizeof(n));
    return size;
}

static bool is_right(const struct trove_object *object, uint64_t n)
{
    unsigned char want[256];
    size_t size = content(n, want);

    return trove_object_size(object) == size && trove_object_type(object) == TROVE_BLOB &&
           memcmp(trove_object_data(object), want, size) == 0;
}

static void check_bounds(struct run *run)
{
    struct trove_stats stats;

    trove_stats(run->cache, &stats);
    if (stats.used_bytes > run->max_bytes && run->overfull != TROVE_OVERFULL_GROW)
        trove__add_relaxed(&run->errors, 1);
    if (stats.deferred_bytes > run->cache->budget.deferred_max)
        trove__add_relaxed(&run->errors, 1);
}

static void put_one(struct run *run, uint64_t n, const unsigned char *bytes, size_t size)
{
    struct trove_oid id, want = fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, size);
    bool added;
    int r = trove_put(run->cache, TROVE_BLOB, bytes, size, &id, &added);

    (void)n;
    if (r == 0 && !trove_oid_equal(&id, &want))
        trove__add_relaxed(&run->errors, 1);
    if (r == 0 && added)
        trove__add_relaxed(&run->adds, 1);
    if (r == -ECACHE_OVERFULL)
        trove__add_relaxed(&run->overfulls, 1);
    else if (r != 0)
        trove__add_relaxed(&run->errors, 1);
}

static void get_one(struct run *run, uint64_t n, const struct trove_oid *id)
{
    const struct trove_object *object;

    trove_read_lock();
    if (trove_get(run->cache, id, &object) == 0) {
        trove__add_relaxed(&run->hits, 1);
        if (!is_right(object, n))
            trove__add_relaxed(&run->errors, 1);
    }
    trove_read_unlock();
}

static void *worker(void *context)
{
    struct run *run = context;
    uint64_t state = trove__add_relaxed(&run->seed, 0x9e3779b97f4a7c15) | 1;
    struct trove_object *pinned = NULL;
    uint64_t pinned_n = 0;

    for (uint64_t i = 0; i < run->rounds; i++) {
        uint64_t random = next_random(&state), n = random % run->ids;
        unsigned char bytes[256];
        size_t size = content(n, bytes);
        struct trove_oid id = fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, size);

        switch (random >> 40 & 7) {
        case 0:
        case 1:
        case 2:
            put_one(run, n, bytes, size);
            break;
        case 3:
            if (pinned != NULL && !is_right(pinned, pinned_n))
                trove__add_relaxed(&run->errors, 1);
            trove_unpin(pinned);
            pinned = trove__cache_find(run->cache, NULL, &id);
            pinned_n = n;
            break;
        default:
            get_one(run, n, &id);
        }
        if (i % 64 == 0)
            check_bounds(run);
    }
    trove_unpin(pinned);
    return NULL;
}

static void *prober(void *context)
{
    struct run *run = context;

    while (trove__load_acquire(&run->done) == 0)
        check_bounds(run);
    return NULL;
}

static void run_stress(enum trove_overfull overfull, uint64_t max_bytes, uint64_t ids)
{
    struct run run = {.ids = ids, .rounds = ROUNDS, .overfull = overfull, .max_bytes = max_bytes};
    pthread_t threads[THREADS + 1];
    struct trove_options options;
    struct trove_stats stats;

    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = max_bytes;
    options.overfull = overfull;
    assert_int_equal(trove_open(&options, &run.cache, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &run), 0);
    assert_int_equal(pthread_create(&threads[THREADS], NULL, prober, &run), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    trove__store_release(&run.done, 1);
    pthread_join(threads[THREADS], NULL);
    trove_stats(run.cache, &stats);
    printf("policy %d: objects %lu evictions %lu overfulls %lu hits %lu adds %lu grace periods %lu "
           "table slots %lu bytes %lu used %lu deferred %lu object bytes %lu\n",
           (int)overfull, stats.object_count, stats.evictions, run.overfulls, run.hits, run.adds,
           run.cache->reclaim.grace_periods, stats.table_slots, stats.table_bytes, stats.used_bytes,
           stats.deferred_bytes, stats.object_bytes);
    assert_int_equal(run.errors, 0);
    assert_true(run.adds > 0);
    if (overfull == TROVE_OVERFULL_EVICT)
        assert_true(stats.evictions > 0);
    else
        assert_int_equal(stats.evictions, 0);
    recount(run.cache);
    assert_int_equal(trove_close(run.cache, NULL), 0);
}

static void cache_stress__evict(void **state)
{
    (void)state;
    run_stress(TROVE_OVERFULL_EVICT, 2 << 20, 30000);
}

static void cache_stress__evict_tiny(void **state)
{
    (void)state;
    run_stress(TROVE_OVERFULL_EVICT, 96 << 10, 2000);
}

static void cache_stress__error(void **state)
{
    (void)state;
    run_stress(TROVE_OVERFULL_ERROR, 2 << 20, 30000);
}

static void cache_stress__grow(void **state)
{
    (void)state;
    run_stress(TROVE_OVERFULL_GROW, 2 << 20, 60000);
}

/* Goal: two puts of one id at once are one object. Method: few ids, so that every put meets another. */
static void cache_stress__few_ids(void **state)
{
    (void)state;
    run_stress(TROVE_OVERFULL_GROW, 2 << 20, 16);
    run_stress(TROVE_OVERFULL_ERROR, 2 << 20, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_stress__evict),   cmocka_unit_test(cache_stress__evict_tiny),
        cmocka_unit_test(cache_stress__error),   cmocka_unit_test(cache_stress__grow),
        cmocka_unit_test(cache_stress__few_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
