// SPDX-License-Identifier: MIT
/*
 * keyed_hash.h - positions of ids, which strangers choose, from a secret that they cannot know.
 *
 * Two steps. The first is NH (of UMAC) with 64-bit words: (w0 + k0) * (w1 + k1), all 128 bits. The last 32 bits of a
 * SHA-1 id are added to w1 with a factor k2; the other half of a SHA-256 id is another such product, added. The second
 * whitens the upper half with k3, multiplies the two halves and folds the product's halves together.
 *
 * PROVEN    Two ids chosen by somebody who does not know the keys come out of the first step alike with a probability of
 *           at most 2^-64 (NH is 2^-64-almost-universal); SHA-1 ids with the same first eight bytes at most 2^-33, for
 *           that is how rarely w1 + k2 * rest is the same.
 * NOT       The fold loses half of the bits and is not proven to spread what it gets; nor is anything said about a
 *           stranger who learns positions (by timing, say) and then chooses. Strongly universal multilinear hashing has
 *           a theorem for every bit; it was measured beside this one, and a warm lookup costs a quarter more with it
 *           (BENCHMARKS.md). The fold is that of wyhash, with operands that strangers can neither see nor set. Both of
 *           them change with every word of the id: were the rest added to the lower half alone, ids that differ only
 *           there would be in arithmetic progression, and line up for some per cent of the secrets.
 * TESTED    tests/unit/test_keyed_hash.c: each bit of the id moves each bit of the hash; families of ids that line up for
 *           weaker hashes (counters, strides, bit patterns, in each word) fill no bucket, and no bucket and tag, more than
 *           random ids do, over 40 secrets. Over 2,000 one secret put 78 ids of one family, instead of at most 36, into
 *           one of 256 buckets: a nuisance, not a way to make lookups slow.
 *
 * 256 secret bits take part under SHA-1, 320 under SHA-256. A dozen instructions: what a lookup costs is decided by how
 * many lookups fit the reorder window.
 */
#ifndef TROVE_CORE_KEYED_HASH_H
#define TROVE_CORE_KEYED_HASH_H

#include <stdint.h>
#include <string.h>
#include <trove/oid.h>

struct trove__secret {
    uint64_t key[5];
};

static inline __attribute__((always_inline)) uint64_t
trove__keyed_hash(const struct trove__secret *secret, const uint8_t *id, enum trove_algo algo)
{
    const uint64_t *key = secret->key;
    unsigned __int128 product;
    uint64_t word[4], low, high;
    uint32_t rest;

    memcpy(word, id, 16);
    if (algo == TROVE_SHA1) {
        memcpy(&rest, id + 16, 4);
        product = (unsigned __int128)(word[0] + key[0]) * (word[1] + key[1] + rest * key[2]);
    } else {
        memcpy(word + 2, id + 16, 16);
        product = (unsigned __int128)(word[0] + key[0]) * (word[1] + key[1]);
        product += (unsigned __int128)(word[2] + key[2]) * (word[3] + key[4]);
    }
    low = (uint64_t)product;
    high = (uint64_t)(product >> 64) ^ key[3];
    product = (unsigned __int128)low * high;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Draws it from the kernel. 0 or a negative errno. */
int trove__secret_draw(struct trove__secret *ret_secret);

#endif
