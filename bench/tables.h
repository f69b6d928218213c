// SPDX-License-Identifier: MIT
/*
 * tables.h - the tables of all peers with the same objects in them: filled, turned over, their objects replaced alike.
 *
 * The objects are at positions; which number lies at a position changes alike in all tables that do not choose themselves what
 * goes. The first quarter of the positions is the ring, whose objects workloads replace one after the other; the other objects
 * stay, and are what lookups ask for.
 */
#ifndef TROVE_BENCH_TABLES_H
#define TROVE_BENCH_TABLES_H

#include "bench/lanes.h"
#include "bench/peers.h"

#define BENCH_TABLES_MAX 32

struct bench_table {
    const struct peer *peer;
    void *table;
    uint64_t replaced; /* in the ring since the last turnover */
    double fill_ns, turn_ns;
    double missed; /* the largest share of lookups beside replacements that found nothing */
    struct bench_tables *all;
};

struct bench_tables {
    size_t objects, ring;
    uint64_t *numbers; /* at each position, after the last turnover */
    uint64_t fresh;    /* the first number that no replacement has used yet */
    uint64_t *present; /* what all tables have, and keep while the ring is replaced */
    size_t present_count;
    struct bench_table table[BENCH_TABLES_MAX];
    size_t count;
};

/* Opens a table for OBJECTS of each peer that WANTED (may be NULL) says yes to, and fills them, as many at a time as there are
 * processors. The hardware's come last. */
void bench_tables_fill(struct bench_tables *tables, size_t objects,
                       bool (*wanted)(const struct peer *peer));

/* Every object is replaced TURNOVERS times, in every table. */
void bench_tables_turn_over(struct bench_tables *tables, unsigned turnovers);

/* Replaces the whole ring once, in every table, and learns anew what all have: the puts of workloads that replace evict puts of
 * before them from then on, for what is put and never used fills the share of the cache that new objects have. */
void bench_tables_settle(struct bench_tables *tables);

/* Puts ids of objects that are there in the place of those of IDS that a table which evicts has let go since. */
void bench_tables_mend_ids(const struct bench_tables *tables, struct trove_oid *ids, size_t count,
                           uint64_t seed);

/* SUM of the sizes of what READS lookups beside replacements found: one that evicts may let some go that are asked for, others
 * must find all. Dies when it is wrong; remembers the least share found. */
void bench_table_check_reads(struct bench_table *table, uint64_t sum, uint64_t reads);

/* The K-th replacement in the ring; CONTEXT is a struct bench_tables. For peer_mix. */
void bench_tables_pair(const void *context, uint64_t k, uint64_t *ret_old, uint64_t *ret_new);

/* The table of the peer of that name, or NULL. */
struct bench_table *bench_table_of(struct bench_tables *tables, const char *name);

/* Around a thread's use of a table. */
struct peer_lane bench_table_enter(const struct bench_table *table);
void bench_table_leave(const struct bench_table *table, struct peer_lane *lane);

#endif
