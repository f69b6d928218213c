// SPDX-License-Identifier: MIT
/*
 * replay_trove.c - a trace through the real cache. See trace_replay.h.
 *
 * Objects are made as a fetch makes them, without their bytes: large ones then cost no memory but the pages that are
 * touched. The reclaimer's thread is kept from starting; this one takes its turns, at places that only the trace decides.
 */
#include "bench/keys.h"
#include "core/cache_struct.h"
#include "trace_replay.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_BYTES_PER_OBJECT 40 /* with queues; a guess, from which little follows */
#define DEFERRED_PART 8
#define OVERHEAD_UNBOUNDED ((uint64_t)1 << 60)

struct trove_replay {
    const struct trace *trace;
    struct trove *cache;
    uint64_t capacity;
    bool whole;
};

static struct trove_oid id_of(uint32_t object)
{
    uint64_t words[3] = {bench_mix(object + 1), bench_mix(object ^ 0x9e3779b97f4a7c15),
                         bench_mix(object * 3ul + 7)};
    struct trove_oid id = {{0}};

    memcpy(id.bytes, words, 20);
    return id;
}

/* Never asked: inserted objects have their ids. */
static int no_id(void *context, enum trove_type type, const void *data, size_t size,
                 struct trove_oid *ret_id)
{
    (void)context;
    (void)type;
    (void)data;
    (void)size;
    (void)ret_id;
    return -EINVAL;
}

static uint64_t max_bytes_for(const struct trace *trace, uint64_t capacity)
{
    uint64_t average = trace->footprint / trace->object_count;
    uint64_t live = capacity + capacity / (average + 1) * TABLE_BYTES_PER_OBJECT;

    live += trove__policy_fixed_bytes(capacity) + trove__table_bytes_min();
    return live * 8 / 7 + 4096;
}

static int open_cache(struct trove_replay *replay)
{
    static const struct trove_hash hash = {TROVE_SHA1, no_id, NULL};
    struct trove_options options;
    int r;

    trove_options_init(&options);
    options.hash = &hash;
    options.max_bytes =
        replay->whole ? replay->capacity : max_bytes_for(replay->trace, replay->capacity);
    if (!replay->whole) /* larger objects are not cached: in the same proportion as by default */
        options.max_deferred_bytes = replay->capacity / DEFERRED_PART;
    r = trove_open(&options, &replay->cache, NULL);
    if (r < 0)
        return r;
    /* The same positions and ghosts in each run. */
    memset(&replay->cache->table.secret, 0x5a, sizeof(replay->cache->table.secret));
    trove__store_relaxed(&replay->cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    return 0;
}

/* Objects get their capacity, whatever the rest takes now. */
static void set_budget(struct trove_replay *replay)
{
    struct trove *cache = replay->cache;

    if (!replay->whole)
        cache->budget.live_max = replay->capacity + cache->policy.leave_bytes +
                                 trove__budget_live(&cache->budget) -
                                 trove__counters_gauge(&cache->counters, TROVE__COUNT_OBJECT_BYTES);
}

static void reclaim(struct trove_replay *replay)
{
    struct trove *cache = replay->cache;

    if (!replay->whole)
        cache->budget.live_max = OVERHEAD_UNBOUNDED; /* the table grows as it likes */
    cache->reclaim.last_grace_ns = 0;
    (void)trove__reclaim_turn(&cache->reclaim);
}

static void insert(struct trove_replay *replay, uint32_t object, const struct trove_oid *id)
{
    struct trove *cache = replay->cache;
    struct trove_object *made, *cached;

    if (trove__load_relaxed(&cache->reclaim.work_wanted) != 0 ||
        trove__load_relaxed(&cache->reclaim.parked) != NULL ||
        trove__load_relaxed(&cache->policy.wanted_room) != 0 ||
        trove__budget_deferred(&cache->budget) != 0)
        reclaim(replay);
    set_budget(replay);
    if (trove__cache_draft(cache, replay->trace->types[object], replay->trace->sizes[object],
                           &made) < 0)
        abort();
    trove__object_set_id(made, id);
    if (trove__cache_insert(cache, NULL, made, &cached) < 0)
        abort();
    trove_unpin(cached);
}

static bool use(struct trove_replay *replay, uint32_t object)
{
    const struct trove_oid id = id_of(object);
    const struct trove_object *found;
    bool hit;

    trove_read_lock();
    hit = trove_get(replay->cache, &id, &found) == 0;
    trove_read_unlock();
    if (!hit)
        insert(replay, object, &id);
    return hit;
}

int replay_trove(const struct trace *trace, uint64_t capacity, bool whole,
                 struct replay_result *ret_result)
{
    struct trove_replay replay = {trace, NULL, capacity, whole};
    bool *seen;
    int r = open_cache(&replay);

    if (r < 0)
        return r;
    *ret_result = (struct replay_result){0};
    seen = reference_alloc(trace->object_count, sizeof(*seen));
    for (size_t n = 0; n < trace->request_count; n++)
        replay_count(ret_result, trace, n, use(&replay, trace->requests[n]), seen);
    free(seen);
    trove__store_relaxed(&replay.cache->reclaim.thread_state, TROVE__RECLAIM_NONE);
    return trove_close(replay.cache, NULL);
}
