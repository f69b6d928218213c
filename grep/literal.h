// SPDX-License-Identifier: MIT
/*
 * literal.h - finding a fixed string in many bytes.
 */
#ifndef TROVE_GREP_LITERAL_H
#define TROVE_GREP_LITERAL_H

#include <stddef.h>
#include <stdint.h>

#define TROVE__LITERAL_NONE SIZE_MAX

/* A string prepared for searching. Immutable, borrows the bytes; any number of threads. */
struct trove__literal {
    const char *bytes;
    size_t size;
    size_t rare;  /* offset of the byte least likely in text */
    size_t rare2; /* offset of another one */
};

void trove__literal_init(struct trove__literal *literal, const char *bytes, size_t size);

/* The offset of the first occurrence in DATA, or TROVE__LITERAL_NONE. An empty string occurs at 0. Time is linear in
 * SIZE for every input (times the string's length at worst for strings below 256 bytes, as memmem has it). */
size_t trove__literal_find(const struct trove__literal *literal, const char *data, size_t size);

#endif
