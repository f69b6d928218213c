// SPDX-License-Identifier: MIT
/*
 * gather.c - where misses and fetches wait for a fetch thread: stacks that callers push on.
 *
 * WHAT       Callers push chains of gather nodes on two stacks, interactive and prefetch, and started fetches on a third.
 *            Fetch threads (gather_threads.c) detach the stacks whole into lists, by what is known of the type of each id, and
 *            take from these what leaves in one request (gather_batch.c).
 * INVARIANTS I1 callers touch the stacks and counters only, and those without a lock. I2 `pending` and what is beside it
 *            change under `lock`, which only fetch threads take. I3 a node is taken once, by the exchange that detached its
 *            stack.
 * ROLES      any thread: push. fetch threads: detach. whoever ends the unit, when nobody else runs: drop, deinit.
 * EDGES      E1 push    push_nodes() release -> detach() acquire   the nodes
 * PROGRESS   push is lock-free but for starting a thread, which the C library does.
 * TESTS      tests/unit/test_gather.c, tests/stress/test_flight_stress.c
 */
#include "core/fetch_op.h"
#include "core/gather_internal.h"
#include "core/memory.h"
#include "core/unit.h"

int trove__gather_init(struct trove__gather *gather, const struct trove_options *options)
{
    gather->fetchers_max = options->requests_at_once > 0 ? options->requests_at_once : 1;
    trove__gather_batch_init(gather, options);
    return -pthread_mutex_init(&gather->lock, NULL);
}

/* --- pushing ------------------------------------------------------------------------------------------------------ */

void trove__gather_push(struct trove__unit *unit, enum trove__lane lane,
                        struct trove__gather_node *nodes)
{
    _Atomic(struct trove__gather_node *) *stack = &unit->gather.lanes[lane];
    struct trove__gather_node *last = nodes;
    /* RELAXED: a guess, the CAS checks it. */
    struct trove__gather_node *top = trove__load_relaxed(stack);

    while (last->next != NULL)
        last = last->next;
    do {
        last->next = top;
        /* SEQ_CST [E1 push] [E2 work]: hands over the nodes. Pairs with detach(). */
    } while (!trove__cas_seq_cst(stack, &top, nodes));
    trove__gather_kick(unit);
}

void trove__gather_push_fetch(struct trove__unit *unit, struct trove_fetch *fetch)
{
    /* RELAXED: a guess, the CAS checks it. */
    struct trove_fetch *top = trove__load_relaxed(&unit->gather.fetches);

    do {
        fetch->next = top;
        /* SEQ_CST [E1 push] [E2 work]: hands over the fetch. Pairs with detach(). */
    } while (!trove__cas_seq_cst(&unit->gather.fetches, &top, fetch));
    trove__gather_kick(unit);
}

/* --- detaching ---------------------------------------------------------------------------------------------------- */

static void append(struct trove__pending *list, struct trove__gather_node *node, int64_t now)
{
    node->next = NULL;
    node->queued_ns = now;
    if (list->first == NULL)
        list->first = node;
    else
        list->last->next = node;
    list->last = node;
    list->count++;
}

void trove__gather_detach(struct trove__gather *gather, enum trove__lane lane, int64_t now)
{
    /* SEQ_CST [E1 push] [E2 work]: pairs with trove__gather_push(). */
    struct trove__gather_node *node = trove__exchange_seq_cst(&gather->lanes[lane], NULL);
    struct trove__gather_node *reversed = NULL, *next;

    for (; node != NULL; node = next) {
        next = node->next;
        node->next = reversed;
        reversed = node;
    }
    for (node = reversed; node != NULL; node = next) {
        next = node->next;
        trove__flight_moved(node->flight, TROVE__FLIGHT_NEW, TROVE__FLIGHT_GATHERED);
        trove__flight_moved(node->flight, TROVE__FLIGHT_PARKED, TROVE__FLIGHT_GATHERED);
        append(&gather->pending[lane][node->flight->type], node, now);
    }
}

void trove__gather_detach_fetches(struct trove__gather *gather, int64_t now)
{
    /* SEQ_CST [E1 push] [E2 work]: pairs with trove__gather_push_fetch(). */
    struct trove_fetch *fetch = trove__exchange_seq_cst(&gather->fetches, NULL);
    struct trove_fetch *reversed = NULL, *last = fetch, *next;

    for (; fetch != NULL; fetch = next) {
        next = fetch->next;
        fetch->next = reversed;
        fetch->queued_ns = now;
        reversed = fetch;
    }
    if (reversed == NULL)
        return;
    if (gather->first_fetch == NULL)
        gather->first_fetch = reversed;
    else
        gather->last_fetch->next = reversed;
    gather->last_fetch = last;
}

void trove__gather_node_free(struct trove__unit *unit, struct trove__gather_node *node)
{
    struct trove__flight *flight = node->flight;

    if (node != &flight->own_node)
        trove__free(node);
    trove__flight_unref(unit, flight);
}

/* --- end ---------------------------------------------------------------------------------------------------------- */

static void free_chain(struct trove__unit *unit, struct trove__gather_node *node)
{
    struct trove__gather_node *next;

    for (; node != NULL; node = next) {
        next = node->next;
        trove__gather_node_free(unit, node);
    }
}

void trove__gather_drop_fetches(struct trove__unit *unit)
{
    struct trove__gather *gather = &unit->gather;
    struct trove_fetch *fetch, *next;

    trove__gather_detach_fetches(gather, 0);
    fetch = gather->first_fetch;
    gather->first_fetch = NULL;
    for (; fetch != NULL; fetch = next) {
        next = fetch->next;
        trove__fetch_unref(fetch);
    }
}

void trove__gather_deinit(struct trove__unit *unit)
{
    struct trove__gather *gather = &unit->gather;

    for (unsigned lane = 0; lane < TROVE__LANES; lane++) {
        trove__gather_detach(gather, lane, 0);
        for (unsigned type = 0; type < TROVE__TYPES; type++)
            free_chain(unit, gather->pending[lane][type].first);
    }
    pthread_mutex_destroy(&gather->lock);
}
