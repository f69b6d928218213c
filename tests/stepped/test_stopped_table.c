// SPDX-License-Identifier: MIT
/*
 * test_stopped_table.c - a thread stopped for ever at any step of an insert, a removal, a growth or a move holds up nobody;
 * finds are bounded by a number.
 */
#include "bare_table.h"
#include "core/memory.h"
#include "core/rcu.h"
#include "stepper.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * What one find may take: the home bucket at once (view, 7 slots, and either the candidate or meta, head, next); when that
 * does not decide, the search a bucket at a time (head, then of 3 levels 32 buckets of 7 slots, those that match once more,
 * and a meta word, then home's meta and next); and when that saw a mark, the scan in order (head, then of 3 levels 32 buckets
 * of 7 slots and a meta word, and each level's next). Entering and leaving a section takes at most 4.
 */
#define SLOTS_MAX (TROVE__LEVELS * TROVE__STEPS * TROVE__SLOTS)
#define REST_STEPS (1 + 2 * SLOTS_MAX + TROVE__LEVELS * (TROVE__STEPS + 2))
#define SCAN_STEPS (1 + SLOTS_MAX + TROVE__LEVELS * (TROVE__STEPS + 1))
#define FIND_STEPS (11 + REST_STEPS + SCAN_STEPS + 4)

/* --- the bound ---------------------------------------------------------------------------------------------------- */

/* Goal: the bound of a find, and that it is tight. Method: three levels, all ids with one hash, each level as full of them
 * as counters admit; then every object's find, and a miss, which reads everything, counted step by step. */
static void stopped_table__finds_are_bounded(void **state)
{
    struct bare_table f;
    uint64_t most = 0, steps;
    uint32_t n = 0;

    (void)state;
    bare_setup(&f, true);
    for (struct trove_object *object;; n++) {
        object = bare_object(&f, n);
        if (bare_insert(&f, object) != 0)
            break;
    }
    assert_int_equal(trove__table_sizes(&f.table).levels, TROVE__LEVELS);
    assert_true(n >= TROVE__LEVELS * TROVE__PASS_MAX);
    trove__object_release(f.objects[n]); /* the one that found no place */
    for (uint32_t i = 0; i < n; i++) {
        stepper_count();
        assert_ptr_equal(bare_find(&f, i), f.objects[i]);
        steps = stepper_count();
        if (steps > most)
            most = steps;
    }
    stepper_count();
    assert_null(bare_find(&f, n + 1));
    steps = stepper_count();
    if (steps > most)
        most = steps;
    printf("%u ids of one hash: a find takes at most %lu steps, the bound is %d\n", n, most,
           FIND_STEPS);
    assert_in_range(most, TROVE__LEVELS * TROVE__PASS_MAX, FIND_STEPS);
    bare_teardown(&f);
}

/* --- one thread stands still -------------------------------------------------------------------------------------- */

/* What others can do while somebody stands still: finds within their bound, inserts and removals within LIMIT. */
#define LIMIT 20000
static void others_get_on(struct bare_table *f, uint32_t present, uint32_t fresh)
{
    struct trove_object *object;

    for (uint32_t n = 0; n < present; n++) {
        stepper_count();
        object = bare_find(f, n);
        assert_in_range(stepper_count(), 1, FIND_STEPS);
        assert_ptr_equal(object, f->objects[n]);
    }
    stepper_limit(LIMIT);
    object = bare_object(f, fresh);
    assert_int_equal(bare_insert(f, object), 0);
    assert_ptr_equal(bare_find(f, fresh), object);
    assert_int_equal(bare_take_out(f, object), 0);
    assert_null(bare_find(f, fresh));
    stepper_limit(0);
    assert_false(stepper_was_stuck());
}

struct act {
    struct bare_table *f;
    struct trove_object *object;
    int result;
};

static void act_insert(void *context)
{
    struct act *act = context;

    act->result = bare_insert(act->f, act->object);
}

static void act_remove(void *context)
{
    struct act *act = context;

    act->result = bare_take_out(act->f, act->object);
}

static void act_service(void *context)
{
    struct act *act = context;

    act->result = trove__table_service(&act->f->table);
}

/* Goal: an insert that stops at any of its steps. Half of the ids share a bucket, so that steps and counters matter. */
static void stopped_table__insert(void **state)
{
    uint64_t at = 0;
    bool stands = true;

    (void)state;
    while (stands) {
        struct bare_table f;
        struct act act = {.f = &f};

        bare_setup(&f, true);
        for (uint32_t n = 0; n < 20; n++)
            bare_add(&f, n);
        act.object = bare_object(&f, 20);
        stands = stepper_run_to(act_insert, &act, ++at);
        others_get_on(&f, 20, 99);
        stepper_resume();
        assert_int_equal(act.result, 0);
        assert_ptr_equal(bare_find(&f, 20), act.object);
        bare_come_to_rest(&f);
        assert_int_equal(trove__table_sizes(&f.table).entries, 21);
        bare_teardown(&f);
    }
    printf("stopped at each of %lu steps\n", at - 1);
    assert_true(at > 20);
}

/* Goal: two inserts of one id, the first stopped anywhere: one copy stays, and is found from the second's return on; one of the
 * two says that it added the id. */
static void stopped_table__insert_of_the_same_id(void **state)
{
    uint64_t at = 0;
    bool stands = true;
    unsigned won[2] = {0};

    (void)state;
    while (stands) {
        struct trove_object *rival, *seen;
        struct bare_table f;
        struct act act = {.f = &f};
        int r;

        bare_setup(&f, true);
        for (uint32_t n = 0; n < 9; n++)
            bare_add(&f, n);
        assert_int_equal(bare_take_out(&f, f.objects[3]), 0); /* a hole for the second */
        act.object = bare_object(&f, 50);
        rival = bare_object(&f, 50);
        stands = stepper_run_to(act_insert, &act, ++at);
        stepper_limit(LIMIT);
        r = bare_insert(&f, rival);
        assert_non_null(bare_find(&f, 50));
        stepper_limit(0);
        assert_false(stepper_was_stuck());
        stepper_resume();
        seen = bare_find(&f, 50);
        assert_true(seen == act.object || seen == rival);
        assert_int_equal((r == 0) + (act.result == 0), 1);
        won[act.result == 0]++;
        bare_come_to_rest(&f);
        assert_int_equal(trove__table_sizes(&f.table).entries, 9);
        if (act.result == -EEXIST)
            trove__object_release(act.object);
        if (r == -EEXIST)
            trove__object_release(rival);
        bare_teardown(&f);
    }
    assert_true(won[0] > 0 && won[1] > 0);
}

static void stopped_table__remove(void **state)
{
    uint64_t at = 0;
    bool stands = true;

    (void)state;
    while (stands) {
        struct bare_table f;
        struct act act = {.f = &f};

        bare_setup(&f, true);
        for (uint32_t n = 0; n < 20; n++)
            bare_add(&f, n);
        act.object = f.objects[19];
        stands = stepper_run_to(act_remove, &act, ++at);
        others_get_on(&f, 19, 99);
        stepper_resume();
        assert_int_equal(act.result, 0);
        assert_null(bare_find(&f, 19));
        bare_come_to_rest(&f);
        assert_int_equal(trove__table_sizes(&f.table).entries, 19);
        bare_teardown(&f);
    }
    printf("stopped at each of %lu steps\n", at - 1);
    assert_true(at > 10);
}

/*
 * Goal: the thread that grows, settles and moves stops anywhere: every id is found all the time, others insert, remove and
 * help. Method: 340 objects are well above half of the first level; the steps of one service call, which does all
 * three, one run for each.
 */
static void stopped_table__growth_and_move(void **state)
{
    uint64_t at = 0, stride = 1;
    bool stands = true;
    unsigned runs = 0;

    (void)state;
    while (stands) {
        struct bare_table f;
        struct act act = {.f = &f};

        bare_setup(&f, false);
        for (uint32_t n = 0; n < 340; n++)
            bare_add(&f, n);
        at += stride;
        stride =
            at < 700 ? 1 : 7; /* the slots of a bucket: what comes is the same again and again */
        stands = stepper_run_to(act_service, &act, at);
        others_get_on(&f, 340, 9999);
        trove__section_enter();
        trove__table_move(&f.table);
        trove__section_leave();
        others_get_on(&f, 340, 9998);
        stepper_resume();
        bare_come_to_rest(&f);
        while (trove__table_service(&f.table))
            ;
        for (uint32_t n = 0; n < 340; n++)
            assert_ptr_equal(bare_find(&f, n), f.objects[n]);
        assert_int_equal(trove__table_sizes(&f.table).levels, 1);
        assert_int_equal(trove__table_sizes(&f.table).entries, 340);
        bare_teardown(&f);
        runs++;
    }
    printf("%u runs, the last at step %lu\n", runs, at);
    assert_true(runs > 500);
}

/* Goal: inserts that nobody moves after leave room for what has to move, and then the table grows on. Method: no service
 * until an insert is refused; then service must leave one level that holds all, and inserts go on. */
static void stopped_table__inserts_leave_room_for_moves(void **state)
{
    struct trove_object *refused;
    struct bare_table f;
    uint32_t count = 0;

    (void)state;
    bare_setup(&f, false);
    while (bare_insert(&f, refused = bare_object(&f, count)) == 0)
        count++;
    assert_int_equal(trove__table_sizes(&f.table).levels, 3);
    assert_true(count > 1000);
    while (trove__table_service(&f.table))
        ;
    assert_int_equal(trove__table_sizes(&f.table).levels, 1);
    assert_int_equal(trove__table_sizes(&f.table).entries, count);
    for (uint32_t n = 0; n < count; n++)
        assert_ptr_equal(bare_find(&f, n), f.objects[n]);
    assert_int_equal(bare_insert(&f, refused), 0);
    bare_teardown(&f);
}

/* --- does the alarm ring? ----------------------------------------------------------------------------------------- */

static int locked_insert(struct bare_table *f, struct trove_object *object)
{
    int r;

    stepper_lock();
    r = bare_insert(f, object);
    stepper_unlock();
    return r;
}

static void act_locked_insert(void *context)
{
    struct act *act = context;

    act->result = locked_insert(act->f, act->object);
}

/* Goal: an insert under a spin lock is caught. */
static void stopped_table__a_lock_is_caught(void **state)
{
    struct bare_table f;
    struct act act = {.f = &f};

    (void)state;
    bare_setup(&f, false);
    act.object = bare_object(&f, 1);
    assert_true(stepper_run_to(act_locked_insert, &act, 5));
    stepper_limit(LIMIT);
    assert_int_equal(locked_insert(&f, bare_object(&f, 2)), 0);
    stepper_limit(0);
    assert_true(stepper_was_stuck());
    stepper_resume();
    bare_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_table__finds_are_bounded),
        cmocka_unit_test(stopped_table__insert),
        cmocka_unit_test(stopped_table__insert_of_the_same_id),
        cmocka_unit_test(stopped_table__remove),
        cmocka_unit_test(stopped_table__growth_and_move),
        cmocka_unit_test(stopped_table__inserts_leave_room_for_moves),
        cmocka_unit_test(stopped_table__a_lock_is_caught),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
