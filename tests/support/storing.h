// SPDX-License-Identifier: MIT
/*
 * storing.h - readers that write where they must not: see storing.c. [0] for SHA-1, [1] for SHA-256.
 */
#ifndef TROVE_TESTS_STORING_H
#define TROVE_TESTS_STORING_H

#include "core/reader.h"

extern const struct trove__reader storing_reader[2];

#endif
