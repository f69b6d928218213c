// SPDX-License-Identifier: MIT
/*
 * rcu.c - the back end of read sections that tools can see; fork handling for both. See rcu.h for the contract.
 *
 * INVARIANTS  I1 A reader's word is 0 outside sections, else the epoch that was current when its section began.
 *             I2 Epochs only grow. I3 Reader records are never freed, only handed on to later threads.
 * PROTOCOL    A grace period takes a new epoch, then waits for each reader until its word is 0 or not older than it. A
 *             reader that loaded the old epoch and stores it after the grace period looked has begun its section after
 *             that look in the one order of seq_cst accesses, so it cannot find what was unlinked before.
 * PROGRESS    enter, leave: wait-free after registration. grace_period: waits for readers, yields meanwhile.
 */
#include "core/rcu.h"
#include "core/memory.h"
#include "core/order.h"

#ifdef TROVE_RCU_VISIBLE

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

struct reader {
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong epoch; /* I1; written by its thread */
    atomic_uint taken;
    atomic_int tid;
    unsigned depth; /* its thread only */
    struct reader *next;
};

/* Static for the process, as threads are. */
static _Atomic(struct reader *) readers;
static atomic_ulong current_epoch = 1;
static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static _Thread_local struct reader *self;

atomic_uint trove__fence_word;

static void reader_exit(void *reader)
{
    self = NULL; /* later destructors of this thread take another */
    /* RELEASE [E3 record]: the next owner acquires it in reader_take(). */
    trove__store_release(&((struct reader *)reader)->taken, 0);
}

static void make_exit_key(void)
{
    if (pthread_key_create(&exit_key, reader_exit) != 0)
        abort();
}

static bool reader_take(struct reader *reader)
{
    unsigned nobody = 0;

    /* ACQUIRE [E3 record]: pairs with RELEASE in reader_exit(). */
    return trove__cas_acquire(&reader->taken, &nobody, 1);
}

static struct reader *reader_register(void)
{
    struct reader *reader;

    pthread_once(&exit_key_once, make_exit_key);
    /* SEQ_CST [E4 readers]: records are added below and never leave (I3). */
    for (reader = trove__load_seq_cst(&readers); reader != NULL; reader = reader->next)
        if (reader_take(reader))
            break;
    if (reader == NULL) {
        reader = trove__sized_alloc(sizeof(*reader), _Alignof(struct reader));
        if (reader == NULL)
            abort(); /* as liburcu-bp does: there is no way to tell the caller of a section */
        atomic_init(&reader->epoch, 0);
        atomic_init(&reader->taken, 1);
        reader->depth = 0;
        /* SEQ_CST [E4 readers], both: pair with the walks over the list. */
        reader->next = trove__load_seq_cst(&readers);
        while (!trove__cas_seq_cst(&readers, &reader->next, reader))
            ;
    }
    if (pthread_setspecific(exit_key, reader) != 0)
        abort();
    trove__store_relaxed(&reader->tid, gettid()); /* RELAXED: a name */
    return self = reader;
}

void trove__section_enter(void)
{
    struct reader *reader = self != NULL ? self : reader_register();

    if (reader->depth++ > 0)
        return;
    /* SEQ_CST [E2 grace], both: see PROTOCOL; pair with trove__grace_period(). */
    trove__store_seq_cst(&reader->epoch, trove__load_seq_cst(&current_epoch));
    trove__fence_seq_cst();
}

void trove__section_leave(void)
{
    /* SEQ_CST [E1 section]: pairs with the loads in trove__grace_period(). */
    if (--self->depth == 0)
        trove__store_seq_cst(&self->epoch, 0);
}

bool trove__section_ongoing(void)
{
    return self != NULL && self->depth > 0;
}

void trove__grace_period(void)
{
    /* SEQ_CST [E2 grace], both: pair with trove__section_enter(). */
    unsigned long epoch = trove__add_seq_cst(&current_epoch, 1) + 1;

    trove__fence_seq_cst();
    /* SEQ_CST [E4 readers]: after the epoch was taken; pairs with reader_register(). */
    for (struct reader *r = trove__load_seq_cst(&readers); r != NULL; r = r->next) {
        for (;;) {
            /* SEQ_CST [E1 section], [E2 grace]: pair with leave and enter. */
            unsigned long seen = trove__load_seq_cst(&r->epoch);

            if (seen == 0 || seen >= epoch)
                break;
            sched_yield();
        }
    }
}

bool trove__grace_holder(struct trove__holder *ret_holder)
{
    unsigned long now = trove__load_seq_cst(&current_epoch); /* [E2 grace]: a moment's look */

    /* SEQ_CST [E4 readers]: as in trove__grace_period(). */
    for (struct reader *r = trove__load_seq_cst(&readers); r != NULL; r = r->next) {
        unsigned long seen = trove__load_seq_cst(&r->epoch); /* [E1 section] */

        if (seen == 0 || seen >= now)
            continue;
        *ret_holder = (struct trove__holder){
            .tid = trove__load_relaxed(&r->tid), /* RELAXED: a name */
            .is_trove = true,
        };
        return true;
    }
    return false;
}

void trove__thread_know(void)
{
    if (self == NULL)
        reader_register();
}

void trove__threads_after_fork(void)
{
    if (self != NULL)
        trove__store_relaxed(&self->tid, gettid()); /* RELAXED: a name */
}

void trove__rcu_before_fork(void)
{
}

void trove__rcu_after_fork_parent(void)
{
}

void trove__rcu_after_fork_child(void)
{
    /* [E1 section] [E3 record] [E4 readers]: one thread is left, so any order would do. */
    for (struct reader *r = trove__load_seq_cst(&readers); r != NULL; r = r->next) {
        if (r == self)
            continue;
        r->depth = 0;
        trove__store_seq_cst(&r->epoch, 0);
        trove__store_seq_cst(&r->taken, 0);
    }
}

#else

void trove__rcu_before_fork(void)
{
    urcu_bp_before_fork();
}

void trove__rcu_after_fork_parent(void)
{
    urcu_bp_after_fork_parent();
}

void trove__rcu_after_fork_child(void)
{
    urcu_bp_after_fork_child();
}

#endif
