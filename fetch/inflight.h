// SPDX-License-Identifier: MIT
/*
 * inflight.h - the memory for packs under way, one budget for all requests of a repository. A request takes half of what
 * is left, so that others can run beside it; one that turned out to need more waits for all of it.
 */
#ifndef TROVE_FETCH_INFLIGHT_H
#define TROVE_FETCH_INFLIGHT_H

#include <pthread.h>
#include <trove/until.h>

struct trove__inflight {
    pthread_mutex_t lock; /* all below but total */
    pthread_cond_t changed;
    uint64_t total;
    uint64_t left;
    unsigned whole_waiting; /* requests that wait for all of it: nobody starts before them */
};

void trove__inflight_init(struct trove__inflight *inflight, uint64_t total);
void trove__inflight_deinit(struct trove__inflight *inflight);

/* Takes a share, or with WHOLE the whole budget once nobody else has any of it. *RET_BYTES goes back through give.
 * Returns 0, -ETIMEDOUT, -ECANCELED. */
int trove__inflight_take(struct trove__inflight *inflight, bool whole,
                         const struct trove_until *until, uint64_t *ret_bytes);
void trove__inflight_give(struct trove__inflight *inflight, uint64_t bytes);
/* In a child of fork(), the lock held: nobody has any of it, nobody waits. */
void trove__inflight_forget(struct trove__inflight *inflight);

#endif
