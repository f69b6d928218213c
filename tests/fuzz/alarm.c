// SPDX-License-Identifier: MIT
/*
 * alarm.c - a fuzz target with a bug in it: shows that the alarm works. Reads one byte too many of input that begins
 * with two equal bytes.
 */
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] == data[1])
        sum += data[size];
    return 0;
}
