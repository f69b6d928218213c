// SPDX-License-Identifier: MIT
/*
 * admission.c - the way from an id to its object or its flight.
 *
 * WHAT       A hit, or the flight that somebody else leads, or a new one; and the pushes that a call owes for all its ids.
 * INVARIANTS I1 a flight that has a waiter, is not sent and not parked is on a gather stack or about to be pushed by its
 *            leader, and everybody who joins it until it was pushed pushes a node of their own. So a caller that stops for
 *            ever anywhere holds up nobody but itself.
 * ROLES      callers, also on fetch threads: everything.
 * PROTOCOL   admit: cached? hit. Flight in the table? join it; a failed one is helped out of the table, and start over.
 *            Else add one, then look into the cache again: whoever completed the flight before cached first (I4 of flight.c),
 *            so a miss is one. A hit there is taken, the flight is pushed all the same, and the fetch thread finds that nobody
 *            waits.
 * EDGES      Those of flight.c and gather.c, inside their calls.
 * PROGRESS   lock-free but for the allocator, and for starting a fetch thread.
 * TESTS      tests/unit/test_flight.c, tests/unit/test_resolve.c, tests/stress/test_flight_stress.c
 */
#include "core/admission.h"
#include "core/fetch_op.h"
#include "core/memory.h"
#include "core/resolve_span.h"
#include "core/unit.h"
#include <errno.h>

bool trove__admit_hit(struct trove *cache, const struct trove_oid *id, struct trove_result *ret)
{
    struct trove__telemetry *telemetry = trove__cache_telemetry(cache);
    bool is_sampled = trove__sample();
    bool is_watched = is_sampled || trove__is_listened(telemetry, TROVE_SPAN_RESOLVE);
    int64_t start_ns = is_watched ? trove_now_ns() : 0;
    struct trove_object *object = trove__cache_find(cache, NULL, id);
    struct trove__timed timed;
    struct trove_span what;

    if (object == NULL)
        return false;
    *ret = (struct trove_result){.how = TROVE_HIT, .object = object};
    trove__cache_count(cache, TROVE__COUNT_HITS, 1);
    if (is_watched) {
        what = (struct trove_span){.kind = TROVE_SPAN_RESOLVE, .oid = id, .count = 1};
        trove__timed_begin_at(telemetry, &timed, &what, is_sampled, start_ns);
        trove__resolve_span_end(telemetry, &timed, id, ret, NULL, 0);
    }
    return true;
}

/* Puts NODE on the list that the call pushes when all its ids are admitted. */
static void plan_push(struct trove__admission *admission, struct trove__gather_node *node)
{
    trove__flight_ref(node->flight);
    node->next = admission->pushes;
    admission->pushes = node;
}

/* Whether who joins FLIGHT has to push a node of its own (I1): its leader may be stopped before its push; a parked flight
 * is wanted sooner, or expected of another fetch; a prefetched one is wanted by somebody who waits. */
static bool needs_push(struct trove__flight *flight, const struct trove__admission *admission)
{
    enum trove__phase phase = trove__flight_phase(flight);

    if (phase == TROVE__FLIGHT_NEW)
        return true;
    if (phase == TROVE__FLIGHT_PARKED)
        return admission->within == NULL || admission->within != flight->within;
    /* RELAXED: a hint; at worst the flight leaves with the other lane. */
    return phase == TROVE__FLIGHT_GATHERED && admission->lane == TROVE__INTERACTIVE &&
           trove__load_relaxed(&flight->lane) == TROVE__PREFETCH;
}

static int join(struct trove__flight *flight, struct trove__admission *admission,
                struct trove__ticket *ret_ticket)
{
    struct trove__gather_node *node;

    if (needs_push(flight, admission)) {
        node = trove__malloc(sizeof(*node));
        if (node == NULL) {
            trove__flight_leave(flight);
            return -ENOMEM;
        }
        *node = (struct trove__gather_node){.flight = flight};
        plan_push(admission, node);
        /* RELAXED: a hint, see needs_push(). */
        if (admission->lane == TROVE__INTERACTIVE)
            trove__store_relaxed(&flight->lane, TROVE__INTERACTIVE);
    }
    *ret_ticket = (struct trove__ticket){.how = TROVE_JOINED, .flight = flight};
    return 0;
}

/* FLIGHT is in the table, and the caller's. */
static int lead(struct trove__unit *unit, struct trove__flight *flight,
                struct trove__admission *admission, struct trove__ticket *ret_ticket)
{
    struct trove_oid id = trove__flight_id(flight);
    struct trove_object *object = trove__cache_find(unit->cache, unit->era, &id);

    plan_push(admission, &flight->own_node);
    if (object == NULL && !trove__unit_is_closed(unit)) {
        *ret_ticket = (struct trove__ticket){.how = TROVE_FETCHED, .flight = flight};
        return 0;
    }
    trove__flight_leave(flight);
    trove__flight_unref(unit, flight);
    if (object == NULL)
        return -ECANCELED;
    *ret_ticket = (struct trove__ticket){.how = TROVE_HIT, .object = object};
    return 0;
}

/* Joins the flight of ID if there is one. 1: no; 0 or a failure: as trove__admit(). */
static int try_join(struct trove__unit *unit, struct trove__admission *admission,
                    const struct trove_oid *id, struct trove__ticket *ret_ticket)
{
    struct trove__flight *flight;
    int r;

    for (;;) {
        struct trove_object *object = trove__cache_find(unit->cache, unit->era, id);
        if (object != NULL) {
            *ret_ticket = (struct trove__ticket){.how = TROVE_HIT, .object = object};
            return 0;
        }
        flight = trove__flight_find(unit, id);
        if (flight == NULL)
            return 1;
        if (trove__flight_join(flight))
            break;
        trove__flight_remove(unit,
                             flight); /* a failure that is not ours: help it out, start over */
        trove__flight_unref(unit, flight);
    }
    if (!trove__unit_is_closed(unit)) {
        r = join(flight, admission, ret_ticket);
    } else {
        trove__flight_leave(flight);
        r = -ECANCELED;
    }
    if (r < 0)
        trove__flight_unref(unit, flight);
    return r;
}

/* A fetch that runs may bring it now. */
static bool is_known_absent(struct trove__unit *unit, const struct trove__admission *admission,
                            const struct trove_oid *id)
{
    return unit->absent.entries != NULL && admission->within == NULL &&
           trove__absent_has(&unit->absent, trove__cache_hash(unit->cache, id), id);
}

int trove__admit(struct trove__unit *unit, struct trove__admission *admission,
                 const struct trove_want *want, struct trove__ticket *ret_ticket)
{
    struct trove__flight *spare = NULL;
    int r;

    for (;;) {
        if (trove__unit_is_closed(unit)) {
            r = -ECANCELED;
            break;
        }
        r = try_join(unit, admission, &want->id, ret_ticket);
        if (r <= 0)
            break;
        if (unit->source.ops == NULL) {
            r = -ENOTSUP;
            break;
        }
        if (spare == NULL && is_known_absent(unit, admission, &want->id)) {
            r = -ENOENT;
            break;
        }
        if (spare == NULL) {
            uint64_t hash = trove__cache_hash(unit->cache, &want->id);
            r = trove__flight_create(unit, want, hash, admission->lane, &spare);
            if (r < 0)
                break;
            spare->within = admission->within;
        }
        if (trove__flight_insert(unit, spare))
            return lead(unit, spare, admission, ret_ticket);
    }
    if (spare != NULL) {
        trove__flight_unref(unit, spare); /* the table's, which it never had */
        trove__flight_unref(unit, spare);
    }
    return r;
}

void trove__admission_push(struct trove__unit *unit, struct trove__admission *admission)
{
    struct trove__gather_node *nodes = admission->pushes;
    struct trove__flight *single;
    bool parked;

    admission->pushes = NULL;
    if (nodes == NULL)
        return;
    /* The phase changes after the push (I1). Once pushed a chain is no longer ours to walk, so of several nodes the fetch
     * thread that takes them does it. */
    single = nodes->next == NULL ? nodes->flight : NULL;
    if (single != NULL)
        trove__flight_ref(single);
    parked = admission->within != NULL && trove__fetch_park(admission->within, nodes);
    if (!parked)
        trove__gather_push(unit, admission->lane, nodes);
    if (single != NULL) {
        trove__flight_moved(single, TROVE__FLIGHT_NEW,
                            parked ? TROVE__FLIGHT_PARKED : TROVE__FLIGHT_GATHERED);
        trove__flight_unref(unit, single);
    }
}
