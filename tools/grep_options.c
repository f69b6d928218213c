// SPDX-License-Identifier: MIT
/*
 * grep_options.c - the table of git grep's options and what each does.
 *
 * All of git's names are in the table, also those of options that are not there yet: whether a shortened name is
 * unambiguous depends on them.
 */
#include "grep_options.h"
#include "common.h"
#include "core/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum option_id {
    OPTION_IGNORED, /* means nothing for a revision, or nothing at all */
    OPTION_NOT_YET,
    OPTION_WORK_TREE, /* git refuses it beside a revision; its negation means nothing */
    OPTION_AFTER,
    OPTION_ALL_TEXT,
    OPTION_BEFORE,
    OPTION_BREAK,
    OPTION_COLOR,
    OPTION_COLUMN,
    OPTION_CONTEXT,
    OPTION_COUNT,
    OPTION_FULL_NAME,
    OPTION_HEADING,
    OPTION_HIDE_NAME,
    OPTION_IGNORE_CASE,
    OPTION_INVERT,
    OPTION_LINE_NUMBER,
    OPTION_MAX_COUNT,
    OPTION_MAX_DEPTH,
    OPTION_NAME_ONLY,
    OPTION_NO_BINARY,
    OPTION_NULL,
    OPTION_ONLY_MATCHING,
    OPTION_PATTERN,
    OPTION_PATTERN_FILE,
    OPTION_QUIET,
    OPTION_RECURSIVE,
    OPTION_SHOW_NAME,
    OPTION_THREADS,
    OPTION_TYPE_BASIC,
    OPTION_TYPE_EXTENDED,
    OPTION_TYPE_FIXED,
    OPTION_TYPE_PERL,
    OPTION_UNMATCH_NAME_ONLY,
    OPTION_WORD,
};

#define FLAG(short_name, long_name, id)                                                            \
    {                                                                                              \
        TROVE__OPTION_FLAG, (id), (short_name), (long_name), false                                 \
    }
#define VALUE(short_name, long_name, id, no_negation)                                              \
    {                                                                                              \
        TROVE__OPTION_VALUE, (id), (short_name), (long_name), (no_negation)                        \
    }

static const struct trove__option table[] = {
    FLAG('\0', "cached", OPTION_WORK_TREE),
    FLAG('\0', "no-index", OPTION_WORK_TREE),
    FLAG('\0', "untracked", OPTION_WORK_TREE),
    FLAG('\0', "exclude-standard", OPTION_WORK_TREE),
    FLAG('\0', "recurse-submodules", OPTION_NOT_YET),
    FLAG('v', "invert-match", OPTION_INVERT),
    FLAG('i', "ignore-case", OPTION_IGNORE_CASE),
    FLAG('w', "word-regexp", OPTION_WORD),
    FLAG('a', "text", OPTION_ALL_TEXT),
    FLAG('I', NULL, OPTION_NO_BINARY),
    FLAG('\0', "textconv", OPTION_NOT_YET),
    FLAG('r', "recursive", OPTION_RECURSIVE),
    VALUE('\0', "max-depth", OPTION_MAX_DEPTH, true),
    FLAG('E', "extended-regexp", OPTION_TYPE_EXTENDED),
    FLAG('G', "basic-regexp", OPTION_TYPE_BASIC),
    FLAG('F', "fixed-strings", OPTION_TYPE_FIXED),
    FLAG('P', "perl-regexp", OPTION_TYPE_PERL),
    FLAG('n', "line-number", OPTION_LINE_NUMBER),
    FLAG('\0', "column", OPTION_COLUMN),
    FLAG('h', NULL, OPTION_HIDE_NAME),
    FLAG('H', NULL, OPTION_SHOW_NAME),
    FLAG('\0', "full-name", OPTION_FULL_NAME),
    FLAG('l', "files-with-matches", OPTION_NAME_ONLY),
    FLAG('\0', "name-only", OPTION_NAME_ONLY),
    FLAG('L', "files-without-match", OPTION_UNMATCH_NAME_ONLY),
    FLAG('z', "null", OPTION_NULL),
    FLAG('o', "only-matching", OPTION_ONLY_MATCHING),
    FLAG('c', "count", OPTION_COUNT),
    {TROVE__OPTION_OPTIONAL, OPTION_COLOR, '\0', "color", false},
    FLAG('\0', "break", OPTION_BREAK),
    FLAG('\0', "heading", OPTION_HEADING),
    VALUE('C', "context", OPTION_CONTEXT, false),
    VALUE('B', "before-context", OPTION_BEFORE, false),
    VALUE('A', "after-context", OPTION_AFTER, false),
    VALUE('j', "threads", OPTION_THREADS, false),
    {TROVE__OPTION_NUMBER, OPTION_CONTEXT, '\0', NULL, true},
    FLAG('p', "show-function", OPTION_NOT_YET),
    FLAG('W', "function-context", OPTION_NOT_YET),
    VALUE('f', NULL, OPTION_PATTERN_FILE, false),
    VALUE('e', NULL, OPTION_PATTERN, true),
    {TROVE__OPTION_FLAG, OPTION_NOT_YET, '\0', "and", true},
    FLAG('\0', "or", OPTION_IGNORED),
    {TROVE__OPTION_FLAG, OPTION_NOT_YET, '\0', "not", true},
    {TROVE__OPTION_BARE, OPTION_NOT_YET, '(', NULL, true},
    {TROVE__OPTION_BARE, OPTION_NOT_YET, ')', NULL, true},
    FLAG('q', "quiet", OPTION_QUIET),
    FLAG('\0', "all-match", OPTION_NOT_YET),
    {TROVE__OPTION_OPTIONAL, OPTION_WORK_TREE, 'O', "open-files-in-pager", false},
    FLAG('\0', "ext-grep", OPTION_IGNORED),
    VALUE('m', "max-count", OPTION_MAX_COUNT, false),
};

static const char usage[] =
    "usage: trove -C <repository> grep [<options>] [-e] <pattern> [<rev>...] [[--] <path>...]\n"
    "   or: trove grep [<options>] <pattern> <repository> [<rev>...] [[--] <path>...]\n"
    "\n"
    "Patterns\n"
    "    -e <pattern>, -f <file>     what to search for; may be repeated\n"
    "    -G, -E, -F, -P              basic, extended, fixed, Perl-compatible; the last one counts\n"
    "    -i, -w, -v                  ignore case; whole words; lines that do not match\n"
    "\n"
    "Files\n"
    "    -a, -I                      binary files as text; not at all\n"
    "    -r, --max-depth <n>         all folders; at most <n> levels below each pathspec\n"
    "\n"
    "Output\n"
    "    -n, --column                line numbers; columns\n"
    "    -h, -H, --full-name         without names; with names; names from the top\n"
    "    -l, -L, -c, -q              files that match; that do not; counts; nothing\n"
    "    -o, -m <n>                  only what matches; at most <n> lines a file\n"
    "    -A <n>, -B <n>, -C <n>, -<n>  lines of context behind, before, both\n"
    "    -z, --heading, --break      NUL after names; names above; empty lines between files\n"
    "    --color[=always|auto|never]\n"
    "    -j, --threads <n>           threads to search with\n";

void trove__grep_options_init(struct trove__grep_options *options)
{
    *options = (struct trove__grep_options){
        .settings = {.max_count = -1, .show_name = true},
        .max_depth = -1,
        .defaults = {.quote_path = true, .color = TROVE__AUTO, .type = -1},
    };
}

void trove__grep_options_deinit(struct trove__grep_options *options)
{
    for (size_t i = 0; i < options->settings.pattern_count; i++) {
        trove__free((char *)options->patterns[i].bytes);
        trove__free((char *)options->patterns[i].origin);
    }
    trove__free(options->patterns);
    for (size_t i = 0; i < TROVE__COLORS; i++)
        trove__free(options->given_colors[i]);
    trove__grep_options_init(options);
}

int trove__grep_options_set_color(struct trove__grep_options *options, enum trove__grep_color which,
                                  const char *color)
{
    char *copy = trove__strdup(color);

    if (copy == NULL)
        return -ENOMEM;
    trove__free(options->given_colors[which]);
    options->given_colors[which] = copy;
    options->settings.colors[which] = copy;
    return 0;
}

bool trove__grep_when(const char *text, enum trove__when *ret_when)
{
    static const char *const names[] = {
        [TROVE__NEVER] = "never", [TROVE__ALWAYS] = "always", [TROVE__AUTO] = "auto"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *ret_when = (enum trove__when)i;
            return true;
        }
    }
    return false;
}

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
    case OPTION_BREAK:
        return &settings->file_break;
    case OPTION_COLUMN:
        return &settings->column;
    case OPTION_COUNT:
        return &settings->count;
    case OPTION_FULL_NAME:
        return &options->full_name;
    case OPTION_HEADING:
        return &settings->heading;
    case OPTION_IGNORE_CASE:
        return &settings->ignore_case;
    case OPTION_INVERT:
        return &settings->invert;
    case OPTION_LINE_NUMBER:
        return &settings->line_number;
    case OPTION_NAME_ONLY:
        return &settings->name_only;
    case OPTION_NULL:
        return &settings->null_after_name;
    case OPTION_ONLY_MATCHING:
        return &settings->only_matching;
    case OPTION_QUIET:
        return &settings->quiet;
    case OPTION_UNMATCH_NAME_ONLY:
        return &settings->unmatch_name_only;
    case OPTION_WORD:
        return &settings->word;
    default:
        return NULL;
    }
}

static int take_number_or_text(struct trove__grep_options *options,
                               const struct trove__option_given *given, struct trove_error *err)
{
    switch (given->option->id) {
    case OPTION_AFTER:
        return take_lines(given, &options->settings.after, err);
    case OPTION_BEFORE:
        return take_lines(given, &options->settings.before, err);
    case OPTION_COLOR:
        return take_color(options, given, err);
    case OPTION_CONTEXT:
        return take_context(options, given, err);
    case OPTION_MAX_COUNT:
        return take_integer(given, &options->settings.max_count, err);
    case OPTION_MAX_DEPTH:
        return take_integer(given, &options->max_depth, err);
    case OPTION_PATTERN:
        return trove__grep_options_add_pattern(options, given->argument, strlen(given->argument),
                                               "-e option", 0, err);
    case OPTION_PATTERN_FILE:
        return trove__grep_options_add_file(options, given->argument, err);
    case OPTION_THREADS:
        return take_integer(given, &options->threads, err);
    default:
        return take_missing(given, err);
    }
}

static int take(void *context, const struct trove__option_given *given, struct trove_error *err)
{
    struct trove__grep_options *options = context;
    bool *flag = flag_of(options, given->option->id);

    options->given |= UINT64_C(1) << given->option->id;
    if (flag != NULL) {
        *flag = !given->negated;
        return 0;
    }
    switch (given->option->id) {
    case OPTION_IGNORED:
        return 0;
    case OPTION_WORK_TREE:
        take_work_tree(options, given);
        return 0;
    case OPTION_ALL_TEXT:
        options->settings.binary =
            given->negated ? TROVE__GREP_BINARY_NAME : TROVE__GREP_BINARY_TEXT;
        return 0;
    case OPTION_NO_BINARY:
        options->settings.binary = TROVE__GREP_BINARY_SKIP;
        return 0;
    case OPTION_HIDE_NAME:
    case OPTION_SHOW_NAME:
        options->settings.show_name = given->option->id == OPTION_SHOW_NAME;
        return 0;
    case OPTION_RECURSIVE:
        options->max_depth = given->negated ? 0 : -1;
        return 0;
    case OPTION_TYPE_BASIC:
        take_type(options, given, TROVE__GREP_BASIC);
        return 0;
    case OPTION_TYPE_EXTENDED:
        take_type(options, given, TROVE__GREP_EXTENDED);
        return 0;
    case OPTION_TYPE_FIXED:
        take_type(options, given, TROVE__GREP_FIXED);
        return 0;
    case OPTION_TYPE_PERL:
        take_type(options, given, TROVE__GREP_PERL);
        return 0;
    default:
        return take_number_or_text(options, given, err);
    }
}

static bool want_color(enum trove__when when)
{
    const char *terminal = getenv("TERM");

    if (when != TROVE__AUTO)
        return when == TROVE__ALWAYS;
    return isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static bool is_given(const struct trove__grep_options *options, enum option_id id)
{
    return (options->given >> id & 1) != 0;
}

void trove__grep_options_settle(struct trove__grep_options *options)
{
    const struct trove__grep_defaults *defaults = &options->defaults;
    struct trove__grep_settings *settings = &options->settings;
    int type = options->type_given ? options->type : defaults->type;

    if (!is_given(options, OPTION_LINE_NUMBER))
        settings->line_number = defaults->line_number;
    if (!is_given(options, OPTION_COLUMN))
        settings->column = defaults->column;
    if (!is_given(options, OPTION_FULL_NAME))
        options->full_name = defaults->full_name;
    settings->color =
        want_color(is_given(options, OPTION_COLOR) ? options->color : defaults->color);
    if (!is_given(options, OPTION_THREADS))
        options->threads = defaults->threads;
    if (type < 0)
        type = defaults->extended ? TROVE__GREP_EXTENDED : TROVE__GREP_BASIC;
    settings->type = (enum trove__grep_type)type;
}

/* What is left once the options are read: the pattern among the arguments, and what depends on several options. */
static int settle(struct trove__grep_options *options, int argc, char **argv, int index,
                  struct trove_error *err)
{
    struct trove__grep_settings *settings = &options->settings;
    int status = 0;

    if (settings->pattern_count == 0 && index < argc && strcmp(argv[index], "--") == 0)
        index++;
    if (settings->pattern_count == 0 && index < argc) {
        status = trove__grep_options_add_pattern(options, argv[index], strlen(argv[index]),
                                                 "command line", 0, err);
        index++;
    }
    if (status != 0)
        return status;
    if (settings->pattern_count == 0)
        return trove_error_set(err, TROVE__EXIT_FATAL, "no pattern given");
    if (options->only_without_revision != NULL)
        return trove_error_set(err, TROVE__EXIT_FATAL, "--%s cannot be used with revisions",
                               options->only_without_revision);
    if (options->threads < 0)
        return trove_error_set(err, TROVE__EXIT_FATAL, "invalid number of threads specified (%d)",
                               options->threads);
    options->rest = argv + index;
    options->rest_count = argc - index;
    trove__grep_options_settle(options);
    return 0;
}

int trove__grep_options_read(struct trove__grep_options *options, int argc, char **argv,
                             int (*take_own)(void *context, int argc, char **argv, int *index,
                                             struct trove_error *err),
                             void *context, enum trove__options_end *ret_end,
                             struct trove_error *err)
{
    struct trove__option_parser parser = {.options = table,
                                          .option_count = sizeof(table) / sizeof(table[0]),
                                          .take = take,
                                          .take_own = take_own,
                                          .context = options,
                                          .own_context = context};
    int index = 1;
    int status;

    *ret_end = trove__options_parse(&parser, argc, argv, &index, err);
    switch (*ret_end) {
    case TROVE__OPTIONS_OK:
        break;
    case TROVE__OPTIONS_HELP:
        return TROVE__EXIT_USAGE;
    case TROVE__OPTIONS_FATAL:
        return err->code;
    default:
        return TROVE__EXIT_USAGE;
    }
    status = settle(options, argc, argv, index, err);
    if (status == 0)
        return -1;
    *ret_end = TROVE__OPTIONS_FATAL;
    return status;
}

int trove__grep_options_parse(struct trove__grep_options *options, int argc, char **argv,
                              int (*take_own)(void *context, int argc, char **argv, int *index,
                                              struct trove_error *err),
                              void *context)
{
    struct trove_error err = {0};
    enum trove__options_end end;
    int status = trove__grep_options_read(options, argc, argv, take_own, context, &end, &err);

    if (status < 0)
        return status;
    if (end == TROVE__OPTIONS_HELP) {
        fputs(usage, stdout);
        return status;
    }
    if (err.message[0] != '\0')
        fprintf(stderr, "%s: %s\n", status == TROVE__EXIT_FATAL ? "fatal" : "error", err.message);
    if (end == TROVE__OPTIONS_USAGE)
        fputs(usage, stderr);
    return status;
}
