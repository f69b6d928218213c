// SPDX-License-Identifier: MIT
/*
 * inflight.c - the memory for packs under way.
 */
#include "inflight.h"

#include <errno.h>
#include <time.h>

#include "core/until.h"

enum { LEAST_SHARE = 1 << 20, CANCEL_CHECK_MS = 50 };

void trove__inflight_init(struct trove__inflight *inflight, uint64_t total)
{
    pthread_condattr_t attributes;

    inflight->total = inflight->left = total < 2 * LEAST_SHARE ? 2 * LEAST_SHARE : total;
    inflight->whole_waiting = 0;
    pthread_mutex_init(&inflight->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&inflight->changed, &attributes);
    pthread_condattr_destroy(&attributes);
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

/* A token cannot signal a condition, so it is looked at now and then. */
static int wait_locked(struct trove__inflight *inflight, const struct trove_until *until)
{
    int64_t at_ns = trove_now_ns() + CANCEL_CHECK_MS * INT64_C(1000000);
    struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};

    pthread_cond_timedwait(&inflight->changed, &inflight->lock, &at);
    return trove__until_check(until);
}

int trove__inflight_take(struct trove__inflight *inflight, bool whole,
                         const struct trove_until *until, uint64_t *ret_bytes)
{
    uint64_t share;
    int status = 0;

    pthread_mutex_lock(&inflight->lock);
    inflight->whole_waiting += whole;
    while (status == 0 && !is_free_locked(inflight, whole))
        status = wait_locked(inflight, until);
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
    pthread_cond_broadcast(&inflight->changed);
    pthread_mutex_unlock(&inflight->lock);
}
