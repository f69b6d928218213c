// SPDX-License-Identifier: MIT
/*
 * test_stopped_replace.c - trove_replace() stopped for ever at any of its steps, and others stopped while somebody replaces: has,
 * get and put go on, a second replacement does; what was there goes at once and wholly; the books are right in the end.
 *
 * The mutations that die here are listed in tests/stress/test_replace_stress.c.
 */
#include "core/cache_struct.h"
#include "core/era.h"
#include "core/rcu.h"
#include "failing_allocator.h"
#include "scene.h"
#include "support.h"
#include <errno.h>

#define LARGE_CACHE (1 << 20) /* the first level of its table has 128 buckets */
#define LARGE_SIZE 900        /* of which so many fit that the table grows */

static const struct trove_until at_once = {.deadline_ns = 0};

/* --- before the actor begins -------------------------------------------------------------------------------------- */

/* What was put and is there no more was not evicted. */
static void half_full(struct scene *scene)
{
    while (scene->count < 50)
        scene_put_and_use(scene);
    scene->number = scene->count++;
    scene->twice = SCENE_NUMBERS;
}

static void full(struct scene *scene)
{
    scene_fill(scene);
    scene->twice = SCENE_NUMBERS;
}

/* The table grew, and half of it has moved. */
static void half_moved(struct scene *scene)
{
    scene_put_fresh(scene, 700);
    assert_true(trove__table_service(&scene->cache->table));
    assert_int_equal(trove__table_sizes(&scene->cache->table).levels, 2);
    scene->number = scene->count++;
    scene->twice = SCENE_NUMBERS;
}

/* --- what others do ----------------------------------------------------------------------------------------------- */

static unsigned count_there(struct scene *scene)
{
    unsigned there = 0;

    for (unsigned n = 0; n < SCENE_NUMBERS; n++)
        there += scene->there[n];
    return there;
}

/* How many of those that were there before are found; and get says the same as has. */
static unsigned find_earlier(struct scene *scene)
{
    unsigned found = 0;

    for (unsigned n = 0; n < SCENE_NUMBERS; n++) {
        struct trove_object *object;

        if (!scene->there[n])
            continue;
        object = scene_pin(scene, n);
        assert_int_equal(scene_has(scene, n), object != NULL);
        found += object != NULL;
        trove_unpin(object);
    }
    return found;
}

static void put_and_find(struct scene *scene)
{
    unsigned last = scene->count;
    struct trove_object *object;

    scene_put_fresh(scene, 3);
    object = scene_pin(scene, last);
    assert_non_null(object);
    assert_true(scene_is_right(scene, last, object));
    trove_unpin(object);
}

static bool is_in_force(struct scene *scene, const void *era)
{
    return trove__table_era(&scene->cache->table) == era;
}

/* --- a replacement stands still ----------------------------------------------------------------------------------- */

static unsigned kept, gone; /* stops before and after the one step that decides */

/* Somebody else's, which has to be discarded first, makes it give up. */
static void act_replace(void *context)
{
    struct scene *scene = context;
    int r = trove_replace(scene->cache, NULL, &at_once, NULL);

    scene->result = r == -ETIMEDOUT ? 0 : r;
}

static void all_or_nothing(struct scene *scene)
{
    unsigned found = find_earlier(scene);

    assert_true(found == 0 || found == count_there(scene));
    *(found == 0 ? &gone : &kept) += 1;
    put_and_find(scene);
    assert_in_range(find_earlier(scene), found == 0 ? 0 : 1, found); /* a full cache evicts */
    assert_int_equal(trove_is_empty(scene->cache), false);
}

/* The other one's either comes about or has to wait for that which stands still, and says so at once. */
static void another_replaces(struct scene *scene)
{
    const void *era = trove__table_era(&scene->cache->table);
    int r = trove_replace(scene->cache, NULL, &at_once, NULL);

    assert_true(r == 0 || r == -ETIMEDOUT);
    if (r == 0)
        assert_false(is_in_force(scene, era));
    assert_int_equal(find_earlier(scene),
                     0); /* if it was too late, it has helped that which stood still */
    put_and_find(scene);
}

static void others_go_on(struct scene *scene)
{
    all_or_nothing(scene);
    another_replaces(scene);
}

/* All that was replaced is discarded, whoever replaced it; and it can be replaced again. */
static void all_is_discarded(struct scene *scene)
{
    struct trove__flights *flights = scene->cache->flights;

    for (unsigned i = 0; i < 2; i++) {
        scene_reclaim(scene);
        assert_int_equal(trove__table_sizes(&scene->cache->table).levels, 1);
        assert_int_equal(find_earlier(scene), 0);
        if (i == 0)
            assert_int_equal(trove_replace(scene->cache, NULL, &at_once, NULL), 0);
        assert_int_equal(trove__load_acquire(&flights->eras)->next != NULL, i == 0);
    }
    assert_true(trove_is_empty(scene->cache));
}

static void stopped_replace__replace(void **state)
{
    const struct play replace = {half_full,         act_replace,   others_go_on,
                                 all_is_discarded,  .alone = true, .max_bytes = SCENE_CACHE,
                                 .size = SCENE_SIZE};

    (void)state;
    kept = gone = 0;
    play(&replace, 20);
    assert_true(kept > 0 && gone > 0);
}

static void stopped_replace__while_the_table_moves(void **state)
{
    const struct play replace = {half_moved,        act_replace,   others_go_on,
                                 all_is_discarded,  .alone = true, .max_bytes = LARGE_CACHE,
                                 .size = LARGE_SIZE};

    (void)state;
    play(&replace, 20);
}

/* --- others stand still while somebody replaces ------------------------------------------------------------------- */

static void replace_beside(struct scene *scene)
{
    assert_int_equal(trove_replace(scene->cache, NULL, &at_once, NULL), 0);
    assert_int_equal(find_earlier(scene), 0);
    put_and_find(scene);
    assert_int_equal(find_earlier(scene), 0);
}

static void stopped_replace__put(void **state)
{
    const struct play put = {half_full,          scene_actor_puts, replace_beside,
                             all_is_discarded,   .alone = true,    .max_bytes = SCENE_CACHE,
                             .size = SCENE_SIZE, .stride = 1};

    (void)state;
    play(&put, 50);
}

static void stopped_replace__put_that_evicts(void **state)
{
    const struct play put = {
        full,          scene_actor_puts,         replace_beside,    all_is_discarded,
        .alone = true, .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&put, 50);
}

static void stopped_replace__move(void **state)
{
    const struct play put = {
        half_moved,  scene_actor_puts_and_moves, replace_beside,    all_is_discarded, .alone = true,
        .stride = 3, .max_bytes = LARGE_CACHE,   .size = LARGE_SIZE};

    (void)state;
    play(&put, 50);
}

/* Two puts of one id, the second into the new contents. */
static void replace_and_put_the_same(struct scene *scene)
{
    replace_beside(scene);
    scene_put_the_same(scene);
    scene->twice = SCENE_NUMBERS;
}

static void number_is_there(struct scene *scene)
{
    assert_true(scene_has(scene, scene->number));
    all_is_discarded(scene);
}

static void stopped_replace__put_of_the_same_id(void **state)
{
    const struct play put = {half_full,          scene_actor_puts, replace_and_put_the_same,
                             number_is_there,    .alone = true,    .max_bytes = SCENE_CACHE,
                             .size = SCENE_SIZE, .stride = 1};

    (void)state;
    play(&put, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_replace__replace),
        cmocka_unit_test(stopped_replace__while_the_table_moves),
        cmocka_unit_test(stopped_replace__put),
        cmocka_unit_test(stopped_replace__put_that_evicts),
        cmocka_unit_test(stopped_replace__move),
        cmocka_unit_test(stopped_replace__put_of_the_same_id),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
