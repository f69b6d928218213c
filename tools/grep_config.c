// SPDX-License-Identifier: MIT
/*
 * grep_config.c - what the user configured for git grep: asked of git itself, which knows files, includes and colours.
 */
#include "grep_config.h"
#include "common.h"
#include "config.h"
#include <errno.h>
#include <string.h>

static const char color_prefix[] = "color.grep.";

/* "true" means a terminal only. */
static int read_when(const struct trove__git_config_entry *entry, enum trove__when *ret,
                     struct trove_error *err)
{
    bool value;
    int status;

    if (trove__grep_when(entry->value, ret))
        return 0;
    status = trove__config_bool(entry, &value, err);
    if (status == 0)
        *ret = value ? TROVE__AUTO : TROVE__NEVER;
    return status;
}

static int read_type(const struct trove__git_config_entry *entry, int *ret, struct trove_error *err)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {
        {"default", -1},
        {"basic", TROVE__GREP_BASIC},
        {"extended", TROVE__GREP_EXTENDED},
        {"fixed", TROVE__GREP_FIXED},
        {"perl", TROVE__GREP_PERL},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(entry->value, types[i].name) == 0) {
            *ret = types[i].type;
            return 0;
        }
    }
    return trove_error_set(err, TROVE__EXIT_FATAL, "bad grep.patterntype argument: %s",
                           entry->value);
}

static int read_threads(const struct trove__git_config_entry *entry, int *ret,
                        struct trove_error *err)
{
    int status = trove__config_int(entry, ret, err);

    if (status == 0 && *ret < 0)
        status = trove_error_set(err, TROVE__EXIT_FATAL,
                                 "invalid number of threads specified (%d) for grep.threads", *ret);
    return status;
}

/* What the entries said about colours. */
struct colors {
    bool grep_given;
    enum trove__when ui; /* color.ui, for want of color.grep */
    bool any;            /* of color.grep.* */
};

static int take(struct trove__grep_defaults *defaults, struct colors *colors,
                const struct trove__git_config_entry *entry, struct trove_error *err)
{
    if (trove__config_is(entry, "grep.linenumber"))
        return trove__config_bool(entry, &defaults->line_number, err);
    if (trove__config_is(entry, "grep.column"))
        return trove__config_bool(entry, &defaults->column, err);
    if (trove__config_is(entry, "grep.fullname"))
        return trove__config_bool(entry, &defaults->full_name, err);
    if (trove__config_is(entry, "grep.extendedregexp"))
        return trove__config_bool(entry, &defaults->extended, err);
    if (trove__config_is(entry, "grep.threads"))
        return read_threads(entry, &defaults->threads, err);
    if (trove__config_is(entry, "grep.patterntype"))
        return read_type(entry, &defaults->type, err);
    if (trove__config_is(entry, "core.quotepath"))
        return trove__config_bool(entry, &defaults->quote_path, err);
    if (trove__config_is(entry, "color.ui"))
        return read_when(entry, &colors->ui, err);
    if (trove__config_is(entry, "color.grep")) {
        colors->grep_given = true;
        return read_when(entry, &defaults->color, err);
    }
    colors->any = colors->any || (entry->key_size > sizeof(color_prefix) - 1 &&
                                  memcmp(entry->key, color_prefix, sizeof(color_prefix) - 1) == 0);
    return 0;
}

/* --- colours ----------------------------------------------------------------------------------------------------- */

static int set_color(struct trove__grep_options *options,
                     const struct trove__git_config_entry *entry)
{
    static const char *const names[TROVE__COLORS] = {
        [TROVE__COLOR_CONTEXT] = "color.grep.context",
        [TROVE__COLOR_FILENAME] = "color.grep.filename",
        [TROVE__COLOR_FUNCTION] = "color.grep.function",
        [TROVE__COLOR_LINE_NUMBER] = "color.grep.linenumber",
        [TROVE__COLOR_COLUMN] = "color.grep.column",
        [TROVE__COLOR_MATCH_CONTEXT] = "color.grep.matchcontext",
        [TROVE__COLOR_MATCH_SELECTED] = "color.grep.matchselected",
        [TROVE__COLOR_SELECTED] = "color.grep.selected",
        [TROVE__COLOR_SEPARATOR] = "color.grep.separator",
    };
    bool known = false;
    int r = 0;

    if (trove__config_is(entry, "color.grep.match")) {
        r = trove__grep_options_set_color(options, TROVE__COLOR_MATCH_CONTEXT, entry->value);
        return r < 0 ? r
                     : trove__grep_options_set_color(options, TROVE__COLOR_MATCH_SELECTED,
                                                     entry->value);
    }
    for (int i = 0; i < TROVE__COLORS && r == 0; i++) {
        if (!trove__config_is(entry, names[i]))
            continue;
        known = true;
        r = trove__grep_options_set_color(options, (enum trove__grep_color)i, entry->value);
    }
    return r == 0 && !known ? -EINVAL : r;
}

static int read_colors(struct trove__grep_options *options, const char *folder,
                       struct trove__io *io, struct trove_error *err)
{
    const struct trove__git_config_query query = {
        .keys = "^color\\.grep\\.", .folder = folder, .colors = true};
    struct trove__git_config config;
    struct trove__git_config_entry entry;
    int r = trove__git_config_query(&query, io, &config, err);

    if (r < 0)
        return r;
    for (size_t offset = 0; r == 0 && trove__git_config_next(&config, &offset, &entry);)
        r = set_color(options, &entry);
    if (r == -EINVAL)
        trove_error_set(err, r, "unable to parse '%.*s'", (int)entry.key_size, entry.key);
    else if (r < 0)
        trove_error_set(err, r, "out of memory");
    trove__git_config_clear(&config);
    return r;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int read_all(struct trove__grep_options *options, const char *folder, struct trove__io *io,
                    struct trove__git_config *config, struct colors *colors,
                    struct trove_error *err)
{
    const struct trove__git_config_query query = {
        .keys = "^(grep\\.|color\\.(ui$|grep)|core\\.(quotepath|attributesfile)$|"
                "diff\\..*\\.binary$)",
        .folder = folder};
    struct trove__git_config_entry entry;
    int status = trove__git_config_query(&query, io, config, err);

    for (size_t offset = 0; status == 0 && trove__git_config_next(config, &offset, &entry);)
        status = take(&options->defaults, colors, &entry, err);
    return status;
}

int trove__grep_config_read(struct trove__grep_options *options, const char *repository,
                            const struct trove_until *until, struct trove__git_config *ret,
                            struct trove_error *err)
{
    struct colors colors = {.ui = TROVE__AUTO};
    struct trove__git_config config = {0};
    struct trove__io io;
    const char *folder = trove__config_folder(repository);
    int status;

    trove__io_begin(&io, until, 0, 0);
    status = read_all(options, folder, &io, &config, &colors, err);
    if (status == 0 && !colors.grep_given)
        options->defaults.color = colors.ui;
    trove__grep_options_settle(options);
    if (status == 0 && colors.any) /* git refuses wrong ones whether it needs them or not */
        status = read_colors(options, folder, &io, err);
    if (status != 0) {
        trove__git_config_clear(&config);
        return TROVE__EXIT_FATAL;
    }
    *ret = config;
    return 0;
}
