// SPDX-License-Identifier: MIT
/*
 * reader_sse2.c - has, get and get_many with what every x86-64 has: eight tags packed into one register.
 */
#if defined(__x86_64__)
#include "core/reader_body.h"

const struct trove__reader trove__reader_sse2[2] = READER_TABLE("sse2");
#endif
