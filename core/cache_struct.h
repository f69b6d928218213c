// SPDX-License-Identifier: MIT
/*
 * cache_struct.h - what a cache is made of, for life.c and cache.c. The half for what is missing sees cache_internal.h.
 */
#ifndef TROVE_CORE_CACHE_STRUCT_H
#define TROVE_CORE_CACHE_STRUCT_H

#include "core/cache_internal.h"
#include "core/policy.h"
#include "core/reader.h"
#include "core/table_find.h"
#include "core/telemetry.h"

struct trove {
    /* READ-MOSTLY: all that has and get read, first */
    struct trove__table table;
    struct trove__reader reader; /* not a pointer: a load less in each lookup */
    struct trove_options options;
    struct trove_hash hash;
    bool has_left_budget;      /* the closer's */
    uint64_t max_cached_bytes; /* larger objects are answered, not cached */
    struct trove__ledger *ledger;
    struct trove__flights *flights;
    struct trove *next_cache; /* life.c: all caches of the process, for fork() */
    /* writers; each part keeps its hot words apart */
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__policy policy;
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_uint is_shut;
    atomic_uint left; /* futex: callers that left after the shutdown */
    struct {
        _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_long callers;
    } inside[TROVE__COUNTER_STRIPES];
    struct trove__counters counters;
    struct trove__telemetry telemetry;
    const struct trove__reader *uncounted; /* what `reader` counts the calls of, if it does */
#ifdef TROVE_DEBUG
    atomic_uint readers; /* read sections that have looked here: see sections.h */
#endif
};

#endif
