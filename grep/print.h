// SPDX-License-Identifier: MIT
/*
 * print.h - the output of one file in git grep's form: names, numbers, separators, colours.
 */
#ifndef TROVE_GREP_PRINT_H
#define TROVE_GREP_PRINT_H

#include "grep/match.h"

/* What is being printed, and how far. */
struct trove__printer {
    struct trove__haystack *hay;
    const struct trove__grep_settings *settings;
    const char *name;
    size_t name_size;
    struct trove__text *out;
    uint32_t last_shown; /* number of the last line shown; 0 for none */
};

void trove__printer_init(struct trove__printer *printer, struct trove__haystack *hay,
                         const char *name, struct trove__text *out);

/* SIGN is ':' for a selected line, '-' for context. COLUMN counts from 1; 0 for none. 0 or a negative errno. */
int trove__print_line(struct trove__printer *printer, struct trove__span line, uint32_t number,
                      size_t column, char sign);
void trove__print_name(struct trove__printer *printer);   /* -l and -L */
void trove__print_binary(struct trove__printer *printer); /* that the file matches */
void trove__print_count(struct trove__printer *printer, unsigned count);

#endif
