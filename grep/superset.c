// SPDX-License-Identifier: MIT
/*
 * superset.c - from POSIX syntax to PCRE2 syntax over bytes.
 *
 * Anchors keep their meaning line by line; back references and the ends of the buffer (\` and \') have none here and are
 * refused, as is every construct whose reading depends on its place in a way that is not obvious.
 */
#include "superset_parser.h"
#include <ctype.h>
#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <wchar.h>
#include <wctype.h>

#define DEPTH_MAX 50
#define REPEAT_MAX 255
#define ALTERNATIVES_MAX 256 /* PCRE2 tries one after another, the C library all at once */
#define SIZE_MAX_TRANSLATED 65536

enum trove__charset trove__charset_now(void)
{
    const char *name = nl_langinfo(CODESET);

    if (strcasecmp(name, "UTF-8") == 0 || strcasecmp(name, "UTF8") == 0)
        return TROVE__CHARSET_UTF8;
    if (strcmp(name, "ANSI_X3.4-1968") == 0)
        return TROVE__CHARSET_C;
    return TROVE__CHARSET_OTHER;
}

/* Makes what was emitted since START one unit for a quantifier. */
static void emit_group_around(struct trove__superset_parser *parser, size_t start)
{
    size_t length = parser->out.size - start;

    trove__superset_emit(parser, "(?:)");
    if (parser->out.failure < 0)
        return;
    memmove(parser->out.bytes + start + 3, parser->out.bytes + start, length);
    memcpy(parser->out.bytes + start, "(?:", 3);
    parser->out.bytes[parser->out.size - 1] = ')';
}

static size_t operator_size(const struct trove__superset_parser *parser)
{
    return parser->source->extended ? 1 : 2;
}

static bool at_branch_end(const struct trove__superset_parser *parser)
{
    return !trove__superset_left(parser) || trove__superset_at_operator(parser, '|') ||
           trove__superset_at_operator(parser, ')');
}

static bool at_quantifier(const struct trove__superset_parser *parser)
{
    return (trove__superset_left(parser) && trove__superset_peek(parser, 0) == '*') ||
           trove__superset_at_operator(parser, '+') || trove__superset_at_operator(parser, '?') ||
           trove__superset_at_operator(parser, '{');
}

/* The offset behind the bracket expression at parser->at; 0 if it is not a plain one. */
static size_t bracket_end(const struct trove__superset_parser *parser,
                          enum trove__superset_ends *ret_ends)
{
    const char *pattern = parser->pattern;
    size_t at = parser->at + 1;

    *ret_ends = parser->source->ignore_case ? TROVE__ENDS_BEYOND : TROVE__ENDS_ASCII;
    if (at < parser->size && pattern[at] == '^') {
        *ret_ends = TROVE__ENDS_BEYOND;
        at++;
    }
    if (at < parser->size && pattern[at] == ']')
        at++;
    for (; at < parser->size && pattern[at] != ']'; at++) {
        const char *close;

        if ((unsigned char)pattern[at] > 127)
            *ret_ends = TROVE__ENDS_BEYOND;
        if (pattern[at] != '[' || at + 1 >= parser->size)
            continue;
        if (pattern[at + 1] == '.' || pattern[at + 1] == '=')
            return 0; /* may stand for several characters */
        if (pattern[at + 1] != ':')
            continue;
        *ret_ends = TROVE__ENDS_BEYOND;
        close = memmem(pattern + at + 2, parser->size - at - 2, ":]", 2);
        if (close == NULL)
            return 0;
        at = (size_t)(close - pattern) + 1;
    }
    return at < parser->size ? at + 1 : 0;
}

static int parse_bracket(struct trove__superset_parser *parser)
{
    enum trove__superset_ends ends;
    size_t start = parser->at;
    size_t end = bracket_end(parser, &ends);

    if (end == 0)
        return -ENOTSUP;
    parser->at = end;
    return trove__superset_emit_set(parser, parser->pattern + start, end - start, ends);
}

/* A character beyond ASCII, as it stands in the pattern. */
static int parse_wide(struct trove__superset_parser *parser)
{
    mbstate_t state = {0};
    size_t length;

    if (parser->source->charset == TROVE__CHARSET_C) {
        trove__superset_emit_byte(parser, trove__superset_peek(parser, 0));
        parser->at++;
        return 0;
    }
    length = mbrlen(parser->pattern + parser->at, parser->size - parser->at, &state);
    if (parser->source->ignore_case || length < 2 || length > parser->size - parser->at)
        return -ENOTSUP;
    trove__superset_emit(parser, "(?:");
    for (size_t i = 0; i < length; i++)
        trove__superset_emit_byte(parser, trove__superset_peek(parser, i));
    trove__superset_emit(parser, ")");
    parser->at += length;
    return 0;
}

/* Where a word begins or ends. */
static void emit_word_edge(struct trove__superset_parser *parser)
{
    trove__superset_emit(parser, trove__superset_may_hold_wide(parser)
                                     ? "(?:\\b|(?<=[\\x80-\\xff])|(?=[\\x80-\\xff]))"
                                     : "\\b");
    parser->exact = false;
}

static int parse_escape(struct trove__superset_parser *parser)
{
    char c = trove__superset_peek(parser, 1);

    if (parser->size - parser->at < 2 || (unsigned char)c > 127)
        return -ENOTSUP;
    parser->at += 2;
    switch (c) {
    case 'w':
    case 'W':
    case 's':
    case 'S':
        return trove__superset_emit_set(parser, parser->pattern + parser->at - 2, 2,
                                        TROVE__ENDS_BEYOND);
    case '<':
    case '>':
    case 'b':
        emit_word_edge(parser);
        parser->edges++;
        return 0;
    case 'B': /* the C library has ideas of its own about where that is */
    case '`':
    case '\'':
        return -ENOTSUP;
    default:
        break;
    }
    /* A back reference; or a letter behind a backslash, whose case the C library may not fold. */
    if (isdigit((unsigned char)c) || (parser->source->ignore_case && isalpha((unsigned char)c)))
        return -ENOTSUP;
    trove__superset_emit_ascii(parser, c);
    return 0;
}

static int parse_alternatives(struct trove__superset_parser *parser);

static int parse_group(struct trove__superset_parser *parser)
{
    int r;

    if (++parser->depth > DEPTH_MAX)
        return -ENOTSUP;
    parser->at += operator_size(parser);
    trove__superset_emit(parser, "(?:");
    r = parse_alternatives(parser);
    if (r < 0)
        return r;
    if (!trove__superset_at_operator(parser, ')'))
        return -ENOTSUP;
    parser->at += operator_size(parser);
    trove__superset_emit(parser, ")");
    parser->depth--;
    return 0;
}

/* In basic patterns `$` is an anchor only where a branch ends, `^` only where one begins. */
static bool at_anchor(const struct trove__superset_parser *parser, bool branch_begins)
{
    struct trove__superset_parser next = *parser;

    if (trove__superset_peek(parser, 0) == '^')
        return parser->source->extended || branch_begins;
    next.at++;
    return trove__superset_peek(parser, 0) == '$' &&
           (parser->source->extended || at_branch_end(&next));
}

static int parse_piece(struct trove__superset_parser *parser, bool branch_begins)
{
    char c = trove__superset_peek(parser, 0);

    if (at_anchor(parser, branch_begins)) {
        trove__superset_emit(parser, c == '^' ? "^" : "$");
        parser->at++;
        parser->edges++;
        return 0;
    }
    if (trove__superset_at_operator(parser, '('))
        return parse_group(parser);
    if (at_quantifier(parser))
        return -ENOTSUP; /* nothing to repeat: its reading depends on the place */
    if (c == '[')
        return parse_bracket(parser);
    if (c == '\\')
        return parse_escape(parser);
    if ((unsigned char)c > 127)
        return parse_wide(parser);
    parser->at++;
    if (c == '.')
        return trove__superset_emit_set(parser, ".", 1, TROVE__ENDS_BEYOND);
    trove__superset_emit_ascii(parser, c);
    return 0;
}

/* Reads a number; -1 if there is none, REPEAT_MAX + 1 if it is too large. */
static int parse_number(struct trove__superset_parser *parser)
{
    int number = -1;

    while (trove__superset_left(parser) &&
           isdigit((unsigned char)trove__superset_peek(parser, 0))) {
        number = (number < 0 ? 0 : number) * 10 + (trove__superset_peek(parser, 0) - '0');
        if (number > REPEAT_MAX)
            number = REPEAT_MAX + 1;
        parser->at++;
    }
    return number;
}

/* {m}, {m,}, {,n} and {m,n}, behind the opening brace. */
static int parse_interval(struct trove__superset_parser *parser)
{
    int least = parse_number(parser);
    int most = least;
    bool open = false;
    char text[32];

    if (trove__superset_left(parser) && trove__superset_peek(parser, 0) == ',') {
        parser->at++;
        most = parse_number(parser);
        open = most < 0;
        least = least < 0 ? 0 : least;
    }
    if (!trove__superset_at_operator(parser, '}') || least < 0 || least > REPEAT_MAX ||
        most > REPEAT_MAX)
        return -ENOTSUP;
    parser->at += operator_size(parser);
    if (open)
        snprintf(text, sizeof(text), "{%d,}", least);
    else
        snprintf(text, sizeof(text), "{%d,%d}", least, most);
    trove__superset_emit(parser, text);
    return 0;
}

static int parse_quantifier(struct trove__superset_parser *parser)
{
    if (trove__superset_peek(parser, 0) == '*') {
        parser->at++;
        trove__superset_emit(parser, "*");
        return 0;
    }
    if (trove__superset_at_operator(parser, '{')) {
        parser->at += operator_size(parser);
        return parse_interval(parser);
    }
    trove__superset_emit(parser, trove__superset_at_operator(parser, '+') ? "+" : "?");
    parser->at += operator_size(parser);
    return 0;
}

static int parse_branch(struct trove__superset_parser *parser)
{
    bool begins = true;

    while (!at_branch_end(parser)) {
        size_t start = parser->out.size;
        size_t edges = parser->edges;
        int r = parse_piece(parser, begins);

        if (r < 0)
            return r;
        if (parser->edges != edges && at_quantifier(parser))
            return -ENOTSUP; /* anchors in what is repeated: the C library loses some of them */
        for (bool again = false; at_quantifier(parser); again = true) {
            if (again)
                emit_group_around(parser, start); /* `a+?` would be something else */
            r = parse_quantifier(parser);
            if (r < 0)
                return r;
        }
        begins = false;
    }
    return 0;
}

static int parse_alternatives(struct trove__superset_parser *parser)
{
    for (;;) {
        int r = parse_branch(parser);

        if (r < 0)
            return r;
        if (!trove__superset_at_operator(parser, '|'))
            return 0;
        if (++parser->alternatives > ALTERNATIVES_MAX)
            return -ENOTSUP;
        parser->at += operator_size(parser);
        trove__superset_emit(parser, "|");
    }
}

static int compile(struct trove__superset_parser *parser, struct trove__superset *ret_superset)
{
    uint32_t options = PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_UTF;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_code *code;
    PCRE2_SIZE offset;
    int error;

    if (context == NULL)
        return -ENOMEM;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    if (parser->source->ignore_case)
        options |= PCRE2_CASELESS;
    code = pcre2_compile((PCRE2_SPTR)parser->out.bytes, parser->out.size, options, &error, &offset,
                         context);
    pcre2_compile_context_free(context);
    if (code == NULL)
        return -ENOTSUP;
    if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0) {
        pcre2_code_free(code);
        return -ENOTSUP;
    }
    *ret_superset = (struct trove__superset){.code = code, .exact = parser->exact};
    return 0;
}

/* False for the languages whose dotless i has a capital of its own. */
static bool folds_as_ascii_does(void)
{
    return toupper('i') == 'I' && towupper(L'i') == L'I' && towlower(L'I') == L'i';
}

int trove__superset_compile(const struct trove__superset_source *source,
                            struct trove__superset *ret_superset)
{
    struct trove__superset_parser parser = {.source = source,
                                            .pattern = source->pattern,
                                            .size = source->size,
                                            .exact = true,
                                            .out = {.limit = SIZE_MAX_TRANSLATED}};
    int r;

    if (source->charset == TROVE__CHARSET_OTHER)
        return -ENOTSUP;
    if (trove__superset_may_hold_wide(&parser) || (source->ignore_case && !folds_as_ascii_does()))
        parser.exact = false;
    r = parse_alternatives(&parser);
    if (r == 0 && trove__superset_left(&parser))
        r = -ENOTSUP; /* a closing parenthesis without an opening one */
    if (r == 0 && parser.out.failure < 0)
        r = parser.out.failure == -ENOMEM ? -ENOMEM : -ENOTSUP;
    if (r == 0)
        r = compile(&parser, ret_superset);
    trove__text_deinit(&parser.out);
    return r;
}

void trove__superset_deinit(struct trove__superset *superset)
{
    pcre2_code_free(superset->code);
    superset->code = NULL;
}
