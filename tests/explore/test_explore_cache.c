// SPDX-License-Identifier: MIT
/*
 * test_explore_cache.c - a whole cache with a source, a fetch thread and its handles, in many interleavings of small cases: one
 * request for what several ask for, answers that reach whoever waits, and no use of what was closed. The runs are long, so
 * most searches are cut off; edges that hand memory over need few. Mutants of life.c, gather*.c, stream*.c, resolving.c, ready.c,
 * fetch_op.c, request.c and sink.c.
 */
#include "core/gather_internal.h"
#include "core/rcu.h"
#include "core/unit.h"
#include "edges.h"
#include "small_cache.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <trove/async.h>

#define BYTES 8

struct play {
    struct trove *cache;
    struct trove_stream *stream;
    struct trove_ready *ready;
    struct trove__flight *flight;
    struct trove__unit *unit;
    bool is_atomic;
    unsigned asked; /* requests that reached the source */
    unsigned told;  /* callbacks */
    int results[EXPLORER_THREADS];
};

/* Gives what is wanted, but number 9; refuses number 8. */
static int bring(void *source, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err)
{
    struct play *play = source;
    char data[BYTES];

    play->asked++; /* one request at once */
    for (size_t i = 0; i < request->want_count; i++) {
        unsigned n = request->wants[i].id.bytes[0];

        memset(data, (int)n, sizeof(data));
        if (n == 8)
            trove_sink_refuse(sink, &request->wants[i].id, -EACCES, "no");
        else if (n != 9 && trove_sink_put(sink, TROVE_BLOB, data, sizeof(data), 0) < 0)
            return trove_error_set(err, -ECANCELED, "closed");
    }
    trove_sink_done(sink);
    return 0;
}

static void open_cache(struct play *play)
{
    static const struct trove_source_ops ops = {.fetch = bring};

    play->cache = open_small(&(struct trove_source){&ops, play}, play->is_atomic);
}

static void setup(void *context)
{
    open_cache(context);
}

static void setup_atomic(void *context)
{
    struct play *play = context;

    play->is_atomic = true;
    open_cache(play);
}

/* --- resolving ------------------------------------------------------------------------------------------------------ */

static void check_object(const struct trove_result *result, unsigned n)
{
    explorer_assert(((const unsigned char *)trove_object_data(result->object))[BYTES - 1] == n);
    trove_unpin(result->object);
}

static void resolve(struct play *play, unsigned thread, unsigned n)
{
    const struct trove_want want = want_of(n);
    struct trove_result result;
    struct trove_error err;

    play->results[thread] = trove_resolve(play->cache, &want.id, TROVE_BLOB, NULL, &result, &err);
    if (play->results[thread] == 0)
        check_object(&result, n);
}

static void resolve_as_first(void *play)
{
    resolve(play, 0, 1);
}

static void resolve_as_second(void *play)
{
    resolve(play, 1, 1);
}

static void resolve_other(void *play)
{
    resolve(play, 1, 2);
}

/* The second is pushed while the fetch thread looks for work, or sleeps. */
static void resolve_one_then_another(void *context)
{
    resolve(context, 0, 1);
    resolve(context, 1, 2);
}

static void resolve_and_close(void *context)
{
    struct play *play = context;

    resolve(play, 0, 1);
    explorer_assert(trove_close(play->cache, NULL) == 0);
}

static void shut_down(void *context)
{
    trove_shutdown(((struct play *)context)->cache);
}

static void check_resolved(void *context)
{
    struct play *play = context;

    explorer_assert(play->results[0] == 0 && play->results[1] == 0);
    explorer_assert(play->asked == 1);
}

static void check_resolved_both(void *context)
{
    struct play *play = context;

    explorer_assert(play->results[0] == 0 && play->results[1] == 0);
}

static void check_shut(void *context)
{
    struct play *play = context;

    explorer_assert(play->results[0] == 0 || play->results[0] == -ECANCELED);
}

/* --- streams -------------------------------------------------------------------------------------------------------- */

static void setup_stream(void *context)
{
    struct play *play = context;

    setup(play);
    explorer_assert(trove_stream_open(play->cache, NULL, &play->stream, NULL) == 0);
}

static void add_and_take(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);
    struct trove_result result;

    play->results[0] = trove_stream_add(play->stream, &want, NULL, 1, NULL);
    if (play->results[0] == 0) {
        int r = trove_stream_next(play->stream, NULL, &result, NULL);

        explorer_assert(r == 1 || r == -ECANCELED);
        if (r == 1 && result.status == 0)
            check_object(&result, 1);
    }
    trove_stream_close(play->stream);
}

static void add_and_close(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);

    play->results[0] = trove_stream_add(play->stream, &want, NULL, 1, NULL);
    trove_stream_close(play->stream);
}

static void close_cache(void *context)
{
    struct play *play = context;

    explorer_assert(trove_close(play->cache, NULL) == 0);
}

/* --- resolves that nobody waits for --------------------------------------------------------------------------------- */

static void tell(void *context, struct trove_resolving *resolving)
{
    struct play *play = context;

    (void)resolving;
    sched_yield(); /* the answer is there, and this has not ended */
    play->told++;
}

static void start_and_free(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);
    const struct trove_notice notice = {.ended = tell, .context = play};
    struct trove_resolving *resolving;
    struct trove_result result;
    int r = trove_resolve_start(play->cache, &want, &notice, &result, &resolving, NULL);

    if (r == 1 && result.status == 0)
        check_object(&result, 1);
    if (r != 0)
        return;
    r = trove_resolve_take(resolving, &result, NULL);
    if (r == 1 && result.status == 0)
        check_object(&result, 1);
    trove_resolve_free(resolving);
    explorer_assert(play->told <= 1); /* whoever told has ended */
    play->told = 7;
}

static void start_and_take(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);
    const struct trove_notice notice = {.ended = tell, .context = play};
    struct trove_resolving *resolving;
    struct trove_result result;
    int r = trove_resolve_start(play->cache, &want, &notice, &result, &resolving, NULL);

    if (r != 0)
        return;
    while ((r = trove_resolve_take(resolving, &result, NULL)) == 0)
        sched_yield();
    explorer_assert(r == 1);
    if (result.status == 0)
        check_object(&result, 1);
    trove_resolve_free(resolving);
    explorer_assert(play->told == 1);
}

static void start_into_queue(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);
    struct trove_notice notice = {.context = play};
    struct trove_resolving *resolving, *ended;
    struct trove_result result;
    int r;

    explorer_assert(trove_ready_open(&play->ready, NULL) == 0);
    notice.ready = play->ready;
    r = trove_resolve_start(play->cache, &want, &notice, &result, &resolving, NULL);
    if (r == 1 && result.status == 0)
        check_object(&result, 1);
    if (r == 0) {
        while ((ended = trove_ready_next(play->ready)) == NULL)
            sched_yield();
        if (trove_resolve_take(ended, &result, NULL) == 1 && result.status == 0)
            check_object(&result, 1);
        trove_resolve_free(resolving);
    }
    trove_ready_close(play->ready);
}

/* --- fetches -------------------------------------------------------------------------------------------------------- */

static void fetch_wanting(struct play *play, unsigned n)
{
    const struct trove_want want = want_of(n);
    const struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_fetch_result result;
    struct trove_fetch *fetch;
    struct trove_error err;

    if (trove_fetch_start(play->cache, &options, NULL, &fetch, NULL) != 0)
        return;
    play->results[0] = trove_fetch_wait(fetch, NULL, &result, &err);
    trove_fetch_free(fetch);
}

static void fetch_first(void *play)
{
    fetch_wanting(play, 1);
}

/* Asks until it has ended. */
static void fetch_and_poll(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);
    const struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_fetch_result result;
    struct trove_fetch *fetch;

    explorer_assert(trove_fetch_start(play->cache, &options, NULL, &fetch, NULL) == 0);
    while (!trove_fetch_is_done(fetch))
        sched_yield();
    explorer_assert(trove_fetch_wait(fetch, NULL, &result, NULL) == 0);
    trove_fetch_free(fetch);
}

static void fetch_refused(void *play)
{
    fetch_wanting(play, 8);
}

static void fetch_and_expect(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1), other = want_of(2);
    const struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_result result;
    struct trove_stream *stream;
    struct trove_fetch *fetch;

    explorer_assert(trove_fetch_start(play->cache, &options, NULL, &fetch, NULL) == 0);
    explorer_assert(trove_stream_open(play->cache, fetch, &stream, NULL) == 0);
    explorer_assert(trove_stream_add(stream, &other, NULL, 1, NULL) == 0);
    explorer_assert(trove_stream_next(stream, NULL, &result, NULL) == 1);
    explorer_assert(result.status == 0);
    check_object(&result, 2);
    trove_stream_close(stream);
    trove_fetch_free(fetch);
}

/* --- the cache's own ----------------------------------------------------------------------------------------------- */

/* A call that began before the cache is closed. */
static void setup_entered(void *context)
{
    struct play *play = context;

    setup(play);
    explorer_assert(trove__cache_enter(play->cache) == 0);
}

static void look_and_leave(void *context)
{
    struct play *play = context;

    explorer_assert(play->cache->options.flights_max == 4);
    trove__cache_leave(play->cache);
}

/* No fetch thread: a case detaches itself. */
static void setup_push(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);

    setup(play);
    explorer_assert(trove__unit_get(play->cache, &play->unit) == 0);
    play->unit->gather.fetchers_max = 0;
    explorer_assert(trove__flight_create(play->unit, &want, 1, TROVE__INTERACTIVE, &play->flight) ==
                    0);
}

static void push(void *context)
{
    struct play *play = context;

    trove__gather_push(play->unit, TROVE__INTERACTIVE, &play->flight->own_node);
}

static void detach(void *context)
{
    trove__gather_detach(&((struct play *)context)->unit->gather, TROVE__INTERACTIVE, 0);
}

static void fail_atomic(void *play)
{
    resolve(play, 0, 9);
    resolve(play, 0, 1);
}

#define CASE(text, make, look, ...)                                                                \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look, .runs = 80                                                                  \
    }

static const struct explorer_case cases[] = {
    CASE("look and leave, close", setup_entered, NULL, look_and_leave, close_cache),
    CASE("push, detach", setup_push, NULL, push, detach),
    CASE("one resolves", setup, check_shut, resolve_as_first),
    CASE("two resolve", setup, check_resolved, resolve_as_first, resolve_as_second),
    CASE("two resolve two", setup, check_resolved_both, resolve_as_first, resolve_other),
    CASE("one resolves, then another", setup, check_resolved_both, resolve_one_then_another),
    CASE("resolve, shut down", setup, check_shut, resolve_as_first, shut_down),
    CASE("resolve and close", setup, check_shut, resolve_and_close),
    CASE("an atomic request", setup_atomic, check_shut, resolve_as_first),
    CASE("an atomic request beside another", setup_atomic, check_shut, fail_atomic, resolve_other),
    CASE("a stream", setup_stream, NULL, add_and_take),
    CASE("a stream is closed", setup_stream, NULL, add_and_close),
    CASE("a stream, shut down", setup_stream, NULL, add_and_take, shut_down),
    CASE("a stream, the cache is closed", setup_stream, NULL, add_and_take, close_cache),
    CASE("start and free", setup, NULL, start_and_free),
    CASE("start and free, shut down", setup, NULL, start_and_free, shut_down),
    CASE("start and take", setup, NULL, start_and_take),
    CASE("start, a queue", setup, NULL, start_into_queue),
    CASE("a fetch", setup, NULL, fetch_first),
    CASE("a fetch, asked for until it has ended", setup, NULL, fetch_and_poll),
    CASE("a fetch that is refused", setup, NULL, fetch_refused),
    CASE("a fetch, shut down", setup, NULL, fetch_first, shut_down),
    CASE("a fetch and what it may bring", setup, NULL, fetch_and_expect),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_cache__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_cache__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"life",  "gather",  "stream", "resolving", "ready",
                                           "fetch", "request", "sink",   NULL};
    static const char within[] =
        "the source's threads have ended their calls before it returns: what it waits for them with "
        "orders the same";
    static const struct spared spared[] = {
        {"request: E1 done", within},
        {"request: E3 refused", within},
        {"sink: E1 done", within},
        {"sink: E2 kept", within},
        {"sink: E3 refused", within},
        {"life: E1 shut, without seq_cst",
         "a call that begins beside close, not before it, may as well come after it"},
        {"gather: E1 push, without seq_cst", "the store-load pair is E2's: `work` and `idle`"},
        {"gather: E2 work, without seq_cst",
         "a fetch thread looks whether its unit is closed before it sleeps, and has a full fence there, "
         "which a pusher that missed it in `idle` came before. That this one's push is before its look "
         "C11 promises by this order only: here a word's stores are ordered as they are made"},
        {"stream: E1 answer, without seq_cst",
         "the store-load pair is E4's: `event` and `sleepers`"},
        {"resolving: E2 told, without acquire",
         "trove_resolve_free() looks at the word once more in drop_answer(), with E1's acquire"},
        {"stream: E4 event, without seq_cst", "dies in test_explore_flight.c"},
        {"stream: E2 nodes", "dies in test_explore_flight.c"},
        {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_cache__as_written),
        cmocka_unit_test(explore_cache__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
