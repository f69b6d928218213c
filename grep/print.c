// SPDX-License-Identifier: MIT
/*
 * print.c - one file's output, byte for byte as git grep prints it.
 */
#include "print.h"
#include <inttypes.h>
#include <stdio.h>

static const char color_reset[] = "\033[m";

void trove__printer_init(struct trove__printer *printer, struct trove__haystack *hay,
                         const char *name, struct trove__text *out)
{
    *printer = (struct trove__printer){.hay = hay,
                                       .settings = &hay->grep->settings,
                                       .name = name,
                                       .name_size = strlen(name),
                                       .out = out};
}

static void add_colored(struct trove__printer *printer, const void *bytes, size_t size,
                        const char *color)
{
    if (*color == '\0') {
        trove__text_add(printer->out, bytes, size);
        return;
    }
    trove__text_add(printer->out, color, strlen(color));
    trove__text_add(printer->out, bytes, size);
    trove__text_add(printer->out, color_reset, sizeof(color_reset) - 1);
}

static const char *color_of(const struct trove__printer *printer, enum trove__grep_color which)
{
    return printer->hay->grep->colors[which];
}

static void add_name(struct trove__printer *printer)
{
    add_colored(printer, printer->name, printer->name_size,
                color_of(printer, TROVE__COLOR_FILENAME));
}

static void add_separator(struct trove__printer *printer, char sign)
{
    if (printer->settings->null_after_name)
        trove__text_add(printer->out, "", 1);
    else
        add_colored(printer, &sign, 1, color_of(printer, TROVE__COLOR_SEPARATOR));
}

static void add_number(struct trove__printer *printer, uintmax_t number,
                       enum trove__grep_color color, char sign)
{
    char text[24];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    add_colored(printer, text + at, sizeof(text) - at, color_of(printer, color));
    add_separator(printer, sign);
}

/* What stands before a line, or before each match with -o. */
static void add_header(struct trove__printer *printer, uint32_t number, size_t column, char sign)
{
    const struct trove__grep_settings *settings = printer->settings;

    if (settings->heading && printer->last_shown == 0) {
        add_name(printer);
        trove__text_add(printer->out, "\n", 1);
    }
    printer->last_shown = number;
    if (!settings->heading && settings->show_name) {
        add_name(printer);
        add_separator(printer, sign);
    }
    if (settings->line_number)
        add_number(printer, number, TROVE__COLOR_LINE_NUMBER, sign);
    if (settings->column && column != 0)
        add_number(printer, column, TROVE__COLOR_COLUMN, sign);
}

/* The separator between files, left to the ordered writer, or between stretches of one file. */
static void add_gap(struct trove__printer *printer, uint32_t number)
{
    const struct trove__grep_settings *settings = printer->settings;
    bool context = settings->before != 0 || settings->after != 0;

    if (printer->last_shown == 0 && (settings->file_break || context))
        trove__text_mark(printer->out);
    else if (context && number > printer->last_shown + 1) {
        add_colored(printer, "--", 2, color_of(printer, TROVE__COLOR_SEPARATOR));
        trove__text_add(printer->out, "\n", 1);
    }
}

/* The matches of a line one by one: each in its colour, or with -o each on a line of its own. Leaves at *AT what is to be
 * printed of the line behind the last. */
static int add_matches(struct trove__printer *printer, size_t *at, size_t end, uint32_t number,
                       size_t column, char sign)
{
    const char *data = printer->hay->data;
    const char *around =
        color_of(printer, sign == ':' ? TROVE__COLOR_SELECTED : TROVE__COLOR_CONTEXT);
    const char *inside =
        color_of(printer, sign == ':' ? TROVE__COLOR_MATCH_SELECTED : TROVE__COLOR_MATCH_CONTEXT);
    bool only = printer->settings->only_matching;
    bool again = false;

    for (;; again = true) {
        struct trove__span span;
        int r = trove__match_next(printer->hay, data + *at, end - *at, again, &span);

        if (r <= 0)
            return r;
        if (span.start == span.end)
            return 0;
        if (only)
            add_header(printer, number, column, sign);
        else
            add_colored(printer, data + *at, span.start, around);
        add_colored(printer, data + *at + span.start, span.end - span.start, inside);
        if (only)
            trove__text_add(printer->out, "\n", 1);
        *at += span.end;
        column += span.end; /* not where the next match is, but it is what git 2.39 says */
    }
}

int trove__print_line(struct trove__printer *printer, struct trove__span line, uint32_t number,
                      size_t column, char sign)
{
    const struct trove__grep_settings *settings = printer->settings;
    size_t at = line.start;

    add_gap(printer, number);
    if (!settings->only_matching)
        add_header(printer, number, column, sign);
    if (settings->color || settings->only_matching) {
        int r = add_matches(printer, &at, line.end, number, column, sign);
        if (r < 0)
            return r;
    }
    if (!settings->only_matching) {
        add_colored(printer, printer->hay->data + at, line.end - at,
                    color_of(printer, sign == ':' ? TROVE__COLOR_SELECTED : TROVE__COLOR_CONTEXT));
        trove__text_add(printer->out, "\n", 1);
    }
    return printer->out->failure;
}

void trove__print_name(struct trove__printer *printer)
{
    add_name(printer);
    trove__text_add(printer->out, printer->settings->null_after_name ? "" : "\n", 1);
}

void trove__print_binary(struct trove__printer *printer)
{
    trove__text_add(printer->out, "Binary file ", 12);
    add_name(printer);
    trove__text_add(printer->out, " matches\n", 9);
}

void trove__print_count(struct trove__printer *printer, unsigned count)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%u\n", count);

    if (printer->settings->show_name) {
        add_name(printer);
        add_separator(printer, ':');
    }
    trove__text_add(printer->out, text, (size_t)length);
}
