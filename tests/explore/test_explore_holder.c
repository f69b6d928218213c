// SPDX-License-Identifier: MIT
/*
 * test_explore_holder.c - which thread a grace period waits for, in all interleavings of small cases: who asks is told of a thread
 * that is in such a section, and never of one that is not because it has another one's record now. Each edge of rcu_threads.c is
 * needed, its mutant dies.
 *
 * liburcu's words are the case's: a thread is in a section as long as it says so there.
 */
#include "core/order.h"
#include "core/rcu.h"
#include "edges.h"
#include "fake_urcu.h"
#include "support.h"

#define OLD 1 /* a section of the phase before, of which it is */

_Thread_local struct urcu_bp_reader *fake_urcu_bp_reader;
struct fake_gp fake_urcu_gp = {.ctr = URCU_BP_GP_CTR_PHASE | 1};
_Thread_local int fake_tid;

struct play {
    struct trove__holder holder;
    bool found;
    atomic_uint has_ended; /* the thread that was in a section */
};

void fake_register(void)
{
    fake_urcu_bp_reader = explorer_alloc(sizeof(struct urcu_bp_reader), 64);
    atomic_init((atomic_ulong *)(void *)&fake_urcu_bp_reader->ctr, 0);
}

void *fake_page(size_t bytes)
{
    return memset(explorer_alloc(bytes, 64), 0, bytes);
}

static void be_in_section(unsigned long section)
{
    /* RELAXED: as liburcu's own stores, which its grace period orders. */
    trove__store_relaxed((atomic_ulong *)(void *)&fake_urcu_bp_reader->ctr, section);
}

/* --- threads ---------------------------------------------------------------------------------------------------------- */

static void come(int tid)
{
    fake_tid = tid;
    trove__thread_know();
}

/* Stays where it is, to the end of the case. */
static void come_and_read(void *context)
{
    (void)context;
    come(11);
    be_in_section(OLD);
}

static void come_read_and_end(void *context)
{
    come_and_read(context);
    be_in_section(0);
}

static void come_and_end(void *context)
{
    (void)context;
    come(22);
}

static void look(void *context)
{
    struct play *play = context;

    play->found = trove__grace_holder(&play->holder);
    explorer_assert(!play->found || play->holder.tid == 11);
}

#define CASE(text, ...)                                                                            \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .threads = { __VA_ARGS__ }                     \
    }

static const struct explorer_case cases[] = {
    CASE("one comes, look", come_and_read, look),
    CASE("one comes and ends, look", come_read_and_end, look),
    CASE("one comes and ends, another comes, look", come_read_and_end, come_and_end, look),
    CASE("another comes and ends, one comes, look", come_and_end, come_and_read, look),
    CASE("two come", come_and_read, come_and_end),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_holder__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_holder__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"rcu", NULL};
    static const struct spared spared[] = {{0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_holder__as_written),
        cmocka_unit_test(explore_holder__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
