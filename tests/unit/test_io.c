// SPDX-License-Identifier: MIT
/*
 * Goal: the low-speed limit sees who is slow and nobody else; deadline and token end a wait.
 * Method: waiting time is told to the meter instead of spent.
 */
#include "core/until.h"
#include "fetch/io.h"
#include "peer.h"
#include <errno.h>
#include <unistd.h>

#define S 1000000000LL

static void io__silence_ends_at_the_limit(void **state)
{
    struct trove__io io;

    (void)state;
    trove__io_begin(&io, NULL, 1000, 30);
    trove__io_waited(&io, 29 * S);
    assert_int_equal(trove__io_check(&io, NULL), 0);
    assert_in_range(trove__io_timeout_ms(&io), 1, 1001);
    trove__io_waited(&io, 1 * S);
    assert_int_equal(trove__io_check(&io, NULL), -ETIMEDOUT);
}

/* A peer that drips 990 bytes a second fails after one window, one that sends 1010 never. */
static void io__dripping(void **state)
{
    (void)state;
    for (int rate = 990; rate <= 1010; rate += 20) {
        struct trove__io io;
        int seconds = 0;

        trove__io_begin(&io, NULL, 1000, 30);
        while (seconds < 1000 && trove__io_check(&io, NULL) == 0) {
            for (int i = 0; i < 10; i++) { /* in pieces, as bytes come */
                trove__io_count(&io, rate / 10 + (i < rate % 10));
                trove__io_waited(&io, S / 10);
            }
            seconds++;
        }
        if (rate < 1000)
            assert_in_range(seconds, 30, 33);
        else
            assert_int_equal(seconds, 1000);
    }
}

/* After a burst, silence is allowed one window from its end, whatever the burst was. */
static void io__burst_then_silence(void **state)
{
    struct trove__io io;
    int seconds = 0;

    (void)state;
    trove__io_begin(&io, NULL, 1000, 30);
    trove__io_waited(&io, 100 * S / 7);
    trove__io_count(&io, 1 << 30);
    while (trove__io_check(&io, NULL) == 0) {
        trove__io_waited(&io, S);
        seconds++;
    }
    assert_in_range(seconds, 28, 32);
}

/* Keepalives and progress are taken back where they turn out to be such. */
static void io__chatter_is_no_speed(void **state)
{
    struct trove__io io;
    int seconds = 0;

    (void)state;
    trove__io_begin(&io, NULL, 1000, 30);
    while (seconds < 100 && trove__io_check(&io, NULL) == 0) {
        trove__io_count(&io, 5000);
        trove__io_waited(&io, S);
        trove__io_count(&io, -5000);
        seconds++;
    }
    assert_in_range(seconds, 30, 33);
}

/* One long wait is many windows. */
static void io__long_wait(void **state)
{
    struct trove__io io;

    (void)state;
    trove__io_begin(&io, NULL, 1000, 30);
    trove__io_count(&io, 1 << 30);
    trove__io_waited(&io, 1000 * S);
    assert_int_equal(io.sum, 0);
    assert_int_equal(trove__io_check(&io, NULL), -ETIMEDOUT);
}

static void io__no_limit(void **state)
{
    struct trove__io io;

    (void)state;
    for (int i = 0; i < 2; i++) {
        trove__io_begin(&io, NULL, i == 0 ? 0 : 1000, i == 0 ? 30 : 0);
        trove__io_waited(&io, 100000 * S);
        trove__io_count(&io, 1);
        assert_int_equal(trove__io_check(&io, NULL), 0);
        assert_int_equal(trove__io_timeout_ms(&io), -1);
    }
}

static void io__deadline_and_token(void **state)
{
    struct trove_until until = {.deadline_ns = trove_now_ns() - 1};
    struct trove_cancel *cancel;
    struct trove__io io;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    struct pollfd fd = {.fd = fds[0], .events = POLLIN};
    trove__io_begin(&io, &until, 1000, 30);
    assert_int_equal(trove__io_poll(&io, &fd, 1, NULL), -ETIMEDOUT);
    until = trove_until_ms(20, NULL);
    trove__io_begin(&io, &until, 1000, 30);
    assert_int_equal(trove__io_poll(&io, &fd, 1, NULL), -ETIMEDOUT);

    assert_int_equal(trove_cancel_create(&cancel), 0);
    until = trove_until_ms(-1, cancel);
    trove__io_begin(&io, &until, 1000, 30);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(trove__io_poll(&io, &fd, 1, NULL), 1);
    trove_cancel(cancel);
    assert_int_equal(trove__io_poll(&io, &fd, 1, NULL), -ECANCELED);
    assert_int_equal(trove__io_sleep(&io, 100000, NULL), -ECANCELED);
    trove_cancel_unref(cancel);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(io__silence_ends_at_the_limit),
        cmocka_unit_test(io__dripping),
        cmocka_unit_test(io__burst_then_silence),
        cmocka_unit_test(io__chatter_is_no_speed),
        cmocka_unit_test(io__long_wait),
        cmocka_unit_test(io__no_limit),
        cmocka_unit_test(io__deadline_and_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
