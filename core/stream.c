// SPDX-License-Identifier: MIT
/*
 * stream.c - ids in at one end, answers out at the other, in the order in which they arrive.
 *
 * WHAT       Each id is a node (stream_node.c). It waits in the backlog for a flight (stream_pump.c), then on its flight's
 *            list, then its answer is on the stream's queue until somebody takes it (stream_answers.c). Here: the life of a
 *            stream, and its calls.
 * INVARIANTS I1 the locks are taken by callers only; delivery is a push on a stack, so a stopped caller holds up no fetch
 *            thread.
 * ROLES      callers: open, add, next, close. fetch threads and dispatcher: deliver.
 * EDGES      E5 free     stream_unref() release -> the last stream_unref() acquire
 * PROGRESS   deliver is lock-free but for the wake-up. The others take the stream's lock for short and fixed work.
 * LIMITS     Not on fetch threads (-EDEADLK). What is answered and not taken stays pinned: pace.c holds the givers back.
 * TESTS      tests/unit/test_stream.c, tests/stress/test_flight_stress.c
 */
#include "core/stream.h"
#include "core/failure.h"
#include "core/fetch_op.h"
#include "core/memory.h"
#include "core/stream_internal.h"
#include "core/unit.h"
#include <errno.h>

/* --- life --------------------------------------------------------------------------------------------------------- */

int trove__stream_create(struct trove__unit *unit, struct trove_fetch *within,
                         enum trove__lane lane, struct trove_stream **ret_stream)
{
    struct trove_stream *stream =
        trove__sized_alloc(sizeof(*stream), _Alignof(struct trove_stream));

    if (stream == NULL)
        return -ENOMEM;
    memset(stream, 0, sizeof(*stream));
    pthread_mutex_init(&stream->lock, NULL);
    pthread_mutex_init(&stream->pump_lock, NULL);
    stream->unit = trove__unit_ref(unit);
    stream->within = trove__fetch_ref(within);
    stream->lane = lane;
    atomic_init(&stream->references, 1);
    *ret_stream = stream;
    return 0;
}

/* What a fetch brings after a replacement is for its own unit's flights. */
static int get_unit(struct trove *cache, struct trove_fetch *within, struct trove__unit **ret_unit)
{
    if (within == NULL || trove__unit_is_foreign(within->unit))
        return trove__unit_get(cache, ret_unit);
    *ret_unit = trove__unit_ref(within->unit);
    return 0;
}

int trove_stream_open(struct trove *cache, struct trove_fetch *within,
                      struct trove_stream **ret_stream, struct trove_error *err)
{
    struct trove__unit *unit;
    int r;

    if (trove__fetcher_self() != NULL)
        return trove_error_set(err, -EDEADLK, "a source cannot open a stream");
    r = trove__cache_enter(cache);
    if (r < 0)
        return trove_error_set(err, r, "the cache is shut down");
    r = get_unit(cache, within, &unit);
    if (r == 0) {
        r = trove__stream_create(unit, within, TROVE__PREFETCH, ret_stream);
        trove__unit_unref(unit);
    }
    trove__cache_leave(cache);
    return r == 0 ? 0 : trove_error_set(err, r, "cannot open a stream: %s", trove_strerror(r));
}

void trove__stream_unref(struct trove_stream *stream)
{
    /* ACQ_REL [E5 free]: pairs with itself in the threads that let go earlier. */
    if (trove__sub_acq_rel(&stream->references, 1) != 1)
        return;
    trove__stream_free_answers(stream);
    pthread_mutex_destroy(&stream->lock);
    pthread_mutex_destroy(&stream->pump_lock);
    trove__fetch_unref(stream->within);
    trove__unit_unref(stream->unit);
    trove__sized_free(stream, sizeof(*stream), _Alignof(struct trove_stream));
}

/* Between enter and leave the cache is there. -ECANCELED once it is shut down, or in a child of fork(). */
static int enter(struct trove_stream *stream)
{
    if (trove__unit_is_foreign(stream->unit) || !trove__unit_enter(stream->unit))
        return -ECANCELED;
    if (!trove__unit_is_closed(stream->unit))
        return 0;
    trove__unit_leave(stream->unit);
    return -ECANCELED;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

int trove_stream_add(struct trove_stream *stream, const struct trove_want *wants,
                     const uintptr_t *tags, size_t count, const struct trove_until *until)
{
    struct trove__stream_node *nodes;
    int r;

    (void)until; /* what finds no flight waits in the backlog, the caller need not */
    if (trove__must_not_wait())
        return -EDEADLK;
    if (count == 0)
        return 0;
    if (count > UINT32_MAX / 2)
        return -EINVAL;
    r = enter(stream);
    if (r < 0)
        return r;
    nodes = trove__stream_nodes_create(stream, wants, tags, count);
    if (nodes == NULL) {
        r = -ENOMEM;
    } else {
        trove__stream_begin_spans(stream, nodes);
        trove__stream_enqueue(stream, nodes, count);
        trove__stream_pump(stream);
    }
    trove__unit_leave(stream->unit);
    return r;
}

/* A caller is about to get NODE's answer. */
static void answered(struct trove__unit *unit, const struct trove__stream_node *node)
{
    trove__unit_count_answer(unit, &node->result);
    trove__resolve_span_end(trove__cache_telemetry(unit->cache), &node->timed, &node->want.id,
                            &node->result, node->parts.done_ns != 0 ? &node->parts : NULL,
                            node->end_ns);
}

int trove_stream_next(struct trove_stream *stream, const struct trove_until *until,
                      struct trove_result *ret, struct trove_error *err)
{
    struct trove__stream_node *node = NULL;
    int entered, r;

    if (trove__must_not_wait())
        return trove_error_set(err, -EDEADLK, "would wait inside a read section or a callback");
    if (trove__fetcher_self() != NULL)
        return trove_error_set(err, -EDEADLK, "a source cannot wait for a stream");
    entered = enter(stream);
    if (entered == 0) {
        r = trove__stream_take_wait(stream, until, &node);
        if (r == 1)
            answered(stream->unit, node);
        trove__unit_leave(stream->unit);
    } else if (trove__unit_is_foreign(stream->unit)) {
        r = entered; /* a thread of the parent may hold the lock */
    } else {
        r = trove__stream_take(stream, &node); /* what was answered before is still there */
        if (r == TROVE__NOTHING_YET)
            r = entered;
    }
    if (r < 0)
        return trove_error_set(err, r, "waiting for objects: %s", trove_strerror(r));
    if (r == 0)
        return 0;
    *ret = node->result;
    trove__pace_taken(&stream->unit->pace, trove__stream_bytes_of(node));
    node->result.object = NULL;
    trove__error_of(ret->status, node->failure, err);
    if (ret->status < 0 && err != NULL)
        err->tag = node->parts.tag;
    trove__stream_node_free(node);
    return 1;
}

/* Frees STREAM, but for what a request still owes it. */
static void forget(struct trove_stream *stream, struct trove__telemetry *telemetry)
{
    const struct trove_result forgotten = {.status = -ECANCELED};
    struct trove__stream_node *node, *older;

    pthread_mutex_lock(&stream->lock);
    node = stream->youngest;
    stream->youngest = NULL;
    stream->first_backlog = NULL;
    pthread_mutex_unlock(&stream->lock);
    for (; node != NULL; node = older) {
        older = node->older;
        if (telemetry != NULL)
            trove__resolve_span_end(telemetry, &node->timed, &node->want.id, &forgotten, NULL, 0);
        trove__stream_abandon(stream, node);
    }
    /* What a hanging request still owes keeps the stream; what was answered need not stay pinned so long. */
    trove__stream_free_answers(stream);
    trove__stream_unref(stream);
}

void trove_stream_close(struct trove_stream *stream)
{
    struct trove__unit *unit;
    bool inside;

    if (stream == NULL || trove__unit_is_foreign(stream->unit))
        return; /* of the parent: its locks may be held for ever, its nodes belong to threads that are not here */
    unit = trove__unit_ref(stream->unit); /* the stream's may be the last */
    inside = trove__unit_enter(
        unit); /* else the cache is gone, and what is forgotten is counted nowhere */
    forget(stream, inside ? trove__unit_telemetry(unit) : NULL);
    if (inside)
        trove__unit_leave(unit);
    trove__unit_unref(unit);
}
