// SPDX-License-Identifier: MIT
/*
 * match.h - all patterns together: does a line match, what is to be coloured in it, where is the next line worth a look.
 */
#ifndef TROVE_GREP_MATCH_H
#define TROVE_GREP_MATCH_H

#include "grep/pattern.h"

struct trove__grep {
    struct trove__grep_settings settings; /* its patterns are not kept */
    struct trove__pattern *patterns;
    size_t pattern_count;
    char *colors[TROVE__COLORS]; /* own; "" when nothing is coloured */
    char *mark;                  /* own */
    size_t mark_size;
};

struct trove__grep_scratch {
    const struct trove__grep *grep;
    struct trove__pattern_scratch *patterns; /* as many as the grep has */
};

/* One buffer under search by one thread. */
struct trove__haystack {
    const struct trove__grep *grep;
    struct trove__pattern_scratch *scratch;
    const char *data;
    size_t size;
    bool ascii; /* known to be; false when nobody needs to know */
    struct trove_error *err;
};

void trove__haystack_init(struct trove__haystack *hay, const struct trove__grep *grep,
                          struct trove__grep_scratch *scratch, const char *data, size_t size,
                          struct trove_error *err);

/* Does the line [LINE.start, LINE.end) match? *RET_COLUMN is then the offset of its first match, which is the least over
 * all patterns with --column and anything otherwise. 1, 0, -EINVAL, -ENOMEM. */
int trove__match_line(struct trove__haystack *hay, struct trove__span line, size_t *ret_column);

/* The next stretch to show as a match in DATA, a line or the rest of one: the first, of those the longest. 1, 0, error. */
int trove__match_next(struct trove__haystack *hay, const char *data, size_t size,
                      bool not_line_start, struct trove__span *ret_span);

/* git's look-ahead: where the line begins in which a match of the rest of the buffer from FROM, a line's start, begins
 * first. 1 and *RET_LINE (the size of the buffer, when that line is the empty one behind the last newline), 0 (no such
 * line), or an error. */
int trove__match_look_ahead(struct trove__haystack *hay, size_t from, size_t *ret_line);

/* True (1) if the engines themselves, asked about the rest of the buffer from FROM, find the end first. */
int trove__match_jumps_to_end(struct trove__haystack *hay, size_t from);

#endif
