// SPDX-License-Identifier: MIT
/*
 * test_stopped_fork.c - fork() while a thread stands at any step of a put, of a move, of the reclaimer's turns or of a replacement: in the child, where that thread is not, the move is ended, old levels go, what was replaced is discarded, and nothing is freed twice.
 *
 * mutation                                                             dies here
 * nobody ends the parent's moves (trove__take_over() does nothing)     both
 * of two slots of one object both stay (find_twin() finds none)        both
 * what the parent's threads had counted stays (trove__uncount_lost())  fork__turns
 * the same, and no level is counted anew                               fork__put
 * the level of objects on their way home is noted last                 fork__home: the child has none
 */
#include "bare_table.h"
#include "core/cache_struct.h"
#include "core/era.h"
#include "core/rcu.h"
#include "failing_allocator.h"
#include "in_child.h"
#include "recount.h"
#include "scene.h"
#include "stepper.h"
#include "support.h"
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE_CACHE (1 << 20) /* the first level of its table has 128 buckets */
#define LARGE_SIZE 900        /* of which so many fit that the table grows */
#define TINY_SIZE 20
#define FRESH 6
#define TRIES 10

/* --- the child: what it returns is what was wrong ------------------------------------------------------------------ */

static bool finds_all(struct scene *scene)
{
    for (unsigned n = 0; n < scene->count; n++)
        if (scene->there[n] && !scene_has(scene, n))
            return false;
    return true;
}

static bool puts_fresh(struct scene *scene)
{
    for (unsigned i = 0; i < FRESH; i++) {
        unsigned n = scene->count++;
        int r;

        while ((r = scene_put(scene, n, &scene->added)) == -ECACHE_OVERFULL)
            scene_take_turns(scene);
        if (r != 0 || !scene_has(scene, n))
            return false;
    }
    scene_take_turns(scene);
    return true;
}

static uint64_t levels(struct scene *scene)
{
    return trove__table_sizes(&scene->cache->table).levels;
}

/* Each object in one slot, and none of them sealed. */
static void see(void *context, struct trove_object *object)
{
    struct trove_object **last = context;

    if (*last == object)
        *last = NULL;
}

static bool is_twice(struct scene *scene)
{
    bool twice = false;

    for (unsigned n = 0; n < scene->count && !twice; n++) {
        struct trove_object *object = scene_pin(scene, n), *left = object;

        if (object == NULL)
            continue;
        trove__table_each(&scene->cache->table, see, &left); /* once: NULL */
        twice = left != NULL;
        trove_unpin(object);
    }
    return twice;
}

/* The old contents go, with what the parent's thread was moving. */
static int replace(struct scene *scene)
{
    const struct trove_until at_once = {.deadline_ns = 0};
    struct trove__flights *flights = scene->cache->flights;
    struct trove__era *era;
    unsigned n = scene->count++, tries = 0;

    /* No room for a table before what was evicted for it is free. */
    while (trove_replace(scene->cache, NULL, &at_once, NULL) != 0) {
        scene_take_turns(scene);
        if (tries++ == TRIES)
            return 10;
    }
    for (unsigned i = 0; i < n; i++)
        if (scene_has(scene, i))
            return 11;
    scene_take_turns(scene);
    if (levels(scene) != 1)
        return 12;
    /* Sources end. One that the parent's thread was about to begin with may be left. */
    for (era = trove__load_acquire(&flights->eras); era != NULL; era = era->next)
        if (trove__load_acquire(&era->is_discarded) != 0)
            return 13;
    if (!trove_is_empty(scene->cache))
        return 14;
    return scene_put(scene, n, &scene->added) == 0 && scene_has(scene, n) ? 0 : 15;
}

static int go_on_moving(struct scene *scene)
{
    if (!puts_fresh(scene))
        return 2;
    if (levels(scene) != 1)
        return 3;
    return is_twice(scene) ? 4 : 0;
}

/* No thread reclaims in a child: its turns are taken. */
static void take_its_place(struct scene *scene)
{
    /* RELAXED: nobody else is here. */
    trove__store_relaxed(&scene->cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
}

static int child(struct scene *scene, bool is_exact)
{
    int r;

    setenv("CMOCKA_TEST_ABORT", "1",
           1); /* what is asserted here must not go back to the parent's tests */
    take_its_place(scene);
    if (is_exact && !finds_all(scene)) /* who grows the table may evict */
        return 1;
    r = scene->step % 2 == 0 || scene->twice > 0 ? replace(scene) : go_on_moving(scene);
    if (r != 0)
        return r;
    trove__store_relaxed(&scene->cache->reclaim.thread_state, TROVE__RECLAIM_NONE);
    if (is_exact)
        recount_in_child(scene->cache, 1);
    return trove_close(scene->cache, NULL) == 0 ? 0 : 5;
}

/* Sometimes in a section: then nothing is counted anew at once. */
static void fork_there(struct scene *scene, bool is_exact)
{
    bool inside = scene->step % 3 == 0;
    int status;
    pid_t pid;

    if (inside)
        trove__section_enter();
    pid = fork();
    if (inside)
        trove__section_leave();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child(scene, is_exact));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("step %lu: status %#x", (unsigned long)scene->step, (unsigned)status);
}

static void fork_exactly(struct scene *scene)
{
    fork_there(scene, true);
}

static void fork_with_losses(struct scene *scene)
{
    fork_there(scene, false);
}

/* --- a put ---------------------------------------------------------------------------------------------------------- */

/* Once all is evicted nothing is counted. But what had not reached the queue, or the policy, is never evicted. */
static int empty(void *context)
{
    struct scene *scene = context;
    bool is_left = false;

    take_its_place(scene);
    for (unsigned i = 0; i < TRIES; i++) {
        (void)trove_shrink(scene->cache, UINT64_MAX);
        scene_take_turns(scene);
    }
    for (unsigned n = 0; n < scene->count; n++)
        is_left |= scene_has(scene, n);
    if (is_left)
        return scene_has(scene, scene->number) ? 0 : 1;
    return trove_is_empty(scene->cache) ? 0 : 2;
}

static void some_and_one(struct scene *scene)
{
    while (scene->count < 10)
        scene_put_and_use(scene);
    scene->number = scene->count++;
}

static void empty_in_child(struct scene *scene)
{
    assert_int_equal(in_child(empty, scene), 0);
}

static void fork__put(void **state)
{
    const struct play put = {some_and_one,  scene_actor_puts,   empty_in_child,
                             .alone = true, .size = SCENE_SIZE, .max_bytes = SCENE_CACHE};

    (void)state;
    play(&put, 20);
}

/* --- objects on their way home -------------------------------------------------------------------------------------- */

#define SAME 20 /* ids of one hash: seven are at home, the others in two buckets more */

static void act_bring_home(void *context)
{
    struct bare_table *f = context;

    trove__table_homing_leave(&f->table, TROVE__BUCKETS_MIN);
    trove__grace_period();
    trove__table_homing_arrive(&f->table);
}

static bool has_sealed(struct bare_table *f)
{
    struct trove__level *level = trove__load_acquire(&f->table.head);

    for (uint64_t b = 0; b <= level->mask; b++)
        for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
            if (trove__load_acquire(&level->buckets[b].slots[slot]) & TROVE__SEALED)
                return true;
    return false;
}

/* As the child's first grace period. */
static int end_homing(void *context)
{
    struct bare_table *f = context;

    trove__table_after_fork(&f->table);
    trove__table_homing_arrive(&f->table);
    for (uint32_t n = 0; n < SAME; n++)
        if (bare_find(f, n) != (n == 2 || n == 4 ? NULL : f->objects[n]))
            return 1;
    if (has_sealed(f))
        return 2;
    return trove__table_sizes(&f->table).entries == SAME - 2 ? 0 : 3;
}

/* Goal: whoever brings objects home stands anywhere, the first time that he does. */
static void fork__home(void **state)
{
    uint64_t at = 0;
    bool stands = true;

    (void)state;
    while (stands) {
        struct bare_table f;

        bare_setup(&f, true);
        f.reclaim.thread_state = TROVE__RECLAIM_STARTING; /* it has no thread */
        for (uint32_t n = 0; n < SAME; n++)
            bare_add(&f, n);
        assert_int_equal(bare_take_out(&f, f.objects[2]), 0);
        assert_int_equal(bare_take_out(&f, f.objects[4]), 0);
        at += at < 200 ? 1 : 7;
        stands = stepper_run_to(act_bring_home, &f, at);
        assert_int_equal(in_child(end_homing, &f), 0);
        stepper_resume();
        f.reclaim.thread_state = TROVE__RECLAIM_NONE;
        bare_teardown(&f);
    }
    assert_true(at > 100);
}

/* --- a thread that helps to move ----------------------------------------------------------------------------------- */

static void full_and_moving(struct scene *scene)
{
    while (scene_stats(scene).evictions < 5)
        scene_put_fresh(scene, 1);
    assert_true(trove__table_service(&scene->cache->table));
    assert_int_equal(levels(scene), 2);
}

static void act_move(void *context)
{
    struct scene *scene = context;

    trove__section_enter();
    trove__table_move(&scene->cache->table);
    trove__section_leave();
}

static void fork__move(void **state)
{
    const struct play move = {
        full_and_moving,    act_move,      fork_exactly, .max_bytes = LARGE_CACHE,
        .size = LARGE_SIZE, .alone = true, .stride = 3};

    (void)state;
    play(&move, 100);
}

/* --- the reclaimer's thread ---------------------------------------------------------------------------------------- */

static void much_to_reclaim(struct scene *scene)
{
    while (scene_stats(scene).evictions < 20)
        scene_put_fresh(scene, 1);
}

static void act_turns(void *context)
{
    scene_take_turns(context);
}

/* Goal: it grows the table, moves all, brings objects home and frees others. What it holds itself the child may lose. */
static void fork__turns(void **state)
{
    const struct play turns = {
        much_to_reclaim,          act_turns,         fork_with_losses, .alone = true,
        .max_bytes = SCENE_CACHE, .size = TINY_SIZE, .stride = 211};

    (void)state;
    play(&turns, 100);
}

/* --- a replacement ------------------------------------------------------------------------------------------------- */

static void act_replace(void *context)
{
    const struct trove_until at_once = {.deadline_ns = 0};
    struct scene *scene = context;

    scene->result = trove_replace(scene->cache, NULL, &at_once, NULL);
}

/* What was replaced is not counted as evicted. */
static void half_full(struct scene *scene)
{
    while (scene->count < 50)
        scene_put_and_use(scene);
    scene->twice = SCENE_NUMBERS;
}

/* In the child it has come about or not; it can be replaced again there, and that waits for what is discarded. */
static void fork__replace(void **state)
{
    const struct play replace = {half_full,     act_replace,        fork_with_losses,
                                 .alone = true, .size = SCENE_SIZE, .max_bytes = SCENE_CACHE};

    (void)state;
    play(&replace, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork__put),     cmocka_unit_test(fork__home),
        cmocka_unit_test(fork__move),    cmocka_unit_test(fork__turns),
        cmocka_unit_test(fork__replace),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
