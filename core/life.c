// SPDX-License-Identifier: MIT
/*
 * life.c - opening, shutting and closing a cache, and what fork() does to it.
 *
 * ROLES     The closer is one thread; callers are between trove__cache_enter() and trove__cache_leave().
 * PROTOCOL  A caller counts itself in, then looks at is_shut; shutdown sets is_shut, then the closer looks at the counts:
 *           one sees the other (E1). A leaver that saw is_shut changes the futex word before it counts itself out, and
 *           wakes by address only: once its count is off the closer may free the cache.
 *           Around fork() liburcu-bp is told (unless TROVE_NO_ATFORK is in the environment: a host that handles urcu-bp
 *           itself must not have it done twice, which hangs), and in the child every cache forgets the parent's threads.
 * EDGES     E1 shut    trove__cache_enter() seq_cst -> trove_shutdown(), callers_inside() seq_cst     a store-load pair
 * PROGRESS  enter and leave are wait-free. open, close and fork take the mutex of the list of caches.
 * TESTS     tests/unit/test_cache.c, tests/unit/test_fork.c, tests/stress/test_fork_anywhere.c
 */
#include "core/cache_struct.h"
#include "core/era.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/rcu.h"
#include "core/shared_budget.h"
#include "core/until.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define FIRST_LEVEL_BYTES_MAX ((uint64_t)1 << 20)
#define LAST_LEVEL_BYTES_MAX ((uint64_t)64 << 20)

/* All open caches of the process, for fork(): the only state of trove that is not a cache's. The mutex protects the list;
 * nothing is locked inside it. */
static pthread_mutex_t caches_lock = PTHREAD_MUTEX_INITIALIZER;
static struct trove *caches;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static bool handles_urcu;

/* --- options ------------------------------------------------------------------------------------------------------ */

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
        .absent_ms = 2000,
    };
}

static int check_hash(const struct trove_hash *hash, struct trove_error *err)
{
    if (hash == NULL || hash->object_id == NULL)
        return trove_error_set(err, -EINVAL, "a cache needs a hash");
    if (hash->algo != TROVE_SHA1 && hash->algo != TROVE_SHA256)
        return trove_error_set(err, -EINVAL, "unknown hash algorithm %d", (int)hash->algo);
    return 0;
}

static int check_options(const struct trove_options *options, struct trove_error *err)
{
    int r;

    if (options == NULL || options->struct_bytes != sizeof(*options))
        return trove_error_set(err, -EINVAL, "options not set by trove_options_init()");
    r = check_hash(options->hash, err);
    if (r < 0)
        return r;
    if ((unsigned)options->overfull > TROVE_OVERFULL_CALLBACK)
        return trove_error_set(err, -EINVAL, "unknown overfull policy %d", (int)options->overfull);
    if (options->overfull == TROVE_OVERFULL_CALLBACK && options->overfull_callback == NULL)
        return trove_error_set(err, -EINVAL, "the overfull policy CALLBACK needs a callback");
    if (options->absent_max > TROVE__ABSENT_MAX)
        return trove_error_set(err, -EINVAL, "absent_max is above %u", TROVE__ABSENT_MAX);
    if (options->max_cached_percent > 100)
        return trove_error_set(err, -EINVAL, "max_cached_percent is above 100");
    if (options->max_deferred_bytes >= options->max_bytes && options->max_deferred_bytes != 0)
        return trove_error_set(err, -EINVAL, "max_deferred_bytes leaves nothing of max_bytes");
    return 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deferred_max_of(const struct trove_options *options)
{
    return options->max_deferred_bytes != 0 ? options->max_deferred_bytes : options->max_bytes / 8;
}

/* An object larger than what may be deferred could never be evicted. */
static uint64_t max_cached_of(const struct trove_options *options)
{
    uint64_t max = options->max_bytes, deferred = deferred_max_of(options);

    if (options->overfull == TROVE_OVERFULL_GROW)
        return UINT64_MAX;
    if (options->budget != NULL) {
        max = lesser(max, options->budget->max_bytes);
        deferred = lesser(deferred, options->budget->sum.deferred_max);
    }
    return lesser(max / 100 * options->max_cached_percent, deferred);
}

/* --- fork --------------------------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    pthread_mutex_lock(&caches_lock);
    if (handles_urcu)
        trove__rcu_before_fork();
}

static void after_fork_parent(void)
{
    if (handles_urcu)
        trove__rcu_after_fork_parent();
    pthread_mutex_unlock(&caches_lock);
}

static void after_fork_child(void)
{
    if (handles_urcu)
        trove__rcu_after_fork_child();
    trove__threads_after_fork();
    for (struct trove *cache = caches; cache != NULL; cache = cache->next_cache) {
        trove__reclaim_after_fork(&cache->reclaim);
        trove__table_after_fork(&cache->table);
        trove__telemetry_after_fork(&cache->telemetry);
        trove__cache_forked(cache);
        trove__flights_forked(cache->flights);
        for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
            trove__store_seq_cst(&cache->inside[s].callers, 0); /* [E1 shut]: the parent's */
    }
    pthread_mutex_unlock(&caches_lock);
}

static void register_fork_handlers(void)
{
    handles_urcu = getenv("TROVE_NO_ATFORK") == NULL;
    /* Without memory for the handlers a child must not use the cache, as with any library; the parent is unharmed. */
    (void)pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

static void list_add(struct trove *cache)
{
    pthread_once(&fork_once, register_fork_handlers);
    pthread_mutex_lock(&caches_lock);
    cache->next_cache = caches;
    caches = cache;
    pthread_mutex_unlock(&caches_lock);
}

static void list_remove(struct trove *cache)
{
    pthread_mutex_lock(&caches_lock);
    for (struct trove **at = &caches; *at != NULL; at = &(*at)->next_cache)
        if (*at == cache) {
            *at = cache->next_cache;
            break;
        }
    pthread_mutex_unlock(&caches_lock);
}

/* --- eras --------------------------------------------------------------------------------------------------------- */

struct trove__era *trove__cache_era(struct trove *cache)
{
    return (struct trove__era *)trove__table_era(&cache->table);
}

void trove__cache_wake(struct trove *cache)
{
    trove__reclaim_wake(&cache->reclaim);
}

int trove__cache_await_grace(struct trove *cache, const struct trove_until *until)
{
    return trove__reclaim_await(&cache->reclaim, until);
}

static uint64_t first_level_bytes(const struct trove_options *options);

static int begin_era(struct trove *cache, const struct trove__era *era,
                     struct trove__era **ret_before)
{
    const void *before;
    int r;

    trove__section_enter();
    r = trove__table_replace(&cache->table, first_level_bytes(&cache->options), era, &before);
    if (r == 0) /* the table lets go of it after this section at the earliest */
        *ret_before = trove__era_ref((struct trove__era *)before);
    trove__section_leave();
    return r;
}

#define ROOM_TRIES 4

int trove__cache_begin_era(struct trove *cache, const struct trove__era *era,
                           const struct trove_until *until, struct trove__era **ret_before)
{
    int r = begin_era(cache, era, ret_before), waited = 0;

    /* Whatever the policy: what goes is about to go anyhow. */
    for (unsigned tries = 0; r == -ECACHE_OVERFULL && tries < ROOM_TRIES && waited == 0; tries++) {
        trove__policy_shrink(&cache->policy, trove__table_bytes_min() << tries);
        waited = trove__reclaim_await(&cache->reclaim, until);
        r = begin_era(cache, era, ret_before);
    }
    return r == -ECACHE_OVERFULL && waited < 0 ? waited : r;
}

/* --- open --------------------------------------------------------------------------------------------------------- */

static void host_unlinked(void *context, struct trove_object *object)
{
    trove__policy_unlinked(&((struct trove *)context)->policy, object);
}

static bool host_reserve(void *context, uint64_t bytes, bool may_evict)
{
    return trove__policy_reserve_level(&((struct trove *)context)->policy, bytes, may_evict);
}

static void host_unreserve(void *context, uint64_t bytes)
{
    trove__budget_unreserve(&((struct trove *)context)->budget, bytes);
}

static void host_wake(void *context)
{
    trove__reclaim_wake(&((struct trove *)context)->reclaim);
}

/* The reclaimer's thread. */
static void host_discarded(void *context, const void *era)
{
    struct trove *cache = context;

    trove__policy_sift(&cache->policy);
    trove__flights_discarded(cache->flights, era);
}

static bool service(void *context)
{
    struct trove *cache = context;
    bool is_busy = trove__table_service(&cache->table);

    trove__policy_tell(&cache->policy);
    return is_busy;
}

static void before_grace(void *context, uint64_t freed)
{
    trove__table_homing_leave(&((struct trove *)context)->table, freed);
}

static void after_grace(void *context)
{
    trove__table_homing_arrive(&((struct trove *)context)->table);
}

/* Large enough that a cache does not begin with a row of growths, small enough not to matter. */
static uint64_t first_level_bytes(const struct trove_options *options)
{
    uint64_t share = options->max_bytes / 128;

    return share < FIRST_LEVEL_BYTES_MAX ? share : FIRST_LEVEL_BYTES_MAX;
}

/* A table that cannot settle (a reader holds it up) must do with its last level: where memory is not bounded, that one may
 * be as large as it likes. Elsewhere not larger than what a put, which may have to make it, gets cleared in some tens of
 * milliseconds. */
static uint64_t ahead_bytes(const struct trove_options *options)
{
    uint64_t share = options->max_bytes / 16;

    if (options->overfull == TROVE_OVERFULL_GROW)
        return UINT64_MAX;
    return share < LAST_LEVEL_BYTES_MAX ? share : LAST_LEVEL_BYTES_MAX;
}

static int init_contents(struct trove *cache)
{
    const struct trove__table_host host = {
        host_unlinked, host_reserve, host_unreserve, host_wake, cache, host_discarded,
    };
    int r = trove__policy_init(&cache->policy, &cache->options, &cache->budget, &cache->reclaim,
                               &cache->table, &cache->counters, &cache->telemetry);

    if (r < 0)
        return r;
    r = trove__table_init(&cache->table, cache->hash.algo, cache->reader.hash,
                          first_level_bytes(&cache->options), ahead_bytes(&cache->options), &host,
                          &cache->reclaim);
    if (r < 0)
        trove__policy_deinit(&cache->policy);
    return r;
}

static void deinit_contents(struct trove *cache)
{
    trove__table_deinit(&cache->table);
    trove__policy_deinit(&cache->policy);
}

static void init_parts(struct trove *cache, const struct trove_options *options)
{
    const struct trove__reclaim_host host = {service, before_grace, after_grace, cache};

    cache->options = *options;
    cache->hash = *options->hash;
    cache->options.hash = &cache->hash;
    cache->uncounted = trove__reader_nth(cache->hash.algo, 0);
    cache->reader = *cache->uncounted;
    if (options->count_reads) {
        cache->reader = trove__reader_counted;
        cache->reader.hash = cache->uncounted->hash;
    }
    trove__telemetry_init(&cache->telemetry, options);
    cache->max_cached_bytes = max_cached_of(options);
    trove__counters_init(&cache->counters);
    trove__budget_init(&cache->budget, options->max_bytes, deferred_max_of(options),
                       options->overfull == TROVE_OVERFULL_GROW,
                       options->budget != NULL ? &options->budget->sum : NULL);
    trove__reclaim_init(&cache->reclaim, &cache->budget, cache->ledger, &host);
    atomic_init(&cache->is_shut, 0);
    atomic_init(&cache->left, 0);
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        atomic_init(&cache->inside[s].callers, 0);
}

static int init_cache(struct trove *cache, const struct trove_options *options)
{
    int r;

    cache->ledger = trove__ledger_create();
    if (cache->ledger == NULL)
        return -ENOMEM;
    init_parts(cache, options);
    r = init_contents(cache);
    if (r < 0)
        goto fail_budget;
    if (options->budget != NULL)
        r = trove__shared_budget_join(options->budget, &cache->policy);
    if (r < 0)
        goto fail_contents;
    r = trove__flights_create(cache, &cache->flights);
    if (r < 0)
        goto fail_member;
    trove__table_begin(&cache->table, trove__flights_first_era(cache->flights));
    trove_budget_ref(options->budget);
    return 0;
fail_member:
    if (options->budget != NULL) {
        trove__shared_budget_leave(options->budget, &cache->policy);
        trove__grace_period();
    }
fail_contents:
    deinit_contents(cache);
fail_budget:
    trove__budget_deinit(&cache->budget);
    trove__ledger_unref(cache->ledger);
    return r;
}

static void free_cache(struct trove *cache)
{
    trove__telemetry_deinit(&cache->telemetry);
    trove__sized_free(cache, sizeof(*cache), _Alignof(struct trove));
}

int trove_open(const struct trove_options *options, struct trove **ret_cache,
               struct trove_error *err)
{
    struct trove *cache;
    int r = check_options(options, err);

    if (r < 0)
        return r;
    if (options->max_bytes - deferred_max_of(options) <
        trove__policy_fixed_bytes(options->max_bytes) + trove__table_bytes_min())
        return trove_error_set(err, -EINVAL, "max_bytes is too small to hold anything");
    cache = trove__sized_alloc(sizeof(*cache), _Alignof(struct trove));
    if (cache == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a cache");
    memset(cache, 0, sizeof(*cache));
    r = init_cache(cache, options);
    if (r < 0) {
        free_cache(cache);
        return trove_error_set(err, r, "cannot open a cache: %s", trove_strerror(r));
    }
    list_add(cache);
    *ret_cache = cache;
    return 0;
}

/* --- callers ------------------------------------------------------------------------------------------------------ */

int trove__cache_enter(struct trove *cache)
{
    /* SEQ_CST [E1 shut], both: pair with trove_shutdown() and callers_inside(). */
    trove__add_seq_cst(&cache->inside[trove__thread_stripe()].callers, 1);
    if (trove__load_seq_cst(&cache->is_shut) == 0)
        return 0;
    trove__cache_leave(cache);
    return -ECANCELED;
}

void trove__cache_leave(struct trove *cache)
{
    bool shut = trove__load_seq_cst(&cache->is_shut) != 0; /* [E1 shut] */
    atomic_uint *left = &cache->left;

    if (shut)
        trove__add_seq_cst(left, 1);                                       /* [E1 shut] */
    trove__sub_seq_cst(&cache->inside[trove__thread_stripe()].callers, 1); /* [E1 shut] */
    if (shut)
        trove__futex_wake(left, INT_MAX);
}

/* Once the cache is shut, callers only leave (who comes now goes at once, on its own stripe): a sum that is read slowly
 * is too high, never too low. */
static bool callers_inside(struct trove *cache)
{
    long sum = 0;

    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        sum += trove__load_seq_cst(&cache->inside[s].callers); /* [E1 shut] */
    return sum != 0;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

void trove_shutdown(struct trove *cache)
{
    if (cache == NULL)
        return;
    trove__store_seq_cst(&cache->is_shut, 1); /* [E1 shut] */
    trove__flights_shutdown(cache->flights);
}

/* A leaver that looked at is_shut just before it was set wakes nobody: look again now and then. */
#define LEAVE_POLL_NS (10 * 1000000)

static int wait_for_callers(struct trove *cache, const struct trove_until *until)
{
    for (;;) {
        unsigned left = trove__load_seq_cst(&cache->left); /* [E1 shut]: before the look */
        struct trove_until poll;
        int r;

        if (!callers_inside(cache))
            return 0;
        r = trove__until_check(until);
        if (r < 0)
            return r;
        poll = trove__until_of(until);
        if (poll.deadline_ns > trove_now_ns() + LEAVE_POLL_NS)
            poll.deadline_ns = trove_now_ns() + LEAVE_POLL_NS;
        trove__wait(&cache->left, left, &poll);
    }
}

/* From then on no other cache evicts from this one. */
static int leave_shared_budget(struct trove *cache, const struct trove_until *until)
{
    int r;

    if (cache->options.budget == NULL || cache->has_left_budget)
        return 0;
    trove__shared_budget_leave(cache->options.budget, &cache->policy);
    r = trove__reclaim_await(&cache->reclaim, until);
    cache->has_left_budget = r == 0;
    return r;
}

/* Closing while others read is the caller's error: what they borrowed is about to be freed, or close would wait for them. */
static void check_readers(struct trove *cache)
{
#ifdef TROVE_DEBUG
    if (trove__load_relaxed(&cache->readers) != 0) /* RELAXED: a count */
        abort();
#else
    (void)cache;
#endif
}

int trove_close(struct trove *cache, const struct trove_until *until)
{
    int r;

    if (cache == NULL)
        return 0;
    if (trove__must_not_wait())
        return -EDEADLK;
    trove_shutdown(cache);
    r = wait_for_callers(cache, until);
    if (r == 0)
        r = trove__flights_drain(cache->flights, until);
    if (r == 0)
        r = leave_shared_budget(cache, until);
    if (r == 0) {
        check_readers(cache); /* before what would wait for them for ever */
        trove__policy_give_up(&cache->policy);
        r = trove__reclaim_stop(&cache->reclaim, until);
    }
    if (r < 0)
        return r;
    list_remove(cache);
    trove__flights_destroy(cache->flights);
    deinit_contents(cache);
    trove__budget_deinit(&cache->budget);
    trove_budget_unref(cache->options.budget);
    trove__ledger_unref(cache->ledger);
    free_cache(cache);
    return 0;
}
