// SPDX-License-Identifier: MIT
/*
 * test_stopped_cache.c - a thread stopped for ever at any step of a put, an eviction, a get or stats holds up nobody; and
 * when it goes on after all, the books are right to the byte. The reclaimer's steps are test_stopped_reclaim.c's.
 *
 * What the others do meanwhile, and what must be true in the end, is in scene.c.
 */
#include "core/cache_struct.h"
#include "core/rcu.h"
#include "failing_allocator.h"
#include "scene.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define LARGE_CACHE (1 << 20) /* the first level of its table has 128 buckets */
#define LARGE_SIZE 900        /* of which so many fit that the table grows */

/* --- before the actor begins -------------------------------------------------------------------------------------- */

static void half_full(struct scene *scene)
{
    while (scene->count < 50)
        scene_put_and_use(scene);
    scene->number = scene->count++;
}

/* The number is that of what was put last. */
static void full_and_there(struct scene *scene)
{
    scene_fill(scene);
    scene->number = --scene->count - 1;
}

/* --- a put -------------------------------------------------------------------------------------------------------- */

static void stopped_cache__put(void **state)
{
    const struct play put = {half_full, scene_actor_puts, .after = scene_number_is_there,
                             .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&put, 50);
}

static void stopped_cache__put_into_nothing(void **state)
{
    const struct play put = {scene_begin_with_nothing, scene_actor_puts,
                             .after = scene_number_is_there, .max_bytes = SCENE_CACHE,
                             .size = SCENE_SIZE};

    (void)state;
    play(&put, 50);
}

static void stopped_cache__put_that_evicts(void **state)
{
    const struct play put = {scene_fill, scene_actor_puts, .after = scene_number_is_there,
                             .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&put, 80);
}

static void stopped_cache__put_of_what_is_there(void **state)
{
    const struct play put = {full_and_there, scene_actor_puts, .after = scene_number_is_there,
                             .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&put, 15);
}

/* --- two puts of one id ------------------------------------------------------------------------------------------- */

static void stopped_cache__puts_of_one_id(void **state)
{
    const struct play put = {scene_fill,
                             scene_actor_puts,
                             scene_put_the_same,
                             scene_number_is_there,
                             .max_bytes = SCENE_CACHE,
                             .size = SCENE_SIZE};

    (void)state;
    play(&put, 80);
}

/* --- an insert, as fetches do it ---------------------------------------------------------------------------------- */

static void act_insert(void *context)
{
    struct scene *scene = context;
    unsigned char bytes[SCENE_BYTES_MAX];
    struct trove_oid id = scene_content(scene, scene->number, bytes);
    struct trove_object *object;
    int r = trove__cache_draft(scene->cache, TROVE_BLOB, scene->size, &object);

    if (r == 0) {
        memcpy(trove__object_buffer(object), bytes, scene->size);
        trove__object_set_id(object, &id);
        r = trove__cache_insert(scene->cache, NULL, object, &scene->object);
        scene->actor_added = r == TROVE__INSERTED;
    }
    scene->result = r == TROVE__UNCACHED ? -ECACHE_OVERFULL : r < 0 ? r : 0;
}

static void unpin_inserted(struct scene *scene)
{
    assert_true(scene_is_right(scene, scene->number, scene->object));
    assert_int_equal(scene_stats(scene).pinned_bytes == 0, scene_has(scene, scene->number));
    trove_unpin(scene->object);
}

static void stopped_cache__insert(void **state)
{
    const struct play insert = {scene_fill, act_insert, .after = unpin_inserted,
                                .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&insert, 80);
}

/* --- an eviction meets others ------------------------------------------------------------------------------------- */

static unsigned met; /* objects that were just being evicted */

/* Pins all that is there; puts again what the actor has just taken out. */
static void pin_all_and_put_again(struct scene *scene)
{
    unsigned count = scene->count;

    for (unsigned n = 0; n < count; n++)
        scene->pins[n] = scene_pin(scene, n);
    for (unsigned n = 0; n < count; n++) {
        if (!scene->there[n] || scene->pins[n] != NULL)
            continue;
        assert_int_equal(scene_put(scene, n, &scene->added), 0);
        assert_true(scene_has(scene, n));
        met++;
    }
}

/* What is pinned is whole, and what of it is cached no more is accounted for. */
static void unpin_all(struct scene *scene)
{
    uint64_t outside = 0;

    for (unsigned n = 0; n < scene->count; n++) {
        struct trove_object *cached = scene_pin(scene, n);

        if (scene->pins[n] != NULL)
            assert_true(scene_is_right(scene, n, scene->pins[n]));
        if (scene->pins[n] != NULL && scene->pins[n] != cached)
            outside += trove__object_usable(TROVE_SHA1, scene->size);
        trove_unpin(cached);
    }
    assert_int_equal(scene_stats(scene).pinned_bytes, outside);
    for (unsigned n = 0; n < scene->count; n++)
        trove_unpin(scene->pins[n]);
}

static void stopped_cache__eviction_of_what_others_use(void **state)
{
    const struct play put = {scene_fill, scene_actor_puts,         pin_all_and_put_again,
                             unpin_all,  .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    met = 0;
    play(&put, 80);
    assert_true(met > 0);
}

/* Evicts the one object there is. */
static void act_evict(void *context)
{
    struct scene *scene = context;
    struct trove *cache = scene->cache;
    unsigned char bytes[SCENE_BYTES_MAX];
    struct trove_oid id = scene_content(scene, scene->number, bytes);

    trove__section_enter();
    scene->wrong |=
        !trove__policy_displace(&cache->policy, trove__table_hash(&cache->table, id.bytes));
    trove__section_leave();
}

static void one(struct scene *scene)
{
    scene->number = scene->count;
    scene_put_fresh(scene, 1);
}

/* Either it is there, or it may be said that nothing is. */
static void look_for_nothing(struct scene *scene)
{
    bool empty = trove_is_empty(scene->cache);

    assert_false(empty && scene_has(scene, scene->number));
    assert_in_range(scene_stats(scene).object_count, 0, 1);
}

static void number_is_gone(struct scene *scene)
{
    assert_false(scene_has(scene, scene->number));
    assert_true(trove_is_empty(scene->cache));
}

static void stopped_cache__eviction_of_the_last(void **state)
{
    const struct play evict = {one,
                               act_evict,
                               look_for_nothing,
                               number_is_gone,
                               .max_bytes = SCENE_CACHE,
                               .size = SCENE_SIZE,
                               .alone = true};

    (void)state;
    play(&evict, 10);
}

/* The reader has the object in its section, then pinned. */
static void act_read(void *context)
{
    struct scene *scene = context;
    struct trove_object *object = scene_pin(scene, scene->number);

    scene->wrong |= object != NULL && !scene_is_right(scene, scene->number, object);
    trove_unpin(object);
}

/* Goal: what a reader has stays whole, whatever the reclaimer's thread does meanwhile. */
static void stopped_cache__read_of_what_is_evicted(void **state)
{
    const struct play read = {scene_fill_and_choose,    act_read,           scene_put_until_gone,
                              .max_bytes = SCENE_CACHE, .size = SCENE_SIZE, .has_thread = true};

    (void)state;
    play(&read, 15);
}

/* --- queues and table --------------------------------------------------------------------------------------------- */

#define ROUNDS 5

static void full_for_rounds(struct scene *scene)
{
    scene_fill(scene);
    scene->count += ROUNDS - 1;
}

/* Puts while everything is in use: each sends nearly all objects round, so that segments of queues come and go. */
static void act_rounds(void *context)
{
    struct scene *scene = context;

    for (unsigned round = 0; round < ROUNDS && scene->result == 0; round++) {
        for (unsigned n = 0; n < scene->number; n++)
            for (unsigned use = 0; use < TROVE__HINT_MAX && scene->there[n]; use++)
                trove_unpin(scene_pin(scene, n));
        scene->result = scene_put(scene, scene->number + round, &scene->actor_added);
    }
}

static void stopped_cache__puts_that_send_all_round(void **state)
{
    const struct play puts = {full_for_rounds, act_rounds, .max_bytes = SCENE_CACHE,
                              .size = SCENE_SIZE, .stride = 61};

    (void)state;
    play(&puts, 200);
}

/* The last cell of the last segment of `small` is taken. */
static void full_segment(struct scene *scene)
{
    while (scene->count < TROVE__SEGMENT_CELLS) {
        scene_put_fresh(scene, 1);
        scene_reclaim(scene);
    }
    scene->number = scene->count++;
}

/* The last cell of the first segment was popped. */
static void used_up_segment(struct scene *scene)
{
    while (scene_stats(scene).evictions < TROVE__SEGMENT_CELLS) {
        scene_put_fresh(scene, 1);
        scene_reclaim(scene);
    }
    scene->number = scene->count++;
}

static void stopped_cache__put_that_links_a_segment(void **state)
{
    const struct play put = {full_segment, scene_actor_puts, .after = scene_number_is_there,
                             .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&put, 80);
}

static void stopped_cache__put_that_leaves_a_segment(void **state)
{
    const struct play put = {used_up_segment, scene_actor_puts, .after = scene_number_is_there,
                             .max_bytes = SCENE_CACHE, .size = SCENE_SIZE};

    (void)state;
    play(&put, 80);
}

/* The table grew, and half of it has moved. */
static void full_and_moving(struct scene *scene)
{
    while (scene_stats(scene).evictions < 5)
        scene_put_fresh(scene, 1);
    assert_true(trove__table_service(&scene->cache->table));
    assert_int_equal(trove__table_sizes(&scene->cache->table).levels, 2);
    scene->number = scene->count++;
}

static void stopped_cache__put_that_helps_to_move(void **state)
{
    const struct play put = {
        full_and_moving,          scene_actor_puts_and_moves, .after = scene_number_is_there,
        .max_bytes = LARGE_CACHE, .size = LARGE_SIZE,         .stride = 3};

    (void)state;
    play(&put, 100);
}

/* --- stats -------------------------------------------------------------------------------------------------------- */

static void act_stats(void *context)
{
    struct scene *scene = context;
    struct trove_stats stats = scene_stats(scene);

    scene->wrong |= stats.object_count > 1 || stats.object_bytes > SCENE_CACHE || stats.puts > 1;
}

static void *evict_it(void *scene)
{
    act_evict(scene);
    return NULL;
}

static void put_and_evict(struct scene *scene)
{
    pthread_t helper;

    assert_int_equal(scene_put(scene, scene->number, &scene->added), 0);
    assert_int_equal(pthread_create(&helper, NULL, evict_it, scene), 0);
    pthread_join(helper, NULL);
    assert_true(trove_is_empty(scene->cache));
}

/* Goal: a sum that is read while one thread puts and another evicts is not below nothing. */
static void stopped_cache__stats(void **state)
{
    const struct play stats = {scene_begin_with_nothing, act_stats,          put_and_evict,
                               .max_bytes = SCENE_CACHE, .size = SCENE_SIZE, .alone = true};

    (void)state;
    play(&stats, 100);
}

/* --- does the alarm ring? ----------------------------------------------------------------------------------------- */

static void act_locked_put(void *context)
{
    stepper_lock();
    scene_actor_puts(context);
    stepper_unlock();
}

static void put_locked(struct scene *scene)
{
    stepper_lock();
    scene_put_fresh(scene, 1);
    stepper_unlock();
}

/* Goal: a put under a spin lock is caught. */
static void stopped_cache__a_lock_is_caught(void **state)
{
    const struct play put = {
        scene_fill,         act_locked_put, put_locked,   .max_bytes = SCENE_CACHE,
        .size = SCENE_SIZE, .alone = true,  .stuck = true};

    (void)state;
    assert_true(play_once(&put, 5));
    assert_true(play_once(&put, 50));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_cache__put),
        cmocka_unit_test(stopped_cache__put_into_nothing),
        cmocka_unit_test(stopped_cache__put_that_evicts),
        cmocka_unit_test(stopped_cache__put_of_what_is_there),
        cmocka_unit_test(stopped_cache__puts_of_one_id),
        cmocka_unit_test(stopped_cache__insert),
        cmocka_unit_test(stopped_cache__eviction_of_what_others_use),
        cmocka_unit_test(stopped_cache__eviction_of_the_last),
        cmocka_unit_test(stopped_cache__read_of_what_is_evicted),
        cmocka_unit_test(stopped_cache__puts_that_send_all_round),
        cmocka_unit_test(stopped_cache__put_that_links_a_segment),
        cmocka_unit_test(stopped_cache__put_that_leaves_a_segment),
        cmocka_unit_test(stopped_cache__put_that_helps_to_move),
        cmocka_unit_test(stopped_cache__stats),
        cmocka_unit_test(stopped_cache__a_lock_is_caught),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
