// SPDX-License-Identifier: MIT
/*
 * grep_options.h - git grep's own command line, up to the revisions: options, patterns and the settings they make.
 */
#ifndef TROVE_TOOLS_GREP_OPTIONS_H
#define TROVE_TOOLS_GREP_OPTIONS_H

#include "grep/grep.h"
#include "tools/parse_options.h"

enum trove__when { TROVE__NEVER, TROVE__ALWAYS, TROVE__AUTO };

/* What holds where the command line says nothing. */
struct trove__grep_defaults {
    bool line_number;
    bool column;
    bool full_name;
    bool extended;   /* a pattern of no type is extended */
    bool quote_path; /* core.quotePath: bytes above 127 are quoted in names */
    int type;        /* a trove__grep_type; -1: none */
    int threads;     /* grep.threads */
    enum trove__when color;
};

/*
 *     trove__grep_options_init(&options);
 *     status = trove__grep_options_parse(&options, argc, argv, take_own, context);
 *     if (status >= 0)
 *         return status;      everything was said
 *     the configuration may change options.defaults (grep_config.h); then
 *     trove__grep_options_settle(&options);
 *     options.rest[0..rest_count) are revisions, `--` and pathspecs; options.settings goes to trove__grep_compile()
 *     trove__grep_options_deinit(&options);
 */
struct trove__grep_options {
    struct trove__grep_settings settings; /* complete after parsing; `color` is decided too */
    int max_depth;                        /* -1: no limit */
    int threads;                          /* 0: as many as there are cores */
    bool full_name;                       /* names from the top, not from the prefix */
    char **rest;                          /* borrow: what stands behind options and pattern */
    int rest_count;

    /* Set before parsing. */
    const char *directory; /* -f files are relative to it; NULL: the current directory */

    struct trove__grep_defaults defaults;

    /* What was given; private. */
    uint64_t given; /* a bit for each kind of option */
    enum trove__when color;
    bool type_given; /* also by a negation, which leaves -1 */
    int type;

    /* How things came to be; private. */
    struct trove__grep_pattern *patterns; /* own, with their bytes and origins */
    size_t pattern_capacity;
    char *given_colors[TROVE__COLORS]; /* own; from the configuration */
    const char *only_without_revision; /* an option that git refuses beside a revision */
};

void trove__grep_options_init(struct trove__grep_options *options);
void trove__grep_options_deinit(struct trove__grep_options *options);

/* Reads argv[1..argc). TAKE_OWN (may be NULL) is asked first about each word that begins with a dash, with CONTEXT.
 * Returns -1 to go on, or the exit status (0, 128, 129) when the command ends here; messages were printed then. */
int trove__grep_options_parse(struct trove__grep_options *options, int argc, char **argv,
                              int (*take_own)(void *context, int argc, char **argv, int *index,
                                              struct trove_error *err),
                              void *context);

/* The same without printing: -1 with *RET_END TROVE__OPTIONS_OK, or the status, how it ended, and ERR's message. */
int trove__grep_options_read(struct trove__grep_options *options, int argc, char **argv,
                             int (*take_own)(void *context, int argc, char **argv, int *index,
                                             struct trove_error *err),
                             void *context, enum trove__options_end *ret_end,
                             struct trove_error *err);

/* Decides what depends on the defaults, anew each time. */
void trove__grep_options_settle(struct trove__grep_options *options);

/* A pattern, and the patterns of a file, one a line. 0, or the exit status and ERR's message. */
int trove__grep_options_add_pattern(struct trove__grep_options *options, const char *bytes,
                                    size_t size, const char *origin, int line,
                                    struct trove_error *err);
int trove__grep_options_add_file(struct trove__grep_options *options, const char *name,
                                 struct trove_error *err);

/* An escape sequence for one of the names of color.grep.*; COLOR is copied. 0 or -ENOMEM. */
int trove__grep_options_set_color(struct trove__grep_options *options, enum trove__grep_color which,
                                  const char *color);

/* "never", "always", "auto" as --color and the configuration know them; false for anything else. */
bool trove__grep_when(const char *text, enum trove__when *ret_when);

#endif
