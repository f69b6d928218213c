// SPDX-License-Identifier: MIT
/*
 * policy.h - what stays cached: room for what comes, by evicting what was used least, or by the user's choice.
 *
 * The protocol is the opening comment of policy.c.
 */
#ifndef TROVE_CORE_POLICY_H
#define TROVE_CORE_POLICY_H

#include "core/budget.h"
#include "core/counters.h"
#include "core/ghosts.h"
#include "core/queue.h"
#include "core/share.h"
#include "core/table.h"
#include "core/telemetry.h"
#include "core/worth.h"
#include <trove/cache.h>

#define TROVE__HINT_MAX 3 /* readers count uses up to here */

struct trove__policy {
    /* READ-MOSTLY */
    struct trove__budget *budget;
    struct trove__reclaim *reclaim;
    struct trove__table *table;
    struct trove__counters *counters;
    struct trove__telemetry *telemetry;
    struct trove_budget *shared; /* NULL: none */
    enum trove_overfull overfull;
    trove_overfull_fn callback;
    void *callback_context;
    bool evicts; /* objects are queued */
    uint64_t leave_bytes;
    struct trove__ghosts ghosts; /* its clocks are on a line of their own */
    /* SHARED-HOT */
    struct trove__share share; /* small's */
    struct trove__worth worth;
    struct trove__queue small, main;
    _Alignas(TROVE__FALSE_SHARING_BYTES)
        atomic_ulong wanted_room; /* in `deferred`, for the object that did not fit last */
    atomic_ulong untold_objects, untold_bytes; /* evicted in a section, to be told of later */
    atomic_uint mode; /* enum trove_overfull: the policy, or what the callback answered last */
};

/* What queues and ghosts of a cache of MAX_BYTES take before the first object. */
uint64_t trove__policy_fixed_bytes(uint64_t max_bytes);

/* 0, -ENOMEM. The table is set up afterwards, and only its address is taken here. */
int trove__policy_init(struct trove__policy *policy, const struct trove_options *options,
                       struct trove__budget *budget, struct trove__reclaim *reclaim,
                       struct trove__table *table, struct trove__counters *counters,
                       struct trove__telemetry *telemetry);
/* After the reclaimer has stopped and the table's objects are gone. */
/* Before reclamation ends: retires what was unlinked while it had a cell. No caller is left that inserts. */
void trove__policy_give_up(struct trove__policy *policy);
void trove__policy_deinit(struct trove__policy *policy);

/* Takes BYTES of the budget for an object, evicting or asking as the policy says. Outside sections; lock-free but for the
 * user's callback. False: overfull. */
bool trove__policy_reserve(struct trove__policy *policy, uint64_t bytes);

/* Whether it is false only because what was evicted is not free yet. A sample. */
bool trove__policy_awaits_memory(struct trove__policy *policy);

/* Starts loading what will be read when HASH is admitted. Outside sections or in one. */
void trove__policy_prefetch(struct trove__policy *policy, uint64_t hash);

/* In sections, in this order: before OBJECT is inserted; when an insert found its window full (true: try again); after it
 * was published, as 0 or 1 came from the table (-ENOMEM: it was taken out again). */
void trove__policy_prepare(struct trove__policy *policy, struct trove_object *object);
bool trove__policy_displace(struct trove__policy *policy, uint64_t hash);
int trove__policy_admit(struct trove__policy *policy, struct trove_object *object, uint64_t hash);

/* Evicts what was used least until BYTES are gone, or nothing more can go now. Returns how many are. Outside sections;
 * lock-free. */
uint64_t trove__policy_shrink(struct trove__policy *policy, uint64_t bytes);

/* Tells of evictions that happened where nobody could be told: room for a level, a place in a full window. Outside sections;
 * the reclaimer's thread. */
void trove__policy_tell(struct trove__policy *policy);

/* After many objects were unlinked, and a grace period: retires those that have a cell. What else is queued keeps its order.
 * Outside sections; one thread at a time. */
void trove__policy_sift(struct trove__policy *policy);

/* The table's host calls. */
void trove__policy_unlinked(struct trove__policy *policy, struct trove_object *object);
bool trove__policy_reserve_level(struct trove__policy *policy, uint64_t bytes, bool may_evict);

/* A reader's use of OBJECT. */
static inline void trove__policy_touch(struct trove_object *object)
{
    /* RELAXED, both: a hint; counts that two readers lose are not missed. Stores only below the ceiling, so that a hot
     * object's line is only read between two looks of the evictor. */
    unsigned char hint = trove__load_relaxed(&object->hint);

    if (__builtin_expect(hint < TROVE__HINT_MAX, 0))
        trove__store_relaxed(&object->hint, hint + 1);
}

#endif
