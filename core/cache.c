// SPDX-License-Identifier: MIT
/*
 * cache.c - has, get, put: puts table, objects, policy and flights together, nothing else.
 */
#include "core/cache_internal.h"
#include "core/memory.h"
#include "core/object.h"
#include "core/rcu.h"
#include "core/table.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct trove {
    struct trove_options options;
    struct trove_hash hash;
    struct trove__table *table;
    struct trove__flights *flights;
    struct trove__ledger *ledger;
    uint64_t max_cached_bytes;
    uint64_t secret[8];
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong used_bytes;
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_uint is_shut;
    atomic_uint left; /* futex: how many callers left after the shutdown */
    struct {
        _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_long callers;
    } inside[TROVE__COUNTER_STRIPES];
    struct trove__counters counters;
};

/* --- stand-ins until flight.c is there ---------------------------------------------------------------------------- */

__attribute__((weak)) int trove__flights_create(struct trove *cache,
                                                struct trove__flights **ret_flights)
{
    (void)cache;
    *ret_flights = NULL;
    return 0;
}

__attribute__((weak)) void trove__flights_shutdown(struct trove__flights *flights)
{
    (void)flights;
}

__attribute__((weak)) int trove__flights_drain(struct trove__flights *flights,
                                               const struct trove_until *until)
{
    (void)flights;
    (void)until;
    return 0;
}

__attribute__((weak)) void trove__flights_destroy(struct trove__flights *flights)
{
    (void)flights;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

void trove_options_init(struct trove_options *options)
{
    *options = (struct trove_options){
        .struct_bytes = sizeof(*options),
        .max_bytes = (uint64_t)256 << 20,
        .max_inflight_bytes = (uint64_t)64 << 20,
        .max_cached_percent = 25,
        .overfull = TROVE_OVERFULL_EVICT,
        .requests_at_once = 2,
        .ids_per_request_min = 64,
        .ids_per_request_max = 4096,
        .flights_max = 65536,
    };
}

static int check_options(const struct trove_options *options, struct trove_error *err)
{
    if (options == NULL || options->struct_bytes != sizeof(*options))
        return trove_error_set(err, -EINVAL, "options not set by trove_options_init()");
    if (options->hash == NULL || options->hash->object_id == NULL)
        return trove_error_set(err, -EINVAL, "a cache needs a hash");
    if (options->hash->algo != TROVE_SHA1 && options->hash->algo != TROVE_SHA256)
        return trove_error_set(err, -EINVAL, "unknown hash algorithm %d", (int)options->hash->algo);
    if (options->overfull == TROVE_OVERFULL_CALLBACK && options->overfull_callback == NULL)
        return trove_error_set(err, -EINVAL, "the overfull policy CALLBACK needs a callback");
    if (options->max_cached_percent > 100)
        return trove_error_set(err, -EINVAL, "max_cached_percent is above 100");
    return 0;
}

static int draw_secret(void *secret, size_t size)
{
    ssize_t n;

    do {
        n = getrandom(secret, size, 0);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)size ? 0 : -EIO;
}

static void cache_free(struct trove *cache)
{
    trove__table_destroy(cache->table);
    if (cache->ledger != NULL)
        trove__ledger_unref(cache->ledger);
    trove__sized_free(cache, sizeof(*cache), _Alignof(struct trove));
}

static int cache_init(struct trove *cache, const struct trove_options *options)
{
    int r;

    cache->options = *options;
    cache->hash = *options->hash;
    cache->max_cached_bytes = options->max_bytes / 100 * options->max_cached_percent;
    trove__counters_init(&cache->counters);
    r = draw_secret(cache->secret, sizeof(cache->secret));
    if (r < 0)
        return r;
    cache->ledger = trove__ledger_create();
    if (cache->ledger == NULL)
        return -ENOMEM;
    r = trove__table_create(cache->hash.algo, &cache->table);
    if (r < 0)
        return r;
    return trove__flights_create(cache, &cache->flights);
}

int trove_open(const struct trove_options *options, struct trove **ret_cache,
               struct trove_error *err)
{
    struct trove *cache;
    int r = check_options(options, err);

    if (r < 0)
        return r;
    cache = trove__sized_alloc(sizeof(*cache), _Alignof(struct trove));
    if (cache == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a cache");
    memset(cache, 0, sizeof(*cache));
    r = cache_init(cache, options);
    if (r < 0) {
        cache_free(cache);
        return trove_error_set(err, r, "cannot open a cache: %s", trove_strerror(r));
    }
    *ret_cache = cache;
    return 0;
}

int trove__cache_enter(struct trove *cache)
{
    atomic_long *callers = &cache->inside[trove__thread_stripe()].callers;

    /* SEQ_CST both: either the closer sees this caller, or this caller sees the shutdown. */
    trove__add_seq_cst(callers, 1);
    if (trove__load_seq_cst(&cache->is_shut) == 0)
        return 0;
    trove__cache_leave(cache);
    return -ECANCELED;
}

static void futex_wake_all(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void trove__cache_leave(struct trove *cache)
{
    /* A caller that is the last one may not touch the cache after its count is down: the closer may free it. So the
     * wake-up word is counted up before, and the wake itself needs the address only. */
    bool shut = trove__load_seq_cst(&cache->is_shut) != 0;

    if (shut)
        trove__add_seq_cst(&cache->left, 1);
    trove__sub_seq_cst(&cache->inside[trove__thread_stripe()].callers, 1);
    if (shut)
        futex_wake_all(&cache->left);
}

static long callers_inside(struct trove *cache)
{
    long sum = 0;

    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        sum += trove__load_seq_cst(&cache->inside[s].callers);
    return sum;
}

void trove_shutdown(struct trove *cache)
{
    if (cache == NULL)
        return;
    trove__store_seq_cst(&cache->is_shut, 1);
    trove__flights_shutdown(cache->flights);
}

/* A stopped caller that saw no shutdown wakes nobody, and a token has no word to wait on: look again now and then. */
#define CLOSE_POLL_NS (10 * 1000 * 1000)

static int wait_for_callers(struct trove *cache, const struct trove_until *until)
{
    while (callers_inside(cache) != 0) {
        struct timespec poll = {.tv_nsec = CLOSE_POLL_NS};
        unsigned left = trove__load_seq_cst(&cache->left);
        struct timespec now;

        if (until != NULL && until->deadline_ns != TROVE_NO_DEADLINE) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            if (now.tv_sec * 1000000000 + now.tv_nsec >= until->deadline_ns)
                return -ETIMEDOUT;
        }
        if (callers_inside(cache) != 0)
            syscall(SYS_futex, &cache->left, FUTEX_WAIT_PRIVATE, left, &poll, NULL, 0);
    }
    return 0;
}

int trove_close(struct trove *cache, const struct trove_until *until)
{
    int r;

    if (cache == NULL)
        return 0;
    if (trove__in_section())
        return -EDEADLK;
    trove_shutdown(cache);
    r = wait_for_callers(cache, until);
    if (r == 0)
        r = trove__flights_drain(cache->flights, until);
    if (r < 0)
        return r;
    trove__flights_destroy(cache->flights);
    cache_free(cache);
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

void trove_read_lock(void)
{
    trove__section_enter();
}

void trove_read_unlock(void)
{
    trove__section_leave();
}

void trove_thread_init(void)
{
    trove__section_enter();
    trove__section_leave();
}

bool trove__in_section(void)
{
    return trove__section_ongoing();
}

uint64_t trove__cache_hash(const struct trove *cache, const struct trove_oid *id)
{
    uint64_t word[4], hash = cache->secret[0];

    memcpy(word, id->bytes, sizeof(word));
    for (unsigned i = 0; i < 4; i++) {
        unsigned __int128 product = (unsigned __int128)(word[i] ^ cache->secret[i + 1]) *
                                    (cache->secret[i + 5 - i / 3] | 1);
        hash += (uint64_t)product ^ (uint64_t)(product >> 64);
        hash = (hash ^ hash >> 29) * 0x9e3779b97f4a7c15;
    }
    return hash ^ hash >> 32;
}

bool trove_has(struct trove *cache, const struct trove_oid *id)
{
    bool found;

    trove__section_enter();
    found = trove__table_find(cache->table, id->bytes, trove__cache_hash(cache, id)) != NULL;
    trove__section_leave();
    return found;
}

int trove_get(struct trove *cache, const struct trove_oid *id,
              const struct trove_object **ret_object)
{
    struct trove_object *found =
        trove__table_find(cache->table, id->bytes, trove__cache_hash(cache, id));

    if (found == NULL)
        return -ENOENT;
    *ret_object = found;
    return 0;
}

size_t trove_get_many(struct trove *cache, const struct trove_oid *ids, size_t count,
                      const struct trove_object **ret_objects)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        ret_objects[i] = NULL;
        found += trove_get(cache, &ids[i], &ret_objects[i]) == 0;
    }
    return found;
}

struct trove_object *trove__cache_find(struct trove *cache, const struct trove_oid *id)
{
    const struct trove_object *object = NULL;
    struct trove_object *pinned = NULL;

    trove__section_enter();
    if (trove_get(cache, id, &object) == 0)
        pinned = trove_pin(object);
    trove__section_leave();
    return pinned;
}

/* --- inserting ---------------------------------------------------------------------------------------------------- */

static bool same_bytes(const struct trove_object *a, const struct trove_object *b)
{
    return a->type == b->type && a->size == b->size &&
           memcmp(trove_object_data(a), trove_object_data(b), a->size) == 0;
}

/* Takes BYTES of the cap, or none. */
static bool reserve(struct trove *cache, uint64_t bytes)
{
    if (bytes > cache->max_cached_bytes)
        return false;
    if (trove__add_relaxed(&cache->used_bytes, bytes) + bytes <= cache->options.max_bytes)
        return true;
    trove__sub_relaxed(&cache->used_bytes, bytes);
    return false;
}

/* The caller pins OBJECT; its bytes are reserved. On 0 and -EEXIST *RET_CACHED is pinned. */
static int insert_reserved(struct trove *cache, struct trove_object *object, uint64_t bytes,
                           struct trove_object **ret_cached)
{
    struct trove_oid id = trove_object_id(object);
    struct trove_object *other;
    int r;

    trove_pin(object); /* the cache's */
    trove__section_enter();
    r = trove__table_insert(cache->table, object, trove__cache_hash(cache, &id), &other);
    if (r == 0)
        *ret_cached = object;
    else if (r == -EEXIST && !same_bytes(object, other))
        r = -EBADMSG;
    else if (r == -EEXIST)
        *ret_cached = trove_pin(other);
    trove__section_leave();
    if (r == 0) {
        trove__cache_count(cache, TROVE__COUNT_OBJECTS, 1);
        trove__cache_count(cache, TROVE__COUNT_OBJECT_BYTES, bytes);
        trove__cache_count(cache, TROVE__COUNT_PUTS, 1);
        return 0;
    }
    trove_unpin(object);
    trove__sub_relaxed(&cache->used_bytes, bytes);
    return r;
}

int trove__cache_insert(struct trove *cache, struct trove_object *object,
                        struct trove_object **ret_cached)
{
    uint64_t bytes = trove__object_usable(object->algo, object->size);
    struct trove_object *cached;
    int r;

    if (!reserve(cache, bytes)) {
        *ret_cached = object;
        return TROVE__UNCACHED;
    }
    trove__object_come_inside(object);
    r = insert_reserved(cache, object, bytes, &cached);
    if (r == 0) {
        *ret_cached = cached;
        return TROVE__INSERTED;
    }
    trove__object_go_outside(object);
    trove_unpin(object);
    if (r != -EEXIST)
        return r;
    *ret_cached = cached;
    return TROVE__EXISTED;
}

int trove__cache_draft(struct trove *cache, enum trove_type type, uint64_t size,
                       struct trove_object **ret_object)
{
    uint64_t max = cache->options.max_object_bytes;
    struct trove_object *object;

    if (max != 0 && size > max)
        return -EFBIG;
    object = trove__object_create(cache->ledger, cache->hash.algo, type, size);
    if (object == NULL)
        return -ENOMEM;
    trove__object_go_outside(object);
    *ret_object = object;
    return 0;
}

static int put_entered(struct trove *cache, enum trove_type type, const void *data, size_t size,
                       const struct trove_oid *id, bool *ret_added)
{
    struct trove_object *object, *cached;
    int r = trove__cache_draft(cache, type, size, &object);

    if (r < 0)
        return r;
    memcpy(trove__object_buffer(object), data, size);
    trove__object_set_id(object, id);
    r = trove__cache_insert(cache, object, &cached);
    if (r < 0)
        return r;
    trove_unpin(cached);
    if (r == TROVE__UNCACHED) {
        trove__cache_count(cache, TROVE__COUNT_OVERFULLS, 1);
        return -ECACHE_OVERFULL;
    }
    *ret_added = r == TROVE__INSERTED;
    return 0;
}

int trove_put(struct trove *cache, enum trove_type type, const void *data, size_t size,
              struct trove_oid *ret_id, bool *ret_added)
{
    struct trove_oid id = {{0}};
    bool added;
    int r;

    if (type < TROVE_COMMIT || type > TROVE_TAG)
        return -EINVAL;
    r = cache->hash.object_id(cache->hash.context, type, data, size, &id);
    if (r < 0)
        return r;
    r = trove__cache_enter(cache);
    if (r < 0)
        return r;
    r = put_entered(cache, type, data, size, &id, &added);
    trove__cache_leave(cache);
    if (r < 0)
        return r;
    if (ret_id != NULL)
        *ret_id = id;
    if (ret_added != NULL)
        *ret_added = added;
    return 0;
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

void trove__cache_count(struct trove *cache, enum trove__counter which, uint64_t n)
{
    trove__counters_add(&cache->counters, which, n);
}

bool trove_is_empty(struct trove *cache)
{
    return trove__counters_sum(&cache->counters, TROVE__COUNT_OBJECTS) == 0;
}

void trove_stats(struct trove *cache, struct trove_stats *ret_stats)
{
    const struct trove__counters *c = &cache->counters;

    *ret_stats = (struct trove_stats){
        .object_count = trove__counters_sum(c, TROVE__COUNT_OBJECTS),
        .object_bytes = trove__counters_sum(c, TROVE__COUNT_OBJECT_BYTES),
        .used_bytes = trove__load_relaxed(&cache->used_bytes),
        .inflight_bytes = trove__counters_sum(c, TROVE__COUNT_INFLIGHT_BYTES),
        .pinned_bytes = trove__load_relaxed(&cache->ledger->outside_bytes),
        .hits = trove__counters_sum(c, TROVE__COUNT_HITS),
        .misses = trove__counters_sum(c, TROVE__COUNT_MISSES),
        .puts = trove__counters_sum(c, TROVE__COUNT_PUTS),
        .evictions = trove__counters_sum(c, TROVE__COUNT_EVICTIONS),
        .overfulls = trove__counters_sum(c, TROVE__COUNT_OVERFULLS),
        .requests = trove__counters_sum(c, TROVE__COUNT_REQUESTS),
        .fetched = trove__counters_sum(c, TROVE__COUNT_FETCHED),
        .joined = trove__counters_sum(c, TROVE__COUNT_JOINED),
        .uncached = trove__counters_sum(c, TROVE__COUNT_UNCACHED),
        .absent = trove__counters_sum(c, TROVE__COUNT_ABSENT),
        .failed = trove__counters_sum(c, TROVE__COUNT_FAILED),
        .flights_now = trove__counters_sum(c, TROVE__COUNT_FLIGHTS_NOW),
    };
}

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
