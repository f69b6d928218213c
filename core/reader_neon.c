// SPDX-License-Identifier: MIT
/*
 * reader_neon.c - has, get and get_many with what every AArch64 has: eight tags packed into one register. Nothing elsewhere.
 */
#if defined(__ARM_NEON)
#include "core/reader_body.h"

const struct trove__reader trove__reader_neon[2] = READER_TABLE("neon");
#endif
