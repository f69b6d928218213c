// SPDX-License-Identifier: MIT
/*
 * reader.h - has, get and get_many, compiled once for each instruction set and algorithm; which ones is chosen when a cache
 * is opened. What they promise is in <trove/cache.h>.
 */
#ifndef TROVE_CORE_READER_H
#define TROVE_CORE_READER_H

#include "core/table.h"
#include <trove/cache.h>

struct trove__reader {
    const char *name;
    trove__hash_fn hash; /* what these compute; the table's must be the same */
    bool (*has)(struct trove *cache, const struct trove_oid *id);
    int (*get)(struct trove *cache, const struct trove_oid *id,
               const struct trove_object **ret_object);
    size_t (*get_many)(struct trove *cache, const struct trove_oid *ids, size_t count,
                       const struct trove_object **ret_objects);
};

/* [0] for SHA-1, [1] for SHA-256. */
extern const struct trove__reader trove__reader_plain[2];
extern const struct trove__reader trove__reader_neon[2];
extern const struct trove__reader trove__reader_sse2[2];
extern const struct trove__reader trove__reader_avx2[2];
extern const struct trove__reader trove__reader_avx512[2];
#define TROVE__READERS_MAX 4

/* Counts, times and tells of what cache->uncounted then does: count_reads. */
extern const struct trove__reader trove__reader_counted;

/* Of those that this machine can run, the N-th, the best first; NULL past the last. There is always one. */
const struct trove__reader *trove__reader_nth(enum trove_algo algo, unsigned n);

#endif
