// SPDX-License-Identifier: MIT
/*
 * test_sum.c - sums by stripe: what each thread adds is in them to the last, and a look is off by no more than they say.
 */
#include "core/ahead.h"
#include "core/sum.h"
#include "support.h"
#include <pthread.h>

enum { THREADS = 20, ADDS = 1000, SLACK = 64 }; /* more threads than there are stripes */

static struct trove__sum sum;
static struct trove__ahead ahead;

static uint64_t in_stripes(void)
{
    long parts = 0;

    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++) {
        long part = trove__load_relaxed(&sum.stripes[s].part); /* RELAXED: it is quiet */

        assert_true(part <= SLACK && part >= -SLACK);
        parts += part;
    }
    return (uint64_t)parts;
}

/* Adds 3 and takes off 1, over and over. */
static void *add(void *context)
{
    (void)context;
    for (int i = 0; i < ADDS; i++) {
        trove__sum_add(&sum, 3);
        trove__sum_add(&sum, -1);
        trove__ahead_keep(&ahead, 3);
        while (!trove__ahead_use(&ahead, 1))
            ; /* the stripe has at least what this thread put there, but for who shares it */
    }
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];

    for (unsigned t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, add, NULL), 0);
    for (unsigned t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
}

static void test_slack(void **state)
{
    uint64_t look;

    (void)state;
    trove__sum_init(&sum, SLACK);
    trove__ahead_init(&ahead);
    run_threads();
    look = trove__sum_look(&sum);
    assert_int_equal(look + in_stripes(), 2 * ADDS * THREADS);
    assert_in_range(look, 2 * ADDS * THREADS - SLACK * TROVE__COUNTER_STRIPES,
                    2 * ADDS * THREADS + SLACK * TROVE__COUNTER_STRIPES);
    assert_int_equal(trove__ahead_look(&ahead), 2 * ADDS * THREADS);
    assert_int_equal(trove__ahead_collect(&ahead), 2 * ADDS * THREADS);
    assert_int_equal(trove__ahead_collect(&ahead), 0);
    assert_false(trove__ahead_use(&ahead, 1));
}

/* Without slack each look is exact. */
static void test_exact(void **state)
{
    (void)state;
    trove__sum_init(&sum, 0);
    for (long n = 1; n <= 100; n++) {
        trove__sum_add(&sum, 1);
        assert_int_equal(trove__sum_look(&sum), n);
    }
    trove__sum_add(&sum, -101);
    assert_int_equal(trove__sum_look(&sum), 0); /* never below */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slack),
        cmocka_unit_test(test_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
