// SPDX-License-Identifier: MIT
/*
 * stepper.c - see stepper.h. Mutex and condition here are the test's own: no access of theirs is a step.
 */
#include "stepper.h"
#include "core/order.h"
#include <pthread.h>
#include <stdlib.h>

static _Thread_local uint64_t steps, stop_at, limit_at;
static _Thread_local bool stuck;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool stopped, ended, go_on;

static struct {
    pthread_t thread;
    void (*fn)(void *context);
    void *context;
    uint64_t at;
} victim;

static void let_go(void)
{
    pthread_mutex_lock(&lock);
    go_on = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void stand_still(void)
{
    pthread_mutex_lock(&lock);
    stopped = true;
    pthread_cond_broadcast(&changed);
    while (!go_on)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void stepper_step(void)
{
    steps++;
    if (steps == stop_at)
        stand_still();
    if (steps == limit_at) {
        stuck = true;
        let_go();
    }
}

uint64_t stepper_count(void)
{
    uint64_t count = steps;

    steps = 0;
    return count;
}

void stepper_limit(uint64_t limit)
{
    if (limit != 0)
        stuck = false;
    limit_at = limit == 0 ? 0 : steps + limit;
}

bool stepper_was_stuck(void)
{
    return stuck;
}

static void *victim_main(void *unused)
{
    stop_at = victim.at;
    victim.fn(victim.context);
    stop_at = 0;
    pthread_mutex_lock(&lock);
    ended = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return unused;
}

bool stepper_run_to(void (*fn)(void *context), void *context, uint64_t at)
{
    bool stands;

    stopped = ended = go_on = false;
    victim.fn = fn;
    victim.context = context;
    victim.at = at;
    if (pthread_create(&victim.thread, NULL, victim_main, NULL) != 0)
        abort();
    pthread_mutex_lock(&lock);
    while (!stopped && !ended)
        pthread_cond_wait(&changed, &lock);
    stands = stopped;
    pthread_mutex_unlock(&lock);
    return stands;
}

void stepper_resume(void)
{
    let_go();
    pthread_join(victim.thread, NULL);
}

static atomic_uint spin;

void stepper_lock(void)
{
    while (trove__exchange_acquire(&spin, 1) != 0)
        ;
}

void stepper_unlock(void)
{
    trove__store_release(&spin, 0);
}
