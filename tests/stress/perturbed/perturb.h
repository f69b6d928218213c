// SPDX-License-Identifier: MIT
/*
 * perturb.h - included before everything in the perturbed build: each access to a shared word calls the test first, which
 * may let other threads go on meanwhile.
 */
#ifndef TROVE_TESTS_PERTURB_H
#define TROVE_TESTS_PERTURB_H

#include <stdatomic.h> /* types and the calls that order.h makes */

#define TROVE_ORDER_POINT(word) perturb((const void *)(word))

void perturb(const void *word);

#endif
