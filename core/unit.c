// SPDX-License-Identifier: MIT
/*
 * unit.c - the life of an era's flights: made at the first miss, shut, freed; made anew in a child of fork().
 *
 * INVARIANTS I1 a call works with the one unit that it loaded. I2 `closed` is set before the token is cancelled and before
 *            the flights are swept; a caller adds or joins a flight before it looks at `closed`, a full fence between the two
 *            on both sides. So each flight is swept, or its caller leaves by itself. Without the fences C11 lets both miss the
 *            other: `used` and `references`, by which a sweep finds flights, are changed with release or less, and so is the
 *            link that makes a flight known to who joins. (On x86 and ARMv8 the one seq_cst exchange between would do.)
 *            Both are far from any hit. I3 `users` counts who uses a stream or a fetch; `orphaned` is set when it is 0 after
 *            the shutdown and no thread of the cache's runs, and once it was 0 with `orphaned` set nobody calls the source or
 *            the cache any more. I4 the unit is freed with its last reference: those of its threads and one of all holders
 *            together, which the last of them gives back once it has closed the unit. I5 a unit of which `orphaned` is not
 *            set ends while the cache is there: who ends it is counted in `hands` (era.h).
 * ROLES      callers: get, ref, unref. era.c: close, orphan. helper threads: enter, leave.
 * EDGES      E1 unit     unit_get() release -> unit_get() acquire   a complete unit
 *            E2 closed   unit_close() seq_cst -> unit_is_closed() seq_cst   store-load pair with adding or joining a flight, with
 *                        going to sleep, and with unit_leave(): `closed`, fence, sweep; add, fence, `closed`. (Likewise a
 *                        shutdown and add_unit(): era.c, E7)
 *            E3 free     unit_let_go() release -> the last unit_let_go() acquire   all uses before the free
 *            E5 orphaned unit_orphan() seq_cst -> unit_enter() seq_cst   store-load pair: `orphaned` then `users`, here; `users`
 *                        then `orphaned`, there
 *            E6 holders  unit_unref() release -> the last unit_unref() acquire   all that holders did before it is closed
 * PROGRESS   get is lock-free but for the allocator.
 * LIMITS     In a child of fork() the parent's unit stays as it was, a few hundred KB that nobody frees.
 * TESTS      tests/unit/test_shutdown.c, tests/unit/test_replace.c, tests/unit/test_fork.c,
 *            tests/stress/perturbed/test_overlap.c (I3), tests/explore/test_explore_unit.c (I2, each edge)
 */
#include "core/unit.h"
#include "core/era.h"
#include "core/failure.h"
#include "core/futex.h"
#include "core/interest.h"
#include "core/memory.h"
#include "core/process.h"
#include "core/until.h"
#include <signal.h>

/* --- the unit ----------------------------------------------------------------------------------------------------- */

static void unit_free(struct trove__unit *unit)
{
    trove_cancel_unref(unit->token);
    trove__flight_pool_deinit(&unit->pool);
    trove__flight_table_deinit(&unit->table);
    trove__absent_deinit(&unit->absent);
    trove__sized_free(unit, sizeof(*unit), _Alignof(struct trove__unit));
}

/* Held by the caller and by ERA. */
static int unit_create(struct trove__era *era, struct trove__unit **ret_unit)
{
    const struct trove_options *options = trove__cache_options(era->flights->cache);
    struct trove__unit *unit = trove__sized_alloc(sizeof(*unit), _Alignof(struct trove__unit));
    int r;

    if (unit == NULL)
        return -ENOMEM;
    memset(unit, 0, sizeof(*unit));
    unit->cache = era->flights->cache;
    unit->era = trove__era_ref(era);
    unit->source = era->source;
    unit->process = trove__process_number();
    atomic_init(&unit->references, 1);
    atomic_init(&unit->holders, 2);
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
        trove__era_unref(era);
        unit_free(unit);
        return r;
    }
    *ret_unit = unit;
    return 0;
}

/* Of one that nobody has seen. */
static void discard(struct trove__unit *unit)
{
    trove__gather_deinit(unit);
    unit_free(unit);
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
        trove__interest_unref(flight->interest);
    }
}

struct trove__unit *trove__unit_ref(struct trove__unit *unit)
{
    /* RELAXED: the caller holds it, or is in a section in which its era does. */
    trove__add_relaxed(&unit->holders, 1);
    return unit;
}

void trove__unit_let_go(struct trove__unit *unit)
{
    /* ACQ_REL [E3 free]: pairs with itself in the threads that let go earlier. */
    if (trove__sub_acq_rel(&unit->references, 1) != 1)
        return;
    trove__dispatch_drain(unit); /* what came after the dispatcher had gone */
    trove__gather_deinit(unit);
    release_flights(unit);
    /* RELAXED: who set it has let go since. */
    if (trove__load_relaxed(&unit->orphaned) == 0)
        trove__era_unit_ended(unit->era, unit);
    unit_free(unit);
}

void trove__unit_unref(struct trove__unit *unit)
{
    struct trove__flights *flights;

    /* ACQ_REL [E6 holders]: pairs with itself in those who let go earlier. */
    if (unit == NULL || trove__sub_acq_rel(&unit->holders, 1) != 1)
        return;
    if (!trove__unit_enter(unit)) { /* closed long ago, and the cache is gone or about to go */
        trove__unit_let_go(unit);
        return;
    }
    flights = unit->era->flights;
    trove__hand_enter(flights);
    if (!trove__unit_is_closed(unit))
        trove__unit_close(
            unit); /* nobody waits for what it still asks for, and nobody would get it */
    trove__dispatch_stop(unit);
    trove__unit_leave(unit);
    trove__unit_let_go(unit);
    trove__hand_leave(flights);
}

bool trove__unit_is_closed(struct trove__unit *unit)
{
    /* SEQ_CST [E2 closed]: after what the caller added, joined or left. Pairs with trove__unit_close(). */
    trove__fence_seq_cst();
    return trove__load_relaxed(&unit->closed) != 0; /* RELAXED: hands nothing over */
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
    /* All flights whose callers do not find `closed` set [E2 closed]. */
    uint32_t used = trove__flight_pool_used(&unit->pool);

    for (uint32_t index = 1; index <= used; index++) {
        struct trove__flight *flight = trove__flight_pool_at(&unit->pool, index);
        if (!trove__flight_try_ref(flight))
            continue;
        trove__flight_complete(unit, flight, -ECANCELED, NULL, false, failure);
        trove__flight_unref(unit, flight);
    }
    trove__failure_unref(failure);
}

void trove__unit_close(struct trove__unit *unit)
{
    trove__store_relaxed(&unit->closed, 1); /* RELAXED: ordered by the fence */
    /* SEQ_CST [E2 closed]: before the sweep. Pairs with trove__unit_is_closed() in those who added a flight before. */
    trove__fence_seq_cst();
    trove_cancel(unit->token);
    trove__gather_wake_all(unit);
    sweep(unit);
    trove__flight_pool_wake_all(&unit->pool);
}

void trove__unit_orphan(struct trove__unit *unit)
{
    /* SEQ_CST [E5 orphaned]: pairs with trove__unit_enter(). Who entered before is waited for, who enters later goes. */
    trove__store_seq_cst(&unit->orphaned, 1);
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

    trove__hand_enter(unit->era->flights);
    trove__add_relaxed(&unit->references, 1); /* RELAXED: the new thread begins after it anyway */
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
    struct trove__flights *flights = unit->era->flights;

    trove__unit_let_go(unit);
    trove__hand_leave(flights); /* the last: close waits for it */
}

/* --- callers without the cache ------------------------------------------------------------------------------------ */

bool trove__unit_enter(struct trove__unit *unit)
{
    /* SEQ_CST [E5 orphaned], both: pair with trove__unit_orphan(). */
    trove__add_seq_cst(&unit->users, 1);
    if (trove__load_seq_cst(&unit->orphaned) == 0)
        return true;
    trove__unit_leave(unit);
    return false;
}

void trove__unit_leave(struct trove__unit *unit)
{
    /* RELEASE [E4 hands]: pairs with wait_for() of era.c. Nobody waits for users before `closed` is set. */
    trove__sub_release(&unit->users, 1);
    if (trove__unit_is_closed(unit))
        trove__futex_wake(&unit->users, INT_MAX);
}

/* --- the way to it ------------------------------------------------------------------------------------------------ */

/* Makes a unit for ERA. 0; 1: there is one by now, or ERA has none any more; or a failure. */
static int add_unit(struct trove__era *era, struct trove__unit **ret_unit)
{
    struct trove__unit *fresh, *seen = trove__load_acquire(&era->unit); /* [E1 unit] */
    int r;

    if (seen == TROVE__NO_UNIT || (seen != NULL && !trove__unit_is_foreign(seen)))
        return 1;
    r = unit_create(era, &fresh);
    if (r < 0)
        return r;
    /* RELEASE [E1 unit]: hands over the new unit. Pairs with trove__era_get(). */
    if (!trove__cas_release(&era->unit, &seen, fresh)) {
        trove__era_unref(era);
        discard(fresh);
        return 1;
    }
    /* SEQ_CST [E7 closed]: a shutdown that found no unit, or not this era. Pairs with trove__flights_shutdown(). */
    trove__fence_seq_cst();
    if (trove__load_relaxed(&era->flights->closed) != 0) /* RELAXED: hands nothing over */
        trove__unit_close(fresh);
    *ret_unit = fresh;
    return 0;
}

int trove__unit_get(struct trove *cache, struct trove__unit **ret_unit)
{
    struct trove__era *era;

    while ((era = trove__era_get(cache, ret_unit)) != NULL) {
        int r = add_unit(era, ret_unit);

        trove__era_unref(era);
        if (r <= 0)
            return r;
    }
    return 0;
}
