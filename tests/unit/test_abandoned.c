// SPDX-License-Identifier: MIT
/*
 * test_abandoned.c - a sent request that nobody waits for any more: it goes on, and its object is cached; with
 * trove_options.cancel_abandoned it is cancelled, and who comes meanwhile is served all the same.
 *
 * Mutants that die: who leaves tells nobody (a source hangs); a flight that is found counts as one that is waited for (the
 * same); who comes back is not counted (a request with a waiter is cancelled); after a cancelled request nobody is asked for again.
 */
#include "core/flight.h"
#include "core/unit.h"
#include "fake_source.h"
#include "peer.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <trove/trove.h>

static struct fake_source source;
static struct trove *cache;
static struct latch may_return; /* a request that was cancelled returns then */
static atomic_uint cancels;

/* Object 1 is given at once when more is asked for. Of the first request the rest comes when `go` is open, or never, if it is
 * cancelled. */
static int hold(struct fake_source *self, const struct trove_request *request,
                struct trove_sink *sink, struct trove_error *err)
{
    if (atomic_load(&self->requests) > 1)
        return fake_answer(request, sink);
    for (size_t i = 0; i < request->want_count && request->want_count > 1; i++)
        if (fake_number(&request->wants[i].id) == 1)
            (void)fake_give(sink, 1, TROVE_GIVE_DEFAULT);
    latch_open(&self->started);
    if (latch_wait_or_cancel(&self->go, request->until.cancel)) {
        atomic_fetch_add(&cancels, trove_is_canceled(request->until.cancel));
        return fake_answer(request, sink);
    }
    atomic_fetch_add(&cancels, 1);
    latch_wait(&may_return);
    return trove_error_set(err, -ECANCELED, "cancelled");
}

static void begin(bool cancels_abandoned)
{
    static const struct latch closed = LATCH_INIT;
    struct trove_options options;

    fake_options(&options);
    options.cancel_abandoned = cancels_abandoned;
    fake_source_init(&source, hold);
    may_return = closed;
    cancels = 0;
    cache = fake_open(&source, &options);
}

static void end(void)
{
    struct trove_stats stats;

    wait_for_flights(cache, 0);
    trove_stats(cache, &stats);
    assert_int_equal(stats.pinned_bytes, 0);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* A stream that wants the objects from FIRST to LAST, which leave in one request. */
static struct trove_stream *want(unsigned first, unsigned last)
{
    struct trove_want wants[8];
    struct trove_stream *stream;

    for (unsigned n = first; n <= last; n++)
        wants[n - first] = (struct trove_want){fake_id(n), TROVE_BLOB};
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
    assert_int_equal(trove_stream_add(stream, wants, NULL, last - first + 1, NULL), 0);
    return stream;
}

static unsigned waiters_of(unsigned n)
{
    struct trove_oid id = fake_id(n);
    struct trove__flight *flight;
    struct trove__unit *unit;
    unsigned waiters = 0;

    assert_int_equal(trove__unit_get(cache, &unit), 0);
    flight = trove__flight_find(unit, &id);
    if (flight != NULL) {
        waiters = trove__flight_waiters(flight);
        trove__flight_unref(unit, flight);
    }
    trove__unit_unref(unit);
    return waiters;
}

static void take(struct trove_stream *stream, unsigned n)
{
    struct trove_result result;

    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 1);
    assert_int_equal(check_result(&result, n), 0);
}

static void resolve(unsigned n)
{
    struct trove_stream *stream = want(n, n);

    take(stream, n);
    trove_stream_close(stream);
}

static void wait_for_cancel(void)
{
    while (atomic_load(&cancels) == 0)
        sched_yield();
}

/* --- the counts --------------------------------------------------------------------------------------------------- */

/* Goal: left alone a request goes on, and what it brings is there for the next. */
static void abandoned__goes_on(void **state)
{
    const struct trove_oid id = fake_id(2);

    (void)state;
    begin(false);
    struct trove_stream *stream = want(2, 2);
    latch_wait(&source.started);
    trove_stream_close(stream);
    latch_open(&source.go);
    while (!trove_has(cache, &id))
        sched_yield();
    assert_int_equal(cancels, 0);
    assert_int_equal(source.requests, 1);
    end();
}

/* Goal: the last who leaves cancels it, whether its flight is decided or not; afterwards its ids are asked for anew. */
static void abandoned__is_cancelled(void **state)
{
    (void)state;
    begin(true);
    struct trove_stream *both = want(1, 2), *two = want(2, 2);
    latch_wait(&source.started);
    take(both, 1);
    trove_stream_close(both); /* 2 has a waiter left */
    assert_int_equal(waiters_of(2), 1);
    assert_int_equal(cancels, 0);
    trove_stream_close(two);
    wait_for_cancel();
    latch_open(&may_return);
    wait_for_flights(cache, 0);
    assert_int_equal(source.requests, 1);
    resolve(2);
    assert_int_equal(source.requests, 2);
    end();
}

/* Goal: who left first is waited for no more than who was answered: an answer to the last who waits ends it as well. */
static int give_two(struct fake_source *self, const struct trove_request *request,
                    struct trove_sink *sink, struct trove_error *err)
{
    latch_open(&self->started);
    latch_wait(&self->go);
    (void)fake_give(sink, 2, TROVE_GIVE_DEFAULT);
    return latch_wait_or_cancel(&may_return, request->until.cancel)
               ? fake_answer(request, sink)
               : trove_error_set(err, -ECANCELED, "cancelled");
}

static void abandoned__once_the_others_are_answered(void **state)
{
    const struct trove_oid three = fake_id(3);

    (void)state;
    begin(true);
    source.script = give_two;
    struct trove_stream *both = want(2, 3), *two = want(2, 2);
    latch_wait(&source.started);
    trove_stream_close(both);
    latch_open(&source.go);
    take(two, 2);
    wait_for_flights(cache, 0); /* hangs where nobody cancels */
    assert_false(trove_has(cache, &three));
    trove_stream_close(two);
    end();
}

/* Goal: who leaves and is followed by another has abandoned nothing. */
static void abandoned__not_while_somebody_waits(void **state)
{
    (void)state;
    begin(true);
    struct trove_stream *all = want(2, 4), *next;
    latch_wait(&source.started);
    for (unsigned i = 0; i < 10; i++) {
        next = want(2 + i % 3, 2 + i % 3);
        trove_stream_close(all);
        all = next;
    }
    latch_open(&source.go);
    take(all, 2);
    trove_stream_close(all);
    assert_int_equal(source.requests, 1);
    assert_int_equal(cancels, 0);
    end();
}

/* Goal: who joins a request that was cancelled and has not ended is answered, by another request, which asks for that alone
 * and is not cancelled any more. */
static void abandoned__joined_meanwhile(void **state)
{
    (void)state;
    begin(true);
    struct trove_stream *stream = want(2, 5);
    latch_wait(&source.started);
    trove_stream_close(stream);
    wait_for_cancel();
    stream = want(4, 4);
    assert_int_equal(waiters_of(4), 1);
    latch_open(&may_return);
    take(stream, 4);
    trove_stream_close(stream);
    wait_for_flights(cache, 0);
    assert_int_equal(source.requests, 2);
    assert_int_equal(source.ids, 4 + 1);
    end();
}

/* Goal: a deadline leaves as a closed stream does. */
static void abandoned__by_a_deadline(void **state)
{
    const struct trove_until soon = trove_until_ms(1, NULL);
    const struct trove_oid id = fake_id(2);
    struct trove_result result;

    (void)state;
    begin(true);
    latch_open(&may_return);
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, &soon, &result, NULL), -ETIMEDOUT);
    wait_for_flights(cache, 0); /* hangs where nobody cancels, unless it was never sent */
    latch_open(&source.go);
    resolve(2);
    end();
}

/* --- over git ----------------------------------------------------------------------------------------------------- */

static struct latch asked, go_on;

static void hold_answer(void *context, const struct trove_span *span)
{
    (void)context;
    if (strcmp(span->name, "answer") != 0)
        return;
    latch_open(&asked);
    latch_wait(&go_on);
}

struct leaving {
    struct trove_oid id;
    struct trove_cancel *token;
    int status;
};

static void *resolve_until_cancelled(void *argument)
{
    struct leaving *leaving = argument;
    const struct trove_until until = {TROVE_NO_DEADLINE, leaving->token};
    struct trove_result result;

    leaving->status = trove_resolve(cache, &leaving->id, TROVE_BLOB, &until, &result, NULL);
    return NULL;
}

/* Whether a request to git whose one caller was cancelled brought its object. */
static void leave_git(bool cancels_abandoned)
{
    const struct trove_subscriber subscriber = {.kinds = TROVE_SPAN_SOURCE, .start = hold_answer};
    static const struct latch closed = LATCH_INIT;
    struct trove_git_stats stats;
    struct trove_options options;
    struct leaving leaving;
    struct trove_result result;
    struct trove_git *git;
    pthread_t thread;
    char url[256], *hex;
    unsigned number;

    asked = go_on = closed;
    snprintf(url, sizeof(url), "%s/one.git", peer_dir);
    hex = peer_output("git -C '%s' rev-parse main:README", url);
    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, hex, strlen(hex), &leaving.id), 0);
    free(hex);
    assert_int_equal(trove_git_open(url, NULL, NULL, &git, NULL), 0);
    trove_options_init(&options);
    options.hash = trove_git_hash(git);
    options.source = trove_git_source(git);
    options.cancel_abandoned = cancels_abandoned;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    assert_int_equal(trove_subscribe(cache, &subscriber, &number), 0);
    assert_int_equal(trove_cancel_create(&leaving.token), 0);
    assert_int_equal(pthread_create(&thread, NULL, resolve_until_cancelled, &leaving), 0);
    latch_wait(&asked);
    trove_cancel(leaving.token);
    pthread_join(thread, NULL);
    assert_int_equal(leaving.status, -ECANCELED);
    latch_open(&go_on);
    if (cancels_abandoned) {
        wait_for_flights(cache, 0);
        assert_false(trove_has(cache, &leaving.id));
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* git was ended, and reaped */
        assert_int_equal(errno, ECHILD);
    }
    while (!cancels_abandoned && !trove_has(cache, &leaving.id))
        sched_yield();
    assert_int_equal(trove_resolve(cache, &leaving.id, TROVE_BLOB, NULL, &result, NULL), 0);
    trove_unpin(result.object);
    trove_git_stats(git, &stats);
    assert_int_equal(stats.connections, cancels_abandoned ? 2 : 1);
    trove_cancel_unref(leaving.token);
    assert_int_equal(trove_unsubscribe(cache, number, NULL), 0);
    trove_git_close(git);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: real git hears of it: its process ends, and the next request has another. */
static void abandoned__over_git(void **state)
{
    (void)state;
    leave_git(true);
}

static void abandoned__over_git_goes_on(void **state)
{
    (void)state;
    leave_git(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abandoned__goes_on),
        cmocka_unit_test(abandoned__is_cancelled),
        cmocka_unit_test(abandoned__once_the_others_are_answered),
        cmocka_unit_test(abandoned__not_while_somebody_waits),
        cmocka_unit_test(abandoned__joined_meanwhile),
        cmocka_unit_test(abandoned__by_a_deadline),
        cmocka_unit_test(abandoned__over_git),
        cmocka_unit_test(abandoned__over_git_goes_on),
    };

    return cmocka_run_group_tests(tests, peer_set_up_repository, peer_tear_down);
}
