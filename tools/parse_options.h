// SPDX-License-Identifier: MIT
/*
 * parse_options.h - reads options exactly as git's commands do: short ones in clusters, -NUM, long ones with `=`, with
 * `no-` and shortened as long as they stay unambiguous. Prints nothing.
 */
#ifndef TROVE_TOOLS_PARSE_OPTIONS_H
#define TROVE_TOOLS_PARSE_OPTIONS_H

#include <trove/error.h>

enum trove__option_kind {
    TROVE__OPTION_FLAG,     /* no argument */
    TROVE__OPTION_VALUE,    /* an argument, in the same word or the next */
    TROVE__OPTION_OPTIONAL, /* an argument only in the same word */
    TROVE__OPTION_NUMBER,   /* -NUM; has no names */
    TROVE__OPTION_BARE,     /* a word of its own without a dash, e.g. `(`; its short name */
};

struct trove__option {
    enum trove__option_kind kind;
    int id;                /* for the parser's caller */
    char short_name;       /* '\0' for none */
    const char *long_name; /* NULL for none */
    bool no_negation;      /* --no-NAME is refused */
};

/* One option as it was given. Borrowed for the call. */
struct trove__option_given {
    const struct trove__option *option;
    const char *argument; /* NULL for none */
    bool negated;
    const char *shown; /* how messages name it: switch `c', option `name' */
};

struct trove__option_parser {
    const struct trove__option *options;
    size_t option_count;
    /* Takes an option: 0, or an exit status with ERR filled. */
    int (*take)(void *context, const struct trove__option_given *given, struct trove_error *err);
    /* Asked first about each word that begins with a dash; may be NULL. 1: was its own, *INDEX is at its last word;
     * 0: was not; else an exit status with a message already printed or ERR filled. */
    int (*take_own)(void *context, int argc, char **argv, int *index, struct trove_error *err);
    void *context;     /* take's */
    void *own_context; /* take_own's */
};

enum trove__options_end {
    TROVE__OPTIONS_OK,
    TROVE__OPTIONS_ERROR, /* 129 with ERR's message alone */
    TROVE__OPTIONS_USAGE, /* 129 with ERR's message and the usage */
    TROVE__OPTIONS_HELP,  /* asked for: the usage on standard output */
    TROVE__OPTIONS_FATAL, /* take or take_own ended it; their status is in ERR->code */
};

/* Reads argv[1..) up to the first word that is none: `--` and what follows stays. *RET_INDEX is that word's index. */
enum trove__options_end trove__options_parse(const struct trove__option_parser *parser, int argc,
                                             char **argv, int *ret_index, struct trove_error *err);

/* The same with options between and behind the other words, up to `--`, which goes. ARGV[1..*RET_COUNT] are then the
 * words. */
enum trove__options_end trove__options_gather(const struct trove__option_parser *parser, int argc,
                                              char **argv, int *ret_count, struct trove_error *err);

/* A whole number as git reads it. 0, or 129 with ERR filled. */
int trove__option_integer(const struct trove__option_given *given, int *ret_value,
                          struct trove_error *err);

#endif
