// SPDX-License-Identifier: MIT
/*
 * trove/oid.h - names of git objects, and their types.
 */
#ifndef TROVE_OID_H
#define TROVE_OID_H

#include <string.h>
#include <trove/base.h>

/* A repository's hash algorithm. */
enum trove_algo { TROVE_SHA1 = 1, TROVE_SHA256 = 2 };

/* The values are those of pack entries. TROVE_ANY stands for "not known" in wants, never in an object. */
enum trove_type {
    TROVE_ANY = 0,
    TROVE_COMMIT = 1,
    TROVE_TREE = 2,
    TROVE_BLOB = 3,
    TROVE_TAG = 4,
};

#define TROVE_OID_BYTES_MAX 32
#define TROVE_OID_HEX_MAX 64

/* An object id. Under SHA-1 the last 12 bytes are zero, always, so two ids compare as 32 bytes whatever the algorithm. */
struct trove_oid {
    uint8_t bytes[TROVE_OID_BYTES_MAX];
};

static inline size_t trove_oid_bytes(enum trove_algo algo)
{
    return algo == TROVE_SHA256 ? 32 : 20;
}

static inline bool trove_oid_equal(const struct trove_oid *a, const struct trove_oid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

TROVE_BEGIN_DECLS

/* Reads exactly trove_oid_bytes(ALGO)*2 hex digits (either case) at HEX, which need not be terminated; LENGTH is what
 * may be read. *RET_ID is set only on success. Returns 0, or -EINVAL (too short, or a byte that is no hex digit). */
TROVE_API TROVE_NODISCARD int trove_oid_from_hex(enum trove_algo algo, const char *hex,
                                                 size_t length, struct trove_oid *ret_id);

/* Writes lower-case hex and a NUL into BUFFER (TROVE_OID_HEX_MAX + 1 bytes always suffice) and returns BUFFER. */
TROVE_API char *trove_oid_to_hex(enum trove_algo algo, const struct trove_oid *id, char *buffer);

/* "commit", "tree", "blob", "tag", or "any". Static storage. */
TROVE_API const char *trove_type_name(enum trove_type type);

/* The type called NAME (LENGTH bytes), or TROVE_ANY when there is none of that name. */
TROVE_API enum trove_type trove_type_from_name(const char *name, size_t length);

TROVE_END_DECLS

#endif
