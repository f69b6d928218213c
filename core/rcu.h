// SPDX-License-Identifier: MIT
/*
 * rcu.h - read sections and grace periods, with two back ends behind the same five calls.
 *
 * The real one is liburcu-bp, inlined: a section costs 2 ns, threads register themselves at their first section and
 * leave at their exit. ThreadSanitizer sees neither its membarrier nor its inline assembly, so builds for it (and for
 * schedule explorers) define TROVE_RCU_VISIBLE and get epoch words in seq_cst C11, in rcu.c: slow, plain, and every
 * access an edge that the tool can see.
 *
 * EDGES (of whichever back end)
 *   E1 section   section_leave() -> grace_period()    all reads of a section happen before what follows a grace period
 *                                                     that began after the section did
 *   E2 grace     grace_period() -> section_enter()    what preceded a grace period is seen by every section that the
 *                                                     grace period did not wait for
 *   E3 record    reader_exit() -> reader_take()         a reader's record, to the thread that has it next (rcu.c's back end)
 *   E4 readers   reader_register() -> grace_period()    the list of records: one that a grace period misses was added after
 *                                                     it began, so its sections begin later (rcu.c's back end)
 *
 * PROGRESS  enter and leave are wait-free after a thread's first enter, which may block briefly. grace_period() blocks
 *           until the sections that are open have ended.
 * LIMITS    fork() inside a section hangs when a grace period is waiting for that section (liburcu-bp holds its lock
 *           meanwhile, and its fork handler wants it).
 * TESTS     tests/stress/test_cache_stress.c, in each preset against that preset's back end; tests/unit/test_holdup.c;
 *           tests/explore/test_explore_rcu.c (rcu.c's back end, each edge), tests/explore/test_explore_holder.c (the records
 *           of rcu_threads.c, each edge)
 */
#ifndef TROVE_CORE_RCU_H
#define TROVE_CORE_RCU_H

#include <stdbool.h>

/* A thread whose section a grace period waits for. */
struct trove__holder {
    int tid;       /* of the kernel */
    bool is_trove; /* the section was opened here; else by the host itself, through liburcu-bp */
};

/* Fills *RET_HOLDER with such a thread, if any is known; one of those in a section of trove's first. A moment's look: lock-free,
 * from any thread. Sections of threads that never called trove are not known. */
bool trove__grace_holder(struct trove__holder *ret_holder);

/* The calling thread is to be known by its id. Its first section does so, unless the host had registered it with liburcu-bp
 * before; then its first call beside read sections, has and get does. */
void trove__thread_know(void);

/* In a child of fork(): the parent's other threads are gone. */
void trove__threads_after_fork(void);

#ifdef TROVE_RCU_VISIBLE

void trove__section_enter(void);
void trove__section_leave(void);
bool trove__section_ongoing(void);
#define trove__section_known trove__section_ongoing
void trove__grace_period(void);

#else

#ifndef __SANITIZE_ADDRESS__
#define _LGPL_SOURCE 1 /* liburcu's inline versions: 2 ns a section instead of 10 */
#endif /* they use a misaligned record of liburcu's, which UBSan (in the asan preset) would report */
#include <urcu/urcu-bp.h>

/* How many sections the thread has opened here and not left: nonzero only inside one. One load beside liburcu's three. */
extern _Thread_local unsigned trove__section_depth
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

#ifndef _LGPL_SOURCE
extern _Thread_local bool trove__thread_known;
#endif

static inline void trove__section_enter(void)
{
    /* With liburcu's inline versions this is the test that they begin with: it costs nothing twice. */
#ifdef _LGPL_SOURCE
    if (__builtin_expect(URCU_TLS(urcu_bp_reader) == NULL, 0)) {
        trove__thread_know();
        if (URCU_TLS(urcu_bp_reader) == NULL)
            __builtin_unreachable(); /* it registers there, or the process ends */
    }
#else
    if (!trove__thread_known)
        trove__thread_know();
#endif
    urcu_bp_read_lock();
    trove__section_depth++;
}

static inline void trove__section_leave(void)
{
    trove__section_depth--;
    urcu_bp_read_unlock();
}

/* Quick; false may be wrong: the section is the host's own. */
static inline bool trove__section_known(void)
{
    return trove__section_depth != 0;
}

static inline bool trove__section_ongoing(void)
{
#ifdef _LGPL_SOURCE
    if (URCU_TLS(urcu_bp_reader) == NULL)
        return false; /* not registered; liburcu would do that first, and callers want no call on their path */
#endif
    return urcu_bp_read_ongoing() != 0;
}

/* Waits until every section that was open at the call has ended. Outside sections. */
static inline void trove__grace_period(void)
{
    urcu_bp_synchronize_rcu();
}

#endif

/* What the fork handlers of life.c call: before fork(), then one of the others. Nothing but the forking thread's own
 * registration survives in the child. */
void trove__rcu_before_fork(void);
void trove__rcu_after_fork_parent(void);
void trove__rcu_after_fork_child(void);

#endif
