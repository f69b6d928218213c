// SPDX-License-Identifier: MIT
/*
 * reader_avx2.c - has, get and get_many with AVX2: two compares a bucket. Chosen by reader.c on machines that have it;
 * core/CMakeLists.txt says so to the compiler.
 */
#if defined(__x86_64__)
#include "core/reader_body.h"

const struct trove__reader trove__reader_avx2[2] = READER_TABLE("avx2");
#endif
