// SPDX-License-Identifier: MIT
/*
 * stream_node.c - an id on its way through a stream: from its node's allocation to an answer, or to nothing. A node of no stream
 * is a resolve that was started (resolving.c), which is told of instead.
 *
 * INVARIANTS I1 a node's state goes IDLE -> WAITING -> DELIVERED (the thread that completed the flight, the dispatcher, or
 *            the adder when there is nothing to wait for), or IDLE or WAITING -> ABANDONED (close). I2 every node that is
 *            not DELIVERED and not ABANDONED holds a reference on the stream; so delivery never touches freed memory.
 *            I3 a WAITING node holds a reference on its flight and counts as one waiter of it.
 * ROLES      callers: create, answer, wait for, abandon, free. fetch threads and dispatcher: deliver.
 * EDGES      E2 nodes    trove__stream_wait_for() release -> trove__flight_complete() acquire   a waiting node
 *            E3 state    state CAS release -> state CAS acquire   what a node holds
 * PROGRESS   lock-free but for the allocator and the wake-up.
 * TESTS      tests/unit/test_stream.c, tests/stress/test_flight_stress.c
 */
#include "core/failure.h"
#include "core/memory.h"
#include "core/resolving.h"
#include "core/stream_internal.h"
#include "core/unit.h"

enum node_state { NODE_IDLE, NODE_WAITING, NODE_DELIVERED, NODE_ABANDONED };

struct trove__stream_node *trove__stream_nodes_create(struct trove_stream *stream,
                                                      const struct trove_want *wants,
                                                      const uintptr_t *tags, size_t count)
{
    struct trove__stream_node *first = NULL, **tail = &first;

    for (size_t i = 0; i < count; i++) {
        struct trove__stream_node *node = trove__calloc(1, sizeof(*node));
        if (node == NULL) {
            trove__stream_nodes_free(first);
            return NULL;
        }
        node->stream = stream;
        node->want = wants[i];
        node->result.tag = tags != NULL ? tags[i] : 0;
        *tail = node;
        tail = &node->next;
    }
    return first;
}

void trove__stream_node_free(struct trove__stream_node *node)
{
    trove__pace_taken(&node->stream->unit->pace, trove__stream_bytes_of(node));
    trove_unpin(node->result.object);
    trove__failure_unref(node->failure);
    trove__free(node);
}

void trove__stream_nodes_free(struct trove__stream_node *node)
{
    struct trove__stream_node *next;

    for (; node != NULL; node = next) {
        next = node->next;
        trove__stream_node_free(node);
    }
}

void trove__stream_begin_spans(struct trove_stream *stream, struct trove__stream_node *nodes)
{
    struct trove__telemetry *telemetry = trove__cache_telemetry(stream->unit->cache);
    struct trove_span what = {.kind = TROVE_SPAN_RESOLVE, .count = 1};
    int64_t now = trove_now_ns();

    for (; nodes != NULL; nodes = nodes->next) {
        what.oid = &nodes->want.id;
        trove__timed_begin_at(telemetry, &nodes->timed, &what, true, now);
    }
}

/* Of those that were cached already few are timed, as for any hit. */
static void time_hit(struct trove__stream_node *node)
{
    node->timed.is_sampled = trove__sample();
    if (node->timed.is_sampled || node->timed.id != 0)
        node->end_ns = trove_now_ns();
    else
        node->timed.start_ns = 0;
}

void trove__stream_answer(struct trove__stream_node *node, int status, struct trove_object *object)
{
    node->result = (struct trove_result){
        .status = status, .how = TROVE_HIT, .object = object, .tag = node->result.tag};
    time_hit(node);
    /* RELAXED: the push below hands the node over; nobody else changes a node without a flight. */
    trove__store_relaxed(&node->state, NODE_DELIVERED);
    trove__stream_push_answer(node);
}

/* Turns NODE, whose flight is done, into an answer, or frees it when its stream was closed. */
static void deliver(struct trove__unit *unit, struct trove__stream_node *node)
{
    struct trove__flight *flight = node->flight;
    uintptr_t tag = node->result.tag;
    unsigned state = NODE_WAITING;

    /* ACQ_REL [E3 state]: pairs with abandon(). */
    if (trove__cas_acq_rel(&node->state, &state, NODE_DELIVERED)) {
        trove__flight_result(flight, node->result.how, &node->result);
        node->result.tag = tag;
        node->parts = trove__parts_of(flight);
        node->end_ns = flight->done_ns;
        node->failure = trove__failure_ref(flight->failure);
        trove__flight_leave(flight);
        if (node->stream == NULL)
            trove__resolving_answered(node);
        else
            trove__stream_push_answer(node);
    } else if (node->stream == NULL) {
        trove__resolving_left(node);
    } else {
        struct trove_stream *stream = node->stream;
        trove__stream_node_free(node);
        trove__stream_unref(stream);
    }
    trove__flight_unref(unit, flight);
}

struct trove__stream_node *trove__stream_deliver(struct trove__unit *unit,
                                                 struct trove__stream_node *nodes, unsigned limit)
{
    struct trove__stream_node *next;

    for (; nodes != NULL && limit > 0; nodes = next, limit--) {
        next = nodes->next;
        deliver(unit, nodes);
    }
    return nodes;
}

bool trove__stream_wait_for(struct trove__stream_node *node)
{
    struct trove__flight *flight = node->flight;
    /* ACQUIRE [E2 nodes]: of a closed list, and so of the result. Pairs with trove__flight_complete(). */
    struct trove__stream_node *top = trove__load_acquire(&flight->nodes);

    /* RELAXED: the CAS below hands the node over. */
    trove__store_relaxed(&node->state, NODE_WAITING);
    do {
        if (top == TROVE__NODES_CLOSED)
            return false;
        node->next = top;
        /* ACQ_REL [E2 nodes]: hands over the node. Pairs with trove__flight_complete(). */
    } while (!trove__cas_acq_rel(&flight->nodes, &top, node));
    return true;
}

bool trove__stream_give_up(struct trove__unit *unit, struct trove__stream_node *node)
{
    struct trove__flight *flight = node->flight;
    unsigned state = NODE_WAITING;
    bool left;

    /* While the node waits its flight is referenced; if it does not wait any more, this may be a reference on a later life
     * of the flight, which does no harm. */
    if (trove__load_acquire(&node->state) != NODE_WAITING || /* [E3 state] */
        !trove__flight_try_ref(flight))
        return false;
    /* ACQ_REL [E3 state]: pairs with deliver(). */
    left = trove__cas_acq_rel(&node->state, &state, NODE_ABANDONED);
    if (left)
        trove__flight_leave(flight);
    trove__flight_unref(unit, flight);
    return left;
}

void trove__stream_abandon(struct trove_stream *stream, struct trove__stream_node *node)
{
    unsigned state = NODE_IDLE;

    /* ACQ_REL [E3 state]: pairs with deliver(). */
    if (trove__cas_acq_rel(&node->state, &state, NODE_ABANDONED)) {
        trove__stream_node_free(node);
        trove__stream_unref(stream);
        return;
    }
    (void)trove__stream_give_up(stream->unit, node);
}
