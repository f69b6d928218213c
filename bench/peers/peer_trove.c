// SPDX-License-Identifier: MIT
/*
 * peer_trove.c - trove itself: `trove` with get and get_many, `trove has` with has.
 *
 * Configuration  max_bytes holds the objects, the table at a load between 3/8 and 3/4, queue cells,
 *                ghosts and slack, and an eighth more for what waits for grace periods. Everything else as it comes.
 * Replacing      a put of a new object; trove chooses what goes, and frees it after a grace period, in a thread of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <trove/cache.h>

#include "bench/peers.h"

static void put(struct trove *cache, uint64_t n)
{
    unsigned char data[BENCH_OBJECT_BYTES] = {0};
    int r;

    memcpy(data, &n, sizeof(n));
    /* Memory that waits for a grace period is bounded: give the reclaimer a moment. */
    while ((r = trove_put(cache, TROVE_BLOB, data, sizeof(data), NULL, NULL)) == -ECACHE_OVERFULL) {
        const struct timespec moment = {.tv_nsec = 100000};
        nanosleep(&moment, NULL);
    }
    if (r != 0)
        peer_die("trove", "put");
}

static inline size_t find_size(struct peer_lane *lane, const struct trove_oid *id)
{
    const struct trove_object *object;

    return trove_get(lane->table, id, &object) == 0 ? trove_object_size(object) : 0;
}

static inline void section_begin(struct peer_lane *lane)
{
    (void)lane;
    trove_read_lock();
}

static inline void section_end(struct peer_lane *lane)
{
    (void)lane;
    trove_read_unlock();
}

static void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    (void)old;
    put(lane->table, n);
}

#include "bench/peer_loops.h"

static void *open_table(size_t objects)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = &bench_hash;
    if (objects > 0)
        options.max_bytes = ((uint64_t)objects * (128 + 10 + 17) + ((uint64_t)1 << 21)) * 8 / 7;
    else
        options.max_bytes = (uint64_t)1 << 40; /* nothing is evicted */
    if (trove_open(&options, &cache, NULL) != 0)
        peer_die("trove", "open");
    return cache;
}

static void enter(struct peer_lane *lane)
{
    (void)lane;
    trove_thread_init();
}

static void add(struct peer_lane *lane, uint64_t n)
{
    put(lane->table, n);
}

static void use(struct peer_lane *lane, uint64_t n, unsigned times)
{
    struct trove_oid id = bench_id(n);

    trove_read_lock();
    while (times-- > 0)
        if (find_size(lane, &id) == 0)
            peer_die("trove", "what was just put is gone");
    trove_read_unlock();
}

/* What is put and never used is a scan to the policy, and turns nothing over. */
static void turn(struct peer_lane *lane, uint64_t old, uint64_t n)
{
    (void)old;
    put(lane->table, n);
    use(lane, n, 2);
}

static bool has(struct peer_lane *lane, const struct trove_oid *id)
{
    return trove_has(lane->table, id);
}

/* Warm is what is measured: hints at their ceiling, as they are between two looks of the evictor. */
static void warm(struct peer_lane *lane, const uint64_t *numbers, size_t count)
{
    struct trove_stats stats;

    for (size_t i = 0; i < count; i++) {
        struct trove_oid id = bench_id(numbers[i]);

        trove_read_lock();
        for (unsigned use_count = 0; use_count < 3; use_count++)
            find_size(lane, &id);
        trove_read_unlock();
    }
    trove_stats(lane->table, &stats);
    peer_trove_lines = stats.table_slots / 7;
}

static uint64_t batch(struct peer_lane *lane, const struct trove_oid *ids, size_t count,
                      unsigned width)
{
    struct trove *cache = lane->table;
    const struct trove_object *objects[PEER_SECTION];
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i += PEER_SECTION) {
        trove_read_lock();
        for (size_t j = i; j < i + PEER_SECTION; j += width) {
            trove_get_many(cache, &ids[j], width, objects);
            for (unsigned k = 0; k < width; k++)
                sum += objects[k] != NULL ? trove_object_size(objects[k]) : 0;
        }
        trove_read_unlock();
    }
    return sum;
}

static uint64_t has_plain(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    struct trove *cache = lane->table;
    uint64_t found = 0;

    for (size_t i = 0; i < count; i += PEER_SECTION) {
        trove_read_lock();
        for (size_t j = i; j < i + PEER_SECTION; j++)
            found += trove_has(cache, &ids[j]);
        trove_read_unlock();
    }
    return found * BENCH_OBJECT_BYTES;
}

/* A section of has's own: what a caller without one gets. */
static uint64_t has_calls(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    struct trove *cache = lane->table;
    uint64_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += trove_has(cache, &ids[i]);
    return found * BENCH_OBJECT_BYTES;
}

static struct peer peer_trove = {
    .name = "trove",
    .rank = 0,
    .traits = PEER_IS_TROVE | PEER_SECTIONS | PEER_GROWS | PEER_WRITERS | PEER_LARGE |
              PEER_RECLAIMS | PEER_EVICTS,
    .open = open_table,
    .enter = enter,
    .add = add,
    .replace = replace_one,
    .turn = turn,
    .warm = warm,
    .has = has,
    .batch = batch,
    PEER_LOOPS,
};

static struct peer peer_trove_has = {
    .name = "trove has",
    .rank = 1,
    .traits = PEER_IS_TROVE | PEER_SECTIONS | PEER_LARGE,
    .shares = &peer_trove,
    .enter = enter,
    .plain = has_plain,
    .calls = has_calls,
};

PEER_REGISTER(peer_trove)
PEER_REGISTER(peer_trove_has)
