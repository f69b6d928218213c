// SPDX-License-Identifier: MIT
/*
 * test_explore_table.c - the table in all interleavings of small cases: what is present is found, one id has one object,
 * nothing is freed early; and each edge of table.c is needed, its mutant dies.
 *
 * The find is read in two ways: as it is compiled for ThreadSanitizer, each lane an acquire load, and with the lanes relaxed,
 * which is what a vector load is that has no order between its lanes. The fence behind the lanes is a fence in both. Mutants
 * are tried with the lanes relaxed.
 */
#include "core/rcu.h"
#include "core/table_internal.h"
#include "edges.h"
#include "idle_host.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>

#define OBJECTS 12
#define BYTES 8

/* A case's: made anew for each run. */
struct play {
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__ledger *ledger;
    struct trove__table table;
    struct trove_object *objects[OBJECTS];
    unsigned count;
    bool homes;                          /* objects are brought home around grace periods */
    struct trove_object *first, *second; /* of one id, where a case has two */
    atomic_uint gone;                    /* objects that were unlinked by the table */
    int results[EXPLORER_THREADS];
    struct trove_object *others[EXPLORER_THREADS];
};

/* --- a table and its objects ---------------------------------------------------------------------------------------- */

static void host_unlinked(void *context, struct trove_object *object)
{
    struct play *play = context;

    trove__add_relaxed(&play->gone, 1); /* RELAXED: a count */
    trove__reclaim_object(&play->reclaim, object);
}

static bool host_reserve(void *context, uint64_t bytes, bool may_evict)
{
    (void)context, (void)bytes, (void)may_evict;
    return true;
}

static void host_unreserve(void *context, uint64_t bytes)
{
    (void)context, (void)bytes;
}

static void host_wake(void *context)
{
    (void)context;
}

/* The first eight bytes of an id are its hash, so that a case chooses where it goes. */
static uint64_t hash_of(const struct trove__secret *secret, const uint8_t *id)
{
    uint64_t hash;

    (void)secret;
    memcpy(&hash, id, sizeof(hash));
    return hash;
}

static void make_table(struct play *play)
{
    const struct trove__table_host host = {
        host_unlinked, host_reserve, host_unreserve, host_wake, play, NULL,
    };

    trove__budget_init(&play->budget, 1 << 20, 1 << 19, false, NULL);
    play->ledger = trove__ledger_create();
    trove__reclaim_init(&play->reclaim, &play->budget, play->ledger, &idle_host);
    /* No thread is started: a case takes its turns itself. */
    trove__store_relaxed(&play->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    explorer_assert(
        trove__table_init(&play->table, TROVE_SHA1, hash_of, 0, 0, &host, &play->reclaim) == 0);
}

#define HOME ((uint64_t)5 << 58) /* bucket 5 of 64 */
#define TAG_OF_ONE ((uint64_t)0x1235)

/* Id N. Number 0 is what cases are about; the others have its home and its class, but other tags. */
static struct trove_oid id_of(unsigned n)
{
    struct trove_oid id = {{0}};
    uint64_t hash = HOME | (n == 0 ? TAG_OF_ONE : 0x2001 + n * 2);

    memcpy(id.bytes, &hash, sizeof(hash));
    return id;
}

static struct trove_object *make_object(struct play *play, unsigned n)
{
    struct trove_object *object = trove__object_create(play->ledger, TROVE_SHA1, TROVE_BLOB, BYTES);
    struct trove_oid id = id_of(n);

    trove__object_set_id(object, &id);
    memset(trove__object_buffer(object), (int)n + 1, BYTES);
    return object;
}

/* Data of the object is as its id says. */
static void check_object(const struct trove_object *object, unsigned n)
{
    const unsigned char *data = trove_object_data(object);
    struct trove_oid id = id_of(n), own = trove_object_id(object);

    explorer_assert(memcmp(id.bytes, own.bytes, 20) == 0);
    explorer_assert(object->size == BYTES && data[0] == n + 1 && data[BYTES - 1] == n + 1);
}

/* In a section. */
static struct trove_object *find_inside(struct play *play, unsigned n)
{
    struct trove_oid id = id_of(n);
    struct trove_object *found =
        trove__table_find(&play->table, id.bytes, hash_of(NULL, id.bytes), TROVE_SHA1);

    if (found != NULL)
        check_object(found, n);
    return found;
}

static struct trove_object *find(struct play *play, unsigned n)
{
    struct trove_object *found;

    trove__section_enter();
    found = find_inside(play, n);
    trove__section_leave();
    return found;
}

static int insert(struct play *play, struct trove_object *object, struct trove_object **ret_other)
{
    struct trove_oid id = trove_object_id(object);
    int r;

    trove__section_enter();
    r = trove__table_insert(&play->table, NULL, object, hash_of(NULL, id.bytes), false, ret_other);
    if (r > 0)
        check_object(*ret_other, 0);
    trove__section_leave();
    return r;
}

static void fill(struct play *play, unsigned count)
{
    struct trove_object *other;

    for (unsigned n = 1; n <= count; n++) {
        play->objects[n] = make_object(play, n);
        explorer_assert(insert(play, play->objects[n], &other) == 0);
    }
    play->count = count + 1;
}

/* Steps (2) and (3) of an insert that looked before there was another copy of the id. In a section. */
static void insert_late(struct play *play, struct trove__level *level, struct trove_object *object)
{
    uint64_t hash = hash_of(NULL, object->id);
    struct trove__place mine;
    int r;

    do
        r = trove__place(level, hash, object, 0, &mine);
    while (r == -EAGAIN);
    explorer_assert(r == 0);
    if (trove__resolve_duplicates(&play->table, hash, &mine, object).dropped)
        host_unlinked(play, object);
}

static void remove_one(struct play *play, struct trove_object *object, unsigned thread)
{
    int r = trove__table_remove(&play->table, object, hash_of(NULL, object->id));

    play->results[thread] = r;
    if (r == 0)
        trove__reclaim_object(&play->reclaim, object);
}

/* Of all cases' ids, which have one home, the objects are in the first buckets of the window. */
#define WINDOW 2

/* Copies of id 0, or with COUNT_ALL objects, in LEVEL. */
static long copies_in(struct trove__level *level, bool count_all)
{
    struct trove_oid id = id_of(0);
    long count = 0;

    for (unsigned i = 0; i < WINDOW * TROVE__SLOTS; i++) {
        struct trove__bucket *bucket = trove__bucket_at(level, HOME, i / TROVE__SLOTS);
        struct trove_object *object =
            trove__object_of(trove__load_relaxed(&bucket->slots[i % TROVE__SLOTS]));

        count += object != NULL && (count_all || memcmp(object->id, id.bytes, 20) == 0);
    }
    return count;
}

static long copies(struct play *play)
{
    struct trove__level *level = trove__load_relaxed(&play->table.head);
    long count = 0;

    for (; level != NULL; level = trove__load_relaxed(&level->next))
        count += copies_in(level, false);
    return count;
}

/* When nobody is there, counts are exact (I6). */
static void check_counts(struct play *play)
{
    struct trove__level *level = trove__load_relaxed(&play->table.head);

    for (; level != NULL; level = trove__load_relaxed(&level->next))
        explorer_assert(trove__level_count(level) == copies_in(level, true));
}

static void check_one_copy(void *context)
{
    struct play *play = context;

    explorer_assert(copies(play) == 1);
    explorer_assert(find(play, 0) != NULL);
    check_counts(play);
}

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
    make_table(context);
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
    make_table(context);
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
    make_table(play);
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

/* A second level, and the first one settled, so that its objects move. */
static struct trove__level *add_level(struct play *play, bool settled)
{
    struct trove__level *head = trove__load_relaxed(&play->table.head);

    explorer_assert(trove__grow(&play->table, head, false) == 0);
    trove__store_relaxed(&head->settled, settled);
    trove__store_relaxed(&head->cursor, HOME >> 58); /* the next buckets to be moved */
    return trove__load_relaxed(&head->next);
}

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

    make_table(play);
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
