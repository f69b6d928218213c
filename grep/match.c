// SPDX-License-Identifier: MIT
/*
 * match.c - all patterns together on one line, and git's look-ahead.
 */
#include "match.h"
#include "lines.h"

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void trove__haystack_init(struct trove__haystack *hay, const struct trove__grep *grep,
                          struct trove__grep_scratch *scratch, const char *data, size_t size,
                          struct trove_error *err)
{
    bool ask = false;

    *hay = (struct trove__haystack){
        .grep = grep, .scratch = scratch->patterns, .data = data, .size = size, .err = err};
    for (size_t i = 0; i < grep->pattern_count; i++) {
        scratch->patterns[i].next_known = false;
        scratch->patterns[i].superset_failed = false;
        ask = ask || grep->patterns[i].general.code != NULL;
    }
    hay->ascii = ask && trove__is_ascii(data, size);
}

/* True if SPAN is a word in DATA. */
static bool is_word(const char *data, size_t size, struct trove__span span)
{
    return span.start != span.end && (span.start == 0 || !is_word_byte(data[span.start - 1])) &&
           (span.end == size || !is_word_byte(data[span.end]));
}

/* One pattern on a stretch within a line, with -w. A match that is no word is retried from the next byte behind a
 * non-word byte, as git does: not from every place where another match could begin. */
static int match_one(struct trove__haystack *hay, size_t which, const char *data, size_t size,
                     bool not_line_start, struct trove__span *ret_span)
{
    const struct trove__pattern *pattern = &hay->grep->patterns[which];
    struct trove__pattern_scratch *scratch = &hay->scratch[which];
    size_t from = 0;

    for (;;) {
        struct trove__span span;
        int r = trove__pattern_match(pattern, scratch, data + from, size - from, not_line_start,
                                     &span, hay->err);

        if (r <= 0)
            return r;
        if (!hay->grep->settings.word || is_word(data + from, size - from, span)) {
            *ret_span = (struct trove__span){from + span.start, from + span.end};
            return 1;
        }
        if (span.start + 1 >= size - from)
            return 0;
        from += span.start + 1;
        while (is_word_byte(data[from - 1]) && from < size)
            from++;
        if (from >= size)
            return 0;
        not_line_start = true;
    }
}

/* Keeps scratch->next at the first match from FROM on, a line's start; its start is TROVE__NOWHERE if there is none. */
static int find_next(struct trove__haystack *hay, size_t which, size_t from)
{
    const struct trove__pattern *pattern = &hay->grep->patterns[which];
    struct trove__pattern_scratch *scratch = &hay->scratch[which];
    struct trove__span span;
    int r;

    if (scratch->next_known && pattern->stable && scratch->next.start >= from)
        return 0;
    r = trove__pattern_scan(pattern, scratch, hay->data + from, hay->size - from, hay->ascii, &span,
                            hay->err);
    if (r < 0)
        return r;
    scratch->next_known = true;
    scratch->next = r == 0 ? (struct trove__span){TROVE__NOWHERE, TROVE__NOWHERE}
                           : (struct trove__span){from + span.start, from + span.end};
    return 0;
}

/* One pattern on a whole line, spared the engine where the scan of the buffer has the answer. */
static int match_whole_line(struct trove__haystack *hay, size_t which, struct trove__span line,
                            struct trove__span *ret_span)
{
    const struct trove__pattern *pattern = &hay->grep->patterns[which];
    struct trove__pattern_scratch *scratch = &hay->scratch[which];

    if (pattern->linewise) {
        int r = find_next(hay, which, line.start);
        if (r < 0)
            return r;
        if (scratch->next.start > line.end)
            return 0;
        if (scratch->next.end <= line.end && !hay->grep->settings.word &&
            trove__pattern_scan_is_sure(pattern, scratch, hay->ascii)) {
            ret_span->start = scratch->next.start - line.start;
            ret_span->end = scratch->next.end - line.start;
            return 1;
        }
    }
    return match_one(hay, which, hay->data + line.start, line.end - line.start, false, ret_span);
}

int trove__match_line(struct trove__haystack *hay, struct trove__span line, size_t *ret_column)
{
    bool hit = false;

    for (size_t i = 0; i < hay->grep->pattern_count; i++) {
        struct trove__span span;
        int r = match_whole_line(hay, i, line, &span);

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (!hit || span.start < *ret_column)
            *ret_column = span.start;
        hit = true;
        if (!hay->grep->settings.column)
            break; /* any match selects the line */
    }
    return hit;
}

int trove__match_next(struct trove__haystack *hay, const char *data, size_t size,
                      bool not_line_start, struct trove__span *ret_span)
{
    bool hit = false;

    if (size == 0)
        return 0;
    for (size_t i = 0; i < hay->grep->pattern_count; i++) {
        struct trove__span span;
        int r = match_one(hay, i, data, size, not_line_start, &span);

        if (r < 0)
            return r;
        if (r > 0 && (!hit || span.start < ret_span->start ||
                      (span.start == ret_span->start && span.end >= ret_span->end)))
            *ret_span = span;
        hit = hit || r > 0;
    }
    return hit;
}

int trove__match_look_ahead(struct trove__haystack *hay, size_t from, size_t *ret_line)
{
    size_t earliest = TROVE__NOWHERE;

    for (size_t i = 0; i < hay->grep->pattern_count; i++) {
        int r = find_next(hay, i, from);

        if (r < 0)
            return r;
        if (hay->scratch[i].next.start < earliest)
            earliest = hay->scratch[i].next.start;
        if (earliest == from)
            break;
    }
    if (earliest == TROVE__NOWHERE)
        return 0;
    *ret_line = trove__line_start(hay->data, from, earliest);
    return 1;
}

int trove__match_jumps_to_end(struct trove__haystack *hay, size_t from)
{
    bool reached = false;

    for (size_t i = 0; i < hay->grep->pattern_count; i++) {
        struct trove__span span;
        int r = trove__pattern_match(&hay->grep->patterns[i], &hay->scratch[i], hay->data + from,
                                     hay->size - from, false, &span, hay->err);

        if (r < 0)
            return r;
        if (r > 0 && from + span.start < hay->size)
            return 0;
        reached = reached || r > 0;
    }
    return reached;
}
