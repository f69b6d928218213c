// SPDX-License-Identifier: MIT
/*
 * keyed_hash.h - positions of ids, which strangers choose, from a secret that they cannot know.
 *
 * Multilinear hashing: the high 64 bits of k0 + k1*w1 + k2*w2 + ... modulo 2^128, where the w are the id's 64-bit words
 * and the k independent 128-bit secrets. With such keys the family is strongly universal: any two different ids get
 * independent uniform 64-bit values, so whatever ids somebody names without seeing positions, two of them share a
 * bucket and a tag no more often than random ones do. (Lemire, Kaser: Strongly universal string hashing is fast.)
 *
 * A sum is linear: for one unlucky key, ids in arithmetic progression may line up. The last step, a multiplication by an
 * odd secret between two xor-shifts, breaks the line; it is a bijection, so the guarantee above stays.
 */
#ifndef TROVE_CORE_KEYED_HASH_H
#define TROVE_CORE_KEYED_HASH_H

#include <stdint.h>
#include <string.h>
#include <trove/oid.h>

struct trove__secret {
    uint64_t low[5], high[5]; /* k0..k4 */
    uint64_t odd;             /* the bijection's factor */
};

static inline uint64_t trove__keyed_hash(const struct trove__secret *secret, const uint8_t *id,
                                         enum trove_algo algo)
{
    unsigned __int128 low;
    uint64_t word[4], high = secret->high[0], hash;
    uint32_t rest;

    memcpy(word, id, 16);
    low = (unsigned __int128)word[0] * secret->low[1] + secret->low[0];
    low += (unsigned __int128)word[1] * secret->low[2];
    high += word[0] * secret->high[1] + word[1] * secret->high[2];
    if (algo == TROVE_SHA1) {
        memcpy(&rest, id + 16, 4);
        low += (unsigned __int128)rest * secret->low[3];
        high += rest * secret->high[3];
    } else {
        memcpy(word + 2, id + 16, 16);
        low += (unsigned __int128)word[2] * secret->low[3];
        low += (unsigned __int128)word[3] * secret->low[4];
        high += word[2] * secret->high[3] + word[3] * secret->high[4];
    }
    hash = high + (uint64_t)(low >> 64);
    hash = (hash ^ hash >> 32) * secret->odd;
    return hash ^ hash >> 32;
}

/* Draws it from the kernel. 0 or a negative errno. */
int trove__secret_draw(struct trove__secret *ret_secret);

#endif
