// SPDX-License-Identifier: MIT
/*
 * test_fork_anywhere.c - fork() at random points while threads put, get, resolve, evict, grow and freeze: each child finds what
 * was cached, puts, resolves and closes; the parent notices nothing, and its books are right to the byte in the end.
 *
 * The child says by its exit status what was wrong; it says nothing itself, because what it prints would need locks that threads
 * of the parent may hold. A child that hangs, hangs the test.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <trove/frozen.h>
#include <unistd.h>

#define FORKS 400        /* 4,000 with TROVE_LONG */
#define ROUNDS 10        /* caches are opened anew for each */
#define STAYING 12000    /* numbers of the cache that grows and evicts nothing */
#define PASSING 4000     /* of the one that evicts; these its source has */
#define MAX_BYTES 262144 /* of the one that evicts */
#define OBJECT_BYTES 64
#define TURNS_BETWEEN 100 /* of the others, between two forks */
#define CLOSE_ONE_IN 8    /* children wait for grace periods at the end */

struct run {
    struct trove *staying; /* policy GROW, without a source: what was put stays */
    struct trove *passing; /* policy EVICT, with one */
    struct fake_source source;
    atomic_uint put; /* numbers below are in `staying` */
    atomic_uint end; /* threads go home */
    atomic_ulong seed, errors, turns;
    /* Closed while a child runs: the others leave it the processors. */
    pthread_mutex_t gate_lock;
    pthread_cond_t gate_opened;
    bool is_gate_open;
    unsigned forks;
};

static unsigned next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

static void expect(struct run *run, bool is_right)
{
    if (!is_right)
        atomic_fetch_add(&run->errors, 1);
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static void staying_bytes(unsigned n, unsigned char *bytes)
{
    memset(bytes, (int)(n & 0xff), OBJECT_BYTES);
    memcpy(bytes, &n, sizeof(n));
}

static int put_staying(struct run *run, unsigned n)
{
    unsigned char bytes[OBJECT_BYTES];

    staying_bytes(n, bytes);
    return trove_put(run->staying, TROVE_BLOB, bytes, sizeof(bytes), NULL, NULL);
}

static bool has_staying(struct run *run, unsigned n)
{
    const struct trove_object *object;
    unsigned char bytes[OBJECT_BYTES];
    struct trove_oid id;
    bool found;

    staying_bytes(n, bytes);
    id = fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, sizeof(bytes));
    trove_read_lock();
    found = trove_has(run->staying, &id) && trove_get(run->staying, &id, &object) == 0 &&
            trove_object_size(object) == sizeof(bytes) &&
            memcmp(trove_object_data(object), bytes, sizeof(bytes)) == 0;
    trove_read_unlock();
    return found;
}

static int put_passing(struct run *run, unsigned n)
{
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));

    return trove_put(run->passing, TROVE_BLOB, text, size, NULL, NULL);
}

/* Whatever is there is right. */
static bool get_passing(struct run *run, unsigned n)
{
    const struct trove_oid id = fake_id(n);
    const struct trove_object *object;
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));
    bool right;

    trove_read_lock();
    right =
        trove_get(run->passing, &id, &object) != 0 ||
        (trove_object_size(object) == size && memcmp(trove_object_data(object), text, size) == 0);
    trove_read_unlock();
    return right;
}

static bool resolve_passing(struct run *run, unsigned n)
{
    const struct trove_oid id = fake_id(n);
    struct trove_result result;

    return trove_resolve(run->passing, &id, TROVE_BLOB, NULL, &result, NULL) == 0 &&
           check_result(&result, n) == 0;
}

/* --- the load ----------------------------------------------------------------------------------------------------- */

static void set_gate(struct run *run, bool is_open)
{
    pthread_mutex_lock(&run->gate_lock);
    run->is_gate_open = is_open;
    pthread_cond_broadcast(&run->gate_opened);
    pthread_mutex_unlock(&run->gate_lock);
}

/* Between two things that a thread does. */
static bool is_over(struct run *run)
{
    atomic_fetch_add(&run->turns, 1);
    pthread_mutex_lock(&run->gate_lock);
    while (!run->is_gate_open)
        pthread_cond_wait(&run->gate_opened, &run->gate_lock);
    pthread_mutex_unlock(&run->gate_lock);
    return atomic_load(&run->end) != 0;
}

/* Fills `staying` from the first number on: it grows, and moves what it has. */
static void fill(struct run *run)
{
    for (unsigned n = 0; n < STAYING && !is_over(run); n++) {
        int r;

        while ((r = put_staying(run, n)) == -ECACHE_OVERFULL)
            sched_yield(); /* three levels wait for a grace period */
        expect(run, r == 0);
        atomic_store(&run->put, n + 1);
    }
}

/* Puts and evicts. */
static void churn(struct run *run, uint64_t *state)
{
    for (unsigned i = 0; i < 16; i++) {
        int r = put_passing(run, next_random(state) % PASSING);

        expect(run, r == 0 || r == -ECACHE_OVERFULL);
    }
    if (next_random(state) % 64 == 0)
        trove_shrink(run->passing, MAX_BYTES / 8);
}

static void read_some(struct run *run, uint64_t *state)
{
    unsigned put = atomic_load(&run->put);

    for (unsigned i = 0; i < 16; i++) {
        expect(run, get_passing(run, next_random(state) % PASSING));
        expect(run, put == 0 || has_staying(run, next_random(state) % put));
    }
}

static void freeze(struct run *run)
{
    struct trove_frozen *frozen;

    if (trove_freeze(run->passing, NULL, &frozen, NULL) == 0)
        trove_frozen_free(frozen);
    else
        expect(run, false);
}

enum load { FILL, CHURN, READ, RESOLVE, RESOLVE_TOO, LOADS };

static void load(void *context, unsigned index)
{
    struct run *run = context;
    uint64_t state = atomic_fetch_add(&run->seed, 0x9e3779b97f4a7c15);

    if (index == FILL)
        fill(run);
    while (!is_over(run)) {
        switch ((enum load)index) {
        case RESOLVE:
        case RESOLVE_TOO:
            expect(run, resolve_passing(run, next_random(&state) % PASSING));
            break;
        case READ:
            read_some(run, &state);
            if (next_random(&state) % 64 == 0)
                freeze(run);
            break;
        default:
            churn(run, &state);
        }
    }
}

/* --- a child ------------------------------------------------------------------------------------------------------ */

enum verdict { RIGHT, LOST, PUT, PUT_LOST, RESOLVED, EVICTED, WRONG, BOUND, CLOSED };

/* What was there is there, and what is put now stays as well, whatever the parent's threads were about to do. */
static enum verdict use_staying(struct run *run, unsigned put, uint64_t *state)
{
    const unsigned fresh = STAYING + next_random(state) % STAYING;

    for (unsigned i = 0; i < 64 && put > 0; i++)
        if (!has_staying(run, next_random(state) % put))
            return LOST;
    for (unsigned i = 0; i < 64; i++) {
        int r;

        while ((r = put_staying(run, fresh + i)) == -ECACHE_OVERFULL)
            sched_yield();
        if (r != 0)
            return PUT;
    }
    for (unsigned i = 0; i < 64; i++)
        if (!has_staying(run, fresh + i))
            return PUT_LOST;
    return put == 0 || has_staying(run, put - 1) ? RIGHT : LOST;
}

/* Threads of the child's own fetch what is missing and free what is evicted. */
static enum verdict use_passing(struct run *run, uint64_t *state)
{
    struct trove_stats stats;

    for (unsigned i = 0; i < 4; i++)
        if (!resolve_passing(run, next_random(state) % PASSING))
            return RESOLVED;
    for (unsigned i = 0; i < 64; i++) {
        unsigned n = next_random(state) % PASSING;
        int r;

        while ((r = put_passing(run, n)) == -ECACHE_OVERFULL)
            sched_yield(); /* until a grace period ends: it does */
        if (r != 0)
            return EVICTED;
        if (!get_passing(run, n))
            return WRONG;
    }
    trove_stats(run->passing, &stats);
    return stats.used_bytes <= MAX_BYTES ? RIGHT : BOUND;
}

static enum verdict live_on(struct run *run, unsigned put, uint64_t *state)
{
    enum verdict verdict = use_staying(run, put, state);

    if (verdict == RIGHT)
        verdict = use_passing(run, state);
    if (verdict == RIGHT && next_random(state) % CLOSE_ONE_IN == 0 &&
        (trove_close(run->passing, NULL) != 0 || trove_close(run->staying, NULL) != 0))
        verdict = CLOSED;
    return verdict;
}

static void fork_once(struct run *run, uint64_t *state)
{
    unsigned put = atomic_load(&run->put);
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(live_on(run, put, state));
    assert_true(child > 0);
    set_gate(run, false);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != RIGHT)
        fail_msg("a child ended with status %#x", (unsigned)status);
}

static void fork_often(struct run *run)
{
    uint64_t state = atomic_fetch_add(&run->seed, 0x9e3779b97f4a7c15);

    for (unsigned i = 0; i < run->forks; i++) {
        unsigned long turns = atomic_load(&run->turns) + next_random(&state) % TURNS_BETWEEN;

        set_gate(run, true);
        while (atomic_load(&run->turns) < turns)
            sched_yield();
        for (unsigned pause = next_random(&state) % 2000; pause > 0; pause--)
            atomic_load(&run->end); /* somewhere within a turn */
        fork_once(run, &state);
    }
    set_gate(run, true);
}

/* --- all together ------------------------------------------------------------------------------------------------- */

struct loader {
    struct run *run;
    pthread_t thread;
    unsigned index;
};

static void *load_main(void *context)
{
    struct loader *loader = context;

    load(loader->run, loader->index);
    return NULL;
}

static void open_both(struct run *run)
{
    struct trove_options options;

    fake_options(&options);
    options.overfull = TROVE_OVERFULL_GROW;
    assert_int_equal(trove_open(&options, &run->staying, NULL), 0);
    fake_options(&options);
    options.max_bytes = MAX_BYTES;
    fake_source_init(&run->source, NULL);
    run->passing = fake_open(&run->source, &options);
}

static void one_round(uint64_t seed)
{
    struct loader loaders[LOADS];
    static struct run run;
    struct trove_stats stats;

    memset(&run, 0, sizeof(run));
    run.forks = FORKS / ROUNDS * (test_long() ? 10 : 1);
    run.seed = seed;
    pthread_mutex_init(&run.gate_lock, NULL);
    pthread_cond_init(&run.gate_opened, NULL);
    open_both(&run);
    for (unsigned i = 0; i < LOADS; i++) {
        loaders[i] = (struct loader){.run = &run, .index = i};
        assert_int_equal(pthread_create(&loaders[i].thread, NULL, load_main, &loaders[i]), 0);
    }
    fork_often(&run);
    atomic_store(&run.end, 1);
    for (unsigned i = 0; i < LOADS; i++)
        pthread_join(loaders[i].thread, NULL);
    trove_stats(run.passing, &stats);
    printf("%u forks: %u put to stay, %lu put to pass, %lu evicted, %lu fetched\n", run.forks,
           run.put, stats.puts, stats.evictions, stats.fetched);
    assert_int_equal(run.errors, 0);
    assert_true(stats.evictions > 0 && stats.fetched > 0);
    recount(run.staying);
    recount(run.passing);
    assert_int_equal(trove_close(run.staying, NULL), 0);
    assert_int_equal(trove_close(run.passing, NULL), 0);
}

static void fork_anywhere__under_load(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++)
        one_round(round + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork_anywhere__under_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
