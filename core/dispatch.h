// SPDX-License-Identifier: MIT
/*
 * dispatch.h - a thread that does the rest of the waking, so that those who parse do not.
 */
#ifndef TROVE_CORE_DISPATCH_H
#define TROVE_CORE_DISPATCH_H

#include "core/order.h"
#include <stdbool.h>

struct trove__unit;
struct trove__flight;
struct trove__stream_node;

struct trove__dispatch {
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove__flight *) stack;
    atomic_uint work; /* futex: counts pushes */
    atomic_uint running;
    atomic_uint stop;
};

/* Wakes a few of those who wait for the done FLIGHT (HAS_SLEEPERS: threads on its word; NODES: streams) and leaves the
 * rest to the dispatcher. Fetch threads, shutdown. */
void trove__dispatch(struct trove__unit *unit, struct trove__flight *flight, bool has_sleepers,
                     struct trove__stream_node *nodes);

/* Ends the dispatcher once its work is done; what comes later is done by the caller of trove__dispatch(). */
void trove__dispatch_stop(struct trove__unit *unit);
/* Does what nobody is there to do: a dispatcher that could not be started, or one that was stopped. */
void trove__dispatch_drain(struct trove__unit *unit);

#endif
