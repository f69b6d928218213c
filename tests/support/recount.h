// SPDX-License-Identifier: MIT
/*
 * recount.h - are the books of a quiet cache right to the byte?
 */
#ifndef TROVE_TESTS_RECOUNT_H
#define TROVE_TESTS_RECOUNT_H

#include <trove/cache.h>

/* Stops the reclaimer, then compares every account with what is there; what queues hold is taken out for that. Nothing but
 * trove_close() may follow. */
void recount(struct trove *cache);

/* The same in a child of fork(), whose table may count LOST entries more: what so many threads of the parent were about to put. */
void recount_in_child(struct trove *cache, uint64_t lost);

#endif
