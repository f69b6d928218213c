// SPDX-License-Identifier: MIT
/*
 * mesi.h - a directory that knows for each line of memory which caches have a copy, and in which of MESI's states.
 *
 *     state in a cache     a load by its thread   a store (or read-modify-write)        another's load    another's store
 *     M modified, alone    hit                    hit                                   S, hands it over  I, hands it over
 *     E as memory, alone   hit                    hit, M                                S                 I
 *     S as memory, shared  hit                    miss: the other copies go, M          S                 I
 *     I none               miss: S, or E when     miss: the other copies go, M          I                 I
 *                          nobody else has one
 *
 * Caches never get full, so each miss is either the first look of a cache at a line that memory can give (what that costs
 * depends on the size of caches, and is counted apart), or a coherence miss: the line had to come from another cache that
 * had modified it, or come back because another cache had taken it away, or other copies had to be taken away.
 */
#ifndef TROVE_BENCH_MESI_H
#define TROVE_BENCH_MESI_H

#include <stdint.h>

#define MESI_CACHES_MAX 192

enum mesi_access { MESI_LOAD, MESI_STORE, MESI_RMW };
enum mesi_outcome { MESI_HIT, MESI_FIRST, MESI_COHERENCE };
enum mesi_state { MESI_INVALID, MESI_SHARED, MESI_EXCLUSIVE, MESI_MODIFIED };

struct mesi_counts {
    uint64_t accesses, first, coherence;
    uint64_t hottest; /* coherence misses of the line that had most of them */
    uint64_t hottest_line;
};

/* For CACHES of them, all empty. Ends the process without memory, as mesi_access() does. */
struct mesi *mesi_create(unsigned caches);
void mesi_destroy(struct mesi *mesi);

/* The thread of CACHE accesses LINE (an address without its lowest six bits). */
enum mesi_outcome mesi_access(struct mesi *mesi, unsigned cache, uint64_t line,
                              enum mesi_access access);

enum mesi_state mesi_state(struct mesi *mesi, unsigned cache, uint64_t line);
struct mesi_counts mesi_counts(const struct mesi *mesi);

#endif
