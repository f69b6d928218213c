// SPDX-License-Identifier: MIT
/*
 * test_explore_unit.c - the end of what fetches: units that are closed beside who asks and who joins, and what waits for them.
 * Nobody waits for a flight that no sweep saw; nothing is used after it was closed; a replaced source has its end, once. Mutants
 * of unit.c and era.c.
 *
 * Where no thread fetches, a flight that is not swept has nobody to answer it, and who waits for it sleeps for ever.
 */
#include "core/admission.h"
#include "core/era.h"
#include "core/rcu.h"
#include "core/unit.h"
#include "edges.h"
#include "small_cache.h"
#include "support.h"
#include <errno.h>

#define BYTES 8

struct play {
    struct trove *cache;
    struct trove__unit *unit;
    struct source {
        struct play *play;
        unsigned asked;
    } * sources[5];
    struct trove_object *object; /* what was cached first */
    struct trove__flight *flights[2];
    int results[EXPLORER_THREADS];
};

/* --- sources -------------------------------------------------------------------------------------------------------- */

static int bring(void *context, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err)
{
    struct source *source = context;
    char data[BYTES];

    source->asked++; /* one request at once */
    for (size_t i = 0; i < request->want_count; i++) {
        memset(data, request->wants[i].id.bytes[0], sizeof(data));
        if (trove_sink_put(sink, TROVE_BLOB, data, sizeof(data), 0) < 0)
            return trove_error_set(err, -ECANCELED, "closed");
    }
    trove_sink_done(sink);
    return 0;
}

static void destroy(void *context)
{
    struct source *source = context;

    explorer_assert(source->asked <= 2);
    explorer_free(source); /* nobody may still use it */
}

static struct trove_source make_source(struct play *play, unsigned n)
{
    static const struct trove_source_ops ops = {.fetch = bring, .destroy = destroy};

    play->sources[n] = explorer_alloc(sizeof(struct source), 8);
    *play->sources[n] = (struct source){.play = play};
    return (struct trove_source){&ops, play->sources[n]};
}

static void setup(void *context)
{
    struct play *play = context;
    struct trove_source source = make_source(play, 0);

    play->cache = open_small(&source, false);
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

/* A unit without fetch threads. */
static void get_unit(struct play *play)
{
    explorer_assert(trove__unit_get(play->cache, &play->unit) == 0);
    play->unit->gather.fetchers_max = 0;
}

static void setup_unit(void *context)
{
    setup(context);
    get_unit(context);
}

/* And a flight that had a life. */
static void setup_used(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(2);
    struct trove__flight *flight;

    setup_unit(play);
    explorer_assert(trove__flight_create(play->unit, &want, 1, TROVE__INTERACTIVE, &flight) == 0);
    trove__flight_unref(play->unit, flight);
    trove__flight_unref(play->unit, flight);
}

static uint64_t slow_hash(const struct trove__secret *secret, const uint8_t *id)
{
    static _Thread_local bool is_late;

    (void)secret;
    if (!is_late)
        sched_yield();
    is_late = true;
    return id[0];
}

/* Who asks found the unit open, and joins or leads much later. */
static void setup_slow(void *context)
{
    setup_unit(context);
    ((struct play *)context)->cache->table.hash = slow_hash;
}

/* As a call does that misses: what it waits for is answered by whoever closes the unit. */
static void ask(struct play *play, unsigned thread)
{
    const struct trove_want want = want_of(1);
    struct trove__admission admission = {.lane = TROVE__INTERACTIVE};
    struct trove__ticket ticket;
    struct trove_result result;
    int r = trove__admit(play->unit, &admission, &want, &ticket);

    play->results[thread] = r;
    if (r != 0)
        return;
    explorer_assert(trove__flight_wait(play->unit, ticket.flight, NULL) == 0);
    trove__flight_result(ticket.flight, ticket.how, &result);
    play->results[thread] = result.status;
    trove__flight_leave(ticket.flight);
    trove__flight_unref(play->unit, ticket.flight);
}

static void ask_as_first(void *play)
{
    ask(play, 0);
}

static void ask_as_second(void *play)
{
    ask(play, 1);
}

static void close_unit(void *context)
{
    trove__unit_close(((struct play *)context)->unit);
}

/* The first miss. */
static void get_unit_and_ask(void *context)
{
    struct play *play = context;

    get_unit(play);
    ask(play, 0);
    trove__unit_unref(play->unit);
}

static void shut_down(void *context)
{
    trove_shutdown(((struct play *)context)->cache);
}

static void check_canceled(void *context)
{
    explorer_assert(((struct play *)context)->results[0] == -ECANCELED);
}

static void check_both_canceled(void *context)
{
    check_canceled(context);
    explorer_assert(((struct play *)context)->results[1] == -ECANCELED);
}

/* --- dispatching ---------------------------------------------------------------------------------------------------- */

/* Two flights, led by two threads; whoever completes one leaves all waking to others. */
static void setup_flights(void *context)
{
    struct play *play = context;

    setup_unit(play);
    explored_wake_few = 0;
    for (unsigned i = 0; i < 2; i++) {
        const struct trove_want want = want_of(i + 1);

        explorer_assert(trove__flight_create(play->unit, &want, i + 1, TROVE__INTERACTIVE,
                                             &play->flights[i]) == 0);
        explorer_assert(trove__flight_insert(play->unit, play->flights[i]));
        trove__flight_ref(play->flights[i]);
    }
}

static void setup_flights_alone(void *context)
{
    setup_flights(context);
    explored_no_threads = true;
}

static void await_flight(struct play *play, unsigned n)
{
    explorer_assert(trove__flight_wait(play->unit, play->flights[n], NULL) == 0);
    trove__flight_leave(play->flights[n]);
    trove__flight_unref(play->unit, play->flights[n]);
}

static void await_first(void *play)
{
    await_flight(play, 0);
}

static void await_second(void *play)
{
    await_flight(play, 1);
}

static void complete(struct play *play, unsigned n)
{
    explorer_assert(trove__flight_complete(play->unit, play->flights[n], -EIO, NULL, false, NULL));
    trove__flight_unref(play->unit, play->flights[n]);
}

static void complete_first(void *play)
{
    complete(play, 0);
}

static void complete_second(void *play)
{
    complete(play, 1);
}

static void complete_both(void *play)
{
    complete(play, 0);
    complete(play, 1);
}

static void complete_and_stop(void *context)
{
    struct play *play = context;

    complete(play, 0);
    trove__dispatch_stop(play->unit);
    /* As close does: helper threads have ended. */
    while (trove__load_acquire(&play->cache->flights->hands) != 0)
        sched_yield();
    trove__dispatch_drain(play->unit);
}

static void check_dispatched(void *context)
{
    struct play *play = context;

    explorer_assert(trove__load_relaxed(&play->flights[0]->references) == 0);
}

/* --- the life of a unit --------------------------------------------------------------------------------------------- */

/* As the handle of a stream does. */
static void enter_and_leave(void *context)
{
    struct play *play = context;

    if (trove__unit_enter(play->unit)) {
        sched_yield();
        explorer_assert(play->cache->options.flights_max == 4); /* it is there */
        trove__unit_leave(play->unit);
    }
    trove__unit_unref(play->unit);
}

static void ask_for_unit(void *context)
{
    struct play *play = context;
    struct trove__unit *unit;

    explorer_assert(trove__unit_get(play->cache, &unit) == 0);
    explorer_assert(unit->cache == play->cache);
    trove__unit_unref(unit);
}

static void close_cache(void *context)
{
    explorer_assert(trove_close(((struct play *)context)->cache, NULL) == 0);
}

/* --- replacements --------------------------------------------------------------------------------------------------- */

/* By source N. */
static int replace_source(struct play *play, unsigned n, const struct trove_until *until)
{
    struct trove_source source = make_source(play, n);
    int r = trove_replace(play->cache, &source, until, NULL);

    if (r < 0)
        explorer_free(source.source);
    return r;
}

static void replace_at_once(void *context)
{
    const struct trove_until until = {.deadline_ns = 1};

    (void)replace_source(context, 1, &until);
}

static void replace_and_ask(void *context)
{
    replace_at_once(context);
    get_unit_and_ask(context);
}

/* Something is cached, and no unit was needed. */
static void setup_cached(void *context)
{
    struct play *play = context;
    unsigned char data[BYTES] = {1};
    const struct trove_want want = want_of(1);

    setup(play);
    explorer_assert(trove_put(play->cache, TROVE_BLOB, data, BYTES, NULL, NULL) == 0);
    trove__section_enter();
    explorer_assert(trove_get(play->cache, &want.id, (const struct trove_object **)&play->object) ==
                    0);
    trove__section_leave();
}

/* What was there is free when it returns. */
static void replace_and_wait(void *context)
{
    struct play *play = context;

    explorer_assert(replace_source(play, 2, NULL) == 0);
    explorer_assert(explorer_is_free(play->object));
    explorer_assert(explorer_is_free(play->sources[0]));
}

/* The second begins when what the first replaced is discarded, and ends as the first would. */
static void replace_twice(void *context)
{
    struct play *play = context;

    replace_at_once(play);
    replace_and_wait(play);
    explorer_assert(explorer_is_free(play->sources[1]));
}

/* The era that it has listed is taken out again, by whoever comes to it. */
static void replace_in_vain(struct play *play, unsigned n)
{
    struct trove_until until = {.deadline_ns = TROVE_NO_DEADLINE};

    explorer_assert(trove_cancel_create(&until.cancel) == 0);
    trove_cancel(until.cancel);
    explorer_assert(replace_source(play, n, &until) == -ECANCELED);
    trove_cancel_unref(until.cancel);
}

static void replace_in_vain_as_first(void *play)
{
    replace_in_vain(play, 3);
}

static void replace_in_vain_as_second(void *play)
{
    replace_in_vain(play, 4);
}

static unsigned eras_listed(const struct play *play)
{
    struct trove__era *era = trove__load_relaxed(&play->cache->flights->eras);
    unsigned listed = 0;

    for (; era != NULL; era = era->next)
        listed++;
    return listed;
}

/* At most one was left to the next who comes. */
static void check_eras(void *context)
{
    explorer_assert(eras_listed(context) <= 2);
}

/* Who did not get the lock left both, and here is the next. */
static void check_all_pruned(void *context)
{
    struct play *play = context;

    explorer_assert(eras_listed(play) <= 3);
    replace_in_vain(play, 2);
    explorer_assert(eras_listed(play) == 1);
}

static void resolve(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(2);
    struct trove_result result;

    play->results[0] = trove_resolve(play->cache, &want.id, TROVE_BLOB, NULL, &result, NULL);
    if (play->results[0] == 0)
        trove_unpin(result.object);
}

static void resolve_and_close(void *context)
{
    resolve(context);
    close_cache(context);
}

static void check_resolved(void *context)
{
    explorer_assert(((struct play *)context)->results[0] == 0);
}

#define CASE(text, make, look, most, ...)                                                          \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look, .runs = most                                                                \
    }

static const struct explorer_case cases[] = {
    CASE("ask, close the unit", setup_unit, check_canceled, 300, ask_as_first, close_unit),
    CASE("ask with a used flight, close the unit", setup_used, check_canceled, 300, ask_as_first,
         close_unit),
    CASE("two ask, close the unit", setup_unit, check_both_canceled, 300, ask_as_first,
         ask_as_second, close_unit),
    CASE("two ask slowly, close the unit", setup_slow, check_both_canceled, 300, ask_as_first,
         ask_as_second, close_unit),
    CASE("the first miss, shut down", setup, check_canceled, 300, get_unit_and_ask, shut_down),
    CASE("wait, complete, dispatch", setup_flights, check_dispatched, 200, await_first,
         complete_first),
    CASE("two wait, complete both, dispatch", setup_flights, check_dispatched, 200, await_first,
         await_second, complete_both),
    CASE("wait, complete and stop, dispatch", setup_flights, check_dispatched, 200, await_first,
         complete_and_stop),
    CASE("two wait, two complete, no dispatcher", setup_flights_alone, check_dispatched, 300,
         await_first, await_second, complete_first, complete_second),
    CASE("shut down, the first miss", setup, check_canceled, 100, shut_down, get_unit_and_ask),
    CASE("two ask for the unit", setup, NULL, 80, ask_for_unit, ask_for_unit),
    CASE("enter and leave the unit, close", setup_unit, NULL, 300, enter_and_leave, close_cache),
    CASE("replace and ask, shut down", setup, check_canceled, 300, replace_and_ask, shut_down),
    CASE("replace and wait", setup_cached, NULL, 100, replace_and_wait),
    CASE("replace twice and wait", setup_cached, check_eras, 100, replace_twice),
    CASE("replace in vain, replace and wait", setup_cached, check_eras, 100,
         replace_in_vain_as_first, replace_and_wait),
    CASE("replace in vain, shut down", setup, check_eras, 100, replace_in_vain_as_first, shut_down),
    CASE("two replace in vain", setup, check_all_pruned, 100, replace_in_vain_as_first,
         replace_in_vain_as_second),
    CASE("resolve, replace", setup, check_resolved, 200, resolve, replace_at_once),
    CASE("resolve and close", setup, check_resolved, 80, resolve_and_close),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_unit__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_unit__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"unit", "era", "dispatch", NULL};
    static const struct spared spared[] = {
        {"unit: E6 holders, without acquire",
         "the fence in front of the next look at `closed` acquires the same"},
        {"era: E6 unit, without release",
         "an era without a unit hands over nothing; only acq_rel has a failure order that acquires"},
        {"era: E5 discarded",
         "the count comes after a grace period, and who looks at it enters a section or waits for "
         "another grace period next: these order the same"},
        {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_unit__as_written),
        cmocka_unit_test(explore_unit__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
