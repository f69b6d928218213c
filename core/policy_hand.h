// SPDX-License-Identifier: MIT
/*
 * policy_hand.h - the hand: looks at one candidate, and spares or evicts it.
 */
#ifndef TROVE_CORE_POLICY_HAND_H
#define TROVE_CORE_POLICY_HAND_H

#include "core/policy.h"

/* What a hand has evicted. */
struct trove__gone {
    uint64_t objects, bytes;
    uint64_t
        charged; /* of these bytes: still in the live account of the cache, the hand's own to use or to give back */
};

/* One more, of BYTES. */
static inline void trove__add_gone(struct trove__gone *gone, uint64_t bytes)
{
    gone->objects++;
    gone->bytes += bytes;
}

/* Nothing more can be evicted, because too much waits to be freed already. A sample, for any thread. */
bool trove__hand_must_wait(struct trove__policy *policy);

/* Looks at one candidate, for a put that brings COMING bytes. 0; -ENOENT: there is none; -EBUSY: nothing more can be evicted
 * now. Adds what is gone to *GONE. In a section. */
int trove__hand_step(struct trove__policy *policy, uint64_t coming, bool may_spare,
                     struct trove__gone *gone);

#endif
