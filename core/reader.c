// SPDX-License-Identifier: MIT
/*
 * reader.c - which of the readers this machine can run. No IFUNC: a cache is told when it is opened.
 */
#include "core/reader.h"

static unsigned supported(const struct trove__reader *ret_readers[TROVE__READERS_MAX])
{
    unsigned count = 0;

    /* ThreadSanitizer sees no vector load and no fence, so where it watches there is the plain one alone. */
#if defined(__x86_64__) && !defined(TROVE_RCU_VISIBLE)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("aes")) {
        if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
            ret_readers[count++] = trove__reader_avx512;
        ret_readers[count++] = trove__reader_avx2;
    }
    ret_readers[count++] = trove__reader_sse2;
#elif defined(__ARM_NEON) && !defined(TROVE_RCU_VISIBLE)
    ret_readers[count++] = trove__reader_neon;
#endif
    ret_readers[count++] = trove__reader_plain;
    return count;
}

const struct trove__reader *trove__reader_nth(enum trove_algo algo, unsigned n)
{
    const struct trove__reader *readers[TROVE__READERS_MAX];

    return n < supported(readers) ? &readers[n][algo == TROVE_SHA256] : NULL;
}
