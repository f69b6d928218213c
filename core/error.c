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

int trove_error_set(struct trove_error *err, int code, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return code;
    err->code = code;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    for (char *c = err->message; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f)
            *c = '?';
    }
    return code;
}
