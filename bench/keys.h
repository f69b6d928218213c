// SPDX-License-Identifier: MIT
/*
 * keys.h - objects by number: ids as random as a hash's, in the same sequence for everybody; Zipf; shuffles.
 */
#ifndef TROVE_BENCH_KEYS_H
#define TROVE_BENCH_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <trove/hash.h>
#include <trove/oid.h>

#define BENCH_OBJECT_BYTES 80
#define BENCH_ABSENT ((uint64_t)1 << 40) /* from here on numbers are never put */

/* A permutation of 64 bits that looks random. */
static inline uint64_t bench_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* The id of object N. */
static inline struct trove_oid bench_id(uint64_t n)
{
    uint64_t words[3] = {bench_mix(n + 1), bench_mix(n ^ 0x9e3779b97f4a7c15), bench_mix(n * 3 + 7)};
    struct trove_oid id;

    memset(&id, 0, sizeof(id));
    memcpy(id.bytes, words, 20);
    return id;
}

/* For a cache of such objects: the number is the object's first eight bytes. */
extern const struct trove_hash bench_hash;

void bench_shuffle(uint64_t *numbers, size_t count, uint64_t seed);

/* How ids are drawn. */
enum bench_draw { BENCH_UNIFORM, BENCH_ZIPF, BENCH_MISSING };

/* COUNT ids out of NUMBERS, of which there are NUMBER_COUNT; or ids that were never put. own: free() */
struct trove_oid *bench_draw_ids(enum bench_draw draw, const uint64_t *numbers, size_t number_count,
                                 size_t count, uint64_t seed);

#endif
