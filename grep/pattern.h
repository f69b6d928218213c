// SPDX-License-Identifier: MIT
/*
 * pattern.h - one pattern: how it is compiled, where it matches, and where its next match can be at the earliest.
 *
 * Which engine decides is git's choice, because results depend on it: a pattern without special characters goes through
 * PCRE2 (or a plain search, which agrees with it) whatever its type; -P goes through PCRE2; -G and -E go through the C
 * library's regexec(), which is leftmost-longest.
 */
#ifndef TROVE_GREP_PATTERN_H
#define TROVE_GREP_PATTERN_H

#include "grep/grep.h"
#include "grep/literal.h"
#include "grep/superset.h"
#include <regex.h>

#define TROVE__NOWHERE SIZE_MAX

struct trove__span {
    size_t start;
    size_t end;
};

enum trove__engine {
    TROVE__ENGINE_LITERAL,
    TROVE__ENGINE_PERL,
    TROVE__ENGINE_POSIX,
};

/* Immutable once compiled. */
struct trove__pattern {
    enum trove__engine engine;
    char *bytes; /* own; NUL-terminated */
    size_t size;
    struct trove__literal literal;  /* LITERAL */
    pcre2_code *code;               /* PERL; own */
    const uint8_t *tables;          /* PERL; own, may be NULL */
    bool jit;                       /* PERL */
    int regex_flags;                /* POSIX */
    struct trove__superset ascii;   /* POSIX: for text that is ASCII, or any in the C locale */
    struct trove__superset general; /* POSIX: for other text */
    /* A match found from one line's start is, while it lies ahead, what a search from a later line's start finds. */
    bool stable;
    /* What matches in a line alone also matches where it stands in the buffer: lines before the next match have none. */
    bool linewise;
};

/* What a thread keeps for one pattern. regexec() locks its regex_t, so each thread compiles its own when needed. */
struct trove__pattern_scratch {
    pcre2_match_data *match;
    pcre2_match_context *limits; /* POSIX: for the superset */
    regex_t regex;
    bool regex_ready;
    bool superset_failed; /* ran into its limits in this buffer */
    /* The first match at or after the line that was asked for last, in the buffer of this search. */
    bool next_known;
    struct trove__span next;
};

/* Compiles PATTERN[0..SIZE) (borrow). 0; -EINVAL (refused, ERR says why in git's words), -ENOMEM. */
int trove__pattern_compile(const struct trove__grep_settings *settings,
                           const struct trove__grep_pattern *pattern,
                           struct trove__pattern *ret_pattern, struct trove_error *err);
/* Gives up on supersets: look-ahead asks regexec() as git does. */
void trove__pattern_drop_superset(struct trove__pattern *pattern);
void trove__pattern_deinit(struct trove__pattern *pattern); /* all zero is fine */

int trove__pattern_scratch_init(const struct trove__pattern *pattern,
                                struct trove__pattern_scratch *scratch);
void trove__pattern_scratch_deinit(struct trove__pattern_scratch *scratch);

/* Where PATTERN matches in DATA taken alone, as git asks its engine. NOT_LINE_START: the first byte is not one of a line.
 * 1 and *RET_SPAN, 0, -EINVAL (match limit) or -ENOMEM. */
int trove__pattern_match(const struct trove__pattern *pattern,
                         struct trove__pattern_scratch *scratch, const char *data, size_t size,
                         bool not_line_start, struct trove__span *ret_span,
                         struct trove_error *err);

/* Where the next match can begin, at the earliest, in DATA whose first byte is one of a line; with a superset that may be
 * a place where none is. ASCII: the whole buffer is. 1 and *RET_SPAN, 0, or an error as above. */
int trove__pattern_scan(const struct trove__pattern *pattern,
                        struct trove__pattern_scratch *scratch, const char *data, size_t size,
                        bool ascii, struct trove__span *ret_span, struct trove_error *err);

/* True if what trove__pattern_scan() finds within a line is a match whose start is right; for LITERAL also its end. */
bool trove__pattern_scan_is_sure(const struct trove__pattern *pattern,
                                 const struct trove__pattern_scratch *scratch, bool ascii);

#endif
