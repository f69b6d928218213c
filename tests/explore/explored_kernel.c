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
 * MUTEXES   Who finds one locked sleeps until it is not, or with trylock goes on without it, and nothing happens before that;
 *           unlocking happens before the next locking.
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

int explored_wake_few;
bool explored_no_threads;

static struct clock begun; /* what happened before the grace periods so far began */
static bool skips_grace;

void explored_kernel_begin(void)
{
    memset(&begun, 0, sizeof(begun));
    mutex_count = 0;
    explored_wake_few = 4;
    explored_no_threads = false;
}

void explorer_skip_grace_periods(bool skip)
{
    skips_grace = skip;
}

/* --- sleeping ----------------------------------------------------------------------------------------------------- */

static void sleep_on(const void *word)
{
    struct thread *thread = self();

    thread->state = ASLEEP;
    thread->words[0] = word;
    thread->word_count = 1;
    thread->has_deadline = false;
    switch_away();
}

static bool is_asleep_on(const struct thread *thread, const void *word)
{
    for (unsigned i = 0; thread->state == ASLEEP && i < thread->word_count; i++)
        if (thread->words[i] == word)
            return true;
    return false;
}

static unsigned wake_up(const void *word, unsigned count)
{
    unsigned woken = 0;

    for (unsigned i = 1; i < THREADS && woken < count; i++)
        if (is_asleep_on(&run.threads[i], word)) {
            run.threads[i].state = READY;
            woken++;
        }
    return woken;
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
    if (thread->waits_for != 0)
        sleep_on(NULL);
    see(&thread->grace);
    say("%5u thread %u ends its grace period\n", run.step, run.current);
    tick();
}

/* --- futexes ------------------------------------------------------------------------------------------------------ */

/* Asleep on the words that the thread already has, unless one of them is not as EXPECTED. */
static long sleep_on_all(const uint32_t *expected, bool has_deadline)
{
    struct thread *thread = self();

    for (unsigned i = 0; i < thread->word_count; i++)
        if (newest_value(thread->words[i], sizeof(*expected)) != expected[i]) {
            errno = EAGAIN;
            return -1;
        }
    if (!in_thread())
        complain("a setup or check that sleeps");
    say("%5u thread %u falls asleep\n", run.step, run.current);
    thread->state = ASLEEP;
    thread->has_deadline = has_deadline && !run.one->endless;
    thread->timed_out = false;
    switch_away();
    errno = ETIMEDOUT;
    return thread->timed_out ? -1 : 0;
}

static long futex_wait(const void *word, uint32_t expected, const struct timespec *deadline)
{
    struct thread *thread = self();

    schedule_point(place_of(word), false);
    thread->words[0] = word;
    thread->word_count = 1;
    return sleep_on_all(&expected, deadline != NULL);
}

static long futex_wait_any(const struct futex_waitv *waiters, unsigned count,
                           const struct timespec *deadline)
{
    struct thread *thread = self();
    uint32_t expected[WORDS_MAX];

    if (count > WORDS_MAX)
        complain("a sleep on more than %u words", WORDS_MAX);
    for (unsigned i = 0; i < count; i++)
        schedule_point(place_of((const void *)(uintptr_t)waiters[i].uaddr), false);
    for (unsigned i = 0; i < count; i++) {
        thread->words[i] = (const void *)(uintptr_t)waiters[i].uaddr;
        expected[i] = (uint32_t)waiters[i].val;
    }
    thread->word_count = count;
    return sleep_on_all(expected, deadline != NULL);
}

static long futex_wake(const void *word, unsigned count)
{
    unsigned woken;

    schedule_point(place_of(word), true);
    woken = wake_up(word, count);
    say("%5u thread %u wakes %u\n", run.step, run.current, woken);
    return woken;
}

static long futex(va_list args)
{
    const void *word = va_arg(args, const void *);
    int operation = va_arg(args, int), value = va_arg(args, int);
    const struct timespec *deadline = va_arg(args, const struct timespec *);

    return operation == FUTEX_WAKE_PRIVATE ? futex_wake(word, (unsigned)value)
                                           : futex_wait(word, (uint32_t)value, deadline);
}

static long futex_waitv(va_list args)
{
    const struct futex_waitv *waiters = va_arg(args, const struct futex_waitv *);
    unsigned count = va_arg(args, unsigned);

    (void)va_arg(args, unsigned);
    return futex_wait_any(waiters, count, va_arg(args, const struct timespec *));
}

long explored_syscall(long number, ...)
{
    va_list args;
    long r = -1;

    va_start(args, number);
    if (number == SYS_futex)
        r = futex(args);
    else if (number == SYS_futex_waitv)
        r = futex_waitv(args);
    else
        errno = ENOSYS;
    va_end(args);
    return r;
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

static void take_mutex(struct mutex *mutex)
{
    mutex->owner = run.current;
    view_join(&self()->view, &mutex->released);
}

int explored_lock(const void *word)
{
    struct mutex *mutex = mutex_at(word);

    schedule_point(place_of(word), true);
    while (in_thread() && mutex->owner != 0)
        sleep_on(word);
    take_mutex(mutex);
    return 0;
}

int explored_trylock(const void *word)
{
    struct mutex *mutex = mutex_at(word);

    schedule_point(place_of(word), true);
    if (mutex->owner != 0)
        return EBUSY;
    take_mutex(mutex);
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
    wake_up(word, THREADS);
    return 0;
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

int explored_create(unsigned long *ret_thread, void *(*start)(void *context), void *context)
{
    schedule_point(PLACE_SECTIONS, false);
    if (explored_no_threads)
        return EAGAIN;
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
        sleep_on(NULL);
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
    thread->late_at = run.step;
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
