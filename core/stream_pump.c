// SPDX-License-Identifier: MIT
/*
 * stream_pump.c - the backlog of a stream: ids that wait for a flight, admitted as flights come free.
 *
 * PROTOCOL   add: allocates all nodes, puts them into the backlog, then pumps: admits node after node, and pushes the misses
 *            together. What finds no free flight stays in the backlog; who waits in next() pumps again, and as long as
 *            there is a backlog, watches for free flights too: whoever leaves, the others go on.
 * ROLES      callers.
 * PROGRESS   One thread at a time admits (`pump_lock`), a slice at a time; the backlog itself is under `lock` for short and
 *            fixed work.
 * TESTS      tests/unit/test_stream.c, tests/stress/test_flight_stress.c
 */
#include "core/admission.h"
#include "core/failure.h"
#include "core/fetch_op.h"
#include "core/stream_internal.h"
#include "core/unit.h"
#include <errno.h>

#define PUMP_SLICE 256

void trove__stream_enqueue(struct trove_stream *stream, struct trove__stream_node *nodes,
                           size_t count)
{
    struct trove__stream_node *last = NULL;

    /* RELAXED: the caller has a reference. */
    trove__add_relaxed(&stream->references, (unsigned)count);
    pthread_mutex_lock(&stream->lock);
    for (struct trove__stream_node *node = nodes; node != NULL; node = node->next) {
        node->older = stream->youngest;
        if (node->older != NULL)
            node->older->younger = node;
        stream->youngest = node;
        last = node;
    }
    if (stream->first_backlog == NULL)
        stream->first_backlog = nodes;
    else
        stream->last_backlog->next = nodes;
    stream->last_backlog = last;
    stream->outstanding += count;
    stream->backlog += count;
    pthread_mutex_unlock(&stream->lock);
}

/* Takes up to PUMP_SLICE nodes out of the backlog, which they still count for. */
static struct trove__stream_node *take_backlog(struct trove_stream *stream)
{
    struct trove__stream_node *first, *node;

    pthread_mutex_lock(&stream->lock);
    first = node = stream->first_backlog;
    for (unsigned i = 1; node != NULL && i < PUMP_SLICE && node->next != NULL; i++)
        node = node->next;
    if (node != NULL) {
        stream->first_backlog = node->next;
        node->next = NULL;
    }
    pthread_mutex_unlock(&stream->lock);
    return first;
}

/* Of the nodes taken, ADMITTED are on their way; NODES (may be NULL) go back to the front of the backlog. */
static void settle_backlog(struct trove_stream *stream, size_t admitted,
                           struct trove__stream_node *nodes)
{
    struct trove__stream_node *last = nodes;

    while (last != NULL && last->next != NULL)
        last = last->next;
    pthread_mutex_lock(&stream->lock);
    stream->backlog -= admitted;
    if (nodes != NULL) {
        last->next = stream->first_backlog;
        if (stream->first_backlog == NULL)
            stream->last_backlog = last;
        stream->first_backlog = nodes;
    }
    pthread_mutex_unlock(&stream->lock);
}

/* Answers NODE, which expected its object of a fetch that failed: from the cache, or with that failure. */
static void answer_after(struct trove_stream *stream, struct trove__stream_node *node)
{
    struct trove_object *object =
        trove__cache_find(stream->unit->cache, stream->unit->era, &node->want.id);

    if (object == NULL)
        node->failure = trove__failure_ref(stream->within->failure);
    trove__stream_answer(node, object != NULL ? 0 : stream->within->status, object);
}

/* Finds NODE its object or its flight. -EAGAIN: there is no flight for it now. */
static int admit(struct trove_stream *stream, struct trove__admission *admission,
                 struct trove__stream_node *node)
{
    struct trove__unit *unit = stream->unit;
    struct trove__ticket ticket;
    uint64_t outer;
    int r;

    if (stream->within != NULL && trove__fetch_failed_all(stream->within)) {
        answer_after(stream, node);
        return 0;
    }
    outer = trove__span_set_current(node->timed.id);
    r = trove__admit(unit, admission, &node->want, &ticket);
    trove__span_set_current(outer);
    if (r == -EAGAIN)
        return r;
    if (r < 0 || ticket.object != NULL) {
        trove__stream_answer(node, r, r < 0 ? NULL : ticket.object);
        return 0;
    }
    node->flight = ticket.flight;
    node->result.how = ticket.how;
    if (!trove__stream_wait_for(node))
        trove__stream_deliver(unit, node, 1);
    return 0;
}

/* Admits a slice of the backlog; returns how many. *RET_MORE: all of the slice, so that another is worth a try. */
static size_t pump_slice(struct trove_stream *stream, struct trove__admission *admission,
                         bool *ret_more)
{
    struct trove__stream_node *node, *next;
    size_t admitted = 0;

    pthread_mutex_lock(&stream->pump_lock);
    for (node = take_backlog(stream); node != NULL; node = next, admitted++) {
        next = node->next;
        if (admit(stream, admission, node) == -EAGAIN)
            break;
    }
    settle_backlog(stream, admitted, node);
    pthread_mutex_unlock(&stream->pump_lock);
    *ret_more = node == NULL && admitted > 0;
    return admitted;
}

bool trove__stream_pump(struct trove_stream *stream)
{
    struct trove__admission admission = {.lane = stream->lane, .within = stream->within};
    size_t admitted = 0;
    bool more = true;

    while (more)
        admitted += pump_slice(stream, &admission, &more);
    trove__admission_push(stream->unit, &admission);
    return admitted > 0;
}

bool trove__stream_has_backlog(struct trove_stream *stream)
{
    bool has;

    pthread_mutex_lock(&stream->lock);
    has = stream->backlog != 0;
    pthread_mutex_unlock(&stream->lock);
    return has;
}
