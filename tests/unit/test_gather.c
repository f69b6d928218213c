// SPDX-License-Identifier: MIT
/*
 * test_gather.c - in how many requests misses leave, in what order, beside what; and what it costs in system calls.
 */
#include "core/stream.h"
#include "core/unit.h"
#include "fake_source.h"
#include "support.h"
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct fake_source source;
static struct trove *cache;

/* --- counting what the core asks of the kernel ---------------------------------------------------------------------- */

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_SYSCALLS 1

static atomic_uint wakes, calls;

/* Takes the place of the C library's, through which futex.h goes. */
long syscall(long number, ...)
{
    va_list arguments;
    long a[6], result;

    va_start(arguments, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    atomic_fetch_add(&calls, 1);
    if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAKE)
        atomic_fetch_add(&wakes, 1);
    register long r10 __asm__("r10") = a[3];
    register long r8 __asm__("r8") = a[4];
    register long r9 __asm__("r9") = a[5];
    __asm__ __volatile__("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
    if (result >= 0 || result < -4095)
        return result;
    errno = (int)-result;
    return -1;
}
#endif

#ifdef COUNTS_SYSCALLS
/* Threads that are created but do not begin, as on a machine that has no time for them. */
static atomic_bool holds_threads;
static atomic_uint threads_created;
static struct latch may_begin = LATCH_INIT;

struct held_thread {
    void *(*main)(void *argument);
    void *argument;
};

static void *begin_held(void *argument)
{
    struct held_thread held = *(struct held_thread *)argument;

    free(argument);
    latch_wait(&may_begin);
    return held.main(held.argument);
}

/* Takes the place of the C library's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    struct held_thread *held;

    memcpy(&real, &symbol, sizeof(real));
    if (!atomic_load(&holds_threads))
        return real(thread, attributes, main, argument);
    atomic_fetch_add(&threads_created, 1);
    held = malloc(sizeof(*held));
    *held = (struct held_thread){main, argument};
    return real(thread, attributes, begin_held, held);
}
#endif

static void begin(fake_script script, struct trove_options *options)
{
    fake_source_init(&source, script);
    cache = fake_open(&source, options);
}

static void end(void)
{
    assert_int_equal(trove_close(cache, NULL), 0);
}

static int resolve(unsigned n, enum trove_type type)
{
    const struct trove_oid id = fake_id(n);
    struct trove_result result;
    int r = trove_resolve(cache, &id, type, NULL, &result, NULL);

    return r < 0 ? r : check_result(&result, n);
}

/* Waits until the miss of object N stands in line, is asked for, or was answered. */
static void wait_until_gathered(unsigned n)
{
    const struct trove_oid id = fake_id(n);
    bool gathered = false;
    struct trove__unit *unit;

    assert_int_equal(trove__unit_get(cache, &unit), 0);
    while (!gathered) {
        struct trove__flight *flight = trove__flight_find(unit, &id);
        gathered = trove_has(cache, &id);
        if (flight != NULL) {
            gathered |= trove__flight_phase(flight) != TROVE__FLIGHT_NEW;
            trove__flight_unref(unit, flight);
        }
        sched_yield();
    }
    trove__unit_unref(unit);
}

/* --- how many requests ------------------------------------------------------------------------------------------------ */

enum { CROWD = 64 };

struct crowd {
    atomic_uint wrong;
    int64_t began_ns, asked_ns;
};

/* The first request takes 100 ms, and longer when that is not enough for all to have asked. */
static int hold_100_ms(struct fake_source *self, const struct trove_request *request,
                       struct trove_sink *sink, struct trove_error *err)
{
    struct crowd *crowd = self->context;

    (void)err;
    if (atomic_load(&self->requests) == 1) {
        const struct timespec held = {.tv_nsec = 100 * 1000 * 1000};
        for (unsigned n = 0; n < CROWD; n++)
            wait_until_gathered(n);
        crowd->asked_ns = trove_now_ns();
        clock_nanosleep(CLOCK_MONOTONIC, 0, &held, NULL);
    }
    return fake_answer(request, sink);
}

static void resolve_own(void *context, unsigned index)
{
    if (resolve(index, TROVE_BLOB) != 0)
        atomic_fetch_add(&((struct crowd *)context)->wrong, 1);
}

/* How often the patience of misses, half of what a request takes and 50 ms at first, can have ended within DURATION_NS. */
static unsigned patience_ended(int64_t duration_ns)
{
    int64_t patience_ns = 50 * 1000 * 1000;
    unsigned count = 0;

    for (; duration_ns >= patience_ns; duration_ns -= patience_ns, count++)
        patience_ns = patience_ns * 3 / 4 > 1000 * 1000 ? patience_ns * 3 / 4 : 1000 * 1000;
    return count;
}

/* Goal: 64 threads, 64 ids, started together, the first request held for 100 ms: at most 3 requests, with the options that
 * everybody has; more only where the machine took so long to start 64 threads that misses had to go on without the last. */
static void gather__while_the_first_is_held(void **state)
{
    struct crowd crowd = {.began_ns = trove_now_ns()};

    (void)state;
    begin(hold_100_ms, NULL);
    source.context = &crowd;
    run_threads(CROWD, resolve_own, &crowd);
    assert_int_equal(crowd.wrong, 0);
    assert_int_equal(source.ids, CROWD);
    assert_in_range(source.requests, 1, 3 + patience_ended(crowd.asked_ns - crowd.began_ns));
    end();
}

/* Goal: a request that hangs holds up no other id, of its type or another. */
static void gather__beside_a_hanging_request(void **state)
{
    struct trove_stream *stream;

    (void)state;
    begin(fake_hold_first, NULL);
    stream = fake_occupy(cache, &source);
    for (unsigned n = 100; n < 110; n++)
        assert_int_equal(resolve(n, n % 2 ? TROVE_BLOB : TROVE_TREE), 0);
    assert_int_equal(source.requests, 11);
    trove_stream_close(stream);
    end();
}

/* --- order -------------------------------------------------------------------------------------------------------------- */

struct order {
    struct trove_fetch *fetch;
    unsigned seen[8], count; /* first wants of the requests, in their order */
};

static int note_order(struct fake_source *self, const struct trove_request *request,
                      struct trove_sink *sink, struct trove_error *err)
{
    struct order *order = self->context;

    (void)err;
    if (atomic_load(&self->requests) == 1) {
        if (!latch_wait_or_cancel(&self->go, request->until.cancel))
            return -ECANCELED;
    } else if (order->count < 8) {
        order->seen[order->count++] = (unsigned)fake_number(&request->wants[0].id);
    }
    return fake_answer(request, sink);
}

static void *resolve_30(void *context)
{
    *(int *)context = resolve(30, TROVE_TREE);
    return NULL;
}

/* Goal: fetches and interactive misses come in their order, prefetched ones after them, though they were first. */
static void gather__order(void **state)
{
    struct trove_want prefetched = {fake_id(10), TROVE_COMMIT}, fetched = {fake_id(20), TROVE_BLOB};
    struct trove_fetch_options fetch = {.wants = &fetched, .want_count = 1};
    struct trove_options options;
    struct trove_stream *first, *stream;
    struct trove_result result;
    struct order order = {0};
    pthread_t thread;
    int resolved = 1;

    (void)state;
    fake_options(&options);
    options.requests_at_once = 1;
    begin(note_order, &options);
    source.context = &order;
    first = fake_occupy(cache, &source);
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
    assert_int_equal(trove_stream_add(stream, &prefetched, NULL, 1, NULL), 0);
    assert_int_equal(trove_fetch_start(cache, &fetch, NULL, &order.fetch, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, resolve_30, &resolved), 0);
    wait_until_gathered(30);
    latch_open(&source.go);
    pthread_join(thread, NULL);
    assert_int_equal(trove_fetch_wait(order.fetch, NULL, NULL, NULL), 0);
    trove_stream_close(first);
    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 1);
    assert_int_equal(check_result(&result, 10), 0);
    trove_stream_close(stream);
    trove_fetch_free(order.fetch);
    end();
    assert_int_equal(resolved, 0);
    assert_int_equal(order.count, 3);
    assert_int_equal(order.seen[2], 10);
}

/* The requests as they came, and how many of them may be answered. */
struct turns {
    int seen[8];
    atomic_uint count, let;
};

static void wait_for_requests(unsigned count)
{
    while (atomic_load(&source.requests) < count)
        sched_yield();
}

/* Answers a request only when the test has counted its id down. */
static int one_at_a_time(struct fake_source *self, const struct trove_request *request,
                         struct trove_sink *sink, struct trove_error *err)
{
    struct turns *turns = self->context;

    (void)err;
    if (turns->count < 8)
        turns->seen[turns->count++] = fake_number(&request->wants[0].id);
    while (atomic_load(&turns->let) < turns->count)
        if (trove_is_canceled(request->until.cancel))
            return -ECANCELED;
        else
            sched_yield();
    return fake_answer(request, sink);
}

static struct trove_stream *open_interactive(void)
{
    struct trove_stream *stream;
    struct trove__unit *unit;

    assert_int_equal(trove__unit_get(cache, &unit), 0);
    assert_int_equal(trove__stream_create(unit, NULL, TROVE__INTERACTIVE, &stream), 0);
    trove__unit_unref(unit);
    return stream;
}

/* Goal: a fetch, or a miss of another type, is not held up for ever by misses that come faster than they are answered.
 * Method: requests of one id, one at a time; with each that is answered another miss is added, so that blobs never end. */
static void gather__none_is_overtaken_for_ever(void **state)
{
    static const int in_order[7] = {1, 2, 3, 20, 30, 101, 102};
    struct trove_want fetched = {fake_id(20), TROVE_BLOB}, blobs[3],
                      tree = {fake_id(30), TROVE_TREE};
    struct trove_fetch_options fetch = {.wants = &fetched, .want_count = 1};
    struct trove_options options;
    struct turns turns = {0};
    struct trove_stream *stream;
    struct trove_fetch *started;
    struct trove_result result;

    (void)state;
    fake_options(&options);
    options.requests_at_once = 1;
    options.ids_per_request_min = options.ids_per_request_max = 1;
    begin(one_at_a_time, &options);
    source.context = &turns;
    stream = open_interactive();
    for (unsigned i = 0; i < 3; i++)
        blobs[i] = (struct trove_want){fake_id(1 + i), TROVE_BLOB};
    assert_int_equal(trove_stream_add(stream, blobs, NULL, 3, NULL), 0);
    wait_for_requests(1); /* of blob 1; 2 and 3 are in line */
    assert_int_equal(trove_fetch_start(cache, &fetch, NULL, &started, NULL), 0);
    assert_int_equal(trove_stream_add(stream, &tree, NULL, 1, NULL), 0);
    for (unsigned turn = 1; turn <= 6; turn++) {
        struct trove_want more = {fake_id(100 + turn), TROVE_BLOB};
        assert_int_equal(trove_stream_add(stream, &more, NULL, 1, NULL), 0);
        atomic_store(&turns.let, turn);
        wait_for_requests(turn + 1);
    }
    atomic_store(&turns.let, 100);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 1);
        assert_int_equal(result.status, 0);
        trove_unpin(result.object);
    }
    assert_int_equal(trove_fetch_wait(started, NULL, NULL, NULL), 0);
    trove_stream_close(stream);
    trove_fetch_free(started);
    end();
    assert_memory_equal(turns.seen, in_order, sizeof(in_order));
}

/* --- system calls --------------------------------------------------------------------------------------------------------- */

/* Goal: a fetch thread that is slow to begin is waited for; no thread after thread is started meanwhile. */
static void gather__one_thread_is_enough(void **state)
{
#ifdef COUNTS_SYSCALLS
    const struct trove_oid id = fake_id(1);
    struct trove_until soon;
    struct trove_result result;

    (void)state;
    begin(NULL, NULL);
    atomic_store(&holds_threads, true);
    soon = trove_until_ms(60, NULL);
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, &soon, &result, NULL), -ETIMEDOUT);
    atomic_store(&holds_threads, false);
    latch_open(&may_begin);
    assert_int_equal(threads_created, 1);
    assert_int_equal(resolve(1, TROVE_BLOB), 0);
    end();
#else
    (void)state;
    skip();
#endif
}

/* Goal: flights that nobody sleeps on are answered without a futex call each; a hit makes none at all. */
static void gather__no_wake_without_a_sleeper(void **state)
{
#ifdef COUNTS_SYSCALLS
    enum { COUNT = 200 };
    struct trove_want wants[COUNT];
    struct trove_stream *stream;
    struct trove_stats stats;
    unsigned before;

    (void)state;
    begin(NULL, NULL);
    assert_int_equal(resolve(0, TROVE_BLOB), 0);
    wait_for_flights(cache, 0);
    for (unsigned i = 0; i < COUNT; i++)
        wants[i] = (struct trove_want){fake_id(1 + i), TROVE_BLOB};
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
    before = atomic_load(&wakes);
    assert_int_equal(trove_stream_add(stream, wants, NULL, COUNT, NULL), 0);
    do
        trove_stats(cache, &stats);
    while (stats.object_count < 1 + COUNT);
    wait_for_flights(cache, 0);
    /* For the fetch threads: the push, and what each leaves behind when it takes a request full of ids. */
    assert_in_range(atomic_load(&wakes) - before, 0, 2 * source.requests + 2);
    assert_true(source.requests < 10);
    trove_stream_close(stream);
    before = atomic_load(&calls);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(resolve(1 + i, TROVE_BLOB), 0);
    assert_int_equal(atomic_load(&calls), before);
    end();
#else
    (void)state;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gather__while_the_first_is_held),
        cmocka_unit_test(gather__beside_a_hanging_request),
        cmocka_unit_test(gather__order),
        cmocka_unit_test(gather__none_is_overtaken_for_ever),
        cmocka_unit_test(gather__no_wake_without_a_sleeper),
        cmocka_unit_test(gather__one_thread_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
