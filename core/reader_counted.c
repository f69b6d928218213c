// SPDX-License-Identifier: MIT
/*
 * reader_counted.c - has, get and get_many of a cache that was opened with count_reads: they do what the others do, and count,
 * time and tell of it.
 *
 * Entry points of their own, so that the others have no instruction for this. The latter are the way to the object here too,
 * as their cost is what is timed.
 *
 * PROGRESS  wait-free but for a listener, and for the allocator when a stripe takes its first time.
 * TESTS     tests/unit/test_telemetry.c, tests/unit/trace_points.py
 */
#include "core/cache_struct.h"
#include "core/probes.h"
#include <errno.h>

/* Between them lies what is counted. */
static void begin(struct trove *cache, struct trove__timed *timed, struct trove_span *what)
{
    bool is_sampled = trove__sample();

    timed->start_ns = 0;
    if (is_sampled || trove__is_listened(&cache->telemetry, what->kind))
        trove__timed_begin(&cache->telemetry, timed, what, is_sampled);
}

static void end(struct trove *cache, struct trove__timed *timed, struct trove_span *what,
                enum trove_latency_of of)
{
    if (timed->start_ns != 0)
        trove__timed_end(&cache->telemetry, timed, what, of);
}

static bool has(struct trove *cache, const struct trove_oid *id)
{
    struct trove_span what = {.kind = TROVE_SPAN_HAS, .oid = id, .count = 1};
    struct trove__timed timed;
    bool found;

    begin(cache, &timed, &what);
    found = cache->uncounted->has(cache, id);
    trove__counters_add(&cache->counters, TROVE__COUNT_HAS_CALLS, 1);
    if (found)
        trove__counters_add(&cache->counters, TROVE__COUNT_HAS_FOUND, 1);
    what.how = found ? TROVE_HIT : 0;
    end(cache, &timed, &what, TROVE_LATENCY_HAS);
    TROVE_PROBE(has, cache, id->bytes, found);
    return found;
}

static int get(struct trove *cache, const struct trove_oid *id,
               const struct trove_object **ret_object)
{
    struct trove_span what = {.kind = TROVE_SPAN_GET, .oid = id, .count = 1};
    struct trove__timed timed;
    int r;

    begin(cache, &timed, &what);
    r = cache->uncounted->get(cache, id, ret_object);
    trove__counters_add(&cache->counters, TROVE__COUNT_GET_CALLS, 1);
    if (r == 0) {
        trove__counters_add(&cache->counters, TROVE__COUNT_GET_FOUND, 1);
        what.bytes = trove_object_size(*ret_object);
        what.how = TROVE_HIT;
    }
    end(cache, &timed, &what, TROVE_LATENCY_GET); /* a miss is an answer like another */
    TROVE_PROBE(get, cache, id->bytes, r);
    return r;
}

static size_t get_many(struct trove *cache, const struct trove_oid *ids, size_t count,
                       const struct trove_object **ret_objects)
{
    struct trove_span what = {.kind = TROVE_SPAN_GET, .count = count};
    struct trove__timed timed = {0};
    size_t found;

    if (trove__is_listened(&cache->telemetry, what.kind)) /* its time is no time of one get */
        trove__timed_begin(&cache->telemetry, &timed, &what, false);
    found = cache->uncounted->get_many(cache, ids, count, ret_objects);
    trove__counters_add(&cache->counters, TROVE__COUNT_GET_CALLS, count);
    trove__counters_add(&cache->counters, TROVE__COUNT_GET_FOUND, found);
    what.how = found > 0 ? TROVE_HIT : 0;
    end(cache, &timed, &what, TROVE_LATENCIES);
    TROVE_PROBE(get_many, cache, count, found);
    return found;
}

const struct trove__reader trove__reader_counted = {
    .name = "counted", .has = has, .get = get, .get_many = get_many};
