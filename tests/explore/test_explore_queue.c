// SPDX-License-Identifier: MIT
/*
 * test_explore_queue.c - the evictor's queue, the state byte of objects and the budget, in all interleavings of small cases;
 * each edge of queue.c and policy.c is needed, its mutant dies.
 *
 * A segment has two cells here, so that a case comes to its end and to the next one.
 */
#include "core/policy.h"
#include "core/rcu.h"
#include "edges.h"
#include "idle_host.h"
#include "support.h"
#include <stdio.h>

#define OBJECTS 4
#define BYTES 8

struct play {
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__ledger *ledger;
    struct trove__queue queue;
    unsigned pushed[EXPLORER_THREADS];          /* objects that each thread has pushed */
    unsigned popped[EXPLORER_THREADS][OBJECTS]; /* what each thread got, in its order */
    unsigned popped_count[EXPLORER_THREADS];
};

static void make_queue(struct play *play)
{
    trove__budget_init(&play->budget, 1 << 20, 1 << 19, false, NULL);
    play->ledger = trove__ledger_create();
    trove__reclaim_init(&play->reclaim, &play->budget, play->ledger, &idle_host);
    /* No thread is started: a case takes its turns itself. */
    trove__store_relaxed(&play->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    explorer_assert(trove__queue_init(&play->queue, &play->reclaim, 1, 0) == 0);
}

/* Number N of THREAD. */
static struct trove_object *make_object(struct play *play, unsigned thread, unsigned n)
{
    struct trove_object *object = trove__object_create(play->ledger, TROVE_SHA1, TROVE_BLOB, BYTES);
    unsigned char *data = trove__object_buffer(object);

    data[0] = (unsigned char)thread;
    data[1] = (unsigned char)n;
    return object;
}

static void push(struct play *play, unsigned thread, unsigned count)
{
    for (unsigned n = 1; n <= count; n++) {
        struct trove_object *object = make_object(play, thread, n);

        trove__section_enter();
        explorer_assert(trove__queue_push(&play->queue, object) == 0);
        trove__section_leave();
        play->pushed[thread]++;
    }
}

static void pop(struct play *play, unsigned thread, unsigned count)
{
    while (count-- > 0) {
        const unsigned char *data;
        struct trove_object *object;

        trove__section_enter();
        object = trove__queue_pop(&play->queue);
        if (object != NULL) {
            data = trove_object_data(object);
            play->popped[thread][play->popped_count[thread]++] = data[0] * 16u + data[1];
        }
        trove__section_leave();
    }
}

/* Each pushed object comes out once, those of one thread in its order for each popper. */
static void check_queue(void *context)
{
    struct play *play = context;
    unsigned pushed = 0, popped = 0, seen[EXPLORER_THREADS * 16] = {0};

    pop(play, EXPLORER_THREADS - 1, OBJECTS);
    for (unsigned t = 0; t < EXPLORER_THREADS; t++) {
        unsigned last[EXPLORER_THREADS] = {0};

        pushed += play->pushed[t];
        popped += play->popped_count[t];
        for (unsigned i = 0; i < play->popped_count[t]; i++) {
            unsigned number = play->popped[t][i];

            explorer_assert(seen[number]++ == 0);
            explorer_assert(number % 16 > last[number / 16]);
            last[number / 16] = number % 16;
        }
    }
    explorer_assert(pushed == popped);
}

static void setup_queue(void *context)
{
    make_queue(context);
}

static void setup_by_two(void *context)
{
    make_queue(context);
    ((struct play *)context)->queue.batch = 2;
}

static void setup_one_left(void *context)
{
    make_queue(context);
    push(context, 3, 1);
}

static void push_one(void *play)
{
    push(play, 0, 1);
}

static void push_another(void *play)
{
    push(play, 1, 1);
}

static void push_two(void *play)
{
    push(play, 0, 2);
}

static void push_three(void *play)
{
    push(play, 0, 3);
}

static void pop_one(void *play)
{
    pop(play, 2, 1);
}

static void pop_two(void *play)
{
    pop(play, 1, 2);
}

static void pop_three_and_free(void *context)
{
    struct play *play = context;

    pop(play, 2, 3);
    trove__reclaim_turn(&play->reclaim);
}

/* --- an object that is unlinked while a hand has its cell ------------------------------------------------------------ */

struct state_play {
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__ledger *ledger;
    struct trove__counters counters;
    struct trove__policy policy;
    struct trove_object *object;
};

static void setup_state(void *context)
{
    struct state_play *play = context;

    trove__budget_init(&play->budget, 1 << 20, 1 << 19, false, NULL);
    play->ledger = trove__ledger_create();
    trove__reclaim_init(&play->reclaim, &play->budget, play->ledger, &idle_host);
    trove__store_relaxed(&play->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    play->policy.reclaim = &play->reclaim;
    play->policy.budget = &play->budget;
    play->policy.counters = &play->counters;
    play->policy.evicts = true;
    explorer_assert(trove__queue_init(&play->policy.small, &play->reclaim, 1, 0) == 0);
    explorer_assert(trove__queue_init(&play->policy.main, &play->reclaim, 1, 0) == 0);
    play->object = trove__object_create(play->ledger, TROVE_SHA1, TROVE_BLOB, BYTES);
    trove__budget_force(&play->budget, trove__object_usable(TROVE_SHA1, BYTES));
    trove__policy_prepare(&play->policy, play->object);
    explorer_assert(trove__queue_push(&play->policy.small, play->object) == 0);
}

static void unlink_it(void *context)
{
    struct state_play *play = context;

    trove__section_enter();
    trove__policy_unlinked(&play->policy, play->object);
    trove__section_leave();
}

static void give_up_cells(void *context)
{
    struct state_play *play = context;

    trove__section_enter();
    trove__policy_give_up(&play->policy);
    trove__section_leave();
}

static void take_turn(void *context)
{
    trove__reclaim_turn(&((struct state_play *)context)->reclaim);
}

/* Retired once: then it is free and charged no more. */
static void check_retired(void *context)
{
    struct state_play *play = context;
    uint64_t segments = 2 * trove__segment_bytes();

    take_turn(play);
    explorer_assert(trove__budget_live(&play->budget) == segments);
    explorer_assert(trove__budget_deferred(&play->budget) == 0);
    explorer_assert(explorer_is_free(play->object));
}

/* --- the budget ----------------------------------------------------------------------------------------------------- */

struct budget_play {
    struct trove__budget budget;
    unsigned taken[EXPLORER_THREADS];
};

#define LIVE_MAX 100

static void setup_budget(void *context)
{
    trove__budget_init(&((struct budget_play *)context)->budget, LIVE_MAX + 50, 50, false, NULL);
}

static void look(struct budget_play *play)
{
    explorer_assert(trove__budget_live(&play->budget) <= LIVE_MAX);
    explorer_assert(trove__budget_deferred(&play->budget) <= 50);
}

static void reserve(struct budget_play *play, unsigned thread)
{
    if (trove__budget_reserve(&play->budget, 60))
        play->taken[thread] = 60;
    look(play);
}

static void reserve_first(void *play)
{
    reserve(play, 0);
}

static void reserve_second(void *play)
{
    reserve(play, 1);
}

/* An object of 40 bytes that is retired and freed. */
static void reserve_and_retire(void *context)
{
    struct budget_play *play = context;

    if (!trove__budget_reserve(&play->budget, 40))
        return;
    if (trove__budget_defer(&play->budget, 40)) {
        trove__budget_unreserve(&play->budget, 40);
        look(play);
        trove__budget_undefer(&play->budget, 40);
    } else {
        trove__budget_unreserve(&play->budget, 40);
    }
}

static void check_budget(void *context)
{
    struct budget_play *play = context;

    explorer_assert(trove__budget_live(&play->budget) == play->taken[0] + play->taken[1]);
    explorer_assert(trove__budget_deferred(&play->budget) == 0);
    explorer_assert(play->taken[0] + play->taken[1] <= LIVE_MAX);
}

/* --- what stripes take ahead ----------------------------------------------------------------------------------------- */

#define AHEAD 5
#define AHEAD_LIVE_MAX (TROVE__COUNTER_STRIPES * AHEAD + 10)
#define LITTLE 3 /* and what is taken ahead with it is room enough for another */
#define REST (AHEAD_LIVE_MAX - 2 * LITTLE)

static void setup_ahead(void *context)
{
    struct budget_play *play = context;

    trove__budget_init(&play->budget, AHEAD_LIVE_MAX + 50, 50, false, NULL);
    play->budget.ahead_bytes = AHEAD;
}

static void reserve_little_twice(void *context)
{
    struct budget_play *play = context;

    for (int i = 0; i < 2; i++) {
        if (trove__budget_reserve(&play->budget, LITTLE))
            play->taken[0] += LITTLE;
        explorer_assert(trove__budget_live(&play->budget) <= AHEAD_LIVE_MAX);
    }
}

static void reserve_rest(void *context)
{
    struct budget_play *play = context;

    if (trove__budget_reserve(&play->budget, REST))
        play->taken[1] = REST;
    explorer_assert(trove__budget_live(&play->budget) <= AHEAD_LIVE_MAX);
}

/* To the byte, and nothing is refused for what lies in a stripe. */
static void check_ahead(void *context)
{
    struct budget_play *play = context;

    explorer_assert(play->taken[0] == 2 * LITTLE);
    explorer_assert(trove__budget_live(&play->budget) == play->taken[0] + play->taken[1]);
    if (play->taken[1] == 0)
        reserve_rest(play);
    explorer_assert(play->taken[1] == REST);
    explorer_assert(trove__load_relaxed(&play->budget.live) == AHEAD_LIVE_MAX);
}

/* --- the cases ------------------------------------------------------------------------------------------------------ */

#define CASE(type, text, make, look, ...)                                                          \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct type), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look                                                                              \
    }

static const struct explorer_case cases[] = {
    CASE(play, "push, pop", setup_queue, check_queue, push_one, pop_two),
    CASE(play, "two push", setup_queue, check_queue, push_two, push_another),
    CASE(play, "two push, one pops", setup_queue, check_queue, push_one, push_another, pop_two),
    CASE(play, "push into the next segment, pop", setup_one_left, check_queue, push_two, pop_two),
    CASE(play, "two push into the next segment", setup_one_left, check_queue, push_two,
         push_another),
    CASE(play, "push, pop, a segment is left and freed", setup_one_left, check_queue, push_two,
         pop_three_and_free),
    CASE(play, "three segments, freed", setup_one_left, check_queue, push_three, pop_two,
         pop_three_and_free),
    CASE(play, "two pop", setup_one_left, check_queue, push_one, pop_one, pop_two),
    CASE(state_play, "unlinked while its cell is given up", setup_state, check_retired, unlink_it,
         give_up_cells),
    CASE(state_play, "the same, and freed", setup_state, check_retired, unlink_it, give_up_cells,
         take_turn),
    CASE(budget_play, "two reserve, one retires", setup_budget, check_budget, reserve_first,
         reserve_second, reserve_and_retire),
    CASE(budget_play, "two reserve, one from what it took ahead", setup_ahead, check_ahead,
         reserve_little_twice, reserve_rest),
    CASE(play, "two push, tickets by two", setup_by_two, check_queue, push_two, push_another),
    CASE(play, "push, pop, tickets by two", setup_by_two, check_queue, push_two, pop_two),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_queue__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_queue__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"queue", "policy", NULL};
    static const struct spared spared[] = {
        {"policy: E1 state",
         "whoever is second retires the object, and frees it after a grace period; both ends are inside sections, so the "
         "grace period orders what this edge would order. It stays for who calls outside of one"},
        {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_queue__as_written),
        cmocka_unit_test(explore_queue__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
