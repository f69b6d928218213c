// SPDX-License-Identifier: MIT
/*
 * superset_parser.h - between reading a POSIX pattern and writing its pieces for PCRE2.
 */
#ifndef TROVE_GREP_SUPERSET_PARSER_H
#define TROVE_GREP_SUPERSET_PARSER_H

#include "superset.h"
#include "text.h"

struct trove__superset_parser {
    const struct trove__superset_source *source;
    const char *pattern;
    size_t size;
    size_t at;
    unsigned depth, alternatives;
    size_t edges; /* anchors and edges of words so far */
    bool exact;
    struct trove__text out;
};

/* Whether a piece can match characters beyond ASCII. */
enum trove__superset_ends { TROVE__ENDS_ASCII, TROVE__ENDS_BEYOND };

static inline bool trove__superset_left(const struct trove__superset_parser *parser)
{
    return parser->at < parser->size;
}

static inline char trove__superset_peek(const struct trove__superset_parser *parser, size_t ahead)
{
    return ahead < parser->size - parser->at ? parser->pattern[parser->at + ahead] : '\0';
}

/* True where the operator C stands: bare in extended patterns, behind a backslash in basic ones. */
static inline bool trove__superset_at_operator(const struct trove__superset_parser *parser, char c)
{
    if (parser->source->extended)
        return trove__superset_left(parser) && trove__superset_peek(parser, 0) == c;
    return parser->size - parser->at >= 2 && trove__superset_peek(parser, 0) == '\\' &&
           trove__superset_peek(parser, 1) == c;
}

static inline bool trove__superset_may_hold_wide(const struct trove__superset_parser *parser)
{
    return parser->source->charset == TROVE__CHARSET_UTF8 && !parser->source->ascii_only;
}

void trove__superset_emit(struct trove__superset_parser *parser, const char *text);
void trove__superset_emit_byte(struct trove__superset_parser *parser, char byte);
/* A character of ASCII that stands for itself, with the others that it folds to. */
void trove__superset_emit_ascii(struct trove__superset_parser *parser, char byte);
/* The piece PIECE, which stands for one character; the parser is behind it. 0 or -ENOTSUP. */
int trove__superset_emit_set(struct trove__superset_parser *parser, const char *piece, size_t size,
                             enum trove__superset_ends ends);

#endif
