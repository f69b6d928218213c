// SPDX-License-Identifier: MIT
/*
 * test_overlap.c - a stream and a fetch are handles of their own: who uses or closes one while another thread closes the
 * cache never touches the cache's memory after it is freed.
 *
 * Method: a thread stops before its K-th access to a shared word, for each K; then the cache is closed, or is not because
 * close rightly waits for that thread; then the thread goes on. Every access to the memory of a closed cache is caught.
 */
#include "core/cache_struct.h"
#include "core/unit.h"
#include "fake_source.h"
#include "stepper.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* This test's own word is plain C11: it must not be a place to stop at. */
static const char *_Atomic closed; /* a cache that is no more */

void perturb(const void *word)
{
    const char *cache;

    stepper_step();
    cache = atomic_load(&closed);
    if (cache != NULL && (const char *)word >= cache &&
        (const char *)word < cache + sizeof(struct trove)) {
        fprintf(stderr, "step %lu: the cache is closed\n", stepper_count());
        abort();
    }
}

struct scene {
    struct fake_source source;
    struct trove *cache;
    struct trove_stream *stream;
    struct trove_fetch *fetch;
};

static void next(void *context)
{
    struct scene *scene = context;
    const struct trove_until now = trove_until_ms(0, NULL);
    struct trove_result result;

    if (trove_stream_next(scene->stream, &now, &result, NULL) == 1)
        trove_unpin(result.object);
}

static void add(void *context)
{
    struct scene *scene = context;
    const struct trove_want want = {fake_id(3), TROVE_BLOB};

    (void)!trove_stream_add(scene->stream, &want, NULL, 1, NULL);
}

static void close_stream(void *context)
{
    struct scene *scene = context;
    trove_stream_close(scene->stream);
    scene->stream = NULL;
}

static void wait_for_fetch(void *context)
{
    struct scene *scene = context;
    const struct trove_until now = trove_until_ms(0, NULL);

    (void)trove_fetch_wait(scene->fetch, &now, NULL, NULL);
}

static void free_fetch(void *context)
{
    struct scene *scene = context;
    trove_fetch_free(scene->fetch);
    scene->fetch = NULL;
}

/* Fetches hang until they are cancelled. */
static int answer_ids(struct fake_source *self, const struct trove_request *request,
                      struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    if (request->by_id)
        return fake_answer(request, sink);
    (void)latch_wait_or_cancel(&self->go, request->until.cancel);
    return -ECANCELED;
}

/* One id of the stream is answered, one waits for the fetch. */
static void open_scene(struct scene *scene)
{
    const struct trove_want one = {fake_id(1), TROVE_BLOB}, two = {fake_id(2), TROVE_BLOB};
    const struct trove_fetch_options fetch = {.wants = &two, .want_count = 1};
    struct trove_result result;

    fake_source_init(&scene->source, answer_ids);
    scene->cache = fake_open(&scene->source, NULL);
    assert_int_equal(trove_resolve(scene->cache, &one.id, TROVE_BLOB, NULL, &result, NULL), 0);
    trove_unpin(result.object);
    assert_int_equal(trove_fetch_start(scene->cache, &fetch, NULL, &scene->fetch, NULL), 0);
    assert_int_equal(trove_stream_open(scene->cache, scene->fetch, &scene->stream, NULL), 0);
    assert_int_equal(trove_stream_add(scene->stream, &two, NULL, 1, NULL), 0);
    assert_int_equal(trove_stream_add(scene->stream, &one, NULL, 1, NULL), 0);
}

/* Returns whether the actor was stopped; *CLOSED counts closes that did not wait for it. */
static bool overlap_at(void (*act)(void *scene), unsigned access, int64_t try_ms,
                       unsigned *ret_closed)
{
    struct scene scene = {0};
    struct trove_until soon;
    bool stands;
    int r;

    open_scene(&scene);
    stands = stepper_run_to(act, &scene, access);
    soon = trove_until_ms(try_ms, NULL); /* how long it is tried to close in spite of the actor */
    r = trove_close(scene.cache, &soon);
    if (r == 0) {
        atomic_store(&closed, (const char *)scene.cache);
        *ret_closed += stands;
    }
    stepper_resume();
    if (r != 0)
        assert_int_equal(trove_close(scene.cache, NULL), 0);
    trove_stream_close(scene.stream);
    trove_fetch_free(scene.fetch);
    atomic_store(&closed, NULL);
    return stands;
}

static void overlap(void (*act)(void *scene))
{
    unsigned without = 0;

    /* A busy machine may need longer than 5 ms to close a cache that nobody is in: then all is tried more patiently. */
    for (int64_t try_ms = 5; without == 0; try_ms *= 4) {
        unsigned access = 1;

        while (overlap_at(act, access, try_ms, &without))
            access++;
        assert_true(access > 1);
    }
}

static void overlap__next(void **state)
{
    (void)state;
    overlap(next);
}

static void overlap__add(void **state)
{
    (void)state;
    overlap(add);
}

static void overlap__close_stream(void **state)
{
    (void)state;
    overlap(close_stream);
}

static void overlap__wait_for_fetch(void **state)
{
    (void)state;
    overlap(wait_for_fetch);
}

static void overlap__free_fetch(void **state)
{
    (void)state;
    overlap(free_fetch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlap__next),         cmocka_unit_test(overlap__add),
        cmocka_unit_test(overlap__close_stream), cmocka_unit_test(overlap__wait_for_fetch),
        cmocka_unit_test(overlap__free_fetch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
