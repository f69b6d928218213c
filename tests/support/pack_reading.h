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

/* Reads SIZE bytes at BYTES into TARGET, PIECE bytes at a time. LIMITS NULL: the defaults. */
struct pack_outcome pack_read(struct pack_target *target, const struct trove__pack_limits *limits,
                              const void *bytes, size_t size, size_t piece);

/* The same with a target of its own, thrown away. */
struct pack_outcome pack_try(const struct trove_hash *hash, const struct trove__pack_limits *limits,
                             const struct pack_builder *pack);

#endif
