// SPDX-License-Identifier: MIT
/*
 * test_flight.c - flights whose sources fail, hang, answer late, twice, or with something else; deadlines and tokens.
 */
#include "core/unit.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static struct fake_source source;
static struct trove *cache;

static void begin(fake_script script, struct trove_options *options)
{
    fake_source_init(&source, script);
    cache = fake_open(&source, options);
}

static void end(void)
{
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(source.destroyed, 1);
}

/* One request at a time, and the first one under way: it goes on when the source may. At most FLIGHTS_MAX flights, unless
 * that is 0. The stream is of who asked. */
static struct trove_stream *begin_held(uint32_t flights_max)
{
    struct trove_options options;

    fake_options(&options);
    options.requests_at_once = 1;
    if (flights_max > 0)
        options.flights_max = flights_max;
    begin(fake_hold_first, &options);
    return fake_occupy(cache, &source);
}

static int resolve(unsigned n, const struct trove_until *until, struct trove_result *ret,
                   struct trove_error *err)
{
    struct trove_oid id = fake_id(n);

    return trove_resolve(cache, &id, TROVE_BLOB, until, ret, err);
}

static void assert_object(unsigned n)
{
    struct trove_result result;

    assert_int_equal(resolve(n, NULL, &result, NULL), 0);
    assert_int_equal(check_result(&result, n), 0);
}

/* --- failures ----------------------------------------------------------------------------------------------------- */

static int fail_once(struct fake_source *self, const struct trove_request *request,
                     struct trove_sink *sink, struct trove_error *err)
{
    if (atomic_load(&self->requests) > 1)
        return fake_answer(request, sink);
    latch_wait(&self->go);
    return trove_error_set(err, -ECONNRESET, "the other side hung up on request %u",
                           atomic_load(&self->requests));
}

struct failing {
    atomic_uint asked, failed, told;
};

static void expect_failure(void *context, unsigned index)
{
    struct failing *failing = context;
    struct trove_result result;
    struct trove_error err;

    (void)index;
    atomic_fetch_add(&failing->asked, 1);
    if (resolve(1, NULL, &result, &err) == -ECONNRESET && result.object == NULL)
        atomic_fetch_add(&failing->failed, 1);
    if (strcmp(err.message, "the other side hung up on request 1") == 0)
        atomic_fetch_add(&failing->told, 1);
}

static void *fail_when_joined(void *context)
{
    struct trove_stats stats;

    (void)context;
    do {
        sched_yield();
        trove_stats(cache, &stats);
    } while (stats.flights_now == 0);
    latch_wait(&source.started);
    latch_open(&source.go);
    return NULL;
}

/* Goal: a failure reaches who waits, with its message, and is then forgotten: the next call asks again. Threads that come
 * after it are answered by another request; so every thread either fails with request 1 or succeeds. */
static void flight__a_failure_is_told_and_forgotten(void **state)
{
    struct failing failing = {0};
    struct trove_stats stats;
    pthread_t opener;

    (void)state;
    begin(fail_once, NULL);
    assert_int_equal(pthread_create(&opener, NULL, fail_when_joined, NULL), 0);
    run_threads(1, expect_failure, &failing);
    pthread_join(opener, NULL);
    assert_int_equal(failing.failed, 1);
    assert_int_equal(failing.told, 1);
    assert_object(1);
    assert_int_equal(source.requests, 2);
    trove_stats(cache, &stats);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.fetched, 1);
    end();
}

static int fail_when_told(struct fake_source *self, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    (void)request, (void)sink;
    latch_wait(&self->go);
    return trove_error_set(err, -EPROTO, "line %s", "noise");
}

struct told {
    struct trove__unit *unit;
    unsigned waiters;
    atomic_uint right, led, joined;
};

/* Returns when COUNT callers wait for the flight of object 1, which is under way. */
static void wait_for_waiters(struct trove__unit *unit, unsigned count)
{
    struct trove_oid id = fake_id(1);
    struct trove__flight *flight = trove__flight_find(unit, &id);

    while (trove__flight_waiters(flight) < count)
        sched_yield();
    trove__flight_unref(unit, flight);
}

static void hear_of_it(void *context, unsigned index)
{
    struct told *told = context;
    struct trove_result result;
    struct trove_error err;

    if (index == told->waiters) { /* lets the source fail once all wait */
        latch_wait(&source.started);
        wait_for_waiters(told->unit, told->waiters);
        latch_open(&source.go);
        return;
    }
    if (resolve(1, NULL, &result, &err) == -EPROTO && strcmp(err.message, "line noise") == 0)
        atomic_fetch_add(&told->right, 1);
    atomic_fetch_add(result.how == TROVE_FETCHED ? &told->led : &told->joined, 1);
}

/* Goal: a failure reaches every waiter of the flight, with its message. */
static void flight__a_failure_reaches_all(void **state)
{
    struct told told = {.waiters = 40};

    (void)state;
    begin(fail_when_told, NULL);
    assert_int_equal(trove__unit_get(cache, &told.unit), 0);
    run_threads(told.waiters + 1, hear_of_it, &told);
    trove__unit_unref(told.unit);
    assert_int_equal(told.right, 40);
    assert_int_equal(told.led, 1);
    assert_int_equal(told.joined, 39);
    assert_int_equal(source.requests, 1);
    end();
}

static int half_then_fail(struct fake_source *self, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    int r = fake_give_wants(request, sink, 0, request->want_count / 2);

    (void)self;
    return r < 0 ? r : trove_error_set(err, -EPROTO, "bad pack");
}

/* Goal: what was verified before an error stays and its callers succeed; the rest gets the error. */
static void flight__objects_before_an_error_stay(void **state)
{
    struct trove_want wants[10];
    struct trove_result results[10];
    struct trove_error err;

    (void)state;
    begin(half_then_fail, NULL);
    for (unsigned i = 0; i < 10; i++)
        wants[i] = (struct trove_want){fake_id(i), TROVE_BLOB};
    assert_int_equal(trove_resolve_many(cache, wants, 10, NULL, results, &err), 5);
    assert_string_equal(err.message, "bad pack");
    for (unsigned i = 0; i < 10; i++) {
        int succeeded = results[i].status == 0;
        assert_true(succeeded || results[i].status == -EPROTO);
        assert_int_equal(trove_has(cache, &wants[i].id), succeeded);
        trove_unpin(results[i].object);
    }
    end();
}

static int without_done(struct fake_source *self, const struct trove_request *request,
                        struct trove_sink *sink, struct trove_error *err)
{
    (void)self;
    (void)err;
    return fake_give_wants(request, sink, 1, request->want_count);
}

/* Goal: returning without done answers the rest with -EIO, not with -ENOENT. */
static void flight__return_without_done(void **state)
{
    struct trove_result result;
    struct trove_error err;

    (void)state;
    begin(without_done, NULL);
    assert_int_equal(resolve(1, NULL, &result, &err), -EIO);
    assert_true(err.message[0] != '\0');
    end();
}

static int refuse_one(struct fake_source *self, const struct trove_request *request,
                      struct trove_sink *sink, struct trove_error *err)
{
    struct trove_oid bogus = fake_id(FAKE_OBJECTS + 1), stranger = fake_id(7000);

    (void)self;
    (void)err;
    trove_sink_refuse(sink, &bogus, EACCES, "not our ref");
    trove_sink_refuse(sink, &stranger, -EACCES, "nobody asked");
    return fake_answer(request, sink);
}

struct ranges {
    atomic_uint right, absent, refused, wrong;
};

static void ask_range(void *context, unsigned index)
{
    struct ranges *ranges = context;

    for (unsigned i = 0; i < 16; i++) {
        unsigned n = (index * 16 + i) % 1000;
        struct trove_result result;
        struct trove_error err;
        int r = resolve(n == 500 ? FAKE_OBJECTS + 1 : n, NULL, &result, &err);

        if (r == -EACCES && strcmp(err.message, "not our ref") == 0)
            atomic_fetch_add(&ranges->refused, 1);
        else if (check_result(&result, n) == 0)
            atomic_fetch_add(&ranges->right, 1);
        else
            atomic_fetch_add(&ranges->wrong, 1);
    }
}

/* Goal: one bogus id among 1,000 from 64 threads fails alone. */
static void flight__one_bogus_id_fails_alone(void **state)
{
    struct ranges ranges = {0};

    (void)state;
    begin(refuse_one, NULL);
    run_threads(64, ask_range, &ranges);
    assert_int_equal(ranges.wrong, 0);
    assert_int_equal(ranges.refused, 1);
    assert_int_equal(ranges.right, 64 * 16 - 1);
    end();
}

/* --- odd answers -------------------------------------------------------------------------------------------------- */

static int twice_and_others(struct fake_source *self, const struct trove_request *request,
                            struct trove_sink *sink, struct trove_error *err)
{
    int r = fake_give(sink, 4000, TROVE_GIVE_DEFAULT);

    (void)self;
    (void)err;
    if (r == 0)
        r = fake_give_wants(request, sink, 0, request->want_count);
    if (r == 0)
        r = fake_give_wants(request, sink, 0, request->want_count);
    return r < 0 ? r : fake_answer(request, sink);
}

/* Goal: objects that come again, and objects nobody asked for, are merged; the latter are cached. */
static void flight__answers_twice_and_with_others(void **state)
{
    struct trove_oid other = fake_id(4000);

    (void)state;
    begin(twice_and_others, NULL);
    assert_object(1);
    assert_object(2);
    assert_true(trove_has(cache, &other));
    end();
}

static int others_only(struct fake_source *self, const struct trove_request *request,
                       struct trove_sink *sink, struct trove_error *err)
{
    (void)self;
    (void)request;
    (void)err;
    trove_sink_done(sink);
    return fake_give(sink, 4000, TROVE_GIVE_DEFAULT);
}

/* Goal: a source that answers with other objects: the wanted is absent, the siblings stay. */
static void flight__only_others(void **state)
{
    struct trove_oid other = fake_id(4000);
    struct trove_result result;
    struct trove_stats stats;

    (void)state;
    begin(others_only, NULL);
    assert_int_equal(resolve(1, NULL, &result, NULL), -ENOENT);
    assert_true(trove_has(cache, &other));
    trove_stats(cache, &stats);
    assert_int_equal(stats.absent, 1);
    end();
}

static int not_to_cache(struct fake_source *self, const struct trove_request *request,
                        struct trove_sink *sink, struct trove_error *err)
{
    (void)self;
    (void)err;
    for (size_t i = 0; i < request->want_count; i++) {
        int n = fake_number(&request->wants[i].id);
        int r = fake_give(sink, (unsigned)n, TROVE_GIVE_NO_CACHE);
        if (r < 0)
            return r;
    }
    trove_sink_done(sink);
    return 0;
}

/* Goal: "here it is, but do not cache it" reaches who waits, marked, and nothing is cached. */
static void flight__uncached(void **state)
{
    struct trove_result result;
    struct trove_stats stats;
    struct trove_oid id = fake_id(1);

    (void)state;
    begin(not_to_cache, NULL);
    assert_int_equal(resolve(1, NULL, &result, NULL), 0);
    assert_true(result.uncached);
    assert_int_equal(check_result(&result, 1), 0);
    assert_false(trove_has(cache, &id));
    trove_stats(cache, &stats);
    assert_int_equal(stats.uncached, 1);
    end();
}

/* Goal: an object that does not fit is handed over, marked, also to those who joined. */
static void flight__too_large_is_uncached(void **state)
{
    struct trove_options options;
    struct trove_want wants[2] = {{fake_id(1), TROVE_BLOB}, {fake_id(1), TROVE_BLOB}};
    struct trove_result results[2];

    (void)state;
    fake_options(&options);
    options.max_cached_percent = 0;
    begin(NULL, &options);
    assert_int_equal(trove_resolve_many(cache, wants, 2, NULL, results, NULL), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(results[i].uncached);
        assert_int_equal(check_result(&results[i], 1), 0);
    }
    end();
}

/* --- deadlines and tokens ----------------------------------------------------------------------------------------- */

struct leader {
    pthread_t thread;
    int64_t patience_ms;
    int result;
    atomic_bool ended;
};

static void *leader_gives_up(void *context)
{
    struct leader *leader = context;
    struct trove_until soon = trove_until_ms(leader->patience_ms, NULL);
    struct trove_result result;
    struct trove_error err;

    leader->result = resolve(1, &soon, &result, &err);
    atomic_store(&leader->ended, true);
    return NULL;
}

/* A leader whose request is under way, and whose deadline will come. On a busy machine the deadline may come before the
 * request, which then never leaves: with more patience once more. */
static void start_leader(struct leader *leader)
{
    leader->patience_ms = 20;
    for (;;) {
        atomic_store(&leader->ended, false);
        pthread_create(&leader->thread, NULL, leader_gives_up, leader);
        while (atomic_load(&source.requests) == 0 && !atomic_load(&leader->ended))
            sched_yield();
        if (atomic_load(&source.requests) != 0)
            return;
        pthread_join(leader->thread, NULL);
        leader->patience_ms *= 4;
    }
}

static void *follower(void *context)
{
    struct trove_result result;

    resolve(1, NULL, &result, NULL);
    *(int *)context = result.how == TROVE_JOINED ? check_result(&result, 1) : -1;
    return NULL;
}

/* Goal: a leader that runs into its deadline leaves the others an answer. */
static void flight__leader_times_out(void **state)
{
    struct trove__unit *unit;
    struct leader leader;
    int followed = -2;
    pthread_t other;

    (void)state;
    begin(fake_hold_first, NULL);
    assert_int_equal(trove__unit_get(cache, &unit), 0);
    start_leader(&leader);
    pthread_create(&other, NULL, follower, &followed);
    pthread_join(leader.thread, NULL);
    assert_int_equal(leader.result, -ETIMEDOUT);
    wait_for_waiters(unit, 1); /* the leader is gone: the other one */
    trove__unit_unref(unit);
    latch_open(&source.go);
    pthread_join(other, NULL);
    assert_int_equal(followed, 0);
    assert_int_equal(source.requests, 1);
    end();
}

/* Goal: a deadline that has passed already still lets a hit through; a miss is refused. */
static void flight__past_deadline(void **state)
{
    struct trove_until past = {.deadline_ns = 1};
    struct trove_stream *stream;
    struct trove_result result;

    (void)state;
    stream = begin_held(0);
    assert_int_equal(resolve(2, &past, &result, NULL), -ETIMEDOUT);
    latch_open(&source.go);
    assert_object(1);
    assert_int_equal(resolve(1, &past, &result, NULL), 0);
    assert_int_equal(check_result(&result, 1), 0);
    trove_stream_close(stream);
    end();
}

struct cancelled {
    struct trove_cancel *token;
    atomic_uint canceled;
};

static void wait_for_cancel(void *context, unsigned index)
{
    struct cancelled *c = context;
    struct trove_until until = {TROVE_NO_DEADLINE, c->token};
    struct trove_result result;

    if (index == 0) {
        latch_wait(&source.started);
        trove_cancel(c->token);
    } else if (resolve(1, &until, &result, NULL) == -ECANCELED) {
        atomic_fetch_add(&c->canceled, 1);
    }
}

/* Goal: a token wakes everybody who was given it, and the flight goes on. */
static void flight__cancel(void **state)
{
    struct cancelled c = {0};

    (void)state;
    begin(fake_hold_first, NULL);
    assert_int_equal(trove_cancel_create(&c.token), 0);
    run_threads(8, wait_for_cancel, &c);
    assert_int_equal(c.canceled, 7);
    latch_open(&source.go);
    assert_object(1);
    assert_int_equal(source.requests, 1);
    trove_cancel_unref(c.token);
    end();
}

/* Goal: an id that nobody waits for any more and that was not sent is never asked for. */
static void flight__unsent_and_unwanted_is_dropped(void **state)
{
    struct trove_until past = {.deadline_ns = 1};
    struct trove_stream *stream;
    struct trove_result result;

    (void)state;
    stream = begin_held(0);
    for (unsigned n = 10; n < 20; n++)
        assert_int_equal(resolve(n, &past, &result, NULL), -ETIMEDOUT);
    latch_open(&source.go);
    wait_for_flights(cache, 0);
    assert_int_equal(source.ids, 1);
    trove_stream_close(stream);
    end();
}

/* Goal: inside a read section everything that would wait says so. */
static void flight__read_section(void **state)
{
    struct trove_want want = {fake_id(1), TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_fetch_result fetched;
    struct trove_result result;

    (void)state;
    begin(NULL, NULL);
    trove_read_lock();
    assert_int_equal(resolve(1, NULL, &result, NULL), -EDEADLK);
    assert_int_equal(trove_resolve_many(cache, &want, 1, NULL, &result, NULL), -EDEADLK);
    assert_int_equal(trove_fetch(cache, &options, NULL, &fetched, NULL), -EDEADLK);
    assert_int_equal(trove_close(cache, NULL), -EDEADLK);
    trove_read_unlock();
    end();
}

/* --- bounds ------------------------------------------------------------------------------------------------------- */

static void *ask_for_space(void *context)
{
    struct trove_result result;

    resolve(60, NULL, &result, NULL);
    *(int *)context = check_result(&result, 60);
    return NULL;
}

/* Goal: past flights_max a call that may not wait gets -EAGAIN, one that may waits and is served. */
static void flight__bounded(void **state)
{
    struct trove_until past = {.deadline_ns = 1}, soon;
    struct trove_stream *stream;
    struct trove_result result;
    pthread_t thread;
    int waited = -2;

    (void)state;
    stream = begin_held(4);
    for (unsigned n = 2; n < 5; n++)
        assert_int_equal(resolve(n, &past, &result, NULL), -ETIMEDOUT);
    assert_int_equal(resolve(50, &past, &result, NULL), -EAGAIN);
    soon = trove_until_ms(5, NULL);
    assert_int_equal(resolve(50, &soon, &result, NULL), -ETIMEDOUT);
    pthread_create(&thread, NULL, ask_for_space, &waited);
    latch_open(&source.go);
    pthread_join(thread, NULL);
    assert_int_equal(waited, 0);
    trove_stream_close(stream);
    end();
}

/* --- storms ------------------------------------------------------------------------------------------------------- */

struct storm {
    unsigned expected;
    atomic_uint right;
};

static void in_storm(void *context, unsigned index)
{
    struct storm *storm = context;
    struct trove_result result;

    (void)index;
    resolve(1, NULL, &result, NULL);
    if (check_result(&result, 1) == 0)
        atomic_fetch_add(&storm->right, 1);
}

/* Goal: 1,000 threads wait for one id; all get it, from one request. */
static void flight__storm(void **state)
{
    struct storm storm = {.expected = 1000};

    (void)state;
    begin(NULL, NULL);
    run_threads(storm.expected, in_storm, &storm);
    assert_int_equal(storm.right, storm.expected);
    assert_int_equal(source.requests, 1);
    end();
}

/* Goal: as many streams wait for one id. */
static void flight__storm_of_streams(void **state)
{
    enum { COUNT = 1000 };
    struct trove_stream *streams[COUNT];
    struct trove_want want = {fake_id(1), TROVE_BLOB};
    struct trove_result result;

    (void)state;
    begin(fake_hold_first, NULL);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(trove_stream_open(cache, NULL, &streams[i], NULL), 0);
        assert_int_equal(trove_stream_add(streams[i], &want, NULL, 1, NULL), 0);
    }
    latch_open(&source.go);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(trove_stream_next(streams[i], NULL, &result, NULL), 1);
        assert_int_equal(check_result(&result, 1), 0);
        trove_stream_close(streams[i]);
    }
    assert_int_equal(source.requests, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flight__a_failure_is_told_and_forgotten),
        cmocka_unit_test(flight__a_failure_reaches_all),
        cmocka_unit_test(flight__objects_before_an_error_stay),
        cmocka_unit_test(flight__return_without_done),
        cmocka_unit_test(flight__one_bogus_id_fails_alone),
        cmocka_unit_test(flight__answers_twice_and_with_others),
        cmocka_unit_test(flight__only_others),
        cmocka_unit_test(flight__uncached),
        cmocka_unit_test(flight__too_large_is_uncached),
        cmocka_unit_test(flight__leader_times_out),
        cmocka_unit_test(flight__past_deadline),
        cmocka_unit_test(flight__cancel),
        cmocka_unit_test(flight__unsent_and_unwanted_is_dropped),
        cmocka_unit_test(flight__read_section),
        cmocka_unit_test(flight__bounded),
        cmocka_unit_test(flight__storm),
        cmocka_unit_test(flight__storm_of_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
