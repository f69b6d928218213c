// SPDX-License-Identifier: MIT
/*
 * test_stopped_home.c - objects that are brought to their home bucket are found throughout: with the one who brings them
 * stopped at any step, with a reader or an insert stopped at any step; and without the grace period one is missed.
 */
#include "bare_table.h"
#include "core/rcu.h"
#include "stepper.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>

#define PRESENT 20 /* ids of one hash: seven at home, the others in two buckets more */
#define ALL_BUCKETS 64

static bool is_away(const struct bare_table *f, uint32_t n)
{
    struct trove__level *level = f->table.head;
    const struct trove_object *object = f->objects[n];

    for (uint64_t b = 0; b <= level->mask; b++)
        for (unsigned s = 0; s < TROVE__SLOTS; s++)
            if (trove__object_of(level->buckets[b].slots[s]) == object)
                return (level->buckets[b].slots[s] & TROVE__AWAY) != 0;
    return false;
}

static unsigned count_away(const struct bare_table *f)
{
    unsigned away = 0;

    for (uint32_t n = 0; n < f->count; n++)
        away += is_away(f, n);
    return away;
}

/* No thread of the reclaimer's: the test does what it would do. */
static void begin(struct bare_table *f)
{
    bare_setup(f, true);
    f->reclaim.thread_state = TROVE__RECLAIM_STARTING;
    for (uint32_t n = 0; n < PRESENT; n++)
        bare_add(f, n);
    assert_int_equal(count_away(f), PRESENT - TROVE__SLOTS);
}

/* The same with holes at home for two of those that are away. */
static void begin_with_room(struct bare_table *f)
{
    begin(f);
    assert_int_equal(bare_take_out(f, f->objects[2]), 0);
    assert_int_equal(bare_take_out(f, f->objects[4]), 0);
}

static void end(struct bare_table *f)
{
    f->reclaim.thread_state = TROVE__RECLAIM_NONE;
    bare_teardown(f);
}

static bool is_present(uint32_t n)
{
    return n != 2 && n != 4;
}

static void all_are_found(struct bare_table *f)
{
    for (uint32_t n = 0; n < PRESENT; n++)
        assert_ptr_equal(bare_find(f, n), is_present(n) ? f->objects[n] : NULL);
}

/* --- who brings them stands still --------------------------------------------------------------------------------- */

static void act_bring_home(void *context)
{
    struct bare_table *f = context;

    trove__table_homing_leave(&f->table, ALL_BUCKETS);
    trove__grace_period();
    trove__table_homing_arrive(&f->table);
}

/* Finds, an insert of a fresh id, one of an id that is on its way, and removals. */
static void others_get_on(struct bare_table *f)
{
    struct trove_object *fresh = bare_object(f, 90), *again = bare_object(f, 7);

    all_are_found(f);
    stepper_limit(20000);
    assert_int_equal(bare_insert(f, fresh), 0);
    assert_ptr_equal(bare_find(f, 90), fresh);
    assert_int_equal(bare_take_out(f, fresh), 0);
    assert_null(bare_find(f, 90));
    assert_int_equal(bare_insert(f, again), -EEXIST);
    trove__object_release(again);
    stepper_limit(0);
    assert_false(stepper_was_stuck());
}

/* Goal: the one who brings objects home stops anywhere; every id is found, others insert and remove; in the end two more
 * are at home, and nothing is lost or double. */
static void stopped_home__bringing(void **state)
{
    uint64_t at = 0;
    bool stands = true;

    (void)state;
    while (stands) {
        struct bare_table f;

        begin_with_room(&f);
        stands = stepper_run_to(act_bring_home, &f, ++at);
        others_get_on(&f);
        stepper_resume();
        all_are_found(&f);
        assert_in_range(count_away(&f), PRESENT - TROVE__SLOTS - 2, PRESENT - TROVE__SLOTS - 1);
        assert_int_equal(f.table.homing.count, 0);
        assert_int_equal(trove__table_sizes(&f.table).entries, PRESENT - 2);
        end(&f);
    }
    printf("stopped at each of %lu steps\n", at - 1);
    assert_true(at > 100);
}

/* Goal: an object on its way is not evicted, and is afterwards. Method: removals of each between the two ends. */
static void stopped_home__removals(void **state)
{
    unsigned busy = 0;
    struct bare_table f;

    (void)state;
    begin_with_room(&f);
    trove__table_homing_leave(&f.table, ALL_BUCKETS);
    assert_int_equal(f.table.homing.count, 2);
    for (uint32_t n = TROVE__SLOTS; n < PRESENT; n++)
        busy += bare_take_out(&f, f.objects[n]) == -EBUSY;
    trove__table_homing_arrive(&f.table);
    assert_int_equal(busy, 2);
    for (uint32_t n = 0; n < PRESENT; n++)
        if (is_present(n))
            (void)bare_take_out(&f, f.objects[n]);
    assert_true(trove__table_is_empty(&f.table));
    end(&f);
}

/* --- a reader stands still ---------------------------------------------------------------------------------------- */

struct reader {
    struct bare_table *f;
    uint32_t n;
    struct trove_object *found;
};

static void act_find(void *context)
{
    struct reader *reader = context;

    reader->found = bare_find(reader->f, reader->n);
}

/* Runs a find of the last id, which is away, up to step AT; brings it home meanwhile, waiting for the reader as the
 * grace period would, or not. False: the reader has no such step. */
static bool find_while_moving(uint64_t at, bool waits, bool *ret_found)
{
    struct bare_table f;
    struct reader reader = {&f, PRESENT - 1, NULL};
    bool stands;

    begin(&f);
    /* Room for all that are away but one: each comes home, but for those that came first. */
    for (uint32_t n = 0; n < PRESENT - 1; n++)
        if (n < TROVE__SLOTS - 1 || is_away(&f, n))
            assert_int_equal(bare_take_out(&f, f.objects[n]), 0);
    assert_true(is_away(&f, reader.n));
    stands = stepper_run_to(act_find, &reader, at);
    trove__table_homing_leave(&f.table, ALL_BUCKETS);
    if (waits)
        stepper_resume();
    trove__table_homing_arrive(&f.table);
    if (!waits)
        stepper_resume();
    assert_false(is_away(&f, reader.n));
    *ret_found = reader.found == f.objects[reader.n];
    end(&f);
    return stands;
}

/* Goal: a reader that stops anywhere finds what is brought home meanwhile, because the grace period waits for it; and it
 * would not if that did not. */
static void stopped_home__reader(void **state)
{
    unsigned missed = 0;
    uint64_t at = 0;
    bool found;

    (void)state;
    while (find_while_moving(++at, true, &found))
        assert_true(found);
    assert_true(at > 20);
    for (at = 1; find_while_moving(at, false, &found); at++)
        missed += !found;
    printf("%lu steps; without a grace period %u finds would miss\n", at - 1, missed);
    assert_true(missed > 0);
}

/* --- an insert stands still --------------------------------------------------------------------------------------- */

struct inserter {
    struct bare_table *f;
    struct trove_object *object;
    int result;
};

static void act_insert(void *context)
{
    struct inserter *inserter = context;

    inserter->result = bare_insert(inserter->f, inserter->object);
}

/* Goal: two inserts of one id, the first stopped anywhere, its copy or the other's on the way home: one stays, and one
 * of the two says that it added the id. */
static void stopped_home__insert_of_the_same_id(void **state)
{
    unsigned won[2] = {0};
    uint64_t at = 0;
    bool stands = true;

    (void)state;
    while (stands) {
        struct bare_table f;
        struct inserter first = {.f = &f};
        struct trove_object *rival;
        int r;

        begin(&f);
        first.object = bare_object(&f, 50);
        rival = bare_object(&f, 50);
        stands = stepper_run_to(act_insert, &first, ++at);
        r = bare_insert(&f, rival);
        for (uint32_t n = 0; n < TROVE__SLOTS; n++)
            assert_int_equal(bare_take_out(&f, f.objects[n]), 0);
        trove__table_homing_leave(&f.table, ALL_BUCKETS);
        assert_non_null(bare_find(&f, 50));
        stepper_resume();
        assert_non_null(bare_find(&f, 50));
        trove__table_homing_arrive(&f.table);
        assert_true(bare_find(&f, 50) == first.object || bare_find(&f, 50) == rival);
        assert_int_equal((r == 0) + (first.result == 0), 1);
        won[bare_find(&f, 50) == first.object]++;
        assert_int_equal(trove__table_sizes(&f.table).entries, PRESENT - TROVE__SLOTS + 1);
        if (first.result == -EEXIST)
            trove__object_release(first.object);
        if (r == -EEXIST)
            trove__object_release(rival);
        end(&f);
    }
    assert_true(won[0] > 0 && won[1] > 0);
}

/* --- growth in between -------------------------------------------------------------------------------------------- */

/* Goal: a level that is left while objects of it are on their way home is emptied in the end. */
static void stopped_home__growth_in_between(void **state)
{
    struct bare_table f;

    (void)state;
    begin_with_room(&f);
    trove__table_homing_leave(&f.table, ALL_BUCKETS);
    trove__section_enter();
    assert_int_equal(trove__grow(&f.table, trove__newest_level(&f.table), false), 0);
    trove__section_leave();
    while (trove__table_service(&f.table))
        ;
    assert_int_equal(trove__table_sizes(&f.table).levels, 2); /* two are left in the old one */
    all_are_found(&f);
    trove__table_homing_arrive(&f.table);
    while (trove__table_service(&f.table))
        ;
    trove__table_move(&f.table);
    assert_int_equal(trove__table_sizes(&f.table).levels, 1);
    all_are_found(&f);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_home__bringing),
        cmocka_unit_test(stopped_home__removals),
        cmocka_unit_test(stopped_home__reader),
        cmocka_unit_test(stopped_home__insert_of_the_same_id),
        cmocka_unit_test(stopped_home__growth_in_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
