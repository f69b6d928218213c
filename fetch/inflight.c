// SPDX-License-Identifier: MIT
/*
 * inflight.c - the memory for packs under way.
 */
#include "inflight.h"

#include "condition.h"

enum { LEAST_SHARE = 1 << 20 };

void trove__inflight_init(struct trove__inflight *inflight, uint64_t total)
{
    inflight->total = inflight->left = total < 2 * LEAST_SHARE ? 2 * LEAST_SHARE : total;
    inflight->whole_waiting = 0;
    pthread_mutex_init(&inflight->lock, NULL);
    trove__condition_init(&inflight->changed);
}

void trove__inflight_deinit(struct trove__inflight *inflight)
{
    pthread_cond_destroy(&inflight->changed);
    pthread_mutex_destroy(&inflight->lock);
}

static bool is_free_locked(const struct trove__inflight *inflight, bool whole)
{
    if (whole)
        return inflight->left == inflight->total;
    return inflight->whole_waiting == 0 && inflight->left >= LEAST_SHARE;
}

int trove__inflight_take(struct trove__inflight *inflight, bool whole,
                         const struct trove_until *until, uint64_t *ret_bytes)
{
    uint64_t share;
    int status = 0;

    pthread_mutex_lock(&inflight->lock);
    inflight->whole_waiting += whole;
    while (status == 0 && !is_free_locked(inflight, whole))
        status = trove__condition_wait(&inflight->changed, &inflight->lock, until);
    inflight->whole_waiting -= whole;
    if (status == 0) {
        share = whole ? inflight->left : inflight->left / 2;
        if (share < LEAST_SHARE)
            share = LEAST_SHARE;
        inflight->left -= share;
        *ret_bytes = share;
    }
    pthread_cond_broadcast(&inflight->changed); /* whoever waited behind a WHOLE may go on */
    pthread_mutex_unlock(&inflight->lock);
    return status;
}

void trove__inflight_give(struct trove__inflight *inflight, uint64_t bytes)
{
    pthread_mutex_lock(&inflight->lock);
    inflight->left += bytes;
    if (inflight->left > inflight->total)
        inflight->left =
            inflight->total; /* taken by a forked parent's thread, the one that forked */
    pthread_cond_broadcast(&inflight->changed);
    pthread_mutex_unlock(&inflight->lock);
}

void trove__inflight_forget(struct trove__inflight *inflight)
{
    inflight->left = inflight->total;
    inflight->whole_waiting = 0;
    trove__condition_init(&inflight->changed);
}
