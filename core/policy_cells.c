// SPDX-License-Identifier: MIT
/*
 * policy_cells.c - an object and its cell: who retires it. See policy_cells.h.
 */
#include "core/policy_cells.h"

void trove__policy_unlinked(struct trove__policy *policy, struct trove_object *object)
{
    trove__policy_count_objects(policy, -1, -(long)trove__policy_bytes(object), 0);
    /* ACQ_REL [E1 state]: the other end is trove__policy_give_up_cell(). */
    if ((trove__or_acq_rel(&object->state, TROVE__STATE_DEAD) & TROVE__STATE_QUEUED) == 0)
        trove__reclaim_object(policy->reclaim, object);
}

void trove__policy_give_up_cell(struct trove__policy *policy, struct trove_object *object)
{
    /* ACQ_REL [E1 state]: the other end is trove__policy_unlinked(). */
    if (trove__and_acq_rel(&object->state, (unsigned char)~TROVE__STATE_QUEUED) & TROVE__STATE_DEAD)
        trove__reclaim_object(policy->reclaim, object);
}

int trove__policy_enqueue(struct trove__queue *queue, struct trove_object *object)
{
    long bytes = (long)trove__policy_bytes(object);
    int r;

    trove__sum_add(&queue->bytes, bytes); /* before the push, so that it does not go below 0 */
    r = trove__queue_push(queue, object);
    if (r < 0)
        trove__sum_add(&queue->bytes, -bytes);
    return r;
}

struct trove_object *trove__policy_dequeue(struct trove__queue *queue)
{
    struct trove_object *object = trove__queue_pop(queue);

    if (object != NULL)
        trove__sum_add(&queue->bytes, -(long)trove__policy_bytes(object));
    return object;
}

static void give_up_all(struct trove__policy *policy, struct trove__queue *queue)
{
    struct trove_object *object;

    while ((object = trove__policy_dequeue(queue)) != NULL)
        trove__policy_give_up_cell(policy, object);
}

void trove__policy_give_up(struct trove__policy *policy)
{
    if (!policy->evicts)
        return;
    give_up_all(policy, &policy->small);
    give_up_all(policy, &policy->main);
}

void trove__policy_put_back(struct trove__policy *policy, struct trove_object *object)
{
    if (trove__policy_enqueue(&policy->main, object) < 0)
        trove__policy_give_up_cell(policy, object);
}
