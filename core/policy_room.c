// SPDX-License-Identifier: MIT
/*
 * policy_room.c - room for what comes: taken of the budget, by evicting or by the user's choice; and shrinking. See policy.c
 * for the rules and the protocol.
 */
#include "core/policy.h"
#include "core/policy_cells.h"
#include "core/policy_hand.h"
#include "core/probes.h"
#include "core/rcu.h"
#include "core/shared_budget.h"
#include <errno.h>
#include <sched.h>

#define CANDIDATES 128
#define BYTES_PER_CANDIDATE 64
#define PIECE_BYTES ((uint64_t)4096)

/* --- evicting until it fits --------------------------------------------------------------------------------------- */

/* Whose objects are in the way of BYTES more: this cache's, or those of the largest that shares its budget. */
static struct trove__policy *whose(struct trove__policy *policy, uint64_t bytes, uint64_t leave)
{
    return trove__budget_is_others_in_the_way(policy->budget, bytes, leave)
               ? trove__shared_budget_largest(policy->shared, policy)
               : policy;
}

/* What GONE left charged to POLICY's cache is free for everybody. */
static void give_back(struct trove__policy *policy, struct trove__gone *gone)
{
    if (gone->charged != 0)
        trove__budget_unreserve(policy->budget, gone->charged);
    gone->charged = 0;
}

/* trove__hand_step() where it helps a put into POLICY, of COMING bytes of which PIECE did not fit. */
static int make_room(struct trove__policy *policy, uint64_t coming, uint64_t piece, uint64_t leave,
                     bool may_spare, struct trove__gone *gone)
{
    struct trove__policy *from = whose(policy, piece, leave);
    int r = trove__hand_step(from, from == policy ? coming : 0, may_spare, gone);

    if (from != policy)
        give_back(from, gone);
    return r;
}

/* Up to WANTED bytes of what GONE left charged, unless all of it is needed to leave LEAVE bytes. */
static uint64_t take_over(struct trove__policy *policy, uint64_t wanted, uint64_t leave,
                          struct trove__gone *gone)
{
    uint64_t taken = 0;

    if (trove__budget_leaves(policy->budget, leave))
        taken = gone->charged < wanted ? gone->charged : wanted;
    gone->charged -= taken;
    give_back(policy, gone);
    return taken;
}

/* Takes BYTES, which were refused as a whole, piece by piece, evicting while a piece does not fit. The charge of what a hand
 * evicts is its own, so that what it frees is not another's at once. All or nothing. In a section. */
static bool evict_for(struct trove__policy *policy, uint64_t bytes, struct trove__gone *gone)
{
    uint64_t limit = CANDIDATES + bytes / BYTES_PER_CANDIDATE, spared = limit / 4 * 3;
    uint64_t taken = 0, looked = 0;
    bool refused = bytes <= PIECE_BYTES;

    while (taken < bytes) {
        uint64_t piece = bytes - taken < PIECE_BYTES ? bytes - taken : PIECE_BYTES;

        /* What was spared took cells. While that is all there is, one put need not bring the slack back alone. */
        uint64_t leave = looked < spared ? policy->leave_bytes : policy->leave_bytes / 2;

        if (!refused && trove__budget_reserve_leaving(policy->budget, piece, leave)) {
            taken += piece;
            continue;
        }
        if (looked == limit || make_room(policy, bytes, piece, leave, looked++ < spared, gone) < 0)
            break;
        refused = false;
        taken += take_over(policy, bytes - taken, leave, gone);
    }
    if (taken == bytes)
        return true;
    trove__budget_unreserve(policy->budget, taken);
    return false;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static const struct trove_span evict_span = {.kind = TROVE_SPAN_EVICT};

/* Making room begins, outside sections: it is told of, and timed now and then. */
static void begin_span(struct trove__policy *policy, struct trove__timed *timed)
{
    bool is_sampled = trove__sample();

    timed->start_ns = 0;
    if (is_sampled || trove__is_listened(policy->telemetry, TROVE_SPAN_EVICT))
        trove__timed_begin(policy->telemetry, timed, &evict_span, is_sampled);
}

static void end_span(struct trove__policy *policy, struct trove__timed *timed,
                     const struct trove__gone *gone, int status)
{
    struct trove_span what;

    if (timed->start_ns != 0) {
        what = (struct trove_span){
            .kind = TROVE_SPAN_EVICT,
            .status = status,
            .count = gone->objects,
            .bytes = gone->bytes,
        };
        trove__timed_end(policy->telemetry, timed, &what, TROVE_LATENCY_EVICT);
    }
    TROVE_PROBE(evict, policy, gone->objects, gone->bytes);
}

/* In a section nobody can be told: trove__policy_tell() will. */
static void tell_later(struct trove__policy *policy, uint64_t objects, uint64_t bytes)
{
    /* RELAXED, both: sums. */
    trove__add_relaxed(&policy->untold_bytes, bytes);
    trove__add_relaxed(&policy->untold_objects, objects);
}

void trove__policy_tell(struct trove__policy *policy)
{
    struct trove__timed timed = {0};
    struct trove__gone gone;

    /* RELAXED, all: sums that are told of now or the next time. */
    if (trove__load_relaxed(&policy->untold_objects) == 0)
        return;
    gone.objects = trove__exchange_relaxed(&policy->untold_objects, 0);
    gone.bytes = trove__exchange_relaxed(&policy->untold_bytes, 0);
    if (trove__is_listened(policy->telemetry, TROVE_SPAN_EVICT))
        trove__timed_begin(policy->telemetry, &timed, &evict_span, false);
    end_span(policy, &timed, &gone, 0);
}

/* --- the calls ---------------------------------------------------------------------------------------------------- */

static bool reserve_evicting(struct trove__policy *policy, uint64_t bytes)
{
    struct trove__retiring retiring;
    struct trove__timed timed;
    struct trove__gone gone = {0};
    bool taken;

    begin_span(policy, &timed);
    trove__retiring_enter(&retiring, policy->reclaim);
    taken = evict_for(policy, bytes, &gone);
    trove__retiring_leave(&retiring);
    end_span(policy, &timed, &gone, taken ? 0 : -ENOSPC);
    return taken;
}

/* The user's choice holds until the next one for what is needed inside sections, where nobody can be asked: a level of
 * the table, a place in a full window. */
static enum trove_overfull mode_of(struct trove__policy *policy)
{
    return (enum trove_overfull)trove__load_relaxed(
        &policy->mode); /* RELAXED: a choice, late by a put or two */
}

static bool reserve_asking(struct trove__policy *policy, uint64_t bytes)
{
    uint64_t used = trove__budget_live(policy->budget) + trove__budget_deferred(policy->budget);
    enum trove_overfull answer = policy->callback(policy->callback_context, used, bytes);

    /* RELAXED, both: see mode_of() */
    trove__store_relaxed(&policy->mode, answer);
    trove__store_relaxed(&policy->budget->loose, answer == TROVE_OVERFULL_GROW);
    switch (answer) {
    case TROVE_OVERFULL_EVICT:
        return reserve_evicting(policy, bytes);
    case TROVE_OVERFULL_GROW:
        trove__budget_force(policy->budget, bytes);
        return true;
    default:
        return false;
    }
}

/*
 * What could be evicted would have to wait for a grace period that is not over. Where threads are more than processors that
 * is most often one for readers who lost theirs in a section, and for the reclaimer who has none: they get this one's for a
 * moment, and who gives it is in no section. Never asked twice by one put, and not while a reader is stuck: nobody waits for
 * a grace period here. False: nothing has changed.
 */
static bool give_way(struct trove__policy *policy)
{
    if (!trove__hand_must_wait(policy) || trove__section_known() ||
        trove__holdup_is_long(&policy->reclaim->holdup))
        return false;
    trove__reclaim_hurry(policy->reclaim);
    sched_yield();
    return true;
}

bool trove__policy_reserve(struct trove__policy *policy, uint64_t bytes)
{
    if (trove__budget_reserve_leaving(policy->budget, bytes, policy->leave_bytes))
        return true;
    if (policy->overfull == TROVE_OVERFULL_EVICT)
        return reserve_evicting(policy, bytes) ||
               (give_way(policy) && reserve_evicting(policy, bytes));
    return policy->overfull == TROVE_OVERFULL_CALLBACK && reserve_asking(policy, bytes);
}

bool trove__policy_awaits_memory(struct trove__policy *policy)
{
    return policy->evicts && trove__hand_must_wait(policy);
}

bool trove__policy_reserve_level(struct trove__policy *policy, uint64_t bytes, bool may_evict)
{
    struct trove__gone gone = {0};
    bool taken;

    if (trove__budget_reserve_leaving(policy->budget, bytes, policy->leave_bytes))
        return true;
    if (mode_of(policy) == TROVE_OVERFULL_GROW) {
        trove__budget_force(policy->budget, bytes);
        return true;
    }
    /* Not while what would have to go has no room in `deferred`: a half of the way helps nobody. */
    if (!may_evict || mode_of(policy) != TROVE_OVERFULL_EVICT ||
        bytes > trove__budget_deferred_room(policy->budget))
        return false;
    taken = evict_for(policy, bytes, &gone);
    tell_later(policy, gone.objects, gone.bytes);
    return taken;
}

bool trove__policy_displace(struct trove__policy *policy, uint64_t hash)
{
    struct trove_object *victim;

    if (mode_of(policy) != TROVE_OVERFULL_EVICT)
        return false;
    victim = trove__table_victim(policy->table, hash);
    if (victim == NULL || trove__table_remove(policy->table, victim,
                                              trove__table_hash(policy->table, victim->id)) != 0)
        return victim != NULL;
    trove__policy_count(policy, TROVE__COUNT_EVICTIONS, 1);
    tell_later(policy, 1, trove__policy_bytes(victim));
    trove__policy_unlinked(policy, victim);
    trove__reclaim_wake(policy->reclaim);
    return true;
}

/* --- shrinking ---------------------------------------------------------------------------------------------------- */

/* Some candidates, of which LOOKED were before and LIMIT are all. In a section. */
static int shrink_slice(struct trove__policy *policy, uint64_t bytes, uint64_t *looked,
                        uint64_t limit, struct trove__gone *gone)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < CANDIDATES && gone->bytes < bytes && *looked < limit; i++)
        r = trove__hand_step(policy, 0, (*looked)++ < limit / 4 * 3, gone);
    return *looked == limit ? -EBUSY : r;
}

static struct trove__gone shrink_queues(struct trove__policy *policy, uint64_t bytes)
{
    /* An object is spared at most as often as its hint counts, and twice besides, unless readers use it meanwhile. */
    uint64_t limit =
        CANDIDATES + trove__table_entries_hint(policy->table) * (TROVE__HINT_MAX + 1) * 2;
    struct trove__retiring retiring;
    struct trove__gone gone = {0};
    uint64_t looked = 0;
    int r = 0;

    while (r == 0 && gone.bytes < bytes) {
        trove__retiring_enter(&retiring, policy->reclaim);
        r = shrink_slice(policy, bytes, &looked, limit, &gone);
        trove__retiring_leave(&retiring);
        give_back(policy, &gone);
    }
    return gone;
}

struct shrinking {
    struct trove__policy *policy;
    uint64_t bytes;
    struct trove__gone gone;
    unsigned char hint; /* what was used more stays for now */
};

static void shrink_by(void *context, struct trove_object *object)
{
    struct shrinking *shrinking = context;
    struct trove__policy *policy = shrinking->policy;

    if (shrinking->gone.bytes >= shrinking->bytes ||
        trove__load_relaxed(&object->hint) > shrinking->hint || /* RELAXED: a hint */
        trove__table_remove(policy->table, object, trove__table_hash(policy->table, object->id)) !=
            0)
        return;
    trove__add_gone(&shrinking->gone, trove__policy_bytes(object));
    trove__policy_count(policy, TROVE__COUNT_EVICTIONS, 1);
    trove__policy_unlinked(policy, object);
}

/* Where there are no queues: what was used least, in the order of the table. */
static struct trove__gone shrink_table(struct trove__policy *policy, uint64_t bytes)
{
    struct shrinking shrinking = {.policy = policy, .bytes = bytes};
    struct trove__retiring retiring;

    for (; shrinking.gone.bytes < bytes && shrinking.hint <= TROVE__HINT_MAX; shrinking.hint++) {
        trove__retiring_enter(&retiring, policy->reclaim);
        trove__table_each(policy->table, shrink_by, &shrinking);
        trove__retiring_leave(&retiring);
    }
    return shrinking.gone;
}

uint64_t trove__policy_shrink(struct trove__policy *policy, uint64_t bytes)
{
    struct trove__timed timed;
    struct trove__gone gone;

    begin_span(policy, &timed);
    gone = policy->evicts ? shrink_queues(policy, bytes) : shrink_table(policy, bytes);
    end_span(policy, &timed, &gone, 0);
    return gone.bytes;
}
