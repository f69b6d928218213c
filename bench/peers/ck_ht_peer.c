// SPDX-License-Identifier: MIT
/*
 * ck_ht_peer.c - ck_ht, the hash table of Concurrency Kit.
 *
 * Configuration  from the keyed hash (CK_HT_MODE_DIRECT, two entries a line, no object read in vain) to the object, whose id is
 *                compared then; objects with the same 64 bits of hash would not be told apart. Presized for twice the objects;
 *                it keeps the places of removed entries, and its collector does not give them back, so that a search for what is
 *                not there becomes as long as the table: it is copied into a new one, which readers see at once, each time a
 *                quarter of the objects was removed. Debian's ck is built without pointer packing.
 */
#include <ck_ht.h>

#include "bench/peers/ck_peer.h"

struct ht_table {
    ck_ht_t *live;
    size_t objects, removed;
    pthread_mutex_t writer;
};

/* ACQUIRE, RELEASE: the table that stands here is complete. */
static inline ck_ht_t *ht_live(struct ht_table *table)
{
    return __atomic_load_n(&table->live, __ATOMIC_ACQUIRE);
}

static inline size_t find_size(struct peer_lane *lane, const struct trove_oid *id)
{
    struct ht_table *table = lane->table;
    ck_ht_hash_t hash = {peer_hash(id->bytes)};
    ck_ht_entry_t entry;

    ck_ht_entry_key_set_direct(&entry, hash.value);
    if (!ck_ht_get_spmc(ht_live(table), hash, &entry))
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
    if (!ck_ht_put_spmc(ht_live(table), hash, &entry))
        peer_die("ck_ht", "put");
}

static void ht_hash(ck_ht_hash_t *ret_hash, const void *key, size_t size, uint64_t seed)
{
    (void)size;
    (void)seed;
    memcpy(&ret_hash->value, key, sizeof(ret_hash->value));
}

static ck_ht_t *ht_new(size_t objects)
{
    ck_ht_t *made = calloc(1, sizeof(*made));

    if (made == NULL || !ck_ht_init(made, CK_HT_MODE_DIRECT | CK_HT_WORKLOAD_DELETE, ht_hash,
                                    &ck_peer_allocator, objects > 0 ? objects * 2 : 64, CK_SEED))
        peer_die("ck_ht", "init");
    return made;
}

/* By the writer, outside sections. */
static void ht_renew(struct ht_table *table)
{
    ck_ht_t *made = ht_new(table->objects), *old = table->live;
    ck_ht_iterator_t at = CK_HT_ITERATOR_INITIALIZER;
    ck_ht_entry_t *entry;

    while (ck_ht_next(old, &at, &entry)) {
        ck_ht_hash_t hash = {ck_ht_entry_key_direct(entry)};
        ck_ht_entry_t copy = *entry;

        if (!ck_ht_put_spmc(made, hash, &copy))
            peer_die("ck_ht", "put");
    }
    __atomic_store_n(&table->live, made, __ATOMIC_RELEASE);
    table->removed = 0;
    urcu_bp_synchronize_rcu();
    ck_ht_destroy(old);
    free(old);
}

static void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    struct ht_table *table = lane->table;
    struct trove_oid id = bench_id(old);
    ck_ht_hash_t hash = {peer_hash(id.bytes)};
    ck_ht_entry_t entry;

    ck_ht_entry_key_set_direct(&entry, hash.value);
    pthread_mutex_lock(&table->writer);
    if (!ck_ht_remove_spmc(ht_live(table), hash, &entry))
        peer_die("ck_ht", "remove");
    ht_add(lane, n);
    if (++table->removed >= table->objects / 4)
        ht_renew(table);
    pthread_mutex_unlock(&table->writer);
    ck_peer_retire(lane, (void *)ck_ht_entry_value_direct(&entry));
}

#include "bench/peer_loops.h"

static void *ht_open(size_t objects)
{
    struct ht_table *table = calloc(1, sizeof(*table));

    if (table == NULL || pthread_mutex_init(&table->writer, NULL) != 0)
        peer_die("ck_ht", "init");
    table->objects = objects;
    table->live = ht_new(objects);
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
