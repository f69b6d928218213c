// SPDX-License-Identifier: MIT
/*
 * test_explore_flight.c - single flight in all interleavings of small cases: one flight of an id, its result reaches who waits,
 * nobody sleeps for ever, its memory has one life at a time; each edge of flight.c, flight_table.c and flight_pool.c is
 * needed, its mutant dies, and so are those by which a stream's node gets its answer.
 *
 * A unit without threads: each case completes its flights itself. Sleeps are the explorer's futexes; a sleep with a deadline
 * may end at any time.
 */
#include "core/failure.h"
#include "core/rcu.h"
#include "core/stream_internal.h"
#include "core/until.h"
#include "edges.h"
#include "small_unit.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>

#define BYTES 8

struct play {
    struct small_unit small;
    struct trove__ledger *ledger;
    struct trove__flight *flight;
    struct trove_object *object;
    struct trove_cancel *token;
    struct trove_stream *stream;
    struct trove__stream_node *node;
    atomic_uint is_cached; /* the object of id 1 */
    unsigned led[EXPLORER_THREADS], answered[EXPLORER_THREADS];
    int results[EXPLORER_THREADS];
};

static void setup_unit(struct play *play, uint32_t flights)
{
    small_unit_init(&play->small, flights);
    play->ledger = trove__ledger_create();
}

static void setup_empty(void *context)
{
    setup_unit(context, 4);
}

/* An object that is not cached, with a pin of the caller's. */
static struct trove_object *make_object(struct play *play)
{
    struct trove_object *object = trove__object_create(play->ledger, TROVE_SHA1, TROVE_BLOB, BYTES);

    memset(trove__object_buffer(object), 7, BYTES);
    trove__object_go_outside(object);
    return object;
}

/* A flight in the table with WAITERS, each with a reference, and one reference for who completes it. */
static void setup_flight(struct play *play, unsigned waiters)
{
    setup_unit(play, 4);
    play->flight = small_flight(&play->small, 1);
    explorer_assert(trove__flight_insert(&play->small.unit, play->flight));
    trove__flight_ref(play->flight);
    for (; waiters > 1; waiters--) {
        explorer_assert(trove__flight_join(play->flight));
        trove__flight_ref(play->flight);
    }
}

static void setup_one_waits(void *context)
{
    setup_flight(context, 1);
}

static void setup_two_wait(void *context)
{
    setup_flight(context, 2);
}

/* --- what threads do ------------------------------------------------------------------------------------------------ */

static void take_result(struct play *play, struct trove__flight *flight, unsigned thread)
{
    struct trove_result result;

    trove__flight_result(flight, TROVE_JOINED, &result);
    play->results[thread] = result.status;
    play->answered[thread]++;
    if (result.status != 0)
        return;
    explorer_assert(((const unsigned char *)trove_object_data(result.object))[BYTES - 1] == 7);
    trove_unpin(result.object);
}

static void wait_until(struct play *play, unsigned thread, const struct trove_until *until)
{
    int r = trove__flight_wait(&play->small.unit, play->flight, until);

    if (r == 0)
        take_result(play, play->flight, thread);
    else
        play->results[thread] = r;
    trove__flight_leave(play->flight);
    trove__flight_unref(&play->small.unit, play->flight);
}

static void wait_as_first(void *play)
{
    wait_until(play, 0, NULL);
}

static void wait_as_second(void *play)
{
    wait_until(play, 1, NULL);
}

static void wait_with_deadline(void *play)
{
    const struct trove_until until = {.deadline_ns = INT64_C(2000) * 1000000000};

    wait_until(play, 0, &until);
}

static void wait_with_token(void *context)
{
    struct play *play = context;
    const struct trove_until until = {.deadline_ns = TROVE_NO_DEADLINE, .cancel = play->token};

    wait_until(play, 0, &until);
}

static void cancel(void *context)
{
    struct play *play = context;

    play->led[2] = 1; /* what the canceller did before */
    trove_cancel(play->token);
}

static void leave_unanswered(void *context)
{
    struct play *play = context;

    trove__flight_leave(play->flight);
    trove__flight_unref(&play->small.unit, play->flight);
}

static void complete_with_object(struct play *play, struct trove__flight *flight)
{
    play->object = make_object(play);
    explorer_assert(trove__flight_complete(&play->small.unit, flight, 0, play->object, true, NULL));
}

static void complete(void *context)
{
    struct play *play = context;

    complete_with_object(play, play->flight);
    trove__flight_unref(&play->small.unit, play->flight);
}

static void complete_with_failure(void *context)
{
    struct play *play = context;
    struct trove__failure *failure = trove__failure_create(-EIO, "no");

    explorer_assert(
        trove__flight_complete(&play->small.unit, play->flight, -EIO, NULL, false, failure));
    trove__failure_unref(failure);
    trove__flight_unref(&play->small.unit, play->flight);
}

/* As a fetch thread does. */
static void send_and_complete(void *context)
{
    struct play *play = context;

    if (trove__flight_send(&play->small.unit, play->flight))
        complete_with_object(play, play->flight);
    trove__flight_unref(&play->small.unit, play->flight);
}

/* As admission.c does without a cache: joins the flight of id 1, or leads one and completes it. */
static void ask(struct play *play, unsigned thread)
{
    const struct trove_want want = want_of(1);
    struct trove__flight *flight;

    for (;;) {
        struct trove_oid id;

        flight = trove__flight_find(&play->small.unit, &want.id);
        if (flight == NULL) {
            flight = small_flight(&play->small, 1);
            if (trove__flight_insert(&play->small.unit, flight))
                break;
            trove__flight_unref(&play->small.unit, flight);
            trove__flight_unref(&play->small.unit, flight);
            continue;
        }
        id = trove__flight_id(flight);
        explorer_assert(memcmp(&id, &want.id, 20) == 0);
        if (trove__flight_join(flight)) {
            explorer_assert(trove__flight_wait(&play->small.unit, flight, NULL) == 0);
            take_result(play, flight, thread);
            trove__flight_leave(flight);
            trove__flight_unref(&play->small.unit, flight);
            return;
        }
        trove__flight_remove(&play->small.unit, flight);
        trove__flight_unref(&play->small.unit, flight);
    }
    /* RELAXED, both: who was before has cached it before the flight left the table. */
    if (trove__load_relaxed(&play->is_cached) == 0)
        play->led[thread]++;
    trove__store_relaxed(&play->is_cached, 1);
    explorer_assert(
        trove__flight_complete(&play->small.unit, flight, 0, make_object(play), true, NULL));
    take_result(play, flight, thread);
    trove__flight_leave(flight);
    trove__flight_unref(&play->small.unit, flight);
}

static void ask_as_first(void *play)
{
    ask(play, 0);
}

static void ask_as_second(void *play)
{
    ask(play, 1);
}

/* The flight ends, and its memory begins the life of another id's. */
static void end_and_begin(struct play *play, unsigned n)
{
    struct trove__flight *flight = play->flight;

    explorer_assert(trove__flight_complete(&play->small.unit, flight, -ENOENT, NULL, false, NULL));
    trove__flight_leave(flight);
    trove__flight_unref(&play->small.unit, flight);
    trove__flight_unref(&play->small.unit, flight);
    flight = small_flight(&play->small, n);
    explorer_assert(trove__flight_insert(&play->small.unit, flight));
}

static void end_and_begin_another(void *play)
{
    end_and_begin(play, 2);
}

static void end_and_begin_behind(void *play)
{
    end_and_begin(play, 5);
}

static void look_for(struct play *play, unsigned n)
{
    const struct trove_want want = want_of(n);
    struct trove__flight *flight = trove__flight_find(&play->small.unit, &want.id);
    struct trove_oid id;

    if (flight == NULL)
        return;
    id = trove__flight_id(flight);
    explorer_assert(memcmp(&id, &want.id, 20) == 0);
    explorer_assert(flight->type == TROVE_BLOB);
    trove__flight_unref(&play->small.unit, flight);
}

static void look_for_first(void *play)
{
    look_for(play, 1);
}

static void look_for_second(void *play)
{
    look_for(play, 2);
}

/* Another flight of the same list, which stays. */
static void insert_another(void *context)
{
    struct play *play = context;

    explorer_assert(trove__flight_insert(&play->small.unit, small_flight(&play->small, 3)));
}

static void insert_before(void *context)
{
    struct play *play = context;

    explorer_assert(trove__flight_insert(&play->small.unit, small_flight(&play->small, 0)));
}

static void remove_it(void *context)
{
    struct play *play = context;

    trove__flight_remove(&play->small.unit, play->flight);
}

static void look_for_third(void *play)
{
    look_for(play, 3);
}

/* Number 3 stays in the list, whatever happens to number 1 before it. */
static void setup_third_behind(void *context)
{
    struct play *play = context;

    setup_flight(play, 1);
    explorer_assert(trove__flight_insert(&play->small.unit, small_flight(&play->small, 3)));
}

static void find_third(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(3);

    explorer_assert(trove__flight_find(&play->small.unit, &want.id) != NULL);
}

/* --- waiting without a thread ------------------------------------------------------------------------------------------- */

static void setup_node(void *context)
{
    struct play *play = context;
    const struct trove_want want = want_of(1);

    setup_flight(play, 1);
    trove__store_relaxed(&play->small.unit.references, 2); /* RELAXED: nobody is there yet */
    explorer_assert(trove__stream_create(&play->small.unit, NULL, TROVE__PREFETCH, &play->stream) ==
                    0);
    play->node = trove__stream_nodes_create(play->stream, &want, NULL, 1);
    trove__stream_enqueue(play->stream, play->node, 1);
    play->node->flight = play->flight;
}

static void wait_as_node(void *context)
{
    struct play *play = context;

    if (!trove__stream_wait_for(play->node))
        trove__stream_deliver(&play->small.unit, play->node, 1);
}

/* The node waits already; its answer is taken by who sleeps for it. */
static void setup_waiting_node(void *context)
{
    struct play *play = context;

    setup_node(play);
    play->stream->first_backlog = play->stream->last_backlog = NULL; /* it is admitted */
    play->stream->backlog = 0;
    explorer_assert(trove__stream_wait_for(play->node));
}

static void take_answer(void *context)
{
    struct play *play = context;
    struct trove__stream_node *node;

    explorer_assert(trove__stream_take_wait(play->stream, NULL, &node) == 1 && node == play->node);
    explorer_assert(node->result.status == 0 && node->result.object != NULL);
    trove__stream_node_free(node);
}

/* Of two who wait for the last answer one gets it, and the other hears that there will be none. */
static void take_answer_or_none(void *context)
{
    struct play *play = context;
    struct trove__stream_node *node;
    int r = trove__stream_take_wait(play->stream, NULL, &node);

    explorer_assert(r == 0 || r == 1);
    if (r == 1)
        trove__stream_node_free(node);
}

/* --- the pool --------------------------------------------------------------------------------------------------------- */

static void setup_full_pool(void *context)
{
    struct play *play = context;

    setup_unit(play, 1);
    explorer_assert(trove__flight_pool_take(&play->small.unit.pool, &play->flight) == 0);
}

static void take_when_there_is_one(void *context)
{
    struct play *play = context;
    struct trove__flight *flight;

    while (trove__flight_pool_take(&play->small.unit.pool, &flight) != 0)
        explorer_assert(trove__gather_wait_space(&play->small.unit, NULL, NULL) == 0);
    explorer_assert(flight->status == 5);
}

static void give(void *context)
{
    struct play *play = context;

    play->flight->status = 5;
    trove__flight_pool_give(&play->small.unit.pool, play->flight);
}

static void take_and_give(void *context)
{
    struct play *play = context;
    struct trove__flight *flight;

    if (trove__flight_pool_take(&play->small.unit.pool, &flight) != 0)
        return;
    flight->status++; /* nobody else has it */
    trove__flight_pool_give(&play->small.unit.pool, flight);
}

static void take_one(void *context)
{
    struct trove__flight *flight;

    explorer_assert(trove__flight_pool_take(&((struct play *)context)->small.unit.pool, &flight) ==
                    0);
}

/* As a sweep does. */
static void look_at_all(void *context)
{
    struct trove__flight_pool *pool = &((struct play *)context)->small.unit.pool;
    uint32_t used = trove__flight_pool_used(pool);

    for (uint32_t index = 1; index <= used; index++)
        explorer_assert(trove__flight_pool_at(pool, index)->index == index);
}

/* --- what is true at the end ------------------------------------------------------------------------------------------ */

/* The flight's life is over, and so is the object's. */
static void check_over(void *context)
{
    struct play *play = context;

    explorer_assert(trove__load_relaxed(&play->flight->references) == 0);
    explorer_assert(play->object == NULL || explorer_is_free(play->object));
    explorer_assert(trove__load_relaxed(&play->ledger->outside_bytes) == 0);
}

static void check_node(void *context)
{
    struct play *play = context;
    struct trove__stream_node *node;

    explorer_assert(trove__stream_take(play->stream, &node) == 1 && node == play->node);
    explorer_assert(node->result.status == 0 && node->result.object != NULL);
    explorer_assert(((const unsigned char *)trove_object_data(node->result.object))[0] == 7);
    trove__stream_node_free(node);
    check_over(play);
}

static void check_failed(void *context)
{
    struct play *play = context;

    check_over(play);
    explorer_assert(play->results[0] == -EIO && play->results[1] == -EIO);
}

static void check_asked(void *context)
{
    struct play *play = context;

    explorer_assert(play->led[0] + play->led[1] == 1);
    explorer_assert(play->answered[0] == 1 && play->answered[1] == 1);
    explorer_assert(trove__load_relaxed(&play->ledger->outside_bytes) == 0);
}

static void setup_token(void *context)
{
    struct play *play = context;

    setup_flight(play, 1);
    explorer_assert(trove_cancel_create(&play->token) == 0);
}

static void check_token(void *context)
{
    struct play *play = context;

    trove_cancel_unref(play->token);
    check_over(play);
}

static void check_canceled(void *context)
{
    struct play *play = context;

    trove_cancel_unref(play->token);
    explorer_assert(play->results[0] == -ECANCELED);
}

static void is_canceled(void *context)
{
    struct play *play = context;

    if (trove_is_canceled(play->token))
        explorer_assert(play->led[2] == 1);
}

static void check_both_there(void *context)
{
    struct play *play = context;
    const struct trove_want third = want_of(3), before = want_of(0);

    explorer_assert(trove__flight_find(&play->small.unit, &third.id) != NULL ||
                    trove__flight_find(&play->small.unit, &before.id) != NULL);
}

#define CASE(text, make, look, ...)                                                                \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look                                                                              \
    }

static const struct explorer_case cases[] = {
    CASE("wait, complete", setup_one_waits, check_over, wait_as_first, complete),
    CASE("two wait, complete", setup_two_wait, check_over, wait_as_first, wait_as_second, complete),
    CASE("two wait, fail", setup_two_wait, check_failed, wait_as_first, wait_as_second,
         complete_with_failure),
    CASE("wait with a deadline, complete", setup_one_waits, check_over, wait_with_deadline,
         complete),
    CASE("leave, wait, complete", setup_two_wait, check_over, leave_unanswered, wait_as_second,
         complete),
    CASE("leave, send", setup_one_waits, check_over, leave_unanswered, send_and_complete),
    CASE("wait with a token, complete, cancel", setup_token, check_token, wait_with_token, complete,
         cancel),
    CASE("wait with a token, cancel", setup_token, check_canceled, wait_with_token, cancel),
    CASE("cancelled?", setup_token, NULL, cancel, is_canceled),
    CASE("two ask", setup_empty, check_asked, ask_as_first, ask_as_second),
    CASE("a life ends, another begins, find", setup_one_waits, NULL, end_and_begin_another,
         look_for_first),
    CASE("a life ends, another begins, find the new one", setup_one_waits, NULL,
         end_and_begin_another, look_for_second),
    CASE("a life ends, another begins, two find", setup_one_waits, NULL, end_and_begin_another,
         look_for_first, look_for_second),
    CASE("a life ends, another begins behind, find", setup_third_behind, NULL, end_and_begin_behind,
         find_third),
    CASE("a node waits, complete", setup_node, check_node, wait_as_node, complete),
    CASE("take, complete", setup_waiting_node, check_over, take_answer, complete),
    CASE("two take, complete", setup_waiting_node, check_over, take_answer_or_none,
         take_answer_or_none, complete),
    CASE("insert behind what is removed, find", setup_one_waits, check_both_there, remove_it,
         insert_another, look_for_third),
    CASE("insert before what is removed", setup_one_waits, check_both_there, remove_it,
         insert_before),
    CASE("two remove, find", setup_one_waits, NULL, remove_it, remove_it, look_for_first),
    CASE("give, take when there is one", setup_full_pool, NULL, give, take_when_there_is_one),
    CASE("two take and give", setup_empty, NULL, take_and_give, take_and_give),
    CASE("three take and give", setup_empty, NULL, take_and_give, take_and_give, take_and_give),
    CASE("two take, look at all", setup_empty, NULL, take_one, take_one, look_at_all),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_flight__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_flight__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"flight", "stream", NULL};
    static const struct spared spared[] = {{"stream: E1 answer, without seq_cst",
                                            "the store-load pair is E4's: `event` and `sleepers`"},
                                           {"stream: E3 state", "dies in test_explore_cache.c"},
                                           {"stream: E5 free", "dies in test_explore_cache.c"},
                                           {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_flight__as_written),
        cmocka_unit_test(explore_flight__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
