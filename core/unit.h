// SPDX-License-Identifier: MIT
/*
 * unit.h - everything that belongs to one life of a cache's flights: pool, table, gathering, fetch threads, dispatcher.
 *
 * A unit belongs to an era (era.h), and every call loads it once. A child after fork() gets a new unit at its first miss;
 * the parent's flights, threads and locks stay behind in the old one.
 */
#ifndef TROVE_CORE_UNIT_H
#define TROVE_CORE_UNIT_H

#include "core/absent.h"
#include "core/cache_internal.h"
#include "core/dispatch.h"
#include "core/flight.h"
#include "core/gather.h"
#include "core/pace.h"

struct trove__unit {
    struct trove *cache;    /* for who is inside, and before `orphaned` */
    struct trove__era *era; /* likewise; where its flights find and cache */
    struct trove_source source;
    struct trove_cancel *token; /* cancelled at shutdown; every request hears of it */
    unsigned process;           /* trove__process_number() when it was made */
    atomic_uint references;     /* the threads, and all holders together */
    atomic_uint holders;        /* the era, each call, stream and fetch; the last closes the unit */
    atomic_uint closed;
    atomic_uint orphaned; /* the cache is gone or about to go, streams or fetches are not */
    atomic_uint users;    /* futex: callers between enter and leave */
    struct trove__flight_pool pool;
    struct trove__flight_table table;
    struct trove__gather gather;
    struct trove__dispatch dispatch;
    struct trove__pace pace;
    struct trove__absent absent;
};

/* The unit of the era in force of CACHE, for the calling process, held (own). 0, -ENOMEM, or why there are no descriptors.
 * Between trove__cache_enter() and trove__cache_leave(). */
int trove__unit_get(struct trove *cache, struct trove__unit **ret_unit);
struct trove__unit *trove__unit_ref(struct trove__unit *unit);
void trove__unit_unref(struct trove__unit *unit); /* NULL is fine */

/* What era.c does with units: cancels all they do and answers who waits; says that the cache is about to go; gives back a
 * reference that is not a holder's. */
void trove__unit_close(struct trove__unit *unit);
void trove__unit_orphan(struct trove__unit *unit);
void trove__unit_let_go(struct trove__unit *unit);

/* Streams and fetches are handles of their own, which may be used while the cache is being closed, or afterwards. Their
 * calls are between these two; close waits for the last of them. False: the cache is gone (no leave then). Wait-free. */
bool trove__unit_enter(struct trove__unit *unit);
void trove__unit_leave(struct trove__unit *unit);

bool trove__unit_is_closed(struct trove__unit *unit);
/* True in a child of fork() for what the parent left: its threads are not here. */
bool trove__unit_is_foreign(const struct trove__unit *unit);
/* Adds to a counter of the cache, if it is still there. */
void trove__unit_count(struct trove__unit *unit, enum trove__counter which, uint64_t n);
/* The telemetry of the cache, if it is still there; else NULL. */
struct trove__telemetry *trove__unit_telemetry(struct trove__unit *unit);
/* Counts RESULT, which a caller is about to get. */
void trove__unit_count_answer(struct trove__unit *unit, const struct trove_result *result);

/* Starts a detached helper thread that runs MAIN(UNIT), all signals blocked. MAIN begins with trove__unit_thread_enter()
 * and ends with trove__unit_thread_leave(). 0 or a negative errno. */
int trove__unit_start_thread(struct trove__unit *unit, void *(*main)(void *));
/* False: the unit is closed, touch nothing of the cache or the source (leave all the same). */
bool trove__unit_thread_enter(struct trove__unit *unit);
void trove__unit_thread_leave(struct trove__unit *unit);

#endif
