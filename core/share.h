// SPDX-License-Identifier: MIT
/*
 * share.h - how much of the objects' bytes the small queue has: learnt from what comes back too late.
 *
 * INVARIANTS
 *   S1 The share is at least a twentieth and at most nineteen twentieths, whatever is learnt.
 *
 * PROTOCOL  An object that comes back not long after it went would have been a hit, had its queue been a little longer. Each
 *           such return moves the share by a few objects' worth towards that object's queue, so that in the end a little
 *           more of either would bring the same number of hits. One load and one store: what two threads learn at once may
 *           be learnt once.
 * EDGES     none: the share guides, and a stale one costs a miss at most. RELAXED throughout.
 * PROGRESS  wait-free.
 * TESTS     tests/unit/test_policy.c, bench/policy/test_references.c
 */
#ifndef TROVE_CORE_SHARE_H
#define TROVE_CORE_SHARE_H

#include "core/order.h"
#include <stdbool.h>
#include <stdint.h>

struct trove__share {
    /* SHARED-HOT, but written only when something comes back */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong part; /* of TROVE__SHARE_ALL */
};

#define TROVE__SHARE_ALL ((uint64_t)1 << 32)

/* A tenth. */
void trove__share_init(struct trove__share *share);

/* What the small queue has of BYTES. */
uint64_t trove__share_of(const struct trove__share *share, uint64_t bytes);

/* One of OBJECTS objects came back soon after it was evicted FROM_SMALL, or from main. */
void trove__share_learn(struct trove__share *share, bool from_small, uint64_t objects);

#endif
