// SPDX-License-Identifier: MIT
/*
 * gather.h - misses become requests: two stacks that callers push on, fetch threads that take from them.
 */
#ifndef TROVE_CORE_GATHER_H
#define TROVE_CORE_GATHER_H

#include "core/flight.h"
#include "core/until.h"
#include <pthread.h>

#define TROVE__TYPES 5       /* TROVE_ANY to TROVE_TAG */
#define TROVE__NESTING_MAX 8 /* requests that run one inside the other */

/* A thread that runs requests, and what it waits for meanwhile; those two under the graph lock of cycle.c. */
struct trove__fetcher {
    struct trove__unit *unit;
    struct trove__flight *waits_for_flight;
    struct trove_fetch *waits_for_fetch;
    unsigned depth; /* requests that run on it, one inside the other */
    /* Room for the ids of one request; none when there was no memory. */
    struct trove_want *wants;
    struct trove__flight **flights;
    size_t room;
};

/* Gathered misses of one lane and type, first come first served. */
struct trove__pending {
    struct trove__gather_node *first, *last;
    size_t count;
};

struct trove__gather {
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove__gather_node *) lanes[TROVE__LANES];
    _Atomic(struct trove_fetch *) fetches;                 /* stack of fetches that were started */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_uint work; /* futex: counts pushes */
    atomic_uint idle;     /* fetch threads that look for work or sleep */
    atomic_uint fetchers; /* fetch threads */
    atomic_long starting; /* somebody starts one, believed until this time */

    /* Under `lock`, which only fetch threads take: a caller that stops for ever cannot hold it. */
    pthread_mutex_t lock;
    struct trove__pending pending[TROVE__LANES][TROVE__TYPES];
    struct trove_fetch *first_fetch, *last_fetch;
    unsigned running[TROVE__TYPES]; /* requests by id under way */
    int64_t patience_ns;            /* how long misses gather beside a running request */
    uint32_t ids_now;               /* ids per request, between the option's min and max */

    /* Options. */
    uint32_t fetchers_max, ids_min, ids_max;
};

int trove__gather_init(struct trove__gather *gather, const struct trove_options *options);
/* Lets go of fetches that nobody took before the unit was closed: they hold it. The fetch threads have ended. */
void trove__gather_drop_fetches(struct trove__unit *unit);
/* Nobody else runs. */
void trove__gather_deinit(struct trove__unit *unit);

/* Hands a chain of nodes over, and sees to it that a fetch thread takes it. */
void trove__gather_push(struct trove__unit *unit, enum trove__lane lane,
                        struct trove__gather_node *nodes);
/* The same for a fetch, with the caller's reference. */
void trove__gather_push_fetch(struct trove__unit *unit, struct trove_fetch *fetch);
/* With its reference on the flight. */
void trove__gather_node_free(struct trove__unit *unit, struct trove__gather_node *node);

/* trove__wait_any() for what a fetch thread will change: makes sure that there is one. Also why none can be started. */
int trove__gather_wait(struct trove__unit *unit, const struct trove__watch *watches, unsigned count,
                       const struct trove_until *until);
/* The same for a free flight, and for OTHER (may be NULL). 0 at once when the unit is closed. */
int trove__gather_wait_space(struct trove__unit *unit, const struct trove__watch *other,
                             const struct trove_until *until);

/* Makes sure that a fetch thread runs, or is about to, for who cannot wait for that. 0, or why none can be started. */
int trove__gather_ensure(struct trove__unit *unit);

/* True when a fetch thread is idle or one more may be started. */
bool trove__gather_has_hands(struct trove__unit *unit);

/* Wakes every fetch thread, to see that the unit is closed. */
void trove__gather_wake_all(struct trove__unit *unit);

/* The fetch thread that calls, NULL for any other thread. */
struct trove__fetcher *trove__fetcher_self(void);

#endif
