// SPDX-License-Identifier: MIT
/*
 * resolving.h - a resolve that nobody waits for in a call: a node on its flight's list whose answer is told of.
 *
 * The protocol is the opening comment of resolving.c.
 */
#ifndef TROVE_CORE_RESOLVING_H
#define TROVE_CORE_RESOLVING_H

#include "core/stream.h"
#include <trove/async.h>

struct trove_resolving {
    struct trove__stream_node node; /* of no stream: that tells it apart */
    struct trove__unit *unit;
    struct trove_notice notice;
    atomic_uint references; /* the owner's, its flight's, the queue's */
    atomic_uint word;       /* futex: see resolving.c */
    atomic_uint taken;
    atomic_uint freed;             /* by its owner: who takes it from the queue passes it over */
    struct trove_resolving *outer; /* what else the thread tells of meanwhile */
    struct trove_resolving *next;  /* in the queue */
};

/* NODE, of a resolving, has its result: tells of it, and gives the flight's reference back. */
void trove__resolving_answered(struct trove__stream_node *node);
/* NODE, of a resolving that was cancelled, has left its flight's list. */
void trove__resolving_left(struct trove__stream_node *node);

void trove__resolving_unref(struct trove_resolving *resolving);

/* The queue's side: ready.c */
void trove__ready_push(struct trove_ready *ready, struct trove_resolving *resolving);
struct trove_ready *trove__ready_ref(struct trove_ready *ready); /* NULL is fine */
void trove__ready_unref(struct trove_ready *ready);              /* NULL is fine */

#endif
