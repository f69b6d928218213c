// SPDX-License-Identifier: MIT
/*
 * lines.c - loops over whole files, sixteen bytes at a time where the machine can.
 */
#include "lines.h"
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef __SSE2__
/* Counts in whole blocks of 16; *RET_DONE is how far it came. Byte counters are summed before they can overflow. */
static size_t count_blocks(const char *data, size_t size, size_t *ret_done)
{
    const __m128i newline = _mm_set1_epi8('\n');
    size_t done = 0;
    size_t count = 0;

    while (size - done >= 16) {
        size_t rounds = (size - done) / 16;
        __m128i sums = _mm_setzero_si128();

        rounds = rounds < 255 ? rounds : 255;
        for (size_t i = 0; i < rounds; i++, done += 16) {
            __m128i block = _mm_loadu_si128((const __m128i *)(data + done));
            sums = _mm_sub_epi8(sums, _mm_cmpeq_epi8(block, newline));
        }
        sums = _mm_sad_epu8(sums, _mm_setzero_si128());
        count += (size_t)_mm_cvtsi128_si64(sums);
        count += (size_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums));
    }
    *ret_done = done;
    return count;
}
#else
static size_t count_blocks(const char *data, size_t size, size_t *ret_done)
{
    (void)data;
    (void)size;
    *ret_done = 0;
    return 0;
}
#endif

size_t trove__lines_count(const char *data, size_t size)
{
    size_t done;
    size_t count = count_blocks(data, size, &done);

    for (; done < size; done++)
        count += data[done] == '\n';
    return count;
}

bool trove__is_ascii(const char *data, size_t size)
{
    uint64_t words[4];
    size_t done = 0;

    for (; size - done >= sizeof(words); done += sizeof(words)) {
        memcpy(words, data + done, sizeof(words));
        if (((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080)) != 0)
            return false;
    }
    for (; done < size; done++) {
        if ((unsigned char)data[done] > 127)
            return false;
    }
    return true;
}
