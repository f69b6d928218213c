// SPDX-License-Identifier: MIT
/*
 * test_ordered.c - answers in any order leave in order, with a bound on what waits in memory, and one on what waits in a
 * file.
 */
#include "failing_allocator.h"
#include "fake_source.h"
#include "grep/ordered.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WINDOW = 16 };

/* What leaves, and what was made again. */
struct sink {
    struct trove__text out;
    unsigned again;
    atomic_uint forgotten; /* by any thread */
    int fail;              /* what write() answers */
    int fail_again;        /* what again() answers */
};

static int take(void *context, const void *bytes, size_t size)
{
    struct sink *sink = context;

    if (sink->fail < 0)
        return sink->fail;
    trove__text_add(&sink->out, bytes, size);
    return sink->out.failure;
}

/* The text of answer N: lines for two in three, some of them long, some many and behind many marks. */
static void fill(uint64_t n, struct trove__text *text)
{
    char line[400];
    int size =
        snprintf(line, sizeof(line), "%llu:%0*d\n", (unsigned long long)n, (int)(n % 300), 0);

    if (n % 3 == 0)
        return;
    for (uint64_t i = 0; i < (n % 7 == 1 ? n % 30 + 1 : 1); i++) {
        for (uint64_t k = 0; k < (n % 35 == 1 ? 40 : 1); k++)
            trove__text_mark(text);
        trove__text_add(text, line, (size_t)size);
    }
    text->shown = text->failure == 0;
}

struct later {
    struct sink *sink;
    uint64_t n;
};

static int again(void *worker, void *context, struct trove__text *text, struct trove_error *err)
{
    struct later *later = context;
    int r = later->sink->fail_again;

    (void)worker, (void)err;
    later->sink->again++;
    if (r == 0)
        fill(later->n, text);
    free(later);
    return r;
}

static void forget(void *context)
{
    struct later *later = context;

    later->sink->forgotten++;
    free(later);
}

/* What may be kept. */
struct room {
    size_t held, text;
    uint64_t aside;
};

static const struct room roomy = {1 << 20, 0, 0};

static struct trove__ordered *create(struct sink *sink, struct room room)
{
    struct trove__ordered_options options = {.window = WINDOW,
                                             .max_held = room.held,
                                             .text_limit = room.text,
                                             .max_aside = room.aside,
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
    struct later *later = malloc(sizeof(*later));
    struct trove__ordered_answer answer;

    if (later == NULL)
        abort();
    *later = (struct later){sink, n};
    trove__ordered_answer_init(ordered, &answer);
    trove__ordered_begin(&answer, n);
    fill(n, &answer.text);
    if (answer.text.failure < 0 && !trove__ordered_is_cut(&answer)) {
        trove__ordered_fail(&answer, &answer.err, NULL);
    } else if (answer.text.failure < 0 || !trove__ordered_try_put(&answer, NULL)) {
        trove__ordered_put_later(&answer, later, NULL);
        later = NULL;
    }
    if (later != NULL)
        forget(later);
    trove__ordered_answer_deinit(&answer);
}

/* Answers N with LINE, if any, and a failure. */
static void put_failure(struct trove__ordered *ordered, uint64_t n, const char *line,
                        const struct trove_error *err)
{
    struct trove__ordered_answer answer;

    trove__ordered_answer_init(ordered, &answer);
    trove__ordered_begin(&answer, n);
    trove__text_add(&answer.text, line, strlen(line));
    trove__ordered_fail(&answer, err, NULL);
    trove__ordered_answer_deinit(&answer);
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
        trove__text_add(&all, unread.out.bytes, unread.out.size);
        trove__text_deinit(&unread.out);
        earlier |= one.shown;
        trove__text_deinit(&one);
    }
    assert_int_equal(sink->out.size, all.size);
    assert_memory_equal(sink->out.bytes, all.bytes, all.size);
    trove__text_deinit(&all);
}

/* Goal: order, marks between texts, and no more kept than the bound. Method: each window answered in a shuffled order. */
static void run_shuffled(struct room room, struct sink *sink)
{
    struct trove__ordered *ordered = create(sink, room);
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

static unsigned check_shuffled(struct room room)
{
    struct sink sink = {.fail = 0};
    unsigned again;

    run_shuffled(room, &sink);
    assert_int_equal(sink.again + sink.forgotten, 40 * WINDOW);
    again = sink.again;
    trove__text_deinit(&sink.out);
    return again;
}

static void ordered__any_order_in(void **state)
{
    (void)state;
    assert_int_equal(check_shuffled(roomy), 0);
    assert_true(check_shuffled((struct room){600, 0, 0}) > 50);
    assert_true(check_shuffled((struct room){600, 100, 0}) > 50);
    /* What does not fit into memory waits in a file, and nothing is made again. */
    assert_int_equal(check_shuffled((struct room){600, 0, 1 << 20}), 0);
    assert_int_equal(check_shuffled((struct room){600, 100, 1 << 20}), 0);
    assert_int_equal(check_shuffled((struct room){0, 1, 1 << 20}), 0);
    /* As much as fits there, too. */
    assert_in_range(check_shuffled((struct room){600, 100, 3000}), 10, 300);
}

/* Goal: what is due leaves at once; a failure lets everything before it out and nothing behind. */
static void ordered__failure_in_its_place(void **state)
{
    struct sink sink = {.fail = 0};
    struct trove__ordered *ordered = create(&sink, roomy);
    struct trove_error err = {.code = 0}, seen;
    uint64_t n;

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(trove__ordered_reserve(ordered, false, &n), 0);
    put(ordered, &sink, 0);
    put(ordered, &sink, 1);
    assert_string_equal((trove__text_add(&sink.out, "", 1), sink.out.bytes), "1:0\n1:0\n");
    sink.out.size--;
    put(ordered, &sink, 7);
    trove_error_set(&err, -ENOENT, "gone");
    put_failure(ordered, 4, "found before\n", &err);
    put(ordered, &sink, 3);
    assert_false(trove__ordered_is_stopped(ordered));
    put(ordered, &sink, 2);
    assert_true(trove__ordered_is_stopped(ordered));
    assert_int_equal(trove__ordered_wait(ordered, &seen), -ENOENT);
    assert_string_equal(seen.message, "gone");
    assert_int_equal(trove__ordered_reserve(ordered, true, &n), -ECANCELED);
    sink.out.size -= strlen("found before\n");
    assert_memory_equal(sink.out.bytes + sink.out.size, "found before\n", strlen("found before\n"));
    check_all(&sink, 4);
    trove__ordered_destroy(ordered); /* number 7 is given up with it */
    trove__text_deinit(&sink.out);
}

static void ordered__no_reader(void **state)
{
    struct sink sink = {.fail = -EPIPE};
    struct trove__ordered *ordered = create(&sink, roomy);
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

/* --- the file ---------------------------------------------------------------------------------------------------- */

/* Numbers 2 and 1, then 0: what they wait with is more than memory has room for. */
static int run_aside(struct sink *sink, struct trove_error *err)
{
    struct trove__ordered *ordered = create(sink, (struct room){64, 64, 1 << 20});
    uint64_t n;
    int r;

    for (int i = 0; i < 3; i++)
        assert_int_equal(trove__ordered_reserve(ordered, false, &n), 0);
    put(ordered, sink, 2);
    put(ordered, sink, 1);
    put(ordered, sink, 0);
    r = trove__ordered_wait(ordered, err);
    trove__ordered_destroy(ordered);
    return r;
}

static void ordered__no_place_for_the_file(void **state)
{
    const char *before = getenv("TMPDIR");
    char *kept = before != NULL ? strdup(before) : NULL;
    struct sink sink = {.fail = 0};
    struct trove_error err;

    (void)state;
    setenv("TMPDIR", "/nonexistent/folder", 1);
    assert_int_equal(run_aside(&sink, &err), -ENOENT);
    if (kept != NULL)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
    assert_non_null(strstr(err.message, "cannot make a temporary file in /nonexistent/folder"));
    trove__text_deinit(&sink.out);
}

/* A full disk, as far as a test can have one without being root: files may not grow. */
static void ordered__the_disk_is_full(void **state)
{
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct sink sink = {.fail = 0};
    struct rlimit before, small;
    struct trove_error err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(run_aside(&sink, &err), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_non_null(strstr(err.message, "cannot write to the temporary file in "));
    trove__text_deinit(&sink.out);
}

/* Goal: a text whose number is due leaves while it is made, also what of it was aside before. */
static void ordered__due_while_it_is_made(void **state)
{
    static const char line[] = "a line of forty-four bytes, one after another";
    struct sink sink = {.fail = 0};
    struct trove__ordered *ordered = create(&sink, (struct room){1 << 20, 100, 1 << 20});
    struct trove__text expected = {0};
    struct trove__ordered_answer answer;
    uint64_t n;

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(trove__ordered_reserve(ordered, false, &n), 0);
    trove__ordered_answer_init(ordered, &answer);
    trove__ordered_begin(&answer, 1);
    for (unsigned i = 0; i < 20; i++) {
        size_t left = sink.out.size;
        if (i == 10) {
            assert_int_equal(sink.out.size, 0);
            put(ordered, &sink, 0); /* silent */
        }
        trove__text_add(&answer.text, line, sizeof(line) - 1);
        trove__text_add(&expected, line, sizeof(line) - 1);
        assert_true(sink.out.size >= left);
        assert_true(answer.text.size <= 100);
    }
    assert_true(sink.out.size > expected.size - 3 * sizeof(line));
    assert_true(trove__ordered_try_put(&answer, NULL));
    assert_int_equal(trove__ordered_wait(ordered, NULL), 0);
    assert_int_equal(sink.out.size, expected.size);
    assert_memory_equal(sink.out.bytes, expected.bytes, expected.size);
    trove__ordered_answer_deinit(&answer);
    trove__ordered_destroy(ordered);
    trove__text_deinit(&sink.out);
    trove__text_deinit(&expected);
}

/* Goal: each allocation fails in turn, with and without room for the file. */
static void ordered__no_memory(void **state)
{
    bool failed = true;

    (void)state;
    for (unsigned n = 1; failed; n++) {
        struct sink sink = {.fail = 0};
        long live = failing_allocator_live();
        struct trove__ordered_options options = {.window = WINDOW,
                                                 .max_held = 64,
                                                 .text_limit = 64,
                                                 .max_aside = 1 << 20,
                                                 .mark = "--\n",
                                                 .mark_size = 3,
                                                 .write = take,
                                                 .write_context = &sink,
                                                 .again = again,
                                                 .forget = forget};
        struct trove__ordered *ordered;
        uint64_t number;
        int r;

        failing_allocator_fail_at(n);
        r = trove__ordered_create(&options, &ordered);
        for (int i = 0; r == 0 && i < 3; i++)
            assert_int_equal(trove__ordered_reserve(ordered, false, &number), 0);
        for (uint64_t i = 3; r == 0 && i-- > 0;)
            put(ordered, &sink, i);
        if (r == 0) {
            r = trove__ordered_wait(ordered, NULL);
            trove__ordered_destroy(ordered);
        }
        failed = failing_allocator_stop();
        assert_true(r == -ENOMEM || (r == 0 && sink.out.failure == 0));
        trove__text_deinit(&sink.out);
        assert_int_equal(failing_allocator_live(), live);
    }
}

/* --- several threads --------------------------------------------------------------------------------------------- */

struct race {
    struct trove__ordered *ordered;
    struct sink *sink;
    atomic_uint next, failures;
};

enum { RACE_COUNT = 10000, RACERS = 4 };

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

static void run_race(struct room room)
{
    struct sink sink = {.fail = 0};
    struct race context = {.ordered = create(&sink, room), .sink = &sink};

    run_threads(RACERS, race, &context);
    assert_int_equal(context.failures, 0);
    assert_int_equal(trove__ordered_wait(context.ordered, NULL), 0);
    check_all(&sink, RACE_COUNT);
    trove__ordered_destroy(context.ordered);
    trove__text_deinit(&sink.out);
}

/* Goal: an answer that cannot be made again ends everything with its code, also when it came without a message. */
static void ordered__no_memory_when_made_again(void **state)
{
    struct sink sink = {.fail_again = -ENOMEM};
    struct trove__ordered *ordered = create(&sink, roomy);
    struct later *later = malloc(sizeof(*later));
    struct trove__ordered_answer answer;
    struct trove_error err = {.code = 0};
    uint64_t n;

    (void)state;
    assert_non_null(later);
    assert_int_equal(trove__ordered_reserve(ordered, false, &n), 0);
    *later = (struct later){&sink, n};
    trove__ordered_answer_init(ordered, &answer);
    trove__ordered_begin(&answer, n);
    trove__ordered_put_later(&answer, later, NULL);
    trove__ordered_answer_deinit(&answer);
    assert_int_equal(trove__ordered_wait(ordered, &err), -ENOMEM);
    assert_int_equal(err.code, -ENOMEM);
    assert_int_not_equal(err.message[0], 0);
    trove__ordered_destroy(ordered);
    trove__text_deinit(&sink.out);
}

static void ordered__threads(void **state)
{
    (void)state;
    run_race((struct room){1000, 0, 0});
    run_race((struct room){1000, 500, 1 << 20});
    run_race((struct room){1000, 500, 3000});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordered__any_order_in),
        cmocka_unit_test(ordered__failure_in_its_place),
        cmocka_unit_test(ordered__no_reader),
        cmocka_unit_test(ordered__no_place_for_the_file),
        cmocka_unit_test(ordered__the_disk_is_full),
        cmocka_unit_test(ordered__due_while_it_is_made),
        cmocka_unit_test(ordered__no_memory),
        cmocka_unit_test(ordered__no_memory_when_made_again),
        cmocka_unit_test(ordered__threads),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
