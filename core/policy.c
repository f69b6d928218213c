// SPDX-License-Identifier: MIT
/*
 * policy.c - what stays cached.
 *
 * WHAT
 *   The rules and the protocol of all of policy_*.c; here, what a policy is made of and what enters. policy_cells.c has an
 *   object and its cell, policy_hand.c what is spared or evicted, policy_room.c who asks for room.
 *   Two queues (after S3-FIFO): new objects enter `small`; an object that was used at least twice there goes to `main`, and
 *   so does one whose id was evicted not long ago (a ghost), unless it is large, or main loses most of what it should keep:
 *   then it has to be used twice in small. The
 *   hand evicts from small while that is above its share, else from main, where an object with a hint goes round once more
 *   with its hint lowered. One use alone does not save an object in small: a scan puts an object and reads it once.
 *   Small's share of the bytes begins with a tenth and is learnt (share.h): what comes back soon after it left small makes
 *   it grow, what comes back soon after it left main makes it shrink. So old objects of a history that is read backwards
 *   stay long enough to be used once more, where a fixed tenth loses to LRU, and a scan still costs the hot set nothing.
 *   Where it is doubtful whether an object should go round once more (used once in small; in main, used often but not since the
 *   last look), it is learnt too (worth.h), and a light object is spared sooner than a heavy one. A light one of main goes
 *   round once without any use: commits and trees are light, and each is a round trip before what it names can be asked for.
 *
 * INVARIANTS
 *   I1 An object is in at most one cell. State bits: QUEUED is set by the inserter before publication, and cleared by
 *      the hand that gives a taken cell up; DEAD is set by whoever unlinked the object.
 *   I2 An unlinked object is retired once: by its unlinker if QUEUED was not set, else by the hand that took its cell.
 *   I3 The bounds of budget.h. An object is charged before it is allocated, moves to `deferred` when it is retired, and is
 *      charged no more when it is freed. Eviction takes `deferred` first, and does not happen without.
 *   I4 queue.bytes is the sum of the objects in its cells, and what is just being pushed. What a hand sees of it is off by a
 *      thousandth of the cache, and not at all in small ones.
 *
 * ROLES     Any thread, inside sections: each call that needs room is a hand. There is no evictor thread.
 *
 * PROTOCOL
 *   A hand takes a cell; that is the right to decide about the object. DEAD: retire it. To be kept: push it into main.
 *   To go: take `deferred`; find its slot and clear it by compare-and-swap; won: retire it. SEALED (it is just being
 *   moved): push it into main. Gone: somebody else unlinks it; give the cell up (clear QUEUED), and retire it if DEAD came
 *   first.
 *   A put looks at 128 candidates and one more for each 64 bytes it brings, no more; past three quarters of these it evicts
 *   whatever the hint says, because readers could set hints for ever. Where too much waits to be freed already, it gives its
 *   processor to others once, and looks once more (policy_room.c).
 *   What is about to enter counts for small's share already: else a put of many bytes would take from main what it brings
 *   into small.
 *   Segments of queues are charged like everything else. Objects leave SLACK segments' room in the budget, so that a hand
 *   can push what it wants to keep although the cache is full; the next put restores the slack.
 *
 * EDGES
 *   E1 state   trove__policy_unlinked() or trove__policy_give_up_cell(), whichever is second on the state byte, retires:
 *              acq_rel both
 *   Hints, ghosts (ghosts.c), the share (share.h), what is learnt (worth.h) and the sums of queues are relaxed: they guide, a
 *   wrong guess costs a miss later.
 *
 * PROGRESS  lock-free and bounded: a call looks at a fixed number of candidates.
 * LIMITS    When no segment can be had, an object is evicted instead of kept. An object whose cell was given up while it
 *           was being moved stays until the cache is closed or an insert displaces it.
 * TESTS     tests/unit/test_policy.c (what stays), tests/unit/test_policy_return.c (where what comes back enters),
 *           bench/policy/test_references.c (beside reference policies), tests/unit/test_give_way.c,
 *           tests/stepped/test_put_work.c (the bound),
 *           tests/stepped/test_stopped_cache.c (a thread stopped at each step of a put that evicts: I1, I2, I3 and
 *           PROGRESS), tests/stress/test_cache_stress.c (the bound at every sample, a recount when quiet).
 * SOURCES   Yang et al.: FIFO queues are all you need for cache eviction (S3-FIFO). Megiddo, Modha: ARC, for learning a share
 *           from what comes back. BENCHMARKS.md has the traces, and what was tried and did not help.
 */
#include "core/policy.h"
#include "core/policy_cells.h"
#include <errno.h>

#define SLACK_SEGMENTS 8
#define LARGE_CACHE_BYTES ((uint64_t)16 << 20)
#define TICKETS 16 /* two lines of cells: the adjacent-line prefetcher pulls lines in pairs */
#define SLACK_BYTES_PART 16384 /* so all stripes' slack is a thousandth of the cache */
#define SLACK_BYTES_MAX ((long)64 << 10)
#define LARGE_PART 20 /* an object is large above this part of the bytes of all */

/* --- life --------------------------------------------------------------------------------------------------------- */

uint64_t trove__policy_fixed_bytes(uint64_t max_bytes)
{
    return trove__ghosts_bytes(max_bytes) + (2 + SLACK_SEGMENTS) * trove__segment_bytes();
}

/* How far writers may keep from one another costs a cache of MAX_BYTES little: see sum.h and queue.c. */
static int make_queues(struct trove__policy *policy, uint64_t max_bytes)
{
    bool is_large = max_bytes >= LARGE_CACHE_BYTES;
    unsigned batch = is_large ? TICKETS : 1;
    long slack = !is_large ? 0
                 : max_bytes / SLACK_BYTES_PART < SLACK_BYTES_MAX
                     ? (long)(max_bytes / SLACK_BYTES_PART)
                     : SLACK_BYTES_MAX;
    int r = trove__queue_init(&policy->small, policy->reclaim, batch, slack);

    if (r < 0)
        return r;
    r = trove__queue_init(&policy->main, policy->reclaim, batch, slack);
    if (r < 0)
        trove__queue_deinit(&policy->small);
    return r;
}

int trove__policy_init(struct trove__policy *policy, const struct trove_options *options,
                       struct trove__budget *budget, struct trove__reclaim *reclaim,
                       struct trove__table *table, struct trove__counters *counters,
                       struct trove__telemetry *telemetry)
{
    int r;

    policy->budget = budget;
    policy->reclaim = reclaim;
    policy->table = table;
    policy->counters = counters;
    policy->telemetry = telemetry;
    policy->shared = options->budget;
    policy->overfull = options->overfull;
    policy->callback = options->overfull_callback;
    policy->callback_context = options->overfull_context;
    policy->evicts =
        options->overfull == TROVE_OVERFULL_EVICT || options->overfull == TROVE_OVERFULL_CALLBACK;
    policy->leave_bytes = policy->evicts ? SLACK_SEGMENTS * trove__segment_bytes() : 0;
    trove__share_init(&policy->share);
    trove__worth_init(&policy->worth, options->max_bytes);
    atomic_init(&policy->wanted_room, 0);
    /* Until the callback was asked, as if it refused. */
    atomic_init(&policy->mode, options->overfull == TROVE_OVERFULL_CALLBACK ? TROVE_OVERFULL_ERROR
                                                                            : options->overfull);
    if (!policy->evicts)
        return 0;
    r = make_queues(policy, options->max_bytes);
    if (r < 0)
        return r;
    r = trove__ghosts_init(&policy->ghosts, options->max_bytes, budget);
    if (r < 0) {
        trove__queue_deinit(&policy->small);
        trove__queue_deinit(&policy->main);
    }
    return r;
}

void trove__policy_deinit(struct trove__policy *policy)
{
    if (!policy->evicts)
        return;
    trove__queue_deinit(&policy->small);
    trove__queue_deinit(&policy->main);
    trove__ghosts_deinit(&policy->ghosts, policy->budget);
}

/* --- what enters -------------------------------------------------------------------------------------------------- */

void trove__policy_prefetch(struct trove__policy *policy, uint64_t hash)
{
    if (policy->evicts)
        trove__ghosts_prefetch(&policy->ghosts, hash);
}

void trove__policy_prepare(struct trove__policy *policy, struct trove_object *object)
{
    /* RELAXED: the object is private. */
    trove__store_relaxed(&object->state, policy->evicts ? TROVE__STATE_QUEUED : 0);
}

/* No cell for OBJECT: takes it out again. 0: somebody else did, or is moving it. */
static int unadmit(struct trove__policy *policy, struct trove_object *object, uint64_t hash)
{
    int r = trove__table_remove(policy->table, object, hash);

    if (r == 0)
        trove__policy_unlinked(policy, object);
    trove__policy_give_up_cell(policy, object);
    return r == 0 ? -ENOMEM : 0;
}

/* Where OBJECT, which is about to enter, belongs. What was evicted not long ago goes to main, unless it would take the place
 * of too many others there: a large object has to be used twice in small. So has what main could not keep, where main is
 * outrun: else all of a loop that does not quite fit would push itself out again and again. */
static struct trove__queue *choose_entrance(struct trove__policy *policy,
                                            const struct trove_object *object, uint64_t hash)
{
    struct trove__ghost ghost;
    uint64_t all;

    if (!trove__ghosts_recall(&policy->ghosts, policy->table, hash, &ghost))
        return &policy->small;
    if (ghost.recent)
        trove__share_learn(&policy->share, !trove__leaver_of_main(ghost.kind),
                           trove__policy_objects(policy));
    trove__worth_back(&policy->worth, object, ghost.kind);
    if (trove__leaver_of_main(ghost.kind) && trove__worth_is_outrun(&policy->worth))
        return &policy->small;
    all = trove__sum_look(&policy->small.bytes) + trove__sum_look(&policy->main.bytes);
    return trove__policy_bytes(object) > all / LARGE_PART ? &policy->small : &policy->main;
}

int trove__policy_admit(struct trove__policy *policy, struct trove_object *object, uint64_t hash)
{
    trove__policy_count_objects(policy, 1, (long)trove__policy_bytes(object), 0);
    if (!policy->evicts)
        return 0;
    if (trove__policy_is_dead(object)) {
        trove__policy_give_up_cell(
            policy, object); /* lost to another insert of its id before it had a cell */
        return 0;
    }
    if (trove__policy_enqueue(choose_entrance(policy, object, hash), object) == 0)
        return 0;
    return unadmit(policy, object, hash);
}
