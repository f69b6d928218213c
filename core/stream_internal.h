// SPDX-License-Identifier: MIT
/*
 * stream_internal.h - what the files of a stream share. The protocol: stream.c, and who does each step of it.
 */
#ifndef TROVE_CORE_STREAM_INTERNAL_H
#define TROVE_CORE_STREAM_INTERNAL_H

#include "core/stream.h"
#include <pthread.h>

struct trove_stream {
    struct trove__unit *unit;
    struct trove_fetch *within; /* referenced; may be NULL */
    enum trove__lane lane;
    atomic_uint references; /* the owner's, and one for each node that is under way */
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove__stream_node *) answers; /* stack */
    atomic_uint event; /* futex: counts deliveries */
    atomic_uint sleepers;
    atomic_uint hungry; /* somebody sleeps and there is no answer */
    _Alignas(TROVE__FALSE_SHARING_BYTES) pthread_mutex_t lock; /* guards what follows */
    struct trove__stream_node *first_answer, *last_answer;     /* in order */
    struct trove__stream_node *first_backlog, *last_backlog;   /* by `next` */
    struct trove__stream_node *youngest; /* all nodes that were not taken, by `older` */
    size_t outstanding;                  /* their number */
    size_t backlog;            /* of these, not yet admitted, also while somebody does so */
    pthread_mutex_t pump_lock; /* one thread at a time admits; outside of `lock` */
};

static inline uint64_t trove__stream_bytes_of(const struct trove__stream_node *node)
{
    return node->result.object != NULL ? trove_object_size(node->result.object) : 0;
}

/* COUNT nodes linked by `next`, or NULL. */
struct trove__stream_node *trove__stream_nodes_create(struct trove_stream *stream,
                                                      const struct trove_want *wants,
                                                      const uintptr_t *tags, size_t count);
/* NODES are about to be added: they are told of, and timed. */
void trove__stream_begin_spans(struct trove_stream *stream, struct trove__stream_node *nodes);
void trove__stream_node_free(struct trove__stream_node *node);
void trove__stream_nodes_free(struct trove__stream_node *node); /* all that are linked to it */

/* Turns NODE, which has no flight, into an answer. */
void trove__stream_answer(struct trove__stream_node *node, int status, struct trove_object *object);
/* Leaves NODE to its flight. False: that is done, deliver the node. */
bool trove__stream_wait_for(struct trove__stream_node *node);
/* NODE, which had a flight, waits no more: true when it still did, and counts for no waiter of the flight any more. */
bool trove__stream_give_up(struct trove__unit *unit, struct trove__stream_node *node);
/* NODE was not taken. Delivered ones are freed with the stream's queue. */
void trove__stream_abandon(struct trove_stream *stream, struct trove__stream_node *node);

/* Puts NODES into the backlog. */
void trove__stream_enqueue(struct trove_stream *stream, struct trove__stream_node *nodes,
                           size_t count);
/* Admits what the backlog holds, as far as there are flights. True when it admitted anything. */
bool trove__stream_pump(struct trove_stream *stream);
bool trove__stream_has_backlog(struct trove_stream *stream);

enum { TROVE__NOTHING_YET = -1 };

/* NODE has its result. Gives the node's reference on the stream back. */
void trove__stream_push_answer(struct trove__stream_node *node);
/* The next answer: 1 and *RET_NODE (own), 0 when none will come, or TROVE__NOTHING_YET. */
int trove__stream_take(struct trove_stream *stream, struct trove__stream_node **ret_node);
/* As trove__stream_take(), but waits. The failure of a wait comes back only after one more look. */
int trove__stream_take_wait(struct trove_stream *stream, const struct trove_until *until,
                            struct trove__stream_node **ret_node);
/* Of a stream that nobody takes from any more. */
void trove__stream_free_answers(struct trove_stream *stream);

void trove__stream_unref(struct trove_stream *stream);

#endif
