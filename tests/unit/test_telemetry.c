// SPDX-License-Identifier: MIT
/*
 * test_telemetry.c - spans: who is told what, when, and by whom.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "span_log.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <trove/async.h>
#include <trove/telemetry.h>

#define HOLD_NS (3 * 1000000)

static struct span_log span_log;
static struct fake_source source;

static const struct trove_span *stop_of(unsigned kind, unsigned n)
{
    return span_log_nth(&span_log, kind, true, n);
}

/* Listens to KINDS of a cache over the fake source with SCRIPT. */
static struct trove *open_listened(fake_script script, unsigned kinds, uint32_t requests_at_once)
{
    struct trove_options options;
    struct trove *cache;

    fake_options(&options);
    options.requests_at_once = requests_at_once;
    fake_source_init(&source, script);
    cache = fake_open(&source, &options);
    span_log_start(&span_log, cache, kinds);
    return cache;
}

static void let_time_pass(void)
{
    int64_t end = trove_now_ns() + HOLD_NS;

    while (trove_now_ns() < end)
        sched_yield();
}

/* --- put ---------------------------------------------------------------------------------------------------------- */

/* Goal: a put is told of when it starts and when it ends, with what came of it; and after unsubscribing no more. */
static void telemetry__put(void **state)
{
    struct trove_options options;
    struct trove *cache;
    struct trove_oid id;
    int64_t before, after;

    (void)state;
    fake_options(&options);
    options.max_object_bytes = 100;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    assert_int_equal(trove_put(cache, TROVE_BLOB, "before", 6, NULL, NULL), 0);
    span_log_start(&span_log, cache, 0);
    before = trove_now_ns();
    assert_int_equal(trove_put(cache, TROVE_BLOB, "some", 4, &id, NULL), 0);
    after = trove_now_ns();
    assert_int_equal(trove_put(cache, TROVE_BLOB, span_log.entries, 101, NULL, NULL), -EFBIG);
    span_log_stop(&span_log, cache);
    assert_int_equal(trove_put(cache, TROVE_BLOB, "after", 5, NULL, NULL), 0);
    span_log_check(&span_log);
    assert_int_equal(span_log.count, 4);
    assert_int_equal(span_log_count(&span_log, TROVE_SPAN_PUT, true), 2);
    assert_string_equal(stop_of(TROVE_SPAN_PUT, 0)->name, "put");
    assert_int_equal(stop_of(TROVE_SPAN_PUT, 0)->status, 0);
    assert_int_equal(stop_of(TROVE_SPAN_PUT, 0)->bytes, 4);
    assert_true(trove_oid_equal(stop_of(TROVE_SPAN_PUT, 0)->oid, &id));
    assert_in_range(stop_of(TROVE_SPAN_PUT, 0)->start_ns, before, after);
    assert_in_range(stop_of(TROVE_SPAN_PUT, 0)->duration_ns, 0, after - before);
    assert_int_equal(stop_of(TROVE_SPAN_PUT, 1)->status, -EFBIG);
    assert_null(stop_of(TROVE_SPAN_PUT, 1)->oid);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* What all spans of evictions that were told of so far add up to. */
static uint64_t evictions_told(void)
{
    unsigned stops = span_log_count(&span_log, TROVE_SPAN_EVICT, true);
    uint64_t objects = 0;

    for (unsigned n = 0; n < stops; n++)
        objects += stop_of(TROVE_SPAN_EVICT, n)->count;
    return objects;
}

/* How many of them a put made; the others have no parent. */
static unsigned of_puts(void)
{
    unsigned stops = span_log_count(&span_log, TROVE_SPAN_EVICT, true), found = 0;

    for (unsigned n = 0; n < stops; n++) {
        uint64_t parent = stop_of(TROVE_SPAN_EVICT, n)->parent;

        if (parent == 0)
            continue;
        assert_int_equal(span_log_of(&span_log, parent, true)->span.kind, TROVE_SPAN_PUT);
        found++;
    }
    return found;
}

/* Goal: making room is part of the put that needs it, or the reclaimer's doing, for a level; all that goes is told of, outside
 * sections. */
static void telemetry__evict(void **state)
{
    static unsigned char bytes[1000];
    struct trove_options options;
    struct trove_stats stats;
    struct trove *cache;

    (void)state;
    fake_options(&options);
    options.max_bytes = 1 << 20;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    span_log_start(&span_log, cache, TROVE_SPAN_PUT | TROVE_SPAN_EVICT);
    do {
        bytes[0]++;
        bytes[1] += bytes[0] == 0;
        assert_int_equal(trove_put(cache, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL), 0);
        trove_stats(cache, &stats);
    } while (stats.evictions < 20);
    /* The reclaimer may be at it still. */
    while (evictions_told() != stats.evictions)
        trove_stats(cache, &stats);
    span_log_check(&span_log);
    assert_int_not_equal(of_puts(), 0);
    for (unsigned n = 0; n < span_log_count(&span_log, TROVE_SPAN_EVICT, true); n++) {
        const struct trove_span *evict = stop_of(TROVE_SPAN_EVICT, n);

        assert_in_range(evict->bytes, evict->count * sizeof(bytes), evict->count * 1200);
    }
    for (unsigned i = 0; i < span_log.count; i++)
        assert_false(span_log.entries[i].in_section);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: what finds no room is told of under each policy; what is past the bound, as no failure. */
static void telemetry__overfull(void **state)
{
    static unsigned char bytes[10000];
    struct trove_options options;
    struct trove_stats stats;
    struct trove *cache;
    int r;

    (void)state;
    for (int policy = TROVE_OVERFULL_ERROR; policy <= TROVE_OVERFULL_GROW; policy++) {
        fake_options(&options);
        options.max_bytes = 1 << 20;
        options.overfull = policy;
        assert_int_equal(trove_open(&options, &cache, NULL), 0);
        span_log_start(&span_log, cache, TROVE_SPAN_OVERFULL | TROVE_SPAN_PUT);
        for (int i = 0; i < 200; i++) {
            unsigned before = span_log_count(&span_log, TROVE_SPAN_OVERFULL, true), told;

            bytes[0]++;
            r = trove_put(cache, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL);
            told = span_log_count(&span_log, TROVE_SPAN_OVERFULL, true) - before;
            trove_stats(cache, &stats);
            assert_int_equal(told, r < 0 || stats.over_max_bytes > 0);
        }
        span_log_check(&span_log);
        assert_int_equal(r, policy == TROVE_OVERFULL_ERROR ? -ECACHE_OVERFULL : 0);
        assert_int_equal(stop_of(TROVE_SPAN_OVERFULL, 0)->status, r);
        assert_in_range(stop_of(TROVE_SPAN_OVERFULL, 0)->bytes, 10000, 11000);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

/* --- resolve ------------------------------------------------------------------------------------------------------ */

/* A source that tells of its own work. */
static int tell_and_answer(struct fake_source *self, const struct trove_request *request,
                           struct trove_sink *sink, struct trove_error *err)
{
    struct trove_span span;
    int r;

    (void)self;
    (void)err;
    trove_sink_span_start(sink, &span, "work");
    span.bytes = 7;
    r = fake_answer(request, sink);
    trove_sink_span_stop(sink, &span, r);
    return r;
}

static void resolve(struct trove *cache, unsigned n)
{
    struct trove_oid id = fake_id(n);
    struct trove_result result;

    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    assert_int_equal(check_result(&result, n), 0);
}

/* Goal: a miss, its request and the source's work are parts of each other, nothing that came is told of as a put; a hit is
 * told of too. */
static void telemetry__resolve_nests(void **state)
{
    struct trove *cache = open_listened(tell_and_answer, 0, 1);
    const struct trove_span *miss, *request, *work, *hit;
    struct trove_oid id = fake_id(5);

    (void)state;
    resolve(cache, 5);
    resolve(cache, 5);
    assert_int_equal(trove_close(cache, NULL), 0); /* the request may end after who waited */
    span_log_check(&span_log);
    miss = stop_of(TROVE_SPAN_RESOLVE, 0);
    hit = stop_of(TROVE_SPAN_RESOLVE, 1);
    request = stop_of(TROVE_SPAN_REQUEST, 0);
    work = stop_of(TROVE_SPAN_SOURCE, 0);
    assert_int_equal(span_log.count, 8);
    assert_int_equal(miss->how, TROVE_FETCHED);
    assert_int_equal(hit->how, TROVE_HIT);
    assert_true(trove_oid_equal(miss->oid, &id));
    assert_true(trove_oid_equal(hit->oid, &id));
    assert_int_equal(miss->parent, 0);
    assert_int_equal(request->parent, miss->id);
    assert_int_equal(work->parent, request->id);
    assert_string_equal(work->name, "work");
    assert_int_equal(work->bytes, 7);
    assert_int_equal(request->count, 1);
    assert_int_equal(request->bytes, miss->bytes);
    assert_true(miss->bytes > 0);
    assert_int_equal(miss->queued_ns + miss->wire_ns + miss->waited_ns, miss->duration_ns);
    assert_int_equal(hit->queued_ns + hit->wire_ns + hit->waited_ns, 0);
}

static int64_t go_ns, held_until_ns;

/* Answers the first request some time after `go` is open, and gives object 3 with it, unasked. */
static int hold_and_give_three(struct fake_source *self, const struct trove_request *request,
                               struct trove_sink *sink, struct trove_error *err)
{
    int r = 0;

    (void)err;
    if (atomic_load(&self->requests) == 1) {
        latch_wait(&self->go);
        let_time_pass();
        held_until_ns = trove_now_ns();
        r = fake_give(sink, 3, TROVE_GIVE_DEFAULT);
    }
    return r < 0 ? r : fake_answer(request, sink);
}

static void resolve_one_of_three(void *context, unsigned index)
{
    resolve(context, index + 1);
}

static void open_when_all_wait(void *context)
{
    wait_for_flights(context, 3);
    latch_wait(&source.started);
    go_ns = trove_now_ns();
    latch_open(&source.go);
}

static void wait_as(void *context, unsigned index)
{
    if (index == 3)
        open_when_all_wait(context);
    else
        resolve_one_of_three(context, index);
}

static const struct trove_span *stop_about(unsigned n)
{
    struct trove_oid id = fake_id(n);

    for (unsigned i = 0; i < 3; i++)
        if (trove_oid_equal(stop_of(TROVE_SPAN_RESOLVE, i)->oid, &id))
            return stop_of(TROVE_SPAN_RESOLVE, i);
    return NULL;
}

/* Goal: the three parts of a resolve's time. Method: one request at a time, the first held. Of the ids 1 and 2 one is in the
 * held request: on the wire; or comes after it: queued; 3 comes unasked: waited for, unless it was the first. */
static void telemetry__three_parts(void **state)
{
    struct trove *cache = open_listened(hold_and_give_three, TROVE_SPAN_RESOLVE, 1);
    unsigned on_the_wire = 0, queued = 0, waited = 0;

    (void)state;
    run_threads(4, wait_as, cache);
    span_log_stop(&span_log, cache);
    span_log_check(&span_log);
    assert_int_equal(span_log_count(&span_log, TROVE_SPAN_RESOLVE, true), 3);
    for (unsigned n = 1; n <= 3; n++) {
        const struct trove_span *span = stop_about(n);
        int64_t sent_ns, done_ns;

        assert_non_null(span);
        assert_int_equal(span->queued_ns + span->wire_ns + span->waited_ns, span->duration_ns);
        assert_in_range(span->duration_ns, HOLD_NS, INT64_MAX);
        sent_ns = span->start_ns + (int64_t)span->queued_ns;
        done_ns = sent_ns + (int64_t)span->wire_ns;
        if (span->waited_ns == span->duration_ns) {
            assert_int_equal(n, 3);
            waited++;
        } else if (sent_ns < go_ns) {
            assert_true(done_ns >= held_until_ns);
            on_the_wire++;
        } else {
            assert_true(sent_ns >= held_until_ns && n != 3);
            queued++;
        }
    }
    assert_in_range(on_the_wire, 1, 3);
    printf("%u on the wire, %u queued, %u waited for\n", on_the_wire, queued, waited);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* --- tags --------------------------------------------------------------------------------------------------------- */

static _Thread_local uint64_t my_tag;

static uint64_t tag_of_thread(void *context)
{
    (void)context;
    return my_tag;
}

static int fail_when_told(struct fake_source *self, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    (void)request;
    (void)sink;
    latch_wait(&self->go);
    return trove_error_set(err, -EIO, "it broke");
}

struct tagged {
    struct trove *cache;
    struct trove_error errors[2];
    enum trove_how hows[2];
    struct latch led;
    atomic_uint waiting;
};

static void resolve_tagged(void *context, unsigned index)
{
    struct tagged *tagged = context;
    struct trove_oid id = fake_id(1);
    struct trove_result result;

    my_tag = 100 + index;
    if (index == 1)
        latch_wait(&source.started);
    assert_int_equal(
        trove_resolve(tagged->cache, &id, TROVE_BLOB, NULL, &result, &tagged->errors[index]), -EIO);
    tagged->hows[index] = result.how;
}

static void resolve_or_release(void *context, unsigned index)
{
    struct tagged *tagged = context;
    struct span_log *log = &span_log;

    if (index < 2) {
        resolve_tagged(context, index);
        return;
    }
    while (span_log_count(log, TROVE_SPAN_RESOLVE, false) < 2)
        sched_yield();
    let_time_pass(); /* the second has begun, and most likely joined */
    latch_open(&source.go);
    (void)tagged;
}

/* Goal: who led is told by the errors of all who waited for the flight, beside the message; and by their spans. */
static void telemetry__errors_carry_the_leaders_tag(void **state)
{
    static struct tagged tagged;
    struct trove_options options;

    (void)state;
    fake_options(&options);
    options.leader_tag = tag_of_thread;
    fake_source_init(&source, fail_when_told);
    tagged.cache = fake_open(&source, &options);
    span_log_start(&span_log, tagged.cache, TROVE_SPAN_RESOLVE);
    run_threads(3, resolve_or_release, &tagged);
    assert_int_equal(tagged.errors[0].code, -EIO);
    assert_string_equal(tagged.errors[0].message, "it broke");
    assert_int_equal(tagged.errors[0].tag, 100);
    /* A second that came too late for the flight led one of its own. */
    assert_int_equal(tagged.errors[1].tag, tagged.hows[1] == TROVE_JOINED ? 100 : 101);
    for (unsigned n = 0; n < 2; n++) {
        const struct trove_span *span = stop_of(TROVE_SPAN_RESOLVE, n);

        assert_int_equal(span->status, -EIO);
        assert_true(span->tag == 100 || span->tag == 101);
    }
    assert_int_equal(trove_close(tagged.cache, NULL), 0);
}

/* --- the other ways to ask ---------------------------------------------------------------------------------------- */

/* Goal: a fetch is told of from start to end, its request is a part of it, and what it inserts is no put. */
static void telemetry__fetch(void **state)
{
    struct trove *cache = open_listened(NULL, 0, 2);
    struct trove_want wants[3] = {
        {fake_id(1), TROVE_BLOB}, {fake_id(2), TROVE_BLOB}, {fake_id(3), TROVE_BLOB}};
    struct trove_fetch_options options = {.wants = wants, .want_count = 3};

    (void)state;
    assert_int_equal(trove_fetch(cache, &options, NULL, NULL, NULL), 0);
    assert_int_equal(trove_close(cache, NULL), 0);
    span_log_check(&span_log);
    assert_int_equal(span_log.count, 4);
    assert_int_equal(stop_of(TROVE_SPAN_FETCH, 0)->status, 0);
    assert_int_equal(stop_of(TROVE_SPAN_FETCH, 0)->count, 3);
    assert_int_equal(stop_of(TROVE_SPAN_REQUEST, 0)->parent, stop_of(TROVE_SPAN_FETCH, 0)->id);
}

/* Goal: each id of a resolve_many is told of once, hits and misses. */
static void telemetry__many(void **state)
{
    enum { IDS = 100, CACHED = 40 };
    struct trove *cache = open_listened(NULL, TROVE_SPAN_RESOLVE, 2);
    struct trove_result results[IDS];
    struct trove_want wants[IDS];
    unsigned hits = 0, absent = 0;

    (void)state;
    for (unsigned i = 0; i < IDS; i++)
        wants[i] = (struct trove_want){fake_id(i), TROVE_BLOB};
    wants[IDS - 1].id = fake_id(FAKE_OBJECTS);
    assert_int_equal(trove_resolve_many(cache, wants, CACHED, NULL, results, NULL), CACHED);
    for (unsigned i = 0; i < CACHED; i++)
        assert_int_equal(check_result(&results[i], i), 0);
    assert_int_equal(trove_resolve_many(cache, wants, IDS, NULL, results, NULL), IDS - 1);
    for (unsigned i = 0; i < IDS - 1; i++)
        assert_int_equal(check_result(&results[i], i), 0);
    span_log_stop(&span_log, cache);
    span_log_check(&span_log);
    assert_int_equal(span_log_count(&span_log, TROVE_SPAN_RESOLVE, true), CACHED + IDS);
    for (unsigned n = 0; n < CACHED + IDS; n++) {
        hits += stop_of(TROVE_SPAN_RESOLVE, n)->how == TROVE_HIT;
        absent += stop_of(TROVE_SPAN_RESOLVE, n)->status == -ENOENT;
    }
    assert_int_equal(hits, CACHED);
    assert_int_equal(absent, 1);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: what a stream has not given when it is closed, and a resolve that is cancelled, end as cancelled. */
static void telemetry__given_up(void **state)
{
    struct trove *cache = open_listened(fake_hold_first, TROVE_SPAN_RESOLVE, 1);
    struct trove_stream *stream = fake_occupy(cache, &source);
    struct trove_want want = {fake_id(9), TROVE_BLOB};
    struct trove_resolving *resolving;
    struct trove_result result;

    (void)state;
    assert_int_equal(trove_resolve_start(cache, &want, NULL, &result, &resolving, NULL), 0);
    assert_true(trove_resolve_cancel(resolving));
    trove_resolve_free(resolving);
    trove_stream_close(stream);
    latch_open(&source.go);
    assert_int_equal(trove_close(cache, NULL), 0);
    span_log_check(&span_log);
    assert_int_equal(span_log.count, 4);
    assert_int_equal(stop_of(TROVE_SPAN_RESOLVE, 0)->status, -ECANCELED);
    assert_int_equal(stop_of(TROVE_SPAN_RESOLVE, 1)->status, -ECANCELED);
}

/* Goal: a resolve that nobody waits for is told of when its answer is. */
static void telemetry__start(void **state)
{
    struct trove *cache = open_listened(NULL, TROVE_SPAN_RESOLVE, 1);
    struct trove_want want = {fake_id(9), TROVE_BLOB};
    struct trove_resolving *resolving;
    struct trove_result result;

    (void)state;
    assert_int_equal(trove_resolve_start(cache, &want, NULL, &result, &resolving, NULL), 0);
    while (trove_resolve_take(resolving, &result, NULL) == 0)
        sched_yield();
    assert_int_equal(check_result(&result, 9), 0);
    trove_resolve_free(resolving);
    assert_int_equal(trove_resolve_start(cache, &want, NULL, &result, &resolving, NULL), 1);
    assert_int_equal(check_result(&result, 9), 0);
    span_log_stop(&span_log, cache);
    span_log_check(&span_log);
    assert_int_equal(span_log.count, 4);
    assert_int_equal(stop_of(TROVE_SPAN_RESOLVE, 0)->how, TROVE_FETCHED);
    assert_int_equal(stop_of(TROVE_SPAN_RESOLVE, 1)->how, TROVE_HIT);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* --- has and get -------------------------------------------------------------------------------------------------- */

/* Goal: a cache that does not count reads has the plain entry points, nothing else between the call and them, and tells
 * nothing of reads; one that does tells of each and counts it, also what was not there. */
static void telemetry__reads(void **state)
{
    struct trove_options options;
    const struct trove_object *objects[2];
    struct trove_oid ids[2];
    struct trove_stats stats;
    struct trove *cache;

    (void)state;
    for (int counted = 0; counted <= 1; counted++) {
        const struct trove__reader *plain = trove__reader_nth(TROVE_SHA1, 0);

        fake_options(&options);
        options.count_reads = counted;
        assert_int_equal(trove_open(&options, &cache, NULL), 0);
        assert_int_equal(cache->reader.has == plain->has, !counted);
        assert_int_equal(cache->reader.get == plain->get, !counted);
        assert_int_equal(cache->reader.get_many == plain->get_many, !counted);
        assert_int_equal(trove_put(cache, TROVE_BLOB, "some", 4, &ids[0], NULL), 0);
        ids[1] = fake_id(1);
        span_log_start(&span_log, cache, TROVE_SPAN_HAS | TROVE_SPAN_GET);
        assert_true(trove_has(cache, &ids[0]));
        assert_false(trove_has(cache, &ids[1]));
        trove_read_lock();
        assert_int_equal(trove_get(cache, &ids[0], &objects[0]), 0);
        assert_int_equal(trove_get(cache, &ids[1], &objects[1]), -ENOENT);
        assert_int_equal(trove_get_many(cache, ids, 2, objects), 1);
        trove_read_unlock();
        trove_stats(cache, &stats);
        assert_int_equal(stats.has_calls, counted ? 2 : 0);
        assert_int_equal(stats.has_found, counted ? 1 : 0);
        assert_int_equal(stats.get_calls, counted ? 4 : 0);
        assert_int_equal(stats.get_found, counted ? 2 : 0);
        assert_int_equal(span_log.count, counted ? 10 : 0);
        span_log_check(&span_log);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
    assert_int_equal(stop_of(TROVE_SPAN_HAS, 0)->how, TROVE_HIT);
    assert_int_equal(stop_of(TROVE_SPAN_HAS, 1)->how, 0);
    assert_int_equal(stop_of(TROVE_SPAN_GET, 0)->bytes, 4);
    assert_int_equal(stop_of(TROVE_SPAN_GET, 2)->count, 2);
}

/* --- subscribing -------------------------------------------------------------------------------------------------- */

/* Goal: kinds are kept apart, places are counted, and what is not there is told. */
static void telemetry__subscribing(void **state)
{
    struct trove_subscriber nothing = {.kinds = TROVE_SPAN_EVICT}, wrong = {.kinds = 512};
    struct trove_options options;
    struct trove *cache;
    unsigned numbers[TROVE_SUBSCRIBERS_MAX], number = 77;

    (void)state;
    fake_options(&options);
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    assert_int_equal(trove_subscribe(cache, &wrong, &number), -EINVAL);
    assert_int_equal(trove_unsubscribe(cache, 0, NULL), -ENOENT);
    assert_int_equal(trove_unsubscribe(cache, 4711, NULL), -ENOENT);
    for (unsigned i = 0; i < TROVE_SUBSCRIBERS_MAX; i++)
        assert_int_equal(trove_subscribe(cache, &nothing, &numbers[i]), 0);
    assert_int_equal(trove_subscribe(cache, &nothing, &number), -EMFILE);
    assert_int_equal(number, 77);
    assert_int_equal(trove_unsubscribe(cache, numbers[2], NULL), 0);
    assert_int_equal(trove_unsubscribe(cache, numbers[2], NULL), -ENOENT);
    span_log_start(&span_log, cache, TROVE_SPAN_RESOLVE);
    assert_int_equal(trove_put(cache, TROVE_BLOB, "some", 4, NULL, NULL), 0);
    assert_int_equal(span_log.count, 0);
    assert_true(trove__is_listened(&cache->telemetry, TROVE_SPAN_EVICT));
    assert_true(trove__is_listened(&cache->telemetry, TROVE_SPAN_RESOLVE));
    assert_false(trove__is_listened(&cache->telemetry, TROVE_SPAN_PUT));
    span_log_stop(&span_log, cache);
    assert_false(trove__is_listened(&cache->telemetry, TROVE_SPAN_RESOLVE));
    assert_int_equal(trove_close(cache, NULL), 0);
}

struct inside {
    struct trove *cache;
    unsigned calls, number;
    int unsubscribed;
};

static void use_the_cache(void *context, const struct trove_span *span)
{
    struct inside *inside = context;

    (void)span;
    inside->calls++;
    assert_int_equal(trove_put(inside->cache, TROVE_BLOB, "inner", 5, NULL, NULL), 0);
    inside->unsubscribed = trove_unsubscribe(inside->cache, inside->number, NULL);
}

/* Goal: a listener may use the cache, is not told of that, and cannot go from within. */
static void telemetry__from_a_listener(void **state)
{
    struct inside inside = {0};
    struct trove_subscriber subscriber = {.stop = use_the_cache, .context = &inside};
    struct trove_options options;
    struct trove_oid id = fake_oid(TROVE_SHA1, TROVE_BLOB, "inner", 5);

    (void)state;
    fake_options(&options);
    assert_int_equal(trove_open(&options, &inside.cache, NULL), 0);
    assert_int_equal(trove_subscribe(inside.cache, &subscriber, &inside.number), 0);
    assert_int_equal(trove_put(inside.cache, TROVE_BLOB, "outer", 5, NULL, NULL), 0);
    assert_int_equal(inside.calls, 1);
    assert_int_equal(inside.unsubscribed, -EDEADLK);
    assert_true(trove_has(inside.cache, &id));
    assert_int_equal(trove_unsubscribe(inside.cache, inside.number, NULL), 0);
    assert_int_equal(trove_close(inside.cache, NULL), 0);
}

struct slow {
    struct latch inside, go;
};

static void be_slow(void *context, const struct trove_span *span)
{
    struct slow *slow = context;

    (void)span;
    latch_open(&slow->inside);
    latch_wait(&slow->go);
}

static void *put_once(void *cache)
{
    assert_int_equal(trove_put(cache, TROVE_BLOB, "some", 4, NULL, NULL), 0);
    return NULL;
}

/* Goal: unsubscribing waits for who is inside, up to its deadline, and can be tried again. */
static void telemetry__unsubscribing_waits(void **state)
{
    struct slow slow = {LATCH_INIT, LATCH_INIT};
    struct trove_subscriber subscriber = {.start = be_slow, .context = &slow};
    struct trove_until soon = trove_until_ms(5, NULL);
    struct trove_options options;
    struct trove *cache;
    pthread_t thread;
    unsigned number;

    (void)state;
    fake_options(&options);
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    assert_int_equal(trove_subscribe(cache, &subscriber, &number), 0);
    assert_int_equal(pthread_create(&thread, NULL, put_once, cache), 0);
    latch_wait(&slow.inside);
    assert_int_equal(trove_unsubscribe(cache, number, &soon), -ETIMEDOUT);
    latch_open(&slow.go);
    assert_int_equal(trove_unsubscribe(cache, number, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(telemetry__put),
        cmocka_unit_test(telemetry__evict),
        cmocka_unit_test(telemetry__overfull),
        cmocka_unit_test(telemetry__resolve_nests),
        cmocka_unit_test(telemetry__three_parts),
        cmocka_unit_test(telemetry__errors_carry_the_leaders_tag),
        cmocka_unit_test(telemetry__fetch),
        cmocka_unit_test(telemetry__many),
        cmocka_unit_test(telemetry__given_up),
        cmocka_unit_test(telemetry__start),
        cmocka_unit_test(telemetry__reads),
        cmocka_unit_test(telemetry__subscribing),
        cmocka_unit_test(telemetry__from_a_listener),
        cmocka_unit_test(telemetry__unsubscribing_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
