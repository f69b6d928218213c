// SPDX-License-Identifier: MIT
/*
 * test_explore_reclaim.c - retiring, the reclaimer's thread, its sleep and its end, in all interleavings of small cases: what is
 * retired is freed once, after its readers have left, and nobody sleeps through a retirement; each edge of reclaim.c and of
 * object.c is needed, its mutant dies.
 *
 * The thread is the one that reclaim.c starts, as one more thread of the case. At the end of a run it may be asleep; what was
 * retired is free then, or its sleep was one too many.
 */
#include "core/rcu.h"
#include "core/reclaim.h"
#include "edges.h"
#include "idle_host.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>

#define BYTES 8

struct play {
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__ledger *ledger;
    _Atomic(struct trove_object *) slots[2]; /* where readers find objects */
    struct trove_object *objects[2];
    struct {
        struct trove__retired retired;
        struct play *play;
    } * memory;
    atomic_uint works; /* calls of `work` */
    struct trove_object *pinned;
    atomic_uint is_over;
    unsigned written; /* in a section, and by who has waited for it */
};

static bool work(void *context)
{
    trove__add_relaxed(&((struct play *)context)->works, 1); /* RELAXED: a count */
    return false;
}

static void free_memory(struct trove__retired *retired)
{
    explorer_free(retired);
}

static void setup(void *context)
{
    struct play *play = context;
    const struct trove__reclaim_host host = {work, idle_before_grace, idle_after_grace, play};

    trove__budget_init(&play->budget, 1 << 20, 1 << 19, false, NULL);
    play->ledger = trove__ledger_create();
    trove__reclaim_init(&play->reclaim, &play->budget, play->ledger, &host);
    for (unsigned i = 0; i < 2; i++) {
        struct trove_object *object =
            trove__object_create(play->ledger, TROVE_SHA1, TROVE_BLOB, BYTES);

        memset(trove__object_buffer(object), 7, BYTES);
        trove__budget_force(&play->budget, trove__object_usable(TROVE_SHA1, BYTES));
        play->objects[i] = object;
        trove__store_relaxed(&play->slots[i], object); /* RELAXED: nobody is there yet */
    }
    play->memory = explorer_alloc(sizeof(*play->memory), 64);
    play->memory->retired.free = free_memory;
}

static void setup_without_thread(void *context)
{
    setup(context);
    trove__store_relaxed(&((struct play *)context)->reclaim.thread_state, TROVE__RECLAIM_STARTING);
}

/* --- what threads do -------------------------------------------------------------------------------------------------- */

static void retire(struct play *play, unsigned i)
{
    struct trove_object *object;

    trove__section_enter();
    /* As the table does: whoever takes it out retires it. */
    object = trove__exchange_acq_rel(&play->slots[i], NULL);
    if (object != NULL)
        trove__reclaim_object(&play->reclaim, object);
    trove__section_leave();
}

static void retire_first(void *play)
{
    retire(play, 0);
}

static void retire_second(void *play)
{
    retire(play, 1);
}

static void retire_both(void *play)
{
    retire(play, 0);
    retire(play, 1);
}

static void read_first(void *context)
{
    struct play *play = context;
    struct trove_object *object;

    trove__section_enter();
    object = trove__load_acquire(&play->slots[0]);
    if (object != NULL)
        explorer_assert(((const unsigned char *)trove_object_data(object))[BYTES - 1] == 7);
    trove__section_leave();
}

static void pin_and_unpin(void *context)
{
    struct play *play = context;
    struct trove_object *object;

    trove__section_enter();
    object = trove__load_acquire(&play->slots[0]);
    if (object != NULL)
        trove_pin(object);
    trove__section_leave();
    if (object == NULL)
        return;
    explorer_assert(((const unsigned char *)trove_object_data(object))[0] == 7);
    trove_unpin(object);
}

static void take_turn(void *context)
{
    trove__reclaim_turn(&((struct play *)context)->reclaim);
}

static void retire_memory(void *context)
{
    struct play *play = context;

    play->memory->play = play;
    trove__reclaim_memory(&play->reclaim, &play->memory->retired);
}

static void wake(void *context)
{
    trove__reclaim_wake(&((struct play *)context)->reclaim);
}

static void retire_and_stop(void *context)
{
    struct play *play = context;

    retire(play, 0);
    explorer_assert(trove__reclaim_stop(&play->reclaim, NULL) == 0);
}

/* --- who waits for the thread ----------------------------------------------------------------------------------------- */

static void write_inside(void *context)
{
    struct play *play = context;

    trove__section_enter();
    if (trove__load_relaxed(&play->is_over) == 0) /* RELAXED: the grace period orders it */
        play->written = 1;
    trove__section_leave();
}

static void await_and_write(void *context)
{
    struct play *play = context;

    trove__store_relaxed(&play->is_over, 1); /* RELAXED: as above */
    explorer_assert(trove__reclaim_await(&play->reclaim, NULL) == 0);
    play->written = 2;
}

/* A result beats a deadline; whoever gives up leaves the memory to the thread. */
static void await_shortly(void *context)
{
    const struct trove_until until = {.deadline_ns = trove_now_ns() + 1};
    int r = trove__reclaim_await(&((struct play *)context)->reclaim, &until);

    explorer_assert(r == 0 || r == -ETIMEDOUT);
}

/* --- what is true at the end ------------------------------------------------------------------------------------------ */

static void check_first(void *context)
{
    explorer_assert(explorer_is_free(((struct play *)context)->objects[0]));
}

static void check_both(void *context)
{
    struct play *play = context;

    explorer_assert(explorer_is_free(play->objects[0]) && explorer_is_free(play->objects[1]));
    explorer_assert(trove__budget_live(&play->budget) == 0);
    explorer_assert(trove__budget_deferred(&play->budget) == 0);
}

static void check_memory(void *context)
{
    struct play *play = context;

    explorer_assert(explorer_is_free(play->objects[0]) && explorer_is_free(play->memory));
}

static void check_written(void *context)
{
    explorer_assert(((struct play *)context)->written == 2);
}

static void check_work(void *context)
{
    explorer_assert(trove__load_relaxed(&((struct play *)context)->works) > 0);
}

static void check_after_turn(void *context)
{
    struct play *play = context;

    while (trove__reclaim_turn(&play->reclaim))
        ;
    check_first(play);
    explorer_assert(trove__load_relaxed(&play->ledger->outside_bytes) == 0);
}

/* The cache is closed while a user has an object of it pinned. */
static void setup_outside(void *context)
{
    struct play *play = context;

    setup_without_thread(play);
    trove_pin(play->objects[0]);
    trove__object_release(play->objects[0]);
}

static void unpin_last(void *context)
{
    trove_unpin(((struct play *)context)->objects[0]);
}

static void let_go_of_ledger(void *context)
{
    trove__ledger_unref(((struct play *)context)->ledger);
}

static void check_ledger(void *context)
{
    struct play *play = context;

    explorer_assert(explorer_is_free(play->objects[0]) && explorer_is_free(play->ledger));
}

#define CASE(text, make, look, ...)                                                                \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look                                                                              \
    }

static const struct explorer_case cases[] = {
    CASE("retire, turn, read", setup_without_thread, check_after_turn, retire_first, take_turn,
         read_first),
    CASE("retire, turn, pin and unpin", setup_without_thread, check_after_turn, retire_first,
         take_turn, pin_and_unpin),
    CASE("retire, two pin and unpin, turn", setup_without_thread, check_after_turn, retire_first,
         pin_and_unpin, pin_and_unpin, take_turn),
    CASE("retire, the thread", setup, check_first, retire_first),
    CASE("retire twice, the thread", setup, check_both, retire_both),
    CASE("two retire, the thread", setup, check_both, retire_first, retire_second),
    CASE("retire, read, the thread", setup, check_first, retire_first, read_first),
    CASE("retire memory and an object, the thread", setup, check_memory, retire_first,
         retire_memory),
    CASE("wake, the thread", setup, check_work, wake),
    CASE("wake and retire, the thread", setup, check_work, wake, retire_first),
    CASE("retire and stop", setup, check_first, retire_and_stop),
    CASE("await, the thread", setup, check_written, write_inside, await_and_write),
    CASE("await with a deadline, the thread", setup, NULL, await_shortly),
    CASE("close, the last unpin", setup_outside, check_ledger, let_go_of_ledger, unpin_last),
    CASE("retire and stop, read", setup, check_first, retire_and_stop, read_first),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_reclaim__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

/* Were there no grace periods, a reader would read what is free. */
static void explore_reclaim__grace_periods_are_needed(void **state)
{
    (void)state;
    explorer_skip_grace_periods(true);
    assert_int_equal(cases_that_fail(cases, 2), 2);
    explorer_skip_grace_periods(false);
}

static void explore_reclaim__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"reclaim", "object", NULL};
    static const struct spared spared[] = {
        {"reclaim: E2 thread",
         "who stops the thread knows that all callers have left (E1 of life.c), so also who started it"},
        {"reclaim: E4 exited", "pthread_join() comes after it and orders the same"},
        {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_reclaim__as_written),
        cmocka_unit_test(explore_reclaim__grace_periods_are_needed),
        cmocka_unit_test(explore_reclaim__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
