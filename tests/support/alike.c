// SPDX-License-Identifier: MIT
/*
 * alike.c - the readers once more with a hash that is 0 for every id, so that all ids meet in the same places. Compiled once
 * for each instruction set, with TROVE_ALIKE its name.
 */
#include <stdint.h>
#define READER_HASH(secret, needle, algo)                                                          \
    ((void)(secret), (void)(needle), (void)(algo), (uint64_t)0)
#define JOIN(a, b) a##b
#define NAME(kind) JOIN(alike_, kind)
#define QUOTE(kind) #kind
#define TEXT(kind) QUOTE(kind)
#include "alike.h"
#include "core/reader_body.h"

const struct trove__reader NAME(TROVE_ALIKE)[2] = READER_TABLE(TEXT(TROVE_ALIKE));
