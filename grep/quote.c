// SPDX-License-Identifier: MIT
/*
 * quote.c - git's C-style quoting of paths.
 */
#include "quote.h"

/* The letter behind the backslash; 0: three octal digits; 1: the byte stands for itself. */
static char escape_of(unsigned char byte, bool fully)
{
    static const char named[] = {'a', 'b', 't', 'n', 'v', 'f', 'r'}; /* 0x07 to 0x0d */

    if (byte == '"' || byte == '\\')
        return (char)byte;
    if (byte >= 0x07 && byte <= 0x0d)
        return named[byte - 0x07];
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && fully))
        return 0;
    return 1;
}

bool trove__quote_needed(const char *path, size_t length, bool fully)
{
    for (size_t i = 0; i < length; i++) {
        if (escape_of((unsigned char)path[i], fully) != 1)
            return true;
    }
    return false;
}

static void add_escaped(unsigned char byte, char letter, struct trove__text *out)
{
    char escape[4] = {'\\', letter, 0, 0};
    size_t size = 2;

    if (letter == 0) {
        escape[1] = (char)('0' + (byte >> 6));
        escape[2] = (char)('0' + (byte >> 3 & 7));
        escape[3] = (char)('0' + (byte & 7));
        size = 4;
    }
    trove__text_add(out, escape, size);
}

void trove__quote_path(const char *path, size_t length, bool fully, struct trove__text *out)
{
    size_t plain = 0; /* start of what was not yet copied */

    if (!trove__quote_needed(path, length, fully)) {
        trove__text_add(out, path, length);
        return;
    }
    trove__text_add(out, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        char letter = escape_of((unsigned char)path[i], fully);
        if (letter == 1)
            continue;
        trove__text_add(out, path + plain, i - plain);
        add_escaped((unsigned char)path[i], letter, out);
        plain = i + 1;
    }
    trove__text_add(out, path + plain, length - plain);
    trove__text_add(out, "\"", 1);
}
