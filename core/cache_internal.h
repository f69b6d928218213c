// SPDX-License-Identifier: MIT
/*
 * cache_internal.h - the line between the two halves of the cache: what is cached (table, objects, policy, reclaim) and
 * what is missing (flights, gathering, streams, fetches). The second half sees the first only through these calls.
 */
#ifndef TROVE_CORE_CACHE_INTERNAL_H
#define TROVE_CORE_CACHE_INTERNAL_H

#include <trove/cache.h>

struct trove__flights; /* core/flight.h: the half for what is missing; owned by the cache */

enum trove__insert {
    TROVE__INSERTED, /* now cached */
    TROVE__EXISTED,  /* the same object was cached; *RET_CACHED is that one */
    TROVE__UNCACHED, /* did not fit, or is too large: valid, pinned, not cached */
};

/* The cached object, pinned (own), or NULL. Opens its own read section. Lock-free. */
struct trove_object *trove__cache_find(struct trove *cache, const struct trove_oid *id);

/* Inserts OBJECT, complete and with its id set; gives the caller's pin to *RET_CACHED: the object under that id to go on
 * with, pinned (own). Returns a trove__insert, or -EBADMSG (other bytes under that id; OBJECT is unpinned),
 * -ENOMEM. Under every policy an object that does not fit is UNCACHED, never an error. Outside read sections. */
int trove__cache_insert(struct trove *cache, struct trove_object *object,
                        struct trove_object **ret_cached);

/* A private object of SIZE bytes to fill (own, one pin, not in the table, id unset). 0, -ENOMEM, -EFBIG. */
int trove__cache_draft(struct trove *cache, enum trove_type type, uint64_t size,
                       struct trove_object **ret_object);

/* True while the calling thread is inside a read section. */
bool trove__in_section(void);

const struct trove_options *trove__cache_options(const struct trove *cache);
struct trove__flights *trove__cache_flights(struct trove *cache);
uint64_t trove__cache_hash(const struct trove *cache, const struct trove_oid *id); /* keyed with the cache's secret */

#endif
