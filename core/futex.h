// SPDX-License-Identifier: MIT
/*
 * futex.h - sleeping on a shared word, straight from the kernel: one word, or several at once (Linux 5.16).
 *
 * Deadlines are absolute on CLOCK_MONOTONIC, in nanoseconds, TROVE_NO_DEADLINE for none. All words are private to the
 * process. The waits return 0 when woken, interrupted or when a word was not what was expected: look again.
 */
#ifndef TROVE_CORE_FUTEX_H
#define TROVE_CORE_FUTEX_H

#include "core/order.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <trove/until.h>
#include <unistd.h>

static inline struct timespec trove__timespec(int64_t ns)
{
    int64_t positive = ns < 0 ? 0 : ns;

    return (struct timespec){.tv_sec = positive / 1000000000, .tv_nsec = positive % 1000000000};
}

/* Wakes at most COUNT sleepers of WORD; returns how many. Only the address is used, so a word that was freed meanwhile
 * does no harm. Async-signal-safe but for errno. */
static inline int trove__futex_wake(atomic_uint *word, int count)
{
    long woken = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);

    return woken < 0 ? 0 : (int)woken;
}

/* 0 or -ETIMEDOUT. */
static inline int trove__futex_wait(atomic_uint *word, uint32_t expected, int64_t deadline_ns)
{
    struct timespec deadline = trove__timespec(deadline_ns);
    long r =
        syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                deadline_ns == TROVE_NO_DEADLINE ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY);

    return r < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

/* Sleeps while every one of COUNT words holds its expected value. 0, -ETIMEDOUT, or -ENOSYS where the kernel cannot (or
 * a sandbox does not let it). */
static inline int trove__futex_wait_any(atomic_uint *const *words, const uint32_t *expected,
                                        unsigned count, int64_t deadline_ns)
{
#ifdef SYS_futex_waitv
    struct futex_waitv waiters[16];
    struct timespec deadline = trove__timespec(deadline_ns);

    if (count > sizeof(waiters) / sizeof(waiters[0]))
        return -ENOSYS;
    for (unsigned i = 0; i < count; i++)
        waiters[i] = (struct futex_waitv){.val = expected[i],
                                          .uaddr = (uintptr_t)words[i],
                                          .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG};
    if (syscall(SYS_futex_waitv, waiters, count, 0,
                deadline_ns == TROVE_NO_DEADLINE ? NULL : &deadline, CLOCK_MONOTONIC) >= 0)
        return 0;
    if (errno == ETIMEDOUT)
        return -ETIMEDOUT;
    return errno == EAGAIN || errno == EINTR ? 0 : -ENOSYS;
#else
    (void)words;
    (void)expected;
    (void)count;
    (void)deadline_ns;
    return -ENOSYS;
#endif
}

#endif
