// SPDX-License-Identifier: MIT
/*
 * bytes.h - a growing byte buffer whose failures stick, so that a builder checks once, at its end.
 */
#ifndef TROVE_FETCH_BYTES_H
#define TROVE_FETCH_BYTES_H

#include <stdarg.h>
#include <trove/base.h>

/* All zero is an empty buffer. */
struct trove__bytes {
    uint8_t *data;
    size_t size, capacity;
    bool failed; /* an allocation failed; what was added since is lost */
};

void trove__bytes_add(struct trove__bytes *bytes, const void *data, size_t size);
void trove__bytes_addf(struct trove__bytes *bytes, const char *format, ...) TROVE_PRINTF(2, 3);
void trove__bytes_vaddf(struct trove__bytes *bytes, const char *format, va_list args);
void trove__bytes_clear(struct trove__bytes *bytes); /* keeps the memory */
void trove__bytes_free(struct trove__bytes *bytes);
/* Adds a NUL that SIZE does not count. NULL when the buffer has failed. Borrowed until the next change. */
char *trove__bytes_text(struct trove__bytes *bytes);

/* Writes SIZE bytes of TEXT from outside to OUT (CAPACITY > 0, always terminated) as a terminal may see them: at most
 * LINES lines, C0, DEL, C1 and bytes that are not UTF-8 as \xNN, no empty lines at the end. Returns the length. */
size_t trove__visible(char *out, size_t capacity, const void *text, size_t size, unsigned lines);

/* The same of the end of TEXT: its last lines, and of these the end that fits. */
size_t trove__visible_end(char *out, size_t capacity, const void *text, size_t size,
                          unsigned lines);

/* The same in place, for text that comes in pieces: '?' for each byte that a terminal may not see; newlines, carriage
 * returns and tabs stay. Returns how many bytes are done: at most 3 at the end may begin a character that goes on. */
size_t trove__mask(char *text, size_t size);

/* Replaces each occurrence of SECRET (NULL or "": none) in TEXT by "***", or by as many of these as fit. */
void trove__redact(char *text, const char *secret);

#endif
