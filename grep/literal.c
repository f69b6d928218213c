// SPDX-License-Identifier: MIT
/*
 * literal.c - finding a fixed string: two of its rarer bytes are compared at a whole vector of positions at once, and
 * only where both agree the string is. Text that agrees too often without holding the string goes to memmem instead.
 */
#include "literal.h"
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Bytes of source text and prose from common to rare; what is not listed is rarer still. */
static const char common_bytes[] =
    " etaoinsrlcdupmf_hg\t,().;*=->bvyk/0w\"12:x\nE&TRASINCO+LDP'j#{}3F48qMU[]"
    "B56z<GV7H9W!K|\\Y%XQJZ?$@`^~";

static size_t rarity(char byte)
{
    const char *at = byte != '\0' ? strchr(common_bytes, byte) : NULL;

    return at != NULL ? (size_t)(at - common_bytes) : sizeof(common_bytes);
}

void trove__literal_init(struct trove__literal *literal, const char *bytes, size_t size)
{
    size_t rare = 0;
    size_t rare2;

    for (size_t i = 1; i < size; i++) {
        if (rarity(bytes[i]) > rarity(bytes[rare]))
            rare = i;
    }
    rare2 = rare == 0 && size > 1 ? 1 : 0;
    for (size_t i = 0; i < size; i++) {
        if (i != rare && bytes[i] != bytes[rare] && rarity(bytes[i]) > rarity(bytes[rare2]))
            rare2 = i;
    }
    *literal = (struct trove__literal){.bytes = bytes, .size = size, .rare = rare, .rare2 = rare2};
}

static size_t find_plainly(const struct trove__literal *literal, const char *data, size_t size,
                           size_t from)
{
    const char *found = memmem(data + from, size - from, literal->bytes, literal->size);

    return found != NULL ? (size_t)(found - data) : TROVE__LITERAL_NONE;
}

#ifdef __SSE2__
/* What comparing whole strings in vain may cost before memmem takes over: a part of the bytes scanned. */
#define VAIN_FREE 4096

struct scan {
    const struct trove__literal *literal;
    const char *data;
    size_t vain;
};

/* Tries the positions at AT whose bits are set in MASK; the offset where the string is, or none. */
static inline size_t try_positions(struct scan *scan, size_t at, unsigned mask)
{
    while (mask != 0) {
        size_t position = at + (size_t)__builtin_ctz(mask);
        if (memcmp(scan->data + position, scan->literal->bytes, scan->literal->size) == 0)
            return position;
        scan->vain += scan->literal->size;
        mask &= mask - 1;
    }
    return TROVE__LITERAL_NONE;
}

/* LAST is the last position where the string may begin. */
static size_t find_sse2(const struct trove__literal *literal, const char *data, size_t size,
                        size_t last)
{
    const __m128i first = _mm_set1_epi8(literal->bytes[literal->rare]);
    const __m128i second = _mm_set1_epi8(literal->bytes[literal->rare2]);
    struct scan scan = {.literal = literal, .data = data};
    size_t at = 0;

    while (last - at >= 15) {
        const char *here = data + at;
        __m128i a = _mm_loadu_si128((const __m128i *)(here + literal->rare));
        __m128i b = _mm_loadu_si128((const __m128i *)(here + literal->rare2));
        __m128i both = _mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, second));
        unsigned mask = (unsigned)_mm_movemask_epi8(both);

        if (__builtin_expect(mask != 0, 0)) {
            size_t found = try_positions(&scan, at, mask);
            if (found != TROVE__LITERAL_NONE)
                return found;
            if (scan.vain > VAIN_FREE + at)
                break;
        }
        if (last - at < 16)
            return TROVE__LITERAL_NONE;
        at += 16; /* at most LAST: the difference never wraps */
    }
    return find_plainly(literal, data, size, at);
}
#endif

size_t trove__literal_find(const struct trove__literal *literal, const char *data, size_t size)
{
    if (literal->size == 0)
        return 0;
    if (literal->size > size)
        return TROVE__LITERAL_NONE;
    if (literal->size == 1) {
        const char *found = memchr(data, literal->bytes[0], size);
        return found != NULL ? (size_t)(found - data) : TROVE__LITERAL_NONE;
    }
#ifdef __SSE2__
    return find_sse2(literal, data, size, size - literal->size);
#else
    return find_plainly(literal, data, size, 0);
#endif
}
