// SPDX-License-Identifier: MIT
/*
 * urcu_host.c - before|after|none: a host that uses liburcu-bp itself, beside trove, and forks while threads of its own read, wait
 * for grace periods, and put. It tells liburcu-bp of its forks itself, by handlers registered before the first cache is opened
 * or after that, and TROVE_NO_ATFORK is in the environment; or leaves that to trove (none).
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>
#include <urcu/urcu-bp.h>

#define PROGRAM "urcu_host"
#include "host.h"

#define FORKS 50

static struct trove *cache;
static _Atomic(int *) published; /* the host's own: replaced, and freed after a grace period */
static atomic_uint is_over, turns;

/* --- what the host does with liburcu-bp ---------------------------------------------------------------------------- */

static int read_published(void)
{
    int value;

    urcu_bp_read_lock();
    value = *atomic_load(&published);
    urcu_bp_read_unlock();
    return value;
}

static int replace_published(void)
{
    int *fresh = malloc(sizeof(*fresh)), *old;

    if (fresh == NULL)
        return -1;
    *fresh = 42;
    old = atomic_exchange(&published, fresh);
    urcu_bp_synchronize_rcu();
    *old = 0;
    free(old);
    return 0;
}

/* --- what it does with trove --------------------------------------------------------------------------------------- */

static int use_cache(unsigned n)
{
    const struct trove_object *object;
    unsigned char bytes[64] = {0};
    struct trove_oid id;
    int found;

    memcpy(bytes, &n, sizeof(n));
    if (trove_put(cache, TROVE_BLOB, bytes, sizeof(bytes), &id, NULL) != 0)
        return 0;        /* overfull until a grace period ends */
    urcu_bp_read_lock(); /* a section of the host's own, and trove's within */
    trove_read_lock();
    found = trove_get(cache, &id, &object) != 0 ||
            memcmp(trove_object_data(object), bytes, sizeof(bytes)) == 0;
    trove_read_unlock();
    urcu_bp_read_unlock();
    return found ? 0 : -1;
}

static void *live(void *is_writer)
{
    for (unsigned n = 0; !atomic_load(&is_over); n++) {
        if (read_published() != 42 || use_cache(n % 5000) != 0)
            fail("wrong");
        if (is_writer != NULL && n % 64 == 0 && replace_published() != 0)
            fail("memory");
        atomic_fetch_add(&turns, 1);
    }
    return NULL;
}

/* --- forks --------------------------------------------------------------------------------------------------------- */

static int live_on(void)
{
    if (read_published() != 42 || replace_published() != 0)
        return 1;
    for (unsigned n = 0; n < 200; n++)
        if (use_cache(n) != 0)
            return 2;
    return trove_close(cache, NULL) == 0 ? 0 : 3;
}

static void fork_once(void)
{
    unsigned before = atomic_load(&turns);
    pid_t child;
    int status;

    while (atomic_load(&turns) - before < 20)
        sched_yield();
    child = fork();
    if (child == 0)
        _exit(live_on());
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail("fork");
    if (status != 0) {
        fprintf(stderr, "urcu_host: a child ended with status %#x\n", (unsigned)status);
        exit(1);
    }
}

static void open_cache(void)
{
    static const struct trove_hash hash = {TROVE_SHA1, object_id, NULL};
    struct trove_options options;

    trove_options_init(&options);
    options.hash = &hash;
    options.max_bytes = 128 << 10;
    if (trove_open(&options, &cache, NULL) != 0)
        fail("open");
}

static void tell_liburcu(void)
{
    if (pthread_atfork(urcu_bp_before_fork, urcu_bp_after_fork_parent, urcu_bp_after_fork_child) !=
        0)
        fail("atfork");
}

int main(int argc, char **argv)
{
    pthread_t threads[3];

    if (argc != 2)
        fail("usage: before|after|none");
    if (strcmp(argv[1], "before") == 0)
        tell_liburcu();
    open_cache();
    if (strcmp(argv[1], "after") == 0)
        tell_liburcu();
    atomic_store(&published, malloc(sizeof(int)));
    *atomic_load(&published) = 42;
    for (unsigned i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, live, i == 0 ? &cache : NULL) != 0)
            fail("thread");
    for (unsigned i = 0; i < FORKS; i++)
        fork_once();
    atomic_store(&is_over, 1);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    free(atomic_load(&published));
    return trove_close(cache, NULL) == 0 ? 0 : 1;
}
