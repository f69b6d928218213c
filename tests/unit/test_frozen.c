// SPDX-License-Identifier: MIT
/*
 * test_frozen.c - immutable views: complete while others put, evict and make the table grow; ordered; valid after eviction and
 * after the cache is closed.
 */
#include "core/cache_struct.h"
#include "failing_allocator.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trove/frozen.h>

#define MIB ((uint64_t)1 << 20)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STAY 500
#define FREEZES 10
#else
#define STAY 4000
#define FREEZES (test_long() ? 200 : 25)
#endif

static struct trove *cache;

static void begin(uint64_t max_bytes, enum trove_overfull overfull)
{
    struct trove_options options;

    fake_options(&options);
    options.max_bytes = max_bytes;
    options.overfull = overfull;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
}

static int put(unsigned n)
{
    char text[256];

    return trove_put(cache, TROVE_BLOB, text, fake_text(n, text, sizeof(text)), NULL, NULL);
}

static struct trove_frozen *freeze(void)
{
    struct trove_frozen *frozen;

    assert_int_equal(trove_freeze(cache, NULL, &frozen, NULL), 0);
    return frozen;
}

static bool holds(const struct trove_frozen *frozen, unsigned n)
{
    struct trove_oid id = fake_id(n);
    const struct trove_object *object = trove_frozen_get(frozen, &id);
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));

    return object != NULL && trove_object_size(object) == size &&
           memcmp(trove_object_data(object), text, size) == 0;
}

struct listing {
    unsigned count, disorder, end;
    struct trove_oid last;
};

static int list_one(void *context, const struct trove_object *object)
{
    struct listing *listing = context;
    struct trove_oid id = trove_object_id(object);

    if (listing->count > 0 && memcmp(listing->last.bytes, id.bytes, sizeof(id.bytes)) >= 0)
        listing->disorder++;
    listing->last = id;
    return ++listing->count == listing->end ? 7 : 0;
}

/* Goal: it has what was there, in order, from anywhere on; nothing else, and nothing that came later. */
static void frozen__get_and_list(void **state)
{
    struct listing all = {0}, first = {.end = 30}, rest = {0};
    struct trove_frozen *frozen, *none;
    struct trove_oid absent = {{0}};

    (void)state;
    begin(16 * MIB, TROVE_OVERFULL_EVICT);
    none = freeze();
    assert_int_equal(trove_frozen_count(none), 0);
    assert_int_equal(trove_frozen_list(none, NULL, list_one, &all), 0);
    for (unsigned n = 0; n < 100; n++)
        assert_int_equal(put(n), 0);
    frozen = freeze();
    assert_int_equal(put(100), 0);
    assert_int_equal(trove_frozen_count(frozen), 100);
    for (unsigned n = 0; n < 100; n++)
        assert_true(holds(frozen, n));
    assert_false(holds(frozen, 100));
    assert_int_equal(trove_frozen_list(frozen, NULL, list_one, &all), 0);
    assert_int_equal(trove_frozen_list(frozen, NULL, list_one, &first), 7);
    assert_int_equal(trove_frozen_list(frozen, &first.last, list_one, &rest), 0);
    assert_int_equal(all.count, 100);
    assert_int_equal(first.count + rest.count, 100);
    assert_int_equal(all.disorder + first.disorder + rest.disorder, 0);
    memset(absent.bytes, 0xff, 20);
    rest = (struct listing){0};
    assert_int_equal(trove_frozen_list(frozen, &absent, list_one, &rest), 0);
    assert_int_equal(rest.count, 0);
    trove_frozen_free(frozen);
    trove_frozen_free(none);
    assert_int_equal(trove_close(cache, NULL), 0);
    failing_allocator_assert_none();
}

/* Goal: what is evicted and what is closed stays in the view, byte for byte; freeing it frees all. */
static void frozen__outlives_eviction_and_close(void **state)
{
    struct trove_frozen *frozen;
    struct trove_stats stats;

    (void)state;
    begin(16 * MIB, TROVE_OVERFULL_EVICT);
    for (unsigned n = 0; n < 1000; n++)
        assert_int_equal(put(n), 0);
    frozen = freeze();
    assert_true(trove_shrink(cache, UINT64_MAX) > 0);
    assert_int_equal(trove__reclaim_await(&cache->reclaim, NULL), 0);
    trove_stats(cache, &stats);
    assert_int_equal(stats.object_count, 0);
    assert_true(stats.pinned_bytes > 0);
    assert_int_equal(trove_close(cache, NULL), 0);
    for (unsigned n = 0; n < 1000; n++)
        assert_true(holds(frozen, n));
    trove_frozen_free(frozen);
    failing_allocator_assert_none();
}

/* Goal: a view is of the contents that it was made of, not of those that replaced them; and a view of these is. */
static void frozen__outlives_replace(void **state)
{
    struct trove_frozen *before, *after;

    (void)state;
    begin(16 * MIB, TROVE_OVERFULL_EVICT);
    for (unsigned n = 0; n < 100; n++)
        assert_int_equal(put(n), 0);
    before = freeze();
    assert_int_equal(trove_replace(cache, NULL, NULL, NULL), 0);
    assert_int_equal(put(100), 0);
    after = freeze();
    assert_int_equal(trove_frozen_count(before), 100);
    assert_int_equal(trove_frozen_count(after), 1);
    assert_true(holds(after, 100) && !holds(before, 100));
    assert_int_equal(trove_close(cache, NULL), 0);
    for (unsigned n = 0; n < 100; n++)
        assert_true(holds(before, n));
    trove_frozen_free(before);
    trove_frozen_free(after);
    failing_allocator_assert_none();
}

/* Goal: it says why it cannot be made. */
static void frozen__refused(void **state)
{
    struct trove_until soon = trove_until_ms(5, NULL);
    struct trove_frozen *frozen;
    struct trove_error err;

    (void)state;
    begin(16 * MIB, TROVE_OVERFULL_EVICT);
    trove_read_lock();
    assert_int_equal(trove_freeze(cache, NULL, &frozen, &err), -EDEADLK);
    assert_int_equal(trove__reclaim_await(&cache->reclaim, &soon), -ETIMEDOUT);
    trove_read_unlock();
    trove_shutdown(cache);
    assert_int_equal(trove_freeze(cache, NULL, &frozen, &err), -ECANCELED);
    assert_int_equal(err.code, -ECANCELED);
    assert_int_equal(trove_close(cache, NULL), 0);
    failing_allocator_assert_none();
}

struct turmoil {
    atomic_uint stop, missing, odd;
};

/* Thread 0 freezes again and again; the others put what stays (again) and what makes the table grow and is given back. */
static void stir(void *context, unsigned index)
{
    struct turmoil *turmoil = context;

    if (index > 0) {
        for (unsigned n = 0; atomic_load(&turmoil->stop) == 0; n++) {
            (void)put(STAY + n % (FAKE_OBJECTS - STAY));
            (void)put(n % STAY);
        }
        return;
    }
    for (int i = 0; i < FREEZES; i++) {
        struct trove_frozen *frozen;
        struct listing listing = {0};

        if (trove_freeze(cache, NULL, &frozen, NULL) != 0)
            abort();
        for (unsigned n = 0; n < STAY; n++)
            if (!holds(frozen, n))
                atomic_fetch_add(&turmoil->missing, 1);
        trove_frozen_list(frozen, NULL, list_one, &listing);
        if (listing.disorder != 0 || listing.count != trove_frozen_count(frozen))
            atomic_fetch_add(&turmoil->odd, 1);
        trove_frozen_free(frozen);
    }
    atomic_store(&turmoil->stop, 1);
}

/* Goal: what is there all the time is in each view, while the table grows, moves and drops duplicates around it. */
static void frozen__complete_in_turmoil(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        struct turmoil turmoil = {0};

        begin(64 * MIB, TROVE_OVERFULL_GROW);
        for (unsigned n = 0; n < STAY; n++)
            assert_int_equal(put(n), 0);
        run_threads(3, stir, &turmoil);
        assert_int_equal(turmoil.missing, 0);
        assert_int_equal(turmoil.odd, 0);
        recount(cache);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
    failing_allocator_assert_none();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen__get_and_list),
        cmocka_unit_test(frozen__outlives_eviction_and_close),
        cmocka_unit_test(frozen__outlives_replace),
        cmocka_unit_test(frozen__refused),
        cmocka_unit_test(frozen__complete_in_turmoil),
    };
    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
