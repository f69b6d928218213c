// SPDX-License-Identifier: MIT
/*
 * unit.c - the life of a cache's flights: made at the first miss, shut, drained, freed; made anew in a child of fork().
 *
 * INVARIANTS I1 a call works with the one unit that it loaded. I2 `closed` is set before the token is cancelled and before
 *            the flights are swept; a caller adds or joins a flight before it looks at `closed`. So each flight is swept, or
 *            its caller leaves by itself. I3 `users` counts helper threads from before they are created, and who uses a
 *            stream or a fetch; `orphaned` is set when it is 0 after the shutdown, and once it was 0 with `orphaned` set
 *            nobody calls the source or the cache any more. I4 the unit is freed with its last reference, the cache
 *            at the latest when trove_close() returns: `orphaned` says that it must not be touched.
 * ROLES      callers: get. cache.c: create, shutdown, drain, destroy. helper threads: enter, leave.
 * EDGES      E1 unit     unit_get() release -> unit_get() acquire   a complete unit
 *            E2 closed   close_unit() seq_cst -> unit_is_closed() seq_cst   store-load pair with adding a flight
 *            E3 free     unit_unref() release -> the last unit_unref() acquire   all uses before the free
 *            E4 users    unit_leave(), thread_leave() release -> flights_drain() acquire   all that a user did
 *            E5 orphaned flights_drain() seq_cst -> unit_enter() seq_cst   store-load pair: `orphaned` then `users`, here; `users`
 *                        then `orphaned`, there
 * PROGRESS   get is lock-free but for the allocator. drain waits for the source to let go.
 * LIMITS     In a child of fork() the parent's unit stays as it was, a few hundred KB that nobody frees.
 * TESTS      tests/unit/test_shutdown.c, tests/unit/test_fork.c, tests/stress/perturbed/test_overlap.c (I3)
 */
#include "core/unit.h"
#include "core/failure.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/process.h"
#include "core/until.h"
#include <signal.h>

struct trove__flights {
    struct trove *cache;
    struct trove_source source;
    _Atomic(struct trove__unit *) unit; /* NULL before the first miss */
    atomic_uint closed;
};

/* --- the unit ----------------------------------------------------------------------------------------------------- */

static void unit_free(struct trove__unit *unit)
{
    trove_cancel_unref(unit->token);
    trove__flight_pool_deinit(&unit->pool);
    trove__flight_table_deinit(&unit->table);
    trove__absent_deinit(&unit->absent);
    trove__sized_free(unit, sizeof(*unit), _Alignof(struct trove__unit));
}

static int unit_create(struct trove__flights *flights, struct trove__unit **ret_unit)
{
    const struct trove_options *options = trove__cache_options(flights->cache);
    struct trove__unit *unit = trove__sized_alloc(sizeof(*unit), _Alignof(struct trove__unit));
    int r;

    if (unit == NULL)
        return -ENOMEM;
    memset(unit, 0, sizeof(*unit));
    unit->cache = flights->cache;
    unit->source = flights->source;
    unit->process = trove__process_number();
    atomic_init(&unit->references, 1);
    trove__pace_init(&unit->pace, options->max_bytes);
    r = trove_cancel_create(&unit->token);
    if (r == 0)
        r = trove__flight_pool_init(&unit->pool, options->flights_max);
    if (r == 0)
        r = trove__flight_table_init(&unit->table, options->flights_max);
    if (r == 0)
        r = trove__absent_init(&unit->absent, options);
    if (r == 0)
        r = trove__gather_init(&unit->gather, options);
    if (r < 0) {
        unit_free(unit);
        return r;
    }
    *ret_unit = unit;
    return 0;
}

/* Gives back what the flights hold, of a unit that nobody uses any more. */
static void release_flights(struct trove__unit *unit)
{
    /* RELAXED all: nobody else is left. */
    uint32_t used = trove__load_relaxed(&unit->pool.used);

    for (uint32_t index = 1; index <= used; index++) {
        struct trove__flight *flight = trove__flight_pool_at(&unit->pool, index);
        if (trove__load_relaxed(&flight->references) == 0)
            continue;
        trove_unpin(flight->object);
        trove__failure_unref(flight->failure);
    }
}

struct trove__unit *trove__unit_ref(struct trove__unit *unit)
{
    /* RELAXED: the caller has a reference, or a call that keeps the cache's. */
    trove__add_relaxed(&unit->references, 1);
    return unit;
}

void trove__unit_unref(struct trove__unit *unit)
{
    /* ACQ_REL [E3 free]: pairs with itself in the threads that let go earlier. */
    if (unit == NULL || trove__sub_acq_rel(&unit->references, 1) != 1)
        return;
    trove__gather_deinit(unit);
    release_flights(unit);
    unit_free(unit);
}

bool trove__unit_is_closed(struct trove__unit *unit)
{
    /* SEQ_CST [E2 closed]: pairs with close_unit(). */
    return trove__load_seq_cst(&unit->closed) != 0;
}

bool trove__unit_is_foreign(const struct trove__unit *unit)
{
    return unit->process != trove__process_number();
}

void trove__unit_count(struct trove__unit *unit, enum trove__counter which, uint64_t n)
{
    /* RELAXED: whoever is inside keeps the cache, whoever is not has seen it set, or has the unit from who did. */
    if (trove__load_relaxed(&unit->orphaned) == 0)
        trove__cache_count(unit->cache, which, n);
}

struct trove__telemetry *trove__unit_telemetry(struct trove__unit *unit)
{
    /* RELAXED: as above. */
    return trove__load_relaxed(&unit->orphaned) == 0 ? trove__cache_telemetry(unit->cache) : NULL;
}

void trove__unit_count_answer(struct trove__unit *unit, const struct trove_result *result)
{
    if (result->status == 0 && result->how == TROVE_HIT)
        trove__unit_count(unit, TROVE__COUNT_HITS, 1);
    else
        trove__unit_count(unit, TROVE__COUNT_MISSES, 1);
    if (result->status == -ENOENT)
        trove__unit_count(unit, TROVE__COUNT_ABSENT, 1);
    else if (result->status != 0)
        trove__unit_count(unit, TROVE__COUNT_FAILED, 1);
    else if (result->how == TROVE_FETCHED)
        trove__unit_count(unit, TROVE__COUNT_FETCHED, 1);
    else if (result->how == TROVE_JOINED)
        trove__unit_count(unit, TROVE__COUNT_JOINED, 1);
    if (result->uncached)
        trove__unit_count(unit, TROVE__COUNT_UNCACHED, 1);
}

/* Answers every flight. Those that begin later are left by their callers (I2). */
static void sweep(struct trove__unit *unit)
{
    struct trove__failure *failure = trove__failure_create(-ECANCELED, "the cache is shut down");
    /* SEQ_CST [E2 closed]: after `closed` was set; a flight made later finds it set. */
    uint32_t used = trove__load_seq_cst(&unit->pool.used);

    for (uint32_t index = 1; index <= used; index++) {
        struct trove__flight *flight = trove__flight_pool_at(&unit->pool, index);
        if (!trove__flight_try_ref(flight))
            continue;
        trove__flight_complete(unit, flight, -ECANCELED, NULL, false, failure);
        trove__flight_unref(unit, flight);
    }
    trove__failure_unref(failure);
}

static void close_unit(struct trove__unit *unit)
{
    /* SEQ_CST [E2 closed]: pairs with trove__unit_is_closed() in those who added a flight before. */
    trove__store_seq_cst(&unit->closed, 1);
    trove_cancel(unit->token);
    trove__gather_wake_all(unit);
    sweep(unit);
    trove__flight_pool_wake_all(&unit->pool);
}

/* --- helper threads ----------------------------------------------------------------------------------------------- */

static int create_detached(void *(*main)(void *), void *argument)
{
    sigset_t all, before;
    pthread_t thread;
    int r;

    sigfillset(&all); /* signals are for the host's threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = -pthread_create(&thread, NULL, main, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        pthread_detach(thread);
    return r;
}

int trove__unit_start_thread(struct trove__unit *unit, void *(*main)(void *))
{
    int r;

    /* RELAXED: the new thread begins after it anyway; the caller is counted, by the cache or here, until it leaves. */
    trove__add_relaxed(&unit->users, 1);
    trove__unit_ref(unit);
    r = create_detached(main, unit);
    if (r < 0)
        trove__unit_thread_leave(unit);
    return r;
}

bool trove__unit_thread_enter(struct trove__unit *unit)
{
    return !trove__unit_is_closed(unit);
}

void trove__unit_thread_leave(struct trove__unit *unit)
{
    atomic_uint *users = &unit->users;

    /* The cache's reference stays until the count is 0, so this one is not the last, and close() frees what it closes. */
    trove__unit_unref(unit);
    /* ACQ_REL [E4 users]: pairs with trove__flights_drain(). */
    trove__sub_acq_rel(users, 1);
    trove__futex_wake(users, INT_MAX); /* by address only: the unit may be gone */
}

/* --- callers without the cache ------------------------------------------------------------------------------------ */

bool trove__unit_enter(struct trove__unit *unit)
{
    /* SEQ_CST [E5 orphaned], both: pair with trove__flights_drain(). */
    trove__add_seq_cst(&unit->users, 1);
    if (trove__load_seq_cst(&unit->orphaned) == 0)
        return true;
    trove__unit_leave(unit);
    return false;
}

void trove__unit_leave(struct trove__unit *unit)
{
    /* SEQ_CST [E4 users] [E2 closed]: nobody waits for users before `closed` is set. Pairs with wait_for_users(). */
    trove__sub_seq_cst(&unit->users, 1);
    if (trove__unit_is_closed(unit))
        trove__futex_wake(&unit->users, INT_MAX);
}

/* --- what cache.c calls ------------------------------------------------------------------------------------------- */

int trove__flights_create(struct trove *cache, struct trove__flights **ret_flights)
{
    struct trove__flights *flights;
    int r = trove__process_watch();

    if (r < 0)
        return r;
    flights = trove__calloc(1, sizeof(*flights));
    if (flights == NULL)
        return -ENOMEM;
    flights->cache = cache;
    flights->source = trove__cache_options(cache)->source;
    *ret_flights = flights;
    return 0;
}

int trove__unit_get(struct trove *cache, struct trove__unit **ret_unit)
{
    struct trove__flights *flights = trove__cache_flights(cache);
    /* ACQUIRE [E1 unit]: pairs with the CAS below. */
    struct trove__unit *unit = trove__load_acquire(&flights->unit), *fresh;
    int r;

    while (unit == NULL || trove__unit_is_foreign(unit)) {
        r = unit_create(flights, &fresh);
        if (r < 0)
            return r;
        /* SEQ_CST [E1 unit] [E2 closed]: hands over the new unit, and acquires one that was faster; before the look at
         * `closed`. Pairs with own_unit(). */
        if (trove__cas_seq_cst(&flights->unit, &unit, fresh))
            unit = fresh;
        else
            trove__unit_unref(fresh);
        /* SEQ_CST [E2 closed]: a shutdown that found no unit. */
        if (trove__load_seq_cst(&flights->closed) != 0)
            close_unit(unit);
    }
    *ret_unit = trove__unit_ref(unit);
    return 0;
}

/* The unit of this process, NULL if there is none. */
static struct trove__unit *own_unit(struct trove__flights *flights)
{
    /* SEQ_CST [E1 unit] [E2 closed]: pairs with trove__unit_get(). */
    struct trove__unit *unit = trove__load_seq_cst(&flights->unit);

    return unit != NULL && !trove__unit_is_foreign(unit) ? unit : NULL;
}

void trove__flights_shutdown(struct trove__flights *flights)
{
    struct trove__unit *unit;

    /* SEQ_CST [E2 closed]: pairs with trove__unit_get(). */
    trove__store_seq_cst(&flights->closed, 1);
    unit = own_unit(flights);
    if (unit != NULL)
        close_unit(unit);
}

static int wait_for_users(struct trove__unit *unit, const struct trove_until *until)
{
    unsigned users;
    int r;

    /* SEQ_CST [E4 users] [E5 orphaned]: pairs with trove__unit_thread_leave(), trove__unit_enter(), trove__unit_leave(). */
    while ((users = trove__load_seq_cst(&unit->users)) != 0) {
        r = trove__wait(&unit->users, users, until);
        if (r < 0 && trove__load_seq_cst(&unit->users) != 0)
            return r;
    }
    return 0;
}

int trove__flights_drain(struct trove__flights *flights, const struct trove_until *until)
{
    struct trove__unit *unit = own_unit(flights);
    int r;

    if (unit == NULL)
        return 0;
    trove__dispatch_stop(unit);
    r = wait_for_users(unit, until);
    if (r < 0)
        return r;
    trove__dispatch_drain(unit);
    /* SEQ_CST [E5 orphaned]: pairs with trove__unit_enter(). Who entered before is waited for, who enters later goes. */
    trove__store_seq_cst(&unit->orphaned, 1);
    return wait_for_users(unit, until);
}

void trove__flights_destroy(struct trove__flights *flights)
{
    struct trove__unit *unit;

    if (flights == NULL)
        return;
    unit = own_unit(flights);
    if (flights->source.ops != NULL && flights->source.ops->destroy != NULL)
        flights->source.ops->destroy(flights->source.source);
    if (unit != NULL) {
        trove__gather_drop_fetches(unit);
        trove__unit_unref(unit);
    }
    trove__free(flights);
}
