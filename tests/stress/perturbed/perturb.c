// SPDX-License-Identifier: MIT
/*
 * perturb.c - now and then lets every other thread go first, so that windows of a few instructions are open for long.
 */
#include "perturb.h"
#include <sched.h>
#include <stdint.h>
#include <time.h>

void perturb(const void *word)
{
    static _Thread_local uint64_t state;

    (void)word;
    if (state == 0)
        state = (uintptr_t)&state >> 4 | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (state % 64 == 0)
        nanosleep(&(struct timespec){.tv_nsec = (long)(state >> 32) % 100000}, NULL);
    else if (state % 16 == 0)
        sched_yield();
}
