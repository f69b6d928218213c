// SPDX-License-Identifier: MIT
/*
 * condition.h - waiting on a condition as everything here waits: with a deadline and a cancel token.
 */
#ifndef TROVE_FETCH_CONDITION_H
#define TROVE_FETCH_CONDITION_H

#include <pthread.h>
#include <trove/until.h>

/* A condition whose waits are timed by the clock of deadlines. */
void trove__condition_init(pthread_cond_t *condition);

/* Waits until CONDITION is signalled, or for a little while: look again. Returns 0, -ETIMEDOUT, -ECANCELED. */
int trove__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
                          const struct trove_until *until);

#endif
