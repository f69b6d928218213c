// SPDX-License-Identifier: MIT
/*
 * cds_lfht.h - liburcu's lock-free hash table, for the flavour of RCU that FLAVOR(name) names.
 *
 * Configuration  as many buckets as objects, at least and at most, so that it never resizes and all lie in one mapping
 *                (cds_lfht_mm_mmap, its fastest layout). The node stands in the object. Opened small, it is doubled by whoever
 *                adds when there are more objects than buckets: left to itself (CDS_LFHT_AUTO_RESIZE) liburcu 0.13 stops
 *                growing for good when the thread that asked its worker for it is preempted before it has noted so, and adding
 *                to 2^17 objects took 100 times as long.
 * Reclamation    its own: objects wait in batches of 4,096 for a grace period, by whoever removed them.
 */
#ifndef TROVE_BENCH_CDS_LFHT_H
#define TROVE_BENCH_CDS_LFHT_H

#include <urcu/rculfhash.h>

#include "bench/peers.h"

struct lfht_object {
    struct cds_lfht_node node;
    struct peer_object object;
};
_Static_assert(sizeof(struct lfht_object) <= PEER_BLOCK, "one block");

static int lfht_match(struct cds_lfht_node *node, const void *id)
{
    return peer_same_id(id, ((struct lfht_object *)node)->object.id);
}

static inline size_t find_size(struct peer_lane *lane, const struct trove_oid *id)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;

    cds_lfht_lookup(lane->table, peer_hash(id->bytes), lfht_match, id->bytes, &iter);
    node = cds_lfht_iter_get_node(&iter);
    return node == NULL ? 0 : ((struct lfht_object *)node)->object.size;
}

static inline void section_begin(struct peer_lane *lane)
{
    (void)lane;
    FLAVOR(read_lock)();
}

static inline void section_end(struct peer_lane *lane)
{
    (void)lane;
    FLAVOR(read_unlock)();
    FLAVOR_QUIESCENT();
}

#define LFHT_FIRST 64
#define LFHT_COUNTED 64 /* objects that a lane adds before it tells */

static size_t lfht_buckets, lfht_added; /* of the one that was opened small; or 0 */

static void lfht_grow(struct peer_lane *lane)
{
    size_t buckets = __atomic_load_n(&lfht_buckets, __ATOMIC_RELAXED);
    uintptr_t mine = (uintptr_t)lane->own + 1;

    lane->own = (void *)(mine % LFHT_COUNTED);
    if (mine % LFHT_COUNTED != 0 ||
        __atomic_add_fetch(&lfht_added, LFHT_COUNTED, __ATOMIC_RELAXED) <= buckets)
        return;
    if (__atomic_compare_exchange_n(&lfht_buckets, &buckets, buckets * 2, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
        cds_lfht_resize(lane->table, buckets * 2);
}

static void lfht_add(struct peer_lane *lane, uint64_t n)
{
    struct lfht_object *object = malloc(PEER_BLOCK);
    struct trove_oid id = bench_id(n);

    if (object == NULL)
        peer_die("cds_lfht", "no memory");
    memcpy(object->object.id, id.bytes, sizeof(object->object.id));
    object->object.size = BENCH_OBJECT_BYTES;
    memset(object->object.data, 0, BENCH_OBJECT_BYTES);
    FLAVOR(read_lock)();
    if (cds_lfht_add_unique(lane->table, peer_hash(id.bytes), lfht_match, id.bytes,
                            &object->node) != &object->node)
        peer_die("cds_lfht", "it was there already");
    FLAVOR(read_unlock)();
    FLAVOR_QUIESCENT();
    if (lfht_buckets != 0)
        lfht_grow(lane);
}

static void lfht_reclaim(struct peer_lane *lane)
{
    FLAVOR(synchronize_rcu)();
    peer_garbage_free(&lane->garbage);
}

static void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    struct trove_oid id = bench_id(old);
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;

    FLAVOR(read_lock)();
    cds_lfht_lookup(lane->table, peer_hash(id.bytes), lfht_match, id.bytes, &iter);
    node = cds_lfht_iter_get_node(&iter);
    if (node == NULL || cds_lfht_del(lane->table, node) != 0)
        peer_die("cds_lfht", "cds_lfht_del");
    FLAVOR(read_unlock)();
    FLAVOR_QUIESCENT();
    if (peer_garbage_add(&lane->garbage, node))
        lfht_reclaim(lane);
    lfht_add(lane, n);
}

#include "bench/peer_loops.h"

static void *lfht_open(size_t objects)
{
    size_t buckets = objects > 0 ? objects : LFHT_FIRST;
    struct cds_lfht *table =
        cds_lfht_new_flavor(buckets, buckets, objects, 0, &FLAVOR(flavor), NULL);

    lfht_buckets = objects > 0 ? 0 : LFHT_FIRST;
    if (table == NULL)
        peer_die("cds_lfht", "cds_lfht_new");
    return table;
}

static void lfht_enter(struct peer_lane *lane)
{
    (void)lane;
    FLAVOR(register_thread)();
}

static void lfht_leave(struct peer_lane *lane)
{
    if (lane->garbage.count > 0)
        lfht_reclaim(lane);
    FLAVOR(unregister_thread)();
}

#define LFHT_PEER                                                                                  \
    .open = lfht_open, .enter = lfht_enter, .leave = lfht_leave, .add = lfht_add,                  \
    .replace = replace_one, PEER_LOOPS
#define LFHT_TRAITS (PEER_SECTIONS | PEER_GROWS | PEER_WRITERS | PEER_RECLAIMS)

#endif
