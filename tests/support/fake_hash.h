// SPDX-License-Identifier: MIT
/*
 * fake_hash.h - a hash for tests of core/: cheap, deterministic, and every id can be made to collide.
 */
#ifndef TROVE_TESTS_FAKE_HASH_H
#define TROVE_TESTS_FAKE_HASH_H

#include <trove/hash.h>

/* Not a git hash: 64-bit mixes of type, size and bytes. The table is borrowed from static storage. */
const struct trove_hash *fake_hash(enum trove_algo algo);

/* What it gives. */
struct trove_oid fake_oid(enum trove_algo algo, enum trove_type type, const void *data,
                          size_t size);

/* Its object_id, for tables of a test's own. */
int fake_object_id(void *algo, enum trove_type type, const void *data, size_t size,
                   struct trove_oid *ret_id);

#endif
