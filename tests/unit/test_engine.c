// SPDX-License-Identifier: MIT
/*
 * test_engine.c - objects come in any order, at any time, or not at all; what is printed is in order.
 */
#include "fake_source.h"
#include "grep/engine.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One search over numbered objects. */
struct bench {
    struct fake_source source;
    struct trove *cache;
    struct trove__grep *grep;
    struct trove__engine *engine;
    struct trove_cancel *cancel;
    struct trove_until until;
    /* The output: written by one thread at a time, read when all is over. */
    struct trove__text out;
    int write_result;
    struct latch written; /* something was */
};

static int take(void *context, const void *bytes, size_t size)
{
    struct bench *bench = context;

    if (bench->write_result < 0)
        return bench->write_result;
    trove__text_add(&bench->out, bytes, size);
    latch_open(&bench->written);
    return 0;
}

static void setup_aside(struct bench *bench, const char *pattern, bool quiet, fake_script script,
                        size_t held_bytes, uint64_t aside_bytes)
{
    struct trove__grep_pattern one = {.bytes = pattern, .size = strlen(pattern), .origin = "test"};
    struct trove__grep_settings settings = {
        .patterns = &one, .pattern_count = 1, .max_count = -1, .show_name = true, .quiet = quiet};
    struct trove__engine_options options = {
        .threads = 3, .held_bytes = held_bytes, .aside_bytes = aside_bytes};

    *bench = (struct bench){.written = LATCH_INIT};
    fake_source_init(&bench->source, script);
    bench->source.context = bench;
    bench->cache = fake_open(&bench->source, NULL);
    assert_int_equal(trove_cancel_create(&bench->cancel), 0);
    bench->until = trove_until_ms(-1, bench->cancel);
    assert_int_equal(trove__grep_compile(&settings, &bench->grep, NULL), 0);
    options.cache = bench->cache;
    options.grep = bench->grep;
    options.until = bench->until;
    options.write = take;
    options.write_context = bench;
    assert_int_equal(trove__engine_create(&options, &bench->engine, NULL), 0);
}

static void setup(struct bench *bench, const char *pattern, bool quiet, fake_script script,
                  size_t held_bytes)
{
    setup_aside(bench, pattern, quiet, script, held_bytes, 0);
}

static void teardown(struct bench *bench)
{
    trove__engine_destroy(bench->engine);
    trove__grep_destroy(bench->grep);
    assert_int_equal(trove_close(bench->cache, NULL), 0);
    trove_cancel_unref(bench->cancel);
    trove__text_deinit(&bench->out);
}

static int add(struct bench *bench, unsigned n)
{
    struct trove_oid id = fake_id(n);
    char name[32];
    int length = snprintf(name, sizeof(name), "r:%u", n);

    return trove__engine_add(bench->engine, &id, name, (size_t)length, TROVE__CONTENT_LOOK);
}

/* Adds objects from FIRST on, below END; each must be taken. */
static void add_all(struct bench *bench, unsigned first, unsigned end)
{
    for (unsigned n = first; n < end; n++)
        assert_int_equal(add(bench, n), 0);
}

/* Adds more than the window takes, while nobody gives: waits, then hears that all is over. */
static void add_until_it_ends(struct bench *bench)
{
    int r = 0;

    for (unsigned n = 0; n < FAKE_OBJECTS && r == 0; n++)
        r = add(bench, n);
    assert_int_equal(r, -ECANCELED);
}

/* What git grep would print for the objects from FIRST on, below END: all of them match. */
static void check_output(const struct bench *bench, unsigned first, unsigned end)
{
    struct trove__text all = {0};

    for (unsigned n = first; n < end; n++) {
        char text[256], line[300];
        fake_text(n, text, sizeof(text));
        trove__text_add(&all, line, (size_t)snprintf(line, sizeof(line), "r:%u:%s\n", n, text));
    }
    assert_int_equal(bench->out.size, all.size);
    if (all.size > 0)
        assert_memory_equal(bench->out.bytes, all.bytes, all.size);
    trove__text_deinit(&all);
}

/* Gives what is wanted last first. */
static int give_backwards(struct fake_source *source, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    (void)source, (void)err;
    for (size_t i = request->want_count; i-- > 0;) {
        int r = fake_give_wants(request, sink, i, i + 1);
        if (r < 0)
            return r;
    }
    trove_sink_done(sink);
    return 0;
}

static void run_backwards(size_t held_bytes)
{
    struct bench bench;

    setup(&bench, "object", false, give_backwards, held_bytes);
    assert_int_equal(trove__engine_begin(bench.engine, NULL, NULL), 0);
    add_all(&bench, 0, 5000);
    assert_int_equal(trove__engine_end(bench.engine, NULL), 0);
    assert_true(trove__engine_hit(bench.engine));
    check_output(&bench, 0, 5000);
    /* A second part, of what is cached by now. */
    trove__text_reset(&bench.out);
    assert_int_equal(trove__engine_begin(bench.engine, NULL, NULL), 0);
    add_all(&bench, 1000, 2000);
    assert_int_equal(trove__engine_end(bench.engine, NULL), 0);
    check_output(&bench, 1000, 2000);
    teardown(&bench);
}

/* Goal: the order of adding, also when hardly anything may be held back and texts are made twice. */
static void engine__order(void **state)
{
    (void)state;
    run_backwards(0);
    run_backwards(2000);
}

/* Half of the pack, then silence until the test says so. */
static int give_half(struct fake_source *source, const struct trove_request *request,
                     struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    for (unsigned n = 0; n < 1000; n++) {
        if (n == 500 && !latch_wait_or_cancel(&source->go, request->until.cancel))
            return -ECANCELED;
        if (fake_give(sink, n, TROVE_GIVE_DEFAULT) < 0)
            return -EIO;
    }
    trove_sink_done(sink);
    return 0;
}

static struct trove_fetch *start_fetch(struct bench *bench)
{
    struct trove_want want = {fake_id(0), TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1, .depth = 1};
    struct trove_fetch *fetch;

    assert_int_equal(trove_fetch_start(bench->cache, &options, &bench->until, &fetch, NULL), 0);
    return fetch;
}

static struct trove_fetch *begin_within_fetch(struct bench *bench)
{
    struct trove_fetch *fetch = start_fetch(bench);

    assert_int_equal(trove__engine_begin(bench->engine, fetch, NULL), 0);
    return fetch;
}

/* All the objects last first, and what is asked for later as well. */
static int give_all_backwards(struct fake_source *source, const struct trove_request *request,
                              struct trove_sink *sink, struct trove_error *err)
{
    (void)source, (void)err;
    if (request->by_id)
        return fake_answer(request, sink);
    for (unsigned n = 5000; n-- > 0;)
        if (fake_give(sink, n, TROVE_GIVE_DEFAULT) < 0)
            return -EIO;
    trove_sink_done(sink);
    return 0;
}

static unsigned run_far_ahead(uint64_t aside_bytes)
{
    struct trove_fetch *fetch;
    struct bench bench;
    unsigned requests;

    setup_aside(&bench, "object", false, give_all_backwards, 2000, aside_bytes);
    fetch = begin_within_fetch(&bench);
    add_all(&bench, 0, 5000);
    assert_int_equal(trove__engine_end(bench.engine, NULL), 0);
    check_output(&bench, 0, 5000);
    requests = bench.source.requests;
    trove_fetch_free(fetch);
    teardown(&bench);
    return requests;
}

/* Goal: a fetch that brings everything in the worst order: what cannot be held waits in a file, and nothing is asked for
 * twice; without one, or when it is full, it is put off. All is printed in its turn. */
static void engine__far_ahead(void **state)
{
    (void)state;
    run_far_ahead(0);
    run_far_ahead(20000);
    assert_int_equal(run_far_ahead(1 << 20), 1);
}

/* Goal: the first line is printed while the pack has not arrived. Method: the source goes on only after that. */
static void engine__first_line_before_the_rest(void **state)
{
    struct trove_fetch *fetch;
    struct bench bench;

    (void)state;
    setup(&bench, "object", false, give_half, 0);
    fetch = begin_within_fetch(&bench);
    /* So few that they all fit into the window: adding does not wait for the second half. */
    add_all(&bench, 450, 550);
    assert_int_equal(trove__engine_flush(bench.engine), 0);
    latch_wait(&bench.written);
    assert_false(trove_fetch_is_done(fetch));
    latch_open(&bench.source.go);
    assert_int_equal(trove__engine_end(bench.engine, NULL), 0);
    check_output(&bench, 450, 550);
    assert_int_equal(bench.source.requests, 1);
    trove_fetch_free(fetch);
    teardown(&bench);
}

/* Goal: with -q the first hit ends all, also what would never come. */
static void engine__first_hit_answers(void **state)
{
    struct trove_fetch *fetch;
    struct bench bench;

    (void)state;
    setup(&bench, "object 7 ", true, give_half, 0);
    fetch = begin_within_fetch(&bench);
    add_until_it_ends(&bench);
    assert_int_equal(trove__engine_end(bench.engine, NULL), 0);
    assert_true(trove__engine_is_answered(bench.engine));
    assert_true(trove_is_canceled(bench.cancel));
    trove__engine_abandon(bench.engine);
    trove_fetch_free(fetch);
    assert_int_equal(bench.out.size, 0);
    teardown(&bench);
}

/* Goal: when nobody reads on, all stops and says why. */
static void engine__closed_pipe(void **state)
{
    struct trove_fetch *fetch;
    struct trove_error err;
    struct bench bench;

    (void)state;
    setup(&bench, "object", false, give_half, 0);
    fetch = begin_within_fetch(&bench);
    bench.write_result = -EPIPE;
    add_until_it_ends(&bench);
    assert_int_equal(trove__engine_end(bench.engine, &err), -EPIPE);
    trove__engine_abandon(bench.engine);
    assert_true(trove_is_canceled(bench.cancel));
    trove_fetch_free(fetch);
    teardown(&bench);
}

/* Goal: an object that is nowhere is an error in its place; what stands before it was printed. */
static void engine__absent_object(void **state)
{
    struct trove_error err = {.code = 0};
    struct bench bench;

    (void)state;
    setup(&bench, "object", false, NULL, 0);
    assert_int_equal(trove__engine_begin(bench.engine, NULL, NULL), 0);
    add_all(&bench, FAKE_OBJECTS - 20, FAKE_OBJECTS + 1);
    for (unsigned n = 0; n < 20; n++)
        add(&bench, n);
    assert_int_equal(trove__engine_end(bench.engine, &err), -ENOENT);
    assert_int_equal(err.code, -ENOENT);
    check_output(&bench, FAKE_OBJECTS - 20, FAKE_OBJECTS);
    teardown(&bench);
}

/* Goal: destroying in the middle waits for nobody who does not come. */
static void engine__destroyed_in_the_middle(void **state)
{
    struct trove_fetch *fetch;
    struct bench bench;

    (void)state;
    setup(&bench, "object", false, give_half, 0);
    fetch = begin_within_fetch(&bench);
    add_all(&bench, 480, 580);
    trove__engine_abandon(bench.engine);
    trove_fetch_free(fetch);
    teardown(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine__order),
        cmocka_unit_test(engine__far_ahead),
        cmocka_unit_test(engine__first_line_before_the_rest),
        cmocka_unit_test(engine__first_hit_answers),
        cmocka_unit_test(engine__closed_pipe),
        cmocka_unit_test(engine__absent_object),
        cmocka_unit_test(engine__destroyed_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
