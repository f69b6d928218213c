// SPDX-License-Identifier: MIT
/*
 * grep_option_table.c - the table of git grep's options and what each does.
 *
 * All of git's names are in the table, also those of options that are not there yet: whether a shortened name is
 * unambiguous depends on them.
 */
#include "grep_option_table.h"
#include "common.h"
#include <stdlib.h>
#include <string.h>

#define FLAG(short_name, long_name, id)                                                            \
    {                                                                                              \
        TROVE__OPTION_FLAG, (id), (short_name), (long_name), false                                 \
    }
#define VALUE(short_name, long_name, id, no_negation)                                              \
    {                                                                                              \
        TROVE__OPTION_VALUE, (id), (short_name), (long_name), (no_negation)                        \
    }

const struct trove__option trove__grep_option_table[] = {
    FLAG('\0', "cached", TROVE__GREP_OPTION_WORK_TREE),
    FLAG('\0', "no-index", TROVE__GREP_OPTION_WORK_TREE),
    FLAG('\0', "untracked", TROVE__GREP_OPTION_WORK_TREE),
    FLAG('\0', "exclude-standard", TROVE__GREP_OPTION_WORK_TREE),
    FLAG('\0', "recurse-submodules", TROVE__GREP_OPTION_NOT_YET),
    FLAG('v', "invert-match", TROVE__GREP_OPTION_INVERT),
    FLAG('i', "ignore-case", TROVE__GREP_OPTION_IGNORE_CASE),
    FLAG('w', "word-regexp", TROVE__GREP_OPTION_WORD),
    FLAG('a', "text", TROVE__GREP_OPTION_ALL_TEXT),
    FLAG('I', NULL, TROVE__GREP_OPTION_NO_BINARY),
    FLAG('\0', "textconv", TROVE__GREP_OPTION_NOT_YET),
    FLAG('r', "recursive", TROVE__GREP_OPTION_RECURSIVE),
    VALUE('\0', "max-depth", TROVE__GREP_OPTION_MAX_DEPTH, true),
    FLAG('E', "extended-regexp", TROVE__GREP_OPTION_TYPE_EXTENDED),
    FLAG('G', "basic-regexp", TROVE__GREP_OPTION_TYPE_BASIC),
    FLAG('F', "fixed-strings", TROVE__GREP_OPTION_TYPE_FIXED),
    FLAG('P', "perl-regexp", TROVE__GREP_OPTION_TYPE_PERL),
    FLAG('n', "line-number", TROVE__GREP_OPTION_LINE_NUMBER),
    FLAG('\0', "column", TROVE__GREP_OPTION_COLUMN),
    FLAG('h', NULL, TROVE__GREP_OPTION_HIDE_NAME),
    FLAG('H', NULL, TROVE__GREP_OPTION_SHOW_NAME),
    FLAG('\0', "full-name", TROVE__GREP_OPTION_FULL_NAME),
    FLAG('l', "files-with-matches", TROVE__GREP_OPTION_NAME_ONLY),
    FLAG('\0', "name-only", TROVE__GREP_OPTION_NAME_ONLY),
    FLAG('L', "files-without-match", TROVE__GREP_OPTION_UNMATCH_NAME_ONLY),
    FLAG('z', "null", TROVE__GREP_OPTION_NULL),
    FLAG('o', "only-matching", TROVE__GREP_OPTION_ONLY_MATCHING),
    FLAG('c', "count", TROVE__GREP_OPTION_COUNT),
    {TROVE__OPTION_OPTIONAL, TROVE__GREP_OPTION_COLOR, '\0', "color", false},
    FLAG('\0', "break", TROVE__GREP_OPTION_BREAK),
    FLAG('\0', "heading", TROVE__GREP_OPTION_HEADING),
    VALUE('C', "context", TROVE__GREP_OPTION_CONTEXT, false),
    VALUE('B', "before-context", TROVE__GREP_OPTION_BEFORE, false),
    VALUE('A', "after-context", TROVE__GREP_OPTION_AFTER, false),
    VALUE('j', "threads", TROVE__GREP_OPTION_THREADS, false),
    {TROVE__OPTION_NUMBER, TROVE__GREP_OPTION_CONTEXT, '\0', NULL, true},
    FLAG('p', "show-function", TROVE__GREP_OPTION_NOT_YET),
    FLAG('W', "function-context", TROVE__GREP_OPTION_NOT_YET),
    VALUE('f', NULL, TROVE__GREP_OPTION_PATTERN_FILE, false),
    VALUE('e', NULL, TROVE__GREP_OPTION_PATTERN, true),
    {TROVE__OPTION_FLAG, TROVE__GREP_OPTION_NOT_YET, '\0', "and", true},
    FLAG('\0', "or", TROVE__GREP_OPTION_IGNORED),
    {TROVE__OPTION_FLAG, TROVE__GREP_OPTION_NOT_YET, '\0', "not", true},
    {TROVE__OPTION_BARE, TROVE__GREP_OPTION_NOT_YET, '(', NULL, true},
    {TROVE__OPTION_BARE, TROVE__GREP_OPTION_NOT_YET, ')', NULL, true},
    FLAG('q', "quiet", TROVE__GREP_OPTION_QUIET),
    FLAG('\0', "all-match", TROVE__GREP_OPTION_NOT_YET),
    {TROVE__OPTION_OPTIONAL, TROVE__GREP_OPTION_WORK_TREE, 'O', "open-files-in-pager", false},
    FLAG('\0', "ext-grep", TROVE__GREP_OPTION_IGNORED),
    VALUE('m', "max-count", TROVE__GREP_OPTION_MAX_COUNT, false),
};

const size_t trove__grep_option_count =
    sizeof(trove__grep_option_table) / sizeof(trove__grep_option_table[0]);

/* Lines before and behind; git reads the number less strictly than others. */
static int take_context(struct trove__grep_options *options,
                        const struct trove__option_given *given, struct trove_error *err)
{
    char *end = NULL;
    long value = given->negated ? 0 : strtol(given->argument, &end, 10);

    if (end != NULL && *end != '\0')
        return trove_error_set(err, TROVE__EXIT_USAGE, "switch `C' expects a numerical value");
    options->settings.before = (uint32_t)value;
    options->settings.after = (uint32_t)value;
    return 0;
}

static int take_integer(const struct trove__option_given *given, int *ret_value,
                        struct trove_error *err)
{
    if (given->negated) {
        *ret_value = 0;
        return 0;
    }
    return trove__option_integer(given, ret_value, err);
}

static int take_lines(const struct trove__option_given *given, uint32_t *ret_lines,
                      struct trove_error *err)
{
    int value;
    int status = take_integer(given, &value, err);

    if (status == 0)
        *ret_lines = (uint32_t)value; /* below 0 is a very large number, as in git */
    return status;
}

static int take_color(struct trove__grep_options *options, const struct trove__option_given *given,
                      struct trove_error *err)
{
    const char *when = given->negated ? "never" : given->argument;

    if (trove__grep_when(when != NULL ? when : "always", &options->color))
        return 0;
    return trove_error_set(err, TROVE__EXIT_USAGE,
                           "option `color' expects \"always\", \"auto\", or \"never\"");
}

static int take_missing(const struct trove__option_given *given, struct trove_error *err)
{
    if (given->negated)
        return 0; /* to ask for less than nothing is granted */
    return trove_error_set(err, TROVE__EXIT_USAGE, "%s is not supported yet", given->shown);
}

static void take_type(struct trove__grep_options *options, const struct trove__option_given *given,
                      enum trove__grep_type type)
{
    options->type_given = true;
    options->type = given->negated ? -1 : (int)type;
}

/* Options that ask for the work tree or the index. */
static void take_work_tree(struct trove__grep_options *options,
                           const struct trove__option_given *given)
{
    if (!given->negated)
        options->only_without_revision = given->option->long_name;
    else if (strcmp(given->option->long_name, "exclude-standard") == 0)
        options->only_without_revision = "no-exclude-standard";
}

/* Options that are true or false; NULL for others. */
static bool *flag_of(struct trove__grep_options *options, int id)
{
    struct trove__grep_settings *settings = &options->settings;

    switch (id) {
    case TROVE__GREP_OPTION_BREAK:
        return &settings->file_break;
    case TROVE__GREP_OPTION_COLUMN:
        return &settings->column;
    case TROVE__GREP_OPTION_COUNT:
        return &settings->count;
    case TROVE__GREP_OPTION_FULL_NAME:
        return &options->full_name;
    case TROVE__GREP_OPTION_HEADING:
        return &settings->heading;
    case TROVE__GREP_OPTION_IGNORE_CASE:
        return &settings->ignore_case;
    case TROVE__GREP_OPTION_INVERT:
        return &settings->invert;
    case TROVE__GREP_OPTION_LINE_NUMBER:
        return &settings->line_number;
    case TROVE__GREP_OPTION_NAME_ONLY:
        return &settings->name_only;
    case TROVE__GREP_OPTION_NULL:
        return &settings->null_after_name;
    case TROVE__GREP_OPTION_ONLY_MATCHING:
        return &settings->only_matching;
    case TROVE__GREP_OPTION_QUIET:
        return &settings->quiet;
    case TROVE__GREP_OPTION_UNMATCH_NAME_ONLY:
        return &settings->unmatch_name_only;
    case TROVE__GREP_OPTION_WORD:
        return &settings->word;
    default:
        return NULL;
    }
}

static int take_number_or_text(struct trove__grep_options *options,
                               const struct trove__option_given *given, struct trove_error *err)
{
    switch (given->option->id) {
    case TROVE__GREP_OPTION_AFTER:
        return take_lines(given, &options->settings.after, err);
    case TROVE__GREP_OPTION_BEFORE:
        return take_lines(given, &options->settings.before, err);
    case TROVE__GREP_OPTION_COLOR:
        return take_color(options, given, err);
    case TROVE__GREP_OPTION_CONTEXT:
        return take_context(options, given, err);
    case TROVE__GREP_OPTION_MAX_COUNT:
        return take_integer(given, &options->settings.max_count, err);
    case TROVE__GREP_OPTION_MAX_DEPTH:
        return take_integer(given, &options->max_depth, err);
    case TROVE__GREP_OPTION_PATTERN:
        return trove__grep_options_add_pattern(options, given->argument, strlen(given->argument),
                                               "-e option", 0, err);
    case TROVE__GREP_OPTION_PATTERN_FILE:
        return trove__grep_options_add_file(options, given->argument, err);
    case TROVE__GREP_OPTION_THREADS:
        return take_integer(given, &options->threads, err);
    default:
        return take_missing(given, err);
    }
}

int trove__grep_option_take(void *context, const struct trove__option_given *given,
                            struct trove_error *err)
{
    struct trove__grep_options *options = context;
    bool *flag = flag_of(options, given->option->id);

    options->given |= UINT64_C(1) << given->option->id;
    if (flag != NULL) {
        *flag = !given->negated;
        return 0;
    }
    switch (given->option->id) {
    case TROVE__GREP_OPTION_IGNORED:
        return 0;
    case TROVE__GREP_OPTION_WORK_TREE:
        take_work_tree(options, given);
        return 0;
    case TROVE__GREP_OPTION_ALL_TEXT:
        options->settings.binary =
            given->negated ? TROVE__GREP_BINARY_NAME : TROVE__GREP_BINARY_TEXT;
        return 0;
    case TROVE__GREP_OPTION_NO_BINARY:
        options->settings.binary = TROVE__GREP_BINARY_SKIP;
        return 0;
    case TROVE__GREP_OPTION_HIDE_NAME:
    case TROVE__GREP_OPTION_SHOW_NAME:
        options->settings.show_name = given->option->id == TROVE__GREP_OPTION_SHOW_NAME;
        return 0;
    case TROVE__GREP_OPTION_RECURSIVE:
        options->max_depth = given->negated ? 0 : -1;
        return 0;
    case TROVE__GREP_OPTION_TYPE_BASIC:
        take_type(options, given, TROVE__GREP_BASIC);
        return 0;
    case TROVE__GREP_OPTION_TYPE_EXTENDED:
        take_type(options, given, TROVE__GREP_EXTENDED);
        return 0;
    case TROVE__GREP_OPTION_TYPE_FIXED:
        take_type(options, given, TROVE__GREP_FIXED);
        return 0;
    case TROVE__GREP_OPTION_TYPE_PERL:
        take_type(options, given, TROVE__GREP_PERL);
        return 0;
    default:
        return take_number_or_text(options, given, err);
    }
}
