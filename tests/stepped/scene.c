// SPDX-License-Identifier: MIT
/*
 * scene.c - see scene.h: what others do beside a thread that stands still, and what must be true at the end.
 */
#include "scene.h"
#include "core/cache_struct.h"
#include "core/rcu.h"
#include "failing_allocator.h"
#include "fake_hash.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define FRESH 6
#define BATCH 32
#define FIRST_STEPS 100
#define FEWER 5 /* where each run takes long: every fifth */
/* Steps of all that the others do beside one stop: ten times what they need. */
#define LIMIT 3000000
#define TURNS_MAX 1000
/* Records of readers, which stay: this thread's, the actor's, the reclaimer's, a helper's. */
#define RECORDS_MAX 4

/* --- objects ------------------------------------------------------------------------------------------------------ */

struct trove_oid scene_content(const struct scene *scene, unsigned n, unsigned char *bytes)
{
    memset(bytes, (int)(n * 7 & 0xff), scene->size);
    memcpy(bytes, &n, sizeof(n));
    return fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, scene->size);
}

bool scene_is_right(const struct scene *scene, unsigned n, const struct trove_object *object)
{
    unsigned char bytes[SCENE_BYTES_MAX];
    struct trove_oid id = scene_content(scene, n, bytes), own = trove_object_id(object);

    return trove_oid_equal(&id, &own) && trove_object_size(object) == scene->size &&
           trove_object_type(object) == TROVE_BLOB &&
           memcmp(trove_object_data(object), bytes, scene->size) == 0;
}

int scene_put(struct scene *scene, unsigned n, unsigned *added)
{
    unsigned char bytes[SCENE_BYTES_MAX];
    struct trove_oid want = scene_content(scene, n, bytes), id = want;
    bool was_added = false;
    int r = trove_put(scene->cache, TROVE_BLOB, bytes, scene->size, &id, &was_added);

    scene->wrong |= !trove_oid_equal(&id, &want);
    *added += was_added;
    return r;
}

void scene_put_fresh(struct scene *scene, unsigned count)
{
    while (count-- > 0) {
        unsigned n = scene->count++;

        assert_int_equal(scene_put(scene, n, &scene->added), 0);
        assert_true(scene_has(scene, n));
    }
}

bool scene_has(struct scene *scene, unsigned n)
{
    unsigned char bytes[SCENE_BYTES_MAX];
    struct trove_oid id = scene_content(scene, n, bytes);

    return trove_has(scene->cache, &id);
}

struct trove_object *scene_pin(struct scene *scene, unsigned n)
{
    unsigned char bytes[SCENE_BYTES_MAX];
    struct trove_oid id = scene_content(scene, n, bytes);
    struct trove_object *pinned = NULL;
    const struct trove_object *object;

    trove_read_lock();
    if (trove_get(scene->cache, &id, &object) == 0) {
        scene->wrong |= !scene_is_right(scene, n, object);
        pinned = trove_pin(object);
    }
    trove_read_unlock();
    return pinned;
}

struct trove_stats scene_stats(struct scene *scene)
{
    struct trove_stats stats;

    trove_stats(scene->cache, &stats);
    return stats;
}

/* --- the reclaimer's part ----------------------------------------------------------------------------------------- */

void scene_take_turns(struct scene *scene)
{
    struct trove__reclaim *reclaim = &scene->cache->reclaim;
    unsigned turns = 0;

    do {
        reclaim->last_grace_ns = 0; /* long ago: no turn waits for its millisecond */
        scene->wrong |= turns == TURNS_MAX;
    } while (trove__reclaim_turn(reclaim) && turns++ < TURNS_MAX);
}

void scene_reclaim(struct scene *scene)
{
    if (!scene->has_thread)
        scene_take_turns(scene);
    while (scene->has_thread && scene_stats(scene).deferred_bytes > 0)
        sched_yield();
}

/* --- what a play begins with -------------------------------------------------------------------------------------- */

/* Each fifth is used, so that both queues hold some. */
void scene_put_and_use(struct scene *scene)
{
    unsigned n = scene->count;

    scene_put_fresh(scene, 1);
    for (unsigned use = 0; n % 5 == 0 && use < 2; use++)
        trove_unpin(scene_pin(scene, n));
}

void scene_fill(struct scene *scene)
{
    while (scene_stats(scene).evictions < 30) {
        scene_put_and_use(scene);
        if (scene_stats(scene).deferred_bytes > scene->cache->budget.deferred_max / 2)
            scene_reclaim(scene);
    }
    scene_reclaim(scene);
    scene->number = scene->count++;
}

/* The number is that of what goes next. */
void scene_fill_and_choose(struct scene *scene)
{
    scene_fill(scene);
    scene->count--;
    for (scene->number = 1; scene->number % 5 == 0 || !scene_has(scene, scene->number);)
        scene->number++;
}

void scene_put_until_gone(struct scene *scene)
{
    while (scene_has(scene, scene->number))
        scene_put_fresh(scene, 1);
}

void scene_actor_puts(void *context)
{
    struct scene *scene = context;

    scene->result = scene_put(scene, scene->number, &scene->actor_added);
}

void scene_actor_puts_and_moves(void *context)
{
    struct scene *scene = context;

    scene_actor_puts(scene);
    trove__section_enter();
    trove__table_move(&scene->cache->table);
    trove__section_leave();
}

void scene_begin_with_nothing(struct scene *scene)
{
    scene->number = scene->count++;
}

void scene_put_the_same(struct scene *scene)
{
    scene->twice = 1;
    assert_int_equal(scene_put(scene, scene->number, &scene->added), 0);
    assert_true(scene_has(scene, scene->number));
}

void scene_number_is_there(struct scene *scene)
{
    assert_true(scene->overfull || scene_has(scene, scene->number));
}

/* --- what others do ----------------------------------------------------------------------------------------------- */

/* What get_many finds is right, and has says the same. Returns how many there are. */
static unsigned look_at_all(struct scene *scene)
{
    unsigned found = 0;

    for (unsigned first = 0; first < scene->count; first += BATCH) {
        unsigned count = scene->count - first < BATCH ? scene->count - first : BATCH;
        const struct trove_object *objects[BATCH];
        unsigned char bytes[SCENE_BYTES_MAX];
        struct trove_oid ids[BATCH];

        for (unsigned i = 0; i < count; i++)
            ids[i] = scene_content(scene, first + i, bytes);
        trove_read_lock();
        found += (unsigned)trove_get_many(scene->cache, ids, count, objects);
        for (unsigned i = 0; i < count; i++) {
            scene->wrong |= trove_has(scene->cache, &ids[i]) != (objects[i] != NULL);
            scene->wrong |= objects[i] != NULL && !scene_is_right(scene, first + i, objects[i]);
        }
        trove_read_unlock();
    }
    assert_false(scene->wrong);
    return found;
}

/* FOUND may differ from what is counted by the one object that the actor is busy with. */
static void check_stats(struct scene *scene, unsigned found)
{
    bool empty = trove_is_empty(scene->cache);
    struct trove_stats stats = scene_stats(scene);
    unsigned added = scene->added + scene->actor_added;

    assert_true(stats.used_bytes <= scene->cache->options.max_bytes);
    assert_true(stats.deferred_bytes <= scene->cache->budget.deferred_max);
    assert_in_range(stats.object_count + 1, found, found + 2);
    assert_in_range(stats.puts, added, added + 1);
    assert_in_range(stats.puts - stats.evictions + 1, found, found + 2 + scene->twice);
    assert_false(empty && found > 0);
}

/* Overfull comes, and comes at once. */
static void put_until_overfull(struct scene *scene)
{
    int r;

    while ((r = scene_put(scene, scene->count++, &scene->added)) == 0)
        assert_true(scene->count < SCENE_NUMBERS);
    assert_int_equal(r, -ECACHE_OVERFULL);
    scene->overfull = true;
}

static void others_get_on(struct scene *scene)
{
    struct trove_object *pinned;
    unsigned last, added;

    check_stats(scene, look_at_all(scene));
    scene_put_fresh(scene, FRESH);
    last = scene->count - 1;
    added = scene->added;
    pinned = scene_pin(scene, last);
    assert_non_null(pinned);
    assert_int_equal(scene_put(scene, last, &scene->added), 0);
    assert_int_equal(scene->added, added);
    if (scene->step % 4 == 0 && !scene->has_thread)
        put_until_overfull(scene);
    assert_true(scene_is_right(scene, last, pinned));
    trove_unpin(pinned);
    check_stats(scene, look_at_all(scene));
}

/* --- playing ------------------------------------------------------------------------------------------------------ */

static void begin(struct scene *scene, const struct play *play)
{
    struct trove_options options;

    memset(scene, 0, sizeof(*scene));
    scene->live = failing_allocator_live();
    scene->size = play->size;
    scene->has_thread = play->has_thread;
    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = play->max_bytes;
    options.overfull = play->overfull;
    assert_int_equal(trove_open(&options, &scene->cache, NULL), 0);
    if (!play->has_thread) /* RELAXED: nobody else is here */
        trove__store_relaxed(&scene->cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    play->prepare(scene);
    for (unsigned n = 0; n < scene->count; n++)
        scene->there[n] = scene_has(scene, n);
}

/* Every id that was not evicted is there, every account is right, nothing is left behind. */
static void end(struct scene *scene)
{
    static long records;
    struct trove_stats stats;
    unsigned found, added = scene->added + scene->actor_added;

    scene_reclaim(scene);
    found = look_at_all(scene);
    stats = scene_stats(scene);
    assert_int_equal(stats.object_count, found);
    assert_int_equal(stats.puts, added);
    assert_in_range(stats.puts - stats.evictions, found, found + scene->twice);
    assert_int_equal(trove_is_empty(scene->cache), found == 0);
    recount(scene->cache);
    assert_int_equal(trove_close(scene->cache, NULL), 0);
    records += failing_allocator_live() - scene->live;
    assert_in_range(records, 1, RECORDS_MAX);
}

bool play_once(const struct play *play, uint64_t step)
{
    static struct scene scene;
    bool stands;

    begin(&scene, play);
    scene.step = step;
    stands = stepper_run_to(play->act, &scene, step);
    stepper_limit(LIMIT);
    if (play->meanwhile != NULL)
        play->meanwhile(&scene);
    if (!play->alone)
        others_get_on(&scene);
    stepper_limit(0);
    assert_int_equal(stepper_was_stuck(), play->stuck);
    stepper_resume();
    assert_true(scene.result == 0 || (scene.overfull && scene.result == -ECACHE_OVERFULL));
    scene_reclaim(&scene);
    if (play->after != NULL)
        play->after(&scene);
    scene_put_fresh(&scene, 2);
    end(&scene);
    return stands;
}

void play(const struct play *play, unsigned runs_min)
{
    uint64_t step = 1, factor = test_all_turns() ? 1 : FEWER;
    uint64_t stride = play->stride == 0 ? 1 : play->stride;
    unsigned runs = 1;

    while (play_once(play, step)) {
        step += step < FIRST_STEPS ? factor : stride * factor;
        runs++;
    }
    printf("%u runs, the last at step %lu\n", runs, step);
    assert_true(runs >= runs_min / factor);
}
