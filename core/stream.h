// SPDX-License-Identifier: MIT
/*
 * stream.h - waiting for a flight without a thread: a node on the flight's list, which its result turns into an answer on
 * the stream's queue.
 */
#ifndef TROVE_CORE_STREAM_H
#define TROVE_CORE_STREAM_H

#include "core/resolve_span.h"

struct trove_stream;

/* Marks the list of a decided flight. */
#define TROVE__NODES_CLOSED ((struct trove__stream_node *)1)

struct trove__stream_node {
    struct trove__stream_node *next; /* on the flight's list, then on the stream's queue */
    struct trove__stream_node *older, *younger; /* all of the stream that wait; under its lock */
    struct trove_stream *stream;                /* NULL: of a struct trove_resolving */
    struct trove__flight *flight;               /* referenced until delivery */
    struct trove_want want;
    atomic_uint state; /* enum node_state of stream_node.c */
    struct trove_result result;
    struct trove__failure *failure;
    struct trove__timed timed; /* set when it is added */
    struct trove__parts parts; /* of its flight, if it had one */
    int64_t end_ns;            /* when it was answered */
};

/* Turns the first LIMIT of NODES, whose flight is done, into answers; returns the rest. */
struct trove__stream_node *trove__stream_deliver(struct trove__unit *unit,
                                                 struct trove__stream_node *nodes, unsigned limit);

/* A stream whose misses go to LANE. */
int trove__stream_create(struct trove__unit *unit, struct trove_fetch *within,
                         enum trove__lane lane, struct trove_stream **ret_stream);

#endif
