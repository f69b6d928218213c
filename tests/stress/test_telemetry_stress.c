// SPDX-License-Identifier: MIT
/*
 * test_telemetry_stress.c - listeners that come and go while everything else goes on.
 */
#include "fake_source.h"
#include "support.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <trove/telemetry.h>

#ifdef __SANITIZE_THREAD__
#define ROUNDS 60
#else
#define ROUNDS 600
#endif
#define WORKERS 3
#define LISTENERS 2

/* What a listener is told with; gone as soon as it has unsubscribed. */
struct audience {
    atomic_uint is_gone, started, stopped;
};

static atomic_uint too_late;
static atomic_uint listening = LISTENERS;

static void on_start(void *context, const struct trove_span *span)
{
    struct audience *audience = context;

    atomic_fetch_add(&too_late, atomic_load(&audience->is_gone) != 0 || span->id == 0);
    atomic_fetch_add(&audience->started, 1);
}

static void on_stop(void *context, const struct trove_span *span)
{
    struct audience *audience = context;

    atomic_fetch_add(&too_late, atomic_load(&audience->is_gone) != 0 || span->id == 0);
    atomic_fetch_add(&audience->stopped, 1);
}

static void work(struct trove *cache, unsigned n)
{
    const struct trove_object *object;
    struct trove_oid id = fake_id(n % FAKE_OBJECTS);
    struct trove_result result;

    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    assert_int_equal(check_result(&result, n % FAKE_OBJECTS), 0);
    (void)trove_put(cache, TROVE_BLOB, &n, sizeof(n), NULL, NULL);
    (void)trove_has(cache, &id);
    trove_read_lock();
    (void)trove_get(cache, &id, &object);
    trove_read_unlock();
}

static void listen(struct trove *cache)
{
    struct audience *audience = calloc(1, sizeof(*audience));
    struct trove_subscriber subscriber = {.start = on_start, .stop = on_stop, .context = audience};
    unsigned number;

    assert_non_null(audience);
    assert_int_equal(trove_subscribe(cache, &subscriber, &number), 0);
    while (atomic_load(&audience->stopped) < 3)
        sched_yield();
    assert_int_equal(trove_unsubscribe(cache, number, NULL), 0);
    atomic_store(&audience->is_gone, 1);
    free(audience);
}

static int swallow(void *context, const char *text, size_t size)
{
    (void)text;
    *(size_t *)context += size;
    return 0;
}

static void act(void *context, unsigned index)
{
    struct trove_metrics_cache cache = {context, "c"};
    size_t written = 0;

    if (index < WORKERS) {
        for (unsigned n = index * 7919; atomic_load(&listening) > 0; n++)
            work(context, n);
        return;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        listen(context);
        if (index == WORKERS && round % 10 == 0)
            assert_int_equal(trove_metrics_write(&cache, 1, swallow, &written), 0);
    }
    atomic_fetch_sub(&listening, 1);
}

/* Goal: nobody is told after it has gone, whoever works, listens or reads the sums; and everything else goes on. Method: what
 * a listener is told with is freed when it has unsubscribed, so the sanitizers see what comes too late. */
static void telemetry_stress__come_and_go(void **state)
{
    struct fake_source source;
    struct trove_options options;
    struct trove *cache;

    (void)state;
    fake_options(&options);
    options.max_bytes = 1 << 20; /* evicts */
    options.count_reads = true;
    fake_source_init(&source, NULL);
    cache = fake_open(&source, &options);
    run_threads(WORKERS + LISTENERS, act, cache);
    assert_int_equal(atomic_load(&too_late), 0);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telemetry_stress__come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
