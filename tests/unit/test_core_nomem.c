// SPDX-License-Identifier: MIT
/*
 * test_core_nomem.c - each of the core's own allocations fails in turn: opening, putting, resolving, fetching, streaming,
 * growing. A clear error, nothing leaked, and the cache still usable; also with two threads at it.
 */
#include "failing_allocator.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <trove/async.h>
#include <trove/frozen.h>

#define MANY 40
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GROWTH 6000
#else
#define GROWTH FAKE_OBJECTS
#endif
#define THREAD_IDS 200 /* ids of one thread */

static struct fake_source source;
static struct trove *cache;
static atomic_uint wrong, refused;

/* A failure must say that memory is short, in words too. */
static void expect(int status, const char *what, const struct trove_error *err)
{
    bool is_clear = err == NULL || (err->code == status && err->message[0] != '\0');

    if (status >= 0)
        return;
    atomic_fetch_add(&refused, 1);
    if ((status == -ENOMEM || status == -ECACHE_OVERFULL) && is_clear)
        return;
    fprintf(stderr, "%s: %s\n", what, trove_strerror(status));
    atomic_fetch_add(&wrong, 1);
}

static void expect_result(struct trove_result *result, unsigned n, const char *what)
{
    int status = result->status;

    if (status == 0 && check_result(result, n) != 0)
        status = -EBADMSG;
    expect(status, what, NULL);
}

static void put(unsigned n)
{
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));

    expect(trove_put(cache, TROVE_BLOB, text, size, NULL, NULL), "put", NULL);
}

static void resolve(unsigned n)
{
    struct trove_oid id = fake_id(n);
    struct trove_result result;
    struct trove_error err = {0};

    expect(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, &err), "resolve", &err);
    expect_result(&result, n, "resolve");
}

static void resolve_many(unsigned first)
{
    struct trove_want wants[MANY];
    struct trove_result results[MANY];
    struct trove_error err = {0};
    int r;

    for (unsigned i = 0; i < MANY; i++)
        wants[i] = (struct trove_want){fake_id(first + i), i % 2 ? TROVE_BLOB : TROVE_ANY};
    r = trove_resolve_many(cache, wants, MANY, NULL, results, &err);
    expect(r, "resolve_many", &err);
    for (unsigned i = 0; r >= 0 && i < MANY; i++)
        expect_result(&results[i], first + i, "resolve_many");
}

static void fetch_and_stream(unsigned first)
{
    struct trove_want wants[2] = {{fake_id(first), TROVE_BLOB}, {fake_id(first + 1), TROVE_BLOB}};
    struct trove_fetch_options options = {.wants = wants, .want_count = 2, .filter = "blob:none"};
    uintptr_t tags[2] = {first, first + 1};
    struct trove_stream *stream = NULL;
    struct trove_fetch *fetch = NULL;
    struct trove_result result;
    struct trove_error err = {0};
    int r = trove_fetch_start(cache, &options, NULL, &fetch, &err);

    expect(r, "fetch_start", &err);
    if (r == 0) {
        r = trove_stream_open(cache, fetch, &stream, &err);
        expect(r, "stream_open", &err);
    }
    if (r == 0)
        expect(trove_stream_add(stream, wants, tags, 2, NULL), "stream_add", NULL);
    while (r == 0 && trove_stream_next(stream, NULL, &result, NULL) == 1)
        expect_result(&result, (unsigned)result.tag, "stream");
    if (fetch != NULL)
        expect(trove_fetch_wait(fetch, NULL, NULL, &err), "fetch_wait", &err);
    trove_stream_close(stream);
    trove_fetch_free(fetch);
}

static void resolve_started(unsigned n, struct trove_ready *ready)
{
    struct trove_want want = {fake_id(n), TROVE_BLOB};
    struct trove_notice notice = {.ready = ready};
    struct trove_resolving *resolving;
    struct trove_result result;
    struct trove_error err = {0};
    int r = trove_resolve_start(cache, &want, &notice, &result, &resolving, &err);

    expect(r, "resolve_start", &err);
    if (r == 0) {
        while (trove_resolve_take(resolving, &result, &err) == 0)
            sched_yield();
        trove_resolve_free(resolving);
    }
    if (r >= 0)
        expect_result(&result, n, "resolve_start");
}

static void resolve_ready(unsigned first)
{
    struct trove_ready *ready = NULL;
    struct trove_error err = {0};
    int r = trove_ready_open(&ready, &err);

    expect(r, "ready_open", &err);
    resolve_started(first, ready);
    resolve_started(first + 1, ready);
    trove_ready_close(ready);
}

static void freeze(void)
{
    struct trove_frozen *frozen = NULL;
    struct trove_error err = {0};

    expect(trove_freeze(cache, NULL, &frozen, &err), "freeze", &err);
    trove_frozen_free(frozen);
}

/* Some of everything, over ids from FIRST on. */
static void use(unsigned first)
{
    put(first);
    resolve(first + 1);
    resolve(first + 1);
    resolve_many(first + 2);
    fetch_and_stream(first + 2 + MANY);
    put(first + 4 + MANY);
    resolve_ready(first + 5 + MANY);
    freeze();
}

static void use_on_thread(void *context, unsigned index)
{
    (void)context;
    use(index * THREAD_IDS);
}

/* One round with the N-th allocation failing; true when there were so many. */
static bool fail_one(unsigned n, unsigned threads)
{
    struct trove_options options;
    struct trove_error err = {0};
    bool failed;
    int r;

    fake_options(&options);
    options.max_bytes = (uint64_t)4 << 20;
    options.source = fake_source_of(&source);
    options.absent_max = 8;
    failing_allocator_fail_at(n);
    r = trove_budget_create((uint64_t)4 << 20, &options.budget);
    expect(r, "budget_create", NULL);
    r = trove_open(&options, &cache, &err);
    trove_budget_unref(options.budget);
    if (r < 0) {
        expect(r, "open", &err);
        return failing_allocator_stop();
    }
    if (threads == 1)
        use(0);
    else
        run_threads(threads, use_on_thread, NULL);
    failed = failing_allocator_stop();
    atomic_store(&refused, 0);
    for (unsigned i = 0; i < threads; i++)
        use_on_thread(NULL, i); /* now all of it works */
    assert_int_equal(refused, 0);
    assert_int_equal(trove_close(cache, NULL), 0);
    return failed;
}

static void assert_live(long blocks)
{
#ifndef __SANITIZE_THREAD__ /* its read sections keep a record for each thread */
    assert_int_equal(failing_allocator_live(), blocks);
#else
    (void)blocks;
#endif
}

static void fail_each(unsigned threads)
{
    long before;
    unsigned n = 1;

    atomic_store(&wrong, 0);
    fake_source_init(&source, NULL);
    assert_false(fail_one(1000000, threads)); /* some is allocated once for the process */
    before = failing_allocator_live();
    while (fail_one(n, threads)) {
        assert_int_equal(wrong, 0);
        assert_live(before);
        n++;
    }
    assert_int_equal(wrong, 0);
    assert_true(n > 50);
}

static void nomem__one_thread(void **state)
{
    (void)state;
    fail_each(1);
}

static void nomem__two_threads(void **state)
{
    (void)state;
    fail_each(2);
}

/* Fills a cache while its N-th large allocation fails (tables, queues). */
static bool fail_growth(unsigned n)
{
    struct trove_options options;
    struct trove_oid id;
    bool failed;

    fake_options(&options);
    options.max_bytes = (uint64_t)16 << 20;
    if (trove_open(&options, &cache, NULL) < 0)
        fail();
    failing_allocator_fail_large(n, 1024);
    for (unsigned i = 0; i < GROWTH; i++)
        put(i);
    failed = failing_allocator_stop();
    for (unsigned i = 0; i < GROWTH; i++) /* those that found no room */
        put(i);
    for (unsigned i = 0; i < GROWTH; i++) {
        id = fake_id(i);
        assert_true(trove_has(cache, &id));
    }
    assert_int_equal(trove_close(cache, NULL), 0);
    return failed;
}

/* Goal: a table that cannot grow goes on as it is, and grows later. */
static void nomem__growth(void **state)
{
    long before = failing_allocator_live();
    unsigned n = 1;

    (void)state;
    atomic_store(&wrong, 0);
    while (fail_growth(n)) {
        assert_live(before);
        n++;
    }
    assert_int_equal(wrong, 0);
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nomem__one_thread),
        cmocka_unit_test(nomem__two_threads),
        cmocka_unit_test(nomem__growth),
    };
    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
