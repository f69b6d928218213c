// SPDX-License-Identifier: MIT
/*
 * test_policy_return.c - which queue an object enters that was evicted not long ago and comes back.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "support.h"
#include <string.h>

#define BYTES 200
#define OBJECTS 1000 /* of which none is a twentieth of all */

static struct trove_oid content(uint64_t n, unsigned char bytes[BYTES])
{
    memset(bytes, 0, BYTES);
    memcpy(bytes, &n, sizeof(n));
    return fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, BYTES);
}

static void put(struct trove *cache, uint64_t n)
{
    unsigned char bytes[BYTES];

    content(n, bytes);
    assert_int_equal(trove_put(cache, TROVE_BLOB, bytes, BYTES, NULL, NULL), 0);
}

static struct trove *open_with_objects(void)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = 4 << 20;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    for (uint64_t n = 0; n < OBJECTS; n++)
        put(cache, n);
    return cache;
}

/* Whether an object that was evicted as KIND enters main when it comes back. */
static bool enters_main(struct trove *cache, enum trove__leaver kind)
{
    static uint64_t number = OBJECTS;
    uint64_t small = trove__sum_look(&cache->policy.small.bytes);
    uint64_t main = trove__sum_look(&cache->policy.main.bytes);
    unsigned char bytes[BYTES];
    struct trove_oid id = content(number, bytes);

    trove__ghosts_remember(&cache->policy.ghosts, trove__table_hash(&cache->table, id.bytes), kind,
                           BYTES);
    put(cache, number++);
    small = trove__sum_look(&cache->policy.small.bytes) - small;
    main = trove__sum_look(&cache->policy.main.bytes) - main;
    assert_true((small == 0) != (main == 0));
    return main != 0;
}

/* Idle objects of main were seen to leave SEEN times, WANTED of them to come back. */
static void tell_idle(struct trove *cache, unsigned seen, unsigned wanted)
{
    for (unsigned n = 0; n < seen; n++)
        trove__worth_seen(&cache->policy.worth, TROVE__LEAVER_IDLE, n < wanted, OBJECTS);
}

/* Goal: what comes back enters main, wherever it was; but what main could not keep enters small while most of that comes back,
 * as in a loop that does not quite fit. */
static void policy_return__main_takes_what_it_can_keep(void **state)
{
    struct trove *cache = open_with_objects();

    (void)state;
    for (unsigned kind = 0; kind < TROVE__LEAVERS; kind++)
        assert_true(enters_main(cache, (enum trove__leaver)kind));
    tell_idle(cache, 500, 400);
    for (unsigned kind = 0; kind < TROVE__LEAVERS; kind++)
        assert_int_equal(enters_main(cache, (enum trove__leaver)kind), kind < TROVE__LEAVER_IDLE);
    tell_idle(cache, 2000, 0);
    for (unsigned kind = 0; kind < TROVE__LEAVERS; kind++)
        assert_true(enters_main(cache, (enum trove__leaver)kind));
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_return__main_takes_what_it_can_keep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
