// SPDX-License-Identifier: MIT
/*
 * process.h - which process this is, without asking the kernel.
 */
#ifndef TROVE_CORE_PROCESS_H
#define TROVE_CORE_PROCESS_H

/* From the first call on forks are counted. 0, or -ENOMEM. */
int trove__process_watch(void);

/* Another number in a child of fork() than in its parent; never 0. Wait-free, one load. */
unsigned trove__process_number(void);

#endif
