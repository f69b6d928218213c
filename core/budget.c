// SPDX-License-Identifier: MIT
/*
 * budget.c - exact accounting. The invariants and the argument are in budget.h.
 */
#include "core/budget.h"

void trove__budget_init(struct trove__budget *budget, uint64_t max_bytes, uint64_t deferred_max,
                        bool soft)
{
    budget->live_max = max_bytes - deferred_max;
    budget->deferred_max = deferred_max;
    budget->soft = soft;
    atomic_init(&budget->loose, 0);
    atomic_init(&budget->live, 0);
    atomic_init(&budget->deferred, 0);
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

bool trove__budget_reserve_leaving(struct trove__budget *budget, uint64_t bytes, uint64_t leave)
{
    if (budget->soft) {
        trove__budget_force(budget, bytes);
        return true;
    }
    return leave <= budget->live_max && add_below(&budget->live, bytes, budget->live_max - leave);
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
    trove__add_relaxed(&budget->live, bytes); /* RELAXED: see EDGES */
}

void trove__budget_unreserve(struct trove__budget *budget, uint64_t bytes)
{
    trove__sub_relaxed(&budget->live, bytes); /* RELAXED: see EDGES */
}

bool trove__budget_defer(struct trove__budget *budget, uint64_t bytes)
{
    return add_below(&budget->deferred, bytes, budget->deferred_max);
}

void trove__budget_deferred_is_live_no_more(struct trove__budget *budget, uint64_t bytes)
{
    trove__sub_relaxed(&budget->live,
                       bytes); /* RELAXED: see EDGES; B4: deferred has them already */
}

void trove__budget_undefer(struct trove__budget *budget, uint64_t bytes)
{
    trove__sub_relaxed(&budget->deferred, bytes); /* RELAXED: see EDGES */
}
