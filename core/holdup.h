// SPDX-License-Identifier: MIT
/*
 * holdup.h - who holds reclamation up: what trove_stats() tells of a grace period that waits.
 */
#ifndef TROVE_CORE_HOLDUP_H
#define TROVE_CORE_HOLDUP_H

#include "core/order.h"
#include <stdbool.h>
#include <trove/cache.h>

/* Of one reclaimer. */
struct trove__holdup {
    atomic_long since_ns; /* when it began to wait; 0: it does not */
};

void trove__holdup_init(struct trove__holdup *holdup);

/* The reclaimer, around its grace periods. */
void trove__holdup_begin(struct trove__holdup *holdup, int64_t now_ns);
void trove__holdup_end(struct trove__holdup *holdup, int64_t now_ns);

/* Anybody: is a reader stuck in its section? Else those that a grace period waits for are about to leave theirs. */
bool trove__holdup_is_long(const struct trove__holdup *holdup);

/* Anybody: what is so at this moment. Lock-free but for the kernel, which is asked for the thread's name. */
void trove__holdup_look(const struct trove__holdup *holdup, struct trove_holdup *ret);

#endif
