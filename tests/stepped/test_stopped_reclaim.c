// SPDX-License-Identifier: MIT
/*
 * test_stopped_reclaim.c - the reclaimer stopped at any step of a turn, and those who retire and unpin beside it: what is
 * freed is freed once and after the last reader, and nothing is forgotten.
 *
 * What the others do meanwhile, and what must be true in the end, is in scene.c.
 */
#include "core/cache_struct.h"
#include "failing_allocator.h"
#include "scene.h"
#include "support.h"

#define TINY_SIZE 20 /* of which so many fit that the table grows */

/* The actor's object is evicted and pinned. */
static void full_and_pinned(struct scene *scene)
{
    scene_fill_and_choose(scene);
    scene->object = scene_pin(scene, scene->number);
    scene_put_until_gone(scene);
}

/* --- the reclaimer ------------------------------------------------------------------------------------------------ */

/* There is much to do: a table to grow and to move, objects to free, one of them pinned. */
static void much_to_reclaim(struct scene *scene)
{
    while (scene_stats(scene).evictions < 20)
        scene_put_fresh(scene, 1);
    for (scene->number = 0; !scene_has(scene, scene->number);)
        scene->number++;
    scene->object = scene_pin(scene, scene->number);
    scene_put_until_gone(scene);
    assert_int_equal(trove__table_sizes(&scene->cache->table).levels, 1);
}

static void act_turns(void *context)
{
    scene_take_turns(context);
}

/* Sometimes the pin ends while the reclaimer stands still, sometimes later. */
static void unpin_sometimes(struct scene *scene)
{
    if (scene->step % 2 == 0)
        return;
    trove_unpin(scene->object);
    scene->object = NULL;
}

static void unpin_last(struct scene *scene)
{
    uint64_t bytes = scene->object == NULL ? 0 : trove__object_usable(TROVE_SHA1, scene->size);

    assert_int_equal(scene_stats(scene).pinned_bytes, bytes);
    assert_true(scene->object == NULL || scene_is_right(scene, scene->number, scene->object));
    trove_unpin(scene->object);
    assert_int_equal(trove__table_sizes(&scene->cache->table).levels, 1);
    assert_true(scene->overfull || trove__table_sizes(&scene->cache->table).slots > 64 * 7);
}

static void stopped_reclaim__turns_of_the_reclaimer(void **state)
{
    const struct play turns = {
        much_to_reclaim,          act_turns,         unpin_sometimes, unpin_last,
        .max_bytes = SCENE_CACHE, .size = TINY_SIZE, .stride = 101};

    (void)state;
    play(&turns, 200);
}

static void act_unpin(void *context)
{
    trove_unpin(((struct scene *)context)->object);
}

static void stopped_reclaim__unpin_beside_the_reclaimer(void **state)
{
    const struct play unpin = {full_and_pinned, act_unpin, scene_take_turns,
                               .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&unpin, 2);
}

/* Goal: the reclaimer's thread hears of what is retired, also when it has fallen asleep between two steps of who retires. */
static void stopped_reclaim__the_reclaimer_is_told(void **state)
{
    const struct play busy = {scene_fill,
                              scene_actor_puts,
                              .after = scene_number_is_there,
                              .max_bytes = SCENE_CACHE,
                              .size = SCENE_SIZE,
                              .has_thread = true};
    struct play quiet = busy;

    (void)state;
    quiet.alone = true;
    play(&busy, 80);
    play(&quiet, 80);
}

/* Something waits for a grace period, and there is no hurry. */
static void little_to_reclaim(struct scene *scene)
{
    while (scene_stats(scene).evictions < 3)
        scene_put_fresh(scene, 1);
}

/* A turn that would sleep for ever before its grace period. */
static void act_pace(void *context)
{
    struct trove__reclaim *reclaim = &((struct scene *)context)->cache->reclaim;

    reclaim->last_grace_ns = INT64_MAX / 2;
    trove__reclaim_turn(reclaim);
}

static unsigned mood; /* while the reclaimer stands still */

static void hurry(struct scene *scene)
{
    mood = trove__load_relaxed(&scene->cache->reclaim.mood); /* RELAXED: who writes it stands */
    while (scene_stats(scene).deferred_bytes <= scene->cache->budget.deferred_max / 2)
        scene_put_fresh(scene, 1);
}

/* Goal: the reclaimer does not sleep through what came while it fell asleep. Method: it stops before each step up to its
 * last look, the first after it has said that it sleeps; a step later it could sleep indeed. Lost, it would never end. */
static void stopped_reclaim__the_reclaimer_falls_asleep(void **state)
{
    const struct play pace = {little_to_reclaim,        act_pace,           hurry,
                              .max_bytes = SCENE_CACHE, .size = SCENE_SIZE, .alone = true};
    uint64_t step = 1;
    unsigned awake;

    (void)state;
    assert_true(play_once(&pace, step));
    for (awake = mood; mood == awake;)
        assert_true(play_once(&pace, ++step));
    assert_true(step > 1);
}

/* --- what is larger than deferred --------------------------------------------------------------------------------- */

/* Goal: of two copies one is freed although it is larger than all that may be deferred. */
static void stopped_reclaim__puts_of_one_large_id(void **state)
{
    const struct play put = {scene_begin_with_nothing, scene_actor_puts,
                             scene_put_the_same,       scene_number_is_there,
                             TROVE_OVERFULL_GROW,      .max_bytes = SCENE_CACHE,
                             .size = SCENE_BYTES_MAX,  .alone = true};

    (void)state;
    play(&put, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_reclaim__turns_of_the_reclaimer),
        cmocka_unit_test(stopped_reclaim__unpin_beside_the_reclaimer),
        cmocka_unit_test(stopped_reclaim__the_reclaimer_is_told),
        cmocka_unit_test(stopped_reclaim__the_reclaimer_falls_asleep),
        cmocka_unit_test(stopped_reclaim__puts_of_one_large_id),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
