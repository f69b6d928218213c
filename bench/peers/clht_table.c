// SPDX-License-Identifier: MIT
/*
 * clht_table.c - CLHT, its lock-based resizable form (clht_lb_res), whose lookups take no lock.
 *
 * Configuration  from the keyed hash to the object, whose id is compared then; objects with the same 64 bits of hash would not
 *                be told apart. A bucket of three for each object, at 2^14 objects and more: presized so that nothing overflows.
 * Reclamation    of tables only; of objects none: what is removed is freed after the time was taken.
 */
#include <clht_lb_res.h>
#include <pthread.h>
#undef likely
#undef unlikely
#undef true
#undef false
#define true 1
#define false 0

#include "bench/peers.h"

static inline size_t find_size(struct peer_lane *lane, const struct trove_oid *id)
{
    clht_t *table = lane->table;

    return peer_size_if((const struct peer_object *)clht_get(table->ht, peer_hash(id->bytes)), id);
}

static inline void section_begin(struct peer_lane *lane)
{
    (void)lane;
}

static inline void section_end(struct peer_lane *lane)
{
    (void)lane;
}

static void clht_peer_add(struct peer_lane *lane, uint64_t n)
{
    struct peer_object *object = peer_object_new(n);

    if (!clht_put(lane->table, peer_hash(object->id), (clht_val_t)object))
        peer_die("CLHT", "it was there already");
}

static void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    struct trove_oid id = bench_id(old);
    void *object = (void *)clht_remove(lane->table, peer_hash(id.bytes));

    if (object == NULL)
        peer_die("CLHT", "it was not there");
    peer_garbage_add(&lane->garbage, object);
    clht_peer_add(lane, n);
}

#include "bench/peer_loops.h"

static void *clht_peer_open(size_t objects)
{
    clht_t *table = clht_create(objects > 0 ? objects : 64);

    if (table == NULL)
        peer_die("CLHT", "clht_create");
    return table;
}

/* Its allocators are never given back, and large: threads that come later take those of threads that have gone. */
static ssmem_allocator_t *idle[1024];
static unsigned idle_count, made_count;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;

static void clht_peer_enter(struct peer_lane *lane)
{
    pthread_mutex_lock(&idle_lock);
    if (idle_count > 0)
        clht_alloc = idle[--idle_count];
    else
        clht_gc_thread_init(lane->table, (int)made_count++);
    pthread_mutex_unlock(&idle_lock);
}

static void clht_peer_leave(struct peer_lane *lane)
{
    pthread_mutex_lock(&idle_lock);
    idle[idle_count++] = clht_alloc;
    pthread_mutex_unlock(&idle_lock);
    peer_leave_freeing(lane);
}

static struct peer clht_peer = {
    .name = "CLHT",
    .rank = 51,
    .traits = PEER_GROWS | PEER_WRITERS,
    .open = clht_peer_open,
    .enter = clht_peer_enter,
    .leave = clht_peer_leave,
    .add = clht_peer_add,
    .replace = replace_one,
    PEER_LOOPS,
};

PEER_REGISTER(clht_peer)
