// SPDX-License-Identifier: MIT
/*
 * perturb.c - now and then lets every other thread go first, so that windows of a few instructions are open for long.
 */
#include "perturb.h"
#include <sched.h>
#include <stdint.h>

void perturb(void)
{
    static _Thread_local uint64_t state;

    if (state == 0)
        state = (uintptr_t)&state >> 4 | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (state % 32 != 0)
        return;
    for (uint64_t i = 1 + (state >> 32) % 8; i > 0; i--)
        sched_yield();
}
