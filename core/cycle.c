// SPDX-License-Identifier: MIT
/*
 * cycle.c - finds resolves that would wait for themselves.
 *
 * WHAT       A source may resolve ids of its own cache, or of another whose source does the same with the first. The graph:
 *            a fetch thread waits for a flight (or a fetch); that flight is owned by the fetch thread that sent it.
 * INVARIANTS I1 all edges change under one lock. I2 a thread owns what it sends before its source runs, and a thread that
 *            waits claims nothing; so the last edge of a cycle is always a wait, and trove__cycle_begin(), which looks
 *            before it adds one, sees every other edge of it. I3 an edge to a done flight is none.
 * ROLES      fetch threads only.
 * PROTOCOL   begin: lock, follow the one path from the flight, add the edge unless the path leads back, unlock.
 * EDGES      E1 graph  unlock() release -> lock() acquire   all edges
 * PROGRESS   waits for the lock, which is held for as long as a request has ids. No caller takes it.
 * LIMITS     Threads that a source starts itself are not fetch threads: they run into their deadlines instead.
 * TESTS      tests/unit/test_cycle.c
 *
 * The lock is for the process, because a cycle may lead through several caches. It holds the process's number, so that one which
 * was held during a fork() is free in the child.
 */
#include "core/cycle.h"
#include "core/fetch_op.h"
#include "core/process.h"
#include <errno.h>
#include <sched.h>

#define PATH_MAX_STEPS 4096

static atomic_uint graph_holder; /* 0, or the process whose thread holds the lock */

static void lock(void)
{
    unsigned self = trove__process_number(), holder = 0;

    /* ACQUIRE [E1 graph]: pairs with unlock(). */
    while (!trove__cas_acquire(&graph_holder, &holder, self)) {
        if (holder != 0 && holder != self && trove__cas_acquire(&graph_holder, &holder, self))
            return; /* left over from before a fork */
        holder = 0;
        sched_yield();
    }
}

static void unlock(void)
{
    /* RELEASE [E1 graph]: pairs with lock(). */
    trove__store_release(&graph_holder, 0);
}

void trove__cycle_own_flights(struct trove__flight *const *flights, size_t count,
                              struct trove__fetcher *owner)
{
    lock();
    for (size_t i = 0; i < count; i++)
        flights[i]->owner = owner;
    unlock();
}

void trove__cycle_own_fetch(struct trove_fetch *fetch, struct trove__fetcher *owner)
{
    lock();
    fetch->runner = owner;
    unlock();
}

bool trove__cycle_is_own(struct trove__fetcher *self, struct trove__flight *flight)
{
    bool own;

    lock();
    own = flight->owner == self;
    unlock();
    return own;
}

/* Whom one waits for who waits for FLIGHT or FETCH. */
static struct trove__fetcher *owner_of(struct trove__flight *flight, struct trove_fetch *fetch)
{
    if (flight != NULL)
        return trove__flight_is_done(flight) ? NULL : flight->owner;
    return fetch == NULL || trove__fetch_is_done(fetch) ? NULL : fetch->runner;
}

int trove__cycle_begin(struct trove__fetcher *self, struct trove__flight *flight,
                       struct trove_fetch *fetch)
{
    struct trove__fetcher *at;
    int r = 0;

    lock();
    at = owner_of(flight, fetch);
    for (unsigned step = 0; at != NULL && r == 0; step++) {
        if (at == self || step == PATH_MAX_STEPS)
            r = -EDEADLK;
        else
            at = owner_of(at->waits_for_flight, at->waits_for_fetch);
    }
    if (r == 0) {
        self->waits_for_flight = flight;
        self->waits_for_fetch = fetch;
    }
    unlock();
    return r;
}

void trove__cycle_end(struct trove__fetcher *self)
{
    lock();
    self->waits_for_flight = NULL;
    self->waits_for_fetch = NULL;
    unlock();
}
