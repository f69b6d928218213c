// SPDX-License-Identifier: MIT
/*
 * cache_internal.h - the line between the two halves of the cache: what is cached (table, objects, policy, reclaim) and
 * what is missing (flights, gathering, streams, fetches). The second half sees the first only through these calls.
 */
#ifndef TROVE_CORE_CACHE_INTERNAL_H
#define TROVE_CORE_CACHE_INTERNAL_H

#include "core/counters.h"
#include <trove/cache.h>

#define TROVE__ABSENT_MAX (1u << 24) /* entries: options.absent_max */

struct trove__telemetry; /* core/telemetry.h */
struct trove__flights;   /* core/unit.c: the half for what is missing; owned by the cache */
struct trove__era;       /* core/era.h: what stands between two replacements */

enum trove__insert {
    TROVE__INSERTED, /* now cached */
    TROVE__EXISTED,  /* the same object was cached; *RET_CACHED is that one */
    TROVE__UNCACHED, /* did not fit, or is too large: valid, pinned, not cached */
    TROVE__OUTDATED, /* the same, because the contents that it was for were replaced */
};

/* The cached object, pinned (own), or NULL. Opens its own read section. Lock-free. Here and below ERA names the contents it is
 * about: those of another era neither have nor get anything. NULL: those in force. */
struct trove_object *trove__cache_find(struct trove *cache, const struct trove__era *era,
                                       const struct trove_oid *id);

/* Inserts OBJECT, complete and with its id set; gives the caller's pin to *RET_CACHED: the object under that id to go on
 * with, pinned (own). Returns a trove__insert, or -EBADMSG (other bytes under that id; OBJECT is unpinned),
 * -ENOMEM. Under every policy an object that does not fit is UNCACHED, never an error. Outside read sections. */
int trove__cache_insert(struct trove *cache, const struct trove__era *era,
                        struct trove_object *object, struct trove_object **ret_cached);

/* A private object of SIZE bytes to fill (own, one pin, not in the table, id unset). 0, -ENOMEM, -EFBIG. */
int trove__cache_draft(struct trove *cache, enum trove_type type, uint64_t size,
                       struct trove_object **ret_object);

/* Every public call that may block or change something, but for has, get and stats, is between these two, so that close
 * can wait for the last of them. enter: 0, or -ECANCELED after shutdown (then no leave). Wait-free. */
int trove__cache_enter(struct trove *cache);
void trove__cache_leave(struct trove *cache);

/* What the cache tells of itself. */
struct trove__telemetry *trove__cache_telemetry(struct trove *cache);

/* In a child of fork(): forgets who read CACHE in the parent (debug builds). */
void trove__cache_forked(struct trove *cache);

/* Adds N to a counter of the cache's statistics; (uint64_t)-1 takes one off a gauge. Wait-free. */
void trove__cache_count(struct trove *cache, enum trove__counter which, uint64_t n);

/* True while the calling thread is inside a read section, or in a callback that trove made: it must not wait there. */
bool trove__must_not_wait(void);

/* The era of the contents in force. In a section. */
struct trove__era *trove__cache_era(struct trove *cache);

/* Has the table forget all and begin ERA: see trove__table_replace(). Evicts for it what has to be, within UNTIL. *RET_BEFORE: the
 * era that it comes after, with a reference. */
int trove__cache_begin_era(struct trove *cache, const struct trove__era *era,
                           const struct trove_until *until, struct trove__era **ret_before);
/* Has the reclaimer's thread look for work; and waits for a grace period, as trove__reclaim_await(). */
void trove__cache_wake(struct trove *cache);
int trove__cache_await_grace(struct trove *cache, const struct trove_until *until);

const struct trove_options *trove__cache_options(const struct trove *cache);
struct trove__flights *trove__cache_flights(struct trove *cache);
uint64_t trove__cache_hash(const struct trove *cache,
                           const struct trove_oid *id); /* keyed with the cache's secret */

/*
 * What the second half gives the first, called by life.c only; defined in unit.c.
 */
/* True while the calling thread is in a callback of a resolve that has ended. Defined in resolving.c. */
bool trove__is_telling(void);
int trove__flights_create(struct trove *cache,
                          struct trove__flights **ret_flights); /* 0, -ENOMEM */
const struct trove__era *trove__flights_first_era(const struct trove__flights *flights);
/* Nothing of ERA's contents is left, and nobody begins anything in it any more. The reclaimer's thread. */
void trove__flights_discarded(struct trove__flights *flights, const struct trove__era *era);
/* In a child of fork(). */
void trove__flights_forked(struct trove__flights *flights);
/* Requests are cancelled, waiters answered. Idempotent, does not wait. */
void trove__flights_shutdown(struct trove__flights *flights);
/* Waits until the fetch threads have ended, after shutdown. 0, -ETIMEDOUT, -ECANCELED. */
int trove__flights_drain(struct trove__flights *flights, const struct trove_until *until);
/* After a drain that succeeded, or when nothing was ever asked. Destroys the source too. NULL is fine. */
void trove__flights_destroy(struct trove__flights *flights);

#endif
