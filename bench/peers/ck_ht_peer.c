// SPDX-License-Identifier: MIT
/*
 * ck_ht_peer.c - ck_ht, the hash table of Concurrency Kit.
 *
 * Configuration  from the keyed hash (CK_HT_MODE_DIRECT, two entries a line, no object read in vain) to the object, whose id is
 *                compared then; objects with the same 64 bits of hash would not be told apart. Presized for twice the objects;
 *                what it keeps of removed ones is collected (ck_ht_gc) each time an eighth of the objects was removed: with
 *                less of that its probes become long, with more of it nothing changes. Debian's ck is built without pointer packing.
 */
#include <ck_ht.h>

#include "bench/peers/ck_peer.h"

struct ht_table {
    ck_ht_t map;
    size_t objects, removed;
    pthread_mutex_t writer;
};

static inline size_t find_size(struct peer_lane *lane, const struct trove_oid *id)
{
    struct ht_table *table = lane->table;
    ck_ht_hash_t hash = {peer_hash(id->bytes)};
    ck_ht_entry_t entry;

    ck_ht_entry_key_set_direct(&entry, hash.value);
    if (!ck_ht_get_spmc(&table->map, hash, &entry))
        return 0;
    return peer_size_if((const struct peer_object *)ck_ht_entry_value_direct(&entry), id);
}

static void ht_add(struct peer_lane *lane, uint64_t n)
{
    struct peer_object *object = peer_object_new(n);
    struct ht_table *table = lane->table;
    ck_ht_hash_t hash = {peer_hash(object->id)};
    ck_ht_entry_t entry;

    ck_ht_entry_set_direct(&entry, hash, hash.value, (uintptr_t)object);
    if (!ck_ht_put_spmc(&table->map, hash, &entry))
        peer_die("ck_ht", "put");
}

static void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    struct ht_table *table = lane->table;
    struct trove_oid id = bench_id(old);
    ck_ht_hash_t hash = {peer_hash(id.bytes)};
    ck_ht_entry_t entry;

    ck_ht_entry_key_set_direct(&entry, hash.value);
    pthread_mutex_lock(&table->writer);
    if (!ck_ht_remove_spmc(&table->map, hash, &entry))
        peer_die("ck_ht", "remove");
    ht_add(lane, n);
    if (++table->removed >= table->objects / 8 && !ck_ht_gc(&table->map, 0, CK_SEED))
        peer_die("ck_ht", "gc");
    table->removed = table->removed >= table->objects / 8 ? 0 : table->removed;
    pthread_mutex_unlock(&table->writer);
    ck_peer_retire(lane, (void *)ck_ht_entry_value_direct(&entry));
}

#include "bench/peer_loops.h"

static void ht_hash(ck_ht_hash_t *ret_hash, const void *key, size_t size, uint64_t seed)
{
    (void)size;
    (void)seed;
    memcpy(&ret_hash->value, key, sizeof(ret_hash->value));
}

static void *ht_open(size_t objects)
{
    struct ht_table *table = calloc(1, sizeof(*table));

    if (table == NULL || pthread_mutex_init(&table->writer, NULL) != 0 ||
        !ck_ht_init(&table->map, CK_HT_MODE_DIRECT | CK_HT_WORKLOAD_DELETE, ht_hash,
                    &ck_peer_allocator, objects > 0 ? objects * 2 : 64, CK_SEED))
        peer_die("ck_ht", "init");
    table->objects = objects;
    return table;
}

static struct peer ck_ht_peer = {
    .name = "ck_ht",
    .rank = 21,
    .traits = CK_TRAITS,
    .open = ht_open,
    .leave = ck_peer_leave,
    .add = ht_add,
    .replace = replace_one,
    PEER_LOOPS,
};

PEER_REGISTER(ck_ht_peer)
