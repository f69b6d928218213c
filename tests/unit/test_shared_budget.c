// SPDX-License-Identifier: MIT
/*
 * test_shared_budget.c - several caches within one bound; a cache that gives memory back.
 */
#include "core/cache_struct.h"
#include "core/rcu.h"
#include "core/shared_budget.h"
#include "failing_allocator.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
#define CACHES 4
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PUTS 60000
#else
#define PUTS 100000
#endif

static struct trove *open_with(struct trove_budget *budget, uint64_t max_bytes,
                               enum trove_overfull overfull)
{
    struct trove_options options;
    struct trove *cache;

    fake_options(&options);
    options.budget = budget;
    options.max_bytes = max_bytes;
    options.overfull = overfull;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    return cache;
}

static struct trove_budget *budget_of(uint64_t max_bytes)
{
    struct trove_budget *budget;

    assert_int_equal(trove_budget_create(max_bytes, &budget), 0);
    return budget;
}

static int put(struct trove *cache, unsigned n)
{
    char data[100] = {0};

    memcpy(data, &n, sizeof(n));
    return trove_put(cache, TROVE_BLOB, data, sizeof(data), NULL, NULL);
}

/* What is in the way is not yet free: how far the reclaimer's thread is, is the machine's affair. */
static void put_in_time(struct trove *cache, unsigned n)
{
    while (put(cache, n) != 0)
        assert_int_equal(trove__reclaim_await(&cache->reclaim, NULL), 0);
}

/* Whether N finds no room, though all that was let go of is free. */
static bool is_refused(struct trove *cache, unsigned n)
{
    for (unsigned i = 0; i < 3; i++) {
        int r = put(cache, n);

        if (r != -ECACHE_OVERFULL)
            return false;
        assert_int_equal(trove__reclaim_await(&cache->reclaim, NULL), 0);
    }
    return true;
}

static uint64_t used(struct trove *cache)
{
    struct trove_stats stats;

    trove_stats(cache, &stats);
    return stats.used_bytes;
}

static void close_all(struct trove **caches, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(trove_close(caches[i], NULL), 0);
}

/* Goal: a cache that fills up takes from the one that holds most, and both together stay within the bound. */
static void budget__a_put_evicts_from_the_largest(void **state)
{
    struct trove_budget *budget = budget_of(8 * MIB);
    struct trove *caches[2];
    uint64_t before;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        caches[i] = open_with(budget, 8 * MIB, TROVE_OVERFULL_EVICT);
    for (unsigned n = 0; n < PUTS; n++)
        put_in_time(caches[0], n);
    before = used(caches[0]);
    assert_true(before > 5 * MIB);
    for (unsigned n = 0; n < PUTS; n++) {
        while (put(caches[1], n) != 0) /* what was evicted is not yet free */
            assert_int_equal(trove__reclaim_await(&caches[0]->reclaim, NULL), 0);
        assert_true(trove_budget_used(budget) <= 8 * MIB);
    }
    assert_true(used(caches[0]) < before - 2 * MIB);
    assert_true(used(caches[1]) > 2 * MIB);
    recount(caches[0]);
    recount(caches[1]);
    assert_int_equal(trove_budget_used(budget), used(caches[0]) + used(caches[1]));
    close_all(caches, 2);
    assert_int_equal(trove_budget_used(budget), 0);
    trove_budget_unref(budget);
    failing_allocator_assert_none();
}

/* Goal: within the shared bound a cache keeps its own, evicting from itself. */
static void budget__ones_own_bound_holds_too(void **state)
{
    struct trove_budget *budget = budget_of(16 * MIB);
    struct trove *caches[2] = {open_with(budget, 16 * MIB, TROVE_OVERFULL_EVICT),
                               open_with(budget, 2 * MIB, TROVE_OVERFULL_EVICT)};
    struct trove_stats stats;
    uint64_t before;

    (void)state;
    for (unsigned n = 0; n < 20000; n++)
        put_in_time(caches[0], n);
    trove_stats(caches[0], &stats);
    before = stats.evictions; /* for a place in a full window of the table, at most */
    for (unsigned n = 0; n < PUTS; n++) {
        (void)put(caches[1], n);
        assert_true(used(caches[1]) <= 2 * MIB);
    }
    trove_stats(caches[0], &stats);
    assert_int_equal(stats.evictions, before);
    close_all(caches, 2);
    trove_budget_unref(budget);
    failing_allocator_assert_none();
}

/* Goal: a cache that refuses is refused by what others hold, and takes nothing from them if they refuse too. */
static void budget__one_that_refuses(void **state)
{
    struct trove_budget *budget = budget_of(4 * MIB);
    struct trove *caches[2] = {open_with(budget, 4 * MIB, TROVE_OVERFULL_ERROR),
                               open_with(budget, 4 * MIB, TROVE_OVERFULL_ERROR)};
    unsigned n = 0;

    (void)state;
    while (!is_refused(caches[0], n))
        n++;
    assert_true(n > 1000);
    assert_int_equal(put(caches[0], n), -ECACHE_OVERFULL);
    assert_int_equal(put(caches[1], n), -ECACHE_OVERFULL);
    assert_true(trove_shrink(caches[0], MIB) >= MIB);
    assert_int_equal(trove__reclaim_await(&caches[0]->reclaim, NULL), 0);
    assert_int_equal(put(caches[1], n), 0);
    recount(caches[0]);
    recount(caches[1]);
    close_all(caches, 2);
    trove_budget_unref(budget);
    failing_allocator_assert_none();
}

/* Goal: as many caches as may be, one more is refused, and one that is closed makes room. */
static void budget__members_are_bounded(void **state)
{
    struct trove_budget *budget = budget_of(256 * MIB);
    struct trove *caches[TROVE__MEMBERS_MAX], *more;
    struct trove_options options;

    (void)state;
    for (unsigned i = 0; i < TROVE__MEMBERS_MAX; i++)
        caches[i] = open_with(budget, MIB, TROVE_OVERFULL_EVICT);
    fake_options(&options);
    options.budget = budget;
    options.max_bytes = MIB;
    assert_int_equal(trove_open(&options, &more, NULL), -EAGAIN);
    assert_int_equal(trove_close(caches[5], NULL), 0);
    caches[5] = open_with(budget, MIB, TROVE_OVERFULL_EVICT);
    close_all(caches, TROVE__MEMBERS_MAX);
    assert_int_equal(trove_budget_used(budget), 0);
    trove_budget_unref(budget);
    failing_allocator_assert_none();
}

struct crowd {
    struct trove_budget *budget;
    atomic_uint over;
};

static void open_put_close(void *context, unsigned index)
{
    struct crowd *crowd = context;

    for (unsigned round = 0; round < 20; round++) {
        struct trove *cache = open_with(crowd->budget, 4 * MIB, TROVE_OVERFULL_EVICT);

        for (unsigned n = 0; n < PUTS / 40; n++) {
            (void)put(cache, n * CACHES + index);
            if (trove_budget_used(crowd->budget) > 6 * MIB)
                atomic_store(&crowd->over, 1);
        }
        if (trove_close(cache, NULL) != 0)
            atomic_store(&crowd->over, 2);
    }
}

/* Goal: caches come and go while others evict from them. */
static void budget__caches_come_and_go(void **state)
{
    struct crowd crowd = {.budget = budget_of(6 * MIB)};

    (void)state;
    run_threads(CACHES, open_put_close, &crowd);
    assert_int_equal(crowd.over, 0);
    assert_int_equal(trove_budget_used(crowd.budget), 0);
    trove_budget_unref(crowd.budget);
    failing_allocator_assert_none();
}

/* --- shrinking ---------------------------------------------------------------------------------------------------- */

/* Goal: shrinking frees what was asked for and what was used least, under each policy; in the end everything. */
static void shrink__under_each_policy(void **state)
{
    static const enum trove_overfull policies[] = {TROVE_OVERFULL_EVICT, TROVE_OVERFULL_ERROR,
                                                   TROVE_OVERFULL_GROW};

    (void)state;
    for (unsigned p = 0; p < 3; p++) {
        struct trove *cache = open_with(NULL, 16 * MIB, policies[p]);
        struct trove_stats before, after;
        uint64_t gone;

        for (unsigned n = 0; n < 20000; n++)
            put_in_time(cache, n);
        trove_stats(cache, &before);
        assert_int_equal(trove_shrink(cache, 0), 0);
        gone = trove_shrink(cache, 200000);
        assert_in_range(gone, 200000, 201000);
        trove_stats(cache, &after);
        assert_int_equal(after.object_bytes, before.object_bytes - gone);
        assert_int_equal(trove__reclaim_await(&cache->reclaim, NULL), 0);
        trove_stats(cache, &after);
        assert_int_equal(after.deferred_bytes, 0);
        for (unsigned turn = 0; turn < 1000 && !trove_is_empty(cache); turn++) {
            (void)trove_shrink(cache, UINT64_MAX);
            assert_int_equal(trove__reclaim_await(&cache->reclaim, NULL), 0);
        }
        assert_true(trove_is_empty(cache));
        assert_int_equal(trove_shrink(cache, UINT64_MAX), 0);
        assert_int_equal(put(cache, 1), 0);
        recount(cache);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
    failing_allocator_assert_none();
}

/* Goal: what is pinned or read stays whole, however much is given back. */
static void shrink__what_is_in_use_stays_whole(void **state)
{
    struct trove *cache = open_with(NULL, 16 * MIB, TROVE_OVERFULL_EVICT);
    const struct trove_object *object;
    struct trove_object *pinned;
    struct trove_oid id;
    unsigned n = 7;
    char data[100] = {0};

    (void)state;
    memcpy(data, &n, sizeof(n));
    assert_int_equal(trove_put(cache, TROVE_BLOB, data, sizeof(data), &id, NULL), 0);
    trove_read_lock();
    assert_int_equal(trove_get(cache, &id, &object), 0);
    pinned = trove_pin(object);
    trove_read_unlock();
    assert_true(trove_shrink(cache, UINT64_MAX) > 0);
    assert_int_equal(trove__reclaim_await(&cache->reclaim, NULL), 0);
    assert_false(trove_has(cache, &id));
    assert_memory_equal(trove_object_data(pinned), data, sizeof(data));
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_memory_equal(trove_object_data(pinned), data, sizeof(data));
    trove_unpin(pinned);
    failing_allocator_assert_none();
}

/* Goal: a grace period is waited for only as long as the caller says. */
static void shrink__a_reader_holds_it_up(void **state)
{
    struct trove *cache = open_with(NULL, 16 * MIB, TROVE_OVERFULL_EVICT);
    struct trove_until soon = trove_until_ms(5, NULL);

    (void)state;
    trove__section_enter();
    assert_int_equal(trove__reclaim_await(&cache->reclaim, &soon), -ETIMEDOUT);
    trove__section_leave();
    assert_int_equal(trove__reclaim_await(&cache->reclaim, NULL), 0);
    assert_int_equal(trove_close(cache, NULL), 0);
    failing_allocator_assert_none();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget__a_put_evicts_from_the_largest),
        cmocka_unit_test(budget__ones_own_bound_holds_too),
        cmocka_unit_test(budget__one_that_refuses),
        cmocka_unit_test(budget__members_are_bounded),
        cmocka_unit_test(budget__caches_come_and_go),
        cmocka_unit_test(shrink__under_each_policy),
        cmocka_unit_test(shrink__what_is_in_use_stays_whole),
        cmocka_unit_test(shrink__a_reader_holds_it_up),
    };
    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
