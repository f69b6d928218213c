// SPDX-License-Identifier: MIT
/*
 * test_give_way.c - a put that finds that too much waits to be freed gives its processor away once, and looks again.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "support.h"
#include <errno.h>
#include <string.h>

#define BYTES 200
#define PUTS 20000 /* several times what the cache holds */

/* This thread's: how often it gave way; and where that lets a reclaimer run, in the place of its thread. */
static _Thread_local unsigned given;
static _Thread_local struct trove *turns_of;

int sched_yield(void)
{
    given++;
    if (turns_of == NULL)
        return 0; /* nobody to give way to: where many others want the processor, it would be away for long */
    turns_of->reclaim.last_grace_ns = 0; /* at once */
    while (trove__reclaim_turn(&turns_of->reclaim))
        ;
    return 0;
}

/* Whose reclaimer's thread never starts. */
static struct trove *open_still(void)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = 1 << 20;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    trove__store_relaxed(&cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    given = 0;
    return cache;
}

static void close_still(struct trove *cache)
{
    turns_of = NULL;
    trove__store_relaxed(&cache->reclaim.thread_state, TROVE__RECLAIM_NONE);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* PUTS objects from FIRST on. Returns how many were refused. */
static unsigned put_all(struct trove *cache, uint64_t first)
{
    unsigned char bytes[BYTES] = {0};
    unsigned refused = 0;

    for (uint64_t n = first; n < first + PUTS; n++) {
        int r;

        memcpy(bytes, &n, sizeof(n));
        r = trove_put(cache, TROVE_BLOB, bytes, BYTES, NULL, NULL);
        assert_true(r == 0 || r == -ECACHE_OVERFULL);
        refused += r != 0;
    }
    return refused;
}

static uint64_t deferred_refusals(struct trove *cache)
{
    struct trove_stats stats;

    trove_stats(cache, &stats);
    return stats.overfulls_deferred;
}

/* Goal: no put is refused where what waits is freed as soon as somebody gives way. */
static void give_way__then_there_is_room(void **state)
{
    struct trove *cache = open_still();

    (void)state;
    turns_of = cache;
    assert_int_equal(put_all(cache, 0), 0);
    assert_int_equal(deferred_refusals(cache), 0);
    assert_true(given > 0);
    close_still(cache);
}

/* Goal: where that helps nobody a put gives way once and is refused; that is counted. */
static void give_way__once_for_each_put(void **state)
{
    struct trove *cache = open_still();
    unsigned refused = put_all(cache, 0);

    (void)state;
    assert_true(refused > PUTS / 2);
    assert_int_equal(given, refused);
    assert_int_equal(deferred_refusals(cache), refused);
    close_still(cache);
}

/* Goal: a reader who stays in its section is not given way to by each put; nor by who is in a section itself. */
static void give_way__not_to_who_is_stuck(void **state)
{
    struct trove *cache = open_still();
    unsigned before, refused;

    (void)state;
    put_all(cache, 0);
    before = given;
    trove__holdup_begin(&cache->reclaim.holdup, 1); /* long ago */
    refused = put_all(cache, PUTS);
    assert_int_equal(refused, PUTS);
    assert_int_equal(given, before);
    assert_true(deferred_refusals(cache) > refused);
    trove__holdup_end(&cache->reclaim.holdup, 1);
    trove_read_lock();
    assert_int_equal(put_all(cache, PUTS), PUTS);
    trove_read_unlock();
    assert_int_equal(given, before);
    assert_int_equal(put_all(cache, PUTS), PUTS);
    assert_int_equal(given, before + PUTS);
    close_still(cache);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(give_way__then_there_is_room),
        cmocka_unit_test(give_way__once_for_each_put),
        cmocka_unit_test(give_way__not_to_who_is_stuck),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
