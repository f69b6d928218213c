// SPDX-License-Identifier: MIT
/*
 * bytes.c - a growing byte buffer, and text from outside made fit for a terminal.
 */
#include "bytes.h"
#include "core/memory.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Room for SIZE more bytes and a NUL. */
static bool reserve(struct trove__bytes *bytes, size_t size)
{
    size_t capacity = bytes->capacity != 0 ? bytes->capacity : 256;
    uint8_t *data;

    if (bytes->failed || size >= SIZE_MAX / 4 - bytes->size) {
        bytes->failed = true;
        return false;
    }
    while (capacity <= bytes->size + size)
        capacity *= 2;
    if (capacity == bytes->capacity)
        return true;
    data = trove__realloc(bytes->data, capacity);
    if (data == NULL) {
        bytes->failed = true;
        return false;
    }
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

void trove__bytes_add(struct trove__bytes *bytes, const void *data, size_t size)
{
    if (size == 0 || !reserve(bytes, size))
        return;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void trove__bytes_vaddf(struct trove__bytes *bytes, const char *format, va_list args)
{
    va_list again;
    int length;

    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, args);
    if (length >= 0 && reserve(bytes, (size_t)length)) {
        vsnprintf((char *)bytes->data + bytes->size, (size_t)length + 1, format, again);
        bytes->size += (size_t)length;
    }
    va_end(again);
}

void trove__bytes_addf(struct trove__bytes *bytes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    trove__bytes_vaddf(bytes, format, args);
    va_end(args);
}

void trove__bytes_clear(struct trove__bytes *bytes)
{
    bytes->size = 0;
    bytes->failed = false;
}

void trove__bytes_free(struct trove__bytes *bytes)
{
    trove__free(bytes->data);
    *bytes = (struct trove__bytes){0};
}

char *trove__bytes_text(struct trove__bytes *bytes)
{
    if (!reserve(bytes, 0))
        return NULL;
    bytes->data[bytes->size] = '\0';
    return (char *)bytes->data;
}

/* The length of a UTF-8 character by its first byte, or 0. */
static size_t character_length(uint8_t first)
{
    if (first < 0x80)
        return 1;
    return first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The length of the well-formed UTF-8 character at TEXT that a terminal shows, or 0. */
static size_t shown_length(const uint8_t *text, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text[0];
    size_t length = character_length(first);
    uint32_t point = length == 1 ? first : first & (0x7fU >> length);

    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    return point < 0x20 || (point >= 0x7f && point < 0xa0) ? 0 : length;
}

size_t trove__visible(char *out, size_t capacity, const void *text, size_t size, unsigned lines)
{
    const uint8_t *from = text;
    size_t used = 0, kept = 0;

    for (size_t i = 0; i < size && lines > 0;) {
        char piece[8];
        size_t length = shown_length(from + i, size - i), taken = length;

        if (length != 0) {
            memcpy(piece, from + i, length);
        } else if (from[i] == '\n' || from[i] == '\r') { /* progress overwrites its line */
            lines--;
            piece[0] = '\n';
            taken = length = 1;
            if (used == 0 || out[used - 1] == '\n')
                length = 0;
        } else if (from[i] == '\t') {
            piece[0] = '\t';
            taken = length = 1;
        } else {
            length = (size_t)snprintf(piece, sizeof(piece), "\\x%02x", from[i]);
            taken = 1;
        }
        if (length >= capacity - used)
            break;
        memcpy(out + used, piece, length);
        used += length;
        i += taken;
        if (length != 0 && piece[0] != '\n')
            kept = used;
    }
    out[kept] = '\0';
    return kept;
}

size_t trove__visible_end(char *out, size_t capacity, const void *text, size_t size, unsigned lines)
{
    const uint8_t *from = text;
    size_t start, room = capacity - 1;

    while (size > 0 && (from[size - 1] == '\n' || from[size - 1] == '\r'))
        size--;
    for (start = size; start > 0; start--) {
        uint8_t byte = from[start - 1];
        size_t most = byte >= 0x20 && byte < 0x7f ? 1 : 4; /* what may become of it */

        if (((byte == '\n' || byte == '\r') && --lines == 0) || most > room)
            break;
        room -= most;
    }
    while (start < size && (from[start] & 0xc0) == 0x80) /* not in the middle of a character */
        start++;
    return trove__visible(out, capacity, from + start, size - start, UINT_MAX);
}

/* How many bytes at the end of TEXT begin a character that may go on behind it. */
static size_t unfinished(const uint8_t *text, size_t size)
{
    for (size_t count = 1; count < 4 && count <= size; count++) {
        uint8_t byte = text[size - count];
        if ((byte & 0xc0) != 0x80)
            return character_length(byte) > count ? count : 0;
    }
    return 0;
}

size_t trove__mask(char *text, size_t size)
{
    size_t done = size - unfinished((const uint8_t *)text, size), length;

    for (size_t i = 0; i < done; i += length) {
        length = shown_length((const uint8_t *)text + i, done - i);
        if (length != 0)
            continue;
        if (text[i] != '\n' && text[i] != '\r' && text[i] != '\t')
            text[i] = '?';
        length = 1;
    }
    return done;
}

void trove__redact(char *text, const char *secret)
{
    size_t length = secret != NULL ? strlen(secret) : 0;

    for (char *at = text; length > 0 && (at = strstr(at, secret)) != NULL;) {
        size_t stars = length < 3 ? length : 3;
        memset(at, '*', stars);
        memmove(at + stars, at + length, strlen(at + length) + 1);
        at += stars;
    }
}
