// SPDX-License-Identifier: MIT
/*
 * cycle.h - who waits for whom among fetch threads.
 */
#ifndef TROVE_CORE_CYCLE_H
#define TROVE_CORE_CYCLE_H

#include "core/gather.h"

/* COUNT flights are sent (or FETCH is run) by OWNER; NULL: by nobody any more. */
void trove__cycle_own_flights(struct trove__flight *const *flights, size_t count,
                              struct trove__fetcher *owner);
void trove__cycle_own_fetch(struct trove_fetch *fetch, struct trove__fetcher *owner);

/* SELF is about to wait for FLIGHT or FETCH (one of them NULL). 0, or -EDEADLK when that would close a cycle; after 0
 * the caller ends with trove__cycle_end(). */
int trove__cycle_begin(struct trove__fetcher *self, struct trove__flight *flight,
                       struct trove_fetch *fetch);
void trove__cycle_end(struct trove__fetcher *self);
/* True when SELF sent FLIGHT. */
bool trove__cycle_is_own(struct trove__fetcher *self, struct trove__flight *flight);

#endif
