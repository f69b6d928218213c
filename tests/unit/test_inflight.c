// SPDX-License-Identifier: MIT
/*
 * test_inflight.c - one budget for the packs of all requests.
 */
#include "fetch/inflight.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>

#define MIB ((uint64_t)1 << 20)

static const struct trove_until now = {.deadline_ns = 0};

static void inflight__shares_leave_room_for_others(void **state)
{
    struct trove__inflight inflight;
    uint64_t a, b, c, d;

    (void)state;
    trove__inflight_init(&inflight, 4 * MIB);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &a), 0);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &b), 0);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &c), 0);
    assert_int_equal(a, 2 * MIB);
    assert_int_equal(b, MIB);
    assert_int_equal(c, MIB);
    d = 77;
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &d), -ETIMEDOUT);
    assert_int_equal(d, 77);
    trove__inflight_give(&inflight, b);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &b), 0);
    assert_int_equal(b, MIB);
    trove__inflight_deinit(&inflight);
}

struct taker {
    struct trove__inflight *inflight;
    uint64_t bytes;
    int status;
};

static void *take_whole(void *argument)
{
    struct taker *taker = argument;

    taker->status = trove__inflight_take(taker->inflight, true, NULL, &taker->bytes);
    return NULL;
}

static void wait_until_one_waits(struct trove__inflight *inflight)
{
    unsigned waiting;

    do {
        pthread_mutex_lock(&inflight->lock);
        waiting = inflight->whole_waiting;
        pthread_mutex_unlock(&inflight->lock);
    } while (waiting == 0);
}

/* Goal: who needs everything gets it once the others are done, and is not overtaken for ever. */
static void inflight__the_whole_comes_when_all_is_back(void **state)
{
    struct trove__inflight inflight;
    struct taker taker = {.inflight = &inflight};
    uint64_t a, b;
    pthread_t thread;

    (void)state;
    trove__inflight_init(&inflight, 8 * MIB);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &a), 0);
    assert_int_equal(pthread_create(&thread, NULL, take_whole, &taker), 0);
    wait_until_one_waits(&inflight);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &b), -ETIMEDOUT);
    trove__inflight_give(&inflight, a);
    pthread_join(thread, NULL);
    assert_int_equal(taker.status, 0);
    assert_int_equal(taker.bytes, 8 * MIB);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &b), -ETIMEDOUT);
    trove__inflight_give(&inflight, taker.bytes);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &b), 0);
    trove__inflight_deinit(&inflight);
}

static void inflight__cancelling_ends_the_wait(void **state)
{
    struct trove__inflight inflight;
    struct trove_until until = {.deadline_ns = TROVE_NO_DEADLINE};
    uint64_t a, b;

    (void)state;
    trove__inflight_init(&inflight, 4 * MIB);
    assert_int_equal(trove_cancel_create(&until.cancel), 0);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &a), 0);
    trove_cancel(until.cancel);
    assert_int_equal(trove__inflight_take(&inflight, true, &until, &b), -ECANCELED);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &b),
                     0); /* nobody waits any more */
    trove_cancel_unref(until.cancel);
    trove__inflight_deinit(&inflight);
}

/* Goal: in a child of fork() nothing is taken, also when who forked had taken some, and gives it back there. */
static void inflight__forgotten(void **state)
{
    struct trove__inflight inflight;
    uint64_t a, b;

    (void)state;
    trove__inflight_init(&inflight, 8 * MIB);
    assert_int_equal(trove__inflight_take(&inflight, false, &now, &a), 0);
    trove__inflight_forget(&inflight);
    trove__inflight_give(&inflight, a);
    assert_int_equal(trove__inflight_take(&inflight, true, &now, &b), 0);
    assert_int_equal(b, 8 * MIB);
    trove__inflight_deinit(&inflight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inflight__shares_leave_room_for_others),
        cmocka_unit_test(inflight__the_whole_comes_when_all_is_back),
        cmocka_unit_test(inflight__cancelling_ends_the_wait),
        cmocka_unit_test(inflight__forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
