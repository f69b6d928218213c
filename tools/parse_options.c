// SPDX-License-Identifier: MIT
/*
 * parse_options.c - one pass over the words, one search of the table for each name.
 */
#include "parse_options.h"
#include "common.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Where the parser stands. */
struct reader {
    const struct trove__option_parser *parser;
    int argc;
    char **argv;
    int index;        /* the word being read */
    const char *rest; /* what is left of it: of a cluster, or behind `=`; NULL for nothing */
    struct trove_error *err;
};

struct name {
    const struct trove__option *option;
    bool negated;
    bool is_short;
};

static void show_name(const struct name *name, char *text, size_t size)
{
    if (name->is_short)
        snprintf(text, size, "switch `%c'", name->option->short_name);
    else
        snprintf(text, size, "option `%s%s'", name->negated ? "no-" : "", name->option->long_name);
}

/* The argument of an option that needs one: the rest of its word, else the next word. NULL if there is none. */
static const char *next_argument(struct reader *reader)
{
    const char *argument = reader->rest;

    reader->rest = NULL;
    if (argument == NULL && reader->index + 1 < reader->argc)
        argument = reader->argv[++reader->index];
    return argument;
}

static enum trove__options_end give(struct reader *reader, const struct name *name)
{
    const struct trove__option *option = name->option;
    char shown[128];
    struct trove__option_given given = {.option = option, .negated = name->negated, .shown = shown};
    bool flag = option->kind != TROVE__OPTION_VALUE && option->kind != TROVE__OPTION_OPTIONAL;
    int r;

    show_name(name, shown, sizeof(shown));
    if (reader->rest != NULL && (name->negated || (flag && !name->is_short))) {
        trove_error_set(reader->err, TROVE__EXIT_USAGE, "%s takes no value", shown);
        return TROVE__OPTIONS_ERROR;
    }
    if (name->negated && option->no_negation) {
        trove_error_set(reader->err, TROVE__EXIT_USAGE, "%s isn't available", shown);
        return TROVE__OPTIONS_ERROR;
    }
    if (!name->negated && option->kind == TROVE__OPTION_VALUE) {
        given.argument = next_argument(reader);
        if (given.argument == NULL) {
            trove_error_set(reader->err, TROVE__EXIT_USAGE, "%s requires a value", shown);
            return TROVE__OPTIONS_ERROR;
        }
    } else if (!name->negated && option->kind == TROVE__OPTION_OPTIONAL) {
        given.argument = reader->rest;
        reader->rest = NULL;
    }
    r = reader->parser->take(reader->parser->context, &given, reader->err);
    if (r == 0)
        return TROVE__OPTIONS_OK;
    if (reader->err != NULL)
        reader->err->code = r;
    return TROVE__OPTIONS_FATAL;
}

static const struct trove__option *find_kind(const struct trove__option_parser *parser,
                                             enum trove__option_kind kind)
{
    for (size_t i = 0; i < parser->option_count; i++) {
        if (parser->options[i].kind == kind)
            return &parser->options[i];
    }
    return NULL;
}

/* The digits at the front of a cluster, as the argument of -NUM. */
static enum trove__options_end give_number(struct reader *reader,
                                           const struct trove__option *option)
{
    struct trove__option_given given = {.option = option, .shown = "-NUM"};
    char digits[32];
    size_t length = strspn(reader->rest, "0123456789");
    int r;

    snprintf(digits, sizeof(digits), "%.*s", (int)length, reader->rest);
    given.argument = digits;
    reader->rest = reader->rest[length] != '\0' ? reader->rest + length : NULL;
    r = reader->parser->take(reader->parser->context, &given, reader->err);
    if (r != 0 && reader->err != NULL)
        reader->err->code = r;
    return r == 0 ? TROVE__OPTIONS_OK : TROVE__OPTIONS_FATAL;
}

/* One letter of a cluster. */
static enum trove__options_end read_short(struct reader *reader)
{
    const struct trove__option_parser *parser = reader->parser;
    const struct trove__option *number = find_kind(parser, TROVE__OPTION_NUMBER);
    char letter = *reader->rest;

    for (size_t i = 0; i < parser->option_count; i++) {
        struct name name = {.option = &parser->options[i], .is_short = true};
        if (name.option->short_name != letter)
            continue;
        reader->rest = reader->rest[1] != '\0' ? reader->rest + 1 : NULL;
        return give(reader, &name);
    }
    if (number != NULL && isdigit((unsigned char)letter))
        return give_number(reader, number);
    if (letter == 'h')
        return TROVE__OPTIONS_HELP;
    if ((unsigned char)letter < 128)
        trove_error_set(reader->err, TROVE__EXIT_USAGE, "unknown switch `%c'", letter);
    else
        trove_error_set(reader->err, TROVE__EXIT_USAGE, "unknown non-ascii option in string: `%s'",
                        reader->argv[reader->index]);
    return TROVE__OPTIONS_USAGE;
}

/* A long name behind one dash only. */
static bool is_typo(const struct trove__option_parser *parser, const char *word)
{
    if (strlen(word) < 3)
        return false;
    if (strncmp(word, "no-", 3) == 0)
        return true;
    for (size_t i = 0; i < parser->option_count; i++) {
        const char *name = parser->options[i].long_name;
        if (name != NULL && strncmp(name, word, strlen(word)) == 0)
            return true;
    }
    return false;
}

static enum trove__options_end read_cluster(struct reader *reader)
{
    const char *word = reader->argv[reader->index] + 1;
    enum trove__options_end end;

    reader->rest = word;
    end = read_short(reader);
    if ((end == TROVE__OPTIONS_OK || end == TROVE__OPTIONS_USAGE || end == TROVE__OPTIONS_HELP) &&
        reader->rest != NULL && is_typo(reader->parser, word)) {
        trove_error_set(reader->err, TROVE__EXIT_USAGE, "did you mean `--%s` (with two dashes)?",
                        word);
        return TROVE__OPTIONS_ERROR;
    }
    while (end == TROVE__OPTIONS_OK && reader->rest != NULL)
        end = read_short(reader);
    return end;
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

enum likeness { UNLIKE, SHORTENED, SAME };

/* How the word GIVEN, with its `=` at END bytes, names OPTION; *RET_NEGATED, and whether its value was plainly there. */
static enum likeness compare_name(const char *given, size_t end, const struct trove__option *option,
                                  bool *ret_negated)
{
    const char *name = option->long_name;
    bool inverse = begins_with(name, "no-"); /* --index is the negation of --no-index */

    *ret_negated = false;
    if (begins_with(given, name))
        return given[strlen(name)] == '\0' || given[strlen(name)] == '=' ? SAME : UNLIKE;
    if (strncmp(name, given, end) == 0)
        return SHORTENED;
    if (option->no_negation)
        return UNLIKE;
    *ret_negated = true;
    if (begins_with("no-", given))
        return SHORTENED;
    if (begins_with(given, "no-")) {
        given += 3;
        if (begins_with(given, name))
            return given[strlen(name)] == '\0' || given[strlen(name)] == '=' ? SAME : UNLIKE;
        return begins_with(name, given) ? SHORTENED : UNLIKE;
    }
    if (!inverse)
        return UNLIKE;
    name += 3;
    if (begins_with(given, name))
        return given[strlen(name)] == '\0' || given[strlen(name)] == '=' ? SAME : UNLIKE;
    return strncmp(name, given, end) == 0 ? SHORTENED : UNLIKE;
}

/* A word with two dashes. An exact name wins at once; of shortened ones there may be only one. */
static enum trove__options_end read_long(struct reader *reader)
{
    const struct trove__option_parser *parser = reader->parser;
    const char *given = reader->argv[reader->index] + 2;
    size_t end = strcspn(given, "=");
    struct name found = {0};
    struct name other = {0};

    reader->rest = given[end] == '=' ? given + end + 1 : NULL;
    for (size_t i = 0; i < parser->option_count; i++) {
        struct name name = {.option = &parser->options[i]};
        enum likeness likeness;

        if (name.option->long_name == NULL)
            continue;
        likeness = compare_name(given, end, name.option, &name.negated);
        if (likeness == SAME)
            return give(reader, &name);
        if (likeness == UNLIKE)
            continue;
        other = found;
        found = name;
    }
    if (found.option == NULL) {
        trove_error_set(reader->err, TROVE__EXIT_USAGE, "unknown option `%s'", given);
        return TROVE__OPTIONS_USAGE;
    }
    if (other.option != NULL) {
        trove_error_set(reader->err, TROVE__EXIT_USAGE,
                        "ambiguous option: %s (could be --%s%s or --%s%s)", given,
                        other.negated ? "no-" : "", other.option->long_name,
                        found.negated ? "no-" : "", found.option->long_name);
        return TROVE__OPTIONS_USAGE;
    }
    return give(reader, &found);
}

/* A word without a dash that is an option all the same. */
static enum trove__options_end read_bare(struct reader *reader, bool *ret_taken)
{
    const struct trove__option_parser *parser = reader->parser;
    const char *word = reader->argv[reader->index];

    *ret_taken = false;
    for (size_t i = 0; i < parser->option_count; i++) {
        struct name name = {.option = &parser->options[i], .is_short = true};
        if (name.option->kind != TROVE__OPTION_BARE || word[0] != name.option->short_name ||
            word[1] != '\0')
            continue;
        *ret_taken = true;
        return give(reader, &name);
    }
    return TROVE__OPTIONS_OK;
}

/* Options of the program itself, which stand among the command's. */
static enum trove__options_end read_own(struct reader *reader, bool *ret_taken)
{
    const struct trove__option_parser *parser = reader->parser;
    int r = parser->take_own != NULL ? parser->take_own(parser->own_context, reader->argc,
                                                        reader->argv, &reader->index, reader->err)
                                     : 0;

    *ret_taken = r == 1;
    if (r == 0 || r == 1)
        return TROVE__OPTIONS_OK;
    if (reader->err != NULL)
        reader->err->code = r;
    return TROVE__OPTIONS_FATAL;
}

static bool ends_options(const char *word)
{
    return strcmp(word, "--") == 0 || strcmp(word, "--end-of-options") == 0;
}

static enum trove__options_end read_word(struct reader *reader, bool *ret_taken)
{
    const char *word = reader->argv[reader->index];
    enum trove__options_end end;

    reader->rest = NULL;
    if (word[0] != '-' || word[1] == '\0')
        return read_bare(reader, ret_taken);
    *ret_taken = false;
    if (ends_options(word))
        return TROVE__OPTIONS_OK;
    end = read_own(reader, ret_taken);
    if (end != TROVE__OPTIONS_OK || *ret_taken)
        return end;
    *ret_taken = true;
    if (strcmp(word, "--help") == 0 || (reader->argc == 2 && strcmp(word, "-h") == 0))
        return TROVE__OPTIONS_HELP;
    return word[1] == '-' ? read_long(reader) : read_cluster(reader);
}

enum trove__options_end trove__options_parse(const struct trove__option_parser *parser, int argc,
                                             char **argv, int *ret_index, struct trove_error *err)
{
    struct reader reader = {.parser = parser, .argc = argc, .argv = argv, .index = 1, .err = err};

    for (; reader.index < argc; reader.index++) {
        bool taken;
        enum trove__options_end end = read_word(&reader, &taken);

        if (end != TROVE__OPTIONS_OK)
            return end;
        if (!taken)
            break;
    }
    *ret_index = reader.index;
    return TROVE__OPTIONS_OK;
}

enum trove__options_end trove__options_gather(const struct trove__option_parser *parser, int argc,
                                              char **argv, int *ret_count, struct trove_error *err)
{
    struct reader reader = {.parser = parser, .argc = argc, .argv = argv, .index = 1, .err = err};
    bool words_only = false;
    int count = 0;

    for (; reader.index < argc; reader.index++) {
        bool taken = false;

        if (!words_only && ends_options(argv[reader.index])) {
            words_only = true;
            continue;
        }
        if (!words_only) {
            enum trove__options_end end = read_word(&reader, &taken);
            if (end != TROVE__OPTIONS_OK)
                return end;
        }
        if (!taken)
            argv[1 + count++] = argv[reader.index];
    }
    *ret_count = count;
    return TROVE__OPTIONS_OK;
}

int trove__option_integer(const struct trove__option_given *given, int *ret_value,
                          struct trove_error *err)
{
    char *end;
    long value = strtol(given->argument, &end, 10);

    if (*given->argument == '\0' || *end != '\0')
        return trove_error_set(err, TROVE__EXIT_USAGE, "%s expects a numerical value",
                               given->shown);
    *ret_value = (int)value; /* cut as git cuts it */
    return 0;
}
