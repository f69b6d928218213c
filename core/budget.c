// SPDX-License-Identifier: MIT
/*
 * budget.c - exact accounting. The invariants and the argument are in budget.h.
 */
#include "core/budget.h"
#include <stddef.h>

/* What stripes may hold together is this part of max_bytes; a stripe that could hold less than the minimum holds nothing. */
#define AHEAD_PART 64
#define AHEAD_MIN ((uint64_t)8 << 10)
#define AHEAD_MAX ((uint64_t)64 << 10)

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t ahead_of(uint64_t max_bytes)
{
    uint64_t bytes = lesser(max_bytes / AHEAD_PART / TROVE__COUNTER_STRIPES, AHEAD_MAX);

    return bytes < AHEAD_MIN ? 0 : bytes;
}

void trove__budget_init(struct trove__budget *budget, uint64_t max_bytes, uint64_t deferred_max,
                        bool soft, struct trove__budget *shared)
{
    budget->shared = shared;
    budget->live_max = max_bytes - deferred_max;
    budget->deferred_max = deferred_max;
    if (shared != NULL) {
        budget->live_max = lesser(budget->live_max, shared->live_max);
        budget->deferred_max = lesser(deferred_max, shared->deferred_max);
    }
    budget->ahead_bytes = shared != NULL ? 0 : ahead_of(max_bytes);
    budget->soft = soft;
    atomic_init(&budget->loose, 0);
    atomic_init(&budget->live, 0);
    atomic_init(&budget->deferred, 0);
    trove__ahead_init(&budget->ahead);
}

void trove__budget_deinit(struct trove__budget *budget)
{
    if (budget->shared == NULL)
        return;
    trove__budget_unreserve(budget->shared, trove__budget_live(budget));
    trove__budget_undefer(budget->shared, trove__budget_deferred(budget));
}

static bool add_below(atomic_ulong *word, uint64_t bytes, uint64_t max)
{
    unsigned long seen = trove__load_relaxed(word); /* RELAXED: a guess, the exchange checks it */

    do {
        if (bytes > max || seen > max - bytes)
            return false;
    } while (!trove__cas_relaxed(word, &seen, seen + bytes)); /* RELAXED: see EDGES */
    return true;
}

/* Adds to live, leaving LEAVE bytes of the bound. */
static bool take(struct trove__budget *budget, uint64_t bytes, uint64_t leave)
{
    return leave <= budget->live_max && add_below(&budget->live, bytes, budget->live_max - leave);
}

/* --- by stripe ---------------------------------------------------------------------------------------------------- */

/* BYTES, and something ahead for this stripe, if everybody could do that. */
static bool take_ahead(struct trove__budget *budget, uint64_t bytes, uint64_t leave)
{
    uint64_t ahead = budget->ahead_bytes;

    if (budget->soft)
        trove__add_relaxed(&budget->live, bytes + ahead); /* RELAXED: see EDGES */
    else if (bytes > ahead || !take(budget, bytes + ahead, leave + ahead * TROVE__COUNTER_STRIPES))
        return false;
    trove__ahead_keep(&budget->ahead, ahead);
    return true;
}

static void give_back(struct trove__budget *budget)
{
    uint64_t bytes = trove__ahead_collect(&budget->ahead);

    if (bytes != 0)
        trove__sub_relaxed(&budget->live, bytes); /* RELAXED: see EDGES */
}

uint64_t trove__budget_live(const struct trove__budget *budget)
{
    uint64_t live = trove__load_relaxed(&budget->live); /* RELAXED: a sample */
    uint64_t ahead = budget->ahead_bytes == 0 ? 0 : trove__ahead_look(&budget->ahead);

    return live > ahead ? live - ahead : 0;
}

/* --- the calls ---------------------------------------------------------------------------------------------------- */

static bool take_any(struct trove__budget *budget, uint64_t bytes, uint64_t leave)
{
    if (budget->ahead_bytes == 0)
        return take(budget, bytes, leave);
    return trove__ahead_use(&budget->ahead, bytes) || take_ahead(budget, bytes, leave) ||
           take(budget, bytes, leave) || (give_back(budget), take(budget, bytes, leave));
}

bool trove__budget_reserve_leaving(struct trove__budget *budget, uint64_t bytes, uint64_t leave)
{
    if (budget->soft && budget->ahead_bytes == 0) {
        trove__budget_force(budget, bytes);
        return true;
    }
    if (!take_any(budget, bytes, leave))
        return false;
    if (budget->shared == NULL || take(budget->shared, bytes, leave))
        return true;
    trove__sub_relaxed(&budget->live, bytes); /* RELAXED: see EDGES */
    return false;
}

bool trove__budget_reserve(struct trove__budget *budget, uint64_t bytes)
{
    if (trove__budget_reserve_leaving(budget, bytes, 0))
        return true;
    if (trove__load_relaxed(&budget->loose) == 0) /* RELAXED: a choice, late by a put or two */
        return false;
    trove__budget_force(budget, bytes);
    return true;
}

void trove__budget_force(struct trove__budget *budget, uint64_t bytes)
{
    for (; budget != NULL; budget = budget->shared)
        trove__add_relaxed(&budget->live, bytes); /* RELAXED: see EDGES */
}

void trove__budget_unreserve(struct trove__budget *budget, uint64_t bytes)
{
    for (; budget != NULL; budget = budget->shared)
        trove__sub_relaxed(&budget->live, bytes); /* RELAXED: see EDGES */
}

static bool is_full(const struct trove__budget *budget, uint64_t bytes, uint64_t leave)
{
    return bytes + leave > budget->live_max ||
           trove__budget_live(budget) > budget->live_max - bytes - leave;
}

bool trove__budget_is_others_in_the_way(const struct trove__budget *budget, uint64_t bytes,
                                        uint64_t leave)
{
    return budget->shared != NULL && !is_full(budget, bytes, leave) &&
           is_full(budget->shared, bytes, leave);
}

bool trove__budget_leaves(const struct trove__budget *budget, uint64_t leave)
{
    for (; budget != NULL; budget = budget->shared)
        if (leave > budget->live_max ||
            trove__load_relaxed(&budget->live) > budget->live_max - leave) /* RELAXED: a sample */
            return false;
    return true;
}

uint64_t trove__budget_deferred_room(const struct trove__budget *budget)
{
    uint64_t room = budget->deferred_max - trove__budget_deferred(budget);

    return budget->shared == NULL ? room
                                  : lesser(room, trove__budget_deferred_room(budget->shared));
}

bool trove__budget_is_half_deferred(const struct trove__budget *budget)
{
    return trove__budget_deferred(budget) > budget->deferred_max / 2 ||
           (budget->shared != NULL && trove__budget_is_half_deferred(budget->shared));
}

bool trove__budget_defer(struct trove__budget *budget, uint64_t bytes)
{
    if (!add_below(&budget->deferred, bytes, budget->deferred_max))
        return false;
    if (budget->shared == NULL || trove__budget_defer(budget->shared, bytes))
        return true;
    trove__sub_relaxed(&budget->deferred, bytes); /* RELAXED: see EDGES */
    return false;
}

void trove__budget_undefer(struct trove__budget *budget, uint64_t bytes)
{
    for (; budget != NULL; budget = budget->shared)
        trove__sub_relaxed(&budget->deferred, bytes); /* RELAXED: see EDGES */
}
