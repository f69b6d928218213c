// SPDX-License-Identifier: MIT
/*
 * queue.h - a lock-free first-in-first-out queue of objects, for the evictor.
 *
 * The protocol is the opening comment of queue.c. All calls but init and deinit are made inside a read section.
 */
#ifndef TROVE_CORE_QUEUE_H
#define TROVE_CORE_QUEUE_H

#include "core/budget.h"
#include "core/object.h"
#include "core/reclaim.h"
#include "core/sum.h"

struct trove__segment;

#ifndef TROVE__SEGMENT_CELLS /* a test may have fewer */
#define TROVE__SEGMENT_CELLS 448
#endif

struct trove__queue {
    struct trove__reclaim *reclaim;
    unsigned batch; /* tickets that a pusher takes at once */
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove__segment *) tail;
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove__segment *) head;
    struct trove__sum bytes; /* of the objects in it, kept by the user */
    struct {
        _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong tickets; /* see queue.c */
    } pushers[TROVE__COUNTER_STRIPES];
};

/* What a segment is charged with. */
size_t trove__segment_bytes(void);

/* Pushers take BATCH tickets at once, 1 or a power of two by which TROVE__SEGMENT_CELLS can be divided. SLACK: of the sum of
 * bytes. 0, -ENOMEM (nothing to deinit). */
int trove__queue_init(struct trove__queue *queue, struct trove__reclaim *reclaim, unsigned batch,
                      long slack);
/* Frees the segments. The objects are the caller's. No concurrent calls. */
void trove__queue_deinit(struct trove__queue *queue);

/* Appends OBJECT. 0, or -ENOMEM: a segment was needed and there is no room in the budget, or no memory. Lock-free. */
int trove__queue_push(struct trove__queue *queue, struct trove_object *object);

/* The oldest object, now the caller's to decide about, or NULL when there is none. Lock-free. */
struct trove_object *trove__queue_pop(struct trove__queue *queue);

/* The object that as many pops as AHEAD from now may give, or NULL: a look, for who wants its lines early. In a section. */
struct trove_object *trove__queue_peek(const struct trove__queue *queue, unsigned ahead);

/* How many cells were pushed and not yet popped: no fewer than there are objects. In a section. */
uint64_t trove__queue_cells(struct trove__queue *queue);

/* Segments in the queue; for tests and recounts, when quiet. */
uint64_t trove__queue_segments(struct trove__queue *queue);

#endif
