// SPDX-License-Identifier: MIT
/*
 * pack_reading.h - reading a whole pack in a test.
 */
#ifndef TROVE_TESTS_PACK_READING_H
#define TROVE_TESTS_PACK_READING_H

#include "pack_builder.h"
#include "pack_target.h"

struct pack_outcome {
    int status;
    struct trove_error err;
    struct trove__pack_stats stats;
};

/* The default limits, but that all packs have helper threads, or none has. */
struct trove__pack_limits pack_limits(bool threads);

/* A target whose cache keeps nothing: what leaves the reader's memory has to be made again. */
void pack_target_start_discarding(struct pack_target *target);

/* Reads SIZE bytes at BYTES into TARGET, PIECE bytes at a time. LIMITS NULL: the defaults. */
struct pack_outcome pack_read(struct pack_target *target, const struct trove__pack_limits *limits,
                              const void *bytes, size_t size, size_t piece);

/* Reads PACK, in pieces of one network packet's size; all of it must come, and right. */
struct pack_outcome pack_read_whole(struct pack_target *target,
                                    const struct trove__pack_limits *limits,
                                    const struct pack_builder *pack);

/* Reads PACK at once into a target of its own, thrown away. */
struct pack_outcome pack_try(const struct trove_hash *hash, const struct trove__pack_limits *limits,
                             const struct pack_builder *pack);

#endif
