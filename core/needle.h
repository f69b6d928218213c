// SPDX-License-Identifier: MIT
/*
 * needle.h - an id on its way through a lookup: loaded once, hashed and compared in registers.
 *
 * How many lookups a core has under way at once decides what one costs, and what bounds that is how many loads, and then how
 * many other results, each of them keeps until its object has come (bench/bench_window.c). So an id is not loaded a second
 * time for the comparison; and where there are vectors, it is two of them, which overlap for SHA-1.
 */
#ifndef TROVE_CORE_NEEDLE_H
#define TROVE_CORE_NEEDLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <trove/oid.h>
#if defined(TROVE_RCU_VISIBLE) || defined(TROVE_TABLE_PLAIN) ||                                    \
    !(defined(__SSE2__) || (defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__))
#define TROVE__PLAIN 1 /* no vectors: ThreadSanitizer sees none, and other machines have none */
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif
#if !defined(TROVE__PLAIN) && defined(__AVX2__) && defined(__AES__)
#define TROVE__NEEDLE_BLOCKS 1
#endif

#define TROVE__NEEDLE_INLINE static inline __attribute__((always_inline))

#if defined(TROVE__NEEDLE_BLOCKS)

struct trove__needle {
    __m128i head, tail; /* the first and the last 16 bytes */
};

TROVE__NEEDLE_INLINE __m128i trove__block_at(const uint8_t *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

/* An id was often written a moment ago, as 16 bytes and 4: a load that needs both would wait until those stores have left
 * the processor, and with it for every lookup before this one. */
TROVE__NEEDLE_INLINE struct trove__needle trove__needle_of(const uint8_t *id, enum trove_algo algo)
{
    __m128i head = trove__block_at(id);
    int rest;

    if (algo == TROVE_SHA256)
        return (struct trove__needle){head, trove__block_at(id + 16)};
    memcpy(&rest, id + 16, 4);
    return (struct trove__needle){head, _mm_alignr_epi8(_mm_cvtsi32_si128(rest), head, 4)};
}

TROVE__NEEDLE_INLINE bool trove__needle_is(const struct trove__needle *needle, const uint8_t *id,
                                           enum trove_algo algo)
{
    __m128i head = trove__block_at(id), tail = trove__block_at(id + (algo == TROVE_SHA1 ? 4 : 16));
    __m128i differences =
        _mm_or_si128(_mm_xor_si128(needle->head, head), _mm_xor_si128(needle->tail, tail));

    return _mm_testz_si128(differences, differences);
}

#else

struct trove__needle {
    uint64_t words[4]; /* of SHA-1 two and a half */
};

TROVE__NEEDLE_INLINE struct trove__needle trove__needle_of(const uint8_t *id, enum trove_algo algo)
{
    struct trove__needle needle;
    uint32_t rest;

    memcpy(needle.words, id, 16);
    if (algo == TROVE_SHA1) {
        memcpy(&rest, id + 16, 4);
        needle.words[2] = rest;
        needle.words[3] = 0;
    } else {
        memcpy(needle.words + 2, id + 16, 16);
    }
    return needle;
}

TROVE__NEEDLE_INLINE bool trove__needle_is(const struct trove__needle *needle, const uint8_t *id,
                                           enum trove_algo algo)
{
    const struct trove__needle other = trove__needle_of(id, algo);
    const uint64_t *a = needle->words, *b = other.words;

    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0;
}

#endif
#endif
