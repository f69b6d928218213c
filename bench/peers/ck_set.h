// SPDX-License-Identifier: MIT
/*
 * ck_set.h - ck_hs or ck_rhs, which have the same calls: CK_SET(name) names those of one, CK_SET_MODE its mode.
 */
#ifndef TROVE_BENCH_CK_SET_H
#define TROVE_BENCH_CK_SET_H

#include "bench/peers/ck_peer.h"

struct ck_set {
    CK_SET(t) set;
    pthread_mutex_t writer;
};

static inline size_t find_size(struct peer_lane *lane, const struct trove_oid *id)
{
    struct ck_set *table = lane->table;
    struct peer_object *object =
        CK_SET(get)(&table->set, peer_hash(id->bytes), ck_peer_key(id->bytes));

    return object == NULL ? 0 : object->size;
}

static void set_add(struct peer_lane *lane, uint64_t n)
{
    struct peer_object *object = peer_object_new(n);
    struct ck_set *table = lane->table;

    if (!CK_SET(put)(&table->set, peer_hash(object->id), object))
        peer_die("ck", "put");
}

static void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    struct ck_set *table = lane->table;
    struct trove_oid id = bench_id(old);
    struct peer_object *object;

    pthread_mutex_lock(&table->writer);
    object = CK_SET(remove)(&table->set, peer_hash(id.bytes), ck_peer_key(id.bytes));
    if (object == NULL)
        peer_die("ck", "remove");
    set_add(lane, n);
    pthread_mutex_unlock(&table->writer);
    ck_peer_retire(lane, object);
}

#include "bench/peer_loops.h"

/* Twice the objects: they keep themselves at most half full. */
static void *set_open(size_t objects)
{
    struct ck_set *table = calloc(1, sizeof(*table));

    if (table == NULL || pthread_mutex_init(&table->writer, NULL) != 0 ||
        !CK_SET(init)(&table->set, CK_SET_MODE, ck_peer_hash, ck_peer_same, &ck_peer_allocator,
                      objects > 0 ? objects * 2 : 64, CK_SEED))
        peer_die("ck", "init");
    return table;
}

/* Away with the tombstones. */
static void set_tidy(struct peer_lane *lane)
{
    struct ck_set *table = lane->table;

    if (!CK_SET(rebuild)(&table->set))
        peer_die("ck", "rebuild");
}

#define CK_SET_PEER                                                                                \
    .open = set_open, .leave = ck_peer_leave, .add = set_add, .replace = replace_one,              \
    .tidy = set_tidy, PEER_LOOPS

#endif
