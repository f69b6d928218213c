// SPDX-License-Identifier: MIT
/*
 * stepper.h - counts the steps of threads and stops one of them at a chosen step.
 *
 * The stepped build of core/ includes this before everything else: a step is one access through core/order.h, so nothing
 * has to be marked in the code, and nothing can be forgotten. Read sections are the back end made of such accesses.
 */
#ifndef TROVE_TESTS_STEPPER_H
#define TROVE_TESTS_STEPPER_H

#include <stdbool.h>
#include <stdint.h>

#ifndef TROVE_ORDER_POINT /* a build with a hook of its own calls this from there */
#define TROVE_ORDER_POINT(word) stepper_step()
#endif

/* Every access of the stepped build. */
void stepper_step(void);

/* Steps of this thread since the last call. */
uint64_t stepper_count(void);

/* If this thread takes LIMIT steps more, whoever is stopped goes on, and stepper_was_stuck() tells of it: a lock that
 * the stopped thread holds must not hang the test. 0: no limit any more. */
void stepper_limit(uint64_t limit);
bool stepper_was_stuck(void);

/* Runs FN(CONTEXT) on a thread of its own, up to right before its step number AT (from 1). True when it stands there now;
 * false when it has ended before. Either way stepper_resume() must follow, which lets it go on and waits for its end. */
bool stepper_run_to(void (*fn)(void *context), void *context, uint64_t at);
void stepper_resume(void);

/* A spin lock made of steps: what a test does under it must be caught, or the test could not fail. */
void stepper_lock(void);
void stepper_unlock(void);

#endif
