// SPDX-License-Identifier: MIT
/*
 * delta.h - git's deltas: an object as copies from a base and inserted bytes. Pure; nothing is allocated.
 */
#ifndef TROVE_FETCH_DELTA_H
#define TROVE_FETCH_DELTA_H

#include <stddef.h>
#include <stdint.h>

/* Reads DELTA from end to end: it must apply to a base of BASE_SIZE bytes, copy only from inside it, and write exactly
 * as much as it says. So the result is allocated only for a delta that will fill it. Returns 0 and *RET_RESULT_SIZE, or
 * -EPROTO and *RET_WHY (static). */
int trove__delta_check(const void *delta, size_t delta_size, uint64_t base_size,
                       uint64_t *ret_result_size, const char **ret_why);

/* Writes the result of a delta that trove__delta_check() accepted for this base. */
void trove__delta_apply(const void *delta, size_t delta_size, const void *base, void *result);

#endif
