// SPDX-License-Identifier: MIT
/*
 * reading.h - caches that read with a reader of the test's choice. Users link the alike_* objects too (alike.h).
 */
#ifndef TROVE_TESTS_READING_H
#define TROVE_TESTS_READING_H

#include "core/cache_struct.h"

/* Asserts that it opens. */
struct trove *open_cache(const struct trove_hash *hash, uint64_t max_bytes);

/* Before anything is put: CACHE reads, and hashes, with READER. */
void use_reader(struct trove *cache, const struct trove__reader *reader);

/* READER with a hash of 0 for every id. */
const struct trove__reader *alike_of(const struct trove__reader *reader, enum trove_algo algo);

/* How many ids that are alike a cache takes: seven fill the home bucket, its counter of passes admits 63 more; beyond that
 * the table would grow or evict. */
#define ALIKE (TROVE__SLOTS + (unsigned)TROVE__PASS_MAX)

/* An object_id of a hash whose ids are the data itself, so that a test can choose them. */
int id_is_data(void *context, enum trove_type type, const void *data, size_t size,
               struct trove_oid *ret_id);
/* Of those, number N from 0: they differ at the start, in the middle or at the end. */
struct trove_oid alike_id(unsigned n, enum trove_algo algo);

#endif
