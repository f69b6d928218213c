// SPDX-License-Identifier: MIT
/*
 * policy.c - what stays cached.
 *
 * WHAT
 *   Two queues (after S3-FIFO): new objects enter `small`; an object that was used at least twice there goes to `main`, and
 *   so does one whose id was evicted not long ago (a ghost), unless it is large: that has to be used twice in small. The
 *   hand evicts from small while that is above its share, else from main, where an object with a hint goes round once more
 *   with its hint lowered. One use does not save an object in small: a scan puts an object and reads it once.
 *   Small's share of the bytes begins with a tenth and is learnt (share.h): what comes back soon after it left small makes
 *   it grow, what comes back soon after it left main makes it shrink. So old objects of a history that is read backwards
 *   stay long enough to be used once more, where a fixed tenth loses to LRU, and a scan still costs the hot set nothing.
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
 *   whatever the hint says, because readers could set hints for ever.
 *   What is about to enter counts for small's share already: else a put of many bytes would take from main what it brings
 *   into small.
 *   Segments of queues are charged like everything else. Objects leave SLACK segments' room in the budget, so that a hand
 *   can push what it wants to keep although the cache is full; the next put restores the slack.
 *
 * EDGES
 *   E1 state   trove__policy_unlinked() or give_up_cell(), whichever is second on the state byte, retires: acq_rel both
 *   Hints, ghosts (ghosts.c), the share (share.h) and the sums of queues are relaxed: they guide, a wrong guess costs a miss
 *   later.
 *
 * PROGRESS  lock-free and bounded: a call looks at a fixed number of candidates.
 * LIMITS    When no segment can be had, an object is evicted instead of kept. An object whose cell was given up while it
 *           was being moved stays until the cache is closed or an insert displaces it.
 * TESTS     tests/unit/test_policy.c (what stays), bench/policy/test_references.c (beside reference policies),
 *           tests/stepped/test_put_work.c (the bound),
 *           tests/stepped/test_stopped_cache.c (a thread stopped at each step of a put that evicts: I1, I2, I3 and
 *           PROGRESS), tests/stress/test_cache_stress.c (the bound at every sample, a recount when quiet).
 * SOURCES   Yang et al.: FIFO queues are all you need for cache eviction (S3-FIFO). Megiddo, Modha: ARC, for learning a share
 *           from what comes back. BENCHMARKS.md has the traces, and what was tried and did not help.
 */
#include "core/policy.h"
#include "core/memory.h"
#include "core/probes.h"
#include "core/rcu.h"
#include "core/shared_budget.h"
#include <errno.h>

#define STATE_QUEUED 1u
#define STATE_DEAD 2u

#define CANDIDATES 128
#define BYTES_PER_CANDIDATE 64
#define DEFERRED_RESERVE 16 /* the last sixteenth of deferred_max */
#define PIECE_BYTES ((uint64_t)4096)
#define SLACK_SEGMENTS 8
#define SMALL_KEEP_HINT 2
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

/* --- one object --------------------------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct trove_object *object)
{
    return trove__object_usable(object->algo, object->size);
}

static void count(struct trove__policy *policy, enum trove__counter which, uint64_t n)
{
    trove__counters_add(policy->counters, which, n);
}

static void count_gone(struct trove__policy *policy, uint64_t bytes)
{
    count(policy, TROVE__COUNT_OBJECTS, (uint64_t)-1);
    count(policy, TROVE__COUNT_OBJECT_BYTES, -bytes);
}

void trove__policy_unlinked(struct trove__policy *policy, struct trove_object *object)
{
    count_gone(policy, bytes_of(object));
    /* ACQ_REL [E1 state]: the other end is give_up_cell(). */
    if ((trove__or_acq_rel(&object->state, STATE_DEAD) & STATE_QUEUED) == 0)
        trove__reclaim_object(policy->reclaim, object);
}

/* The caller holds OBJECT's cell, or never got one, and will not push it. Retires it if it is dead; else whoever unlinks
 * it does. */
static void give_up_cell(struct trove__policy *policy, struct trove_object *object)
{
    /* ACQ_REL [E1 state]: the other end is trove__policy_unlinked(). */
    if (trove__and_acq_rel(&object->state, (unsigned char)~STATE_QUEUED) & STATE_DEAD)
        trove__reclaim_object(policy->reclaim, object);
}

static bool is_dead(struct trove_object *object)
{
    /* RELAXED: seeing it late costs a search in the table. */
    return (trove__load_relaxed(&object->state) & STATE_DEAD) != 0;
}

static int enqueue(struct trove__queue *queue, struct trove_object *object)
{
    long bytes = (long)bytes_of(object);
    int r;

    trove__sum_add(&queue->bytes, bytes); /* before the push, so that it does not go below 0 */
    r = trove__queue_push(queue, object);
    if (r < 0)
        trove__sum_add(&queue->bytes, -bytes);
    return r;
}

static struct trove_object *dequeue(struct trove__queue *queue)
{
    struct trove_object *object = trove__queue_pop(queue);

    if (object != NULL)
        trove__sum_add(&queue->bytes, -(long)bytes_of(object));
    return object;
}

static void give_up_all(struct trove__policy *policy, struct trove__queue *queue)
{
    struct trove_object *object;

    while ((object = dequeue(queue)) != NULL)
        give_up_cell(policy, object);
}

void trove__policy_give_up(struct trove__policy *policy)
{
    if (!policy->evicts)
        return;
    give_up_all(policy, &policy->small);
    give_up_all(policy, &policy->main);
}

/* Back into main; when there is no segment for it, it stays without a cell. */
static void put_back(struct trove__policy *policy, struct trove_object *object)
{
    if (enqueue(&policy->main, object) < 0)
        give_up_cell(policy, object);
}

/* --- the hand ----------------------------------------------------------------------------------------------------- */

/* What a hand has evicted. */
struct gone {
    uint64_t objects, bytes;
};

static void add_gone(struct gone *gone, uint64_t bytes)
{
    gone->objects += bytes > 0;
    gone->bytes += bytes;
}

/* Takes OBJECT, whose cell the caller holds and took from FROM, out of the table. DEFERRED: its bytes are taken there.
 * Returns the bytes that are gone by this. */
static uint64_t take_out(struct trove__policy *policy, const struct trove__queue *from,
                         struct trove_object *object, bool deferred)
{
    uint64_t bytes = bytes_of(object), hash = trove__table_hash(policy->table, object->id);
    int r = trove__table_remove(policy->table, object, hash);

    if (r == 0) {
        trove__ghosts_remember(
            &policy->ghosts, hash,
            from == &policy->small ? TROVE__GHOST_OF_SMALL : TROVE__GHOST_OF_MAIN, bytes);
        count(policy, TROVE__COUNT_EVICTIONS, 1);
        count_gone(policy, bytes);
        if (deferred)
            trove__reclaim_deferred(policy->reclaim, object);
        else
            trove__reclaim_object(policy->reclaim, object);
        return bytes;
    }
    if (deferred)
        trove__budget_undefer(policy->budget, bytes);
    if (r == -EBUSY)
        put_back(policy, object);
    else
        give_up_cell(policy, object);
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

/* 0, or -EBUSY: there is no room in `deferred`, OBJECT stays, in FROM. Adds what is gone to *GONE. */
static int evict(struct trove__policy *policy, struct trove__queue *from,
                 struct trove_object *object, struct gone *gone)
{
    if (trove__budget_defer(policy->budget, bytes_of(object))) {
        add_gone(gone, take_out(policy, from, object, true));
        return 0;
    }
    trove__store_relaxed(&policy->wanted_room, bytes_of(object)); /* RELAXED: see may_defer() */
    if (enqueue(from, object) == 0)
        return -EBUSY;
    /* No segment to keep it in; it stays live until it is free. */
    add_gone(gone, take_out(policy, from, object, false));
    return 0;
}

/* Should OBJECT, from FROM, go round once more? Lowers its hint. */
static bool is_spared(struct trove__policy *policy, const struct trove__queue *from,
                      struct trove_object *object)
{
    unsigned char hint =
        trove__load_relaxed(&object->hint); /* RELAXED: see trove__policy_touch() */

    if (hint < (from == &policy->small ? SMALL_KEEP_HINT : 1))
        return false;
    trove__store_relaxed(&object->hint, from == &policy->small ? 0 : hint - 1);
    return true;
}

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

/* Looks at one candidate. 0; -ENOENT: there is none; -EBUSY: nothing more can be evicted now. Adds what is gone to *GONE. */
static int hand_step(struct trove__policy *policy, uint64_t coming, bool may_spare,
                     struct gone *gone)
{
    struct trove__queue *queue = choose_queue(policy, coming);
    struct trove_object *object;

    if (!may_defer(policy))
        return -EBUSY;
    object = dequeue(queue);
    if (object == NULL) {
        queue = queue == &policy->small ? &policy->main : &policy->small;
        object = dequeue(queue);
    }
    if (object == NULL)
        return -ENOENT;
    if (is_dead(object)) {
        give_up_cell(policy, object);
        return 0;
    }
    if (may_spare && is_spared(policy, queue, object) && enqueue(&policy->main, object) == 0)
        return 0;
    return evict(policy, queue, object, gone);
}

#define SIFT_CELLS 256 /* in one section */

/* Some cells of QUEUE go to its end, without the dead. In a section. */
static void sift_some(struct trove__policy *policy, struct trove__queue *queue, uint64_t cells)
{
    struct trove_object *object;

    for (; cells > 0 && (object = dequeue(queue)) != NULL; cells--) {
        if (is_dead(object))
            give_up_cell(policy, object);
        else if (enqueue(queue, object) < 0)
            (void)take_out(policy, queue, object, false); /* no segment to keep it in */
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

/* Whose objects are in the way of BYTES more: this cache's, or those of the largest that shares its budget. */
static struct trove__policy *whose(struct trove__policy *policy, uint64_t bytes, uint64_t leave)
{
    return trove__budget_is_others_in_the_way(policy->budget, bytes, leave)
               ? trove__shared_budget_largest(policy->shared, policy)
               : policy;
}

/* hand_step() where it helps a put into POLICY, of COMING bytes of which PIECE did not fit. */
static int make_room(struct trove__policy *policy, uint64_t coming, uint64_t piece, uint64_t leave,
                     bool may_spare, struct gone *gone)
{
    struct trove__policy *from = whose(policy, piece, leave);
    return hand_step(from, from == policy ? coming : 0, may_spare, gone);
}

/* Takes BYTES piece by piece, evicting while a piece does not fit, so that what one hand frees is not another's at once.
 * All or nothing. In a section. */
static bool evict_for(struct trove__policy *policy, uint64_t bytes, struct gone *gone)
{
    uint64_t limit = CANDIDATES + bytes / BYTES_PER_CANDIDATE, spared = limit / 4 * 3;
    uint64_t taken = 0, looked = 0;

    while (taken < bytes) {
        uint64_t piece = bytes - taken < PIECE_BYTES ? bytes - taken : PIECE_BYTES;

        /* What was spared took cells. While that is all there is, one put need not bring the slack back alone. */
        uint64_t leave = looked < spared ? policy->leave_bytes : policy->leave_bytes / 2;

        if (trove__budget_reserve_leaving(policy->budget, piece, leave))
            taken += piece;
        else if (looked == limit ||
                 make_room(policy, bytes, piece, leave, looked++ < spared, gone) < 0)
            break;
    }
    if (taken == bytes)
        return true;
    trove__budget_unreserve(policy->budget, taken);
    return false;
}

/* --- the calls ---------------------------------------------------------------------------------------------------- */

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
                     const struct gone *gone, int status)
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

static bool reserve_evicting(struct trove__policy *policy, uint64_t bytes)
{
    struct trove__timed timed;
    struct gone gone = {0};
    bool taken;

    begin_span(policy, &timed);
    trove__section_enter();
    taken = evict_for(policy, bytes, &gone);
    trove__section_leave();
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

bool trove__policy_reserve(struct trove__policy *policy, uint64_t bytes)
{
    if (trove__budget_reserve_leaving(policy->budget, bytes, policy->leave_bytes))
        return true;
    if (policy->overfull == TROVE_OVERFULL_EVICT)
        return reserve_evicting(policy, bytes);
    return policy->overfull == TROVE_OVERFULL_CALLBACK && reserve_asking(policy, bytes);
}

bool trove__policy_reserve_level(struct trove__policy *policy, uint64_t bytes, bool may_evict)
{
    struct gone gone = {0};
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

void trove__policy_tell(struct trove__policy *policy)
{
    struct trove__timed timed = {0};
    struct gone gone;

    /* RELAXED, all: sums that are told of now or the next time. */
    if (trove__load_relaxed(&policy->untold_objects) == 0)
        return;
    gone.objects = trove__exchange_relaxed(&policy->untold_objects, 0);
    gone.bytes = trove__exchange_relaxed(&policy->untold_bytes, 0);
    if (trove__is_listened(policy->telemetry, TROVE_SPAN_EVICT))
        trove__timed_begin(policy->telemetry, &timed, &evict_span, false);
    end_span(policy, &timed, &gone, 0);
}

void trove__policy_prepare(struct trove__policy *policy, struct trove_object *object, uint64_t hash)
{
    /* RELAXED: the object is private. */
    trove__store_relaxed(&object->state, policy->evicts ? STATE_QUEUED : 0);
    if (policy->evicts)
        trove__ghosts_prefetch(&policy->ghosts, hash);
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
    count(policy, TROVE__COUNT_EVICTIONS, 1);
    tell_later(policy, 1, bytes_of(victim));
    trove__policy_unlinked(policy, victim);
    trove__reclaim_wake(policy->reclaim);
    return true;
}

/* Some candidates, of which LOOKED were before and LIMIT are all. In a section. */
static int shrink_slice(struct trove__policy *policy, uint64_t bytes, uint64_t *looked,
                        uint64_t limit, struct gone *gone)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < CANDIDATES && gone->bytes < bytes && *looked < limit; i++)
        r = hand_step(policy, 0, (*looked)++ < limit / 4 * 3, gone);
    return *looked == limit ? -EBUSY : r;
}

static struct gone shrink_queues(struct trove__policy *policy, uint64_t bytes)
{
    /* An object is spared at most as often as its hint counts, unless readers use it meanwhile. */
    uint64_t limit =
        CANDIDATES + trove__table_entries_hint(policy->table) * (TROVE__HINT_MAX + 1) * 2;
    struct gone gone = {0};
    uint64_t looked = 0;
    int r = 0;

    while (r == 0 && gone.bytes < bytes) {
        trove__section_enter();
        r = shrink_slice(policy, bytes, &looked, limit, &gone);
        trove__section_leave();
    }
    return gone;
}

struct shrinking {
    struct trove__policy *policy;
    uint64_t bytes;
    struct gone gone;
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
    add_gone(&shrinking->gone, bytes_of(object));
    count(policy, TROVE__COUNT_EVICTIONS, 1);
    trove__policy_unlinked(policy, object);
}

/* Where there are no queues: what was used least, in the order of the table. */
static struct gone shrink_table(struct trove__policy *policy, uint64_t bytes)
{
    struct shrinking shrinking = {.policy = policy, .bytes = bytes};

    for (; shrinking.gone.bytes < bytes && shrinking.hint <= TROVE__HINT_MAX; shrinking.hint++) {
        trove__section_enter();
        trove__table_each(policy->table, shrink_by, &shrinking);
        trove__section_leave();
    }
    return shrinking.gone;
}

uint64_t trove__policy_shrink(struct trove__policy *policy, uint64_t bytes)
{
    struct trove__timed timed;
    struct gone gone;

    begin_span(policy, &timed);
    gone = policy->evicts ? shrink_queues(policy, bytes) : shrink_table(policy, bytes);
    end_span(policy, &timed, &gone, 0);
    return gone.bytes;
}

/* No cell for OBJECT: takes it out again. 0: somebody else did, or is moving it. */
static int unadmit(struct trove__policy *policy, struct trove_object *object, uint64_t hash)
{
    int r = trove__table_remove(policy->table, object, hash);

    if (r == 0)
        trove__policy_unlinked(policy, object);
    give_up_cell(policy, object);
    return r == 0 ? -ENOMEM : 0;
}

/* Where OBJECT, which is about to enter, belongs. What was evicted not long ago goes to main, unless it would take the place
 * of too many others there: a large object has to be used twice in small. */
static struct trove__queue *choose_entrance(struct trove__policy *policy,
                                            const struct trove_object *object, uint64_t hash)
{
    struct trove__ghost ghost;
    uint64_t all;

    if (!trove__ghosts_recall(&policy->ghosts, policy->table, hash, &ghost))
        return &policy->small;
    if (ghost.recent)
        trove__share_learn(&policy->share, ghost.origin == TROVE__GHOST_OF_SMALL,
                           trove__table_entries_hint(policy->table));
    all = trove__sum_look(&policy->small.bytes) + trove__sum_look(&policy->main.bytes);
    return bytes_of(object) > all / LARGE_PART ? &policy->small : &policy->main;
}

int trove__policy_admit(struct trove__policy *policy, struct trove_object *object, uint64_t hash)
{
    count(policy, TROVE__COUNT_OBJECTS, 1);
    count(policy, TROVE__COUNT_OBJECT_BYTES, bytes_of(object));
    if (!policy->evicts)
        return 0;
    if (is_dead(object)) {
        give_up_cell(policy, object); /* lost to another insert of its id before it had a cell */
        return 0;
    }
    if (enqueue(choose_entrance(policy, object, hash), object) == 0)
        return 0;
    return unadmit(policy, object, hash);
}
