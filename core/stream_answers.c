// SPDX-License-Identifier: MIT
/*
 * stream_answers.c - the answers of a stream: pushed by whoever completes a flight, taken in their order.
 *
 * INVARIANTS I1 delivery is a push on a stack: it waits for no caller.
 * ROLES      fetch threads, dispatcher, adders: push. callers: take.
 * PROTOCOL   take: moves what is on the stack to the end of the queue, under the lock. Who finds nothing sleeps on `event`,
 *            which every delivery counts up before it looks for sleepers.
 * EDGES      E1 answer   push_answer() release -> collect() acquire   a delivered node
 *            E4 event    push_answer(): stack, event, sleepers seq_cst -> take_wait(): sleepers, event, stack seq_cst
 * PROGRESS   push is lock-free but for the wake-up. take has the stream's lock for short and fixed work.
 * TESTS      tests/unit/test_stream.c, tests/stress/test_flight_stress.c
 */
#include "core/futex.h"
#include "core/stream_internal.h"
#include "core/unit.h"
#include "core/until.h"

/* Whether somebody sleeps for an answer that is not there, as far as the pace of givers goes: a guess that is late by an
 * answer does no harm. */
static void set_hungry(struct trove_stream *stream, bool hungry)
{
    struct trove__pace *pace = &stream->unit->pace;

    /* RELAXED: the flag; who changes it tells the pace. */
    if (trove__load_relaxed(&stream->hungry) == hungry ||
        trove__exchange_relaxed(&stream->hungry, hungry) == hungry)
        return;
    if (hungry)
        trove__pace_sleep(pace);
    else
        trove__pace_wake(pace);
}

void trove__stream_push_answer(struct trove__stream_node *node)
{
    struct trove_stream *stream = node->stream;
    /* RELAXED: a guess, the CAS checks it. */
    struct trove__stream_node *top = trove__load_relaxed(&stream->answers);

    trove__pace_answer(&stream->unit->pace, trove__stream_bytes_of(node));
    do {
        node->next = top;
        /* SEQ_CST [E1 answer] [E4 event]: hands over the node. Pairs with collect(). */
    } while (!trove__cas_seq_cst(&stream->answers, &top, node));
    trove__add_seq_cst(&stream->event, 1);
    if (trove__load_seq_cst(&stream->sleepers) != 0) {
        set_hungry(stream, false);
        trove__futex_wake(&stream->event, 1);
    }
    trove__stream_unref(stream);
}

void trove__stream_free_answers(struct trove_stream *stream)
{
    trove__stream_nodes_free(stream->first_answer);
    stream->first_answer = NULL;
    /* ACQUIRE [E1 answer]: pairs with push_answer(). */
    trove__stream_nodes_free(trove__exchange_acquire(&stream->answers, NULL));
}

/* Moves delivered answers to the end of the queue, in their order. */
static void collect_locked(struct trove_stream *stream)
{
    /* SEQ_CST [E1 answer] [E4 event]: pairs with push_answer(). */
    struct trove__stream_node *node = trove__exchange_seq_cst(&stream->answers, NULL);
    struct trove__stream_node *reversed = NULL, *last = node, *next;

    for (; node != NULL; node = next) {
        next = node->next;
        node->next = reversed;
        reversed = node;
    }
    if (reversed == NULL)
        return;
    if (stream->first_answer == NULL)
        stream->first_answer = reversed;
    else
        stream->last_answer->next = reversed;
    stream->last_answer = last;
}

static void unlink_locked(struct trove_stream *stream, struct trove__stream_node *node)
{
    if (node->younger != NULL)
        node->younger->older = node->older;
    else
        stream->youngest = node->older;
    if (node->older != NULL)
        node->older->younger = node->younger;
}

int trove__stream_take(struct trove_stream *stream, struct trove__stream_node **ret_node)
{
    struct trove__stream_node *node;
    bool last = false, starving = false;
    int r = TROVE__NOTHING_YET;

    pthread_mutex_lock(&stream->lock);
    collect_locked(stream);
    node = stream->first_answer;
    if (node != NULL) {
        stream->first_answer = node->next;
        unlink_locked(stream, node);
        last = --stream->outstanding == 0;
        starving = stream->first_answer == NULL && !last;
        r = 1;
    } else if (stream->outstanding == 0) {
        r = 0;
    }
    pthread_mutex_unlock(&stream->lock);
    if (last) { /* others wait for an answer that will not come; SEQ_CST [E4 event]: as in push_answer() */
        trove__add_seq_cst(&stream->event, 1);
        if (trove__load_seq_cst(&stream->sleepers) != 0)
            trove__futex_wake(&stream->event, INT_MAX);
    }
    if (starving && trove__load_relaxed(&stream->sleepers) != 0) /* RELAXED: see set_hungry() */
        set_hungry(stream, true);
    *ret_node = node;
    return r;
}

/* Sleeps until something may have happened since EVENT was SEEN: an answer, or a free flight for what has none. */
static int sleep_on(struct trove_stream *stream, unsigned seen, const struct trove_until *until)
{
    const struct trove__watch watch = {&stream->event, seen};
    int r;

    /* SEQ_CST [E4 event]: pairs with push_answer(); EVENT was read before the last look. */
    trove__add_seq_cst(&stream->sleepers, 1);
    set_hungry(stream, true);
    if (trove__stream_has_backlog(stream))
        r = trove__gather_wait_space(stream->unit, &watch, until);
    else
        r = trove__gather_wait(stream->unit, &watch, 1, until);
    if (trove__sub_relaxed(&stream->sleepers, 1) == 1) /* RELAXED: at worst one wake-up too many */
        set_hungry(stream, false);
    return r;
}

int trove__stream_take_wait(struct trove_stream *stream, const struct trove_until *until,
                            struct trove__stream_node **ret_node)
{
    int waited = 0, r;

    for (;;) {
        /* SEQ_CST [E4 event]: read before the look. */
        unsigned seen = trove__load_seq_cst(&stream->event);
        r = trove__stream_take(stream, ret_node);
        if (r != TROVE__NOTHING_YET)
            return r;
        if (waited < 0)
            return waited;
        if (trove__stream_has_backlog(stream) && trove__stream_pump(stream))
            continue;
        waited = sleep_on(stream, seen, until);
    }
}
