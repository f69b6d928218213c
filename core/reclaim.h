// SPDX-License-Identifier: MIT
/*
 * reclaim.h - memory that readers may still see, freed after a grace period by one thread of the cache.
 *
 * The protocol is the opening comment of reclaim.c.
 */
#ifndef TROVE_CORE_RECLAIM_H
#define TROVE_CORE_RECLAIM_H

#include "core/budget.h"
#include "core/holdup.h"
#include "core/object.h"
#include <pthread.h>
#include <trove/until.h>

/* Embedded in memory that is not an object (levels, queue segments) and is retired once. */
struct trove__retired {
    struct trove__retired *next;
    void (*free)(struct trove__retired *self);
};

/* What else the thread does. */
struct trove__reclaim_host {
    bool (*work)(
        void *context); /* between grace periods, when woken; true: it got something done */
    /* Around a grace period; FREED: objects freed since the last time. */
    void (*before_grace)(void *context, uint64_t freed);
    void (*after_grace)(void *context);
    void *context;
};

enum trove__reclaim_thread {
    TROVE__RECLAIM_NONE,
    TROVE__RECLAIM_STARTING, /* by somebody: nobody else does */
    TROVE__RECLAIM_RUNNING,
};

/* Objects that the thread has detached. */
struct trove__doomed {
    struct trove_object *first;
    uint64_t freed_bytes; /* of those that were before it; still charged */
};

struct trove__reclaim {
    /* READ-MOSTLY */
    struct trove__budget *budget;
    struct trove__ledger *ledger;
    struct trove__reclaim_host host;
    /* retirers push, the thread detaches */
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove_object *) objects;
    _Atomic(struct trove_object *) parked;
    _Atomic(struct trove__retired *) memory;
    atomic_uint mood; /* futex: see reclaim.c */
    atomic_uint work_wanted;
    /* the thread's life */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_uint thread_state; /* enum trove__reclaim_thread */
    atomic_uint exited;                                            /* futex */
    atomic_uint stop;
    atomic_uint is_inherited; /* a forked parent left something to free */
    pthread_t thread;
    /* the thread's own: what it has detached, kept here so that a forked child can go on with it */
    struct trove__doomed batch, parked_batch;
    struct trove__retired *memory_batch;
    int64_t last_grace_ns;
    struct trove__holdup holdup;
    uint64_t freed; /* objects, since before_grace() */
    atomic_ulong grace_periods;
};

void trove__reclaim_init(struct trove__reclaim *reclaim, struct trove__budget *budget,
                         struct trove__ledger *ledger, const struct trove__reclaim_host *host);

/* OBJECT is in the table and the queues no more. Moves its bytes from live to deferred if they fit, else they stay live
 * until it is freed. Lock-free. */
void trove__reclaim_object(struct trove__reclaim *reclaim, struct trove_object *object);

/* The same for a caller who has taken trove__budget_defer() before it unlinked OBJECT, and to whom its charge in live goes. */
void trove__reclaim_deferred(struct trove__reclaim *reclaim, struct trove_object *object);

/* NODE->free(NODE) after a grace period; its bytes stay charged until then. Lock-free. */
void trove__reclaim_memory(struct trove__reclaim *reclaim, struct trove__retired *node);

/* A section in which the calling thread retires memory of RECLAIM: the reclaimer's thread is woken after it. Wait-free but for
 * that. */
struct trove__retiring {
    struct trove__retiring *outer;
    struct trove__reclaim *reclaim;
    bool owes, urgent; /* a look at the thread */
};
void trove__retiring_enter(struct trove__retiring *retiring, struct trove__reclaim *reclaim);
void trove__retiring_leave(struct trove__retiring *retiring);

/* Has the thread call `work`, starting it if need be. Lock-free but for the start. */
void trove__reclaim_wake(struct trove__reclaim *reclaim);

/* What the thread does between two sleeps: `work`, if it was asked for, then a grace period for what was retired before it,
 * and freeing that. False: nothing was retired. Outside sections, one thread at a time; a test that keeps the thread from
 * being started calls it in its place. */
bool trove__reclaim_turn(struct trove__reclaim *reclaim);

/* A grace period, told of in the statistics while it waits. The reclaimer's thread only; outside sections. */
void trove__reclaim_wait(struct trove__reclaim *reclaim);

/* Waits for a grace period that begins after the call. Outside sections, any thread. 0, -ENOMEM, -ETIMEDOUT, -ECANCELED. */
int trove__reclaim_await(struct trove__reclaim *reclaim, const struct trove_until *until);

/* Ends the thread after it has freed everything. 0, -ETIMEDOUT, -ECANCELED (call again). */
int trove__reclaim_stop(struct trove__reclaim *reclaim, const struct trove_until *until);

/* In a forked child: the thread is gone, the next retirement starts another. */
void trove__reclaim_after_fork(struct trove__reclaim *reclaim);

/* For who found no room: has the thread free what there is soon. Whoever retired it may not have come to wake it; in a forked
 * child it may be the parent's, and the thread is started then. The first is for the latter only. Lock-free but for the start. */
void trove__reclaim_adopt(struct trove__reclaim *reclaim);
void trove__reclaim_hurry(struct trove__reclaim *reclaim);

#endif
