// SPDX-License-Identifier: MIT
/*
 * failing_allocator.h - makes the n-th of trove's own allocations fail, and counts what is still allocated.
 */
#ifndef TROVE_TESTS_FAILING_ALLOCATOR_H
#define TROVE_TESTS_FAILING_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

int failing_allocator_install(void); /* before anything else of trove; 0 or a negative errno */
int failing_allocator_setup(void **state);  /* the same, as a group of tests is set up */
void failing_allocator_fail_at(unsigned n); /* the n-th from now fails; counting from 1 */
void failing_allocator_fail_large(unsigned n, size_t floor); /* of those of FLOOR bytes or more */
bool failing_allocator_stop(void); /* none fails from now on; true when one did */
long failing_allocator_live(void); /* blocks not yet freed */

/* Fails unless all that was allocated is given back. Not under ThreadSanitizer. */
void failing_allocator_assert_none(void);

#endif
