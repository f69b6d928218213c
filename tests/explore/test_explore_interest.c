// SPDX-License-Identifier: MIT
/*
 * test_explore_interest.c - who still waits for a request, in all interleavings of small cases: one that nobody waits for is
 * cancelled, one that somebody waits for all the time is not, and neither is one whose flights are all decided while they are
 * waited for; each edge of interest.c is needed, its mutant dies.
 *
 * Mutants of another kind die here, too: who joins counts after his step, or does not take it back when the step is lost; who left
 * while a flight was not yet watched, or whose flight was decided by then, is not counted; a request without I2.
 *
 * Flights are sent and watched as request.c does; what a source and its threads would do, each case does itself.
 */
#include "core/interest.h"
#include "edges.h"
#include "small_unit.h"
#include "support.h"
#include <errno.h>

struct play {
    struct small_unit small;
    struct trove__flight *flights[2];
    unsigned count;
    struct trove__interest *interest; /* the request's reference */
};

/* --- before ----------------------------------------------------------------------------------------------------------- */

/* COUNT flights, each sent, with one waiter and references for who waits, joins, decides, and for the request. */
static void setup_sent(struct play *play, unsigned count)
{
    small_unit_init(&play->small, 4);
    play->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct trove__flight *flight = small_flight(&play->small, i + 1);

        explorer_assert(trove__flight_insert(&play->small.unit, flight));
        for (unsigned references = 0; references < 3; references++)
            trove__flight_ref(flight);
        explorer_assert(trove__flight_send(&play->small.unit, flight));
        play->flights[i] = flight;
    }
}

static void watch(void *context)
{
    struct play *play = context;

    play->interest = trove__interest_create(NULL, play->flights, play->count);
    explorer_assert(play->interest != NULL);
}

static void setup_one_sent(void *context)
{
    setup_sent(context, 1);
}

static void setup_two_sent(void *context)
{
    setup_sent(context, 2);
}

static void setup_one(void *context)
{
    setup_sent(context, 1);
    watch(context);
}

static void setup_two(void *context)
{
    setup_sent(context, 2);
    watch(context);
}

/* Both are decided; the flights' last references hold what is left. */
static void setup_decided(void *context)
{
    struct play *play = context;

    setup_two(play);
    for (unsigned i = 0; i < 2; i++) {
        explorer_assert(
            trove__flight_complete(&play->small.unit, play->flights[i], -EIO, NULL, false, NULL));
        for (unsigned references = 0; references < 3; references++)
            trove__flight_unref(&play->small.unit, play->flights[i]);
    }
}

/* --- what threads do -------------------------------------------------------------------------------------------------- */

static void leave(struct play *play, unsigned i)
{
    trove__flight_leave(play->flights[i]);
    trove__flight_unref(&play->small.unit, play->flights[i]);
}

static void leave_first(void *play)
{
    leave(play, 0);
}

static void leave_second(void *play)
{
    leave(play, 1);
}

/* Nobody waits for the first; the second keeps the request going. */
static void setup_left(void *context)
{
    setup_two(context);
    leave_first(context);
}

static void join_first(void *context)
{
    (void)trove__flight_join(((struct play *)context)->flights[0]);
}

static void join_and_leave_first(void *context)
{
    struct play *play = context;

    if (trove__flight_join(play->flights[0]))
        leave(play, 0);
}

static void decide(struct play *play, unsigned i)
{
    explorer_assert(
        trove__flight_complete(&play->small.unit, play->flights[i], -EIO, NULL, false, NULL));
    trove__flight_unref(&play->small.unit, play->flights[i]);
}

static void decide_first(void *play)
{
    decide(play, 0);
}

static void decide_second(void *play)
{
    decide(play, 1);
}

static void let_flight_go(struct play *play, unsigned i)
{
    trove__flight_unref(&play->small.unit, play->flights[i]);
}

static void let_first_go(void *play)
{
    let_flight_go(play, 0);
}

static void let_second_go(void *play)
{
    let_flight_go(play, 1);
}

static void let_request_go(void *context)
{
    struct play *play = context;

    explorer_assert(!trove_is_canceled(trove__interest_token(play->interest)));
    trove__interest_unref(play->interest);
}

/* --- what is true at the end ------------------------------------------------------------------------------------------ */

static void check_goes_on(void *context)
{
    struct play *play = context;

    explorer_assert(!trove_is_canceled(trove__interest_token(play->interest)));
}

static void check_cancelled(void *context)
{
    struct play *play = context;

    explorer_assert(trove_is_canceled(trove__interest_token(play->interest)));
}

static void check_free(void *context)
{
    explorer_assert(explorer_is_free(((struct play *)context)->interest));
}

#define CASE(text, make, look, ...)                                                                \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look                                                                              \
    }

static const struct explorer_case cases[] = {
    CASE("two decide", setup_two, check_goes_on, decide_first, decide_second),
    CASE("watch, decide", setup_one_sent, check_goes_on, watch, decide_first),
    CASE("watch, two decide", setup_two_sent, check_goes_on, watch, decide_first, decide_second),
    CASE("watch, leave", setup_one_sent, check_cancelled, watch, leave_first),
    CASE("watch, leave both", setup_two_sent, check_cancelled, watch, leave_first, leave_second),
    CASE("watch, leave one, decide the other", setup_two_sent, check_cancelled, watch, leave_first,
         decide_second),
    CASE("watch, leave and join", setup_two_sent, check_goes_on, watch, leave_first, join_first),
    CASE("leave both", setup_two, check_cancelled, leave_first, leave_second),
    CASE("leave one, decide the other", setup_two, check_cancelled, leave_first, decide_second),
    CASE("leave, join and leave", setup_one, check_cancelled, leave_first, join_and_leave_first),
    CASE("leave, join and leave, decide the other", setup_two, check_cancelled, leave_first,
         join_and_leave_first, decide_second),
    CASE("leave, join", setup_two, check_goes_on, leave_first, join_first),
    CASE("leave, join, decide; the other waits", setup_two, check_goes_on, leave_first, join_first,
         decide_first),
    CASE("leave, two join and leave; the other waits", setup_two, check_goes_on, leave_first,
         join_and_leave_first, join_and_leave_first),
    CASE("two join and leave, and who waits for the other leaves", setup_left, check_cancelled,
         join_and_leave_first, join_and_leave_first, leave_second),
    CASE("let go", setup_decided, check_free, let_first_go, let_second_go, let_request_go),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_interest__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_interest__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"interest", NULL};
    const struct mutants_run what = {cases, CASES, families, NULL, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_interest__as_written),
        cmocka_unit_test(explore_interest__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
