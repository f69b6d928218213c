// SPDX-License-Identifier: MIT
/*
 * test_explore_rcu.c - the back end of read sections that tools can see, in all interleavings of small cases: a grace period waits
 * for the sections that it must wait for, and everybody else sees what came before it; a thread's record goes to another after its
 * end. Each edge of rcu.c is needed, its mutant dies.
 *
 * Elsewhere the explorer has the contract of core/rcu.h instead; this program has core/rcu.c in its place.
 */
#include "core/order.h"
#include "core/rcu.h"
#include "edges.h"
#include "support.h"

struct play {
    _Atomic(unsigned *) pointer;
    atomic_uint before, after; /* a grace period */
    unsigned plain;            /* written after it, by who waited; before it by who reads */
    struct trove__holder holder;
};

static void setup(void *context)
{
    struct play *play = context;
    unsigned *memory = explorer_alloc(sizeof(*memory), 8);

    *memory = 7;
    atomic_init(&play->pointer, memory);
    atomic_init(&play->before, 0);
    atomic_init(&play->after, 0);
}

/* RELAXED, in all of this file: sections and grace periods are what orders it. */
static void read_it(void *context)
{
    struct play *play = context;
    unsigned *memory;

    trove__section_enter();
    memory = trove__load_relaxed(&play->pointer);
    if (memory != NULL)
        explorer_assert(*memory == 7);
    trove__section_leave();
}

static void read_nested(void *context)
{
    trove__section_enter();
    read_it(context);
    explorer_assert(trove__section_ongoing());
    read_it(context);
    trove__section_leave();
    explorer_assert(!trove__section_ongoing());
}

static void read_twice(void *context)
{
    read_it(context);
    read_it(context);
}

static void unlink_and_free(void *context)
{
    unsigned *memory = trove__exchange_relaxed(&((struct play *)context)->pointer, NULL);

    trove__grace_period();
    if (memory != NULL)
        explorer_free(memory);
}

/* What a section writes, and what comes after a grace period that began in it. */
static void write_inside(void *context)
{
    struct play *play = context;

    trove__section_enter();
    if (trove__load_relaxed(&play->after) == 0 && trove__load_relaxed(&play->before) == 0)
        play->plain = 1;
    trove__section_leave();
}

static void write_after(void *context)
{
    struct play *play = context;

    trove__store_relaxed(&play->before, 1);
    trove__grace_period();
    play->plain = 2;
    trove__store_relaxed(&play->after, 1);
}

/* Who sees what came after a grace period sees what came before it. */
static void see_both(void *context)
{
    struct play *play = context;

    trove__section_enter();
    if (trove__load_relaxed(&play->after) != 0)
        explorer_assert(trove__load_relaxed(&play->before) != 0);
    trove__section_leave();
}

/* A look at who is there, from outside. */
static void look(void *context)
{
    struct play *play = context;

    if (trove__grace_holder(&play->holder))
        explorer_assert(play->holder.is_trove && play->holder.tid != 0);
}

#define CASE(text, ...)                                                                            \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = setup, .threads = { __VA_ARGS__ }     \
    }

static const struct explorer_case cases[] = {
    CASE("read, free", read_it, unlink_and_free),
    CASE("read nested, free", read_nested, unlink_and_free),
    CASE("read twice, free", read_twice, unlink_and_free),
    CASE("two read, free", read_it, read_it, unlink_and_free),
    CASE("two read, two free", read_it, read_it, unlink_and_free, unlink_and_free),
    CASE("write inside, write after", write_inside, write_after),
    CASE("see what came before", see_both, write_after),
    CASE("two see what came before", see_both, see_both, write_after),
    CASE("read, free, look", read_it, unlink_and_free, look),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_rcu__as_written(void **state)
{
    (void)state;
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_rcu__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"rcu", NULL};
    static const char fences[] = "the full fences of E2 order the same";
    static const struct spared spared[] = {
        {"rcu: E1 section, without seq_cst", fences},
        {"rcu: E3 record, without seq_cst", "what a forked child stores, by its one thread"},
        {"rcu: E4 readers, without seq_cst", fences},
        {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    assert_int_equal(mutants_that_survive(&what), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_rcu__as_written),
        cmocka_unit_test(explore_rcu__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
