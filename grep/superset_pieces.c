// SPDX-License-Identifier: MIT
/*
 * superset_pieces.c - single characters and sets of them, as PCRE2 reads them over bytes.
 *
 * What a piece (`.`, a bracket, `\w`) matches among ASCII is not worked out but asked: regexec() is run on each byte once.
 * Characters beyond ASCII are let through wherever such a piece could match one.
 */
#include "superset_parser.h"
#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>

void trove__superset_emit(struct trove__superset_parser *parser, const char *text)
{
    trove__text_add(&parser->out, text, strlen(text));
}

/* Which bytes the single-character piece PIECE matches, by asking regexec(). */
static int measure(const struct trove__superset_parser *parser, const char *piece, size_t size,
                   bool *ret_set)
{
    unsigned last = parser->source->charset == TROVE__CHARSET_C ? 255 : 127;
    int flags = REG_NEWLINE | (parser->source->extended ? REG_EXTENDED : 0) |
                (parser->source->ignore_case ? REG_ICASE : 0);
    char copy[256];
    regex_t regex;

    if (size >= sizeof(copy))
        return -ENOTSUP;
    memcpy(copy, piece, size);
    copy[size] = '\0';
    if (regcomp(&regex, copy, flags) != 0)
        return -ENOTSUP;
    for (unsigned byte = 0; byte <= last; byte++) {
        const char text[2] = {(char)byte, '\0'};
        regmatch_t match = {.rm_so = 0, .rm_eo = 1};
        ret_set[byte] = regexec(&regex, text, 1, &match, REG_STARTEND) == 0 && match.rm_eo == 1;
    }
    regfree(&regex);
    return 0;
}

/* The inside of a PCRE2 class for the bytes of SET. */
static void emit_ranges(struct trove__superset_parser *parser, const bool *set)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned end = byte;
        char range[16];

        if (!set[byte])
            continue;
        while (end < 255 && set[end + 1])
            end++;
        snprintf(range, sizeof(range), "\\x%02x-\\x%02x", byte, end);
        trove__superset_emit(parser, range);
        byte = end;
    }
}

/* A piece that stands for one character. */
int trove__superset_emit_set(struct trove__superset_parser *parser, const char *piece, size_t size,
                             enum trove__superset_ends ends)
{
    bool set[256] = {false};
    bool any = false;
    bool wide = trove__superset_may_hold_wide(parser) && ends == TROVE__ENDS_BEYOND;
    int r = measure(parser, piece, size, set);

    if (r < 0)
        return r;
    for (unsigned byte = 0; byte < 256; byte++)
        any = any || set[byte];
    if (!any && !wide) {
        trove__superset_emit(parser, "(?!)");
        return 0;
    }
    /* Any number of such characters is any number of such bytes; a counted one is up to six bytes. */
    if (wide &&
        (trove__superset_peek(parser, 0) == '*' || trove__superset_at_operator(parser, '+'))) {
        trove__superset_emit(parser, "[");
        emit_ranges(parser, set);
        trove__superset_emit(parser, "\\x80-\\xff]");
        return 0;
    }
    trove__superset_emit(parser, wide ? "(?:[" : "[");
    emit_ranges(parser, set);
    if (wide)
        trove__superset_emit(parser, any ? "]|[\\x80-\\xff]{1,6})" : "\\x80-\\xff]{1,6})");
    else
        trove__superset_emit(parser, "]");
    return 0;
}

/* Letters outside ASCII whose other case is an ASCII letter. */
static const char *wide_partner(char c)
{
    switch (c) {
    case 'i':
    case 'I':
        return "\\xc4[\\xb0\\xb1]";
    case 'k':
    case 'K':
        return "\\xe2\\x84\\xaa";
    case 's':
    case 'S':
        return "\\xc5\\xbf";
    default:
        return NULL;
    }
}

void trove__superset_emit_byte(struct trove__superset_parser *parser, char byte)
{
    char text[8];

    if (isascii((unsigned char)byte) && isalnum((unsigned char)byte))
        snprintf(text, sizeof(text), "%c", byte);
    else
        snprintf(text, sizeof(text), "\\x%02x", (unsigned char)byte);
    trove__superset_emit(parser, text);
}

void trove__superset_emit_ascii(struct trove__superset_parser *parser, char byte)
{
    const char *partner = parser->source->ignore_case ? wide_partner(byte) : NULL;

    if (partner == NULL || !trove__superset_may_hold_wide(parser)) {
        trove__superset_emit_byte(parser, byte);
        return;
    }
    trove__superset_emit(parser, "(?:");
    trove__superset_emit_byte(parser, byte);
    trove__superset_emit(parser, "|");
    trove__superset_emit(parser, partner);
    trove__superset_emit(parser, ")");
}
