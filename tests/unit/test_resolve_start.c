// SPDX-License-Identifier: MIT
/*
 * test_resolve_start.c - resolves that are told of: by callback, through a queue with a descriptor, in an epoll loop; cancelled
 * at any moment; while the cache is shut down or closed; in a child of fork().
 */
#include "core/resolving.h"
#include "failing_allocator.h"
#include "fake_source.h"
#include "support.h"
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <trove/async.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
#define MANY 2000
#define RACES 300
#else
#define MANY 8000
#define RACES 2000
#endif
#define WINDOW 1000 /* flights of the epoll loop */

static struct fake_source source;
static struct trove *cache;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REFUSES_THREADS 0 /* the sanitizer's own pthread_create is not to be replaced */
#else
#define REFUSES_THREADS 1
static atomic_uint refuses_threads;

/* Takes the place of the C library's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");

    memcpy(&real, &symbol, sizeof(real));
    return refuses_threads ? EAGAIN : real(thread, attributes, main, argument);
}
#endif

static void begin(fake_script script, uint32_t flights_max)
{
    struct trove_options options;

    fake_options(&options);
    options.flights_max = flights_max;
    fake_source_init(&source, script);
    cache = fake_open(&source, &options);
}

static void end(void)
{
    assert_int_equal(trove_close(cache, NULL), 0);
#ifndef __SANITIZE_THREAD__ /* its read sections keep a record for each thread */
    assert_int_equal(failing_allocator_live(), 0);
#endif
}

static struct trove_resolving *start(unsigned n, const struct trove_notice *notice)
{
    const struct trove_want want = {fake_id(n), TROVE_BLOB};
    struct trove_resolving *resolving = NULL;
    struct trove_result result;

    assert_int_equal(trove_resolve_start(cache, &want, notice, &result, &resolving, NULL), 0);
    return resolving;
}

static void assert_takes(struct trove_resolving *resolving, unsigned n)
{
    struct trove_result result;

    assert_int_equal(trove_resolve_take(resolving, &result, NULL), 1);
    assert_int_equal(check_result(&result, n), 0);
}

/* What a callback has seen. */
struct ended {
    atomic_uint count;
    int status;
    char message[100];
    struct latch latch;
};

static void ended_init(struct ended *ended)
{
    *ended = (struct ended){.latch = LATCH_INIT};
}

static pthread_mutex_t note_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(void *context, struct trove_resolving *resolving)
{
    struct ended *ended = context;
    struct trove_result result;
    struct trove_error err = {0};

    if (trove_resolve_take(resolving, &result, &err) != 1)
        abort();
    pthread_mutex_lock(&note_lock);
    ended->status = result.status;
    snprintf(ended->message, sizeof(ended->message), "%.99s", err.message);
    pthread_mutex_unlock(&note_lock);
    trove_unpin(result.object);
    atomic_fetch_add(&ended->count, 1);
    latch_open(&ended->latch);
}

/* Goal: what is cached is answered by the call, and nobody is told. */
static void start__a_hit_answers_at_once(void **state)
{
    const struct trove_want want = {fake_id(3), TROVE_BLOB};
    struct trove_resolving *resolving = NULL;
    struct trove_notice notice = {.ended = note};
    struct trove_result result;
    struct ended ended;
    char text[256];

    (void)state;
    begin(NULL, 100);
    ended_init(&ended);
    notice.context = &ended;
    assert_int_equal(
        trove_put(cache, TROVE_BLOB, text, fake_text(3, text, sizeof(text)), NULL, NULL), 0);
    assert_int_equal(trove_resolve_start(cache, &want, &notice, &result, &resolving, NULL), 1);
    assert_int_equal(result.how, TROVE_HIT);
    assert_int_equal(check_result(&result, 3), 0);
    assert_null(resolving);
    assert_int_equal(ended.count, 0);
    end();
}

static int fail_with_words(struct fake_source *self, const struct trove_request *request,
                           struct trove_sink *sink, struct trove_error *err)
{
    (void)self, (void)request, (void)sink;
    return trove_error_set(err, -EIO, "the wire is cut");
}

/* Goal: the callback hears once, of an object, of absence, and of an error with its words. */
static void start__a_callback_is_told(void **state)
{
    static const struct {
        fake_script script;
        unsigned n;
        int status;
        const char *message;
    } cases[] = {{NULL, 1, 0, ""},
                 {NULL, FAKE_OBJECTS + 1, -ENOENT, "the source does not have this object"},
                 {fail_with_words, 1, -EIO, "the wire is cut"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove_notice notice = {.ended = note};
        struct trove_resolving *resolving;
        struct trove_result result;
        struct ended ended;

        begin(cases[i].script, 100);
        ended_init(&ended);
        notice.context = &ended;
        resolving = start(cases[i].n, &notice);
        assert_ptr_equal(trove_resolve_context(resolving), &ended);
        latch_wait(&ended.latch);
        assert_int_equal(ended.status, cases[i].status);
        assert_string_equal(ended.message, cases[i].message);
        assert_int_equal(trove_resolve_take(resolving, &result, NULL), -EINVAL);
        assert_false(trove_resolve_cancel(resolving));
        trove_resolve_free(resolving);
        assert_int_equal(ended.count, 1);
        end();
    }
}

/* --- an event loop ------------------------------------------------------------------------------------------------ */

struct loop {
    struct trove_ready *ready;
    unsigned next, outstanding, done, twice;
    unsigned char seen[MANY];
};

static void count_answer(struct loop *loop, unsigned n, struct trove_result *result)
{
    assert_int_equal(check_result(result, n), 0);
    loop->twice += loop->seen[n];
    loop->seen[n] = 1;
    loop->done++;
}

/* Starts as many as there are flights for. */
static void fill(struct loop *loop)
{
    while (loop->next < MANY) {
        struct trove_want want = {fake_id(loop->next), TROVE_BLOB};
        struct trove_notice notice = {.ready = loop->ready,
                                      .context = (void *)(uintptr_t)loop->next};
        struct trove_resolving *resolving;
        struct trove_result result;
        struct trove_error err;
        int r = trove_resolve_start(cache, &want, &notice, &result, &resolving, &err);

        if (r == -EAGAIN && loop->outstanding > 0)
            return;
        assert_true(r >= 0 || r == -EAGAIN);
        if (r == 1)
            count_answer(loop, loop->next, &result);
        loop->outstanding += r == 0;
        loop->next += r >= 0;
    }
}

static void drain(struct loop *loop)
{
    struct trove_resolving *resolving;

    while ((resolving = trove_ready_next(loop->ready)) != NULL) {
        struct trove_result result;

        assert_int_equal(trove_resolve_take(resolving, &result, NULL), 1);
        count_answer(loop, (unsigned)(uintptr_t)trove_resolve_context(resolving), &result);
        trove_resolve_free(resolving);
        loop->outstanding--;
    }
}

/* Goal: one thread has thousands outstanding, sleeps in epoll only, and hears of each once. */
static void start__an_epoll_loop_hears_of_all(void **state)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct loop loop = {0};
    int epoll = epoll_create1(0);

    (void)state;
    begin(NULL, WINDOW);
    assert_int_equal(trove_ready_open(&loop.ready, NULL), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, trove_ready_fd(loop.ready), &event), 0);
    for (fill(&loop); loop.done < MANY; fill(&loop)) {
        assert_int_equal(epoll_wait(epoll, &event, 1, -1), 1);
        drain(&loop);
    }
    assert_int_equal(loop.twice, 0);
    assert_int_equal(loop.outstanding, 0);
    assert_null(trove_ready_next(loop.ready));
    assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0); /* not readable any more */
    assert_true(source.ids <= MANY);
    trove_ready_close(loop.ready);
    close(epoll);
    end();
}

/* Goal: who takes one at a time finds the descriptor readable until the last is taken. */
static void start__readable_until_all_are_taken(void **state)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct trove_resolving *resolving[5], *next;
    struct trove_notice notice = {0};
    int epoll = epoll_create1(0);

    (void)state;
    begin(NULL, 100);
    assert_int_equal(trove_ready_open(&notice.ready, NULL), 0);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, trove_ready_fd(notice.ready), &event), 0);
    for (unsigned i = 0; i < 5; i++)
        resolving[i] = start(i, &notice);
    trove_resolve_free(resolving[2]); /* cancelled or freed in the queue: passed over */
    for (unsigned left = 4; left > 0; left--) {
        do {
            assert_int_equal(epoll_wait(epoll, &event, 1, -1), 1);
            next = trove_ready_next(notice.ready);
        } while (next == NULL);
        assert_ptr_not_equal(next, resolving[2]);
        trove_resolve_free(next);
    }
    assert_null(trove_ready_next(notice.ready));
    assert_int_equal(epoll_wait(epoll, &event, 1, 0), 0);
    trove_ready_close(notice.ready);
    close(epoll);
    end();
}

/* Goal: a queue that is closed first is told of nothing, and leaks nothing. */
static void start__a_closed_queue(void **state)
{
    struct trove_resolving *resolving[20];
    struct trove_notice notice = {0};

    (void)state;
    begin(fake_hold_first, 100);
    assert_int_equal(trove_ready_open(&notice.ready, NULL), 0);
    for (unsigned i = 0; i < 20; i++)
        resolving[i] = start(i, &notice);
    trove_ready_close(notice.ready);
    latch_open(&source.go);
    for (unsigned i = 0; i < 20; i++) {
        struct trove_result result;
        while (trove_resolve_take(resolving[i], &result, NULL) == 0)
            sched_yield();
        assert_int_equal(check_result(&result, i), 0);
        trove_resolve_free(resolving[i]);
    }
    end();
}

/* --- bounds ------------------------------------------------------------------------------------------------------- */

/* Goal: past flights_max the call says so instead of waiting; not being called by a source either. */
static void start__no_flight_is_free(void **state)
{
    const struct trove_want want = {fake_id(9), TROVE_BLOB};
    struct trove_resolving *resolving[4], *more;
    struct trove_result result;
    struct trove_error err = {0};

    (void)state;
    begin(fake_hold_first, 4);
    for (unsigned i = 0; i < 4; i++)
        resolving[i] = start(i, NULL);
    latch_wait(&source.started);
    assert_int_equal(trove_resolve_start(cache, &want, NULL, &result, &more, &err), -EAGAIN);
    assert_int_equal(err.code, -EAGAIN);
    latch_open(&source.go);
    for (unsigned i = 0; i < 4; i++) {
        while (trove_resolve_take(resolving[i], &result, NULL) == 0)
            sched_yield();
        assert_int_equal(check_result(&result, i), 0);
        trove_resolve_free(resolving[i]);
    }
    wait_for_flights(cache, 0);
    trove_resolve_free(start(9, NULL));
    end();
}

static int start_in_source(struct fake_source *self, const struct trove_request *request,
                           struct trove_sink *sink, struct trove_error *err)
{
    const struct trove_want want = {fake_id(7), TROVE_BLOB};
    struct trove_resolving *resolving;
    struct trove_result result;

    *(int *)self->context = trove_resolve_start(self->cache, &want, NULL, &result, &resolving, err);
    return fake_answer(request, sink);
}

static void start__not_by_a_source(void **state)
{
    struct trove_oid id = fake_id(1);
    struct trove_result result;
    int status = 0;

    (void)state;
    begin(start_in_source, 100);
    source.context = &status;
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    trove_unpin(result.object);
    assert_int_equal(status, -EDEADLK);
    end();
}

#if REFUSES_THREADS
/* Goal: without a thread to fetch the call says so, and tells nobody later. */
static void start__without_a_thread(void **state)
{
    const struct trove_want want = {fake_id(1), TROVE_BLOB};
    struct trove_notice notice = {.ended = note};
    struct trove_resolving *resolving;
    struct trove_result result;
    struct ended ended;

    (void)state;
    begin(NULL, 100);
    ended_init(&ended);
    notice.context = &ended;
    atomic_store(&refuses_threads, 1);
    assert_int_equal(trove_resolve_start(cache, &want, &notice, &result, &resolving, NULL),
                     -EAGAIN);
    atomic_store(&refuses_threads, 0);
    resolving = start(1, &notice);
    latch_wait(&ended.latch);
    trove_resolve_free(resolving);
    assert_int_equal(ended.count, 1);
    end();
}
#endif

/* --- in the callback ---------------------------------------------------------------------------------------------- */

#define CHAIN 200

struct chain {
    unsigned n;
    int resolved, closed, many;
    struct latch latch;
};

/* Object after object, each started in the callback of the one before. */
static void chain_on(void *context, struct trove_resolving *resolving)
{
    struct chain *chain = context;
    struct trove_notice notice = {.ended = chain_on, .context = chain};
    struct trove_want want = {fake_id(chain->n + 1), TROVE_BLOB};
    struct trove_resolving *next;
    struct trove_result result;
    struct trove_error err;

    if (trove_resolve_take(resolving, &result, NULL) != 1 || check_result(&result, chain->n) != 0)
        abort();
    chain->resolved = trove_resolve(cache, &want.id, TROVE_BLOB, NULL, &result, &err);
    chain->closed = trove_close(cache, NULL);
    chain->many = trove_resolve_many(cache, &want, 1, NULL, &result, &err);
    trove_resolve_free(resolving);
    if (++chain->n == CHAIN)
        latch_open(&chain->latch);
    else if (trove_resolve_start(cache, &want, &notice, &result, &next, &err) != 0)
        abort();
}

/* Goal: a callback frees what it is told of and starts more; what would wait answers -EDEADLK. */
static void start__from_the_callback(void **state)
{
    struct chain chain = {.latch = LATCH_INIT};
    const struct trove_notice notice = {.ended = chain_on, .context = &chain};

    (void)state;
    begin(NULL, 100);
    (void)start(0, &notice);
    latch_wait(&chain.latch);
    assert_int_equal(chain.resolved, -EDEADLK);
    assert_int_equal(chain.closed, -EDEADLK);
    assert_int_equal(chain.many, -EDEADLK);
    end();
}

struct busy {
    struct latch begun, go;
    atomic_uint running, returned;
    struct trove_resolving *resolving;
};

static void stay(void *context, struct trove_resolving *resolving)
{
    struct busy *busy = context;

    (void)resolving;
    atomic_store(&busy->running, 1);
    latch_open(&busy->begun);
    latch_wait(&busy->go);
    atomic_store(&busy->running, 0);
}

static void free_busy(void *context, unsigned index)
{
    struct busy *busy = context;

    if (index == 0) {
        trove_resolve_free(busy->resolving);
        atomic_store(&busy->returned, 1 + atomic_load(&busy->running));
        return;
    }
    /* The lowest bits are the phase; more is set once somebody sleeps. */
    while (atomic_load(&busy->resolving->word) < 4 && atomic_load(&busy->returned) == 0)
        sched_yield();
    latch_open(&busy->go);
}

/* Goal: once free has returned, the callback runs nowhere. */
static void start__free_waits_for_the_callback(void **state)
{
    struct busy busy = {.begun = LATCH_INIT, .go = LATCH_INIT};
    const struct trove_notice notice = {.ended = stay, .context = &busy};

    (void)state;
    begin(NULL, 100);
    busy.resolving = start(0, &notice);
    atomic_fetch_add(&busy.resolving->references, 1); /* for the look at its word */
    latch_wait(&busy.begun);
    run_threads(2, free_busy, &busy);
    assert_int_equal(busy.returned, 1);
    trove__resolving_unref(busy.resolving);
    end();
}

/* --- cancelling --------------------------------------------------------------------------------------------------- */

/* Goal: what is cancelled before it is sent is never asked for, nobody is told, and others still get theirs. */
static void start__cancelled_before_it_is_sent(void **state)
{
    struct trove_resolving *first, *dropped, *kept, *joined;
    struct trove_notice notice = {.ended = note};
    struct trove_result result;
    struct ended ended, other;

    (void)state;
    begin(fake_hold_first, 100);
    ended_init(&ended);
    ended_init(&other);
    first = start(0, NULL);
    latch_wait(&source.started);
    notice.context = &ended;
    dropped = start(1, &notice);
    joined = start(2, &notice);
    notice.context = &other;
    kept = start(2, &notice);
    assert_true(trove_resolve_cancel(dropped));
    assert_false(trove_resolve_cancel(dropped));
    assert_true(trove_resolve_cancel(joined));
    assert_int_equal(trove_resolve_take(joined, &result, NULL), 1);
    assert_int_equal(result.status, -ECANCELED);
    latch_open(&source.go);
    latch_wait(&other.latch);
    assert_int_equal(other.status, 0);
    trove_resolve_free(first);
    trove_resolve_free(dropped);
    trove_resolve_free(joined);
    trove_resolve_free(kept);
    wait_for_flights(cache, 0);
    assert_int_equal(ended.count, 0);
    assert_int_equal(source.ids, 2);
    end();
}

struct race {
    struct trove_resolving *resolving;
    struct ended ended;
    atomic_uint canceled;
};

static void race_one(void *context, unsigned index)
{
    struct race *race = context;

    (void)index;
    if (trove_resolve_cancel(race->resolving))
        atomic_fetch_add(&race->canceled, 1);
}

/* Goal: two cancel while the answer comes: exactly one of three things happens. */
static void start__cancelled_while_it_is_answered(void **state)
{
    unsigned canceled = 0, told = 0;

    (void)state;
    begin(NULL, 100);
    for (unsigned i = 0; i < RACES; i++) {
        struct race race = {0};
        struct trove_notice notice = {.ended = note, .context = &race.ended};

        ended_init(&race.ended);
        race.resolving = start(i, &notice);
        if (i % 4 == 0) /* not before the source has it */
            while (trove__flight_phase(race.resolving->node.flight) < TROVE__FLIGHT_SENT)
                sched_yield();
        if (i % 2)
            race_one(&race, 0);
        else
            run_threads(2, race_one, &race);
        trove_resolve_free(race.resolving);
        assert_int_equal(race.canceled + race.ended.count, 1);
        canceled += race.canceled;
        told += race.ended.count;
    }
    assert_int_equal(canceled + told, RACES);
    wait_for_flights(cache, 0);
    end();
}

/* --- the end of the cache ----------------------------------------------------------------------------------------- */

/* Goal: closing answers what is outstanding, all of it before it returns; the handles live on. */
static void start__closed_in_the_middle(void **state)
{
    const struct trove_want want = {fake_id(600), TROVE_BLOB};
    struct trove_resolving *resolving[500], *more;
    struct trove_notice notice = {.ended = note};
    struct trove_result result;
    struct trove_error err = {0};
    struct ended ended;

    (void)state;
    begin(fake_hang, 1000);
    ended_init(&ended);
    notice.context = &ended;
    assert_int_equal(trove_ready_open(&notice.ready, NULL), 0);
    for (unsigned i = 0; i < 500; i++)
        resolving[i] = start(i, &notice);
    trove_shutdown(cache);
    assert_int_equal(trove_resolve_start(cache, &want, &notice, &result, &more, &err), -ECANCELED);
    assert_int_equal(err.code, -ECANCELED);
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(ended.count, 500);
    assert_int_equal(ended.status, -ECANCELED);
    for (unsigned i = 0; i < 500; i++)
        assert_non_null(trove_ready_next(notice.ready));
    assert_null(trove_ready_next(notice.ready));
    for (unsigned i = 0; i < 500; i++) {
        assert_false(trove_resolve_cancel(resolving[i]));
        assert_int_equal(trove_resolve_take(resolving[i], &result, NULL), -EINVAL);
        trove_resolve_free(resolving[i]);
    }
    trove_ready_close(notice.ready);
#ifndef __SANITIZE_THREAD__ /* its read sections keep a record for each thread */
    assert_int_equal(failing_allocator_live(), 0);
#endif
}

/* In a child: what the parent has outstanding is left alone, and what it starts itself is told of. */
static int use_in_child(struct trove_resolving *held, struct trove_resolving *answered)
{
    struct trove_result result;

    if (trove_resolve_take(held, &result, NULL) != 0 || !trove_resolve_cancel(held))
        return 1;
    trove_resolve_free(held);
    if (trove_resolve_take(answered, &result, NULL) != 1 || check_result(&result, 30) != 0)
        return 2;
    trove_resolve_free(answered);
#ifndef __SANITIZE_THREAD__ /* it lets no child of several threads start one */
    struct trove_notice notice = {.ended = note};
    struct trove_want want = {fake_id(40), TROVE_BLOB};
    struct trove_resolving *resolving;
    struct ended ended;

    ended_init(&ended);
    notice.context = &ended;
    if (trove_resolve_start(cache, &want, &notice, &result, &resolving, NULL) != 0)
        return 3;
    latch_wait(&ended.latch);
    trove_resolve_free(resolving);
    if (ended.status != 0)
        return 4;
#endif
    return 0;
}

/* Object 5, which only the parent wants, is held. */
static int hold_five(struct fake_source *self, const struct trove_request *request,
                     struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    if (fake_number(&request->wants[0].id) == 5) {
        latch_open(&self->started);
        latch_wait(&self->go);
    }
    return fake_answer(request, sink);
}

static void start__fork(void **state)
{
    struct trove_resolving *held, *answered;
    int status;
    pid_t child;

    (void)state;
    begin(hold_five, 100);
    answered = start(30, NULL);
    while (atomic_load(&answered->word) != 2) /* told, for it may be freed in the child then */
        sched_yield();
    held = start(5, NULL);
    latch_wait(&source.started);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(use_in_child(held, answered));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    latch_open(&source.go);
    trove_resolve_free(held);
    assert_takes(answered, 30);
    trove_resolve_free(answered);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start__a_hit_answers_at_once),
        cmocka_unit_test(start__a_callback_is_told),
        cmocka_unit_test(start__an_epoll_loop_hears_of_all),
        cmocka_unit_test(start__readable_until_all_are_taken),
        cmocka_unit_test(start__a_closed_queue),
        cmocka_unit_test(start__no_flight_is_free),
        cmocka_unit_test(start__not_by_a_source),
#if REFUSES_THREADS
        cmocka_unit_test(start__without_a_thread),
#endif
        cmocka_unit_test(start__from_the_callback),
        cmocka_unit_test(start__free_waits_for_the_callback),
        cmocka_unit_test(start__cancelled_before_it_is_sent),
        cmocka_unit_test(start__cancelled_while_it_is_answered),
        cmocka_unit_test(start__closed_in_the_middle),
        cmocka_unit_test(start__fork),
    };
    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
