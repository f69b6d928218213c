// SPDX-License-Identifier: MIT
/*
 * budget.h - exact accounting of a cache's memory, bounded at every instant.
 *
 * INVARIANTS (I7 of the cache)
 *   B1 live <= live_max, unless the budget is soft (policy GROW) or loose (the callback chose to grow). live is objects +
 *      table + queues + reservations, by the allocator's usable sizes, and what stripes have taken ahead. Bytes are in
 *      `live` from before they are allocated.
 *   B2 deferred <= deferred_max. deferred is objects that were removed and wait for a grace period.
 *   B3 live_max + deferred_max = max_bytes, so live + deferred <= max_bytes at every instant, whatever two moments the
 *      two words are read at.
 *   B4 A byte moves from live to deferred by being added there first: it may count twice for a moment, never not at all. Whoever
 *      evicts to make room keeps what is in live as the reservation that it wanted.
 *   B5 A cache that shares a budget has every byte in both: added to its own account first, then to the shared one, or
 *      taken back; so each bound holds by itself.
 *   B6 What a stripe has taken ahead is in live. It becomes a reservation by leaving the stripe's word, or is given back by
 *      leaving that and then live. Nothing is refused for what lies in a stripe, but for what a thread between those two
 *      steps holds: at most ahead_bytes each.
 *
 * PROTOCOL  Every increase is a compare-and-swap that checks the bound against the very value it replaces; decreases are
 *           subtractions. So that writers do not all write one word, a thread takes ahead_bytes more than it needs as long
 *           as there is room for all stripes to do so, and serves its next reservations from that. A reservation that is
 *           refused takes back what all stripes have, and tries again. Small budgets, and shared ones, take nothing ahead.
 * EDGES     none: sums hand nothing over. RELAXED throughout is enough because a word's modification order alone decides
 *           what its compare-and-swaps see, and the bounds are each about one word.
 * PROGRESS  lock-free (a retry means that another reservation succeeded); the subtractions wait-free.
 * TESTS     tests/explore/test_explore_queue.c (B1, B2 and B6 in all interleavings of two reservations),
 *           tests/stepped/test_stopped_cache.c (the bound with a thread stopped anywhere, a recount afterwards),
 *           tests/stress/test_cache_stress.c (the bound at every sample, a recount when quiet).
 */
#ifndef TROVE_CORE_BUDGET_H
#define TROVE_CORE_BUDGET_H

#include "core/ahead.h"
#include <stdint.h>

struct trove__budget {
    /* READ-MOSTLY */
    struct trove__budget *shared; /* NULL: none */
    uint64_t live_max;
    uint64_t deferred_max;
    uint64_t ahead_bytes; /* 0: nothing is taken ahead */
    bool soft;
    atomic_uint loose; /* the user's last word was to grow: see trove__budget_reserve() */
    /* SHARED-HOT: every put, every eviction, every free */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong live;
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong deferred;
    struct trove__ahead ahead;
};

void trove__budget_init(struct trove__budget *budget, uint64_t max_bytes, uint64_t deferred_max,
                        bool soft, struct trove__budget *shared);

/* Takes what is left of it out of the shared one. Nobody else uses it any more. */
void trove__budget_deinit(struct trove__budget *budget);

/* Adds BYTES to live, or nothing: false when they do not fit. The second leaves LEAVE bytes of the bound for others. The
 * first, which is for what an object that is in already needs, goes past the bound while that is loose. */
bool trove__budget_reserve(struct trove__budget *budget, uint64_t bytes);
bool trove__budget_reserve_leaving(struct trove__budget *budget, uint64_t bytes, uint64_t leave);
/* The same past the bound: for the policy GROW, and for what must exist before a bound can be kept. */
void trove__budget_force(struct trove__budget *budget, uint64_t bytes);
void trove__budget_unreserve(struct trove__budget *budget, uint64_t bytes);

/* Whether it is the shared bound that has no room for BYTES more beside LEAVE, not the budget's own. A sample: where neither is
 * full any more, the answer is no, for others' objects are none of this cache's business then. */
bool trove__budget_is_others_in_the_way(const struct trove__budget *budget, uint64_t bytes,
                                        uint64_t leave);
/* What may still be deferred, and whether half of that is used up. Samples. */
uint64_t trove__budget_deferred_room(const struct trove__budget *budget);
bool trove__budget_is_half_deferred(const struct trove__budget *budget);

/* Whether LEAVE bytes of the bound are free, what stripes have taken ahead not counted among them. A sample. */
bool trove__budget_leaves(const struct trove__budget *budget, uint64_t leave);

/* Takes BYTES of deferred, or nothing: false when they do not fit. They stay in live until they are unreserved there, or become
 * somebody else's reservation. */
bool trove__budget_defer(struct trove__budget *budget, uint64_t bytes);
void trove__budget_undefer(struct trove__budget *budget, uint64_t bytes);

/* Without what was taken ahead. A sample, never above live_max where that holds; exact when nothing runs. */
uint64_t trove__budget_live(const struct trove__budget *budget);

static inline uint64_t trove__budget_deferred(const struct trove__budget *budget)
{
    return trove__load_relaxed(&budget->deferred); /* RELAXED: a sample */
}

#endif
