// SPDX-License-Identifier: MIT
/*
 * reclaim.c - deferred freeing: stacks of retired memory, and the thread that empties them.
 *
 * INVARIANTS
 *   I1 An object is pushed once, by whoever won its removal, after it is out of the table and of the queues.
 *   I2 What is in `objects` or in the thread's batch is in budget.deferred; what is `parked`, or was when the thread
 *      detached it, is in budget.live until it is free. It needs no room in deferred for that: an object larger than all
 *      of deferred (policy GROW caches any) would wait for ever.
 *   I3 Only the thread detaches, so a stack has no ABA: pushes compare only with the head, and nothing is popped singly.
 *   I4 A retired object's trailer holds its link in the place of its ledger, which the reclaimer knows: readers see
 *      neither, and pin holders read it only with the last pin, which the cache's pin (given back last) is not yet.
 *   I5 Between two grace periods lies a millisecond unless half of the deferred bound is used: a grace period interrupts
 *      every running thread of the process.
 *
 * ROLES     retirer: any thread. reclaimer: the one thread, started by the first retirement or wake.
 *
 * PROTOCOL  The mood word says how the thread sleeps: IDLE (until woken), PACING (at most a millisecond; only urgency
 *           wakes it), AWAKE. A retirer pushes, then looks at the mood; the thread sets the mood, then looks at the
 *           stacks: one of them sees the other (E3). Who retires in a section looks after it (retiring): were the thread woken
 *           in it, its grace period would find that very section open, and liburcu-bp sleeps for 10 ms when a section does
 *           not end at once. Should whoever owes a look be stopped before it, who finds no room looks instead.
 *           The thread detaches all stacks, waits for one grace period, frees, and calls its host's `work` as long as that
 *           gets something done. What moves across a grace period has its two ends around that one (table_home.c).
 *
 * EDGES
 *   E1 retire    push_object(), trove__reclaim_memory() release -> grace_and_free() acquire      the link, and all the retirer's uses of the memory
 *   E2 thread    start_thread() release -> trove__reclaim_stop() acquire     the thread's id
 *   E3 mood      push_object(), trove__reclaim_memory() and nudge() seq_cst -> sleep_in() seq_cst    a store-load pair on both sides
 *   E4 exited    reclaimer() release -> trove__reclaim_stop() acquire        the thread touches the cache no more
 *   E5 awaited   awaited_unref() release -> the last awaited_unref() acquire    all uses before the free
 *   E6 over      awaited_over() release -> trove__reclaim_await() acquire      the grace period
 *
 * PROGRESS  Retiring is lock-free; the first one starts a thread (the kernel's and the C library's locks). A reader that
 *           never leaves its section holds up freeing for ever and nothing else: B2 of budget.h bounds what waits.
 * TESTS     tests/unit/test_reclaim.c (when it is woken), tests/stepped/test_stopped_reclaim.c (a turn of the thread stopped at each step, who retires stopped at each,
 *           the thread asleep meanwhile, what is larger than deferred), tests/stress/test_cache_stress.c; TSan preset
 *           for E1 to E4.
 */
#include "core/reclaim.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/probes.h"
#include "core/rcu.h"
#include "core/until.h"
#include <signal.h>

enum mood { MOOD_IDLE, MOOD_PACING, MOOD_AWAKE };

#define PACE_NS 1000000
#define SETTLE_PART 64 /* of the deferred bound */
#define SETTLE_BYTES ((uint64_t)16 << 10)

void trove__reclaim_init(struct trove__reclaim *reclaim, struct trove__budget *budget,
                         struct trove__ledger *ledger, const struct trove__reclaim_host *host)
{
    reclaim->budget = budget;
    reclaim->ledger = ledger;
    reclaim->host = *host;
    reclaim->freed = 0;
    atomic_init(&reclaim->objects, NULL);
    atomic_init(&reclaim->parked, NULL);
    atomic_init(&reclaim->memory, NULL);
    atomic_init(&reclaim->mood, MOOD_AWAKE);
    atomic_init(&reclaim->work_wanted, 0);
    atomic_init(&reclaim->thread_state, TROVE__RECLAIM_NONE);
    atomic_init(&reclaim->exited, 0);
    atomic_init(&reclaim->stop, 0);
    atomic_init(&reclaim->is_inherited, 0);
    atomic_init(&reclaim->grace_periods, 0);
    reclaim->batch = (struct trove__doomed){0};
    reclaim->parked_batch = (struct trove__doomed){0};
    reclaim->memory_batch = NULL;
    reclaim->last_grace_ns = 0;
    trove__holdup_init(&reclaim->holdup);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static bool is_urgent(const struct trove__reclaim *reclaim)
{
    return trove__budget_is_half_deferred(reclaim->budget);
}

static bool is_stopping(struct trove__reclaim *reclaim)
{
    return trove__load_seq_cst(&reclaim->stop) != 0; /* [E3 mood] */
}

/* Something to wait a grace period for. */
static bool has_retired(struct trove__reclaim *reclaim)
{
    /* SEQ_CST [E3 mood]: after the mood was stored; pairs with push_object() and trove__reclaim_memory(). */
    return trove__load_seq_cst(&reclaim->objects) != NULL ||
           trove__load_seq_cst(&reclaim->memory) != NULL ||
           trove__load_seq_cst(&reclaim->parked) != NULL || reclaim->batch.first != NULL ||
           reclaim->parked_batch.first != NULL || reclaim->memory_batch != NULL;
}

static bool has_anything(struct trove__reclaim *reclaim)
{
    /* SEQ_CST [E3 mood]: after the mood was stored; pairs with trove__reclaim_wake(). */
    return has_retired(reclaim) || trove__load_seq_cst(&reclaim->work_wanted) != 0 ||
           is_stopping(reclaim);
}

/* Sleeps in MOOD until nudged, or until DEADLINE_NS, unless there is reason to stay awake. */
static void sleep_in(struct trove__reclaim *reclaim, enum mood mood, int64_t deadline_ns,
                     bool (*stay_awake)(struct trove__reclaim *))
{
    /* SEQ_CST [E3 mood]: before the stacks are looked at. */
    trove__store_seq_cst(&reclaim->mood, mood);
    if (!stay_awake(reclaim))
        trove__futex_wait(&reclaim->mood, mood, deadline_ns);
    trove__store_seq_cst(&reclaim->mood, MOOD_AWAKE);
}

static bool must_hurry(struct trove__reclaim *reclaim)
{
    return is_urgent(reclaim) || is_stopping(reclaim);
}

/* I5 */
static void pace(struct trove__reclaim *reclaim)
{
    int64_t next = reclaim->last_grace_ns + PACE_NS;

    if (trove_now_ns() < next)
        sleep_in(reclaim, MOOD_PACING, next, must_hurry);
}

/* Ends the charge of what was freed of DOOMED. */
static void settle(struct trove__reclaim *reclaim, struct trove__doomed *doomed,
                   void (*uncharge)(struct trove__budget *, uint64_t))
{
    uint64_t bytes = doomed->freed_bytes;

    doomed->freed_bytes = 0;
    if (bytes != 0)
        uncharge(reclaim->budget, bytes);
}

/* Frees DOOMED, one by one from the head, so that a fork in between loses at most one object, and settles now and then:
 * the account is on a line that every writer wants. UNCHARGE: see I2. */
static void free_objects(struct trove__reclaim *reclaim, struct trove__doomed *doomed,
                         void (*uncharge)(struct trove__budget *, uint64_t))
{
    uint64_t part = reclaim->budget->deferred_max / SETTLE_PART;
    uint64_t most = part < SETTLE_BYTES ? part : SETTLE_BYTES;
    struct trove_object *object;

    while ((object = doomed->first) != NULL) {
        uint64_t bytes = trove__object_usable(object->algo, object->size);

        doomed->first = trove__object_link(object);
        __builtin_prefetch(doomed->first);
        trove__object_unlink(object, reclaim->ledger);
        trove__object_release(object);
        reclaim->freed++;
        doomed->freed_bytes += bytes;
        if (doomed->freed_bytes >= most)
            settle(reclaim, doomed, uncharge);
    }
    settle(reclaim, doomed, uncharge);
}

static void free_memory(struct trove__reclaim *reclaim)
{
    struct trove__retired *node;

    while ((node = reclaim->memory_batch) != NULL) {
        reclaim->memory_batch = node->next;
        node->free(node);
    }
}

void trove__reclaim_wait(struct trove__reclaim *reclaim)
{
    TROVE_PROBE(grace_start, reclaim);
    trove__holdup_begin(&reclaim->holdup, trove_now_ns());
    trove__grace_period();
    trove__holdup_end(&reclaim->holdup, trove_now_ns());
    TROVE_PROBE(grace_done, reclaim);
}

static void grace_and_free(struct trove__reclaim *reclaim)
{
    /* ACQUIRE [E1 retire], all three: pair with push_object() and trove__reclaim_memory(). A batch that is
     * there already is a forked parent's, and gets its grace period here. */
    if (reclaim->batch.first == NULL)
        reclaim->batch.first = trove__exchange_acquire(&reclaim->objects, NULL);
    if (reclaim->parked_batch.first == NULL)
        reclaim->parked_batch.first = trove__exchange_acquire(&reclaim->parked, NULL);
    if (reclaim->memory_batch == NULL)
        reclaim->memory_batch = trove__exchange_acquire(&reclaim->memory, NULL);
    reclaim->host.before_grace(reclaim->host.context, reclaim->freed);
    reclaim->freed = 0;
    trove__reclaim_wait(reclaim);
    reclaim->host.after_grace(reclaim->host.context);
    reclaim->last_grace_ns = trove_now_ns();
    trove__add_relaxed(&reclaim->grace_periods, 1); /* RELAXED: a statistic */
    free_objects(reclaim, &reclaim->batch, trove__budget_undefer);
    free_objects(reclaim, &reclaim->parked_batch, trove__budget_unreserve);
    free_memory(reclaim);
}

static void do_work(struct trove__reclaim *reclaim)
{
    /* SEQ_CST [E3 mood]: pairs with trove__reclaim_wake(). */
    if (trove__exchange_seq_cst(&reclaim->work_wanted, 0) == 0)
        return;
    while (reclaim->host.work(reclaim->host.context) && !is_stopping(reclaim))
        if (has_retired(reclaim) && is_urgent(reclaim))
            grace_and_free(reclaim);
}

bool trove__reclaim_turn(struct trove__reclaim *reclaim)
{
    if (!is_stopping(reclaim))
        do_work(reclaim);
    if (!has_retired(reclaim))
        return false;
    pace(reclaim);
    grace_and_free(reclaim);
    return true;
}

static void *reclaimer(void *context)
{
    struct trove__reclaim *reclaim = context;

    for (;;) {
        if (!has_anything(reclaim))
            sleep_in(reclaim, MOOD_IDLE, TROVE_NO_DEADLINE, has_anything);
        if (!trove__reclaim_turn(reclaim) && is_stopping(reclaim))
            break;
    }
    /* RELEASE [E4 exited]: pairs with ACQUIRE in trove__reclaim_stop(). */
    trove__store_release(&reclaim->exited, 1);
    trove__futex_wake(&reclaim->exited, INT_MAX);
    return NULL;
}

/* A thread that handles no signal of the host's. */
static int create_thread(struct trove__reclaim *reclaim)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&reclaim->thread, NULL, reclaimer, reclaim);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static void start_thread(struct trove__reclaim *reclaim)
{
    unsigned none = TROVE__RECLAIM_NONE;

    /* RELAXED, all: one starter; what it hands over goes with pthread_create. Who stops does all that is left himself. */
    if (trove__load_relaxed(&reclaim->thread_state) != TROVE__RECLAIM_NONE ||
        trove__load_relaxed(&reclaim->stop) != 0 ||
        !trove__cas_relaxed(&reclaim->thread_state, &none, TROVE__RECLAIM_STARTING))
        return;
    /* A start that fails is tried again by the next retirement or wake. */
    /* RELEASE [E2 thread]: pairs with ACQUIRE in trove__reclaim_stop(). */
    trove__store_release(&reclaim->thread_state, create_thread(reclaim) == 0
                                                     ? TROVE__RECLAIM_RUNNING
                                                     : TROVE__RECLAIM_NONE);
}

/* --- retirers ----------------------------------------------------------------------------------------------------- */

/* The calling thread's innermost section in which it retires memory. */
static _Thread_local struct trove__retiring *retiring_here;

/* Sees to it that the thread notices. */
static void nudge_now(struct trove__reclaim *reclaim, bool urgent)
{
    unsigned mood;

    start_thread(reclaim);
    /* SEQ_CST [E3 mood]: after the push, which is seq_cst too; pairs with sleep_in(). */
    mood = trove__load_seq_cst(&reclaim->mood);
    if (mood == MOOD_AWAKE || (mood == MOOD_PACING && !urgent && !is_urgent(reclaim)))
        return;
    if (trove__cas_seq_cst(&reclaim->mood, &mood, MOOD_AWAKE))
        trove__futex_wake(&reclaim->mood, INT_MAX);
}

/* After a push: now, or after the section that retires. */
static void nudge(struct trove__reclaim *reclaim, bool urgent)
{
    struct trove__retiring *here = retiring_here;

    if (here == NULL || here->reclaim != reclaim) {
        nudge_now(reclaim, urgent);
        return;
    }
    here->owes = true;
    here->urgent |= urgent;
}

void trove__retiring_enter(struct trove__retiring *retiring, struct trove__reclaim *reclaim)
{
    *retiring = (struct trove__retiring){.outer = retiring_here, .reclaim = reclaim};
    retiring_here = retiring;
    trove__section_enter();
}

void trove__retiring_leave(struct trove__retiring *retiring)
{
    trove__section_leave();
    retiring_here = retiring->outer;
    if (retiring->owes)
        nudge(retiring->reclaim, retiring->urgent);
}

static void push_object(_Atomic(struct trove_object *) *stack, struct trove_object *object)
{
    struct trove_object *head =
        trove__load_relaxed(stack); /* RELAXED: a guess, the exchange checks it */

    do {
        trove__object_set_link(object, head);
        /* SEQ_CST [E1 retire], [E3 mood]: pairs with ACQUIRE in grace_and_free(), and with has_retired(). */
    } while (!trove__cas_seq_cst(stack, &head, object));
}

void trove__reclaim_deferred(struct trove__reclaim *reclaim, struct trove_object *object)
{
    push_object(&reclaim->objects, object);
    nudge(reclaim, false);
}

void trove__reclaim_object(struct trove__reclaim *reclaim, struct trove_object *object)
{
    uint64_t bytes = trove__object_usable(object->algo, object->size);

    if (trove__budget_defer(reclaim->budget, bytes)) {
        trove__budget_unreserve(reclaim->budget, bytes); /* B4 of budget.h */
        trove__reclaim_deferred(reclaim, object);
        return;
    }
    push_object(&reclaim->parked, object);
    nudge(reclaim, true);
}

void trove__reclaim_memory(struct trove__reclaim *reclaim, struct trove__retired *node)
{
    node->next =
        trove__load_relaxed(&reclaim->memory); /* RELAXED: a guess, the exchange checks it */
    /* SEQ_CST [E1 retire], [E3 mood]: pairs with ACQUIRE in grace_and_free(), and with has_retired(). */
    while (!trove__cas_seq_cst(&reclaim->memory, &node->next, node))
        ;
    nudge(reclaim, false);
}

void trove__reclaim_wake(struct trove__reclaim *reclaim)
{
    /* RELAXED, both: whoever set it nudges. Without a thread it may be a forked parent's, or the start had failed. */
    if (trove__load_relaxed(&reclaim->work_wanted) != 0 &&
        trove__load_relaxed(&reclaim->thread_state) != TROVE__RECLAIM_NONE)
        return;
    trove__store_seq_cst(&reclaim->work_wanted,
                         1); /* [E3 mood]: before nudge() looks at the mood */
    nudge(reclaim, false);
}

/* --- waiting for the thread ---------------------------------------------------------------------------------------- */

#define AWAIT_POLL_NS ((int64_t)20 * 1000000)

/* Retired like memory; its being freed says that the grace period is over. */
struct awaited {
    struct trove__retired retired;
    atomic_uint references; /* who waits, and the thread */
    atomic_uint over;       /* futex */
};

static void awaited_unref(struct awaited *awaited)
{
    /* ACQ_REL [E5 awaited]: pairs with itself in whoever let go first. */
    if (trove__sub_acq_rel(&awaited->references, 1) == 1)
        trove__free(awaited);
}

static void awaited_over(struct trove__retired *retired)
{
    struct awaited *awaited = (struct awaited *)retired;

    /* RELEASE [E6 over]: the grace period. Pairs with trove__reclaim_await(). */
    trove__store_release(&awaited->over, 1);
    trove__futex_wake(&awaited->over, INT_MAX);
    awaited_unref(awaited);
}

/* Sleeps for a while, then sees to it that there is a thread: a start may have failed. */
static int await_slice(struct trove__reclaim *reclaim, struct awaited *awaited,
                       const struct trove_until *until)
{
    struct trove_until slice = trove__until_of(until);
    int64_t end_ns = trove_now_ns() + AWAIT_POLL_NS;
    int r;

    if (slice.deadline_ns <= end_ns)
        return trove__wait(&awaited->over, 0, &slice);
    slice.deadline_ns = end_ns;
    r = trove__wait(&awaited->over, 0, &slice);
    if (r != -ETIMEDOUT)
        return r;
    nudge(reclaim, false);
    return 0;
}

int trove__reclaim_await(struct trove__reclaim *reclaim, const struct trove_until *until)
{
    struct awaited *awaited;
    int r = 0;

    if (is_stopping(reclaim)) { /* the thread may have ended */
        trove__grace_period();
        return 0;
    }
    awaited = trove__calloc(1, sizeof(*awaited));
    if (awaited == NULL)
        return -ENOMEM;
    awaited->retired.free = awaited_over;
    atomic_init(&awaited->references, 2);
    trove__reclaim_memory(reclaim, &awaited->retired);
    /* ACQUIRE [E6 over]: pairs with awaited_over(). */
    while (r == 0 && trove__load_acquire(&awaited->over) == 0)
        r = await_slice(reclaim, awaited, until);
    if (r < 0 &&
        trove__load_acquire(&awaited->over) != 0) /* [E6 over]; a result beats a time-out */
        r = 0;
    awaited_unref(awaited);
    return r;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int wait_for_exit(struct trove__reclaim *reclaim, const struct trove_until *until)
{
    /* ACQUIRE [E4 exited]: pairs with RELEASE in reclaimer(). */
    while (trove__load_acquire(&reclaim->exited) == 0) {
        int r = trove__wait(&reclaim->exited, 0, until);

        if (r < 0 &&
            trove__load_acquire(&reclaim->exited) == 0) /* [E4 exited]; a result beats a time-out */
            return r;
    }
    return 0;
}

int trove__reclaim_stop(struct trove__reclaim *reclaim, const struct trove_until *until)
{
    trove__store_seq_cst(&reclaim->stop, 1); /* [E3 mood]: before nudge() looks at the mood */
    /* ACQUIRE [E2 thread]: pairs with RELEASE in start_thread(); nobody starts one any more, callers have left. */
    if (trove__load_acquire(&reclaim->thread_state) == TROVE__RECLAIM_RUNNING) {
        int r;

        nudge(reclaim, true);
        r = wait_for_exit(reclaim, until);
        if (r < 0)
            return r;
        pthread_join(reclaim->thread, NULL);
        trove__store_release(&reclaim->thread_state,
                             TROVE__RECLAIM_NONE); /* [E2 thread]: back to the start */
    }
    trove__grace_period();
    reclaim->host.after_grace(reclaim->host.context); /* a forked parent's thread was in between */
    while (trove__reclaim_turn(reclaim))
        ; /* no thread: it could not be started */
    return 0;
}

void trove__reclaim_after_fork(struct trove__reclaim *reclaim)
{
    /* [E2 thread] [E3 mood] [E4 exited]: back to the start; one thread is left, so any order would do. */
    trove__store_seq_cst(&reclaim->mood, MOOD_AWAKE);
    trove__store_seq_cst(&reclaim->exited, 0);
    trove__store_seq_cst(&reclaim->thread_state, TROVE__RECLAIM_NONE);
    trove__store_relaxed(&reclaim->is_inherited, has_retired(reclaim)); /* RELAXED: as above */
    trove__holdup_init(&reclaim->holdup);
}

static bool has_inherited(const struct trove__reclaim *reclaim)
{
    /* RELAXED, both: the one was set before there was a second thread; start_thread() looks at the other again. */
    return trove__load_relaxed(&reclaim->is_inherited) != 0 &&
           trove__load_relaxed(&reclaim->thread_state) == TROVE__RECLAIM_NONE;
}

void trove__reclaim_adopt(struct trove__reclaim *reclaim)
{
    if (has_inherited(reclaim))
        nudge(reclaim, true);
}

void trove__reclaim_hurry(struct trove__reclaim *reclaim)
{
    /* RELAXED, all: a hint; who pushes what is missed here looks at the thread too. */
    if (has_inherited(reclaim) || trove__load_relaxed(&reclaim->objects) != NULL ||
        trove__load_relaxed(&reclaim->parked) != NULL ||
        trove__load_relaxed(&reclaim->memory) != NULL)
        nudge(reclaim, true);
}
