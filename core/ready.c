// SPDX-License-Identifier: MIT
/*
 * ready.c - resolves that have ended, and a descriptor that says so to an event loop.
 *
 * INVARIANTS I1 a push waits for no caller. I2 what is on the stack or in the queue holds a reference; what its owner freed
 *            is passed over.
 * ROLES      who tells of an answer: push. callers: next, close.
 *            I3 while something is on the stack or in the queue the eventfd is readable, or is just being written.
 * PROTOCOL   push: onto the stack, then the eventfd is written. next: what is in the queue or on the stack. Is there nothing,
 *            the eventfd is read, which makes it unreadable, and then the stack is looked at once more: what came in between may
 *            have lost its write to the read, so there is another.
 * EDGES      E1 ready  trove__ready_push() release -> collect_locked() acquire   an answered resolve
 *            E2 free   ready_unref() release -> the last ready_unref() acquire   all uses before the free
 * PROGRESS   push is lock-free but for the system call. next has a lock for short and fixed work.
 * TESTS      tests/unit/test_resolve_start.c
 */
#include "core/memory.h"
#include "core/resolving.h"
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_CLOSED ((struct trove_resolving *)1)

struct trove_ready {
    atomic_uint references; /* the owner's, and of each resolve that is to be told of */
    int event_fd;
    _Atomic(struct trove_resolving *) stack;
    pthread_mutex_t lock; /* guards the queue */
    struct trove_resolving *first, *last;
};

int trove_ready_open(struct trove_ready **ret_ready, struct trove_error *err)
{
    struct trove_ready *ready = trove__calloc(1, sizeof(*ready));
    int r;

    if (ready == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a queue of answers");
    ready->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ready->event_fd < 0) {
        r = -errno;
        trove__free(ready);
        return trove_error_set(err, r, "no descriptor for a queue of answers: %s",
                               trove_strerror(r));
    }
    pthread_mutex_init(&ready->lock, NULL);
    atomic_init(&ready->references, 1);
    *ret_ready = ready;
    return 0;
}

int trove_ready_fd(const struct trove_ready *ready)
{
    return ready->event_fd;
}

struct trove_ready *trove__ready_ref(struct trove_ready *ready)
{
    /* RELAXED: the caller has a reference, or the owner's. */
    if (ready != NULL)
        trove__add_relaxed(&ready->references, 1);
    return ready;
}

void trove__ready_unref(struct trove_ready *ready)
{
    /* ACQ_REL [E2 free]: pairs with itself in the threads that let go earlier. */
    if (ready == NULL || trove__sub_acq_rel(&ready->references, 1) != 1)
        return;
    pthread_mutex_destroy(&ready->lock);
    close(ready->event_fd);
    trove__free(ready);
}

static void make_readable(struct trove_ready *ready)
{
    uint64_t one = 1;

    while (write(ready->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void make_unreadable(struct trove_ready *ready)
{
    uint64_t count;

    while (read(ready->event_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

void trove__ready_push(struct trove_ready *ready, struct trove_resolving *resolving)
{
    /* RELAXED: a guess, the CAS checks it. */
    struct trove_resolving *top = trove__load_relaxed(&ready->stack);

    do {
        if (top == STACK_CLOSED) {
            trove__resolving_unref(resolving);
            return;
        }
        resolving->next = top;
        /* RELEASE [E1 ready]: hands the answer over. Pairs with collect_locked(). */
    } while (!trove__cas_release(&ready->stack, &top, resolving));
    make_readable(ready);
}

/* Moves what is on the stack, which is EMPTY from then on, to the queue, in its order. */
static void collect_locked(struct trove_ready *ready, struct trove_resolving *empty)
{
    /* ACQUIRE [E1 ready]: pairs with trove__ready_push(). */
    struct trove_resolving *at = trove__exchange_acquire(&ready->stack, empty);
    struct trove_resolving *reversed = NULL, *last = at, *next;

    for (; at != NULL; at = next) {
        next = at->next;
        at->next = reversed;
        reversed = at;
    }
    if (reversed == NULL)
        return;
    if (ready->first == NULL)
        ready->first = reversed;
    else
        ready->last->next = reversed;
    ready->last = last;
}

static struct trove_resolving *take_first(struct trove_ready *ready)
{
    struct trove_resolving *first;

    pthread_mutex_lock(&ready->lock);
    if (ready->first == NULL)
        collect_locked(ready, NULL);
    if (ready->first == NULL) {
        make_unreadable(ready);
        collect_locked(ready, NULL);
        if (ready->first != NULL)
            make_readable(ready);
    }
    first = ready->first;
    if (first != NULL)
        ready->first = first->next;
    pthread_mutex_unlock(&ready->lock);
    return first;
}

struct trove_resolving *trove_ready_next(struct trove_ready *ready)
{
    struct trove_resolving *resolving;

    while ((resolving = take_first(ready)) != NULL) {
        /* RELAXED: an owner that frees it just now has it given here at the same time, which is its mistake. */
        bool freed = trove__load_relaxed(&resolving->freed) != 0;

        trove__resolving_unref(resolving);
        if (!freed)
            return resolving;
    }
    return NULL;
}

void trove_ready_close(struct trove_ready *ready)
{
    struct trove_resolving *resolving, *next;

    if (ready == NULL)
        return;
    pthread_mutex_lock(&ready->lock);
    collect_locked(ready, STACK_CLOSED);
    resolving = ready->first;
    pthread_mutex_unlock(&ready->lock);
    for (; resolving != NULL; resolving = next) {
        next = resolving->next;
        trove__resolving_unref(resolving);
    }
    trove__ready_unref(ready);
}
