// SPDX-License-Identifier: MIT
/*
 * search.c - one buffer from its first line to its last: which lines are shown, and when it is enough.
 *
 * Lines are visited one by one only where git's answer needs it (-v, the window of -A behind a hit); elsewhere the
 * look-ahead jumps. Line numbers are counted when something is shown, from the last place where they were known.
 */
#include "lines.h"
#include "print.h"
#include <errno.h>
#include <limits.h>

#define BINARY_LOOK_BYTES 8000

struct search {
    struct trove__haystack hay;
    struct trove__printer printer;
    const struct trove__grep_settings *settings;
    bool binary;     /* a hit only names the file */
    bool numbers;    /* line numbers matter: shown, or needed for context */
    size_t counted;  /* offset of a line's start ... */
    uint32_t number; /* ... and that line's number */
    uint32_t last_hit;
    unsigned count;
};

enum step { STEP_NEXT, STEP_DONE };

static bool is_binary(enum trove__content content, const char *data, size_t size)
{
    if (content != TROVE__CONTENT_LOOK)
        return content == TROVE__CONTENT_BINARY;
    return size != 0 &&
           memchr(data, '\0', size < BINARY_LOOK_BYTES ? size : BINARY_LOOK_BYTES) != NULL;
}

/* The number of the line that begins at AT, not before the last one asked for. */
static uint32_t number_of(struct search *search, size_t at)
{
    if (!search->numbers)
        return 1;
    search->number +=
        (uint32_t)trove__lines_count(search->hay.data + search->counted, at - search->counted);
    search->counted = at;
    return search->number;
}

/* Whether the line at AT is shown as context even if it does not match. */
static bool in_window(struct search *search, size_t at)
{
    if (search->last_hit == 0 || search->settings->after == 0)
        return false;
    return number_of(search, at) <= search->last_hit + search->settings->after;
}

/* The lines of -B before the line at AT, as far as they were not shown yet. */
static int show_before(struct search *search, size_t at, uint32_t number)
{
    uint32_t from = search->settings->before < number ? number - search->settings->before : 1;
    uint32_t current = number;

    if (from <= search->printer.last_shown)
        from = search->printer.last_shown + 1;
    while (at > 0 && current > from) {
        at = trove__line_start(search->hay.data, 0, at - 1);
        current--;
    }
    for (; current < number; current++) {
        struct trove__span line = {at, trove__line_end(search->hay.data, search->hay.size, at)};
        int r = trove__print_line(&search->printer, line, current, 0, '-');
        if (r < 0)
            return r;
        at = line.end + 1;
    }
    return 0;
}

/* A selected line. Returns a step or a negative errno. */
static int take_hit(struct search *search, struct trove__span line, size_t column)
{
    const struct trove__grep_settings *settings = search->settings;
    uint32_t number;
    int r;

    search->count++;
    if (settings->quiet)
        return STEP_DONE;
    if (settings->name_only) {
        trove__print_name(&search->printer);
        return STEP_DONE;
    }
    if (settings->count)
        return STEP_NEXT;
    if (search->binary) {
        trove__print_binary(&search->printer);
        return STEP_DONE;
    }
    number = number_of(search, line.start);
    if (settings->before != 0) {
        r = show_before(search, line.start, number);
        if (r < 0)
            return r;
    }
    r = trove__print_line(&search->printer, line, number, settings->invert ? 1 : column + 1, ':');
    if (r < 0)
        return r;
    search->last_hit = number;
    return STEP_NEXT;
}

static bool has_enough(const struct search *search)
{
    return search->settings->max_count >= 0 &&
           search->count >= (unsigned)search->settings->max_count;
}

/* Asks for the line and shows what is due. A step or a negative errno. */
static int visit_line(struct search *search, struct trove__span line)
{
    const struct trove__grep_settings *settings = search->settings;
    size_t column = 0;
    int matched = trove__match_line(&search->hay, line, &column);
    int r;

    if (matched < 0)
        return matched;
    if (settings->unmatch_name_only)
        return (matched > 0) != settings->invert ? STEP_DONE : STEP_NEXT;
    if ((matched > 0) != settings->invert && !has_enough(search))
        return take_hit(search, line, column);
    if (in_window(search, line.start)) {
        r = trove__print_line(&search->printer, line, search->number, matched ? column + 1 : 0,
                              '-');
        return r < 0 ? r : STEP_NEXT;
    }
    return has_enough(search) ? STEP_DONE : STEP_NEXT;
}

/* Behind the last newline stands an empty line that git's look-ahead alone can reach. It would have, past the line at
 * LAST, if that was only a superset's candidate. */
static int visit_end(struct search *search, size_t last)
{
    struct trove__span end = {search->hay.size, search->hay.size};
    int r = trove__match_jumps_to_end(&search->hay, last);

    if (r <= 0)
        return r;
    r = visit_line(search, end);
    return r < 0 ? r : r == STEP_DONE;
}

/* 1 when a step ended the search (a hit for -q, -l and binary files, a refusal for -L), 0 at the end of the buffer. */
static int search_lines(struct search *search)
{
    const char *data = search->hay.data;
    size_t size = search->hay.size;
    struct trove__span line = {0, 0};
    bool ahead = false; /* the last line was looked at in vain after a jump */
    size_t at = 0;

    while (at < size) {
        unsigned count;
        int r;

        line.start = at;
        ahead = !search->settings->invert && !in_window(search, at);
        if (ahead) {
            r = trove__match_look_ahead(&search->hay, at, &line.start);
            if (r <= 0)
                return r;
        }
        line.end = trove__line_end(data, size, line.start);
        count = search->count;
        r = visit_line(search, line);
        if (r < 0 || r == STEP_DONE)
            return r < 0 ? r : 1;
        if (line.end >= size)
            break;
        at = line.end + 1;
        ahead = ahead && search->count == count;
    }
    return at == size && ahead ? visit_end(search, line.start) : 0;
}

/* What the file counts as, and what is printed at its end. */
static int finish(struct search *search, bool ended)
{
    const struct trove__grep_settings *settings = search->settings;

    if (settings->unmatch_name_only) {
        if (ended)
            return 0;
        if (!settings->quiet)
            trove__print_name(&search->printer);
        return 1;
    }
    if (settings->count && !settings->quiet && !settings->name_only && search->count != 0)
        trove__print_count(&search->printer, search->count);
    return search->count != 0;
}

int trove__grep_buffer(const struct trove__grep *grep, struct trove__grep_scratch *scratch,
                       const char *name, enum trove__content content, const void *data, size_t size,
                       struct trove__text *out, struct trove_error *err)
{
    const struct trove__grep_settings *settings = &grep->settings;
    struct search search = {.settings = settings, .number = 1};
    int r;

    if (size > INT_MAX)
        return trove_error_set(err, -EFBIG, "%s: too large to search (%zu bytes)", name, size);
    if (settings->binary != TROVE__GREP_BINARY_TEXT)
        search.binary = is_binary(content, data, size);
    if (search.binary && settings->binary == TROVE__GREP_BINARY_SKIP)
        return 0;
    trove__haystack_init(&search.hay, grep, scratch, data, size, err);
    trove__printer_init(&search.printer, &search.hay, name, out);
    search.numbers = settings->line_number || settings->before != 0 || settings->after != 0;
    r = search_lines(&search);
    if (r < 0)
        return r;
    r = finish(&search, r > 0);
    out->shown = search.printer.last_shown != 0;
    return out->failure < 0 ? out->failure : r;
}
