// SPDX-License-Identifier: MIT
/*
 * pack_checked.h - reads a pack in one of several ways and aborts when a promise of the reader does not hold: every id
 * given is that of its bytes, no draft is left over, memory stays within the bound, what is counted was given.
 */
#ifndef TROVE_FUZZ_PACK_CHECKED_H
#define TROVE_FUZZ_PACK_CHECKED_H

#include <stdbool.h>
#include <trove/hash.h>

struct pack_way {
    size_t piece; /* bytes fed at a time */
    bool threads; /* of the reader's own */
    bool spools;  /* to a file, nearly at once */
    bool
        remembers; /* what was given can be found, as in a cache; else only the outside object can */
};

struct pack_result {
    int status;
    uint64_t objects, ids; /* how many were given; the sum over their ids */
};

/* What a thin pack may refer to: a blob of so many bytes. */
enum { PACK_OUTSIDE_BYTES = 1000 };
void pack_outside(uint8_t bytes[PACK_OUTSIDE_BYTES]);

struct pack_result pack_checked(const struct trove_hash *hash, const uint8_t *bytes, size_t size,
                                struct pack_way way);

#endif
