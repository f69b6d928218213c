// SPDX-License-Identifier: MIT
/*
 * test_holdup.c - who holds reclamation up, by name and age.
 */
#include "core/rcu.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "support.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <trove/cache.h>
#include <unistd.h>

#define OBJECT_BYTES 1000

static struct trove *open_cache(void)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = 1 << 20;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    return cache;
}

/* Puts until something was evicted, so that the reclaimer has something to wait for. */
static void evict(struct trove *cache)
{
    static unsigned char bytes[OBJECT_BYTES];
    static uint64_t n;
    struct trove_stats stats;
    uint64_t before;

    trove_stats(cache, &stats);
    before = stats.evictions;
    while (stats.evictions == before) {
        n++;
        memcpy(bytes, &n, sizeof(n));
        assert_int_equal(trove_put(cache, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL), 0);
        trove_stats(cache, &stats);
    }
}

static struct trove_holdup look(struct trove *cache)
{
    struct trove_stats stats;

    trove_stats(cache, &stats);
    return stats.holdup;
}

/* Waits until WHO holds reclamation up. */
static struct trove_holdup wait_for(struct trove *cache, enum trove_holdup_who who)
{
    struct trove_holdup holdup;

    while (holdup = look(cache), holdup.who != who)
        sched_yield();
    return holdup;
}

/* A thread that sits in a section until it is told. */
struct sitter {
    void (*enter)(void);
    void (*leave)(void);
    const char *name;
    struct latch inside, go;
    pthread_t thread;
    int tid;
};

static void *sit(void *context)
{
    struct sitter *sitter = context;

    prctl(PR_SET_NAME, sitter->name);
    sitter->tid = gettid();
    sitter->enter();
    latch_open(&sitter->inside);
    latch_wait(&sitter->go);
    sitter->leave();
    return NULL;
}

static void sitter_start(struct sitter *sitter, const char *name, void (*enter)(void),
                         void (*leave)(void))
{
    *sitter = (struct sitter){
        .enter = enter, .leave = leave, .name = name, .inside = LATCH_INIT, .go = LATCH_INIT};
    assert_int_equal(pthread_create(&sitter->thread, NULL, sit, sitter), 0);
    latch_wait(&sitter->inside);
}

static void sitter_end(struct sitter *sitter)
{
    latch_open(&sitter->go);
    pthread_join(sitter->thread, NULL);
}

/* Goal: nobody holds up what does not wait; a reader that does is named with its thread and how long; when it leaves, nobody
 * any more. The age grows by what the clock says. */
static void holdup__names_the_reader(void **state)
{
    struct trove *cache = open_cache();
    struct trove_holdup first, later;
    struct sitter sitter;
    int64_t before, first_ns, later_ns;

    (void)state;
    assert_int_equal(look(cache).who, TROVE_HOLDUP_NONE);
    sitter_start(&sitter, "slow reader", trove_read_lock, trove_read_unlock);
    assert_int_equal(look(cache).who, TROVE_HOLDUP_NONE);
    before = trove_now_ns();
    evict(cache);
    first = wait_for(cache, TROVE_HOLDUP_READER);
    first_ns = trove_now_ns();
    assert_string_equal(first.thread_name, "slow reader");
    assert_int_equal(first.thread_id, sitter.tid);
    assert_in_range(first.age_ns, 0, first_ns - before);
    while (trove_now_ns() < first_ns + 3000000)
        sched_yield();
    before = trove_now_ns();
    later = look(cache);
    later_ns = trove_now_ns();
    assert_int_equal(later.who, TROVE_HOLDUP_READER);
    assert_in_range(later.age_ns, first.age_ns + (before - first_ns), later_ns);
    sitter_end(&sitter);
    wait_for(cache, TROVE_HOLDUP_NONE);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: a reader that came after the grace period began is not the one who holds it up; it is when the next waits for it, and
 * only since then. */
static void holdup__names_the_older(void **state)
{
    struct trove *cache = open_cache();
    struct sitter older, younger;
    struct trove_holdup holdup;
    int64_t left_ns;

    (void)state;
    sitter_start(&older, "older", trove_read_lock, trove_read_unlock);
    evict(cache);
    wait_for(cache, TROVE_HOLDUP_READER);
    sitter_start(&younger, "younger", trove_read_lock, trove_read_unlock);
    evict(cache);
    assert_string_equal(look(cache).thread_name, "older");
    left_ns = trove_now_ns();
    sitter_end(&older);
    do
        holdup = wait_for(cache, TROVE_HOLDUP_READER);
    while (strcmp(holdup.thread_name, "younger") != 0);
    assert_int_equal(holdup.thread_id, younger.tid);
    assert_in_range(holdup.age_ns, 0, trove_now_ns() - left_ns);
    sitter_end(&younger);
    wait_for(cache, TROVE_HOLDUP_NONE);
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: more threads than a page of records holds are known, and their records have other owners afterwards. */
static void holdup__many_threads(void **state)
{
    enum { THREADS = 150 };
    static struct sitter sitters[THREADS];
    struct trove *cache = open_cache();
    struct sitter last;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < THREADS; i++)
            sitter_start(&sitters[i], "one of many", trove_read_lock, trove_read_unlock);
        sitter_start(&last, "last", trove_read_lock, trove_read_unlock);
        for (int i = 0; i < THREADS; i++)
            sitter_end(&sitters[i]);
        evict(cache);
        assert_string_equal(wait_for(cache, TROVE_HOLDUP_READER).thread_name, "last");
        sitter_end(&last);
        wait_for(cache, TROVE_HOLDUP_NONE);
    }
    assert_int_equal(trove_close(cache, NULL), 0);
}

#ifndef TROVE_RCU_VISIBLE /* there no section is outside trove */

static void host_enter(void)
{
    urcu_bp_read_lock();
}

static void host_leave(void)
{
    urcu_bp_read_unlock();
}

/* The thread is trove's too, the section is not. */
static void known_host_enter(void)
{
    trove_thread_init();
    urcu_bp_read_lock();
}

/* A thread that was liburcu's before it was trove's. */
static void late_enter(void)
{
    urcu_bp_register_thread();
    trove_thread_init();
    trove_read_lock();
}

/* Goal: the host's own sections count as outside trove, whether the thread is known or not; beside one of trove's that one is
 * named. */
static void holdup__outside(void **state)
{
    struct trove *cache = open_cache();
    struct trove_holdup holdup;
    struct sitter stranger, known, reader;

    (void)state;
    sitter_start(&stranger, "stranger", host_enter, host_leave);
    evict(cache);
    holdup = wait_for(cache, TROVE_HOLDUP_OUTSIDE);
    assert_int_equal(holdup.thread_id, 0);
    assert_string_equal(holdup.thread_name, "");
    sitter_end(&stranger);
    wait_for(cache, TROVE_HOLDUP_NONE);

    sitter_start(&known, "known", known_host_enter, host_leave);
    evict(cache);
    holdup = wait_for(cache, TROVE_HOLDUP_OUTSIDE);
    assert_int_equal(holdup.thread_id, known.tid);
    sitter_end(&known);
    wait_for(cache, TROVE_HOLDUP_NONE);

    sitter_start(&known, "known", known_host_enter, host_leave);
    sitter_start(&reader, "late", late_enter, trove_read_unlock);
    evict(cache);
    assert_string_equal(wait_for(cache, TROVE_HOLDUP_READER).thread_name, "late");
    sitter_end(&reader);
    sitter_end(&known);
    wait_for(cache, TROVE_HOLDUP_NONE);
    assert_int_equal(trove_close(cache, NULL), 0);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holdup__names_the_reader),
        cmocka_unit_test(holdup__names_the_older),
        cmocka_unit_test(holdup__many_threads),
#ifndef TROVE_RCU_VISIBLE
        cmocka_unit_test(holdup__outside),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
