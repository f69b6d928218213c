// SPDX-License-Identifier: MIT
/*
 * process.c - a number that changes with every fork().
 *
 * What belongs to the parent's threads (flights, streams, a lock that was held) is known in the child by the number it
 * was made under. getpid() would say so too, at the price of a system call for every miss.
 *
 * INVARIANTS I1 the number changes only in a child, before fork() returns there, when that has one thread.
 * ROLES      any thread: number. trove_open(): watch.
 * LIMITS     Children made by a bare clone(2) run no handlers and are not told apart; liburcu could not be used there either.
 *            The C library takes the handler away when the code that holds it is unloaded.
 * TESTS      tests/unit/test_fork.c
 */
#include "core/process.h"
#include "core/order.h"
#include <errno.h>
#include <pthread.h>

/* Static for the process, as it is about the process. */
static atomic_uint forks = 1;
static atomic_uint is_watched;

static void count_fork(void)
{
    trove__add_relaxed(&forks, 1); /* RELAXED: the child has one thread (I1) */
}

int trove__process_watch(void)
{
    /* RELAXED both: two that register at once do no harm, the number then changes by two. */
    if (trove__load_relaxed(&is_watched) != 0)
        return 0;
    if (pthread_atfork(NULL, NULL, count_fork) != 0)
        return -ENOMEM;
    trove__store_relaxed(&is_watched, 1);
    return 0;
}

unsigned trove__process_number(void)
{
    return trove__load_relaxed(&forks); /* RELAXED: see count_fork() */
}
