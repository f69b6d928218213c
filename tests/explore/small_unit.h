// SPDX-License-Identifier: MIT
/*
 * small_unit.h - flights as the explorer's cases have them: a unit without threads, whose cache has nothing but a hash.
 */
#ifndef TROVE_TESTS_SMALL_UNIT_H
#define TROVE_TESTS_SMALL_UNIT_H

#include "core/unit.h"
#include "small_cache.h"

struct small_unit {
    struct trove cache; /* for its hash only */
    struct trove__unit unit;
};

static inline uint64_t small_hash(const struct trove__secret *secret, const uint8_t *id)
{
    (void)secret, (void)id;
    return 1; /* all in one list */
}

static inline void small_unit_init(struct small_unit *small, uint32_t flights)
{
    small->cache.table.hash = small_hash;
    small->unit.cache = &small->cache;
    trove__store_relaxed(&small->unit.orphaned, 1);        /* RELAXED, both: nobody is there */
    trove__store_relaxed(&small->unit.gather.fetchers, 1); /* somebody who completes */
    explorer_assert(trove__flight_pool_init(&small->unit.pool, flights) == 0);
    explorer_assert(trove__flight_table_init(&small->unit.table, flights) == 0);
}

/* A flight of id N with one waiter, in nobody's sight. */
static inline struct trove__flight *small_flight(struct small_unit *small, unsigned n)
{
    const struct trove_want want = want_of(n);
    struct trove__flight *flight = NULL;

    explorer_assert(trove__flight_create(&small->unit, &want, 1, TROVE__INTERACTIVE, &flight) == 0);
    return flight;
}

#endif
