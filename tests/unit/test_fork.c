// SPDX-License-Identifier: MIT
/*
 * test_fork.c - a child of fork() reads what was cached, fetches anew, and leaves the parent's flights alone.
 */
#include "core/cache_struct.h"
#include "core/fetch_op.h"
#include "core/process.h"
#include "core/until.h"
#include "fake_source.h"
#include "in_child.h"
#include "support.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <trove/telemetry.h>
#include <unistd.h>

static struct fake_source source;
static struct trove *cache;

static int resolve(unsigned n)
{
    const struct trove_oid id = fake_id(n);
    struct trove_result result;
    int r = trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL);

    return r < 0 ? r : check_result(&result, n);
}

/* The first request, which is the parent's, waits; a child's never does. */
static int hold_in_parent(struct fake_source *self, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    if (fake_number(&request->wants[0].id) == 5 &&
        !latch_wait_or_cancel(&self->go, request->until.cancel))
        return -ECANCELED;
    return fake_answer(request, sink);
}

static int changes(void *context)
{
    return trove__process_number() == *(unsigned *)context;
}

static void fork__changes_the_number(void **state)
{
    unsigned number;

    (void)state;
    assert_int_equal(trove__process_watch(), 0);
    number = trove__process_number();
    assert_int_equal(in_child(changes, &number), 0);
    assert_int_equal(trove__process_number(), number);
}

struct left {
    struct trove_stream *stream;
    struct trove_fetch *fetch;
};

/* What was cached, what is missing, and what the parent left. */
static int use_in_child(void *context)
{
    struct left *left = context;
    const struct trove_oid one = fake_id(1);
    struct trove_want want = {one, TROVE_BLOB};
    struct trove_result result;

    if (!trove_has(cache, &one) || resolve(1) != 0)
        return 1;
    if (resolve(2) != 0)
        return 2;
    if (trove_put(cache, TROVE_BLOB, "x", 1, NULL, NULL) != 0)
        return 3;
    if (trove_stream_next(left->stream, NULL, &result, NULL) != -ECANCELED)
        return 4;
    if (trove_stream_add(left->stream, &want, NULL, 1, NULL) != -ECANCELED)
        return 5;
    if (trove_fetch_wait(left->fetch, NULL, NULL, NULL) != -ECANCELED)
        return 6;
    trove_stream_close(left->stream);
    trove_fetch_free(left->fetch);
    return trove_close(cache, NULL) == 0 ? 0 : 7;
}

/* Goal: with a flight, a fetch and a stream under way in the parent the child works, and the parent's are unharmed. */
static void fork__with_flights_under_way(void **state)
{
    struct trove_want want = {fake_id(5), TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_result result;
    struct pollfd hears = {.events = POLLIN};
    struct left left;

    (void)state;
    fake_source_init(&source, hold_in_parent);
    cache = fake_open(&source, NULL);
    assert_int_equal(resolve(1), 0);
    assert_int_equal(trove_stream_open(cache, NULL, &left.stream, NULL), 0);
    assert_int_equal(trove_stream_add(left.stream, &want, NULL, 1, NULL), 0);
    assert_int_equal(trove_fetch_start(cache, &options, NULL, &left.fetch, NULL), 0);
#ifdef __SANITIZE_ADDRESS__ /* its allocator does not survive a fork() while another thread is in it */
    while (atomic_load(&source.requests) < 3)
        sched_yield();
#endif
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(in_child(use_in_child, &left), 0);
    hears.fd = trove__cancel_fd(left.fetch->until.cancel);
    assert_int_equal(poll(&hears, 1, 0), 0); /* a source that polls it is not told to stop */
    latch_open(&source.go);
    assert_int_equal(trove_stream_next(left.stream, NULL, &result, NULL), 1);
    assert_int_equal(check_result(&result, 5), 0);
    assert_int_equal(trove_fetch_wait(left.fetch, NULL, NULL, NULL), 0);
    trove_stream_close(left.stream);
    trove_fetch_free(left.fetch);
    assert_int_equal(trove_close(cache, NULL), 0);
}

static int has_no_reclaimer(void *context)
{
    (void)context;
    trove__reclaim_wake(&cache->reclaim);
    return trove__load_seq_cst(&cache->reclaim.thread_state) == 0;
}

/* Goal: a wish that the parent's reclaimer had not heard when it was left behind does not keep the child from starting its
 * own, without which its table would not grow. */
static void fork__with_a_wish_not_heard(void **state)
{
    struct trove_options options;

    (void)state;
    fake_options(&options);
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    /* As trove__reclaim_wake() leaves it before the thread looks. */
    trove__store_seq_cst(&cache->reclaim.work_wanted, 1);
    assert_int_equal(in_child(has_no_reclaimer, NULL), 0);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* --- what threads of the parent's leave ---------------------------------------------------------------------------- */

static int put_number(unsigned n)
{
    return trove_put(cache, TROVE_BLOB, &n, sizeof(n), NULL, NULL);
}

/* As long as it takes: what is in the way becomes free, or this never ends. */
static int put_in_time(void *context)
{
    int r;

    (void)context;
    while ((r = put_number(UINT32_MAX)) == -ECACHE_OVERFULL)
        sched_yield();
    return r != 0;
}

/* Goal: what was retired in the parent, and is all that may be deferred, does not keep the child from evicting: nobody but its
 * own reclaimer frees it, and nothing more is retired that would start one. */
static void fork__with_all_deferred(void **state)
{
    struct trove_options options;

    (void)state;
    fake_options(&options);
    options.max_bytes = 1 << 18;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    /* As if it were being started for ever: it frees nothing. */
    trove__store_seq_cst(&cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    for (unsigned n = 0; put_number(n) != -ECACHE_OVERFULL; n++)
        ;
    assert_int_equal(in_child(put_in_time, NULL), 0);
    trove__store_seq_cst(&cache->reclaim.thread_state, TROVE__RECLAIM_NONE);
    assert_int_equal(trove_close(cache, NULL), 0);
}

static struct latch in_listener = LATCH_INIT, may_return = LATCH_INIT;

static void listen_until_told(void *context, const struct trove_span *span)
{
    (void)context, (void)span;
    latch_open(&in_listener);
    latch_wait(&may_return);
}

static void *put_one(void *unused)
{
    (void)unused;
    return put_number(1) == 0 ? NULL : cache;
}

static int unsubscribe(void *number)
{
    return trove_unsubscribe(cache, *(unsigned *)number, NULL) != 0;
}

/* Goal: a child does not wait for a listener that a thread of the parent's is in. */
static void fork__with_a_listener_running(void **state)
{
    const struct trove_subscriber subscriber = {.kinds = TROVE_SPAN_PUT, .stop = listen_until_told};
    struct trove_options options;
    pthread_t putter;
    unsigned number;
    void *failed;

    (void)state;
    fake_options(&options);
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    assert_int_equal(trove_subscribe(cache, &subscriber, &number), 0);
    assert_int_equal(pthread_create(&putter, NULL, put_one, NULL), 0);
    latch_wait(&in_listener);
    assert_int_equal(in_child(unsubscribe, &number), 0);
    latch_open(&may_return);
    pthread_join(putter, &failed);
    assert_null(failed);
    assert_int_equal(trove_unsubscribe(cache, number, NULL), 0);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork__changes_the_number),
#ifndef __SANITIZE_THREAD__ /* it lets no child of several threads start one */
        cmocka_unit_test(fork__with_flights_under_way),
        cmocka_unit_test(fork__with_a_wish_not_heard),
        cmocka_unit_test(fork__with_all_deferred),
#endif
        cmocka_unit_test(fork__with_a_listener_running),
    };
    (void)fork__with_flights_under_way, (void)fork__with_a_wish_not_heard;
    (void)fork__with_all_deferred;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
