// SPDX-License-Identifier: MIT
/*
 * error.c - error texts. Control characters from outside never reach a terminal.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trove/error.h>

const char *trove_strerror(int code)
{
    int positive = code < 0 ? -code : code;

    if (positive == ECACHE_OVERFULL)
        return "the cache is full and its policy refuses to make room";
    if (positive == ETIMEDOUT) /* of ours, not of a connection */
        return "the deadline passed";
    return strerror(positive);
}

/* The length of the UTF-8 character at TEXT (ends with NUL), 1 for a byte that begins none. */
static size_t character(const unsigned char *text)
{
    size_t length = text[0] < 0xc2 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

    if (text[0] > 0xf4)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 1;
    }
    return length;
}

/* C0 and DEL but newline and tab; C1, as a byte of its own or as a character of two. */
static bool is_control(const unsigned char *at, size_t length)
{
    if (length == 1)
        return (at[0] < 0x20 && at[0] != '\n' && at[0] != '\t') || (at[0] >= 0x7f && at[0] < 0xa0);
    return length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

static void hide_controls(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0';) {
        size_t length = character(at);

        if (is_control(at, length))
            memset(at, '?', length);
        at += length;
    }
}

int trove_error_set(struct trove_error *err, int code, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return code;
    err->code = code;
    err->tag = 0;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    hide_controls(err->message);
    return code;
}
