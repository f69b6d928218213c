// SPDX-License-Identifier: MIT
/*
 * digest.h - a running SHA-1 or SHA-256 over bytes that come in pieces: pack trailers and object ids.
 *
 * OpenSSL's low-level calls are used on purpose: they need no allocation, so they cannot fail, and they cost half as
 * much as EVP on the small objects that most of a repository consists of.
 */
#ifndef TROVE_FETCH_DIGEST_H
#define TROVE_FETCH_DIGEST_H

#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include <openssl/sha.h>
#include <trove/oid.h>

struct trove__digest {
    enum trove_algo algo;
    union {
        SHA_CTX sha1;
        SHA256_CTX sha256;
    } of;
};

void trove__digest_init(struct trove__digest *digest, enum trove_algo algo);
void trove__digest_update(struct trove__digest *digest, const void *bytes, size_t size);
/* Writes the sum, padded with zeros, as an id. DIGEST must be initialised again before further use. */
void trove__digest_final(struct trove__digest *digest, struct trove_oid *ret_sum);

/* Writes what git hashes in front of an object, "<type> <size>\0", into BUFFER and returns its length, NUL included. */
enum { TROVE__OBJECT_HEADER_MAX = 32 };
size_t trove__object_header(enum trove_type type, uint64_t size,
                            char buffer[TROVE__OBJECT_HEADER_MAX]);

#endif
