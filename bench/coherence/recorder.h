// SPDX-License-Identifier: MIT
/*
 * recorder.h - included before everything in the recorded build of core/, which the compiler instruments as it does for
 * ThreadSanitizer: each load, store and atomic access calls a function first, and those are in recorder.c. Nothing is marked
 * in the code, and nothing can be forgotten: the plain loads of ids, sizes and secrets, liburcu's inlined words, all of it.
 * What the compiler does not see: functions of other libraries. Of these, copying, filling and comparing memory are recorded
 * by wrapping them, and a grace period by what it does (recorder.c); the allocator, the kernel and futexes are left out.
 */
#ifndef TROVE_BENCH_RECORDER_H
#define TROVE_BENCH_RECORDER_H

#include "accesses.h"
#include "core/rcu.h"

/* This thread's accesses go there from now on. NULL: nowhere. */
void recorder_begin(struct trace *trace);

/* This thread has a reader's word of liburcu, which grace periods read from now on. */
void recorder_thread_begin(void);
void recorder_forget_threads(void);

void recorder_grace_period(void);
#define trove__grace_period recorder_grace_period

#endif
