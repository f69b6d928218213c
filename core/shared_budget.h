// SPDX-License-Identifier: MIT
/*
 * shared_budget.h - one budget of several caches, and which of them gives when it is used up.
 *
 * The protocol is the opening comment of shared_budget.c.
 */
#ifndef TROVE_CORE_SHARED_BUDGET_H
#define TROVE_CORE_SHARED_BUDGET_H

#include "core/policy.h"

#define TROVE__MEMBERS_MAX 64

struct trove_budget {
    struct trove__budget sum; /* of all members */
    uint64_t max_bytes;
    atomic_uint references; /* the owner's, and each cache's */
    atomic_uint used;       /* members beyond were never there */
    _Atomic(struct trove__policy *) members[TROVE__MEMBERS_MAX];
};

/* POLICY's objects may be evicted by other members from now on, until the grace period after leave. join: 0, -EAGAIN (there
 * are as many as may be). */
int trove__shared_budget_join(struct trove_budget *shared, struct trove__policy *policy);
void trove__shared_budget_leave(struct trove_budget *shared, struct trove__policy *policy);

/* In a forked child: trove__reclaim_adopt() of every member. In a section. */
void trove__shared_budget_adopt(struct trove_budget *shared);

/* Of the members that evict, the one that holds most; NONE when none holds anything. In a section, which keeps it. */
struct trove__policy *trove__shared_budget_largest(struct trove_budget *shared,
                                                   struct trove__policy *none);

#endif
