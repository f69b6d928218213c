// SPDX-License-Identifier: MIT
/*
 * test_put_work.c - what a put costs in a full cache is bounded, however much readers use what is there.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BYTES 200
#define CACHE (512 << 10)
#define PUTS 200
/* Steps are accesses to shared words. A candidate is taken, looked at and pushed, or searched in the table. */
#define CANDIDATES (128 + 320 / 64)
#define STEPS_PER_CANDIDATE 30
#define STEPS_BESIDE 2000

static int put(struct trove *cache, uint64_t n, struct trove_oid *ret_id)
{
    unsigned char bytes[BYTES];

    memset(bytes, (int)(n & 0xff), BYTES);
    memcpy(bytes, &n, sizeof(n));
    return trove_put(cache, TROVE_BLOB, bytes, BYTES, ret_id, NULL);
}

/* Readers who use everything all the time: every hint is at its ceiling. */
static void use_all(struct trove *cache, const struct trove_oid *ids, unsigned count)
{
    const struct trove_object *object;

    trove_read_lock();
    for (unsigned use = 0; use < TROVE__HINT_MAX; use++)
        for (unsigned n = 0; n < count; n++)
            (void)trove_get(cache, &ids[n], &object);
    trove_read_unlock();
}

/* Goal: a put looks at so many candidates and no more. Method: all shared accesses of each are counted; without the bound
 * it would go round the whole cache until the hints are used up. */
static void put_work__is_bounded(void **state)
{
    enum { MAX = CACHE / BYTES };
    static struct trove_oid ids[MAX + PUTS];
    struct trove_options options;
    struct trove *cache;
    unsigned count = 0, done = 0;
    uint64_t most = 0;

    (void)state;
    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = CACHE;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    for (uint64_t n = 0; count < MAX; n++)
        if (put(cache, n, &ids[count]) == 0)
            count++;
    for (uint64_t n = 0; n < PUTS; n++) {
        uint64_t steps;
        int r;

        use_all(cache, ids, count);
        (void)stepper_count();
        r = put(cache, 1000000 + n, &ids[count]);
        steps = stepper_count();
        assert_true(r == 0 || r == -ECACHE_OVERFULL);
        count += r == 0;
        done += r == 0;
        most = steps > most ? steps : most;
    }
    printf("%u puts in a cache in use: at most %lu steps, the bound is %d\n", done, most,
           CANDIDATES * STEPS_PER_CANDIDATE + STEPS_BESIDE);
    assert_true(done > 0);
    assert_in_range(most, CANDIDATES, CANDIDATES * STEPS_PER_CANDIDATE + STEPS_BESIDE);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_work__is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
