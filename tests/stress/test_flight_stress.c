// SPDX-License-Identifier: MIT
/*
 * test_flight_stress.c - more threads than cores resolve, stream, fetch, cancel, run into deadlines and shut down, over a
 * source that fails, forgets, refuses, repeats and asks back; every answer is checked, and in the end nothing is left.
 *
 * Which property is shown by which test: test_flight_crowds.c.
 *
 * A wake-up that is lost shows as a test that does not end, an answer too many as a wrong count, a reference too few or
 * too many as flights or pins that are left, or as a report of the sanitizer.
 */
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 12
#define IDS                                                                                        \
    600 /* ids that are asked for at a time; they move on, so that there are always hits and misses */
#define PRESENT 500 /* of these, in the source */
#define MANY 24

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(TROVE_TESTS_PERTURB_H)
#define ROUNDS 300
#else
#define ROUNDS 800
#endif

struct run {
    struct fake_source source;
    struct trove *cache;
    unsigned rounds;
    unsigned shutdown_at; /* the round in which thread 0 shuts the cache down; 0: never */
    bool asks_back;       /* the source resolves, too */
    bool uncached;        /* nothing is cached, all are misses */
    bool abandons;        /* requests that nobody waits for are cancelled, and hang until then */
    bool replaces;        /* thread 0 replaces source and contents */
    unsigned replaced;
    atomic_uint progress, seed, wrong, answers, found, timeouts, cancels, deadlocks, failures;
};

static unsigned next_random(unsigned *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* The number of an object that is there. */
static unsigned pick_present(struct run *run, unsigned *random)
{
    unsigned first = atomic_load(&run->progress) % (FAKE_OBJECTS - PRESENT);

    return first + next_random(random) % PRESENT;
}

/* The same, or now and then one that is not. */
static unsigned pick(struct run *run, unsigned *random)
{
    unsigned n = next_random(random) % IDS;

    return n < PRESENT ? pick_present(run, random) : FAKE_OBJECTS + n;
}

static struct trove_want want(unsigned n)
{
    return (struct trove_want){fake_id(n), n % 3 == 0 ? TROVE_ANY : TROVE_BLOB};
}

static void wrong(struct run *run, const char *what, int status)
{
    if (atomic_fetch_add(&run->wrong, 1) < 10)
        fprintf(stderr, "%s: %s\n", what, trove_strerror(status));
}

/* Checks one answer to object N and gives it back. */
static void check(struct run *run, struct trove_result *result, unsigned n, const char *what,
                  const struct trove_until *until)
{
    int status = result->status;
    bool may_stop = until != NULL || run->shutdown_at != 0;

    atomic_fetch_add(&run->answers, 1);
    if (status == 0) {
        atomic_fetch_add(&run->found, 1);
        if (n >= FAKE_OBJECTS || check_result(result, n) != 0)
            wrong(run, what, -EBADMSG);
        return;
    }
    if (result->object != NULL)
        wrong(run, "an object beside a failure", status);
    if (status == -ETIMEDOUT || status == -ECANCELED) {
        atomic_fetch_add(status == -ETIMEDOUT ? &run->timeouts : &run->cancels, 1);
        if (!may_stop)
            wrong(run, what, status);
    } else if (status == -ECONNRESET || status == -EIO || status == -EACCES) {
        atomic_fetch_add(&run->failures, 1);
    } else if (!(status == -ENOENT && n >= FAKE_OBJECTS) && !(status == -EAGAIN && may_stop)) {
        wrong(run, what, status);
    }
}

/* --- the source --------------------------------------------------------------------------------------------------- */

/* Asks the cache for something while it is being asked itself. */
static void ask_back(struct run *run, unsigned *random)
{
    struct trove_until soon = trove_until_ms(2, NULL);
    struct trove_want wants[4];
    struct trove_result results[4];
    unsigned numbers[4];
    struct trove_error err;

    for (unsigned i = 0; i < 4; i++) {
        numbers[i] = pick(run, random);
        wants[i] = want(numbers[i]);
    }
    if (trove_resolve_many(run->cache, wants, 4, &soon, results, &err) < 0)
        return;
    for (unsigned i = 0; i < 4; i++) {
        if (results[i].status == -EDEADLK)
            atomic_fetch_add(&run->deadlocks, 1);
        else
            check(run, &results[i], numbers[i], "asking back", &soon);
    }
}

static int misbehave(struct fake_source *source, const struct trove_request *request,
                     struct trove_sink *sink, struct trove_error *err)
{
    struct run *run = source->context;
    unsigned random = atomic_fetch_add(&run->seed, 0x9e3779b9) | 1, mood;
    size_t half = request->want_count / 2;
    int r = 0;

    next_random(&random);
    mood = next_random(&random) % 16;
    if (run->asks_back && mood % 4 == 0)
        ask_back(run, &random);
    for (unsigned i = next_random(&random) % 4; i > 0; i--)
        sched_yield();
    if (mood == 0)
        return trove_error_set(err, -ECONNRESET, "hung up");
    if (mood == 1)
        return fake_give_wants(request, sink, half, request->want_count);
    if (mood == 2)
        trove_sink_refuse(sink, &request->wants[half].id, -EACCES, "not this one");
    if (mood == 3) /* others, too, whose flights may be elsewhere */
        for (unsigned i = 0; i < 8 && r == 0; i++)
            r = fake_give(sink, pick_present(run, &random),
                          i % 2 ? TROVE_GIVE_NO_CACHE : TROVE_GIVE_DEFAULT);
    if (mood == 4)
        r = fake_give_wants(request, sink, 0, half);
    if (mood == 5 && (!request->by_id || run->abandons))
        while (!trove_is_canceled(request->until.cancel) && trove_now_ns() % 512 != 0)
            sched_yield();
    if (r == 0)
        r = fake_answer(request, sink);
    return r < 0 ? trove_error_set(err, r, "giving") : 0;
}

/* --- the callers -------------------------------------------------------------------------------------------------- */

/* No deadline, one that has passed, a short one, a token that somebody may cancel. */
static const struct trove_until *choose_until(unsigned random, struct trove_cancel *token,
                                              struct trove_until *until)
{
    switch (random % 8) {
    case 0:
        *until = (struct trove_until){.deadline_ns = 1};
        return until;
    case 1:
        *until = (struct trove_until){trove_now_ns() + random % 200000, token};
        return until;
    case 2:
        *until = (struct trove_until){TROVE_NO_DEADLINE, token};
        return until;
    default:
        return NULL;
    }
}

static void resolve_one(struct run *run, unsigned *random, const struct trove_until *until)
{
    unsigned n = pick(run, random);
    struct trove_want one = want(n);
    struct trove_result result;
    struct trove_error err = {0};
    int r = trove_resolve(run->cache, &one.id, one.type, until, &result, &err);

    if (r != result.status || (r < 0 && err.message[0] == '\0'))
        wrong(run, "resolve says two things", r);
    check(run, &result, n, "resolve", until);
}

static void resolve_many(struct run *run, unsigned *random, const struct trove_until *until)
{
    unsigned numbers[MANY], count = 1 + next_random(random) % MANY;
    struct trove_want wants[MANY];
    struct trove_result results[MANY];
    struct trove_error err;
    int r;

    for (unsigned i = 0; i < count; i++) {
        numbers[i] = pick(run, random);
        wants[i] = want(numbers[i]);
    }
    r = trove_resolve_many(run->cache, wants, count, until, results, &err);
    if (r < 0 && !(r == -ECANCELED && run->shutdown_at != 0))
        wrong(run, "resolve_many", r);
    for (unsigned i = 0; r >= 0 && i < count; i++)
        check(run, &results[i], numbers[i], "resolve_many", until);
}

/* Adds, takes some or all, and closes with the rest outstanding. */
static void use_stream(struct run *run, unsigned *random, struct trove_fetch *within,
                       const struct trove_until *until)
{
    unsigned count = 1 + next_random(random) % MANY, take = next_random(random) % (2 * MANY);
    struct trove_stream *stream;
    struct trove_result result;
    struct trove_error err;
    unsigned answers = 0;

    if (trove_stream_open(run->cache, within, &stream, &err) < 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        unsigned n = pick(run, random);
        struct trove_want one = want(n);
        uintptr_t tag = n;
        int r = trove_stream_add(stream, &one, &tag, 1, NULL);
        if (r < 0 && !(r == -ECANCELED && run->shutdown_at != 0))
            wrong(run, "stream_add", r);
    }
    for (; answers < take && trove_stream_next(stream, until, &result, &err) == 1; answers++)
        check(run, &result, (unsigned)result.tag, "stream", until);
    if (answers > count ||
        (until == NULL && run->shutdown_at == 0 && take > count && answers < count))
        wrong(run, "a stream gave other than it took", -EIO);
    trove_stream_close(stream);
}

static void fetch(struct run *run, unsigned *random, const struct trove_until *until)
{
    struct trove_want one = want(pick_present(run, random));
    struct trove_fetch_options options = {.wants = &one, .want_count = 1};
    struct trove_fetch_result result;
    struct trove_fetch *fetch;
    struct trove_error err;
    int r = trove_fetch_start(run->cache, &options, until, &fetch, &err);

    if (r < 0) {
        if (!(r == -ECANCELED && run->shutdown_at != 0))
            wrong(run, "fetch_start", r);
        return;
    }
    if (next_random(random) % 2)
        use_stream(run, random, fetch, until);
    if (next_random(random) % 2)
        (void)trove_fetch_wait(fetch, until, &result, &err);
    trove_fetch_free(fetch);
}

/* As good a source; who asks before it gets the old one's answers. */
static void replace(struct run *run)
{
    const struct trove_source source = fake_source_of(&run->source);
    const struct trove_until at_once = {.deadline_ns = 0};
    int r = trove_replace(run->cache, &source, run->replaced % 2 ? &at_once : NULL, NULL);

    /* While an earlier one is not finished, or what was evicted is not yet free. */
    if (r == 0)
        run->replaced++;
    else if (r != -ETIMEDOUT && r != -ECACHE_OVERFULL)
        wrong(run, "replace", r);
}

static void work(void *context, unsigned index)
{
    struct run *run = context;
    unsigned random = (index + 1) * 2654435761u;
    struct trove_cancel *token = NULL;
    struct trove_until until;

    for (unsigned round = 1; round <= run->rounds; round++) {
        const struct trove_until *bound;

        atomic_fetch_add(&run->progress, 1);
        if (token == NULL && trove_cancel_create(&token) < 0)
            abort();
        bound = choose_until(next_random(&random), token, &until);
        if (bound != NULL && bound->cancel != NULL && random % 3 == 0) {
            trove_cancel(token);
            trove_cancel_unref(token);
            token = NULL;
            continue;
        }
        if (index == 0 && round == run->shutdown_at)
            trove_shutdown(run->cache);
        if (index == 0 && run->replaces && round % 8 == 0)
            replace(run);
        switch (next_random(&random) % 8) {
        case 0:
            fetch(run, &random, bound);
            break;
        case 1:
        case 2:
            use_stream(run, &random, NULL, bound);
            break;
        case 3:
        case 4:
            resolve_many(run, &random, bound);
            break;
        default:
            resolve_one(run, &random, bound);
        }
    }
    trove_cancel_unref(token);
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

static void run_with(struct run *run, uint32_t flights_max, uint32_t requests_at_once)
{
    struct trove_options options;
    struct trove_stats stats;

    fake_options(&options);
    options.max_bytes = (uint64_t)1 << 20;
    if (run->uncached)
        options.max_cached_percent = 0;
    options.flights_max = flights_max;
    options.requests_at_once = requests_at_once;
    options.cancel_abandoned = run->abandons;
    options.ids_per_request_min = 4;
    options.ids_per_request_max = 32;
    run->seed = 1;
    fake_source_init(&run->source, misbehave);
    run->source.context = run;
    run->cache = fake_open(&run->source, &options);
    run_threads(THREADS, work, run);
    if (run->shutdown_at == 0) {
        wait_for_flights(run->cache, 0);
        trove_stats(run->cache, &stats);
        assert_int_equal(stats.pinned_bytes, 0);
        assert_int_equal(stats.inflight_bytes, 0);
    }
    assert_int_equal(run->wrong, 0);
    if (run->shutdown_at == 0)
        assert_true(run->answers > run->rounds && run->found > 0);
    assert_int_equal(trove_close(run->cache, NULL), 0);
    assert_int_equal(run->source.destroyed, 1 + run->replaced);
}

/* Goal: every answer is right, everybody is answered. */
static void flight_stress__all_at_once(void **state)
{
    struct run run = {.rounds = ROUNDS};

    (void)state;
    run_with(&run, 65536, 2);
    assert_true(run.timeouts > 0 && run.failures > 0);
}

/* Goal: the same with hardly any flights, so that most wait for one. */
static void flight_stress__few_flights(void **state)
{
    struct run run = {.rounds = ROUNDS / 2, .uncached = true};

    (void)state;
    run_with(&run, 5, 3);
}

/* Goal: the same when the source asks back: what would wait for itself hears of it, nobody waits for ever. */
static void flight_stress__source_asks_back(void **state)
{
    struct run run = {.rounds = ROUNDS / 2, .asks_back = true};

    (void)state;
    run_with(&run, 65536, 2);
}

/* Goal: the same when requests that everybody has left are cancelled: whoever comes at that moment is answered. */
static void flight_stress__abandoned(void **state)
{
    struct run run = {.rounds = ROUNDS / 4, .uncached = true, .abandons = true};

    (void)state;
    run_with(&run, 65536, 2);
}

/* Goal: the same beside replacements: flights of before are answered, those of after are others. */
static void flight_stress__replaced(void **state)
{
    struct run run = {.rounds = ROUNDS / 4, .replaces = true};

    (void)state;
    run_with(&run, 65536, 2);
    assert_true(run.replaced > 0);
}

/* Goal: a shutdown in the middle answers everybody, wherever they are; none of it is left. */
static void flight_stress__shutdown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS / 15; i++) {
        struct run run = {.rounds = 12, .shutdown_at = 1 + i % 12, .asks_back = i % 3 == 0};
        run_with(&run, i % 2 ? 5 : 65536, 1 + i % 3);
    }
}

static void resolve_in_turn(void *context, unsigned index)
{
    struct run *run = context;

    for (unsigned i = 0; i < run->rounds; i++) {
        unsigned n = i * 4 + index;
        struct trove_oid id = fake_id(n);
        struct trove_result result;

        (void)trove_resolve(run->cache, &id, TROVE_BLOB, NULL, &result, NULL);
        check(run, &result, n, "resolve", NULL);
    }
}

/* Goal: no wake-up is lost between a waiter that goes to sleep and a source that answers at once. Method: few threads, each
 * alone with its id, again and again; one that sleeps on sleeps for ever. */
static void flight_stress__no_lost_wake_up(void **state)
{
    struct run run = {.rounds = 4 * ROUNDS};
    struct trove_options options;

    (void)state;
    fake_options(&options);
    fake_source_init(&run.source, NULL);
    run.cache = fake_open(&run.source, &options);
    run_threads(4, resolve_in_turn, &run);
    assert_int_equal(run.wrong, 0);
    assert_int_equal(run.source.ids, 4 * run.rounds);
    assert_int_equal(trove_close(run.cache, NULL), 0);
}

struct telling {
    struct trove *cache;
    unsigned rounds;
    atomic_uint told, old, other; /* the last request whose failure somebody was told */
};

static int fail_always(struct fake_source *source, const struct trove_request *request,
                       struct trove_sink *sink, struct trove_error *err)
{
    (void)request, (void)sink;
    return trove_error_set(err, -ECONNRESET, "%u", atomic_load(&source->requests));
}

static void ask_again(void *context, unsigned index)
{
    struct telling *telling = context;
    const struct trove_oid id = fake_id(1);

    (void)index;
    for (unsigned i = 0; i < telling->rounds; i++) {
        unsigned before = atomic_load(&telling->told), now;
        struct trove_result result;
        struct trove_error err;

        if (trove_resolve(telling->cache, &id, TROVE_BLOB, NULL, &result, &err) != -ECONNRESET)
            atomic_fetch_add(&telling->other, 1);
        now = (unsigned)strtoul(err.message, NULL, 10);
        if (now <= before)
            atomic_fetch_add(&telling->old, 1);
        while (before < now && !atomic_compare_exchange_weak(&telling->told, &before, now))
            ;
    }
}

/* Goal: nobody gets a failure that others had been told before the call. */
static void flight_stress__failures_are_forgotten(void **state)
{
    struct telling telling = {.rounds = 2 * ROUNDS};
    struct fake_source source;
    struct trove_options options;

    (void)state;
    fake_options(&options);
    options.requests_at_once = 1; /* so that requests end in the order of their numbers */
    fake_source_init(&source, fail_always);
    telling.cache = fake_open(&source, &options);
    run_threads(4, ask_again, &telling);
    assert_int_equal(telling.old, 0);
    assert_int_equal(telling.other, 0);
    assert_int_equal(trove_close(telling.cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flight_stress__all_at_once),
        cmocka_unit_test(flight_stress__few_flights),
        cmocka_unit_test(flight_stress__source_asks_back),
        cmocka_unit_test(flight_stress__abandoned),
        cmocka_unit_test(flight_stress__replaced),
        cmocka_unit_test(flight_stress__shutdown),
        cmocka_unit_test(flight_stress__no_lost_wake_up),
        cmocka_unit_test(flight_stress__failures_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
