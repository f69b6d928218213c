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

#endif
