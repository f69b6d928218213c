// SPDX-License-Identifier: MIT
/*
 * condition.c - waiting on a condition with a deadline and a cancel token.
 */
#include "condition.h"

#include <time.h>

#include "core/until.h"

enum { CANCEL_CHECK_MS = 50, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

void trove__condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* A token cannot signal a condition, so it is looked at now and then. */
int trove__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                          const struct trove_until *until)
{
    int64_t at_ns = trove_now_ns() + (int64_t)CANCEL_CHECK_MS * NS_PER_MS;
    struct timespec at = {.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};

    pthread_cond_timedwait(condition, lock, &at);
    return trove__until_check(until);
}
