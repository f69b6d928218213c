// SPDX-License-Identifier: MIT
/*
 * test_resolve.c - resolve and resolve_many over a scripted source: one flight an id, each answer to whom it belongs.
 */
#include "core/cache_struct.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static int resolve(struct trove *cache, unsigned n, struct trove_result *ret)
{
    struct trove_oid id = fake_id(n);

    return trove_resolve(cache, &id, TROVE_BLOB, NULL, ret, NULL);
}

/* Goal: a miss is fetched once, then it is a hit, and the object is right. */
static void resolve__miss_then_hit(void **state)
{
    struct fake_source source;
    struct trove_result result;
    struct trove *cache;

    (void)state;
    fake_source_init(&source, NULL);
    cache = fake_open(&source, NULL);
    assert_int_equal(resolve(cache, 7, &result), 0);
    assert_int_equal(result.how, TROVE_FETCHED);
    assert_false(result.uncached);
    assert_int_equal(check_result(&result, 7), 0);
    assert_int_equal(resolve(cache, 7, &result), 0);
    assert_int_equal(result.how, TROVE_HIT);
    assert_int_equal(check_result(&result, 7), 0);
    assert_int_equal(source.requests, 1);
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(source.destroyed, 1);
}

/* Goal: without a source a miss says so. */
static void resolve__no_source(void **state)
{
    struct trove_options options;
    struct trove_result result;
    struct trove_error err;
    struct trove *cache;
    struct trove_oid id = fake_id(1);

    (void)state;
    fake_options(&options);
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    assert_int_equal(trove_resolve(cache, &id, TROVE_ANY, NULL, &result, &err), -ENOTSUP);
    assert_int_equal(err.code, -ENOTSUP);
    assert_null(result.object);
    assert_int_equal(trove_close(cache, NULL), 0);
}

static enum trove_overfull refuse(void *context, uint64_t used_bytes, uint64_t wanted_bytes)
{
    (void)context, (void)used_bytes, (void)wanted_bytes;
    return TROVE_OVERFULL_ERROR;
}

/* Puts more than fits. Returns how many puts were refused. */
static unsigned fill(struct trove *cache)
{
    unsigned refused = 0;

    for (unsigned n = 0; n < 5000 && refused < 1000; n++) {
        char text[256];
        size_t size = fake_text(FAKE_OBJECTS + n, text, sizeof(text));
        refused += trove_put(cache, TROVE_BLOB, text, size, NULL, NULL) == -ECACHE_OVERFULL;
    }
    return refused;
}

struct reader {
    pthread_t thread;
    struct latch inside, leave;
};

static void *stay_inside(void *context)
{
    struct reader *reader = context;

    trove_read_lock();
    latch_open(&reader->inside);
    latch_wait(&reader->leave);
    trove_read_unlock();
    return NULL;
}

/* Goal: under every policy resolve hands over an object that did not fit, pinned and marked, and the cache stays within its
 * bound. Method: under EVICT a reader that stays in its section holds up all that is evicted. */
static void resolve__what_does_not_fit(void **state)
{
    (void)state;
    for (int overfull = TROVE_OVERFULL_EVICT; overfull <= TROVE_OVERFULL_CALLBACK; overfull++) {
        struct reader reader = {.inside = LATCH_INIT, .leave = LATCH_INIT};
        bool fits = overfull == TROVE_OVERFULL_GROW;
        const struct trove_oid id = fake_id(7);
        struct trove_options options;
        struct fake_source source;
        struct trove_result result;
        struct trove_stats stats;
        struct trove *cache;

        fake_options(&options);
        options.max_bytes = 256 << 10;
        options.overfull = (enum trove_overfull)overfull;
        options.overfull_callback = refuse;
        fake_source_init(&source, NULL);
        cache = fake_open(&source, &options);
        if (overfull == TROVE_OVERFULL_EVICT) {
            assert_int_equal(pthread_create(&reader.thread, NULL, stay_inside, &reader), 0);
            latch_wait(&reader.inside);
        }
        assert_int_equal(fill(cache) > 0, !fits);
        if (overfull !=
            TROVE_OVERFULL_EVICT) { /* what a growing table has left behind is free then */
            assert_int_equal(trove__reclaim_stop(&cache->reclaim, NULL), 0);
            assert_int_equal(fill(cache) > 0, !fits);
        }
        for (unsigned time = 1; time <= 2; time++) {
            assert_int_equal(resolve(cache, 7, &result), 0);
            assert_int_equal(result.uncached, !fits);
            assert_int_equal(result.how, fits && time == 2 ? TROVE_HIT : TROVE_FETCHED);
            assert_int_equal(trove_has(cache, &id), fits);
            assert_int_equal(check_result(&result, 7), 0);
            assert_int_equal(source.requests, fits ? 1 : time);
        }
        trove_stats(cache, &stats);
        assert_true(fits || stats.used_bytes <= options.max_bytes);
        latch_open(&reader.leave);
        if (overfull == TROVE_OVERFULL_EVICT)
            pthread_join(reader.thread, NULL);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

struct crowd {
    struct trove *cache;
    struct latch *all_in;
    unsigned threads;
    bool same_id;
    const struct trove_until *until;
    atomic_uint wrong, fetched, joined, hits;
};

static int hold_first(struct fake_source *source, const struct trove_request *request,
                      struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    if (atomic_load(&source->requests) == 1)
        latch_wait(&source->go);
    return fake_answer(request, sink);
}

static void ask(void *context, unsigned index)
{
    struct crowd *crowd = context;
    unsigned n = crowd->same_id ? 3 : index;
    struct trove_result result;

    resolve(crowd->cache, n, &result);
    if (result.how == TROVE_FETCHED)
        atomic_fetch_add(&crowd->fetched, 1);
    if (result.how == TROVE_JOINED)
        atomic_fetch_add(&crowd->joined, 1);
    if (result.how == TROVE_HIT)
        atomic_fetch_add(&crowd->hits, 1);
    if (check_result(&result, n))
        atomic_fetch_add(&crowd->wrong, 1);
}

/* Goal: 64 threads ask for one id at once, the source sees one request of one id. */
static void resolve__one_id_many_threads(void **state)
{
    struct fake_source source;
    struct crowd crowd = {.same_id = true, .threads = 64};

    (void)state;
    fake_source_init(&source, NULL);
    crowd.cache = fake_open(&source, NULL);
    run_threads(crowd.threads, ask, &crowd);
    assert_int_equal(crowd.wrong, 0);
    assert_int_equal(source.requests, 1);
    assert_int_equal(source.ids, 1);
    assert_int_equal(crowd.fetched, 1);
    assert_int_equal(crowd.fetched + crowd.joined + crowd.hits, 64);
    assert_int_equal(trove_close(crowd.cache, NULL), 0);
}

static void *release_when_full(void *context)
{
    struct fake_source *source = context;

    latch_wait(&source->started);
    wait_for_flights(source->cache, 64);
    latch_open(&source->go);
    return NULL;
}

/* Goal: 64 threads, 64 ids, the first request held until all have asked: at most 3 requests. */
static void resolve__many_ids_gather(void **state)
{
    struct fake_source source;
    struct crowd crowd = {.threads = 64};
    struct trove_options options;
    pthread_t releaser;

    (void)state;
    fake_options(&options);
    options.requests_at_once = 1; /* so that no clock decides when the rest leaves */
    fake_source_init(&source, hold_first);
    crowd.cache = fake_open(&source, &options);
    assert_int_equal(pthread_create(&releaser, NULL, release_when_full, &source), 0);
    run_threads(crowd.threads, ask, &crowd);
    pthread_join(releaser, NULL);
    assert_int_equal(crowd.wrong, 0);
    assert_in_range(source.requests, 1, 3);
    assert_int_equal(source.ids, 64);
    assert_int_equal(trove_close(crowd.cache, NULL), 0);
}

/* Goal: ids of different known types leave in different requests, and one resolve_many of a type in one. */
static void resolve_many__types_apart(void **state)
{
    struct fake_source source;
    struct trove_want wants[60];
    struct trove_result results[60];
    struct trove *cache;

    (void)state;
    fake_source_init(&source, NULL);
    cache = fake_open(&source, NULL);
    for (unsigned i = 0; i < 60; i++)
        wants[i] = (struct trove_want){fake_id(i), i % 3 == 0 ? TROVE_TREE : TROVE_BLOB};
    assert_int_equal(trove_resolve_many(cache, wants, 60, NULL, results, NULL), 60);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(check_result(&results[i], i), 0);
    assert_int_equal(source.requests, 2);
    assert_int_equal(source.mixed, 0);
    assert_int_equal(source.ids, 60);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: the same id twice in one call is one want and two answers; hits are hits; absent ids fail alone. */
static void resolve_many__twice_and_absent(void **state)
{
    struct fake_source source;
    struct trove_want wants[5];
    struct trove_result results[5];
    struct trove_error err;
    struct trove *cache;

    (void)state;
    fake_source_init(&source, NULL);
    cache = fake_open(&source, NULL);
    assert_int_equal(resolve(cache, 2, &results[0]), 0);
    trove_unpin(results[0].object);
    for (unsigned i = 0; i < 5; i++)
        wants[i].type = TROVE_BLOB;
    wants[0].id = fake_id(1);
    wants[1].id = fake_id(1);
    wants[2].id = fake_id(2);
    wants[3].id = fake_id(FAKE_OBJECTS + 5);
    wants[4].id = fake_id(3);
    assert_int_equal(trove_resolve_many(cache, wants, 5, NULL, results, &err), 4);
    assert_int_equal(err.code, -ENOENT);
    assert_int_equal(results[0].how, TROVE_FETCHED);
    assert_int_equal(results[1].how, TROVE_JOINED);
    assert_int_equal(results[2].how, TROVE_HIT);
    assert_int_equal(results[3].status, -ENOENT);
    assert_int_equal(check_result(&results[0], 1), 0);
    assert_int_equal(check_result(&results[1], 1), 0);
    assert_int_equal(check_result(&results[2], 2), 0);
    assert_int_equal(check_result(&results[4], 3), 0);
    assert_int_equal(source.ids, 1 + 3);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: many ids leave in few requests, which grow. */
static void resolve_many__few_requests(void **state)
{
    enum { COUNT = 10000 };
    struct trove_want *wants = calloc(COUNT, sizeof(*wants));
    struct trove_result *results = calloc(COUNT, sizeof(*results));
    struct fake_source source;
    struct trove *cache;

    (void)state;
    fake_source_init(&source, NULL);
    cache = fake_open(&source, NULL);
    for (unsigned i = 0; i < COUNT; i++)
        wants[i] = (struct trove_want){fake_id(i), TROVE_BLOB};
    assert_int_equal(trove_resolve_many(cache, wants, COUNT, NULL, results, NULL), COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(check_result(&results[i], i), 0);
    assert_int_equal(source.ids, COUNT);
    assert_in_range(source.requests, 4, 20);
    assert_in_range(source.largest, 1024, 4096);
    assert_int_equal(trove_close(cache, NULL), 0);
    free(wants);
    free(results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolve__miss_then_hit),
        cmocka_unit_test(resolve__no_source),
        cmocka_unit_test(resolve__what_does_not_fit),
        cmocka_unit_test(resolve__one_id_many_threads),
        cmocka_unit_test(resolve__many_ids_gather),
        cmocka_unit_test(resolve_many__types_apart),
        cmocka_unit_test(resolve_many__twice_and_absent),
        cmocka_unit_test(resolve_many__few_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
