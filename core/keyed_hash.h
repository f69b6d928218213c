// SPDX-License-Identifier: MIT
/*
 * keyed_hash.h - positions of ids, which strangers choose, from a secret that they cannot know.
 *
 * Two functions, of which a cache uses one for all its life: that of the reader that was chosen when it was opened.
 *
 * WORDS     NH (of UMAC) with 64-bit words: (w0 + k0) * (w1 + k1), all 128 bits. The last 32 bits of a SHA-1 id are added
 *           to w1 with a factor k2; the other half of a SHA-256 id is another such product, added. Then k3 whitens the
 *           upper half, and the two halves are multiplied and the product's halves folded together.
 *   PROVEN  Two ids chosen by somebody who does not know the keys come out of the first step alike with a probability of
 *           at most 2^-64 (NH is 2^-64-almost-universal); SHA-1 ids with the same first eight bytes at most 2^-33, for
 *           that is how rarely w1 + k2 * rest is the same.
 *   NOT     The fold loses half of the bits and is not proven to spread what it gets; nor is anything said about a
 *           stranger who learns positions (by timing, say) and then chooses. Strongly universal multilinear hashing has
 *           a theorem for every bit; it was measured beside this one, and a warm lookup costs a quarter more with it
 *           (BENCHMARKS.md). The fold is that of wyhash, with operands that strangers can neither see nor set. Both of
 *           them change with every word of the id: were the rest added to the lower half alone, ids that differ only
 *           there would be in arithmetic progression, and line up for some per cent of the secrets.
 *
 * BLOCKS    Five rounds of AES on the first 16 bytes of the id, with the last 16 bytes in the place of the third round's
 *           key; the lower half of the state. Nearly no integer registers and few loads.
 *   PROVEN  Two rounds with independent keys turn one chosen difference into another with a probability of at most
 *           1.23 * 2^-28 on average over the keys (Park et al.); that bounds how often two ids come out of the
 *           third key's addition alike, when their first 16 bytes differ. When only the last bytes differ they never do.
 *           Three rounds follow, a permutation; of the last one's input the half counts that it carries into the lower
 *           half, two bytes of each column, so that a difference must vanish in several columns at once.
 *   NOT     That the lower half of the state after these three is as even as a random function's: believed, as for any
 *           reduced AES, and tested; and, as above, strangers who learn positions.
 *
 * TESTED    tests/unit/test_keyed_hash.c, both: each bit of the id moves each bit of the hash; families of ids that line
 *           up for weaker hashes (counters, strides, bit patterns, in each word) fill no bucket, and no bucket and tag,
 *           more than random ids do, over 40 secrets. Over 2,000 secrets WORDS put 78 ids of one family, instead of at
 *           most 36, into one of 256 buckets once: a nuisance, not a way to make lookups slow.
 * SOURCES   Black et al.: UMAC. Park, Sung, Lee, Lim: Improving the upper bound on the maximum differential and the
 *           maximum linear hull probability for SPN structures and AES.
 */
#ifndef TROVE_CORE_KEYED_HASH_H
#define TROVE_CORE_KEYED_HASH_H

#include "core/needle.h"

struct trove__secret {
    _Alignas(64) uint64_t key[8]; /* one line */
};

#if defined(TROVE__NEEDLE_BLOCKS)

TROVE__NEEDLE_INLINE uint64_t trove__keyed_hash(const struct trove__secret *secret,
                                                const struct trove__needle *needle,
                                                enum trove_algo algo)
{
    const __m128i *key = (const __m128i *)(const void *)secret->key;
    __m128i state = _mm_xor_si128(needle->head, key[0]);

    (void)algo;
    state = _mm_aesenc_si128(state, key[1]);
    state = _mm_aesenc_si128(state, needle->tail);
    state = _mm_aesenc_si128(state, key[2]);
    state = _mm_aesenc_si128(state, key[3]);
    state = _mm_aesenc_si128(state, key[0]); /* the last key spreads nothing: any will do */
    return (uint64_t)_mm_cvtsi128_si64(state);
}

#else

TROVE__NEEDLE_INLINE uint64_t trove__keyed_hash(const struct trove__secret *secret,
                                                const struct trove__needle *needle,
                                                enum trove_algo algo)
{
    const uint64_t *key = secret->key, *word = needle->words;
    unsigned __int128 product;
    uint64_t low, high;

    if (algo == TROVE_SHA1) {
        product = (unsigned __int128)(word[0] + key[0]) * (word[1] + key[1] + word[2] * key[2]);
    } else {
        product = (unsigned __int128)(word[0] + key[0]) * (word[1] + key[1]);
        product += (unsigned __int128)(word[2] + key[2]) * (word[3] + key[4]);
    }
    low = (uint64_t)product;
    high = (uint64_t)(product >> 64) ^ key[3];
    product = (unsigned __int128)low * high;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif

/* Draws it from the kernel. 0 or a negative errno. */
int trove__secret_draw(struct trove__secret *ret_secret);

#endif
