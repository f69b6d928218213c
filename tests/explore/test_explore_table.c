// SPDX-License-Identifier: MIT
/*
 * test_explore_table.c - the table in all interleavings of small cases: what is present is found, one id has one object,
 * nothing is freed early; and each edge of table.c is needed, its mutant dies.
 *
 * The find is read in two ways: as it is compiled for ThreadSanitizer, each lane an acquire load, and with the lanes relaxed,
 * which is what a vector load is that has no order between its lanes. The fence behind the lanes is a fence in both. Mutants
 * are tried with the lanes relaxed.
 */
#include "edges.h"
#include "small_table.h"
#include "support.h"

/* The same of two inserts, of which one says that it added the id. */
static void check_one_added(void *context)
{
    struct play *play = context;

    check_one_copy(play);
    explorer_assert((play->results[0] == 0) + (play->results[1] == 0) == 1);
}

/* --- inserts -------------------------------------------------------------------------------------------------------- */

static void setup_empty(void *context)
{
    make_table(context, NULL);
}

static void insert_new(struct play *play, unsigned thread)
{
    play->results[thread] = insert(play, make_object(play, 0), &play->others[thread]);
}

static void insert_as_first(void *play)
{
    insert_new(play, 0);
}

static void insert_as_second(void *play)
{
    insert_new(play, 1);
}

/* Once seen, seen. */
static void find_twice(void *context)
{
    struct play *play = context;

    if (find(play, 0) != NULL)
        explorer_assert(find(play, 0) != NULL);
}

static void find_it(void *context)
{
    explorer_assert(find(context, 0) != NULL);
}

static void find_it_twice(void *context)
{
    find_it(context);
    find_it(context);
}

static void setup_first_slot_taken(void *context)
{
    make_table(context, NULL);
    fill(context, 1);
}

/* Makes an earlier place free, then takes it: two inserts choose two slots. */
static void remove_then_insert(void *context)
{
    struct play *play = context;

    trove__section_enter();
    remove_one(play, play->objects[1], 2);
    trove__section_leave();
    insert_new(play, 1);
}

/* --- a late insert beside a copy that is there ------------------------------------------------------------------------ */

/* The copy that is there is behind COUNT others in its home bucket. */
static void setup_copy_behind(struct play *play, unsigned count)
{
    make_table(play, NULL);
    fill(play, count);
    play->first = make_object(play, 0);
    explorer_assert(insert(play, play->first, &play->others[0]) == 0);
}

static void setup_copy_first(void *play)
{
    setup_copy_behind(play, 0);
}

static void setup_copy_last(void *play)
{
    setup_copy_behind(play, TROVE__SLOTS - 1);
}

static void insert_second_late(void *context)
{
    struct play *play = context;

    trove__section_enter();
    insert_late(play, trove__newest_level(&play->table), make_object(play, 0));
    trove__section_leave();
}

/* --- removal and reclamation ------------------------------------------------------------------------------------------ */

static void insert_first(void *context)
{
    struct play *play = context;

    play->first = NULL;
    insert_new(play, 0);
}

static void remove_found(struct play *play, unsigned thread)
{
    struct trove_object *found;

    trove__section_enter();
    found = find_inside(play, 0);
    if (found != NULL)
        remove_one(play, found, thread);
    trove__section_leave();
}

static void remove_what_is_found(void *context)
{
    remove_found(context, 1);
}

static void remove_and_free(void *context)
{
    struct play *play = context;

    remove_found(play, 2);
    trove__reclaim_turn(&play->reclaim);
}

static void read_it(void *context)
{
    (void)find(context, 0);
}

static void remove_first(void *context)
{
    struct play *play = context;

    trove__section_enter();
    remove_one(play, play->first, 0);
    trove__section_leave();
}

static void take_turn(void *context)
{
    trove__reclaim_turn(&((struct play *)context)->reclaim);
}

static void check_empty(void *context)
{
    explorer_assert(copies(context) == 0);
    check_counts(context);
}

static void check_removed(void *context)
{
    struct play *play = context;

    explorer_assert(copies(play) == (play->results[0] == 0 ? 0 : 1));
    check_counts(play);
}

/* --- growth ----------------------------------------------------------------------------------------------------------- */

static void setup_to_move(void *context)
{
    setup_copy_first(context);
    add_level(context, true);
}

static void help(void *context)
{
    struct play *play = context;

    trove__section_enter();
    trove__table_move(&play->table);
    trove__section_leave();
}

/* And a copy in the newer level, as an insert leaves it that was late. */
static void setup_to_move_with_copy(void *context)
{
    struct play *play = context;
    struct trove__level *level;

    setup_copy_first(play);
    level = add_level(play, true);
    play->second = make_object(play, 0);
    explorer_assert(
        trove__place(level, HOME | TAG_OF_ONE, play->second, 0, &(struct trove__place){0}) == 0);
}

static void remove_first_or_not(void *context)
{
    struct play *play = context;

    trove__section_enter();
    remove_one(play, play->first, 0);
    trove__section_leave();
}

static void remove_then_insert_again(void *context)
{
    struct play *play = context;

    remove_first_or_not(play);
    insert_new(play, 1);
}

static void check_after_move(void *context)
{
    struct play *play = context;

    explorer_assert(copies(play) == 1);
    explorer_assert(find(play, 0) != NULL);
    check_counts(play);
}

static void is_never_empty(void *context)
{
    struct play *play = context;

    trove__section_enter();
    explorer_assert(!trove__table_is_empty(&play->table));
    trove__section_leave();
}

/* A level that is new, and not settled: who took the first one for the newest may still insert there. */
static void setup_loaded(void *context)
{
    struct play *play = context;

    make_table(play, NULL);
    /* As if it were full enough to grow. */
    trove__store_relaxed(&trove__load_relaxed(&play->table.head)->cursor, HOME >> 58);
}

static void grow_and_move(void *context)
{
    struct play *play = context;
    struct trove__level *head;

    trove__section_enter();
    head = trove__newest_level(&play->table);
    trove__grow(&play->table, head, false);
    trove__section_leave();
    trove__table_service(&play->table);
    trove__reclaim_turn(&play->reclaim);
}

static void grow_only(void *context)
{
    struct play *play = context;

    trove__section_enter();
    trove__grow(&play->table, trove__newest_level(&play->table), false);
    trove__section_leave();
}

static void insert_then_find(void *context)
{
    struct play *play = context;

    insert_new(play, 0);
    explorer_assert(find(play, 0) != NULL);
}

static void help_and_free(void *context)
{
    help(context);
    take_turn(context);
}

/* --- objects brought home --------------------------------------------------------------------------------------------- */

/* Object 0 is away from its home bucket, which has room now. */
static void setup_away(void *context)
{
    struct play *play = context;

    setup_copy_behind(play, TROVE__SLOTS);
    trove__section_enter();
    remove_one(play, play->objects[1], 3);
    trove__section_leave();
    play->table.homing.cursor =
        trove__bucket_at(trove__newest_level(&play->table), HOME | TAG_OF_ONE, 1) -
        trove__newest_level(&play->table)->buckets;
}

static void bring_home(void *context)
{
    struct play *play = context;

    trove__table_homing_leave(&play->table, 1);
    trove__grace_period();
    trove__table_homing_arrive(&play->table);
}

/* --- the cases -------------------------------------------------------------------------------------------------------- */

#define CASE(text, make, look, ...)                                                                \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look                                                                              \
    }

static const struct explorer_case cases[] = {
    CASE("two inserts, a find", setup_empty, check_one_added, insert_as_first, insert_as_second,
         find_twice),
    CASE("two inserts in two slots", setup_first_slot_taken, check_one_added, insert_as_first,
         remove_then_insert),
    CASE("two inserts in two slots, a find", setup_first_slot_taken, check_one_added,
         insert_as_first, remove_then_insert, find_twice),
    CASE("late insert in the bucket, finds", setup_copy_first, check_one_copy, insert_second_late,
         find_it_twice),
    CASE("late insert behind a full bucket, finds", setup_copy_last, check_one_copy,
         insert_second_late, find_it_twice),
    CASE("two late inserts, find", setup_copy_first, check_one_copy, insert_second_late,
         insert_second_late, find_it),
    CASE("insert, removal, read", setup_empty, NULL, insert_first, remove_and_free, read_it),
    CASE("removal, turn of the reclaimer, read", setup_copy_first, check_removed, remove_first,
         take_turn, read_it),
    CASE("two removals", setup_copy_first, check_empty, remove_what_is_found, remove_and_free),
    CASE("move, finds", setup_to_move, check_after_move, help, find_it_twice),
    CASE("two movers, find", setup_to_move, check_after_move, help, help, find_it),
    CASE("move, removal", setup_to_move, check_removed, help, remove_first_or_not, read_it),
    CASE("move, removal and insert", setup_to_move, check_after_move, help,
         remove_then_insert_again, read_it),
    CASE("move beside a newer copy, finds", setup_to_move_with_copy, check_after_move, help,
         find_it_twice),
    CASE("move, late insert, find", setup_to_move, check_after_move, help, insert_second_late,
         find_it),
    CASE("move, empty?", setup_to_move, check_after_move, help, is_never_empty),
    CASE("move, switch and free, finds", setup_to_move, check_after_move, help_and_free,
         find_it_twice),
    CASE("brought home, finds", setup_away, check_after_move, bring_home, find_it_twice),
    CASE("brought home, two find", setup_away, check_after_move, bring_home, find_it_twice,
         find_it_twice),
    CASE("brought home, removal", setup_away, check_removed, bring_home, remove_first),
    CASE("brought home, late insert, find", setup_away, check_after_move, bring_home,
         insert_second_late, find_it),
    CASE("brought home, growth, find", setup_away, check_after_move, bring_home, grow_only,
         find_it_twice),
    CASE("growth while inserting", setup_loaded, check_after_move, grow_and_move, insert_then_find),
    CASE("growth, an insert and a helper", setup_loaded, check_after_move, insert_then_find,
         grow_and_move, help),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

/* --- the tests -------------------------------------------------------------------------------------------------------- */

static void explore_all(void)
{
    assert_int_equal(cases_that_fail(cases, CASES), 0);
}

static void explore_table__as_written(void **state)
{
    (void)state;
    read_lanes_relaxed(false);
    explore_all();
}

static void explore_table__lanes_without_order(void **state)
{
    (void)state;
    read_lanes_relaxed(true);
    explore_all();
    read_lanes_relaxed(false);
}

static void explore_table__each_edge_is_needed(void **state)
{
    static const char *const families[] = {"table", NULL};
    /* Stronger in the sources than any case can show to be needed. */
    static const struct spared spared[] = {
        {"table: E1 publish-entry, without seq_cst",
         "take_slot()'s compare-and-swap is both ends of E1 and one of E3, where the fence behind it counts; release would "
         "do for the store, and on x86 there is no difference"},
        {"table: E2 publish-level, without seq_cst",
         "trove__table_is_empty() reads `next` and counts as seq_cst, but acquire is enough: a count that reads 0 was taken "
         "down after the newer level's went up"},
        {"table: E3 dedupe, without acquire",
         "take_slot() reads EMPTY, which hands over nothing; the fence acquires what the scan needs"},
        {0}};
    const struct mutants_run what = {cases, CASES, families, spared, false};

    (void)state;
    read_lanes_relaxed(true);
    assert_int_equal(mutants_that_survive(&what), 0);
    read_lanes_relaxed(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_table__as_written),
        cmocka_unit_test(explore_table__lanes_without_order),
        cmocka_unit_test(explore_table__each_edge_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
