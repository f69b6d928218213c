// SPDX-License-Identifier: MIT
/*
 * explored_kernel.c - what threads wait for, as the explorer has it: futexes, read sections and grace periods, a clock that
 * stands still.
 *
 * FUTEX     Wait compares with the newest value and falls asleep in one step, wake is one step: what the kernel promises. A
 *           sleep with a deadline may end at any time. Nothing happens before anything else by it.
 * SECTIONS  The contract of core/rcu.h instead of one of its back ends, so that what liburcu promises is what is relied on: a
 *           grace period waits for the sections that are open when it begins; the ends of these and of all earlier
 *           sections happen before its end, and its beginning happens before every later section. A program that has
 *           core/rcu.c gets that instead.
 * MUTEXES   Who finds one locked sleeps until it is not; unlocking happens before the next locking.
 */
#include "core/rcu.h"
#include "explored.h"
#include "explorer_internal.h"
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>

#undef memset

/* core/rcu.c has these too, and goes before. */
#define MODEL __attribute__((weak))

#define MUTEXES 16

static struct mutex {
    const void *word;
    unsigned owner; /* a thread, from 1; 0: it is free */
    struct view released;
} mutexes[MUTEXES];
static unsigned mutex_count;

static struct clock begun; /* what happened before the grace periods so far began */
static bool skips_grace;

void explored_kernel_begin(void)
{
    memset(&begun, 0, sizeof(begun));
    mutex_count = 0;
}

void explorer_skip_grace_periods(bool skip)
{
    skips_grace = skip;
}

/* --- sections ----------------------------------------------------------------------------------------------------- */

static void see(const struct clock *clock)
{
    clock_join(&self()->view.before, clock);
    clock_join(&self()->view.seen, clock);
}

MODEL void trove__section_enter(void)
{
    struct thread *thread = self();

    if (thread->depth == 0) {
        schedule_point(PLACE_SECTIONS, false);
        say("%5u thread %u enters a section\n", run.step, run.current);
        see(&begun);
    }
    thread->depth++;
    tick();
}

static void end_waits(void)
{
    for (unsigned i = 1; i < THREADS; i++) {
        struct thread *thread = &run.threads[i];

        if ((thread->waits_for & 1u << run.current) == 0)
            continue;
        clock_join(&thread->grace, &self()->view.before);
        thread->waits_for &= ~(1u << run.current);
        if (thread->waits_for == 0)
            thread->state = READY;
    }
}

MODEL void trove__section_leave(void)
{
    struct thread *thread = self();

    if (thread->depth == 0)
        complain("a section is left that was not entered");
    if (thread->depth == 1) {
        schedule_point(PLACE_SECTIONS, false);
        say("%5u thread %u leaves its section\n", run.step, run.current);
    }
    if (--thread->depth > 0)
        return;
    thread->left = thread->view.before;
    end_waits();
    tick();
}

MODEL bool trove__section_ongoing(void)
{
    return self()->depth > 0;
}

MODEL void trove__grace_period(void)
{
    struct thread *thread = self();

    if (skips_grace || !in_thread())
        return;
    if (thread->depth > 0)
        complain("a grace period inside a section");
    schedule_point(PLACE_SECTIONS, true);
    say("%5u thread %u begins a grace period\n", run.step, run.current);
    clock_join(&begun, &thread->view.before);
    memset(&thread->grace, 0, sizeof(thread->grace));
    thread->waits_for = 0;
    for (unsigned i = 1; i < THREADS; i++) {
        clock_join(&thread->grace, &run.threads[i].left);
        if (run.threads[i].depth > 0)
            thread->waits_for |= 1u << i;
    }
    tick();
    if (thread->waits_for != 0) {
        thread->state = ASLEEP;
        thread->has_deadline = false;
        thread->word = NULL;
        switch_away();
    }
    see(&thread->grace);
    say("%5u thread %u ends its grace period\n", run.step, run.current);
    tick();
}

/* --- futexes ------------------------------------------------------------------------------------------------------ */

static long futex_wait(const void *word, uint32_t expected, const struct timespec *deadline)
{
    struct thread *thread = self();

    schedule_point(place_of(word), false);
    if (newest_value(word, sizeof(expected)) != expected) {
        errno = EAGAIN;
        return -1;
    }
    say("%5u thread %u falls asleep\n", run.step, run.current);
    thread->state = ASLEEP;
    thread->word = word;
    thread->has_deadline = deadline != NULL;
    thread->timed_out = false;
    switch_away();
    errno = ETIMEDOUT;
    return thread->timed_out ? -1 : 0;
}

static long futex_wake(const void *word, unsigned count)
{
    unsigned woken = 0;

    schedule_point(place_of(word), true);
    for (unsigned i = 1; i < THREADS && woken < count; i++) {
        struct thread *thread = &run.threads[i];

        if (thread->state != ASLEEP || thread->word != word)
            continue;
        thread->state = READY;
        thread->word = NULL;
        woken++;
    }
    say("%5u thread %u wakes %u\n", run.step, run.current, woken);
    return woken;
}

long explored_syscall(long number, ...)
{
    va_list args;
    const void *word;
    const struct timespec *deadline;
    int operation, value;

    if (number != SYS_futex) {
        errno = ENOSYS;
        return -1;
    }
    va_start(args, number);
    word = va_arg(args, const void *);
    operation = va_arg(args, int);
    value = va_arg(args, int);
    deadline = va_arg(args, const struct timespec *);
    va_end(args);
    return operation == FUTEX_WAKE_PRIVATE ? futex_wake(word, (unsigned)value)
                                           : futex_wait(word, (uint32_t)value, deadline);
}

/* --- mutexes ------------------------------------------------------------------------------------------------------ */

static struct mutex *mutex_at(const void *word)
{
    unsigned i = 0;

    while (i < mutex_count && mutexes[i].word != word)
        i++;
    if (i == MUTEXES)
        complain("more than %u mutexes", MUTEXES);
    if (i == mutex_count)
        mutexes[mutex_count++] = (struct mutex){.word = word};
    return &mutexes[i];
}

int explored_mutex_make(const void *word)
{
    *mutex_at(word) = (struct mutex){.word = word};
    return 0;
}

int explored_lock(const void *word)
{
    struct mutex *mutex = mutex_at(word);
    struct thread *thread = self();

    schedule_point(place_of(word), true);
    while (in_thread() && mutex->owner != 0) {
        thread->state = ASLEEP;
        thread->word = word;
        thread->has_deadline = false;
        switch_away();
    }
    mutex->owner = run.current;
    view_join(&thread->view, &mutex->released);
    return 0;
}

int explored_unlock(const void *word)
{
    struct mutex *mutex = mutex_at(word);

    schedule_point(place_of(word), true);
    if (mutex->owner != run.current)
        complain("a mutex is unlocked that the thread did not lock");
    mutex->owner = 0;
    mutex->released = self()->view;
    tick();
    for (unsigned i = 1; i < THREADS; i++)
        if (run.threads[i].state == ASLEEP && run.threads[i].word == word) {
            run.threads[i].state = READY;
            run.threads[i].word = NULL;
        }
    return 0;
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

int explored_create(unsigned long *ret_thread, void *(*start)(void *context), void *context)
{
    schedule_point(PLACE_SECTIONS, false);
    tick();
    *ret_thread = start_helper(start, context);
    return 0;
}

int explored_join(unsigned long number)
{
    struct thread *thread = &run.threads[number];

    schedule_point(PLACE_SECTIONS, false);
    if (thread->state != DONE) {
        thread->joined_by = run.current;
        self()->state = ASLEEP;
        self()->has_deadline = false;
        self()->word = NULL;
        switch_away();
    }
    view_join(&self()->view, &thread->view);
    return 0;
}

int explored_yield(void)
{
    struct thread *thread = self();

    if (!in_thread())
        return 0;
    thread->stores_before = run.stores + 1; /* until somebody has stored something */
    switch_away();
    return 0;
}

int explored_clock(struct timespec *ret_now)
{
    *ret_now = (struct timespec){.tv_sec = 1000};
    return 0;
}

MODEL void trove__thread_know(void)
{
}

MODEL bool trove__grace_holder(struct trove__holder *ret_holder)
{
    (void)ret_holder;
    return false;
}

MODEL void trove__threads_after_fork(void)
{
}

MODEL void trove__rcu_before_fork(void)
{
}

MODEL void trove__rcu_after_fork_parent(void)
{
}

MODEL void trove__rcu_after_fork_child(void)
{
}
