// SPDX-License-Identifier: MIT
/*
 * alike.h - readers to whom all ids have the hash 0: see alike.c. [0] for SHA-1, [1] for SHA-256.
 */
#ifndef TROVE_TESTS_ALIKE_H
#define TROVE_TESTS_ALIKE_H

#include "core/reader.h"

extern const struct trove__reader alike_plain[2];
#if defined(__x86_64__)
extern const struct trove__reader alike_sse2[2];
extern const struct trove__reader alike_avx2[2];
extern const struct trove__reader alike_avx512[2];
#elif defined(__ARM_NEON)
extern const struct trove__reader alike_neon[2];
#endif

#endif
