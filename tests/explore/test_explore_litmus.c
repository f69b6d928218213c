// SPDX-License-Identifier: MIT
/*
 * test_explore_litmus.c - the explorer itself: on small cases whose outcomes are known it finds those that C11 allows, each
 * of them, and no other; what is wrong is a failure; a failure can be replayed.
 */
#include "core/order.h"
#include "core/rcu.h"
#include "explorer.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>

struct words {
    atomic_uint x, y;
    _Alignas(64) atomic_uint z;
    unsigned r[4];
    unsigned plain;
    pthread_mutex_t lock;
};

/* More than the small cases can use; the four threads of the large ones have fewer. */
static const struct explorer_bounds all = {.preemptions = 8, .stale = 8};
static const struct explorer_bounds four_threads = {.preemptions = 3, .stale = 2};

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Outcomes are written as decimal digits, one for each result that the case tells. */
static void expect(const struct explorer_case *one, const uint64_t *wanted, unsigned count)
{
    struct explorer_result result = explorer_run(one, one->threads[3] == NULL ? all : four_threads);
    const uint64_t *values;
    uint64_t sorted[64];
    unsigned found = explorer_outcomes(&values);

    if (result.failed)
        printf("%s: %s [%s]\n", one->name, result.why, result.choices);
    assert_false(result.failed);
    for (unsigned i = 0; i < found; i++)
        sorted[i] = values[i];
    qsort(sorted, found, sizeof(sorted[0]), by_value);
    printf("%-40s %6lu runs, outcomes", one->name, result.runs);
    for (unsigned i = 0; i < found; i++)
        printf(" %lu", sorted[i]);
    printf("\n");
    assert_int_equal(found, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(sorted[i], wanted[i]);
}

#define EXPECT(one, ...)                                                                           \
    expect(one, (const uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 8)

static void tell_two(void *context)
{
    const struct words *w = context;
    explorer_outcome(w->r[0] * 10 + w->r[1]);
}

static void tell_four(void *context)
{
    const struct words *w = context;
    explorer_outcome(w->r[0] * 1000 + w->r[1] * 100 + w->r[2] * 10 + w->r[3]);
}

/* RELAXED, in all of this file: it is what is tested. */
#define THREAD(name, ...)                                                                          \
    static void name(void *context)                                                                \
    {                                                                                              \
        struct words *w = context;                                                                 \
        __VA_ARGS__                                                                                \
    }

/* --- message passing ---------------------------------------------------------------------------------------------- */

THREAD(mp_send, trove__store_relaxed(&w->x, 1); trove__store_release(&w->y, 1);)
THREAD(mp_send_relaxed, trove__store_relaxed(&w->x, 1); trove__store_relaxed(&w->y, 1);)
THREAD(mp_receive, w->r[0] = trove__load_acquire(&w->y); w->r[1] = trove__load_relaxed(&w->x);)
THREAD(mp_receive_relaxed, w->r[0] = trove__load_relaxed(&w->y);
       w->r[1] = trove__load_relaxed(&w->x);)
THREAD(mp_send_fence, trove__store_relaxed(&w->x, 1); atomic_thread_fence(memory_order_release);
       trove__store_relaxed(&w->y, 1);)
THREAD(mp_receive_fence, w->r[0] = trove__load_relaxed(&w->y); trove__fence_acquire();
       w->r[1] = trove__load_relaxed(&w->x);)

static void litmus__message_passing(void **state)
{
    (void)state;
    EXPECT((&(struct explorer_case){.name = "message passing",
                                    .bytes = sizeof(struct words),
                                    .threads = {mp_send, mp_receive},
                                    .check = tell_two}),
           0, 1, 11);
    EXPECT((&(struct explorer_case){.name = "message passing, store relaxed",
                                    .bytes = sizeof(struct words),
                                    .threads = {mp_send_relaxed, mp_receive},
                                    .check = tell_two}),
           0, 1, 10, 11);
    EXPECT((&(struct explorer_case){.name = "message passing, load relaxed",
                                    .bytes = sizeof(struct words),
                                    .threads = {mp_send, mp_receive_relaxed},
                                    .check = tell_two}),
           0, 1, 10, 11);
    EXPECT((&(struct explorer_case){.name = "message passing, fences",
                                    .bytes = sizeof(struct words),
                                    .threads = {mp_send_fence, mp_receive_fence},
                                    .check = tell_two}),
           0, 1, 11);
    EXPECT((&(struct explorer_case){.name = "message passing, one fence",
                                    .bytes = sizeof(struct words),
                                    .threads = {mp_send_fence, mp_receive_relaxed},
                                    .check = tell_two}),
           0, 1, 10, 11);
}

/* --- store buffering ---------------------------------------------------------------------------------------------- */

#define SB(name, store, load, between)                                                             \
    THREAD(name##_left, store(&w->x, 1); between; w->r[0] = load(&w->y);)                          \
    THREAD(name##_right, store(&w->y, 1); between; w->r[1] = load(&w->x);)                         \
    static const struct explorer_case name = {                                                     \
        #name, sizeof(struct words), NULL, {name##_left, name##_right}, tell_two, false, 0};

SB(sb_acquire_release, trove__store_release, trove__load_acquire, (void)0)
SB(sb_seq_cst, trove__store_seq_cst, trove__load_seq_cst, (void)0)
SB(sb_fences, trove__store_relaxed, trove__load_relaxed, trove__fence_seq_cst())
SB(sb_exchange, trove__exchange_acq_rel, trove__load_acquire, (void)0)
SB(sb_load_not_seq_cst, trove__store_seq_cst, trove__load_acquire, (void)0)

THREAD(sb_half_fence, trove__store_relaxed(&w->x, 1); trove__fence_seq_cst();
       w->r[0] = trove__load_relaxed(&w->y);)
THREAD(sb_half_seq_cst, trove__store_seq_cst(&w->y, 1); w->r[1] = trove__load_seq_cst(&w->x);)
THREAD(sb_half_nothing, trove__store_relaxed(&w->y, 1); w->r[1] = trove__load_relaxed(&w->x);)

static void litmus__store_buffering(void **state)
{
    (void)state;
    EXPECT(&sb_acquire_release, 0, 1, 10, 11);
    EXPECT(&sb_seq_cst, 1, 10, 11);
    EXPECT(&sb_fences, 1, 10, 11);
    EXPECT(&sb_exchange, 0, 1, 10, 11);
    EXPECT(&sb_load_not_seq_cst, 0, 1, 10, 11);
    EXPECT((&(struct explorer_case){.name = "sb, fence and seq_cst",
                                    .bytes = sizeof(struct words),
                                    .threads = {sb_half_fence, sb_half_seq_cst},
                                    .check = tell_two}),
           1, 10, 11);
    EXPECT((&(struct explorer_case){.name = "sb, one fence",
                                    .bytes = sizeof(struct words),
                                    .threads = {sb_half_fence, sb_half_nothing},
                                    .check = tell_two}),
           0, 1, 10, 11);
}

/* --- four threads, coherence, load buffering ------------------------------------------------------------------------ */

#define IRIW(name, store, load, between)                                                           \
    THREAD(name##_x, store(&w->x, 1);)                                                             \
    THREAD(name##_y, store(&w->y, 1);)                                                             \
    THREAD(name##_a, w->r[0] = load(&w->x); between; w->r[1] = load(&w->y);)                       \
    THREAD(name##_b, w->r[2] = load(&w->y); between; w->r[3] = load(&w->x);)                       \
    static const struct explorer_case name = {#name,     sizeof(struct words),                     \
                                              NULL,      {name##_x, name##_y, name##_a, name##_b}, \
                                              tell_four, false,                                    \
                                              0};

IRIW(iriw_acquire, trove__store_release, trove__load_acquire, (void)0)
IRIW(iriw_seq_cst, trove__store_seq_cst, trove__load_seq_cst, (void)0)
IRIW(iriw_fences, trove__store_relaxed, trove__load_relaxed, trove__fence_seq_cst())

static void litmus__two_readers_two_writers(void **state)
{
    (void)state;
    EXPECT(&iriw_acquire, 0, 1, 10, 11, 100, 101, 110, 111, 1000, 1001, 1010, 1011, 1100, 1101,
           1110, 1111);
    EXPECT(&iriw_seq_cst, 0, 1, 10, 11, 100, 101, 110, 111, 1000, 1001, 1011, 1100, 1101, 1110,
           1111);
    EXPECT(&iriw_fences, 0, 1, 10, 11, 100, 101, 110, 111, 1000, 1001, 1011, 1100, 1101, 1110,
           1111);
}

THREAD(co_write, trove__store_relaxed(&w->x, 1); trove__store_relaxed(&w->x, 2);)
THREAD(co_read, w->r[0] = trove__load_relaxed(&w->x); w->r[1] = trove__load_relaxed(&w->x);)

THREAD(lb_left, w->r[0] = trove__load_relaxed(&w->x); trove__store_relaxed(&w->y, 1);)
THREAD(lb_right, w->r[1] = trove__load_relaxed(&w->y); trove__store_relaxed(&w->x, 1);)

static void litmus__coherence(void **state)
{
    (void)state;
    EXPECT((&(struct explorer_case){.name = "coherence of two reads",
                                    .bytes = sizeof(struct words),
                                    .threads = {co_write, co_read},
                                    .check = tell_two}),
           0, 1, 2, 11, 12, 22);
}

/* C11 allows 11 too; the explorer does not know of it (explorer.h, NOT). */
static void litmus__load_buffering_is_not_explored(void **state)
{
    (void)state;
    EXPECT((&(struct explorer_case){.name = "load buffering",
                                    .bytes = sizeof(struct words),
                                    .threads = {lb_left, lb_right},
                                    .check = tell_two}),
           0, 1, 10);
}

/* --- read-modify-writes ------------------------------------------------------------------------------------------- */

THREAD(rs_first, trove__store_relaxed(&w->x, 1); trove__store_release(&w->y, 1);)
THREAD(rs_middle, trove__add_relaxed(&w->y, 2);)
THREAD(rs_overwrite, trove__store_relaxed(&w->y, 3);)
THREAD(add_one, w->r[0] = trove__add_relaxed(&w->x, 1);)
THREAD(add_another, w->r[1] = trove__add_relaxed(&w->x, 1);)
THREAD(cas_one, unsigned none = 0; w->r[0] = trove__cas_relaxed(&w->x, &none, 1);)
THREAD(cas_another, unsigned none = 0; w->r[1] = trove__cas_relaxed(&w->x, &none, 2);)

static void litmus__release_sequences(void **state)
{
    (void)state;
    /* 3 is the sum: the addition prolongs the release sequence, so x is 1. 2 alone says nothing of x. */
    EXPECT((&(struct explorer_case){.name = "release sequence, read-modify-write",
                                    .bytes = sizeof(struct words),
                                    .threads = {rs_first, rs_middle, mp_receive},
                                    .check = tell_two}),
           0, 1, 11, 20, 21, 31);
    EXPECT((&(struct explorer_case){.name = "release sequence, broken by a store",
                                    .bytes = sizeof(struct words),
                                    .threads = {rs_first, rs_overwrite, mp_receive},
                                    .check = tell_two}),
           0, 1, 11, 30, 31);
}

static void litmus__read_modify_writes_are_atomic(void **state)
{
    (void)state;
    EXPECT((&(struct explorer_case){.name = "two additions",
                                    .bytes = sizeof(struct words),
                                    .threads = {add_one, add_another},
                                    .check = tell_two}),
           1, 10);
    EXPECT((&(struct explorer_case){.name = "two compare-and-swaps",
                                    .bytes = sizeof(struct words),
                                    .threads = {cas_one, cas_another},
                                    .check = tell_two}),
           1, 10);
}

/* What happened before an earlier seq_cst fence is seen after a later one, through a third thread too. */
THREAD(chain_first, trove__store_relaxed(&w->x, 1); trove__store_release(&w->y, 1);)
THREAD(chain_middle, w->r[0] = trove__load_acquire(&w->y); trove__fence_seq_cst();
       w->r[1] = trove__load_relaxed(&w->z);)
THREAD(chain_last, trove__store_relaxed(&w->z, 1); trove__fence_seq_cst();
       w->r[2] = trove__load_relaxed(&w->x);)

static void chain_check(void *context)
{
    const struct words *w = context;

    explorer_assert(!(w->r[0] == 1 && w->r[1] == 0 && w->r[2] == 0));
    explorer_outcome(w->r[0] * 100 + w->r[1] * 10 + w->r[2]);
}

static void litmus__fences_are_cumulative(void **state)
{
    (void)state;
    EXPECT((&(struct explorer_case){.name = "fences are cumulative",
                                    .bytes = sizeof(struct words),
                                    .threads = {chain_first, chain_middle, chain_last},
                                    .check = chain_check}),
           0, 1, 10, 11, 101, 110, 111);
}

/* --- failures ----------------------------------------------------------------------------------------------------- */

static void expect_failure(const struct explorer_case *one, const char *part)
{
    struct explorer_result result = explorer_run(one, all), again;

    printf("%-40s %6lu runs, %s [%s]\n", one->name, result.runs, result.why, result.choices);
    assert_true(result.failed);
    assert_non_null(strstr(result.why, part));
    again = explorer_replay(one, result.choices);
    assert_true(again.failed);
    assert_string_equal(again.why, result.why);
}

THREAD(race_write, w->plain = 1; trove__store_relaxed(&w->x, 1);)
THREAD(race_write_release, w->plain = 1; trove__store_release(&w->x, 1);)
THREAD(race_read, if (trove__load_acquire(&w->x)) w->r[0] = w->plain;)
/* Fences order what loads return, but without a load that acquires there is still a race. */
THREAD(race_fence_write, w->plain = 1; trove__fence_seq_cst(); trove__store_relaxed(&w->x, 1);)
THREAD(race_fence_read, trove__fence_seq_cst(); if (trove__load_relaxed(&w->x)) w->r[0] = w->plain;)

static void failure__data_race(void **state)
{
    (void)state;
    expect_failure(&(struct explorer_case){.name = "data race",
                                           .bytes = sizeof(struct words),
                                           .threads = {race_write, race_read}},
                   "data race");
    expect_failure(&(struct explorer_case){.name = "data race beside fences",
                                           .bytes = sizeof(struct words),
                                           .threads = {race_fence_write, race_fence_read}},
                   "data race");
    assert_false(explorer_run(&(struct explorer_case){.name = "no data race",
                                                      .bytes = sizeof(struct words),
                                                      .threads = {race_write_release, race_read}},
                              all)
                     .failed);
}

struct shared {
    _Atomic(unsigned *) pointer;
    atomic_uint word;
    unsigned got;
};

static void uaf_setup(void *context)
{
    struct shared *s = context;
    unsigned *memory = explorer_alloc(64, 64);

    *memory = 7;
    trove__store_relaxed(&s->pointer, memory);
}

static void uaf_free(void *context)
{
    unsigned *memory = trove__exchange_relaxed(&((struct shared *)context)->pointer, NULL);

    explorer_free(memory);
}

static void uaf_free_after_grace(void *context)
{
    unsigned *memory = trove__exchange_relaxed(&((struct shared *)context)->pointer, NULL);

    trove__grace_period();
    explorer_free(memory);
}

static void uaf_read(void *context)
{
    struct shared *s = context;
    unsigned *memory;

    trove__section_enter();
    memory = trove__load_relaxed(&s->pointer);
    if (memory != NULL)
        s->got = *memory;
    trove__section_leave();
}

static void failure__use_after_free(void **state)
{
    const struct explorer_case early = {.name = "freed without a grace period",
                                        .bytes = sizeof(struct shared),
                                        .setup = uaf_setup,
                                        .threads = {uaf_read, uaf_free}};
    const struct explorer_case late = {.name = "freed after a grace period",
                                       .bytes = sizeof(struct shared),
                                       .setup = uaf_setup,
                                       .threads = {uaf_read, uaf_free_after_grace}};

    (void)state;
    expect_failure(&early, "free");
    assert_false(explorer_run(&late, all).failed);
    explorer_skip_grace_periods(true);
    expect_failure(&late, "free");
    explorer_skip_grace_periods(false);
}

THREAD(sleep_wait, if (trove__load_relaxed(&w->x) == 0)
                       explored_syscall(202, &w->x, 128 + 9, 0, NULL, NULL, 0);)
THREAD(sleep_wake, trove__store_relaxed(&w->x, 1); explored_syscall(202, &w->x, 128 + 1, 9);)
THREAD(sleep_forget, trove__store_relaxed(&w->x, 1);)

static void failure__asleep_for_ever(void **state)
{
    (void)state;
    expect_failure(&(struct explorer_case){.name = "nobody wakes",
                                           .bytes = sizeof(struct words),
                                           .threads = {sleep_wait, sleep_forget}},
                   "sleeps");
    assert_false(explorer_run(&(struct explorer_case){.name = "somebody wakes",
                                                      .bytes = sizeof(struct words),
                                                      .threads = {sleep_wait, sleep_wake}},
                              all)
                     .failed);
}

/* --- mutexes ------------------------------------------------------------------------------------------------------ */

static void lock_setup(void *context)
{
    pthread_mutex_init(&((struct words *)context)->lock, NULL);
}

/* Who has the lock has it alone; who does not get it hears nothing of who has. */
THREAD(lock_and_add, pthread_mutex_lock(&w->lock); w->r[0] = ++w->plain;
       trove__store_relaxed(&w->x, 1); pthread_mutex_unlock(&w->lock);)
THREAD(
    try_and_add, if (pthread_mutex_trylock(&w->lock) == 0) {
        w->r[1] = ++w->plain;
        pthread_mutex_unlock(&w->lock);
    })
THREAD(try_and_look, if (pthread_mutex_trylock(&w->lock) == 0) pthread_mutex_unlock(&w->lock);
       else w->r[1] = 3 + trove__load_relaxed(&w->x);)

THREAD(use_without_lock, if (pthread_mutex_trylock(&w->lock) != 0) w->r[1] = w->plain;)

static void litmus__mutexes(void **state)
{
    (void)state;
    EXPECT((&(struct explorer_case){.name = "lock, trylock",
                                    .bytes = sizeof(struct words),
                                    .setup = lock_setup,
                                    .threads = {lock_and_add, try_and_add},
                                    .check = tell_two}),
           10, 12, 21);
    EXPECT((&(struct explorer_case){.name = "lock, trylock, look",
                                    .bytes = sizeof(struct words),
                                    .setup = lock_setup,
                                    .threads = {lock_and_add, try_and_look},
                                    .check = tell_two}),
           10, 13, 14);
    expect_failure(&(struct explorer_case){.name = "used without the lock",
                                           .bytes = sizeof(struct words),
                                           .setup = lock_setup,
                                           .threads = {lock_and_add, use_without_lock}},
                   "data race");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(litmus__message_passing),
        cmocka_unit_test(litmus__store_buffering),
        cmocka_unit_test(litmus__two_readers_two_writers),
        cmocka_unit_test(litmus__coherence),
        cmocka_unit_test(litmus__load_buffering_is_not_explored),
        cmocka_unit_test(litmus__release_sequences),
        cmocka_unit_test(litmus__read_modify_writes_are_atomic),
        cmocka_unit_test(litmus__fences_are_cumulative),
        cmocka_unit_test(litmus__mutexes),
        cmocka_unit_test(failure__data_race),
        cmocka_unit_test(failure__use_after_free),
        cmocka_unit_test(failure__asleep_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
