// SPDX-License-Identifier: MIT
/*
 * lines.h - counting and finding the ends of lines, and whether bytes are ASCII: loops over whole files.
 */
#ifndef TROVE_GREP_LINES_H
#define TROVE_GREP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

size_t trove__lines_count(const char *data, size_t size); /* newlines in DATA */
bool trove__is_ascii(const char *data, size_t size);      /* no byte above 127 */

/* The offset of the newline at or after FROM, or SIZE. */
static inline size_t trove__line_end(const char *data, size_t size, size_t from)
{
    const char *newline = from < size ? memchr(data + from, '\n', size - from) : NULL;

    return newline != NULL ? (size_t)(newline - data) : size;
}

/* The offset where the line that holds offset AT begins, not looking before FROM. */
static inline size_t trove__line_start(const char *data, size_t from, size_t at)
{
    const char *newline = at > from ? memrchr(data + from, '\n', at - from) : NULL;

    return newline != NULL ? (size_t)(newline - data) + 1 : from;
}

#endif
