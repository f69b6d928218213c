// SPDX-License-Identifier: MIT
/*
 * test_policy.c - what stays cached, and what each overfull policy answers.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 200 /* of each object: the smallest class that is its own */

static struct trove *open_with(enum trove_overfull overfull, uint64_t max_bytes,
                               trove_overfull_fn callback, void *context)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = max_bytes;
    options.overfull = overfull;
    options.overfull_callback = callback;
    options.overfull_context = context;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    return cache;
}

static struct trove_oid content(uint64_t n, unsigned char bytes[BYTES])
{
    memset(bytes, (int)(n & 0xff), BYTES);
    memcpy(bytes, &n, sizeof(n));
    return fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, BYTES);
}

static int put(struct trove *cache, uint64_t n)
{
    unsigned char bytes[BYTES];

    content(n, bytes);
    return trove_put(cache, TROVE_BLOB, bytes, BYTES, NULL, NULL);
}

static bool has(struct trove *cache, uint64_t n)
{
    unsigned char bytes[BYTES];
    struct trove_oid id = content(n, bytes);

    return trove_has(cache, &id);
}

/* Evicted memory, and a table's levels, wait for the reclaimer's grace period: an answer of overfull may mean "later". */
static void put_until_done(struct trove *cache, uint64_t n)
{
    int r;

    while ((r = put(cache, n)) == -ECACHE_OVERFULL)
        sched_yield();
    assert_int_equal(r, 0);
}

/* A use, as grep's: get, and put what is missing. True when it was there. */
static bool use(struct trove *cache, uint64_t n)
{
    unsigned char bytes[BYTES];
    struct trove_oid id = content(n, bytes);
    const struct trove_object *object;
    bool hit;

    trove_read_lock();
    hit = trove_get(cache, &id, &object) == 0;
    trove_read_unlock();
    if (!hit)
        put_until_done(cache, n);
    return hit;
}

static uint64_t used_bytes(struct trove *cache)
{
    struct trove_stats stats;

    trove_stats(cache, &stats);
    return stats.used_bytes;
}

static uint64_t object_count(struct trove *cache)
{
    struct trove_stats stats;

    trove_stats(cache, &stats);
    return stats.object_count;
}

/* --- beside CLOCK ------------------------------------------------------------------------------------------------- */

struct clock {
    uint64_t *number; /* of each place; UINT64_MAX: none */
    unsigned char *used;
    uint32_t *place; /* of each number, plus 1 */
    size_t size, hand;
};

static bool clock_use(struct clock *clock, uint64_t n)
{
    if (clock->place[n] != 0) {
        clock->used[clock->place[n] - 1] = 1;
        return true;
    }
    while (clock->used[clock->hand]) {
        clock->used[clock->hand] = 0;
        clock->hand = (clock->hand + 1) % clock->size;
    }
    if (clock->number[clock->hand] != UINT64_MAX)
        clock->place[clock->number[clock->hand]] = 0;
    clock->number[clock->hand] = n;
    clock->place[n] = (uint32_t)clock->hand + 1;
    clock->hand = (clock->hand + 1) % clock->size;
    return false;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

#define HOT 2500
#define ALL 400000
#define USES 200000

/* Every second use is the scan's, which goes on and on and comes back never; the others are of the hot set, the lower
 * numbers more often. */
static uint64_t trace(uint64_t i)
{
    uint64_t a = mix(i * 2 + 1) % HOT, b = mix(i * 2 + 7777) % HOT;

    return i % 2 == 0 ? HOT + i / 2 : a < b ? a : b;
}

/* Goal: on a scan mixed with a hot set the object miss ratio is no worse than CLOCK's. Method: one trace through both;
 * CLOCK gets as many places as the cache ever held objects. Objects have one size. */
static void policy__no_worse_than_clock(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_EVICT, 2 << 20, NULL, NULL);
    struct clock clock = {.place = calloc(ALL, sizeof(uint32_t))};
    uint64_t misses = 0, clock_misses = 0;

    (void)state;
    for (uint64_t i = 0; i < USES; i++) {
        misses += !use(cache, trace(i));
        if (i % 256 == 0 && object_count(cache) > clock.size)
            clock.size = object_count(cache);
    }
    clock.number = malloc(clock.size * sizeof(uint64_t));
    clock.used = calloc(clock.size, 1);
    memset(clock.number, 0xff, clock.size * sizeof(uint64_t));
    for (uint64_t i = 0; i < USES; i++)
        clock_misses += !clock_use(&clock, trace(i));
    printf("%zu objects at most, hot set %d: misses %.4f, CLOCK's %.4f\n", clock.size, HOT,
           (double)misses / USES, (double)clock_misses / USES);
    assert_true(clock.size < USES / 4 && clock.size > HOT);
    assert_in_range(misses, USES / 2, clock_misses);
    free(clock.number);
    free(clock.used);
    free(clock.place);
    assert_int_equal(trove_close(cache, NULL), 0);
}

enum { HOT_SET = 1000 };

static void use_hot_set(struct trove *cache)
{
    for (unsigned round = 0; round < 6; round++)
        for (uint64_t n = 0; n < HOT_SET; n++)
            use(cache, n);
}

static unsigned hot_left(struct trove *cache)
{
    unsigned left = 0;

    for (uint64_t n = 0; n < HOT_SET; n++)
        left += has(cache, n);
    printf("%u of %d hot objects are left\n", left, HOT_SET);
    return left;
}

/* Goal: one pass over ten times what fits leaves the hot set there, of which CLOCK would keep nothing. */
static void policy__a_scan_leaves_the_hot_set(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_EVICT, 2 << 20, NULL, NULL);

    (void)state;
    use_hot_set(cache);
    for (uint64_t n = 0; n < 70000; n++)
        use(cache, 100000 + n);
    /* How many growing the table took depends on when the reclaimer's thread came to it. */
    assert_in_range(hot_left(cache), HOT_SET / 100 * 95, HOT_SET);
    assert_int_equal(trove_close(cache, NULL), 0);
}

#define SCANNERS 4
#define SCANNED 300
#define SCANNED_MAX 60000

/* What one of several scanners puts: objects of all sizes up to an eighth of small's and main's place together. */
static void scan_sizes(void *context, unsigned index)
{
    unsigned char *bytes = calloc(1, SCANNED_MAX);

    for (uint64_t n = 0; n < SCANNED; n++) {
        uint64_t number = (uint64_t)(index + 1) << 32 | n;
        size_t size = sizeof(number) + mix(number) % (SCANNED_MAX - sizeof(number));
        int r;

        memcpy(bytes, &number, sizeof(number));
        while ((r = trove_put(context, TROVE_BLOB, bytes, size, NULL, NULL)) == -ECACHE_OVERFULL)
            sched_yield();
        assert_int_equal(r, 0);
    }
    free(bytes);
}

/* Goal: the same when several threads scan at once, objects small and large, and puts outrun the reclaimer all the time. What
 * a large one needs comes from what was scanned before it, not from the hot set. */
static void policy__a_scan_of_all_sizes_leaves_the_hot_set(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_EVICT, 2 << 20, NULL, NULL);

    (void)state;
    use_hot_set(cache);
    run_threads(SCANNERS, scan_sizes, cache);
    /* Nothing was left when large ones took what they needed from main. */
    assert_in_range(hot_left(cache), HOT_SET / 2, HOT_SET);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* --- the small queue's share -------------------------------------------------------------------------------------- */

#define BACK 2500 /* how far back an old object is used again, at most: a third of what fits */
#define NEW 60000

/* Goal: objects that are used once more within a third of the cache, and never after that, are there still, although nobody
 * but the small queue ever has them. A share of a tenth, for good, misses more than half of them. */
static void policy__small_grows_for_what_comes_back(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_EVICT, 2 << 20, NULL, NULL);
    uint64_t missed = 0;

    (void)state;
    for (uint64_t n = 0; n < NEW; n++) {
        use(cache, n);
        if (n > BACK && !use(cache, n - 1 - mix(n) % BACK) && n > NEW / 2)
            missed++;
    }
    printf("small's share is %.2f; of %d old objects %lu missed\n",
           (double)trove__share_of(&cache->policy.share, 1000) / 1000, NEW / 2, missed);
    assert_in_range(missed, 0, NEW / 2 / 4);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: whatever is learnt, each queue has a twentieth. */
static void policy__the_share_has_bounds(void **state)
{
    static const uint64_t counts[] = {0, 1, 100, 1000000, (uint64_t)1 << 40};
    struct trove__share share;

    (void)state;
    trove__share_init(&share);
    assert_int_equal(trove__share_of(&share, (uint64_t)1 << 60) >> 50, 102);
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (unsigned from_small = 0; from_small < 2; from_small++) {
            for (unsigned n = 0; n < 300000; n++) {
                trove__share_learn(&share, from_small, counts[i]);
                assert_in_range(trove__share_of(&share, 10000), 499, 9500);
            }
            if (counts[i] <= 1000000)
                assert_in_range(trove__share_of(&share, 10000), from_small ? 9499 : 499,
                                from_small ? 9500 : 500);
        }
}

/* --- what was hardly used ------------------------------------------------------------------------------------------ */

#define TURNS 32 /* so many ask, because one of them goes whatever is known */

static unsigned spared_of(struct trove__worth *worth, enum trove__leaver kind, uint64_t bytes)
{
    static const union {
        struct trove_object object;
        unsigned char bytes[64];
    } made;
    unsigned spared = 0;

    for (uint64_t turn = 0; turn < TURNS; turn++)
        spared += trove__worth_sparing(worth, &made.object, kind, bytes, 1000, turn);
    return spared;
}

static void tell(struct trove__worth *worth, enum trove__leaver kind, unsigned seen,
                 unsigned wanted)
{
    for (unsigned n = 0; n < seen; n++)
        trove__worth_seen(worth, kind, n < wanted, 1000);
}

/* Goal: what is wanted again more often than idle objects are is spared, but for one in so many; a light object sooner than a
 * large one; what nobody wants is not, whatever was before. */
static void policy__what_is_wanted_again_is_spared(void **state)
{
    struct trove__worth worth;

    (void)state;
    trove__worth_init(&worth, 1 << 20);
    assert_int_equal(spared_of(&worth, TROVE__LEAVER_ONCE, 1000), 0);
    tell(&worth, TROVE__LEAVER_ONCE, 500, 200);
    tell(&worth, TROVE__LEAVER_IDLE, 500, 100);
    assert_int_equal(spared_of(&worth, TROVE__LEAVER_ONCE, 1000), TURNS - 1);
    assert_int_equal(spared_of(&worth, TROVE__LEAVER_ONCE, 10000), 0);
    tell(&worth, TROVE__LEAVER_CREDIT, 500, 50);
    assert_int_equal(spared_of(&worth, TROVE__LEAVER_CREDIT, 1000), 0);
    assert_int_equal(spared_of(&worth, TROVE__LEAVER_CREDIT, 100), TURNS - 1);
    tell(&worth, TROVE__LEAVER_ONCE, 20000, 0);
    assert_int_equal(spared_of(&worth, TROVE__LEAVER_ONCE, 1000), 0);
}

/* --- ERROR, GROW, CALLBACK ---------------------------------------------------------------------------------------- */

/* Puts objects 0, 1 and so on; returns how many there was room for. */
static uint64_t put_until_overfull(struct trove *cache)
{
    uint64_t n = 0;
    int r;

    while ((r = put(cache, n)) == 0)
        n++;
    assert_int_equal(r, -ECACHE_OVERFULL);
    return n;
}

static void policy__error_leaves_all_as_it_was(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_ERROR, 256 << 10, NULL, NULL);
    uint64_t n, used, objects;
    struct trove_stats stats;

    (void)state;
    n = put_until_overfull(cache);
    assert_true(n > 300);
    assert_int_equal(trove__reclaim_stop(&cache->reclaim, NULL),
                     0); /* quiet: a grown table's levels are free */
    while (put(cache, n) == 0)
        n++;
    used = used_bytes(cache);
    objects = object_count(cache);
    assert_int_equal(objects, n);
    for (uint64_t more = 0; more < 2000; more++)
        assert_int_equal(put(cache, n + more), -ECACHE_OVERFULL);
    assert_int_equal(used_bytes(cache), used);
    assert_int_equal(object_count(cache), objects);
    for (uint64_t i = 0; i < n + 2000; i++)
        assert_int_equal(has(cache, i), i < n);
    assert_int_equal(put(cache, 0), 0); /* what is there needs no room */
    trove_stats(cache, &stats);
    assert_true(stats.overfulls >= 2000);
    assert_int_equal(stats.evictions, 0);
    assert_true(used <= 256 << 10);
    assert_int_equal(trove_close(cache, NULL), 0);
}

static void policy__grow_goes_on_and_tells(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_GROW, 256 << 10, NULL, NULL);
    struct trove_stats stats;

    (void)state;
    for (uint64_t n = 0; n < 5000; n++)
        assert_int_equal(put(cache, n), 0);
    for (uint64_t n = 0; n < 5000; n++)
        assert_true(has(cache, n));
    trove_stats(cache, &stats);
    assert_int_equal(stats.object_count, 5000);
    assert_int_equal(stats.evictions, 0);
    assert_true(stats.over_max_bytes >= 5000 * BYTES - (256 << 10));
    recount(cache);
    assert_int_equal(trove_close(cache, NULL), 0);
}

struct asked {
    enum trove_overfull answer;
    unsigned times, inside;
    uint64_t used, wanted;
};

static enum trove_overfull ask(void *context, uint64_t used_before, uint64_t wanted)
{
    struct asked *asked = context;

    asked->times++;
    asked->inside += trove__must_not_wait();
    asked->used = used_before;
    asked->wanted = wanted;
    return asked->answer;
}

/* Goal: each answer of the callback is followed; it is asked outside sections, with true numbers. */
static void policy__callback_decides(void **state)
{
    struct asked asked = {.answer = TROVE_OVERFULL_ERROR};
    struct trove *cache = open_with(TROVE_OVERFULL_CALLBACK, 1 << 20, ask, &asked);
    const uint64_t fits = (1 << 20) / trove__object_usable(TROVE_SHA1, BYTES);
    uint64_t n = 0, objects;
    struct trove_stats stats;
    int r = 0;

    (void)state;
    while (asked.times == 0) {
        r = put(cache, n);
        if (r == 0)
            n++;
        else /* unless it was asked, the table's levels wait for the reclaimer */
            sched_yield();
    }
    assert_int_equal(r, -ECACHE_OVERFULL);
    assert_int_equal(asked.wanted, trove__object_usable(TROVE_SHA1, BYTES));
    assert_in_range(asked.used, (1 << 20) / 2, 1 << 20);
    trove_stats(cache, &stats);
    assert_int_equal(stats.evictions, 0);
    asked.answer = TROVE_OVERFULL_EVICT;
    for (uint64_t more = 0; more < fits + 500; more++, n++)
        put_until_done(cache, n);
    trove_stats(cache, &stats);
    assert_true(stats.evictions >= n - fits);
    assert_int_equal(stats.over_max_bytes, 0);
    asked.answer = TROVE_OVERFULL_GROW;
    /* The answer before holds until it is asked again. */
    for (unsigned times = asked.times; asked.times == times; n++)
        put_until_done(cache, n);
    objects = object_count(cache);
    for (uint64_t more = 0; more < 5000; more++, n++)
        put_until_done(cache, n);
    trove_stats(cache, &stats);
    /* The reclaimer's thread may have been making room for a level already. */
    assert_in_range(stats.object_count, objects + 5000 - 500, objects + 5000);
    assert_true(stats.over_max_bytes > 0);
    assert_int_equal(asked.inside, 0);
    recount(cache);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* --- deferred memory ---------------------------------------------------------------------------------------------- */

/* Goal: a reader that stays in its section bounds what waits; puts go on answering, and succeed when it has left. */
static void policy__a_stalled_reader_bounds_deferred(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_EVICT, 1 << 20, NULL, NULL);
    unsigned overfull = 0;
    struct trove_stats stats;

    (void)state;
    for (uint64_t n = 0; n < 20000; n++)
        use(cache, n);
    trove_read_lock();
    for (uint64_t n = 0; n < 20000; n++) {
        int r = put(cache, 1000000 + n);

        assert_true(r == 0 || r == -ECACHE_OVERFULL);
        overfull += r != 0;
        trove_stats(cache, &stats);
        assert_true(stats.deferred_bytes <= cache->budget.deferred_max);
        assert_true(stats.used_bytes <= 1 << 20);
    }
    assert_true(overfull > 10000);
    assert_true(stats.overfulls_deferred >= overfull);
    trove_read_unlock();
    put_until_done(cache, 5000000);
    assert_true(has(cache, 5000000));
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: an object above its share of the cap is refused, and pushes nothing out. */
static void policy__what_is_too_large_is_refused(void **state)
{
    struct trove *cache = open_with(TROVE_OVERFULL_EVICT, 1 << 20, NULL, NULL);
    unsigned char *large = calloc(1, 512 << 10);

    (void)state;
    for (uint64_t n = 0; n < 1000; n++)
        assert_int_equal(put(cache, n), 0);
    assert_int_equal(trove_put(cache, TROVE_BLOB, large, 512 << 10, NULL, NULL), -ECACHE_OVERFULL);
    for (uint64_t n = 0; n < 1000; n++)
        assert_true(has(cache, n));
    free(large);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy__no_worse_than_clock),
        cmocka_unit_test(policy__a_scan_leaves_the_hot_set),
        cmocka_unit_test(policy__a_scan_of_all_sizes_leaves_the_hot_set),
        cmocka_unit_test(policy__small_grows_for_what_comes_back),
        cmocka_unit_test(policy__the_share_has_bounds),
        cmocka_unit_test(policy__what_is_wanted_again_is_spared),
        cmocka_unit_test(policy__error_leaves_all_as_it_was),
        cmocka_unit_test(policy__grow_goes_on_and_tells),
        cmocka_unit_test(policy__callback_decides),
        cmocka_unit_test(policy__a_stalled_reader_bounds_deferred),
        cmocka_unit_test(policy__what_is_too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
