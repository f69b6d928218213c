// SPDX-License-Identifier: MIT
/*
 * test_shutdown.c - shutting down and closing while others wait, wherever they wait; nothing is left.
 */
#include "failing_allocator.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAITERS 8

static struct fake_source source;
static struct trove *cache;

/* Does not hear of a cancelled request. */
static int hang_deaf(struct fake_source *self, const struct trove_request *request,
                     struct trove_sink *sink, struct trove_error *err)
{
    (void)request, (void)sink;
    latch_wait(&self->go);
    return trove_error_set(err, -ECANCELED, "at last");
}

static void begin(fake_script script, uint32_t flights_max)
{
    struct trove_options options;

    fake_options(&options);
    options.requests_at_once = 1;
    options.flights_max = flights_max;
    fake_source_init(&source, script);
    cache = fake_open(&source, &options);
}

static void end(void)
{
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(source.destroyed, 1);
    failing_allocator_assert_none();
}

static struct trove_fetch *start_fetch(void)
{
    struct trove_want want = {fake_id(0), TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_fetch *fetch;

    assert_int_equal(trove_fetch_start(cache, &options, NULL, &fetch, NULL), 0);
    return fetch;
}

static void resolve_in_vain(void *context, unsigned index)
{
    const struct trove_oid id = fake_id(1 + index % 4);
    struct trove_result result;
    struct trove_stats stats;

    if (index == WAITERS) { /* the closer: once as many flights as there can be are there */
        do {
            sched_yield();
            trove_stats(cache, &stats);
        } while (stats.flights_now < 4);
        trove_shutdown(cache);
    } else if (trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL) == -ECANCELED) {
        atomic_fetch_add((atomic_uint *)context, 1);
    }
}

/* Goal: who waits for a flight is answered. */
static void shutdown__answers_waiters(void **state)
{
    atomic_uint canceled = 0;

    (void)state;
    begin(fake_hang, 65536);
    run_threads(WAITERS + 1, resolve_in_vain, &canceled);
    assert_int_equal(canceled, WAITERS);
    end();
}

static void resolve_many_in_vain(void *context, unsigned index)
{
    const struct trove_oid id = fake_id(100 + index);
    struct trove_result result;

    if (index == 4) {
        wait_for_flights(cache, 4);
        /* Those that found no flight are asleep, or about to be: both must end. */
        for (unsigned i = 0; i < 1000; i++)
            sched_yield();
        trove_shutdown(cache);
    } else if (trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL) == -ECANCELED) {
        atomic_fetch_add((atomic_uint *)context, 1);
    }
}

static void take_all_canceled(struct trove_stream *stream, unsigned count)
{
    struct trove_result result;

    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 1);
        assert_int_equal(result.status, -ECANCELED);
    }
}

/* Goal: who waits for a free flight is answered too, though no flight is given back: all four are unsent, behind a fetch. */
static void shutdown__answers_those_without_a_flight(void **state)
{
    struct trove_want wants[6];
    struct trove_stream *stream;
    struct trove_fetch *fetch;
    atomic_uint canceled = 0;

    (void)state;
    begin(fake_hang, 4);
    fetch = start_fetch();
    latch_wait(&source.started);
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
    for (unsigned i = 0; i < 6; i++)
        wants[i] = (struct trove_want){fake_id(10 + i), TROVE_BLOB};
    assert_int_equal(trove_stream_add(stream, wants, NULL, 6, NULL), 0);
    run_threads(5, resolve_many_in_vain, &canceled);
    assert_int_equal(canceled, 4);
    take_all_canceled(stream, 4);
    trove_stream_close(stream);
    trove_fetch_free(fetch);
    end();
}

/* Goal: fetches that nobody took yet end, whoever lets go of them first, and leave nothing. */
static void shutdown__queued_fetches(void **state)
{
    struct trove_fetch_result result;
    struct trove_fetch *fetches[3];

    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        begin(fake_hang, 65536);
        for (unsigned i = 0; i < 3; i++)
            fetches[i] = start_fetch();
        latch_wait(&source.started);
        trove_shutdown(cache);
        if (late)
            assert_int_equal(trove_close(cache, NULL), 0);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(trove_fetch_wait(fetches[i], NULL, &result, NULL), -ECANCELED);
            trove_fetch_free(fetches[i]);
        }
        if (!late)
            assert_int_equal(trove_close(cache, NULL), 0);
        failing_allocator_assert_none();
    }
}

/* Goal: close says when it cannot wait any longer for a source that does not let go, and works afterwards. */
static void shutdown__close_has_a_deadline(void **state)
{
    struct trove_until soon;
    struct trove_fetch *fetch;
    struct trove_cancel *token;

    (void)state;
    begin(hang_deaf, 65536);
    fetch = start_fetch();
    latch_wait(&source.started);
    soon = trove_until_ms(5, NULL);
    assert_int_equal(trove_close(cache, &soon), -ETIMEDOUT);
    assert_int_equal(trove_cancel_create(&token), 0);
    trove_cancel(token);
    soon = trove_until_ms(-1, token);
    assert_int_equal(trove_close(cache, &soon), -ECANCELED);
    trove_cancel_unref(token);
    latch_open(&source.go);
    trove_fetch_free(fetch);
    end();
}

/* Goal: afterwards nothing is asked for any more; what is cached stays readable. */
static void shutdown__reading_goes_on(void **state)
{
    const struct trove_oid id = fake_id(1);
    struct trove_want want = {id, TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    const struct trove_object *object;
    struct trove_stream *stream;
    struct trove_fetch *fetch;
    struct trove_result result;

    (void)state;
    begin(NULL, 65536);
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    trove_unpin(result.object);
    trove_shutdown(cache);
    trove_shutdown(cache);
    assert_true(trove_has(cache, &id));
    trove_read_lock();
    assert_int_equal(trove_get(cache, &id, &object), 0);
    trove_read_unlock();
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), -ECANCELED);
    assert_null(result.object);
    assert_int_equal(trove_resolve_many(cache, &want, 1, NULL, &result, NULL), -ECANCELED);
    assert_int_equal(trove_put(cache, TROVE_BLOB, "x", 1, NULL, NULL), -ECANCELED);
    assert_int_equal(trove_fetch_start(cache, &options, NULL, &fetch, NULL), -ECANCELED);
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), -ECANCELED);
    end();
}

#if defined(TROVE_DEBUG) &&                                                                        \
    !defined(__SANITIZE_THREAD__) /* which lets no child of several threads start one */
/* In a child, whose end says what happened: closes while another thread is in a section that has looked into the cache. */
static void *read_on(void *context)
{
    const struct trove_oid id = fake_id(1);
    const struct trove_object *object;
    struct latch *latches = context;

    trove_read_lock();
    (void)trove_get(cache, &id, &object);
    latch_open(&latches[0]);
    latch_wait(&latches[1]);
    trove_read_unlock();
    return NULL;
}

static int close_beside_a_reader(bool in_time)
{
    struct latch latches[2] = {LATCH_INIT, LATCH_INIT};
    pthread_t thread;

    begin(fake_hang, 10);
    pthread_create(&thread, NULL, read_on, latches);
    latch_wait(&latches[0]);
    if (in_time) {
        latch_open(&latches[1]);
        pthread_join(thread, NULL);
    }
    return trove_close(cache, NULL) == 0 ? 0 : 1;
}

static int end_of_child(bool in_time)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        _exit(close_beside_a_reader(in_time));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Goal: closing while another reads is noticed, and only then. */
static void shutdown__a_reader_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(end_of_child(true), 0);
    assert_int_equal(WTERMSIG(end_of_child(false)), SIGABRT);
}
#define READER_TESTS cmocka_unit_test(shutdown__a_reader_is_noticed),
#else
#define READER_TESTS
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        READER_TESTS cmocka_unit_test(shutdown__answers_waiters),
        cmocka_unit_test(shutdown__answers_those_without_a_flight),
        cmocka_unit_test(shutdown__queued_fetches),
        cmocka_unit_test(shutdown__close_has_a_deadline),
        cmocka_unit_test(shutdown__reading_goes_on),
    };
    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
