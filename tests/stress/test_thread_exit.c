// SPDX-License-Identifier: MIT
/*
 * test_thread_exit.c - threads that use the cache while they end: in destructors of thread-specific data, in all the rounds that
 * there are, and in those of thread-local variables; and processes that end with caches open, by exit(), whose handlers use them.
 *
 * Mutants that die: a thread is registered once only (its destructors crash, once liburcu's has unregistered it); caches are shut
 * down by a handler of exit() (the handlers that come after it find them so).
 *
 * ThreadSanitizer ends its own part of a thread when destructors have their last round: instrumented code crashes from then on,
 * be it trove's or any other. So there values are set again as often only as leaves that round, and that of the destructors which
 * the last use calls for (trove's, of what it knows of a thread), to nobody.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <trove/frozen.h>
#include <unistd.h>

#define MAX_BYTES 262144
#define THREADS 4
#define OBJECT_BYTES 96

#ifdef __SANITIZE_THREAD__
#define ROUNDS (PTHREAD_DESTRUCTOR_ITERATIONS - 2)
#else
#define ROUNDS PTHREAD_DESTRUCTOR_ITERATIONS
#endif

/* The C library's, behind `thread_local` of C++. */
extern void *__dso_handle;
extern int __cxa_thread_atexit_impl(void (*fn)(void *), void *context, void *handle);

struct run {
    struct trove *cache;
    pthread_key_t early, late; /* made before the first call of trove, and after it */
    unsigned lives;
    atomic_ulong destructed, wrong;
    atomic_uint next;
};

static struct run run;

static void expect(bool right)
{
    if (!right)
        atomic_fetch_add(&run.wrong, 1);
}

/* Puts object N and looks for one put before: it may be evicted, not wrong. */
static void use(unsigned n)
{
    unsigned char bytes[OBJECT_BYTES];
    const struct trove_object *object;
    struct trove_oid id;
    int r;

    memset(bytes, (int)(n & 0xff), sizeof(bytes));
    memcpy(bytes, &n, sizeof(n));
    r = trove_put(run.cache, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL);
    expect(r == 0 || r == -ECACHE_OVERFULL);
    id = fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, sizeof(bytes));
    (void)trove_has(run.cache, &id);
    trove_read_lock();
    if (trove_get(run.cache, &id, &object) == 0)
        expect(memcmp(trove_object_data(object), bytes, sizeof(bytes)) == 0);
    trove_read_unlock();
}

/* --- threads that end ----------------------------------------------------------------------------------------------- */

/* Sets the value, which counts the rounds, again, so that it is called in every round. */
static void destruct(pthread_key_t key, void *value)
{
    uintptr_t round = (uintptr_t)value;

    use(atomic_fetch_add(&run.next, 1));
    atomic_fetch_add(&run.destructed, 1);
    if (round < ROUNDS)
        pthread_setspecific(key, (void *)(round + 1));
}

static void destruct_early(void *value)
{
    destruct(run.early, value);
}

static void destruct_late(void *value)
{
    destruct(run.late, value);
}

static void destruct_local(void *unused)
{
    (void)unused;
    use(atomic_fetch_add(&run.next, 1));
    atomic_fetch_add(&run.destructed, 1);
}

/* INDEX says whether the thread has called trove before it ends. */
static void *live(void *index)
{
    if ((uintptr_t)index % 2 == 0)
        use(atomic_fetch_add(&run.next, 1));
    pthread_setspecific(run.early, (void *)1);
    pthread_setspecific(run.late, (void *)1);
    expect(__cxa_thread_atexit_impl(destruct_local, NULL, &__dso_handle) == 0);
    return NULL;
}

static void open_cache(void)
{
    struct trove_options options;

    fake_options(&options);
    options.max_bytes = MAX_BYTES;
    assert_int_equal(trove_open(&options, &run.cache, NULL), 0);
}

/* Sections that dead threads had left open would keep this from ending. */
static void wait_for_grace_period(void)
{
    struct trove_frozen *frozen;

    assert_int_equal(trove_freeze(run.cache, NULL, &frozen, NULL), 0);
    trove_frozen_free(frozen);
}

static void live_and_die(unsigned turns)
{
    pthread_t threads[THREADS];

    for (unsigned turn = 0; turn < turns; turn++) {
        for (uintptr_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, live, (void *)i), 0);
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    wait_for_grace_period();
}

static void thread_exit__destructors(void **state)
{
    unsigned turns = test_long() ? 20000 : test_all_turns() ? 200 : 40;
    struct trove_stats stats;

    (void)state;
    assert_int_equal(pthread_key_create(&run.early, destruct_early), 0);
    open_cache();
    use(0);
    assert_int_equal(pthread_key_create(&run.late, destruct_late), 0);
    live_and_die(turns);
    assert_int_equal(run.wrong, 0);
    assert_int_equal(run.destructed, (unsigned long)turns * THREADS * (2 * ROUNDS + 1));
    trove_stats(run.cache, &stats);
    assert_true(stats.puts > 0);
    recount(run.cache);
    assert_int_equal(trove_close(run.cache, NULL), 0);
    pthread_key_delete(run.early);
    pthread_key_delete(run.late);
}

#ifndef TROVE_DEBUG /* which takes a section that does not end for the caller's error */
static void *die_reading(void *unused)
{
    (void)unused;
    trove_read_lock();
    return NULL;
}

/* Goal: the section of a thread that is gone holds up nobody. */
static void thread_exit__in_a_section(void **state)
{
    pthread_t thread;

    (void)state;
    open_cache();
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&thread, NULL, die_reading, NULL), 0);
        pthread_join(thread, NULL);
        wait_for_grace_period();
    }
    assert_int_equal(trove_close(run.cache, NULL), 0);
}
#endif

/* --- processes that end ------------------------------------------------------------------------------------------- */

static void use_at_exit(void)
{
    struct trove_options options;
    struct trove *another;

    for (unsigned n = 0; n < 1000; n++)
        use(n);
    fake_options(&options);
    if (trove_open(&options, &another, NULL) != 0 || trove_close(another, NULL) != 0 ||
        atomic_load(&run.wrong) != 0)
        _exit(2);
}

static void *use_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        use(atomic_fetch_add(&run.next, 1));
    return NULL;
}

/* Ends with the cache open and threads in the middle of it. */
static void end_process(bool handler_first)
{
    pthread_t threads[THREADS];

    if (handler_first)
        atexit(use_at_exit);
    open_cache();
    use(1);
    if (!handler_first)
        atexit(use_at_exit);
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, use_for_ever, NULL) != 0)
            _exit(1);
    while (atomic_load(&run.next) < 10000)
        sched_yield();
    exit(0);
}

static void thread_exit__process_ends(void **state)
{
    int status;

    (void)state;
    for (unsigned turn = 0; turn < (test_long() ? 1000 : test_all_turns() ? 20 : 4); turn++) {
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            end_process(turn % 2 == 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_exit__process_ends), /* first: the processes have one thread */
        cmocka_unit_test(thread_exit__destructors),
#ifndef TROVE_DEBUG
        cmocka_unit_test(thread_exit__in_a_section),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
