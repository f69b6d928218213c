// SPDX-License-Identifier: MIT
/*
 * fuzz_delta.c - any bytes as a delta: what the check accepts must apply, write exactly what it said and read only from
 * inside the base; what it refuses must leave the outputs alone.
 *
 * Input: one byte, the size of the base (times 64), then the delta. The sanitizers watch both ends of both buffers.
 */
#include "fetch/delta.h"
#include "fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { RESULT_MAX = 1 << 20, GUARD = 0x5a };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t result_size = 77;
    const char *why = NULL;
    uint8_t *base, *delta, *result;
    size_t base_size;

    if (size == 0)
        return 0;
    base_size = (size_t)data[0] * 64;
    base = malloc(base_size + 1);
    delta = malloc(size);
    if (base == NULL || delta == NULL)
        abort();
    for (size_t i = 0; i < base_size; i++)
        base[i] = (uint8_t)(i * 7 + i / 256);
    memcpy(delta, data + 1, size - 1);
    if (trove__delta_check(delta, size - 1, base_size, &result_size, &why) < 0) {
        if (result_size != 77 || why == NULL)
            abort();
    } else if (result_size <= RESULT_MAX) {
        result = malloc(result_size + 1);
        if (result == NULL)
            abort();
        memset(result, GUARD, result_size + 1);
        trove__delta_apply(delta, size - 1, base, result);
        if (result[result_size] != GUARD)
            abort();
        free(result);
    }
    free(base);
    free(delta);
    return 0;
}
