// SPDX-License-Identifier: MIT
/*
 * ck_peer.h - what the three tables of Concurrency Kit share: the allocator, urcu-bp around lookups, one writer at a time.
 *
 * They let one thread write beside any number of readers, and leave reclamation to the host: lookups are in sections of
 * urcu-bp, as trove's are, removed objects wait in batches of 4,096 for a grace period, and who replaces holds a mutex. Adding
 * takes no mutex: then there is one writer.
 */
#ifndef TROVE_BENCH_CK_PEER_H
#define TROVE_BENCH_CK_PEER_H

#include <ck_malloc.h>
#include <pthread.h>

#define _LGPL_SOURCE 1
#include <urcu/urcu-bp.h>

#include "bench/peers.h"

#define CK_SEED 6602834

static void *ck_peer_malloc(size_t size)
{
    return malloc(size);
}

/* A table that was replaced while it grew: readers may still be in it. */
static void ck_peer_free(void *memory, size_t size, bool defer)
{
    (void)size;
    if (defer)
        urcu_bp_synchronize_rcu();
    free(memory);
}

static struct ck_malloc ck_peer_allocator = {.malloc = ck_peer_malloc, .free = ck_peer_free};

static inline void section_begin(struct peer_lane *lane)
{
    (void)lane;
    urcu_bp_read_lock();
}

static inline void section_end(struct peer_lane *lane)
{
    (void)lane;
    urcu_bp_read_unlock();
}

static void ck_peer_reclaim(struct peer_lane *lane)
{
    urcu_bp_synchronize_rcu();
    peer_garbage_free(&lane->garbage);
}

static void ck_peer_retire(struct peer_lane *lane, void *object)
{
    if (peer_garbage_add(&lane->garbage, object))
        ck_peer_reclaim(lane);
}

static void ck_peer_leave(struct peer_lane *lane)
{
    if (lane->garbage.count > 0)
        ck_peer_reclaim(lane);
}

/* For the tables of objects, which compare with an object: the one that ID would be in. Nothing is copied. */
static inline const struct peer_object *ck_peer_key(const uint8_t *id)
{
    return (const struct peer_object *)((uintptr_t)id - offsetof(struct peer_object, id));
}

static inline unsigned long ck_peer_hash(const void *object, unsigned long seed)
{
    (void)seed;
    return peer_hash(((const struct peer_object *)object)->id);
}

static inline bool ck_peer_same(const void *a, const void *b)
{
    return peer_same_id(((const struct peer_object *)a)->id, ((const struct peer_object *)b)->id);
}

#define CK_TRAITS (PEER_SECTIONS | PEER_GROWS | PEER_RECLAIMS)

#endif
