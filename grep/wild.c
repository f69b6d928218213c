// SPDX-License-Identifier: MIT
/*
 * wild.c - wildcards as a small automaton: a pattern becomes steps, and a row of flags says which steps the text read so
 * far can have reached. No backtracking, so no pattern and no name makes it slow.
 */
#include "wild.h"
#include "core/memory.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>

enum kind {
    STEP_BYTE, /* one byte, that one */
    STEP_SET,  /* one byte of the set; `?` is a set too */
    STEP_RUN,  /* any number of bytes of the set; stars */
    STEP_SKIP, /* nothing, or a jump over the two steps behind it: the zero folders of a double star */
    STEP_NEVER,
};

struct step {
    enum kind kind;
    unsigned char byte;
    uint8_t set[32];
};

struct trove__wild {
    bool fold;
    size_t count;
    unsigned char
        *row; /* count + 1 flags; row[i]: the text so far is matched by the steps before i */
    struct step steps[];
};

static bool in_set(const uint8_t *set, unsigned char byte)
{
    return set[byte >> 3] >> (byte & 7) & 1;
}

static void add_to_set(uint8_t *set, unsigned char byte)
{
    set[byte >> 3] = (uint8_t)(set[byte >> 3] | 1u << (byte & 7));
}

static bool is_upper(unsigned char byte)
{
    return byte >= 'A' && byte <= 'Z';
}

static bool is_lower(unsigned char byte)
{
    return byte >= 'a' && byte <= 'z';
}

/* The classes are those of ASCII whatever the locale, white space without \v and \f. */
static bool in_class(const char *name, size_t length, unsigned char c, bool fold, bool *ret_known)
{
    static const char *const names[] = {"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                        "lower", "print", "punct", "space", "upper", "xdigit"};
    bool alpha = is_upper(c) || is_lower(c), digit = c >= '0' && c <= '9';
    bool graph = c > 0x20 && c < 0x7f;
    const bool is[] = {
        alpha || digit,
        alpha,
        c == ' ' || c == '\t',
        c < 0x20 || c == 0x7f,
        digit,
        graph,
        is_lower(c),
        graph || c == ' ',
        graph && !alpha && !digit,
        c == ' ' || c == '\t' || c == '\n' || c == '\r',
        is_upper(c) || (fold && is_lower(c)),
        digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'),
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return is[i];
    }
    *ret_known = false;
    return false;
}

struct set_parser {
    const char *at;
    bool fold;
    unsigned char previous; /* what a range begins with; 0: nothing */
    uint8_t *set;
};

static void add_range(struct set_parser *parser, unsigned char first, unsigned char last)
{
    for (unsigned c = first; c <= last; c++) {
        add_to_set(parser->set, (unsigned char)c);
        if (parser->fold && is_upper((unsigned char)c))
            add_to_set(parser->set, (unsigned char)(c + 32));
    }
}

/* "[:name:]" at parser->at. Returns false when such a set matches nothing: unknown, or not closed. *RET_TAKEN is false
 * when it is no class at all but an ordinary bracket. */
static bool parse_class(struct set_parser *parser, bool *ret_taken)
{
    const char *name = parser->at + 2, *end = strchr(name, ']');
    bool known = true;

    *ret_taken = false;
    if (end == NULL)
        return false;
    if (end == name || end[-1] != ':')
        return true;
    for (unsigned c = 1; c < 256; c++) {
        if (in_class(name, (size_t)(end - name) - 1, (unsigned char)c, parser->fold, &known))
            add_to_set(parser->set, (unsigned char)c);
    }
    *ret_taken = true;
    parser->at = end + 1;
    return known;
}

/* One member of a set. Returns false when the set is malformed and so matches nothing. */
static bool parse_member(struct set_parser *parser)
{
    unsigned char c = (unsigned char)*parser->at;

    if (c == '-' && parser->previous != 0 && parser->at[1] != '\0' && parser->at[1] != ']') {
        parser->at++;
        if (*parser->at == '\\' && *++parser->at == '\0')
            return false;
        add_range(parser, parser->previous, (unsigned char)*parser->at++);
        parser->previous = 0;
        return true;
    }
    if (c == '[' && parser->at[1] == ':') {
        bool taken;
        if (!parse_class(parser, &taken))
            return false;
        if (taken) {
            parser->previous = 0;
            return true;
        }
    }
    if (c == '\\')
        c = (unsigned char)*++parser->at;
    if (c == '\0')
        return false;
    add_to_set(parser->set, c);
    parser->previous = c;
    parser->at++;
    return true;
}

/* A set, behind its bracket. Returns what follows it, or NULL when it is malformed. */
static const char *parse_set(const char *at, bool slashes, bool fold, uint8_t *set)
{
    struct set_parser parser = {.fold = fold, .set = set};
    bool negated = *at == '!' || *at == '^';

    parser.at = at + negated;
    do { /* a closing bracket in the first place is a member */
        if (!parse_member(&parser))
            return NULL;
    } while (*parser.at != ']');
    for (size_t i = 0; negated && i < 32; i++)
        set[i] = (uint8_t)~set[i];
    if (slashes)
        set['/' >> 3] = (uint8_t)(set['/' >> 3] & ~(1u << ('/' & 7)));
    return parser.at + 1;
}

static void fill_any(struct step *step, enum kind kind, bool slash_too)
{
    step->kind = kind;
    memset(step->set, 0xff, sizeof(step->set));
    if (!slash_too)
        step->set['/' >> 3] = (uint8_t)(step->set['/' >> 3] & ~(1u << ('/' & 7)));
}

/* One or more stars at AT. */
static const char *parse_stars(struct trove__wild *wild, const char *pattern, const char *at,
                               bool slashes)
{
    const char *end = at + strspn(at, "*");
    bool folders = end - at > 1 && (at == pattern || at[-1] == '/') &&
                   (*end == '\0' || *end == '/' || (end[0] == '\\' && end[1] == '/'));

    if (slashes && folders && *end == '/')
        wild->steps[wild->count++].kind = STEP_SKIP;
    fill_any(&wild->steps[wild->count++], STEP_RUN, !slashes || folders);
    return end;
}

static void parse_pattern(struct trove__wild *wild, const char *pattern, bool slashes)
{
    for (const char *at = pattern; *at != '\0';) {
        struct step *step = &wild->steps[wild->count];
        if (*at == '*') {
            at = parse_stars(wild, pattern, at, slashes);
            continue;
        }
        wild->count++;
        if (*at == '?') {
            fill_any(step, STEP_SET, !slashes);
            at++;
        } else if (*at == '[') {
            step->kind = STEP_SET;
            at = parse_set(at + 1, slashes, wild->fold, step->set);
            if (at == NULL) {
                step->kind = STEP_NEVER;
                return;
            }
        } else if (*at == '\\') {
            step->byte = (unsigned char)at[1];
            step->kind = step->byte != '\0' ? STEP_BYTE : STEP_NEVER;
            at += step->byte != '\0' ? 2 : 1;
        } else {
            bool lower = wild->fold && is_upper((unsigned char)*at);
            step->byte = (unsigned char)(lower ? *at + 32 : *at);
            at++;
        }
    }
}

int trove__wild_compile(const char *pattern, bool slashes, bool fold, struct trove__wild **ret_wild)
{
    /* No construct gives more steps than it has bytes: a double star has two and gives two. */
    size_t most = strlen(pattern);
    struct trove__wild *wild = trove__calloc(1, sizeof(*wild) + most * sizeof(wild->steps[0]));

    if (wild == NULL)
        return -ENOMEM;
    wild->fold = fold;
    wild->row = trove__malloc(most + 1);
    if (wild->row == NULL) {
        trove__wild_destroy(wild);
        return -ENOMEM;
    }
    parse_pattern(wild, pattern, slashes);
    *ret_wild = wild;
    return 0;
}

void trove__wild_destroy(struct trove__wild *wild)
{
    if (wild == NULL)
        return;
    trove__free(wild->row);
    trove__free(wild);
}

/* What can be reached without a byte. Steps only lead forward, so one pass does. */
static bool close_row(struct trove__wild *wild)
{
    bool alive = false;

    for (size_t i = 0; i < wild->count; i++) {
        if (!wild->row[i])
            continue;
        alive = true;
        if (wild->steps[i].kind == STEP_RUN || wild->steps[i].kind == STEP_SKIP)
            wild->row[i + 1] = 1;
        if (wild->steps[i].kind == STEP_SKIP)
            wild->row[i + 3] = 1;
    }
    return alive || wild->row[wild->count];
}

static void take_byte(struct trove__wild *wild, unsigned char byte)
{
    unsigned char *row = wild->row;

    for (size_t i = wild->count + 1; i-- > 0;) {
        const struct step *here = &wild->steps[i], *before = &wild->steps[i > 0 ? i - 1 : 0];
        bool stays = i < wild->count && row[i] && here->kind == STEP_RUN && in_set(here->set, byte);
        bool comes = i > 0 && row[i - 1] &&
                     ((before->kind == STEP_BYTE && before->byte == byte) ||
                      (before->kind == STEP_SET && in_set(before->set, byte)));
        row[i] = stays || comes;
    }
}

bool trove__wild_match(struct trove__wild *wild, const char *text, size_t length)
{
    memset(wild->row, 0, wild->count + 1);
    wild->row[0] = 1;
    close_row(wild);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        take_byte(wild, wild->fold && is_upper(byte) ? (unsigned char)(byte + 32) : byte);
        if (!close_row(wild))
            return false;
    }
    return wild->row[wild->count];
}
