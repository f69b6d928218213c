// SPDX-License-Identifier: MIT
/*
 * clean_path.h - a path as a walk can make it, out of any bytes.
 */
#ifndef TROVE_TESTS_FUZZ_CLEAN_PATH_H
#define TROVE_TESTS_FUZZ_CLEAN_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keeps what a walk can make of BYTES: components that are not empty, at most MAX bytes, and a NUL. Returns the length. */
static inline size_t clean_path(const uint8_t *bytes, size_t size, size_t max, char *path)
{
    size_t length = 0;

    for (size_t i = 0; i < size && length < max; i++) {
        bool slash = bytes[i] == '/';
        if (bytes[i] == '\0' || (slash && (length == 0 || path[length - 1] == '/')))
            continue;
        path[length++] = (char)bytes[i];
    }
    while (length > 0 && path[length - 1] == '/')
        length--;
    path[length] = '\0';
    return length;
}

#endif
