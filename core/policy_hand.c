// SPDX-License-Identifier: MIT
/*
 * policy_hand.c - the hand: what is taken out of the queues, spared or evicted. See policy_hand.h, and policy.c for the rules
 * and the protocol.
 */
#include "core/policy_hand.h"
#include "core/policy_cells.h"
#include "core/policy_spare.h"
#include "core/rcu.h"
#include <errno.h>

#define DEFERRED_RESERVE 16 /* the last sixteenth of deferred_max */

/* --- taking out --------------------------------------------------------------------------------------------------- */

/* Takes OBJECT, whose cell the caller holds, out of the table, as KIND. DEFERRED: its bytes are taken there.
 * Returns the bytes that are gone by this. */
static uint64_t take_out(struct trove__policy *policy, enum trove__leaver kind,
                         struct trove_object *object, bool deferred)
{
    uint64_t bytes = trove__policy_bytes(object),
             hash = trove__table_hash(policy->table, object->id);
    int r = trove__table_remove(policy->table, object, hash);

    if (r == 0) {
        trove__ghosts_remember(&policy->ghosts, hash, kind, bytes);
        trove__worth_seen(&policy->worth, object, kind, false, trove__policy_objects(policy));
        trove__policy_count(policy, TROVE__COUNT_EVICTIONS, 1);
        trove__policy_count_gone(policy, bytes);
        if (deferred)
            trove__reclaim_deferred(policy->reclaim, object);
        else
            trove__reclaim_object(policy->reclaim, object);
        return bytes;
    }
    if (deferred)
        trove__budget_undefer(policy->budget, bytes);
    if (r == -EBUSY)
        trove__policy_put_back(policy, object);
    else
        trove__policy_give_up_cell(policy, object);
    return 0;
}

/*
 * Is it worth taking a cell? Pushing back what cannot be deferred costs a cell, and cells cost segments that wait for a
 * grace period themselves; so a hand stops before the bound, and after a failure until the object that failed fits.
 */
static bool may_defer(struct trove__policy *policy)
{
    uint64_t max = policy->budget->deferred_max, wanted, room;

    room = trove__budget_deferred_room(policy->budget);
    wanted = trove__load_relaxed(
        &policy->wanted_room); /* RELAXED, both: a stale wish stops a hand too early or late */
    if (room < wanted || room < max / DEFERRED_RESERVE)
        return false;
    if (wanted != 0)
        trove__store_relaxed(&policy->wanted_room, 0);
    return true;
}

/* 0, or -EBUSY: there is no room in `deferred`, OBJECT stays, in FROM. Adds what is gone, as KIND, to *GONE. */
static int evict(struct trove__policy *policy, struct trove__queue *from, enum trove__leaver kind,
                 struct trove_object *object, struct trove__gone *gone)
{
    if (trove__budget_defer(policy->budget, trove__policy_bytes(object))) {
        trove__add_gone(gone, take_out(policy, kind, object, true));
        return 0;
    }
    trove__store_relaxed(&policy->wanted_room,
                         trove__policy_bytes(object)); /* RELAXED: see may_defer() */
    if (trove__policy_enqueue(from, object) == 0)
        return -EBUSY;
    /* No segment to keep it in; it stays live until it is free. */
    trove__add_gone(gone, take_out(policy, kind, object, false));
    return 0;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

/* For a put that brings COMING bytes. */
static struct trove__queue *choose_queue(struct trove__policy *policy, uint64_t coming)
{
    /* Sums that are a little off choose a little differently. */
    uint64_t small = trove__sum_look(&policy->small.bytes);
    uint64_t main = trove__sum_look(&policy->main.bytes);

    return main == 0 || small + coming > trove__share_of(&policy->share, small + main)
               ? &policy->small
               : &policy->main;
}

/* As what an object leaves QUEUE that nobody used there. */
static enum trove__leaver unused_of(const struct trove__policy *policy,
                                    const struct trove__queue *queue)
{
    return queue == &policy->small ? TROVE__LEAVER_NEW : TROVE__LEAVER_IDLE;
}

int trove__hand_step(struct trove__policy *policy, uint64_t coming, bool may_spare,
                     struct trove__gone *gone)
{
    struct trove__queue *queue = choose_queue(policy, coming);
    struct trove_object *object;
    enum trove__leaver kind;

    if (!may_defer(policy))
        return -EBUSY;
    object = trove__policy_dequeue(queue);
    if (object == NULL) {
        queue = queue == &policy->small ? &policy->main : &policy->small;
        object = trove__policy_dequeue(queue);
    }
    if (object == NULL)
        return -ENOENT;
    if (trove__policy_is_dead(object)) {
        trove__policy_give_up_cell(policy, object);
        return 0;
    }
    kind = unused_of(policy, queue);
    if (may_spare && trove__policy_spares(policy, queue, object, &kind) &&
        trove__policy_enqueue(&policy->main, object) == 0)
        return 0;
    return evict(policy, queue, kind, object, gone);
}

/* --- sifting ------------------------------------------------------------------------------------------------------ */

#define SIFT_CELLS 256 /* in one section */

/* Some cells of QUEUE go to its end, without the dead. In a section. */
static void sift_some(struct trove__policy *policy, struct trove__queue *queue, uint64_t cells)
{
    struct trove_object *object;

    for (; cells > 0 && (object = trove__policy_dequeue(queue)) != NULL; cells--) {
        if (trove__policy_is_dead(object))
            trove__policy_give_up_cell(policy, object);
        else if (trove__policy_enqueue(queue, object) < 0)
            (void)take_out(policy, unused_of(policy, queue), object,
                           false); /* no segment to keep it in */
    }
}

static void sift(struct trove__policy *policy, struct trove__queue *queue)
{
    uint64_t left, cells;

    trove__section_enter();
    left = trove__queue_cells(queue);
    trove__section_leave();
    for (; left > 0; left -= cells) {
        cells = left < SIFT_CELLS ? left : SIFT_CELLS;
        trove__section_enter();
        sift_some(policy, queue, cells);
        trove__section_leave();
    }
}

void trove__policy_sift(struct trove__policy *policy)
{
    if (!policy->evicts)
        return;
    sift(policy, &policy->small);
    sift(policy, &policy->main);
}
