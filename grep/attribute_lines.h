// SPDX-License-Identifier: MIT
/*
 * attribute_lines.h - the lines of a gitattributes file, taken apart as git does; lines that git ignores are left out.
 */
#ifndef TROVE_GREP_ATTRIBUTE_LINES_H
#define TROVE_GREP_ATTRIBUTE_LINES_H

#include "grep/wild.h"

/* What a line says about an attribute. */
enum trove__attribute_value {
    TROVE__ATTRIBUTE_UNKNOWN, /* nothing */
    TROVE__ATTRIBUTE_TRUE,
    TROVE__ATTRIBUTE_FALSE,
    TROVE__ATTRIBUTE_UNSET, /* `!name`: as if nothing was ever said */
    TROVE__ATTRIBUTE_TEXT,
};

/* The names of attributes, each with a number. A file may hold as many as it likes. All zero is none. */
struct trove__attribute_names {
    char **names;   /* own */
    size_t *sorted; /* own; the numbers in the order of the names */
    size_t count, capacity;
};

#define TROVE__ATTRIBUTE_NONE SIZE_MAX

/* NAME's number, a new one if need be; TROVE__ATTRIBUTE_NONE without memory. */
size_t trove__attribute_number(struct trove__attribute_names *names, const char *name,
                               size_t length);
void trove__attribute_names_deinit(struct trove__attribute_names *names);

struct trove__attribute_state {
    size_t number;
    enum trove__attribute_value value;
    char *text; /* TEXT: own */
};

/* A line: either a macro or a pattern. */
struct trove__attribute_rule {
    size_t macro;             /* its number; TROVE__ATTRIBUTE_NONE: a pattern */
    struct trove__wild *wild; /* own; of the path below the file's folder, or of the last part */
    bool whole_path;
    struct trove__attribute_state *states; /* own */
    size_t count;
};

struct trove__attribute_rules {
    struct trove__attribute_rule *rules; /* own */
    size_t count, capacity;
};

/* Appends the rules in TEXT. MACROS: they are allowed here. 0 or -ENOMEM. */
int trove__attribute_rules_add(struct trove__attribute_rules *rules,
                               struct trove__attribute_names *names, bool macros, const char *text,
                               size_t size);
void trove__attribute_rules_deinit(struct trove__attribute_rules *rules);

#endif
