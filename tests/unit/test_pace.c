// SPDX-License-Identifier: MIT
/*
 * test_pace.c - a fetch goes no faster than its streams are emptied, and never waits for nobody.
 */
#include "core/unit.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <string.h>

enum { OBJECTS = 64, BYTES = 32 << 10, CACHE = 1 << 20 };

struct scene {
    struct fake_source source;
    struct trove *cache;
    struct trove__unit *unit;
    struct trove_fetch *fetch;
    struct trove_stream *stream;
    struct trove_oid ids[OBJECTS];
    atomic_uint given;
};

static void content(unsigned n, char bytes[BYTES])
{
    memset(bytes, 'a', BYTES);
    memcpy(bytes, &n, sizeof(n));
}

/* Every object, whatever is wanted. */
static int give_all(struct fake_source *source, const struct trove_request *request,
                    struct trove_sink *sink, struct trove_error *err)
{
    struct scene *scene = source->context;
    char bytes[BYTES];

    (void)err;
    /* Not before the test wants them all. */
    if (!latch_wait_or_cancel(&source->go, request->until.cancel))
        return -ECANCELED;
    for (unsigned n = 0; n < OBJECTS; n++) {
        content(n, bytes);
        if (trove_sink_put(sink, TROVE_BLOB, bytes, BYTES, TROVE_GIVE_DEFAULT) < 0)
            return -EIO;
        scene->given++;
    }
    trove_sink_done(sink);
    return 0;
}

static void setup(struct scene *scene)
{
    struct trove_want wants[OBJECTS];
    struct trove_fetch_options fetch = {.wants = wants, .want_count = 1};
    struct trove_options options;
    char bytes[BYTES];

    memset(scene, 0, sizeof(*scene));
    fake_source_init(&scene->source, give_all);
    scene->source.context = scene;
    fake_options(&options);
    options.max_bytes = CACHE;
    scene->cache = fake_open(&scene->source, &options);
    for (unsigned n = 0; n < OBJECTS; n++) {
        content(n, bytes);
        assert_int_equal(options.hash->object_id(options.hash->context, TROVE_BLOB, bytes, BYTES,
                                                 &scene->ids[n]),
                         0);
        wants[n] = (struct trove_want){scene->ids[n], TROVE_BLOB};
    }
    assert_int_equal(trove_fetch_start(scene->cache, &fetch, NULL, &scene->fetch, NULL), 0);
    assert_int_equal(trove_stream_open(scene->cache, scene->fetch, &scene->stream, NULL), 0);
    assert_int_equal(trove_stream_add(scene->stream, wants, NULL, OBJECTS, NULL), 0);
    assert_int_equal(trove__unit_get(scene->cache, &scene->unit), 0);
    latch_open(&scene->source.go);
}

static void teardown(struct scene *scene)
{
    trove_fetch_free(scene->fetch);
    trove__unit_unref(scene->unit);
    assert_int_equal(trove_close(scene->cache, NULL), 0);
}

/* Or until all was given. */
static void wait_until_paced(struct scene *scene)
{
    while (trove__load_seq_cst(&scene->unit->pace.waiting) == 0 && scene->given < OBJECTS)
        sched_yield();
}

static void take(struct scene *scene, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct trove_result result;
        assert_int_equal(trove_stream_next(scene->stream, NULL, &result, NULL), 1);
        assert_int_equal(result.status, 0);
        assert_int_equal(trove_object_size(result.object), BYTES);
        trove_unpin(result.object);
    }
}

/* What was given and not taken: at most the share, what is in the giver's hands, and one more for each time that the
 * taker was about to sleep meanwhile. */
static void check_bound(struct scene *scene, unsigned taken)
{
    assert_in_range(scene->given - taken, 0, CACHE / 8 / BYTES + 4);
    assert_true(trove__load_seq_cst(&scene->unit->pace.untaken) <= CACHE / 8 + 4 * BYTES);
}

/* All of it came; the cache could not keep some. */
static void wait_for_the_end(struct scene *scene)
{
    int r = trove_fetch_wait(scene->fetch, NULL, NULL, NULL);

    assert_true(r == 0 || r == -ECACHE_OVERFULL);
}

/* Goal: twice what the cache holds comes through a stream, each object once, with no more than a share of the cache
 * waiting to be taken. Method: the giver is seen to wait before each answer is taken, while it has more to give. */
static void pace__a_fetch_waits_for_its_reader(void **state)
{
    struct scene scene;
    struct trove_result result;

    (void)state;
    setup(&scene);
    for (unsigned taken = 0; taken < OBJECTS - CACHE / 8 / BYTES - 1; taken++) {
        wait_until_paced(&scene);
        check_bound(&scene, taken);
        take(&scene, 1);
    }
    take(&scene, CACHE / 8 / BYTES + 1);
    assert_int_equal(trove_stream_next(scene.stream, NULL, &result, NULL), 0);
    wait_for_the_end(&scene);
    assert_int_equal(scene.source.requests, 1);
    assert_int_equal(scene.given, OBJECTS);
    assert_int_equal(trove__load_seq_cst(&scene.unit->pace.untaken), 0);
    trove_stream_close(scene.stream);
    teardown(&scene);
}

/* Goal: who waits for the end of the fetch before taking anything gets it. */
static void pace__who_waits_for_the_end_gets_it(void **state)
{
    struct scene scene;

    (void)state;
    setup(&scene);
    wait_until_paced(&scene);
    wait_for_the_end(&scene);
    take(&scene, OBJECTS);
    assert_int_equal(scene.source.requests, 1);
    trove_stream_close(scene.stream);
    teardown(&scene);
}

/* Goal: the same for who only asks whether it has come. */
static void pace__who_asks_for_the_end_gets_it(void **state)
{
    struct scene scene;

    (void)state;
    setup(&scene);
    while (!trove_fetch_is_done(scene.fetch))
        sched_yield();
    take(&scene, OBJECTS);
    trove_stream_close(scene.stream);
    teardown(&scene);
}

/* Goal: an id that comes behind what nobody takes is answered. */
static void pace__a_resolve_behind_it_is_answered(void **state)
{
    struct trove_result result;
    struct scene scene;

    (void)state;
    setup(&scene);
    wait_until_paced(&scene);
    assert_int_equal(
        trove_resolve(scene.cache, &scene.ids[OBJECTS - 1], TROVE_BLOB, NULL, &result, NULL), 0);
    trove_unpin(result.object);
    trove_stream_close(scene.stream);
    teardown(&scene);
}

/* Goal: a reader that leaves lets the fetch go on to its end. */
static void pace__a_closed_stream_holds_nothing_up(void **state)
{
    struct scene scene;

    (void)state;
    setup(&scene);
    wait_until_paced(&scene);
    trove_stream_close(scene.stream);
    while (scene.given < OBJECTS)
        sched_yield();
    assert_int_equal(trove__load_seq_cst(&scene.unit->pace.untaken), 0);
    teardown(&scene);
}

/* Goal: a fetch that waits can be cancelled, and a cache with one be shut down. */
static void pace__ends_while_it_waits(void **state)
{
    struct scene scene;

    (void)state;
    setup(&scene);
    wait_until_paced(&scene);
    trove_fetch_free(scene.fetch);
    scene.fetch = NULL;
    trove_stream_close(scene.stream);
    teardown(&scene);
    setup(&scene);
    wait_until_paced(&scene);
    trove_shutdown(scene.cache);
    trove_stream_close(scene.stream);
    teardown(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace__a_fetch_waits_for_its_reader),
        cmocka_unit_test(pace__who_waits_for_the_end_gets_it),
        cmocka_unit_test(pace__who_asks_for_the_end_gets_it),
        cmocka_unit_test(pace__a_resolve_behind_it_is_answered),
        cmocka_unit_test(pace__a_closed_stream_holds_nothing_up),
        cmocka_unit_test(pace__ends_while_it_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
