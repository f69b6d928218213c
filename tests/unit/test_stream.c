// SPDX-License-Identifier: MIT
/*
 * test_stream.c - answers in the order of arrival, with and without a running fetch.
 */
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static struct fake_source source;
static struct trove *cache;
static struct trove_fetch *fetch; /* that the stream waits for; NULL: none */
static struct trove_stream *stream;

static struct trove_want want(unsigned n)
{
    return (struct trove_want){fake_id(n), TROVE_BLOB};
}

static struct trove_fetch *start_fetch(unsigned n)
{
    struct trove_want one = want(n);
    struct trove_fetch_options options = {.wants = &one, .want_count = 1};
    struct trove_fetch *started;

    assert_int_equal(trove_fetch_start(cache, &options, NULL, &started, NULL), 0);
    return started;
}

static void begin(fake_script script, struct trove_options *options)
{
    fake_source_init(&source, script);
    cache = fake_open(&source, options);
    fetch = NULL;
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
}

/* A stream that waits for a fetch of object 0. CONTEXT is SCRIPT's. */
static void begin_within(fake_script script, void *context)
{
    fake_source_init(&source, script);
    source.context = context;
    cache = fake_open(&source, NULL);
    fetch = start_fetch(0);
    assert_int_equal(trove_stream_open(cache, fetch, &stream, NULL), 0);
}

static void end(void)
{
    trove_stream_close(stream);
    trove_fetch_free(fetch); /* cancels it */
    assert_int_equal(trove_close(cache, NULL), 0);
}

static void add_to(struct trove_stream *to, unsigned first, unsigned count)
{
    struct trove_want *wants = calloc(count, sizeof(*wants));
    uintptr_t *tags = calloc(count, sizeof(*tags));

    for (unsigned i = 0; i < count; i++) {
        wants[i] = want(first + i);
        tags[i] = first + i;
    }
    assert_int_equal(trove_stream_add(to, wants, tags, count, NULL), 0);
    free(wants);
    free(tags);
}

static void add(unsigned first, unsigned count)
{
    add_to(stream, first, count);
}

/* Takes COUNT answers, each of which must be right. */
static void take_from(struct trove_stream *from, unsigned count)
{
    struct trove_result result;
    struct trove_error err;

    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(trove_stream_next(from, NULL, &result, &err), 1);
        assert_int_equal(check_result(&result, (unsigned)result.tag), 0);
    }
}

static void take(unsigned count)
{
    take_from(stream, count);
}

/* Goal: what goes in comes out, once each, with its tag; then nothing is outstanding. */
static void stream__in_and_out(void **state)
{
    struct trove_result result;

    (void)state;
    begin(NULL, NULL);
    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 0);
    add(0, 3000);
    take(3000);
    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 0);
    add(2990, 20); /* hits and misses */
    take(20);
    end();
    assert_int_equal(source.ids, 3010);
}

/* Goal: absent ids are answered as such, with a message. */
static void stream__absent(void **state)
{
    struct trove_result result;
    struct trove_error err;

    (void)state;
    begin(NULL, NULL);
    add(FAKE_OBJECTS, 1);
    assert_int_equal(trove_stream_next(stream, NULL, &result, &err), 1);
    assert_int_equal(result.status, -ENOENT);
    assert_int_equal(result.tag, FAKE_OBJECTS);
    assert_int_equal(err.code, -ENOENT);
    assert_true(err.message[0] != '\0');
    end();
}

/* Goal: more ids than flights: all are answered. */
static void stream__beyond_flights_max(void **state)
{
    struct trove_options options;

    (void)state;
    fake_options(&options);
    options.flights_max = 10;
    begin(NULL, &options);
    add(0, 500);
    take(500);
    end();
    assert_true(source.largest <= 10);
}

/* Some of what is wanted (as many as the test's unsigned says, else 50), then stops until the test lets it go on. */
static int half_way(struct fake_source *self, const struct trove_request *request,
                    struct trove_sink *sink, struct trove_error *err)
{
    const unsigned *first = self->context;
    unsigned half = first != NULL ? *first : 50;
    int r;

    (void)err;
    if (request->by_id)
        return fake_answer(request, sink);
    for (unsigned n = 0; n < half; n++) {
        r = fake_give(sink, n, TROVE_GIVE_DEFAULT);
        if (r < 0)
            return r;
    }
    latch_open(&self->started);
    if (!latch_wait_or_cancel(&self->go, request->until.cancel))
        return -ECANCELED;
    for (unsigned n = half; n < 90; n++) {
        r = fake_give(sink, n, TROVE_GIVE_DEFAULT);
        if (r < 0)
            return r;
    }
    trove_sink_done(sink);
    return 0;
}

/* Goal: a source stops after half of its objects: every id of the first half is answered before one more is given; ids
 * of the second half are not asked for while the fetch runs; what the fetch did not bring is asked for when it ended. */
static void stream__first_half_before_the_second(void **state)
{
    struct trove_result result;
    struct trove_fetch_result fetched;
    struct trove_until soon;

    (void)state;
    begin_within(half_way, NULL);
    add(0, 100);
    take(50);
    soon = trove_until_ms(1, NULL);
    assert_int_equal(trove_stream_next(stream, &soon, &result, NULL), -ETIMEDOUT);
    assert_int_equal(source.requests, 1);
    assert_false(trove_fetch_is_done(fetch));
    latch_open(&source.go);
    take(50);
    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 0);
    assert_int_equal(trove_fetch_wait(fetch, NULL, &fetched, NULL), 0);
    assert_int_equal(fetched.objects, 90);
    assert_int_equal(source.requests, 2);
    assert_int_equal(source.ids, 1 + 10);
    end();
}

/* Goal: what a fetch did not bring leaves in one request, wherever it lies among what the fetch did bring. Method: of 100 ids
 * wanted when the fetch has given FIRST already, the last ten are missing; a request holds 64. */
static void stream__what_a_fetch_left_leaves_together(void **state)
{
    (void)state;
    for (unsigned first = 20; first < 40; first++) {
        struct trove_oid last = fake_id(first - 1);

        begin_within(half_way, &first);
        while (!trove_has(cache, &last))
            sched_yield();
        add(0, 100);
        latch_open(&source.go);
        take(100);
        assert_int_equal(source.requests, 2);
        assert_int_equal(source.ids, 1 + 10);
        end();
    }
}

/* Goal: a plain resolve of a parked id does not wait for the end of the fetch. */
static void stream__resolve_takes_parked_ids_along(void **state)
{
    struct trove_result result;
    struct trove_oid id = fake_id(95);

    (void)state;
    begin_within(half_way, NULL);
    add(95, 1);
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    assert_int_equal(result.how, TROVE_JOINED);
    assert_int_equal(check_result(&result, 95), 0);
    take(1);
    assert_false(trove_fetch_is_done(fetch));
    end();
}

/* The fetch of object 0 hangs, that of others brings nothing. */
static int first_hangs(struct fake_source *self, const struct trove_request *request,
                       struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    if (request->by_id)
        return fake_answer(request, sink);
    if (fake_number(&request->wants[0].id) == 0 &&
        !latch_wait_or_cancel(&self->go, request->until.cancel))
        return -ECANCELED;
    trove_sink_done(sink);
    return 0;
}

/* Goal: who expects an id of one fetch does not wait for another, of which somebody else expects it. */
static void stream__each_waits_for_its_own_fetch(void **state)
{
    struct trove_stream *other;
    struct trove_fetch *empty;

    (void)state;
    begin_within(first_hangs, NULL);
    latch_wait(&source.started);
    add(95, 1);
    empty = start_fetch(1);
    assert_int_equal(trove_stream_open(cache, empty, &other, NULL), 0);
    add_to(other, 95, 1);
    assert_int_equal(trove_fetch_wait(empty, NULL, NULL, NULL), 0);
    take_from(other, 1);
    take(1);
    assert_false(trove_fetch_is_done(fetch));
    trove_stream_close(other);
    trove_fetch_free(empty);
    end();
}

struct takers {
    atomic_uint taken, wrong;
};

static void add_and_take(void *context, unsigned index)
{
    struct takers *takers = context;
    struct trove_result result;

    if (index < 4)
        add(index * 1000, 1000);
    while (trove_stream_next(stream, NULL, &result, NULL) == 1) {
        atomic_fetch_add(&takers->taken, 1);
        if (check_result(&result, (unsigned)result.tag))
            atomic_fetch_add(&takers->wrong, 1);
    }
}

/* Goal: several threads add and take; everything is taken once, and all end. */
static void stream__many_threads(void **state)
{
    struct takers takers = {0};
    struct trove_result result;

    (void)state;
    begin(NULL, NULL);
    run_threads(12, add_and_take, &takers);
    while (trove_stream_next(stream, NULL, &result, NULL) == 1) {
        takers.taken++;
        assert_int_equal(check_result(&result, (unsigned)result.tag), 0);
    }
    assert_int_equal(takers.wrong, 0);
    assert_int_equal(takers.taken, 4000);
    assert_int_equal(source.ids, 4000);
    end();
}

/* Goal: closing a stream forgets what is outstanding: the unsent is never sent, answers nobody took are unpinned. */
static void stream__close_drops_the_unsent(void **state)
{
    struct trove_options options;
    struct trove_result result;
    struct trove_oid id = fake_id(5000);

    (void)state;
    fake_options(&options);
    options.requests_at_once = 1;
    begin(fake_hold_first, &options);
    add(0, 1);
    latch_wait(&source.started);
    add(1, 100);
    wait_for_flights(cache, 101);
    trove_stream_close(stream);
    latch_open(&source.go);
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    assert_int_equal(check_result(&result, 5000), 0);
    wait_for_flights(cache, 0);
    assert_int_equal(source.ids, 2);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: a stream left open over close gives what was answered and then says -ECANCELED. */
static void stream__survives_the_cache(void **state)
{
    struct trove_result result;
    int canceled = 0, right = 0, r;

    (void)state;
    begin(fake_hold_first, NULL);
    assert_int_equal(trove_put(cache, TROVE_BLOB, "x", 1, NULL, NULL), 0);
    add(0, 10);
    latch_wait(&source.started);
    assert_int_equal(trove_close(cache, NULL), 0);
    while ((r = trove_stream_next(stream, NULL, &result, NULL)) == 1) {
        canceled += result.status == -ECANCELED;
        right += result.status == 0;
        trove_unpin(result.object);
    }
    assert_int_equal(r, 0);
    assert_int_equal(right + canceled, 10);
    assert_true(canceled > 0);
    assert_int_equal(trove_stream_add(stream, &(struct trove_want){0}, NULL, 1, NULL), -ECANCELED);
    trove_stream_close(stream);
}

/* Gives what it was asked for and then stays. */
static int give_and_stay(struct fake_source *self, const struct trove_request *request,
                         struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    for (size_t i = 0; i < request->want_count; i++)
        fake_give(sink, (unsigned)fake_number(&request->wants[i].id), TROVE_GIVE_NO_CACHE);
    latch_open(&self->started);
    latch_wait(&self->go);
    return 0;
}

/* Goal: what was answered and taken is let go, also while the request that brought it goes on. */
static void stream__taken_answers_are_let_go(void **state)
{
    struct trove_stats stats;

    (void)state;
    begin(give_and_stay, NULL);
    add(0, 50);
    do {
        sched_yield();
        trove_stats(cache, &stats);
    } while (stats.pinned_bytes == 0); /* what was not taken stays pinned */
    take(50);
    trove_stats(cache, &stats);
    while (stats.pinned_bytes != 0) { /* the dispatcher lets go a moment after it has delivered */
        sched_yield();
        trove_stats(cache, &stats);
    }
    latch_open(&source.go);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream__in_and_out),
        cmocka_unit_test(stream__taken_answers_are_let_go),
        cmocka_unit_test(stream__absent),
        cmocka_unit_test(stream__beyond_flights_max),
        cmocka_unit_test(stream__first_half_before_the_second),
        cmocka_unit_test(stream__what_a_fetch_left_leaves_together),
        cmocka_unit_test(stream__resolve_takes_parked_ids_along),
        cmocka_unit_test(stream__each_waits_for_its_own_fetch),
        cmocka_unit_test(stream__many_threads),
        cmocka_unit_test(stream__close_drops_the_unsent),
        cmocka_unit_test(stream__survives_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
