// SPDX-License-Identifier: MIT
/*
 * test_always_there.c - what was put, and is not evicted, is found by every lookup from then on: while the table grows and
 * moves it, and while two threads put the same ids at once, so that copies are dropped.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <trove/cache.h>

#define PAIRS 2 /* of writers that put the same ids, each pair ids of its own */
#define READERS 3
#define MANY 64

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IDS 6000
#else
#define IDS 40000
#endif

struct run {
    struct trove *cache;
    enum trove_algo algo;
    unsigned ids;           /* of each pair */
    atomic_uint put[PAIRS]; /* ids below are in the cache */
    atomic_uint writers;    /* that have not ended */
    atomic_ulong lookups, missing, errors;
};

struct writer {
    struct run *run;
    pthread_t thread;
    unsigned pair;
};

static uint32_t number_of(unsigned pair, unsigned n)
{
    return n * PAIRS + pair;
}

static struct trove_oid id_of(const struct run *run, unsigned pair, unsigned n)
{
    uint32_t number = number_of(pair, n);

    return fake_oid(run->algo, TROVE_BLOB, &number, sizeof(number));
}

static void *write_all(void *context)
{
    struct writer *writer = context;
    struct run *run = writer->run;

    for (unsigned n = 0; n < run->ids; n++) {
        uint32_t number = number_of(writer->pair, n);
        unsigned before = n;
        int r;

        /* Four writers can be faster than the table grows. */
        while ((r = trove_put(run->cache, TROVE_BLOB, &number, sizeof(number), NULL, NULL)) ==
               -ECACHE_OVERFULL)
            sched_yield();
        if (r != 0)
            trove__add_relaxed(&run->errors, 1); /* RELAXED: looked at after the join */
        /* RELEASE [T1 put]: whoever reads it finds the object. The slower of the two finds it higher already. */
        trove__cas_acq_rel(&run->put[writer->pair], &before, n + 1);
    }
    trove__sub_release(&run->writers, 1); /* [T2 end] */
    return NULL;
}

/* Through each of the calls, among what was put by then, and mostly what was put just now. */
static void look(struct run *run, uint64_t *random)
{
    const struct trove_object *objects[MANY];
    struct trove_oid ids[MANY];
    unsigned pair = (unsigned)(*random >> 60) % PAIRS, found = 0;
    unsigned put = trove__load_acquire(&run->put[pair]); /* [T1 put] */

    if (put == 0)
        return;
    for (unsigned i = 0; i < MANY; i++) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        unsigned range = i % 2 == 0 && put > MANY ? MANY : put;
        ids[i] = id_of(run, pair, put - 1 - (unsigned)(*random >> 33) % range);
    }
    trove_read_lock();
    for (unsigned i = 0; i < MANY; i++)
        found += trove_has(run->cache, &ids[i]) && trove_get(run->cache, &ids[i], &objects[0]) == 0;
    found += (unsigned)trove_get_many(run->cache, ids, MANY, objects);
    trove_read_unlock();
    trove__add_relaxed(&run->lookups, 2 * MANY); /* RELAXED, both: looked at after the join */
    trove__add_relaxed(&run->missing, 2 * MANY - found);
}

static void *read_all(void *context)
{
    struct run *run = context;
    uint64_t random = (uint64_t)(uintptr_t)&random * 0x9e3779b97f4a7c15u;

    while (trove__load_acquire(&run->writers) != 0) /* [T2 end] */
        look(run, &random);
    look(run, &random);
    return NULL;
}

static void always(enum trove_overfull overfull, enum trove_algo algo)
{
    struct trove_options options;
    struct writer writers[2 * PAIRS];
    pthread_t readers[READERS];
    struct trove_stats stats;
    struct run run = {.algo = algo, .ids = test_long() ? IDS * 25 : IDS};

    trove_options_init(&options);
    options.hash = fake_hash(algo);
    options.max_bytes = overfull == TROVE_OVERFULL_GROW ? 4 << 20 : (uint64_t)run.ids * PAIRS * 512;
    options.overfull = overfull;
    assert_int_equal(trove_open(&options, &run.cache, NULL), 0);
    atomic_init(&run.writers, 2 * PAIRS);
    for (unsigned w = 0; w < 2 * PAIRS; w++) {
        writers[w] = (struct writer){.run = &run, .pair = w / 2};
        assert_int_equal(pthread_create(&writers[w].thread, NULL, write_all, &writers[w]), 0);
    }
    for (unsigned r = 0; r < READERS; r++)
        assert_int_equal(pthread_create(&readers[r], NULL, read_all, &run), 0);
    for (unsigned w = 0; w < 2 * PAIRS; w++)
        pthread_join(writers[w].thread, NULL);
    for (unsigned r = 0; r < READERS; r++)
        pthread_join(readers[r], NULL);
    trove_stats(run.cache, &stats);
    printf("%lu lookups, %lu objects in %lu slots\n", run.lookups, stats.object_count,
           stats.table_slots);
    assert_int_equal(run.errors, 0);
    assert_int_equal(run.missing, 0);
    assert_int_equal(stats.evictions, 0);
    assert_int_equal(stats.object_count, (uint64_t)run.ids * PAIRS);
    assert_true(run.lookups > 0);
    for (unsigned pair = 0; pair < PAIRS; pair++)
        for (unsigned n = 0; n < run.ids; n++) {
            struct trove_oid id = id_of(&run, pair, n);
            assert_true(trove_has(run.cache, &id));
        }
    assert_int_equal(trove_close(run.cache, NULL), 0);
}

static void always_there__error(void **state)
{
    (void)state;
    always(TROVE_OVERFULL_ERROR, TROVE_SHA1);
}

static void always_there__grow(void **state)
{
    (void)state;
    always(TROVE_OVERFULL_GROW, TROVE_SHA256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(always_there__error),
        cmocka_unit_test(always_there__grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
