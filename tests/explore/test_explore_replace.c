// SPDX-License-Identifier: MIT
/*
 * test_explore_replace.c - replaced contents of a table in all interleavings of small cases: who has missed what was there finds
 * it no more; what is put is in the contents that it was put into; what was replaced is taken out and retired, each object
 * once, before the host is told, once; nobody waits for a replacement that stopped in between. Each access of table_replace.c is
 * as strong as it needs to be: its mutant dies.
 *
 * Mutants of another kind die here, too: who loses to another replacement does not help it; what was replaced is discarded
 * before its level is settled; no grace period before the host is told.
 */
#include "edges.h"
#include "small_table.h"
#include "support.h"

#define ROUNDS 8

/* --- contents --------------------------------------------------------------------------------------------------------- */

/* Outside sections, when nothing of ERA's is left. */
static void host_discarded(void *context, const void *era)
{
    struct play *play = context;

    explorer_assert(era == &play->eras[0] || era == &play->eras[1]);
    play->told[(const char *)era - play->eras]++;
    if (era == &play->eras[0]) /* RELAXED, both: sections that counted have ended */
        explorer_assert(trove__load_relaxed(&play->gone) == trove__load_relaxed(&play->put));
}

static const void *era_in_force(struct play *play)
{
    const void *era;

    trove__section_enter();
    era = trove__table_era(&play->table);
    trove__section_leave();
    return era;
}

static bool is_first_in_force(struct play *play)
{
    return era_in_force(play) == &play->eras[0];
}

/* Object 0 is there. */
static void setup(void *context)
{
    struct play *play = context;

    make_table(play, host_discarded);
    trove__table_begin(&play->table, &play->eras[0]);
    play->first = make_object(play, 0);
    explorer_assert(insert(play, play->first, &play->others[0]) == 0);
    trove__store_relaxed(&play->put, 1); /* RELAXED: nobody is there yet */
}

/* A second level of the same contents. */
static void setup_two_levels(void *context)
{
    setup(context);
    add_level(context, false);
}

/* And object 0 may move there. */
static void setup_to_move(void *context)
{
    setup(context);
    add_level(context, true);
}

/* Replaced, and not discarded. */
static void setup_replaced(void *context)
{
    struct play *play = context;
    const void *before;

    setup(play);
    explorer_assert(trove__table_replace(&play->table, 0, &play->eras[1], &before) == 0);
    explorer_assert(before == &play->eras[0]);
}

/* --- what threads do -------------------------------------------------------------------------------------------------- */

/* Whoever is told that somebody else was faster finds that it has happened. */
static int replace_by(struct play *play, unsigned era)
{
    const void *before;
    int r;

    trove__section_enter();
    r = trove__table_replace(&play->table, 0, &play->eras[era], &before);
    explorer_assert(r == 0 || r == -EBUSY);
    explorer_assert(trove__table_era(&play->table) != &play->eras[0]);
    explorer_assert(r != 0 || before != &play->eras[era]);
    trove__section_leave();
    return r;
}

static void replace_as_first(void *context)
{
    struct play *play = context;

    play->results[0] = replace_by(play, 1);
}

static void replace_as_second(void *context)
{
    struct play *play = context;

    play->results[1] = replace_by(play, 2);
}

static void replace_twice(void *context)
{
    replace_as_first(context);
    while (replace_by(context, 2) < 0)
        sched_yield(); /* until the first contents are discarded */
}

/* As the reclaimer's thread, until there is nothing to do. */
static void serve(void *context)
{
    struct play *play = context;

    for (unsigned i = 0; i < ROUNDS && trove__table_service(&play->table); i++)
        trove__reclaim_turn(&play->reclaim);
    trove__reclaim_turn(&play->reclaim);
}

static void serve_once(void *context)
{
    trove__table_service(&((struct play *)context)->table);
}

static void serve_until_told(void *context)
{
    struct play *play = context;

    while (play->told[0] == 0) {
        if (!trove__table_service(&play->table))
            sched_yield();
        trove__reclaim_turn(&play->reclaim);
    }
}

/* Not found once, not found again; and not there before it is replaced. */
static void find_twice(void *context)
{
    struct play *play = context;

    if (find(play, 0) != NULL)
        return;
    explorer_assert(!is_first_in_force(play));
    explorer_assert(find(play, 0) != play->first);
}

/* Who has seen that it is replaced finds nothing of before. */
static void see_and_find(void *context)
{
    struct play *play = context;

    if (!is_first_in_force(play))
        explorer_assert(find(play, 0) != play->first);
}

/* Object N, into the contents of ERA, if they are in force. */
static void put(struct play *play, unsigned n, const void *era, unsigned thread)
{
    struct trove_object *object = make_object(play, n);
    uint64_t hash = hash_of(NULL, object->id);
    int r;

    trove__section_enter();
    r = trove__table_insert(&play->table, era, object, hash, false, &play->others[thread]);
    if (r == 0 && era == &play->eras[0])
        trove__add_relaxed(&play->put, 1); /* RELAXED: a count */
    trove__section_leave();
    play->results[thread] = r;
    if (r == 0)
        play->objects[thread] = object;
}

/* Into the contents that are in force now, or nowhere. */
static void put_into_first(void *context)
{
    struct play *play = context;

    put(play, 1, &play->eras[0], 2);
    explorer_assert(play->results[2] == 0 ||
                    (play->results[2] == -ESTALE && !is_first_in_force(play)));
}

/* The same id into what comes next. */
static void put_into_second(void *context)
{
    struct play *play = context;

    do {
        put(play, 0, &play->eras[1], 1);
        if (play->results[1] < 0)
            sched_yield();
    } while (play->results[1] == -ESTALE);
    explorer_assert(play->results[1] == 0);
    explorer_assert(find(play, 0) == play->objects[1]);
}

/* Found to be missing in the first contents, and put much later in the same section. */
static void put_late(void *context)
{
    struct play *play = context;
    struct trove_object *object = make_object(play, 1);
    struct trove__level *level;

    trove__section_enter();
    level = trove__newest_level(&play->table);
    if (level->era == &play->eras[0]) {
        insert_late(play, level, object);
        trove__add_relaxed(&play->put, 1); /* RELAXED: a count */
    }
    trove__section_leave();
}

/* As a hand of the evictor's does: what it takes out it retires, and only then leaves its section. */
static void evict(void *context)
{
    struct play *play = context;
    struct trove_oid id = id_of(0);
    int r;

    trove__section_enter();
    r = trove__table_remove(&play->table, play->first, hash_of(NULL, id.bytes));
    if (r == 0)
        host_unlinked(play, play->first);
    trove__section_leave();
}

static void grow(void *context)
{
    struct play *play = context;
    int r;

    trove__section_enter();
    r = trove__grow(&play->table, trove__newest_level(&play->table), false);
    explorer_assert(r == 0 || (r == -ESTALE && trove__table_era(&play->table) != &play->eras[0]));
    trove__section_leave();
}

static void move(void *context)
{
    struct play *play = context;

    trove__section_enter();
    trove__table_move(&play->table);
    trove__section_leave();
}

/* True is never wrong. */
static void empty_only_when_replaced(void *context)
{
    struct play *play = context;

    trove__section_enter();
    if (trove__table_is_empty(&play->table))
        explorer_assert(trove__table_era(&play->table) != &play->eras[0]);
    trove__section_leave();
}

/* --- what is true at the end ------------------------------------------------------------------------------------------ */

static void serve_to_the_end(struct play *play)
{
    trove__store_relaxed(&play->reclaim.stop, 1); /* RELAXED: nobody is there, and no turn waits */
    while (trove__table_service(&play->table) || trove__reclaim_turn(&play->reclaim))
        ;
}

/* What was replaced has gone, and all its memory is free. */
static void check_replaced(void *context)
{
    struct play *play = context;
    struct trove__level *head;

    serve_to_the_end(play);
    head = trove__load_relaxed(&play->table.head);
    explorer_assert(head->era != &play->eras[0] && head->era == trove__table_era(&play->table));
    explorer_assert(play->told[0] == 1);
    explorer_assert(explorer_is_free(play->first));
    explorer_assert(play->objects[2] == NULL || explorer_is_free(play->objects[2]));
    check_counts(play);
}

static void check_one_has_replaced(void *context)
{
    struct play *play = context;

    explorer_assert((play->results[0] == 0) + (play->results[1] == 0) >= 1);
    if (play->told[0] == 0) /* only then there may be a third era */
        explorer_assert((play->results[0] == 0) + (play->results[1] == 0) == 1);
    check_replaced(play);
    explorer_assert(find(play, 0) == NULL);
}

static void check_put(void *context)
{
    struct play *play = context;

    check_replaced(play);
    explorer_assert(find(play, 0) == play->objects[1] && copies(play) == 1);
}

static void check_replaced_twice(void *context)
{
    struct play *play = context;

    check_replaced(play);
    explorer_assert(play->told[1] == 1 && era_in_force(play) == &play->eras[2]);
}

#define CASE(text, make, look, most, ...)                                                          \
    {                                                                                              \
        .name = text, .bytes = sizeof(struct play), .setup = make, .threads = {__VA_ARGS__},       \
        .check = look, .runs = most                                                                \
    }

static const struct explorer_case cases[] = {
    CASE("replace, finds", setup, check_replaced, 0, replace_as_first, find_twice),
    CASE("replace, two find", setup, check_replaced, 0, replace_as_first, find_twice, see_and_find),
    CASE("two replace", setup, check_one_has_replaced, 0, replace_as_first, replace_as_second),
    CASE("two replace, finds", setup, check_one_has_replaced, 2000, replace_as_first,
         replace_as_second, see_and_find),
    CASE("replace, put", setup, check_replaced, 0, replace_as_first, put_into_first),
    CASE("replace, put the same id", setup, check_put, 0, replace_as_first, put_into_second),
    CASE("replace, put the same id, find", setup, check_put, 2000, replace_as_first,
         put_into_second, find_twice),
    CASE("replace, evict", setup, check_replaced, 0, replace_as_first, evict),
    CASE("replace, growth", setup, check_replaced, 0, replace_as_first, grow),
    CASE("replace, growth, put", setup, check_replaced, 2000, replace_as_first, grow,
         put_into_first),
    CASE("replace, move", setup_to_move, check_replaced, 0, replace_as_first, move),
    CASE("replace, move, find", setup_to_move, check_replaced, 2000, replace_as_first, move,
         see_and_find),
    CASE("replace, empty?", setup, check_replaced, 0, replace_as_first, empty_only_when_replaced),
    CASE("replace two levels, empty?", setup_two_levels, check_replaced, 0, replace_as_first,
         empty_only_when_replaced),
    CASE("discard, finds", setup_replaced, check_replaced, 0, serve, find_twice),
    CASE("discard, evict", setup_replaced, check_replaced, 0, serve, evict),
    CASE("discard, put the same id", setup_replaced, check_put, 0, serve, put_into_second),
    CASE("replace, discard, put late", setup, check_replaced, 2000, replace_as_first, serve_once,
         put_late),
    CASE("replace, discard, evict", setup, check_replaced, 2000, replace_as_first, serve, evict),
    CASE("replace twice, discard", setup, check_replaced_twice, 2000, replace_twice,
         serve_until_told),
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void explore_replace__as_written(void **state)
{
    (void)state;
    read_lanes_relaxed(true);
    assert_int_equal(cases_that_fail(cases, CASES), 0);
    read_lanes_relaxed(false);
}

static bool fails(const char *name)
{
    for (unsigned i = 0; i < CASES; i++)
        if (strcmp(cases[i].name, name) == 0)
            return cases_that_fail(&cases[i], 1) == 1;
    return false;
}

/* Without them what finds see is freed, late puts are lost, and the host is told too early. */
static void explore_replace__grace_periods_are_needed(void **state)
{
    (void)state;
    explorer_skip_grace_periods(true);
    assert_true(fails("discard, finds"));
    assert_true(fails("replace, discard, put late"));
    assert_true(fails("discard, evict"));
    explorer_skip_grace_periods(false);
}

static void explore_replace__each_access_is_needed(void **state)
{
    static const char *const files[] = {"table_replace", NULL};
    static const char grace[] =
        "only this thread settles levels, and the grace period that it waits "
        "for before orders all that was done there";
    static const struct spared spared[] = {
        {"trove__discard_part()", grace},
        {"level_to_discard()", grace},
        {"discard_slot()", grace},
        {"try_replace() line",
         "what the head may be by now follows a level that was settled before this section began, and "
         "a failed exchange has acquired the level that it found"},
        {"trove__table_begin()", "before anybody else knows the table"},
        {0}};
    const struct mutants_run what = {cases, CASES, files, spared, true};

    (void)state;
    read_lanes_relaxed(true);
    assert_int_equal(mutants_that_survive(&what), 0);
    read_lanes_relaxed(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explore_replace__as_written),
        cmocka_unit_test(explore_replace__grace_periods_are_needed),
        cmocka_unit_test(explore_replace__each_access_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
