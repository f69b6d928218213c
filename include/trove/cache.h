// SPDX-License-Identifier: MIT
/*
 * trove/cache.h - the shared in-process cache of git objects, keyed by id.
 *
 * Many threads share one `struct trove`. `has` and `get` are wait-free; `put` is lock-free in trove's own code (the
 * allocator, the hash provider and the kernel are outside that promise); `resolve` and `fetch` block, up to a deadline,
 * until a source has brought what is missing: each missing id is fetched once, whatever the number of callers.
 *
 *     const struct trove_object *object;
 *     trove_read_lock();
 *     if (trove_get(cache, &id, &object) == 0)
 *         use(trove_object_data(object), trove_object_size(object));
 *     trove_read_unlock();
 */
#ifndef TROVE_CACHE_H
#define TROVE_CACHE_H

#include <trove/error.h>
#include <trove/hash.h>
#include <trove/object.h>
#include <trove/source.h>
#include <trove/until.h>

struct trove;
struct trove_budget; /* one bound of several caches */

/* What happens to an object that does not fit within max_bytes. */
enum trove_overfull {
    TROVE_OVERFULL_EVICT,    /* evict ahead, so that a put normally finds room (default) */
    TROVE_OVERFULL_ERROR,    /* answer -ECACHE_OVERFULL and leave the cache as it was */
    TROVE_OVERFULL_GROW,     /* go on; stats tell by how much */
    TROVE_OVERFULL_CALLBACK, /* ask trove_options.overfull_callback */
};
/* GROW, too, can answer -ECACHE_OVERFULL while three levels of the table wait for a grace period, which a reader that stays
 * in its section holds up: try again later. CALLBACK: what is needed inside a put, where nobody can be asked (a larger
 * table, a place in a full window of it), follows the callback's last answer; before the first it is refused. */

/* What an overfull callback decides. Called outside read sections and locks, by any thread. */
typedef enum trove_overfull (*trove_overfull_fn)(void *context, uint64_t used_bytes,
                                                 uint64_t wanted_bytes);

/* How a cache is opened; trove_options_init() first. The figures named are what it sets. */
struct trove_options {
    size_t struct_bytes; /* set by trove_options_init(); lets the struct grow */

    /* required; decides the cache's algorithm. Borrowed until close */
    const struct trove_hash *hash;
    /* optional (ops NULL: a resolve miss answers -ENOTSUP). give on success */
    struct trove_source source;

    /* objects + table + queues + memory waiting for a grace period. 256 MiB */
    uint64_t max_bytes;
    struct trove_budget
        *budget; /* within which max_bytes is; referenced until close. May be NULL */
    uint64_t max_deferred_bytes; /* evicted, not yet free; within max_bytes. 0: an eighth of it */
    /* packs under way, all requests together, beside max_bytes. 64 MiB */
    uint64_t max_inflight_bytes;
    uint64_t max_object_bytes; /* larger objects fail with -EFBIG. 0: no limit but memory */
    /* objects above this share of max_bytes are answered, not cached. 25 */
    uint32_t max_cached_percent;

    enum trove_overfull overfull;
    trove_overfull_fn overfull_callback;
    void *overfull_context;

    uint32_t requests_at_once;    /* fetch threads, started on demand. 2 */
    uint32_t ids_per_request_min; /* the first batches; grows while answers come fast. 64 */
    uint32_t ids_per_request_max; /* 4096 */
    uint32_t flights_max;         /* ids in flight at once; past it -EAGAIN or waiting. 65536 */
    /* Nothing of a request is visible before all of it is verified: one that fails leaves the cache as it was. Nobody is
     * woken before its end, and what it brings has to fit max_inflight_bytes (-EFBIG). */
    bool atomic_requests;
    /* A request for ids that was sent, and that nobody waits for any more (deadlines passed, cancelled, streams closed), is
     * cancelled: the source hears of it through its token. Else it goes on, and what it brings is cached. Who comes for one of
     * its ids before the source has let go of it is answered by another request, once more, which then goes on. Costs two
     * descriptors for each request under way; without them it goes on. */
    bool cancel_abandoned;

    /* Ids that the source did not have (-ENOENT) are answered so, without asking again, for this long; at most so many, the
     * oldest forgotten first (64 bytes each, beside max_bytes). Failures are never remembered. 0 and 2000: nothing is */
    uint32_t absent_max;
    uint32_t absent_ms;

    /* has and get are counted, timed and told of (<trove/telemetry.h>); else they are not an instruction longer for it */
    bool count_reads;
    /* asked of each caller that may lead a flight, on its thread: errors of that flight carry the answer, and spans. Must not
     * block nor call trove. NULL: none, 0 */
    uint64_t (*leader_tag)(void *context);
    void *leader_tag_context;
};

/* Whose section it is that a grace period waits for. */
enum trove_holdup_who {
    TROVE_HOLDUP_NONE,    /* no grace period waits, or it has only begun to */
    TROVE_HOLDUP_READER,  /* a thread between trove_read_lock() and trove_read_unlock() */
    TROVE_HOLDUP_OUTSIDE, /* a section outside trove: the host's own, of liburcu-bp */
};

/* Who keeps evicted memory from being freed: the section that the reclaimer has waited for longest, one of those in trove
 * first. */
struct trove_holdup {
    enum trove_holdup_who who;
    int thread_id;        /* the kernel's; 0 where it is not known */
    char thread_name[16]; /* at this moment; "" where it is not known */
    uint64_t age_ns; /* how long the reclaimer has waited, exact to the one look that tells who */
};

/* What a cache holds and what it did since it was opened. */
struct trove_stats {
    uint64_t object_count, object_bytes; /* live: sizes as allocated */
    uint64_t used_bytes, deferred_bytes, inflight_bytes, pinned_bytes, over_max_bytes;
    uint64_t table_bytes, table_slots;
    uint64_t hits, misses;               /* of resolve */
    uint64_t puts, evictions, overfulls; /* objects added; objects evicted; puts refused */
    /* times that an object, put or fetched, found no room only because deferred_bytes is at its bound */
    uint64_t overfulls_deferred;
    /* source requests; resolves that led; resolves that waited for others */
    uint64_t requests, fetched, joined;
    /* answers that were not cached; -ENOENT; other failures */
    uint64_t uncached, absent, failed;
    uint64_t flights_now;
    uint64_t has_calls, has_found, get_calls, get_found; /* count_reads only; get by ids */
    struct trove_holdup holdup;
};

/* How a resolve was answered. */
enum trove_how {
    TROVE_HIT = 1,     /* it was cached */
    TROVE_FETCHED = 2, /* this caller led the flight */
    TROVE_JOINED = 3,  /* it waited for somebody else's */
};

/* One answer. OBJECT is own (trove_unpin()) and set only when STATUS is 0. */
struct trove_result {
    int status; /* 0, or the negative errno for this id */
    enum trove_how how;
    bool uncached; /* answered, but not in the cache */
    struct trove_object *object;
    uintptr_t tag; /* of a stream: what trove_stream_add() was given */
};

TROVE_BEGIN_DECLS

/* --- life ------------------------------------------------------------------------------------------------------- */

/* Sets the defaults given above. */
TROVE_API void trove_options_init(struct trove_options *options);

/* Opens a cache; any number may be open in one process. OPTIONS is borrowed for the call. *RET_CACHE is own: closed by
 * trove_close(). Returns 0, -EINVAL, -ENOMEM. */
TROVE_API TROVE_NODISCARD int trove_open(const struct trove_options *options,
                                         struct trove **ret_cache, struct trove_error *err);

/* Ends fetching: resolve, put and fetch answer -ECANCELED from now on, requests are cancelled, waiters answered; has
 * and get go on. The handle stays valid. Idempotent. Does not wait. */
TROVE_API void trove_shutdown(struct trove *cache);

/* shutdown, waits until the last caller has left, frees. Nobody may use the handle afterwards; pinned objects stay
 * valid. NULL is fine. A read section of another thread that has looked into the cache must have ended before: it is the
 * caller's error otherwise, and builds with TROVE_DEBUG abort. Returns 0; -EDEADLK inside a read section, -ETIMEDOUT or -ECANCELED (nothing freed: call again). */
TROVE_API int trove_close(struct trove *cache, const struct trove_until *until);

/*
 * Replaces contents and source at once: from one moment on, the same for all threads, nothing of before is cached any more and
 * what is missing is asked of SOURCE (NULL, or its ops: nobody; given on success). Who has seen the cache without the old
 * contents never sees one of them in it again. What was borrowed before is valid until its section ends, pins as long as they
 * are held. Flights, streams and fetches begun before go on with the old source; their callers get what it brings, marked
 * uncached, and nothing of it enters the new contents. The old source is destroyed, by any thread, when the last of them has
 * ended; what nobody waits for any more is cancelled. Calls that run meanwhile happen before or after.
 * Waits, within UNTIL (NULL: for ever), first until a replacement before this one is finished, then until the memory of the old
 * contents is free, which readers in their sections hold up; a deadline that passes then does no harm. Nothing waits for a
 * thread that is stopped in here, but another replacement. Returns 0; -ETIMEDOUT or -ECANCELED (nothing was replaced), -EDEADLK
 * in a read section or callback, -ENOMEM, -ECACHE_OVERFULL (not even an empty table fits, beside what cannot be freed now),
 * -ECANCELED after shutdown.
 */
TROVE_API int trove_replace(struct trove *cache, const struct trove_source *source,
                            const struct trove_until *until, struct trove_error *err);

/* --- memory --------------------------------------------------------------------------------------------------------- */

/*
 * A bound of MAX_BYTES for all caches that are opened with it, beside each one's own max_bytes; an eighth of it is for
 * what is evicted and not yet free. A put that finds it used up evicts from the cache that holds most, whichever that is, if
 * that one's policy is to evict; the bound holds at every instant unless a member's policy is to grow. At most 64 caches at
 * once share one (trove_open() answers -EAGAIN). *RET_BUDGET is own: released by trove_budget_unref(). Returns 0, -EINVAL
 * (no bytes), -ENOMEM.
 */
TROVE_API TROVE_NODISCARD int trove_budget_create(uint64_t max_bytes,
                                                  struct trove_budget **ret_budget);
TROVE_API struct trove_budget *trove_budget_ref(struct trove_budget *budget); /* NULL is fine */
TROVE_API void trove_budget_unref(struct trove_budget *budget);               /* NULL is fine */
/* What its caches use together. Wait-free. */
TROVE_API uint64_t trove_budget_used(const struct trove_budget *budget);

/*
 * Gives memory back: evicts what was used least, whatever the overfull policy, until BYTES are gone (UINT64_MAX: all).
 * Returns how many are; less than BYTES when nothing more can go now: because there is nothing left, because what was
 * evicted and is not yet free has reached max_deferred_bytes (call again after a while), or because readers use all of it.
 * The memory is free after a grace period. Table and queues keep their size. Lock-free, in work that grows with the objects
 * there are; not inside a read section, where it
 * would hold up what it is for. Any thread.
 */
TROVE_API uint64_t trove_shrink(struct trove *cache, uint64_t bytes);

/* --- what is cached ---------------------------------------------------------------------------------------------- */

/* True when the object is cached. Wait-free, async-signal-safe once the thread is registered; never fetches, never
 * writes shared memory, does not count as use. */
TROVE_API bool trove_has(struct trove *cache, const struct trove_oid *id);

/* The cached object. Inside a read section; rcu-borrow: valid until it ends. Wait-free; the only shared write is a
 * relaxed store of an eviction hint that is below its ceiling. *RET_OBJECT is set only on 0. Returns 0 or -ENOENT. */
TROVE_API int trove_get(struct trove *cache, const struct trove_oid *id,
                        const struct trove_object **ret_object);

/* The same for COUNT ids, their cache misses overlapped; RET_OBJECTS[i] is NULL where IDS[i] is not cached. Inside a
 * read section. Wait-free. Returns how many were found. */
TROVE_API size_t trove_get_many(struct trove *cache, const struct trove_oid *ids, size_t count,
                                const struct trove_object **ret_objects);

/* Hashes SIZE bytes at DATA (borrowed), copies and caches them. *RET_ID and *RET_ADDED (either may be NULL) are set on
 * success: ADDED is false when it was there already; a full cache may have made room for a small one all the same, which the
 * next put finds. Lock-free in trove's own code.
 * Returns 0, -ENOMEM, -EBADMSG (collision), -ECACHE_OVERFULL, -EFBIG, -ECANCELED after shutdown. */
TROVE_API int trove_put(struct trove *cache, enum trove_type type, const void *data, size_t size,
                        struct trove_oid *ret_id, bool *ret_added);

/* True is never wrong: at some moment of the call nothing was cached. */
TROVE_API bool trove_is_empty(struct trove *cache);

/* Sums per-thread counters without stopping anybody; asks the kernel for a thread's name while one holds reclamation up. */
TROVE_API void trove_stats(struct trove *cache, struct trove_stats *ret_stats);

/* The algorithm of the ids of CACHE, that of its hash. Wait-free. */
TROVE_API enum trove_algo trove_algo(const struct trove *cache);

/* --- what is missing --------------------------------------------------------------------------------------------- */

/*
 * The object ID, fetched if it is missing; TYPE is what is known of it (TROVE_ANY if nothing). Blocks until UNTIL (NULL:
 * for ever), never inside a read section. *RET is always written; RET->object is pinned, own.
 * Returns RET->status: 0; -ENOENT (the fetch worked and did not bring it); -ETIMEDOUT, -ECANCELED (this caller stopped
 * waiting, the flight goes on for others); -ENOTSUP (no source); -EAGAIN (too many flights); -EDEADLK (in a read
 * section, or a cycle of fetches); or what the source failed with, *ERR holding its message.
 */
TROVE_API int trove_resolve(struct trove *cache, const struct trove_oid *id, enum trove_type type,
                            const struct trove_until *until, struct trove_result *ret,
                            struct trove_error *err);

/* The same for COUNT ids, misses leaving in as few requests as possible. RET_RESULTS[i] answers WANTS[i], always
 * written. *ERR holds the first failure's message. Returns how many succeeded, or a negative errno when the call as a
 * whole could not be made (-EDEADLK, -ENOMEM: then no result is set). */
TROVE_API int trove_resolve_many(struct trove *cache, const struct trove_want *wants, size_t count,
                                 const struct trove_until *until, struct trove_result *ret_results,
                                 struct trove_error *err);

/* --- fetching a whole revision, folder or set -------------------------------------------------------------------- */

/* What to fetch, and how little of it. */
struct trove_fetch_options {
    const struct trove_want *wants; /* borrowed for the call that takes the options */
    size_t want_count;
    /* blob:none, blob:limit=N, tree:N, object:type=T, combine:...; NULL for none */
    const char *filter;
    uint32_t depth; /* 0: no limit */
};

/* What a fetch brought. */
struct trove_fetch_result {
    uint64_t objects;  /* objects that arrived */
    uint64_t left_out; /* of these, not cached because the cap is reached */
};

/* Fetches wants with a filter and a depth, and merges what comes. Blocks until all has come. An empty pack is success.
 * Returns 0; -ECACHE_OVERFULL (all came, RET->left_out of it could not be cached); -ECONNRESET (the connection broke; what
 * came before is cached); or as trove_resolve(). */
TROVE_API int trove_fetch(struct trove *cache, const struct trove_fetch_options *options,
                          const struct trove_until *until, struct trove_fetch_result *ret,
                          struct trove_error *err);

/* The same in the background, on a fetch thread. *RET_FETCH is own: ended by trove_fetch_free(). The deadline and token
 * in UNTIL hold for the whole request; the token must outlive it. Returns 0, -ENOMEM, -EINVAL, -ENOTSUP, -ECANCELED. */
struct trove_fetch;
TROVE_API TROVE_NODISCARD int trove_fetch_start(struct trove *cache,
                                                const struct trove_fetch_options *options,
                                                const struct trove_until *until,
                                                struct trove_fetch **ret_fetch,
                                                struct trove_error *err);
/* Waits for its end; may be called by several threads. Results as trove_fetch(). */
TROVE_API int trove_fetch_wait(struct trove_fetch *fetch, const struct trove_until *until,
                               struct trove_fetch_result *ret, struct trove_error *err);
TROVE_API bool trove_fetch_is_done(const struct trove_fetch *fetch);
/* Cancels what still runs, waits for the fetch thread to let go, frees. NULL is fine. */
TROVE_API void trove_fetch_free(struct trove_fetch *fetch);

/* --- answers in the order of arrival ----------------------------------------------------------------------------- */

/*
 * A stream: ids go in at one end, results come out at the other in the order in which they arrive. Any number of
 * threads may add and take. This is resolve_many for callers that go on working meanwhile.
 *
 * A stream opened WITHIN a running fetch (may be NULL) expects that fetch to bring its ids: a miss is not asked for
 * while the fetch runs, its flight waits for the fetch's objects; ids that the fetch did not bring are asked for by id
 * when it has ended, also when its connection broke (-ECONNRESET) or it was given up. If it failed in another way, so do
 * they, with its error. FETCH must outlive the stream.
 *
 * Answered results hold pins until they are taken. So that a fast source does not fill the memory with them, requests go
 * no faster than they are taken: while answers of more than an eighth of max_bytes are there and no caller sleeps in a call
 * that waits for something of the cache, the next object is given only when some are taken, or after ten seconds.
 */
struct trove_stream;
TROVE_API TROVE_NODISCARD int trove_stream_open(struct trove *cache, struct trove_fetch *within,
                                                struct trove_stream **ret_stream,
                                                struct trove_error *err);
/* Adds COUNT wants, tags[i] coming back in the result of wants[i]. Does not wait for answers; may wait (UNTIL) while
 * flights_max is reached. Returns 0, or a negative errno, then none of them was added. */
TROVE_API TROVE_NODISCARD int trove_stream_add(struct trove_stream *stream,
                                               const struct trove_want *wants,
                                               const uintptr_t *tags, size_t count,
                                               const struct trove_until *until);
/* The next answer. Returns 1 with *RET written (own: unpin RET->object); 0 when nothing is outstanding; -ETIMEDOUT or
 * -ECANCELED. *ERR holds the message when RET->status is a failure. */
TROVE_API int trove_stream_next(struct trove_stream *stream, const struct trove_until *until,
                                struct trove_result *ret, struct trove_error *err);
/* Forgets what is outstanding (flights that nobody else waits for and that are not yet sent are dropped), unpins what
 * was not taken, frees. NULL is fine. */
TROVE_API void trove_stream_close(struct trove_stream *stream);

TROVE_END_DECLS

#endif
