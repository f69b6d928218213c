// SPDX-License-Identifier: MIT
/*
 * cache.c - has, get, put: puts table, objects and policy together, nothing else. The cache's life is in life.c.
 *
 * PROGRESS  has, get, get_many: wait-free, and get writes at most one hint. put, insert, find: lock-free in this library's
 *           code; ids and memory are obtained before the table is touched.
 * TESTS     tests/unit/test_cache.c; tests/stepped/test_stopped_cache.c (a thread stopped at each step of a put, an
 *           eviction or a get); tests/halted/test_halted.c (at each instruction); tests/stress/test_cache_stress.c.
 */
#include "core/cache_struct.h"
#include "core/probes.h"
#include "core/rcu.h"
#include "core/sections.h"
#include "core/shared_budget.h"
#include <errno.h>

/* --- read sections ------------------------------------------------------------------------------------------------ */

void trove_read_lock(void)
{
    trove__section_enter();
    trove__section_opened();
}

void trove_read_unlock(void)
{
    trove__section_closing();
    trove__section_leave();
}

void trove_thread_init(void)
{
    trove__thread_know();
    trove__section_enter();
    trove__section_leave();
}

bool trove__must_not_wait(void)
{
    return trove__section_ongoing() || trove__is_telling();
}

void trove__cache_forked(struct trove *cache)
{
    trove__sections_forked(cache);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* The reader that was chosen at open does it: see reader.h. */

bool trove_has(struct trove *cache, const struct trove_oid *id)
{
    return cache->reader.has(cache, id);
}

int trove_get(struct trove *cache, const struct trove_oid *id,
              const struct trove_object **ret_object)
{
    trove__section_looks(cache);
    return cache->reader.get(cache, id, ret_object);
}

size_t trove_get_many(struct trove *cache, const struct trove_oid *ids, size_t count,
                      const struct trove_object **ret_objects)
{
    trove__section_looks(cache);
    return cache->reader.get_many(cache, ids, count, ret_objects);
}

/* In a section. What is in force after a find of it was so when it began. */
static bool is_in_force(struct trove *cache, const struct trove__era *era)
{
    return era == NULL || trove__table_era(&cache->table) == era;
}

struct trove_object *trove__cache_find(struct trove *cache, const struct trove__era *era,
                                       const struct trove_oid *id)
{
    const struct trove_object *object = NULL;
    struct trove_object *pinned = NULL;

    trove__section_enter();
    if (cache->uncounted->get(cache, id, &object) == 0 && /* nobody's get */
        is_in_force(cache, era))
        pinned = trove_pin(object);
    trove__section_leave();
    return pinned;
}

/* --- inserting ---------------------------------------------------------------------------------------------------- */

#define DISPLACE_MAX 4 /* objects evicted from one full window before a put gives up */
#define BLIND_BYTES                                                                                \
    4096 /* objects up to this size are put before anybody looks whether they are there */

/* In a section. As trove__table_insert(), making room in a full window. */
static int insert_in_window(struct trove *cache, const struct trove__era *era,
                            struct trove_object *object, uint64_t hash,
                            struct trove_object **ret_other)
{
    int r, tries = 0;

    do {
        r = trove__table_insert(&cache->table, era, object, hash, tries > 0, ret_other);
    } while (r == -ENOSPC && tries++ < DISPLACE_MAX &&
             trove__policy_displace(&cache->policy, hash));
    return r;
}

/*
 * OBJECT holds the cache's pin and is charged. Ends both unless it stays. In a section.
 * 0: cached. -EEXIST: *RET_OTHER (rcu-borrow) is; OBJECT is retired already if it was ever visible, else *RET_PRIVATE
 * says that it still is the caller's. -ECACHE_OVERFULL, -ENOMEM, -ESTALE: as -EEXIST without another object.
 */
static int insert_rcu(struct trove *cache, const struct trove__era *era,
                      struct trove_object *object, struct trove_object **ret_other,
                      bool *ret_private)
{
    uint64_t hash = trove__table_hash(&cache->table, object->id);
    int r, admitted;

    trove__policy_prepare(&cache->policy, object);
    r = insert_in_window(cache, era, object, hash, ret_other);
    *ret_private = r < 0;
    if (r == -ENOSPC)
        trove__reclaim_hurry(&cache->reclaim);
    if (r < 0)
        return r == -ENOSPC ? -ECACHE_OVERFULL : r;
    admitted = trove__policy_admit(&cache->policy, object, hash);
    trove__table_help(&cache->table, hash);
    if (r == 1)
        return -EEXIST;
    if (admitted < 0)
        return -ECACHE_OVERFULL;
    trove__cache_count(cache, TROVE__COUNT_PUTS, 1);
    return 0;
}

/* Takes back what insert_rcu() left: the charge, and the cache's pin by DROP. */
static void take_back(struct trove *cache, struct trove_object *object, uint64_t bytes,
                      void (*drop)(struct trove_object *))
{
    drop(object);
    trove__budget_unreserve(&cache->budget, bytes);
}

/* An object of BYTES found no room, or only past the bound. */
static void tell_overfull(struct trove *cache, const uint8_t *id, uint64_t bytes, int status,
                          int64_t start_ns)
{
    struct trove_span what = {.kind = TROVE_SPAN_OVERFULL, .bytes = bytes, .status = status};
    struct trove__timed timed;
    struct trove_oid oid = {{0}};

    memcpy(oid.bytes, id, trove_oid_bytes(cache->hash.algo));
    what.oid = &oid;
    trove__timed_begin_at(&cache->telemetry, &timed, &what, false, start_ns);
    trove__timed_end_at(&cache->telemetry, &timed, &what, TROVE_LATENCIES, 0);
}

static bool is_past_bound(const struct trove *cache)
{
    return trove__budget_live(&cache->budget) + trove__budget_deferred(&cache->budget) >
           cache->options.max_bytes;
}

/* Nothing more is to be had. That may be because nobody frees yet what was retired. */
static void hurry(struct trove *cache)
{
    trove__reclaim_hurry(&cache->reclaim);
    if (cache->options.budget == NULL)
        return;
    trove__section_enter();
    trove__shared_budget_adopt(cache->options.budget);
    trove__section_leave();
}

static bool reserve_untold(struct trove *cache, uint64_t bytes)
{
    return bytes <= cache->max_cached_bytes && trove__policy_reserve(&cache->policy, bytes);
}

/* Room for the object ID. REFUSED: there was none just now. */
static bool reserve(struct trove *cache, const uint8_t *id, uint64_t bytes, bool refused)
{
    bool told = trove__is_listened(&cache->telemetry, TROVE_SPAN_OVERFULL);
    int64_t start_ns = told ? trove_now_ns() : 0;
    bool taken = !refused && reserve_untold(cache, bytes);

    if (!taken) {
        TROVE_PROBE(overfull, cache, bytes);
        if (bytes <= cache->max_cached_bytes && trove__policy_awaits_memory(&cache->policy))
            trove__cache_count(cache, TROVE__COUNT_OVERFULLS_DEFERRED, 1);
        hurry(cache);
    }
    if (told && (!taken || is_past_bound(cache)))
        tell_overfull(cache, id, bytes, taken ? 0 : -ECACHE_OVERFULL, start_ns);
    return taken;
}

/* The caller of insert keeps a pin of its own, so the object is outside again, and the cache's pin is not the last. */
static void drop_to_outside(struct trove_object *object)
{
    trove__object_go_outside(object);
    trove_unpin(object);
}

/* There is no room for OBJECT (taken): it stays outside, unless it is cached already. */
static int insert_overfull(struct trove *cache, const struct trove__era *era,
                           struct trove_object *object, struct trove_object **ret_cached)
{
    struct trove_object *other;
    bool same, outdated;

    trove__section_enter();
    other = trove__table_find(&cache->table, object->id,
                              trove__table_hash(&cache->table, object->id), cache->table.algo);
    outdated = !is_in_force(cache, era);
    if (outdated)
        other = NULL;
    same = other != NULL && trove__object_same_bytes(object, other);
    if (same)
        trove_pin(other);
    trove__section_leave();
    if (other == NULL) {
        *ret_cached = object;
        return outdated ? TROVE__OUTDATED : TROVE__UNCACHED;
    }
    trove_unpin(object);
    if (!same)
        return -EBADMSG;
    *ret_cached = other;
    return TROVE__EXISTED;
}

/* What is of another era must not make room for itself either. */
static bool is_outdated(struct trove *cache, const struct trove__era *era)
{
    bool outdated;

    trove__section_enter();
    outdated = !is_in_force(cache, era);
    trove__section_leave();
    return outdated;
}

/* Starts loading what an insert of ID reads first, none of which is in anybody's cache. */
static void look_ahead(struct trove *cache, const uint8_t *id)
{
    uint64_t hash = trove__table_hash(&cache->table, id);

    trove__section_enter();
    trove__table_prefetch_all(&cache->table, hash);
    trove__section_leave();
    trove__policy_prefetch(&cache->policy, hash);
}

int trove__cache_insert(struct trove *cache, const struct trove__era *era,
                        struct trove_object *object, struct trove_object **ret_cached)
{
    uint64_t bytes = trove__object_usable(object->algo, object->size);
    struct trove_object *other = NULL;
    struct trove__retiring retiring;
    bool is_private;
    int r;

    if (is_outdated(cache, era)) {
        *ret_cached = object;
        return TROVE__OUTDATED;
    }
    look_ahead(cache, object->id);
    if (!reserve(cache, object->id, bytes, false))
        return insert_overfull(cache, era, object, ret_cached);
    trove__object_come_inside(object);
    trove_pin(object); /* the cache's */
    trove__retiring_enter(&retiring, &cache->reclaim);
    r = insert_rcu(cache, era, object, &other, &is_private);
    if (r == -EEXIST && !trove__object_same_bytes(object, other))
        r = -EBADMSG;
    if (r == -EEXIST)
        trove_pin(other);
    trove__retiring_leave(&retiring);
    if (is_private)
        take_back(cache, object, bytes, drop_to_outside);
    if (r == 0 || r == -ECACHE_OVERFULL || r == -ENOMEM || r == -ESTALE) {
        *ret_cached = object;
        return r == 0 ? TROVE__INSERTED : r == -ESTALE ? TROVE__OUTDATED : TROVE__UNCACHED;
    }
    trove_unpin(object);
    if (r != -EEXIST)
        return r;
    *ret_cached = other;
    return TROVE__EXISTED;
}

static int check_size(const struct trove *cache, uint64_t size)
{
    uint64_t max = cache->options.max_object_bytes;

    return max != 0 && size > max ? -EFBIG : 0;
}

int trove__cache_draft(struct trove *cache, enum trove_type type, uint64_t size,
                       struct trove_object **ret_object)
{
    struct trove_object *object;
    int r = check_size(cache, size);

    if (r < 0)
        return r;
    object = trove__object_create(cache->ledger, cache->hash.algo, type, size);
    if (object == NULL)
        return -ENOMEM;
    trove__object_go_outside(object);
    *ret_object = object;
    return 0;
}

/* 1: an object with these very bytes is cached. 0: none. -EBADMSG: one with others. */
static int find_same(struct trove *cache, const struct trove_oid *id, enum trove_type type,
                     const void *data, size_t size)
{
    struct trove_object *object;
    int r = 0;

    trove__section_enter();
    object = trove__table_find(&cache->table, id->bytes,
                               trove__table_hash(&cache->table, id->bytes), cache->table.algo);
    if (object != NULL)
        r = object->type == type && object->size == size &&
                    memcmp(trove_object_data(object), data, size) == 0
                ? 1
                : -EBADMSG;
    trove__section_leave();
    return r;
}

/* The bytes are charged. 0: cached, the charge and the object are the cache's. */
static int put_charged(struct trove *cache, enum trove_type type, const void *data, size_t size,
                       const struct trove_oid *id, uint64_t bytes)
{
    struct trove_object *object, *other;
    struct trove__retiring retiring;
    bool is_private;
    int r;

    object = trove__object_create(cache->ledger, cache->hash.algo, type, size);
    if (object == NULL) {
        trove__budget_unreserve(&cache->budget, bytes);
        return -ENOMEM;
    }
    memcpy(trove__object_buffer(object), data, size);
    trove__object_set_id(object, id);
    trove__retiring_enter(&retiring, &cache->reclaim);
    r = insert_rcu(cache, NULL, object, &other, &is_private);
    if (r == -EEXIST && !trove__object_same_bytes(object, other))
        r = -EBADMSG;
    trove__retiring_leave(&retiring);
    if (is_private)
        take_back(cache, object, bytes, trove__object_destroy);
    return r;
}

/* Is it there already? For a small object it costs less to make room and a copy for nothing, should it be, than to wait for the
 * memory that tells. Not where asking for room does more than evict: that would be told, or asked of the user, in vain. */
static bool is_put_blindly(const struct trove *cache, uint64_t bytes)
{
    enum trove_overfull overfull = cache->options.overfull;

    return bytes <= BLIND_BYTES &&
           (overfull == TROVE_OVERFULL_EVICT || overfull == TROVE_OVERFULL_ERROR);
}

static int put_entered(struct trove *cache, enum trove_type type, const void *data, size_t size,
                       const struct trove_oid *id, bool *ret_added)
{
    uint64_t bytes = trove__object_usable(cache->hash.algo, size);
    bool is_blind = is_put_blindly(cache, bytes), taken;
    int r = 0;

    *ret_added = false;
    look_ahead(cache, id->bytes);
    taken = is_blind && reserve_untold(cache, bytes);
    if (!taken)
        r = find_same(cache, id, type, data, size);
    if (r != 0)
        return r < 0 ? r : 0;
    if (!taken && !reserve(cache, id->bytes, bytes, is_blind))
        r = -ECACHE_OVERFULL;
    else if ((r = put_charged(cache, type, data, size, id, bytes)) == -ECACHE_OVERFULL)
        tell_overfull(cache, id->bytes, bytes, r, 0); /* the table has no place for it */
    if (r == -ECACHE_OVERFULL)
        trove__cache_count(cache, TROVE__COUNT_OVERFULLS, 1);
    *ret_added = r == 0;
    return r == -EEXIST ? 0 : r;
}

static int hash_and_put(struct trove *cache, enum trove_type type, const void *data, size_t size,
                        struct trove_oid *id, bool *ret_added)
{
    int r = check_size(cache, size);

    if (r == 0)
        r = cache->hash.object_id(cache->hash.context, type, data, size, id);
    return r == 0 ? put_entered(cache, type, data, size, id, ret_added) : r;
}

/* The same for one that is timed or told of. */
static __attribute__((noinline, cold)) int put_watched(struct trove *cache, enum trove_type type,
                                                       const void *data, size_t size,
                                                       struct trove_oid *id, bool *ret_added,
                                                       bool is_sampled)
{
    struct trove_span what = {.kind = TROVE_SPAN_PUT, .count = 1, .bytes = size};
    struct trove__timed timed;

    trove__timed_begin(&cache->telemetry, &timed, &what, is_sampled);
    what.status = hash_and_put(cache, type, data, size, id, ret_added);
    what.oid = what.status == 0 ? id : NULL;
    trove__timed_end(&cache->telemetry, &timed, &what, TROVE_LATENCY_PUT);
    return what.status;
}

int trove_put(struct trove *cache, enum trove_type type, const void *data, size_t size,
              struct trove_oid *ret_id, bool *ret_added)
{
    struct trove_oid id = {{0}};
    bool added = false, is_sampled;
    int r;

    if (type < TROVE_COMMIT || type > TROVE_TAG)
        return -EINVAL;
    r = trove__cache_enter(cache);
    if (r < 0)
        return r;
    is_sampled = trove__sample();
    if (is_sampled || trove__is_listened(&cache->telemetry, TROVE_SPAN_PUT))
        r = put_watched(cache, type, data, size, &id, &added, is_sampled);
    else
        r = hash_and_put(cache, type, data, size, &id, &added);
    TROVE_PROBE(put, cache, size, r, added);
    trove__cache_leave(cache);
    if (r < 0)
        return r;
    if (ret_id != NULL)
        *ret_id = id;
    if (ret_added != NULL)
        *ret_added = added;
    return 0;
}

uint64_t trove_shrink(struct trove *cache, uint64_t bytes)
{
    uint64_t gone;

    if (trove__cache_enter(cache) < 0)
        return 0;
    gone = trove__policy_shrink(&cache->policy, bytes);
    trove__cache_leave(cache);
    return gone;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

void trove__cache_count(struct trove *cache, enum trove__counter which, uint64_t n)
{
    trove__counters_add(&cache->counters, which, n);
}

bool trove_is_empty(struct trove *cache)
{
    bool empty;

    trove__section_enter();
    empty = trove__table_is_empty(&cache->table);
    trove__section_leave();
    return empty;
}

static void stats_of_memory(struct trove *cache, struct trove_stats *stats)
{
    struct trove__table_sizes sizes;

    trove__section_enter();
    sizes = trove__table_sizes(&cache->table);
    trove__section_leave();
    stats->table_bytes = sizes.bytes;
    stats->table_slots = sizes.slots;
    stats->deferred_bytes = trove__budget_deferred(&cache->budget);
    stats->used_bytes = trove__budget_live(&cache->budget) + stats->deferred_bytes;
    if (stats->used_bytes > cache->options.max_bytes)
        stats->over_max_bytes = stats->used_bytes - cache->options.max_bytes;
    stats->pinned_bytes = trove__load_relaxed(&cache->ledger->outside_bytes); /* RELAXED: a sum */
}

static void stats_of_reads(const struct trove__counters *c, struct trove_stats *stats)
{
    stats->has_calls = trove__counters_sum(c, TROVE__COUNT_HAS_CALLS);
    stats->has_found = trove__counters_sum(c, TROVE__COUNT_HAS_FOUND);
    stats->get_calls = trove__counters_sum(c, TROVE__COUNT_GET_CALLS);
    stats->get_found = trove__counters_sum(c, TROVE__COUNT_GET_FOUND);
}

void trove_stats(struct trove *cache, struct trove_stats *ret_stats)
{
    const struct trove__counters *c = &cache->counters;

    *ret_stats = (struct trove_stats){
        .object_count = trove__counters_gauge(c, TROVE__COUNT_OBJECTS),
        .object_bytes = trove__counters_gauge(c, TROVE__COUNT_OBJECT_BYTES),
        .inflight_bytes = trove__counters_gauge(c, TROVE__COUNT_INFLIGHT_BYTES),
        .hits = trove__counters_sum(c, TROVE__COUNT_HITS),
        .misses = trove__counters_sum(c, TROVE__COUNT_MISSES),
        .puts = trove__counters_sum(c, TROVE__COUNT_PUTS),
        .evictions = trove__counters_sum(c, TROVE__COUNT_EVICTIONS),
        .overfulls = trove__counters_sum(c, TROVE__COUNT_OVERFULLS),
        .overfulls_deferred = trove__counters_sum(c, TROVE__COUNT_OVERFULLS_DEFERRED),
        .requests = trove__counters_sum(c, TROVE__COUNT_REQUESTS),
        .fetched = trove__counters_sum(c, TROVE__COUNT_FETCHED),
        .joined = trove__counters_sum(c, TROVE__COUNT_JOINED),
        .uncached = trove__counters_sum(c, TROVE__COUNT_UNCACHED),
        .absent = trove__counters_sum(c, TROVE__COUNT_ABSENT),
        .failed = trove__counters_sum(c, TROVE__COUNT_FAILED),
        .flights_now = trove__counters_gauge(c, TROVE__COUNT_FLIGHTS_NOW),
    };
    stats_of_reads(c, ret_stats);
    stats_of_memory(cache, ret_stats);
    trove__holdup_look(&cache->reclaim.holdup, &ret_stats->holdup);
}

struct trove__telemetry *trove__cache_telemetry(struct trove *cache)
{
    return &cache->telemetry;
}

int trove_subscribe(struct trove *cache, const struct trove_subscriber *subscriber,
                    unsigned *ret_number)
{
    return trove__telemetry_subscribe(&cache->telemetry, subscriber, ret_number);
}

int trove_unsubscribe(struct trove *cache, unsigned number, const struct trove_until *until)
{
    return trove__telemetry_unsubscribe(&cache->telemetry, number, until);
}

void trove_latency(struct trove *cache, enum trove_latency_of of, struct trove_latency *ret_latency)
{
    trove__latency_sum(&cache->telemetry, of, ret_latency);
}

/* --- for the half that brings what is missing --------------------------------------------------------------------- */

enum trove_algo trove_algo(const struct trove *cache)
{
    return cache->hash.algo;
}

const struct trove_options *trove__cache_options(const struct trove *cache)
{
    return &cache->options;
}

struct trove__flights *trove__cache_flights(struct trove *cache)
{
    return cache->flights;
}

uint64_t trove__cache_hash(const struct trove *cache, const struct trove_oid *id)
{
    return trove__table_hash(&cache->table, id->bytes);
}
