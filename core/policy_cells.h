// SPDX-License-Identifier: MIT
/*
 * policy_cells.h - an object and its cell in a queue: what it weighs, and who retires it.
 *
 * INVARIANTS I1, I2 and I4 of policy.c, and its edge E1.
 */
#ifndef TROVE_CORE_POLICY_CELLS_H
#define TROVE_CORE_POLICY_CELLS_H

#include "core/policy.h"

#define TROVE__STATE_QUEUED 1u
#define TROVE__STATE_DEAD 2u /* bits above: object.h, policy_spare.c */

static inline uint64_t trove__policy_bytes(const struct trove_object *object)
{
    return trove__object_usable(object->algo, object->size);
}

static inline uint64_t trove__policy_objects(struct trove__policy *policy)
{
    return trove__table_entries_hint(policy->table);
}

/* OBJECT was evicted as KIND, or was spared as KIND and is looked at again, WANTED or not. */
static inline void trove__policy_seen(struct trove__policy *policy,
                                      const struct trove_object *object, enum trove__leaver kind,
                                      bool wanted)
{
    if (trove__worth_counts(&policy->worth, object, kind)) /* first: the sum is dear */
        trove__worth_seen(&policy->worth, kind, wanted, trove__policy_objects(policy));
}

static inline void trove__policy_count(struct trove__policy *policy, enum trove__counter which,
                                       uint64_t n)
{
    trove__counters_add(policy->counters, which, n);
}

/* COUNT objects of BYTES came, or went where both are below 0; EVICTED of them were evicted. */
static inline void trove__policy_count_objects(struct trove__policy *policy, long count, long bytes,
                                               uint64_t evicted)
{
    atomic_ulong *counts = trove__counters_mine(policy->counters);

    /* RELAXED, all: sums */
    trove__add_relaxed(&counts[TROVE__COUNT_OBJECTS], (uint64_t)count);
    trove__add_relaxed(&counts[TROVE__COUNT_OBJECT_BYTES], (uint64_t)bytes);
    if (evicted != 0)
        trove__add_relaxed(&counts[TROVE__COUNT_EVICTIONS], evicted);
}

static inline bool trove__policy_is_dead(struct trove_object *object)
{
    /* RELAXED: seeing it late costs a search in the table. */
    return (trove__load_relaxed(&object->state) & TROVE__STATE_DEAD) != 0;
}

/* The caller holds OBJECT's cell, or never got one, and will not push it. Retires it if it is dead; else whoever unlinks
 * it does. */
void trove__policy_give_up_cell(struct trove__policy *policy, struct trove_object *object);

/* 0, -ENOMEM: there is no segment for it. */
int trove__policy_enqueue(struct trove__queue *queue, struct trove_object *object);
/* NULL: there is none. */
struct trove_object *trove__policy_dequeue(struct trove__queue *queue);

/* Back into main; when there is no segment for it, it stays without a cell. */
void trove__policy_put_back(struct trove__policy *policy, struct trove_object *object);

#endif
