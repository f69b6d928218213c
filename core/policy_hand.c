// SPDX-License-Identifier: MIT
/*
 * policy_hand.c - the hand: what is taken out of the queues, spared or evicted. See policy_hand.h, and policy.c for the rules
 * and the protocol.
 */
#include "core/policy_hand.h"
#include "core/policy_cells.h"
#include "core/policy_spare.h"
#include "core/rcu.h"
#include "core/table_find.h"
#include <errno.h>

#define DEFERRED_RESERVE 16 /* the last sixteenth of deferred_max */

/* --- taking out --------------------------------------------------------------------------------------------------- */

/* Takes OBJECT, whose cell the caller holds, out of the table, as KIND. DEFERRED: its bytes are taken there. Adds what is gone
 * by this to *GONE. */
static void take_out(struct trove__policy *policy, enum trove__leaver kind,
                     struct trove_object *object, bool deferred, struct trove__gone *gone)
{
    uint64_t bytes = trove__policy_bytes(object),
             hash = trove__table_hash(policy->table, object->id);
    int r = trove__table_remove(policy->table, object, hash);

    if (r == 0) {
        trove__ghosts_remember(&policy->ghosts, hash, kind, bytes);
        trove__policy_seen(policy, object, kind, false);
        trove__policy_count_objects(policy, -1, -(long)bytes, 1);
        trove__add_gone(gone, bytes);
        if (deferred) {
            gone->charged += bytes;
            trove__reclaim_deferred(policy->reclaim, object);
        } else {
            trove__reclaim_object(policy->reclaim, object);
        }
        return;
    }
    if (deferred)
        trove__budget_undefer(policy->budget, bytes);
    if (r == -EBUSY)
        trove__policy_put_back(policy, object);
    else
        trove__policy_give_up_cell(policy, object);
}

static bool is_room_for(struct trove__policy *policy, uint64_t wanted)
{
    uint64_t room = trove__budget_deferred_room(policy->budget);

    return room >= wanted && room >= policy->budget->deferred_max / DEFERRED_RESERVE;
}

static uint64_t wanted_room(struct trove__policy *policy)
{
    return trove__load_relaxed(
        &policy->wanted_room); /* RELAXED: a stale wish stops a hand too early or late */
}

bool trove__hand_must_wait(struct trove__policy *policy)
{
    return !is_room_for(policy, wanted_room(policy));
}

/*
 * Is it worth taking a cell? Pushing back what cannot be deferred costs a cell, and cells cost segments that wait for a
 * grace period themselves; so a hand stops before the bound, and after a failure until the object that failed fits.
 */
static bool may_defer(struct trove__policy *policy)
{
    uint64_t wanted = wanted_room(policy);

    if (!is_room_for(policy, wanted))
        return false;
    if (wanted != 0)
        trove__store_relaxed(&policy->wanted_room, 0); /* RELAXED: as above */
    return true;
}

/* 0, or -EBUSY: there is no room in `deferred`, OBJECT stays, in FROM. Adds what is gone, as KIND, to *GONE. */
static int evict(struct trove__policy *policy, struct trove__queue *from, enum trove__leaver kind,
                 struct trove_object *object, struct trove__gone *gone)
{
    if (trove__budget_defer(policy->budget, trove__policy_bytes(object))) {
        take_out(policy, kind, object, true, gone);
        return 0;
    }
    trove__store_relaxed(&policy->wanted_room,
                         trove__policy_bytes(object)); /* RELAXED: see may_defer() */
    if (trove__policy_enqueue(from, object) == 0)
        return -EBUSY;
    /* No segment to keep it in; it stays live until it is free. */
    take_out(policy, kind, object, false, gone);
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

/* An eviction reads three lines that are in no cache by then, two of them one after the other: the object, its bucket, its
 * trailer. They are asked for while the hand is busy with candidates before it: what is FAR away is prefetched, and what that
 * leads to once it is NEAR and looks as if it will go. Whoever takes such a cell meanwhile frees nothing before this section ends. */
#define FAR 4
#define NEAR 2

static void look_ahead(struct trove__policy *policy, struct trove__queue *queue)
{
    struct trove_object *far = trove__queue_peek(queue, FAR);
    struct trove_object *near = trove__queue_peek(queue, NEAR);
    uint64_t hash;

    if (far != NULL)
        __builtin_prefetch(far);
    if (near == NULL || trove__load_relaxed(&near->hint) != 0 /* RELAXED: a hint */)
        return;
    trove__object_prefetch_trailer(near);
    hash = trove__table_hash(policy->table, near->id);
    trove__table_prefetch(policy->table, hash);
    trove__ghosts_prefetch(&policy->ghosts, hash);
}

int trove__hand_step(struct trove__policy *policy, uint64_t coming, bool may_spare,
                     struct trove__gone *gone)
{
    struct trove__queue *queue = choose_queue(policy, coming);
    struct trove_object *object;
    enum trove__leaver kind;

    if (!may_defer(policy))
        return -EBUSY;
    look_ahead(policy, queue);
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
    struct trove__gone gone = {0};

    for (; cells > 0 && (object = trove__policy_dequeue(queue)) != NULL; cells--) {
        if (trove__policy_is_dead(object))
            trove__policy_give_up_cell(policy, object);
        else if (trove__policy_enqueue(queue, object) < 0)
            take_out(policy, unused_of(policy, queue), object, false,
                     &gone); /* no segment to keep it in */
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
