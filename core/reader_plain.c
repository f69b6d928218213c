// SPDX-License-Identifier: MIT
/*
 * reader_plain.c - has, get and get_many in plain C: for machines without any of the others, and beside them in tests.
 */
#define TROVE_TABLE_PLAIN 1
#include "core/reader_body.h"

const struct trove__reader trove__reader_plain[2] = READER_TABLE("plain");
