// SPDX-License-Identifier: MIT
/*
 * test_reclaim.c - when the reclaimer's thread is woken: after the section in which memory was retired, not in it; and by
 * somebody else who finds no room, if whoever retired it does not come to that.
 *
 * Mutants that die here: a nudge in the section; none after it; hurry that does nothing; a section inside another's that
 * forgets the outer one.
 */
#include "core/memory.h"
#include "core/rcu.h"
#include "idle_host.h"
#include "support.h"
#include <sched.h>

#define IDLE 0 /* the mood of a thread that sleeps until it is woken */

struct play {
    struct trove__budget budget;
    struct trove__ledger *ledger;
    struct trove__reclaim reclaim;
    struct node {
        struct trove__retired retired;
        atomic_uint freed;
    } nodes[2];
};

static void free_node(struct trove__retired *retired)
{
    atomic_store(&((struct node *)retired)->freed, 1);
}

static void wait_until_idle(struct play *play)
{
    while (trove__load_seq_cst(&play->reclaim.mood) != IDLE)
        sched_yield();
}

static void wait_until_freed(struct play *play, unsigned node)
{
    while (atomic_load(&play->nodes[node].freed) == 0)
        sched_yield();
}

static int set_up(void **state)
{
    struct play *play = calloc(1, sizeof(*play));

    assert_non_null(play);
    play->ledger = trove__ledger_create();
    assert_non_null(play->ledger);
    trove__budget_init(&play->budget, 1 << 20, 1 << 16, false, NULL);
    trove__reclaim_init(&play->reclaim, &play->budget, play->ledger, &idle_host);
    play->nodes[0].retired.free = play->nodes[1].retired.free = free_node;
    trove__reclaim_wake(&play->reclaim); /* starts the thread */
    wait_until_idle(play);
    *state = play;
    return 0;
}

static int tear_down(void **state)
{
    struct play *play = *state;

    assert_int_equal(trove__reclaim_stop(&play->reclaim, NULL), 0);
    trove__ledger_unref(play->ledger);
    free(play);
    return 0;
}

static void reclaim__outside_sections_the_thread_is_woken_at_once(void **state)
{
    struct play *play = *state;

    trove__reclaim_memory(&play->reclaim, &play->nodes[0].retired);
    wait_until_freed(play, 0);
}

static void reclaim__in_a_section_the_thread_sleeps_on(void **state)
{
    struct play *play = *state;
    struct trove__retiring retiring;
    unsigned mood;

    trove__retiring_enter(&retiring, &play->reclaim);
    trove__reclaim_memory(&play->reclaim, &play->nodes[0].retired);
    mood = trove__load_seq_cst(&play->reclaim.mood);
    trove__retiring_leave(&retiring);
    assert_int_equal(mood, IDLE);
    wait_until_freed(play, 0);
}

static void reclaim__the_outermost_section_wakes_it(void **state)
{
    struct play *play = *state;
    struct trove__retiring outer, inner;
    unsigned mood, later;

    trove__retiring_enter(&outer, &play->reclaim);
    trove__retiring_enter(&inner, &play->reclaim);
    trove__reclaim_memory(&play->reclaim, &play->nodes[0].retired);
    trove__retiring_leave(&inner);
    mood = trove__load_seq_cst(&play->reclaim.mood);
    trove__reclaim_memory(&play->reclaim, &play->nodes[1].retired);
    later = trove__load_seq_cst(&play->reclaim.mood);
    trove__retiring_leave(&outer);
    assert_int_equal(mood, IDLE);
    assert_int_equal(later, IDLE);
    wait_until_freed(play, 0);
    wait_until_freed(play, 1);
}

static void *hurry(void *context)
{
    trove__reclaim_hurry(&((struct play *)context)->reclaim);
    return NULL;
}

/* Here whoever retired does not come out of its section. */
static void reclaim__who_finds_no_room_wakes_it_instead(void **state)
{
    struct play *play = *state;
    struct trove__retiring retiring;
    unsigned mood, freed;
    pthread_t other;

    trove__retiring_enter(&retiring, &play->reclaim);
    trove__reclaim_memory(&play->reclaim, &play->nodes[0].retired);
    assert_int_equal(pthread_create(&other, NULL, hurry, play), 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    /* It waits for this section, so what it was woken for is still there to be seen. */
    mood = trove__load_seq_cst(&play->reclaim.mood);
    freed = atomic_load(&play->nodes[0].freed);
    trove__retiring_leave(&retiring);
    assert_int_not_equal(mood, IDLE);
    assert_int_equal(freed, 0);
    wait_until_freed(play, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(reclaim__##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(outside_sections_the_thread_is_woken_at_once),
        TEST(in_a_section_the_thread_sleeps_on),
        TEST(the_outermost_section_wakes_it),
        TEST(who_finds_no_room_wakes_it_instead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
