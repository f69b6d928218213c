// SPDX-License-Identifier: MIT
/*
 * flight.c - single flight: one fetch of a missing id, whatever the number of callers.
 *
 * WHAT       The life of a flight, its phases, waiting for it, its result. The way to it: admission.c.
 * INVARIANTS I1 `word` goes 0 -> 1 by a waiter about to sleep, and 0 or 1 -> 2 by the exchange of the one thread that
 *            decided; nothing else ever changes it.
 *            I2 phase and waiter count are one word (`state`). A flight is joined only while it is not failed or dropped,
 *            dropped only while nobody waits, sent only while somebody does: so DROPPED reaches nobody, and a failure
 *            only those who joined before it was decided. A sent one is dropped only by who sent it, whose request was
 *            cancelled because nobody waited (request.c).
 *            I3 a decided phase never changes, but that FOUND becomes LEFT when nobody waits any more and the object is let
 *            go; whoever's CAS decided, and only it, writes the result, once.
 *            I4 an object is cached, or marked uncached, before its flight leaves the table, and the flight leaves the
 *            table before its word is terminal: no flight and a miss means that it is really not there.
 *            I5 put completes no flight, and neither does a caller: only fetch threads, the dispatcher, shutdown.
 *            I6 references: the table 1, each caller that waits 1, each gather node 1, each stream node 1, the request 1,
 *            the dispatcher 1. Not taken from 0: a flight at 0 is free and may begin another life.
 * ROLES      callers: create, join, leave, wait, result. fetch threads: send, complete. Stream nodes wait without a thread.
 * PROTOCOL   complete: CAS of the phase, result, out of the table, exchange of the word, wake if it was 1, hand the stream
 *            nodes on.
 *            wait: CAS 0 -> 1, sleep while it is 1; past the deadline look once more.
 *            A sleeper slept on 1, the word leaves 1 only by the exchange, which sees 1 and wakes, and the kernel compares
 *            under its own lock: no lost wake-up.
 * EDGES      E1 result    complete() release -> flight_is_done() acquire   the result
 *            E2 nodes     trove__stream_wait_for() release -> complete() acquire   a stream node; and the other way, the closed list
 *            E3 key       flight_create() release -> try_ref() acquire   everything of the new life
 *            E4 free      flight_unref() release -> the last flight_unref() acquire   all uses before the next life
 *            E5 state     state CAS release -> state load acquire   what led to a phase is seen by who acts on it
 * PROGRESS   create, join, leave, complete lock-free but for the allocator. wait sleeps.
 * LIMITS     flights_max flights at once; 2^28 waiters of one flight.
 * TESTS      tests/unit/test_flight.c, tests/unit/test_resolve.c, tests/stress/test_flight_stress.c, and the same in the
 *            perturbed build, tests/stress/perturbed/test_wake.c (I1), tests/stress/test_flight_crowds.c; tests/model/flight.pml
 *            (this protocol, to the end)
 */
#include "core/flight.h"
#include "core/failure.h"
#include "core/interest.h"
#include "core/stream.h"
#include "core/telemetry.h"
#include "core/unit.h"
#include "core/until.h"
#include <limits.h>

#define PHASE_MASK 7u
#define WATCHED 8u /* set while it is sent, and kept: `interest` is told */
#define WAITER_ONE 16u

static enum trove__phase phase_of(uint32_t state)
{
    return (enum trove__phase)(state & PHASE_MASK);
}

static uint32_t waiters_of(uint32_t state)
{
    return state / WAITER_ONE;
}

static uint32_t with_phase(uint32_t state, enum trove__phase phase)
{
    return (state & ~PHASE_MASK) | (uint32_t)phase;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

int trove__flight_create(struct trove__unit *unit, const struct trove_want *want, uint64_t hash,
                         enum trove__lane lane, struct trove__flight **ret_flight)
{
    struct trove__flight *flight;
    uint64_t id[4];
    int r = trove__flight_pool_take(&unit->pool, &flight);

    if (r < 0)
        return r;
    memcpy(id, want->id.bytes, sizeof(id));
    /* RELEASE [E3 new-key]: strangers with a stale pointer may read the key while it changes; who reads a new word then
     * finds the link that led here changed. Pairs with compare() of flight_table.c. */
    trove__store_release(&flight->hash, hash);
    for (unsigned i = 0; i < 4; i++)
        trove__store_release(&flight->id[i], id[i]);
    /* RELAXED: the release below hands the rest over. */
    trove__store_relaxed(&flight->state, TROVE__FLIGHT_NEW | WAITER_ONE);
    trove__store_relaxed(&flight->word, TROVE__PENDING);
    trove__store_relaxed(&flight->lane, (unsigned)lane);
    trove__store_relaxed(&flight->nodes, NULL);
    flight->type = (unsigned)want->type < TROVE__TYPES ? want->type : TROVE_ANY;
    flight->status = 0;
    flight->uncached = false;
    flight->object = NULL;
    flight->failure = NULL;
    flight->within = NULL;
    flight->span = trove__span_current();
    flight->tag = trove__leader_tag(trove__cache_telemetry(unit->cache));
    trove__store_relaxed(&flight->sent_ns, 0);
    flight->owner = NULL;
    flight->interest = NULL;
    flight->undelivered = NULL;
    flight->own_node = (struct trove__gather_node){.flight = flight};
    /* RELEASE [E3 key]: pairs with trove__flight_try_ref(). */
    trove__store_release(&flight->references, 2);
    trove__unit_count(unit, TROVE__COUNT_FLIGHTS_NOW, 1);
    *ret_flight = flight;
    return 0;
}

bool trove__flight_try_ref(struct trove__flight *flight)
{
    /* RELAXED: a guess, the CAS checks it. */
    unsigned references = trove__load_relaxed(&flight->references);

    while (references != 0) {
        /* ACQUIRE [E3 key]: pairs with trove__flight_create(). */
        if (trove__cas_acquire(&flight->references, &references, references + 1))
            return true;
    }
    return false;
}

void trove__flight_ref(struct trove__flight *flight)
{
    /* RELAXED: the caller has a reference. */
    trove__add_relaxed(&flight->references, 1);
}

void trove__flight_unref(struct trove__unit *unit, struct trove__flight *flight)
{
    /* ACQ_REL [E4 free]: pairs with itself in the threads that let go earlier. */
    if (trove__sub_acq_rel(&flight->references, 1) != 1)
        return;
    trove_unpin(flight->object);
    trove__failure_unref(flight->failure);
    trove__interest_unref(flight->interest);
    flight->object = NULL;
    flight->failure = NULL;
    flight->interest = NULL;
    trove__unit_count(unit, TROVE__COUNT_FLIGHTS_NOW, (uint64_t)-1);
    trove__flight_pool_give(&unit->pool, flight);
}

/* --- state -------------------------------------------------------------------------------------------------------- */

enum trove__phase trove__flight_phase(const struct trove__flight *flight)
{
    /* ACQUIRE [E5 state]: pairs with the CASes on `state`. */
    return phase_of(trove__load_acquire(&((struct trove__flight *)flight)->state));
}

unsigned trove__flight_waiters(const struct trove__flight *flight)
{
    /* ACQUIRE [E5 state]: pairs with the CASes on `state`. */
    return waiters_of(trove__load_acquire(&((struct trove__flight *)flight)->state));
}

struct trove_oid trove__flight_id(const struct trove__flight *flight)
{
    struct trove__flight *f = (struct trove__flight *)flight;
    struct trove_oid id;
    uint64_t word;

    /* RELAXED: the caller's reference keeps the id as it is. */
    for (unsigned i = 0; i < 4; i++) {
        word = trove__load_relaxed(&f->id[i]);
        memcpy(id.bytes + i * 8, &word, sizeof(word));
    }
    return id;
}

bool trove__flight_join(struct trove__flight *flight)
{
    uint32_t state = trove__load_acquire(&flight->state);

    for (;;) {
        bool is_first = state == (TROVE__FLIGHT_SENT | WATCHED);

        if (phase_of(state) >= TROVE__FLIGHT_FAILED)
            return false;
        if (is_first)
            trove__interest_back(flight->interest); /* before the step: I1 of interest.c */
        /* ACQ_REL [E5 state]: pairs with the other CASes on `state`. */
        if (trove__cas_acq_rel(&flight->state, &state, state + WAITER_ONE))
            return true;
        if (is_first)
            trove__interest_lost(flight->interest);
    }
}

/* Lets the object of a flight go that nobody waits for any more: who still refers to it (the request, a gather node) may do
 * so until a whole pack has come. Another waiter's leaving may be missed; then the object stays until the last reference. */
static void let_go(struct trove__flight *flight)
{
    uint32_t state = with_phase(trove__load_acquire(&flight->state) & WATCHED,
                                TROVE__FLIGHT_FOUND); /* and no waiters */
    struct trove_object *object;

    /* ACQ_REL [E5 state]: who left has read the result before; who comes now finds it is too late to join. */
    if (!trove__flight_is_done(flight) ||
        !trove__cas_acq_rel(&flight->state, &state, with_phase(state, TROVE__FLIGHT_LEFT)))
        return;
    object = flight->object;
    flight->object = NULL;
    trove_unpin(object);
}

void trove__flight_leave(struct trove__flight *flight)
{
    /* ACQ_REL [E5 state]: who drops the flight, or lets its object go, comes after the leaver's uses. Pairs with
     * trove__flight_send(), trove__flight_drop() and let_go(). */
    uint32_t old = trove__sub_acq_rel(&flight->state, WAITER_ONE);

    if (waiters_of(old) != 1)
        return;
    if (phase_of(old) == TROVE__FLIGHT_FOUND)
        let_go(flight);
    else if (old == (TROVE__FLIGHT_SENT | WATCHED | WAITER_ONE))
        trove__interest_lost(flight->interest);
}

void trove__flight_moved(struct trove__flight *flight, enum trove__phase from, enum trove__phase to)
{
    uint32_t state = trove__load_acquire(&flight->state);

    /* ACQ_REL [E5 state]: whoever sees the new phase sees the push before it. */
    while (phase_of(state) == from &&
           !trove__cas_acq_rel(&flight->state, &state, with_phase(state, to)))
        ;
}

/* Of one that was dropped. */
static void forget(struct trove__unit *unit, struct trove__flight *flight)
{
    trove__flight_remove(unit, flight);
    /* ACQ_REL [E2 nodes]: nobody waits, so these nodes were abandoned; delivering frees them. */
    trove__stream_deliver(unit, trove__exchange_acq_rel(&flight->nodes, TROVE__NODES_CLOSED),
                          UINT_MAX);
}

bool trove__flight_send(struct trove__unit *unit, struct trove__flight *flight)
{
    uint32_t state = trove__load_acquire(&flight->state);
    enum trove__phase next;

    do {
        if (phase_of(state) >= TROVE__FLIGHT_SENT)
            return false;
        next = waiters_of(state) == 0 ? TROVE__FLIGHT_DROPPED : TROVE__FLIGHT_SENT;
        /* ACQ_REL [E5 state]: pairs with the other CASes on `state`. */
    } while (!trove__cas_acq_rel(&flight->state, &state, with_phase(state, next)));
    if (next == TROVE__FLIGHT_SENT) {
        trove__store_relaxed(&flight->sent_ns, trove_now_ns()); /* RELAXED: for the telemetry */
        return true;
    }
    forget(unit, flight);
    return false;
}

bool trove__flight_drop(struct trove__unit *unit, struct trove__flight *flight)
{
    uint32_t state = trove__load_acquire(&flight->state);

    do {
        if (phase_of(state) != TROVE__FLIGHT_SENT || waiters_of(state) != 0)
            return false;
        /* ACQ_REL [E5 state]: pairs with the other CASes on `state`. */
    } while (!trove__cas_acq_rel(&flight->state, &state, with_phase(state, TROVE__FLIGHT_DROPPED)));
    forget(unit, flight);
    return true;
}

enum trove__watched trove__flight_watch(struct trove__flight *flight,
                                        struct trove__interest *interest)
{
    uint32_t state = trove__load_acquire(&flight->state);

    flight->interest = interest;
    do {
        if (phase_of(state) != TROVE__FLIGHT_SENT) {
            flight->interest = NULL;
            return TROVE__WATCHED_DECIDED;
        }
        /* ACQ_REL [E5 state]: who sees that it is watched sees by whom. Pairs with the other CASes on `state`. */
    } while (!trove__cas_acq_rel(&flight->state, &state, state | WATCHED));
    return waiters_of(state) > 0 ? TROVE__WATCHED_AWAITED : TROVE__WATCHED_LEFT;
}

/* The CAS that decides; true for one thread in a flight's life (I3). */
static bool decide(struct trove__flight *flight, enum trove__phase outcome)
{
    uint32_t state = trove__load_acquire(&flight->state);

    do {
        if (phase_of(state) >= TROVE__FLIGHT_FOUND)
            return false;
        /* ACQ_REL [E5 state]: pairs with the other CASes on `state`. */
    } while (!trove__cas_acq_rel(&flight->state, &state, with_phase(state, outcome)));
    if (state & WATCHED) /* and so it was sent */
        trove__interest_decided(flight->interest, waiters_of(state) > 0);
    return true;
}

bool trove__flight_complete(struct trove__unit *unit, struct trove__flight *flight, int status,
                            struct trove_object *object, bool uncached,
                            struct trove__failure *failure)
{
    struct trove__stream_node *nodes;
    uint32_t old;

    if (!decide(flight, status == 0 ? TROVE__FLIGHT_FOUND : TROVE__FLIGHT_FAILED)) {
        trove_unpin(object);
        return false;
    }
    flight->status = status;
    flight->object = object;
    flight->uncached = uncached;
    flight->done_ns = trove_now_ns();
    flight->failure = trove__failure_ref(failure);
    trove__flight_remove(unit, flight); /* before the word (I4) */
    /* ACQ_REL [E1 result]: hands over the result. Pairs with trove__flight_is_done(). */
    old = trove__exchange_acq_rel(&flight->word, TROVE__TERMINAL);
    /* ACQ_REL [E2 nodes]: takes over the nodes and hands the result to those who find the list closed. Pairs with
     * trove__stream_wait_for(). */
    nodes = trove__exchange_acq_rel(&flight->nodes, TROVE__NODES_CLOSED);
    if (old == TROVE__PENDING_SLEEPERS || nodes != NULL)
        trove__dispatch(unit, flight, old == TROVE__PENDING_SLEEPERS, nodes);
    else
        let_go(flight);
    return true;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

bool trove__flight_is_done(const struct trove__flight *flight)
{
    /* ACQUIRE [E1 result]: pairs with trove__flight_complete(). */
    return trove__load_acquire(&((struct trove__flight *)flight)->word) == TROVE__TERMINAL;
}

int trove__flight_wait(struct trove__unit *unit, struct trove__flight *flight,
                       const struct trove_until *until)
{
    const struct trove__watch watch = {&flight->word, TROVE__PENDING_SLEEPERS};
    unsigned pending;
    int r;

    while (!trove__flight_is_done(flight)) {
        pending = TROVE__PENDING;
        /* RELAXED: hands nothing over, it only asks to be woken. */
        trove__cas_relaxed(&flight->word, &pending, TROVE__PENDING_SLEEPERS);
        if (pending == TROVE__TERMINAL)
            continue;
        trove__pace_sleep(&unit->pace);
        r = trove__gather_wait(unit, &watch, 1, until);
        trove__pace_wake(&unit->pace);
        if (r < 0)
            return trove__flight_is_done(flight) ? 0 : r;
    }
    return 0;
}

void trove__flight_result(struct trove__flight *flight, enum trove_how how,
                          struct trove_result *ret)
{
    *ret = (struct trove_result){.status = flight->status, .how = how};
    if (flight->status != 0)
        return;
    ret->object = trove_pin(flight->object);
    ret->uncached = flight->uncached;
}
