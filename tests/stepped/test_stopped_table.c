// SPDX-License-Identifier: MIT
/*
 * test_stopped_table.c - a thread stopped for ever at any step of an insert, a removal, a growth or a move holds up nobody;
 * finds are bounded by a number.
 */
#include "core/memory.h"
#include "core/rcu.h"
#include "core/table_internal.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OBJECTS 4096

struct fixture {
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__ledger *ledger;
    struct trove__table table;
    struct trove_object *objects[OBJECTS]; /* a pin of the test's own on each */
    unsigned count;
};

static void host_unlinked(void *context, struct trove_object *object)
{
    trove__reclaim_object(&((struct fixture *)context)->reclaim, object);
}

static bool host_reserve(void *context, uint64_t bytes, bool may_evict)
{
    (void)may_evict;
    return trove__budget_reserve(&((struct fixture *)context)->budget, bytes);
}

static void host_unreserve(void *context, uint64_t bytes)
{
    trove__budget_unreserve(&((struct fixture *)context)->budget, bytes);
}

static void host_wake(void *context)
{
    (void)context; /* tests call service themselves */
}

static uint64_t keyed_hash(const struct trove__secret *secret, const uint8_t *id)
{
    const struct trove__needle needle = trove__needle_of(id, TROVE_SHA1);

    return trove__keyed_hash(secret, &needle, TROVE_SHA1);
}

static uint64_t same_hash(const struct trove__secret *secret, const uint8_t *id)
{
    (void)secret, (void)id;
    return 0;
}

static void setup(struct fixture *f, bool one_hash)
{
    const struct trove__table_host host = {host_unlinked, host_reserve, host_unreserve, host_wake,
                                           f};

    memset(f, 0, sizeof(*f));
    trove__budget_init(&f->budget, 64 << 20, 8 << 20, false);
    f->ledger = trove__ledger_create();
    assert_non_null(f->ledger);
    trove__reclaim_init(&f->reclaim, &f->budget, f->ledger, NULL, NULL);
    assert_int_equal(trove__table_init(&f->table, TROVE_SHA1, one_hash ? same_hash : keyed_hash, 0,
                                       0, &host, &f->reclaim),
                     0);
}

static void teardown(struct fixture *f)
{
    assert_int_equal(trove__reclaim_stop(&f->reclaim, NULL), 0);
    trove__table_deinit(&f->table);
    for (unsigned i = 0; i < f->count; i++)
        trove_unpin(f->objects[i]);
    trove__ledger_unref(f->ledger);
}

static struct trove_oid id_of(uint32_t n)
{
    struct trove_oid id = {{0}};

    memcpy(id.bytes + 8, &n, sizeof(n));
    return id;
}

/* An object that is not in the table; the table's pin, which insert takes, and the test's own. */
static struct trove_object *make_object(struct fixture *f, uint32_t n)
{
    struct trove_object *object = trove__object_create(f->ledger, TROVE_SHA1, TROVE_BLOB, 8);
    struct trove_oid id = id_of(n);

    assert_non_null(object);
    trove__object_set_id(object, &id);
    trove__budget_force(&f->budget, trove__object_usable(TROVE_SHA1, 8));
    trove_pin(object);
    assert_true(f->count < OBJECTS);
    f->objects[f->count++] = object;
    return object;
}

static int insert(struct fixture *f, struct trove_object *object)
{
    struct trove_object *other;
    int r;

    trove__section_enter();
    r = trove__table_insert(&f->table, object, trove__table_hash(&f->table, object->id), false,
                            &other);
    trove__section_leave();
    return r;
}

static void add(struct fixture *f, uint32_t n)
{
    assert_int_equal(insert(f, make_object(f, n)), 0);
}

static struct trove_object *find(struct fixture *f, uint32_t n)
{
    struct trove_oid id = id_of(n);
    struct trove_object *object;

    trove__section_enter();
    object =
        trove__table_find(&f->table, id.bytes, trove__table_hash(&f->table, id.bytes), TROVE_SHA1);
    trove__section_leave();
    return object;
}

static int take_out(struct fixture *f, struct trove_object *object)
{
    int r;

    trove__section_enter();
    r = trove__table_remove(&f->table, object, trove__table_hash(&f->table, object->id));
    if (r == 0)
        host_unlinked(f, object);
    trove__section_leave();
    return r;
}

/*
 * What one find may take: the home bucket at once (view, 7 slots, and either the candidate or meta, head, next), and, when that does not
 * decide, the whole scan (head, then of 3 levels 16 buckets of 7 slots and a meta word, and each level's next). Entering
 * and leaving a section takes at most 4.
 */
#define SLOTS_MAX (TROVE__LEVELS * TROVE__STEPS * TROVE__SLOTS)
#define FIND_STEPS (11 + 1 + SLOTS_MAX + TROVE__LEVELS * (TROVE__STEPS + 1) + 4)

/* --- the bound ---------------------------------------------------------------------------------------------------- */

/* Goal: the bound of a find, and that it is tight. Method: three levels, all ids with one hash, each level as full of them
 * as counters admit; then every object's find, and a miss, which reads everything, counted step by step. */
static void stopped_table__finds_are_bounded(void **state)
{
    struct fixture f;
    uint64_t most = 0, steps;
    uint32_t n = 0;

    (void)state;
    setup(&f, true);
    for (struct trove_object *object;; n++) {
        object = make_object(&f, n);
        if (insert(&f, object) != 0)
            break;
    }
    assert_int_equal(trove__table_sizes(&f.table).levels, TROVE__LEVELS);
    assert_true(n >= TROVE__LEVELS * TROVE__PASS_MAX);
    trove__object_release(f.objects[n]); /* the one that found no place */
    for (uint32_t i = 0; i < n; i++) {
        stepper_count();
        assert_ptr_equal(find(&f, i), f.objects[i]);
        steps = stepper_count();
        if (steps > most)
            most = steps;
    }
    stepper_count();
    assert_null(find(&f, n + 1));
    steps = stepper_count();
    if (steps > most)
        most = steps;
    printf("%u ids of one hash: a find takes at most %lu steps, the bound is %d\n", n, most,
           FIND_STEPS);
    assert_in_range(most, TROVE__LEVELS * TROVE__PASS_MAX, FIND_STEPS);
    teardown(&f);
}

/* --- one thread stands still -------------------------------------------------------------------------------------- */

/* What others can do while somebody stands still: finds within their bound, inserts and removals within LIMIT. */
#define LIMIT 20000
static void others_get_on(struct fixture *f, uint32_t present, uint32_t fresh)
{
    struct trove_object *object;

    for (uint32_t n = 0; n < present; n++) {
        stepper_count();
        object = find(f, n);
        assert_in_range(stepper_count(), 1, FIND_STEPS);
        assert_ptr_equal(object, f->objects[n]);
    }
    stepper_limit(LIMIT);
    object = make_object(f, fresh);
    assert_int_equal(insert(f, object), 0);
    assert_ptr_equal(find(f, fresh), object);
    assert_int_equal(take_out(f, object), 0);
    assert_null(find(f, fresh));
    stepper_limit(0);
    assert_false(stepper_was_stuck());
}

struct act {
    struct fixture *f;
    struct trove_object *object;
    int result;
};

static void act_insert(void *context)
{
    struct act *act = context;

    act->result = insert(act->f, act->object);
}

static void act_remove(void *context)
{
    struct act *act = context;

    act->result = take_out(act->f, act->object);
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
        struct fixture f;
        struct act act = {.f = &f};

        setup(&f, true);
        for (uint32_t n = 0; n < 20; n++)
            add(&f, n);
        act.object = make_object(&f, 20);
        stands = stepper_run_to(act_insert, &act, ++at);
        others_get_on(&f, 20, 99);
        stepper_resume();
        assert_int_equal(act.result, 0);
        assert_ptr_equal(find(&f, 20), act.object);
        assert_int_equal(trove__table_sizes(&f.table).entries, 21);
        teardown(&f);
    }
    printf("stopped at each of %lu steps\n", at - 1);
    assert_true(at > 20);
}

/* Goal: two inserts of one id, the first stopped anywhere: one stays, and it is found from the second's return on. */
static void stopped_table__insert_of_the_same_id(void **state)
{
    uint64_t at = 0;
    bool stands = true;
    unsigned won[2] = {0};

    (void)state;
    while (stands) {
        struct trove_object *rival, *seen;
        struct fixture f;
        struct act act = {.f = &f};
        int r;

        setup(&f, true);
        for (uint32_t n = 0; n < 9; n++)
            add(&f, n);
        assert_int_equal(take_out(&f, f.objects[3]), 0); /* a hole for the second */
        act.object = make_object(&f, 50);
        rival = make_object(&f, 50);
        stands = stepper_run_to(act_insert, &act, ++at);
        stepper_limit(LIMIT);
        r = insert(&f, rival);
        assert_non_null(find(&f, 50));
        stepper_limit(0);
        assert_false(stepper_was_stuck());
        stepper_resume();
        seen = find(&f, 50);
        assert_true(seen == (act.result == 0 ? act.object : rival));
        assert_true((r == 0) + (act.result == 0) >= 1);
        won[act.result == 0]++;
        assert_int_equal(trove__table_sizes(&f.table).entries, 9);
        if (act.result == -EEXIST)
            trove__object_release(act.object);
        if (r == -EEXIST)
            trove__object_release(rival);
        teardown(&f);
    }
    assert_true(won[0] > 0 && won[1] > 0);
}

static void stopped_table__remove(void **state)
{
    uint64_t at = 0;
    bool stands = true;

    (void)state;
    while (stands) {
        struct fixture f;
        struct act act = {.f = &f};

        setup(&f, true);
        for (uint32_t n = 0; n < 20; n++)
            add(&f, n);
        act.object = f.objects[19];
        stands = stepper_run_to(act_remove, &act, ++at);
        others_get_on(&f, 19, 99);
        stepper_resume();
        assert_int_equal(act.result, 0);
        assert_null(find(&f, 19));
        assert_int_equal(trove__table_sizes(&f.table).entries, 19);
        teardown(&f);
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
        struct fixture f;
        struct act act = {.f = &f};

        setup(&f, false);
        for (uint32_t n = 0; n < 340; n++)
            add(&f, n);
        at += stride;
        stride =
            at < 700 ? 1 : 7; /* the slots of a bucket: what comes is the same again and again */
        stands = stepper_run_to(act_service, &act, at);
        others_get_on(&f, 340, 9999);
        trove__section_enter();
        trove__table_help(&f.table);
        trove__section_leave();
        others_get_on(&f, 340, 9998);
        stepper_resume();
        while (trove__table_service(&f.table))
            ;
        for (uint32_t n = 0; n < 340; n++)
            assert_ptr_equal(find(&f, n), f.objects[n]);
        assert_int_equal(trove__table_sizes(&f.table).levels, 1);
        assert_int_equal(trove__table_sizes(&f.table).entries, 340);
        teardown(&f);
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
    struct fixture f;
    uint32_t count = 0;

    (void)state;
    setup(&f, false);
    while (insert(&f, refused = make_object(&f, count)) == 0)
        count++;
    assert_int_equal(trove__table_sizes(&f.table).levels, 3);
    assert_true(count > 1000);
    while (trove__table_service(&f.table))
        ;
    assert_int_equal(trove__table_sizes(&f.table).levels, 1);
    assert_int_equal(trove__table_sizes(&f.table).entries, count);
    for (uint32_t n = 0; n < count; n++)
        assert_ptr_equal(find(&f, n), f.objects[n]);
    assert_int_equal(insert(&f, refused), 0);
    teardown(&f);
}

/* --- does the alarm ring? ----------------------------------------------------------------------------------------- */

static int locked_insert(struct fixture *f, struct trove_object *object)
{
    int r;

    stepper_lock();
    r = insert(f, object);
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
    struct fixture f;
    struct act act = {.f = &f};

    (void)state;
    setup(&f, false);
    act.object = make_object(&f, 1);
    assert_true(stepper_run_to(act_locked_insert, &act, 5));
    stepper_limit(LIMIT);
    assert_int_equal(locked_insert(&f, make_object(&f, 2)), 0);
    stepper_limit(0);
    assert_true(stepper_was_stuck());
    stepper_resume();
    teardown(&f);
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
