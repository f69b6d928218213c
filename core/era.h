// SPDX-License-Identifier: MIT
/*
 * era.h - what stands between two replacements of a cache: one source, one set of contents, at most one unit of flights.
 *
 * The protocol is the opening comment of era.c.
 */
#ifndef TROVE_CORE_ERA_H
#define TROVE_CORE_ERA_H

#include "core/cache_internal.h"
#include "core/order.h"
#include <pthread.h>

struct trove__unit;

/* In the place of an era's unit: it has none any more. */
#define TROVE__NO_UNIT ((struct trove__unit *)1)

struct trove__era {
    struct trove__flights *flights;
    struct trove_source source;
    _Atomic(struct trove__unit *) unit; /* NULL before the first miss */
    atomic_uint
        references; /* the table's, its unit's, and who looks at it; the last destroys the source */
    atomic_uint is_discarded; /* nothing of its contents is left */
    atomic_uint ended;
    bool holds_unit; /* until it is discarded, or the cache closed; under the lock, as `next` */
    struct trove__era *next;
};

struct trove__flights {
    struct trove *cache;
    atomic_uint closed;
    atomic_uint hands;     /* futex: helper threads that run, and those who end a unit */
    atomic_uint discarded; /* futex: ends of replacements so far */
    _Atomic(struct trove__era *) eras; /* newest first; whoever takes one out has the lock */
    pthread_mutex_t lock;
};

/* The era of CACHE that is in force, with a reference; or its unit, if it has one of this process, with a reference, and NULL. */
struct trove__era *trove__era_get(struct trove *cache, struct trove__unit **ret_unit);
struct trove__era *trove__era_ref(struct trove__era *era);
void trove__era_unref(struct trove__era *era);

/* UNIT, of ERA, has no users left: with its reference. */
void trove__era_unit_ended(struct trove__era *era, struct trove__unit *unit);

/* Threads of the cache's are between these two, and who else needs it to be there; close waits for them. */
void trove__hand_enter(struct trove__flights *flights);
void trove__hand_leave(struct trove__flights *flights);

#endif
