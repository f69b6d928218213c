// SPDX-License-Identifier: MIT
/*
 * grep_options.c - a command line of git grep read: what is given, then what the configuration says, then what follows.
 */
#include "common.h"
#include "core/memory.h"
#include "grep_option_table.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

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

static bool want_color(enum trove__when when)
{
    const char *terminal = getenv("TERM");

    if (when != TROVE__AUTO)
        return when == TROVE__ALWAYS;
    return isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static bool is_given(const struct trove__grep_options *options, enum trove__grep_option_id id)
{
    return (options->given >> id & 1) != 0;
}

void trove__grep_options_settle(struct trove__grep_options *options)
{
    const struct trove__grep_defaults *defaults = &options->defaults;
    struct trove__grep_settings *settings = &options->settings;
    int type = options->type_given ? options->type : defaults->type;

    if (!is_given(options, TROVE__GREP_OPTION_LINE_NUMBER))
        settings->line_number = defaults->line_number;
    if (!is_given(options, TROVE__GREP_OPTION_COLUMN))
        settings->column = defaults->column;
    if (!is_given(options, TROVE__GREP_OPTION_FULL_NAME))
        options->full_name = defaults->full_name;
    settings->color =
        want_color(is_given(options, TROVE__GREP_OPTION_COLOR) ? options->color : defaults->color);
    if (!is_given(options, TROVE__GREP_OPTION_THREADS))
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
    struct trove__option_parser parser = {.options = trove__grep_option_table,
                                          .option_count = trove__grep_option_count,
                                          .take = trove__grep_option_take,
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
