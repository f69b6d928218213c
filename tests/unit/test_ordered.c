// SPDX-License-Identifier: MIT
/*
 * test_ordered.c - answers in any order leave in order, with a bound on what waits.
 */
#include "fake_source.h"
#include "grep/ordered.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 16 };

/* What leaves, and what was made again. */
struct sink {
    struct trove__text out;
    unsigned again;
    atomic_uint forgotten; /* by any thread */
    int fail;              /* what write() answers */
};

static int take(void *context, const void *bytes, size_t size)
{
    struct sink *sink = context;

    if (sink->fail < 0)
        return sink->fail;
    trove__text_add(&sink->out, bytes, size);
    return 0;
}

/* The text of answer N: lines for two in three, some of them long. */
static void fill(uint64_t n, struct trove__text *text)
{
    char line[400];
    int size =
        snprintf(line, sizeof(line), "%llu:%0*d\n", (unsigned long long)n, (int)(n % 300), 0);

    if (n % 3 == 0)
        return;
    trove__text_mark(text);
    trove__text_add(text, line, (size_t)size);
    text->shown = true;
}

struct later {
    struct sink *sink;
    uint64_t n;
};

static int again(void *worker, void *context, struct trove__text *text, struct trove_error *err)
{
    struct later *later = context;

    (void)worker, (void)err;
    later->sink->again++;
    fill(later->n, text);
    free(later);
    return 0;
}

static void forget(void *context)
{
    struct later *later = context;

    later->sink->forgotten++;
    free(later);
}

static struct trove__ordered *create(struct sink *sink, size_t max_held)
{
    struct trove__ordered_options options = {.window = WINDOW,
                                             .max_held = max_held,
                                             .write = take,
                                             .write_context = sink,
                                             .mark = "--\n",
                                             .mark_size = 3,
                                             .again = again,
                                             .forget = forget};
    struct trove__ordered *ordered;

    assert_int_equal(trove__ordered_create(&options, &ordered), 0);
    return ordered;
}

static void put(struct trove__ordered *ordered, struct sink *sink, uint64_t n)
{
    struct trove__text text = {0};
    struct later *later = malloc(sizeof(*later));

    if (later == NULL)
        abort();
    *later = (struct later){sink, n};
    fill(n, &text);
    trove__ordered_put(ordered, n, &text, later, NULL);
    trove__text_deinit(&text);
}

static void check_all(const struct sink *sink, uint64_t count)
{
    struct trove__text all = {0};
    bool earlier = false;

    for (uint64_t n = 0; n < count; n++) {
        struct trove__text one = {0};
        struct sink unread = {0};

        fill(n, &one);
        assert_int_equal(trove__text_write(&one, earlier, "--\n", 3, take, &unread), 0);
        trove__text_deinit(&unread.out);
        if (earlier && one.mark_count > 0)
            trove__text_add(&all, "--\n", 3);
        trove__text_add(&all, one.bytes, one.size);
        earlier |= one.shown;
        trove__text_deinit(&one);
    }
    assert_int_equal(sink->out.size, all.size);
    assert_memory_equal(sink->out.bytes, all.bytes, all.size);
    trove__text_deinit(&all);
}

/* Goal: order, marks between texts, and no more kept than the bound. Method: each window answered in a shuffled order. */
static void run_shuffled(size_t max_held, struct sink *sink)
{
    struct trove__ordered *ordered = create(sink, max_held);
    unsigned rng = 12345;
    uint64_t done = 0;

    while (done < 40 * WINDOW) {
        uint64_t numbers[WINDOW], extra;
        for (size_t i = 0; i < WINDOW; i++) {
            assert_int_equal(trove__ordered_reserve(ordered, false, &numbers[i]), 0);
            assert_int_equal(numbers[i], done + i);
        }
        assert_int_equal(trove__ordered_reserve(ordered, false, &extra), -EAGAIN);
        for (size_t i = WINDOW; i > 1; i--) {
            size_t k = (rng = rng * 1103515245 + 12345) >> 8;
            uint64_t swap = numbers[i - 1];
            numbers[i - 1] = numbers[k % i];
            numbers[k % i] = swap;
        }
        for (size_t i = 0; i < WINDOW; i++)
            put(ordered, sink, numbers[i]);
        done += WINDOW;
    }
    assert_int_equal(trove__ordered_wait(ordered, NULL), 0);
    check_all(sink, done);
    trove__ordered_destroy(ordered);
}

static void ordered__any_order_in(void **state)
{
    struct sink roomy = {.fail = 0}, tight = {.fail = 0};

    (void)state;
    run_shuffled(1 << 20, &roomy);
    assert_int_equal(roomy.again, 0);
    run_shuffled(600, &tight);
    assert_true(tight.again > 50);
    assert_int_equal(tight.again + tight.forgotten, 40 * WINDOW);
    trove__text_deinit(&roomy.out);
    trove__text_deinit(&tight.out);
}

/* Goal: what is due leaves at once; a failure lets everything before it out and nothing behind. */
static void ordered__failure_in_its_place(void **state)
{
    struct sink sink = {.fail = 0};
    struct trove__ordered *ordered = create(&sink, 1 << 20);
    struct trove_error err = {.code = 0}, seen;
    uint64_t n;

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(trove__ordered_reserve(ordered, false, &n), 0);
    put(ordered, &sink, 0);
    put(ordered, &sink, 1);
    assert_string_equal((trove__text_add(&sink.out, "", 1), sink.out.bytes), "1:0\n");
    sink.out.size--;
    put(ordered, &sink, 7);
    trove_error_set(&err, -ENOENT, "gone");
    trove__ordered_fail(ordered, 4, &err, NULL);
    put(ordered, &sink, 3);
    assert_false(trove__ordered_is_stopped(ordered));
    put(ordered, &sink, 2);
    assert_true(trove__ordered_is_stopped(ordered));
    assert_int_equal(trove__ordered_wait(ordered, &seen), -ENOENT);
    assert_string_equal(seen.message, "gone");
    assert_int_equal(trove__ordered_reserve(ordered, true, &n), -ECANCELED);
    check_all(&sink, 4);
    trove__ordered_destroy(ordered); /* number 7 is given up with it */
    trove__text_deinit(&sink.out);
}

static void ordered__no_reader(void **state)
{
    struct sink sink = {.fail = -EPIPE};
    struct trove__ordered *ordered = create(&sink, 1 << 20);
    struct trove_error err;
    uint64_t n;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(trove__ordered_reserve(ordered, false, &n), 0);
    put(ordered, &sink, 0);
    assert_false(trove__ordered_is_stopped(ordered)); /* nothing was written yet */
    put(ordered, &sink, 1);
    assert_int_equal(trove__ordered_wait(ordered, &err), -EPIPE);
    put(ordered, &sink, 2);
    trove__ordered_destroy(ordered);
    trove__text_deinit(&sink.out);
}

/* --- several threads --------------------------------------------------------------------------------------------- */

struct race {
    struct trove__ordered *ordered;
    struct sink *sink;
    atomic_uint next, failures;
};

enum { RACE_COUNT = 20000, RACERS = 4 };

/* Thread 0 reserves, and answers its share; the others answer what was reserved. */
static void race(void *context, unsigned index)
{
    struct race *race = context;

    if (index == 0) {
        uint64_t n;
        for (unsigned i = 0; i < RACE_COUNT; i++) {
            if (trove__ordered_reserve(race->ordered, true, &n) != 0)
                atomic_fetch_add(&race->failures, 1);
            atomic_store(&race->next, i + 1);
        }
        return;
    }
    /* Thread K answers the numbers that leave rest K - 1, so neighbours are answered at the same time. */
    for (unsigned n = index - 1; n < RACE_COUNT; n += RACERS - 1) {
        while (atomic_load(&race->next) <= n)
            sched_yield();
        put(race->ordered, race->sink, n);
    }
}

static void ordered__threads(void **state)
{
    struct sink sink = {.fail = 0};
    struct race context = {.ordered = create(&sink, 1000), .sink = &sink};

    (void)state;
    run_threads(RACERS, race, &context);
    assert_int_equal(context.failures, 0);
    assert_int_equal(trove__ordered_wait(context.ordered, NULL), 0);
    check_all(&sink, RACE_COUNT);
    trove__ordered_destroy(context.ordered);
    trove__text_deinit(&sink.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordered__any_order_in),
        cmocka_unit_test(ordered__failure_in_its_place),
        cmocka_unit_test(ordered__no_reader),
        cmocka_unit_test(ordered__threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
