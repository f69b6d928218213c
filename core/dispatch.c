// SPDX-License-Identifier: MIT
/*
 * dispatch.c - waking those who wait for a flight.
 *
 * WHAT       Waking a thread costs the waker microseconds, a thousand of them milliseconds. Whoever completes a flight wakes a
 *            few; what is left goes to one thread, which takes turns between flights.
 * INVARIANTS I1 a flight comes here once, from the thread that completed it, and holds a reference while it is here.
 *            I2 `next_dispatch` and `undelivered` belong to whoever holds the flight here.
 * ROLES      fetch threads, shutdown: dispatch. The dispatcher: the rest.
 * EDGES      E1 handover  hand_over() release -> detach() acquire   the flight and its undelivered nodes
 *            E2 work      dispatch_stop(), hand_over() release -> dispatcher_main() acquire   `stop`, and what was pushed: who
 *                         saw the new count and neither of the two would sleep for ever
 *            E3 failed    ensure() release -> hand_over() acquire   by two exchanges of `stack`: either who could not start a
 *                         thread finds what others pushed meanwhile, or they find that there is none
 * PROGRESS   dispatch() never waits. Without memory or a thread for a dispatcher it does all the waking itself.
 * LIMITS     The order among waiters is the kernel's.
 * TESTS      tests/unit/test_flight.c (storms), tests/stress/test_flight_stress.c, tests/explore/test_explore_unit.c (each edge)
 */
#include "core/dispatch.h"
#include "core/flight.h"
#include "core/futex.h"
#include "core/stream.h"
#include "core/unit.h"

#ifndef TROVE__WAKE_FEW /* a test may have fewer */
#define TROVE__WAKE_FEW 4
#endif
#define DELIVER_FEW 16
#define WAKE_SLICE 16
#define DELIVER_SLICE 64

/* Wakes up to THREADS sleepers and delivers up to NODES; true when some may be left. */
static bool serve(struct trove__unit *unit, struct trove__flight *flight, int threads,
                  unsigned nodes)
{
    int woken = trove__futex_wake(&flight->word, threads);

    if (flight->undelivered != NULL)
        flight->undelivered = trove__stream_deliver(unit, flight->undelivered, nodes);
    return woken == threads || flight->undelivered != NULL;
}

static struct trove__flight *detach(struct trove__dispatch *dispatch)
{
    /* ACQ_REL [E1 handover] [E3 failed]: pairs with hand_over(). */
    return trove__exchange_acq_rel(&dispatch->stack, NULL);
}

/* Serves one slice to each flight of LIST; returns those that have more. */
static struct trove__flight *serve_round(struct trove__unit *unit, struct trove__flight *list)
{
    struct trove__flight *left = NULL, *next;

    for (; list != NULL; list = next) {
        next = list->next_dispatch;
        if (serve(unit, list, WAKE_SLICE, DELIVER_SLICE)) {
            list->next_dispatch = left;
            left = list;
        } else {
            trove__flight_unref(unit, list);
        }
    }
    return left;
}

static struct trove__flight *join_lists(struct trove__flight *a, struct trove__flight *b)
{
    struct trove__flight *last = a;

    if (a == NULL)
        return b;
    while (last->next_dispatch != NULL)
        last = last->next_dispatch;
    last->next_dispatch = b;
    return a;
}

static void *dispatcher_main(void *argument)
{
    struct trove__unit *unit = argument;
    struct trove__dispatch *dispatch = &unit->dispatch;
    struct trove__flight *list = NULL;
    unsigned seen;

    (void)trove__unit_thread_enter(unit); /* waiters are answered also once it is closed */
    for (;;) {
        /* ACQUIRE [E2 work]: before the look at what it counts. Pairs with trove__dispatch_stop() and hand_over(). */
        seen = trove__load_acquire(&dispatch->work);
        list = join_lists(list, detach(dispatch));
        if (list != NULL) {
            list = serve_round(unit, list);
            continue;
        }
        /* RELAXED: `work` was counted up after it. */
        if (trove__load_relaxed(&dispatch->stop) != 0)
            break;
        trove__futex_wait(&dispatch->work, seen, TROVE_NO_DEADLINE);
    }
    trove__unit_thread_leave(unit);
    return NULL;
}

/* True when there is a dispatcher, perhaps from now on. */
static bool ensure(struct trove__unit *unit)
{
    struct trove__dispatch *dispatch = &unit->dispatch;
    unsigned running = 0;

    /* RELAXED: at worst a thread that ends at once, and whoever ends the unit drains. */
    if (trove__load_relaxed(&dispatch->stop) != 0)
        return false;
    /* RELAXED: whoever changes it starts the thread; a thread that is not there yet finds the flight all the same. */
    if (!trove__cas_relaxed(&dispatch->running, &running, 1))
        return true;
    if (trove__unit_start_thread(unit, dispatcher_main) == 0)
        return true;
    trove__store_relaxed(&dispatch->running, 0); /* RELAXED: goes with the exchange [E3 failed] */
    trove__dispatch_drain(unit);
    return false;
}

/* Leaves FLIGHT to the dispatcher. */
static void hand_over(struct trove__unit *unit, struct trove__flight *flight)
{
    struct trove__dispatch *dispatch = &unit->dispatch;
    struct trove__flight *top;

    trove__flight_ref(flight);
    /* RELAXED: a guess, the CAS checks it. */
    top = trove__load_relaxed(&dispatch->stack);
    do {
        flight->next_dispatch = top;
        /* ACQ_REL [E1 handover] [E3 failed]: hands over the flight. Pairs with detach(). */
    } while (!trove__cas_acq_rel(&dispatch->stack, &top, flight));
    /* RELEASE [E2 work]: pairs with dispatcher_main(). */
    trove__add_acq_rel(&dispatch->work, 1);
    trove__futex_wake(&dispatch->work, 1);
    /* RELAXED: the thread that was to come did not, says who took what was there before [E3 failed]. */
    if (trove__load_relaxed(&dispatch->running) == 0)
        trove__dispatch_drain(unit);
}

void trove__dispatch(struct trove__unit *unit, struct trove__flight *flight, bool has_sleepers,
                     struct trove__stream_node *nodes)
{
    bool more =
        has_sleepers && trove__futex_wake(&flight->word, TROVE__WAKE_FEW) == TROVE__WAKE_FEW;

    if (nodes != NULL)
        nodes = trove__stream_deliver(unit, nodes, DELIVER_FEW);
    if (!more && nodes == NULL)
        return;
    flight->undelivered = nodes;
    if (ensure(unit)) {
        hand_over(unit, flight);
        return;
    }
    while (serve(unit, flight, INT_MAX, DELIVER_SLICE))
        ;
}

void trove__dispatch_stop(struct trove__unit *unit)
{
    trove__store_relaxed(&unit->dispatch.stop, 1); /* RELAXED: goes with the count */
    /* RELEASE [E2 work]: pairs with dispatcher_main(). */
    trove__add_acq_rel(&unit->dispatch.work, 1);
    trove__futex_wake(&unit->dispatch.work, INT_MAX);
}

void trove__dispatch_drain(struct trove__unit *unit)
{
    struct trove__flight *list = detach(&unit->dispatch);

    while (list != NULL)
        list = serve_round(unit, list);
}
