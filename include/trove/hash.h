// SPDX-License-Identifier: MIT
/*
 * trove/hash.h - who computes object ids. libtrove-core has no hash of its own; libtrove brings three.
 */
#ifndef TROVE_HASH_H
#define TROVE_HASH_H

#include <trove/oid.h>

/* How ids are computed. */
struct trove_hash {
    enum trove_algo algo;
    /* The id of "<type> <size>\0" followed by SIZE bytes at DATA. *RET_ID is set only on success. Returns 0, -ENOMEM,
     * or -EBADMSG when the bytes carry a collision attack. Must be thread-safe. */
    int (*object_id)(void *context, enum trove_type type, const void *data, size_t size,
                     struct trove_oid *ret_id);
    void *context;
};

TROVE_BEGIN_DECLS

/* libtrove only. Static tables. SHA-1 of OpenSSL; SHA-1 with collision detection (libgit2's); SHA-256 of OpenSSL. */
TROVE_API const struct trove_hash *trove_hash_sha1(void);
TROVE_API const struct trove_hash *trove_hash_sha1_detecting(void);
TROVE_API const struct trove_hash *trove_hash_sha256(void);

TROVE_END_DECLS

#endif
