// SPDX-License-Identifier: MIT
/*
 * test_signals.c - has and get within signal handlers, wherever the signal comes: in a put, an eviction, a move of the table, a
 * read section or a handler of another signal. What is there is found and right, and nothing waits for what was interrupted.
 *
 * Mutants that die: a section that waits for the one it interrupts (hangs); one that ends the one it interrupts (what was borrowed
 * changes); a get that writes errno; in a debug build, notes on sections that a handler can come in the middle of (aborts).
 *
 * A handler that waits for its own thread hangs the test. ThreadSanitizer holds signals back until a thread waits for something,
 * so there few come in the middle.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define WORKERS 3
#define KEPT 500 /* numbers below are put first and never evicted */
#define PASSING 3000
#define MAX_BYTES 262144
#define OBJECT_BYTES 96
#define FEW 8 /* looked at in one handler */

#ifdef __SANITIZE_THREAD__
#define SIGNALS 1000
#else
#define SIGNALS 3000
#endif

static struct trove *kept, *passing; /* policies GROW and EVICT */
static struct trove_oid kept_ids[KEPT], passing_ids[PASSING];
static atomic_ulong handled, nested, wrong, lookups, evicted;
static atomic_uint is_over;
static _Thread_local volatile sig_atomic_t depth; /* of handlers in this thread */
static _Thread_local unsigned turn;

static void fill_bytes(unsigned n, unsigned char *bytes)
{
    memset(bytes, (int)(n * 7 & 0xff), OBJECT_BYTES);
    memcpy(bytes, &n, sizeof(n));
}

static bool is_right(const struct trove_object *object, unsigned n)
{
    unsigned char bytes[OBJECT_BYTES];

    fill_bytes(n, bytes);
    return trove_object_size(object) == sizeof(bytes) &&
           memcmp(trove_object_data(object), bytes, sizeof(bytes)) == 0;
}

static void expect(bool right)
{
    if (!right)
        atomic_fetch_add(&wrong, 1);
}

/* --- in a handler ------------------------------------------------------------------------------------------------- */

static void look_at_kept(unsigned n)
{
    const struct trove_object *object = NULL;

    expect(trove_has(kept, &kept_ids[n]));
    trove_read_lock();
    expect(trove_get(kept, &kept_ids[n], &object) == 0 && is_right(object, n));
    trove_read_unlock();
}

/* With a handler of NUMBER inside the section, now and then. */
static void look_at_passing(unsigned n, int number)
{
    const struct trove_object *objects[FEW];

    trove_read_lock();
    trove_get_many(passing, &passing_ids[n], FEW, objects);
    if (number != 0)
        raise(number);
    for (unsigned i = 0; i < FEW; i++)
        expect(objects[i] == NULL || is_right(objects[i], n + i));
    trove_read_unlock();
}

static void on_signal(int number)
{
    int saved = errno;

    atomic_fetch_add(&nested, depth++ > 0);
    errno = ENOTTY;
    look_at_kept(turn * 31 % KEPT);
    look_at_passing(turn * 17 % (PASSING - FEW),
                    depth == 1 && turn % 8 == 0 ? SIGUSR1 + SIGUSR2 - number : 0);
    expect(errno == ENOTTY); /* the interrupted code may be about to read its own */
    turn++;
    depth--;
    errno = saved;
    atomic_fetch_add(&handled, 1);
}

/* --- what is interrupted ------------------------------------------------------------------------------------------ */

/* Into `kept`, which then grows, with objects that move; into `passing`, which then evicts. */
static void put_into(struct trove *cache, unsigned n)
{
    unsigned char bytes[OBJECT_BYTES];
    int r;

    fill_bytes(n, bytes);
    r = trove_put(cache, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL);
    expect(r == 0 || r == -ECACHE_OVERFULL);
}

/* What is borrowed stays, whatever a handler's own section does, and though it is evicted meanwhile. */
static void borrow(unsigned n)
{
    const struct trove_object *object;
    bool is_long = n % 64 == 0;

    trove_read_lock();
    if (trove_get(passing, &passing_ids[n], &object) == 0) {
        if (is_long)
            raise(SIGUSR1);
        for (unsigned i = 0; i < (is_long ? 200 : 20); i++) {
            if (is_long) {
                put_into(passing, (n + i) % PASSING);
                sched_yield(); /* the reclaimer's thread may free it now, if it may */
            }
            expect(is_right(object, n));
        }
    }
    trove_read_unlock();
    atomic_fetch_add(&evicted, is_long);
    atomic_fetch_add(&lookups, 1);
}

/* A thread is born with both signals blocked: a handler may read only once its thread is registered. */
static void set_blocked(int how)
{
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    pthread_sigmask(how, &both, NULL);
}

static void work(unsigned index)
{
    uint64_t random = index + 1;
    unsigned next = KEPT + index;

    trove_thread_init();
    set_blocked(SIG_UNBLOCK);
    while (atomic_load(&is_over) == 0) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        put_into(passing, (unsigned)(random >> 33) % PASSING);
        borrow((unsigned)(random >> 40) % PASSING);
        if (next < 60000)
            put_into(kept, next += WORKERS);
        if (random >> 57 == 0)
            trove_shrink(passing, MAX_BYTES / 16);
    }
}

/* --- all together ------------------------------------------------------------------------------------------------- */

struct worker {
    pthread_t thread;
    unsigned index;
};

static void *worker_main(void *context)
{
    work(((struct worker *)context)->index);
    return NULL;
}

static void open_caches(void)
{
    struct trove_options options;

    fake_options(&options);
    options.overfull = TROVE_OVERFULL_GROW;
    assert_int_equal(trove_open(&options, &kept, NULL), 0);
    fake_options(&options);
    options.max_bytes = MAX_BYTES;
    assert_int_equal(trove_open(&options, &passing, NULL), 0);
    for (unsigned n = 0; n < PASSING; n++) {
        unsigned char bytes[OBJECT_BYTES];

        fill_bytes(n, bytes);
        passing_ids[n] = fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, sizeof(bytes));
        if (n < KEPT) {
            kept_ids[n] = passing_ids[n];
            assert_int_equal(trove_put(kept, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL), 0);
        }
    }
}

/* Two signals, so that a handler is itself interrupted. */
static void send_all(struct worker *workers)
{
    unsigned long wanted = (unsigned long)SIGNALS * (test_long() ? 50 : 1);
    uint64_t random = 1;

    while (atomic_load(&handled) < wanted || atomic_load(&lookups) < 1000 ||
           atomic_load(&evicted) < 200) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        pthread_kill(workers[(random >> 33) % WORKERS].thread,
                     random >> 60 & 1 ? SIGUSR1 : SIGUSR2);
        if (random >> 61 == 0)
            sched_yield();
    }
}

static void signals__anywhere(void **state)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct worker workers[WORKERS];
    struct trove_stats stats;

    (void)state;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    open_caches();
    set_blocked(SIG_BLOCK);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].index = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]), 0);
    }
    send_all(workers);
    atomic_store(&is_over, 1);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i].thread, NULL);
    trove_stats(passing, &stats);
    printf("%lu signals, %lu in a handler, beside %lu puts and %lu evictions\n", handled, nested,
           stats.puts, stats.evictions);
    assert_int_equal(wrong, 0);
#ifndef __SANITIZE_THREAD__
    assert_true(nested > 0);
#endif
    assert_true(stats.evictions > 0);
    recount(passing);
    recount(kept);
    assert_int_equal(trove_close(passing, NULL), 0);
    assert_int_equal(trove_close(kept, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals__anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
