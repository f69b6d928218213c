// SPDX-License-Identifier: MIT
/*
 * fetch_op.h - one trove_fetch(): a request with a filter, run on a fetch thread.
 */
#ifndef TROVE_CORE_FETCH_OP_H
#define TROVE_CORE_FETCH_OP_H

#include "core/flight.h"
#include "core/telemetry.h"

enum trove__fetch_phase { TROVE__FETCH_QUEUED, TROVE__FETCH_RUNNING, TROVE__FETCH_DONE };

struct trove_fetch {
    atomic_uint references;
    atomic_uint phase;
    atomic_uint done; /* futex: TROVE__PENDING ... as a flight's word */
    struct trove__unit *unit;
    struct trove_want *wants;
    size_t want_count;
    char *filter;
    uint32_t depth;
    struct trove_until
        until; /* the caller's deadline; a token linked to the caller's and the unit's */
    _Atomic(struct trove__gather_node *) parked; /* what waits for its objects */
    struct trove_fetch *next;                    /* in the queue of fetches */
    int64_t queued_ns;                           /* when a fetch thread put it there */
    struct trove__timed timed;                   /* from its start */
    struct trove__fetcher *runner;               /* under the graph lock */
    /* Written before `done` is terminal. */
    int status;
    bool fails_all; /* who waits for its objects gets its error, instead of asking by id */
    struct trove__failure *failure;
    struct trove_fetch_result result;
};

struct trove_fetch *trove__fetch_ref(struct trove_fetch *fetch); /* NULL is fine */
void trove__fetch_unref(struct trove_fetch *fetch);              /* NULL is fine */

/* Leaves NODES to FETCH until it has ended; false: it has. */
bool trove__fetch_park(struct trove_fetch *fetch, struct trove__gather_node *nodes);

/* The right to run it, once. */
bool trove__fetch_claim(struct trove_fetch *fetch);
/* Ends FETCH, which the caller claimed: what was parked is asked for by id or fails, who waits is woken. */
void trove__fetch_end(struct trove_fetch *fetch, int status, const char *message,
                      const struct trove_fetch_result *result);
/* True when it has ended with an error that is also the one of whatever it was expected to bring. */
bool trove__fetch_failed_all(const struct trove_fetch *fetch);
bool trove__fetch_is_done(const struct trove_fetch *fetch);

#endif
