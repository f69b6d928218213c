// SPDX-License-Identifier: MIT
/*
 * grep_config.c - what the user configured for git grep: asked of git itself, which knows files, includes and colours.
 */
#include "grep_config.h"
#include "common.h"
#include "fetch/git_config.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char color_prefix[] = "color.grep.";

/* Keys are in lower case by now. */
static bool is_key(const struct trove__git_config_entry *entry, const char *key)
{
    return entry->key_size == strlen(key) && memcmp(entry->key, key, entry->key_size) == 0;
}

/* Numbers as git writes them: 0 is false, all others are true. */
static bool read_number(const char *text, bool *ret)
{
    char *end;
    long value = strtol(text, &end, 0);

    if (end == text || (*end != '\0' && (strchr("kKmMgG", *end) == NULL || end[1] != '\0')))
        return false;
    *ret = value != 0;
    return true;
}

static int read_bool(const struct trove__git_config_entry *entry, bool *ret,
                     struct trove_error *err)
{
    static const char *const no[] = {"", "false", "no", "off"};
    static const char *const yes[] = {"true", "yes", "on"};

    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        if (strcasecmp(entry->value, no[i]) == 0) {
            *ret = false;
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(entry->value, yes[i]) == 0) {
            *ret = true;
            return 0;
        }
    }
    if (read_number(entry->value, ret))
        return 0;
    return trove_error_set(err, TROVE__EXIT_FATAL, "bad boolean config value '%s' for '%.*s'",
                           entry->value, (int)entry->key_size, entry->key);
}

/* "true" means a terminal only. */
static int read_when(const struct trove__git_config_entry *entry, enum trove__when *ret,
                     struct trove_error *err)
{
    bool value;
    int status;

    if (trove__grep_when(entry->value, ret))
        return 0;
    status = read_bool(entry, &value, err);
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

/* What the entries said about colours. */
struct colors {
    bool grep_given;
    enum trove__when ui; /* color.ui, for want of color.grep */
    bool any;            /* of color.grep.* */
};

static int take(struct trove__grep_defaults *defaults, struct colors *colors,
                const struct trove__git_config_entry *entry, struct trove_error *err)
{
    if (is_key(entry, "grep.linenumber"))
        return read_bool(entry, &defaults->line_number, err);
    if (is_key(entry, "grep.column"))
        return read_bool(entry, &defaults->column, err);
    if (is_key(entry, "grep.fullname"))
        return read_bool(entry, &defaults->full_name, err);
    if (is_key(entry, "grep.extendedregexp"))
        return read_bool(entry, &defaults->extended, err);
    if (is_key(entry, "grep.patterntype"))
        return read_type(entry, &defaults->type, err);
    if (is_key(entry, "core.quotepath"))
        return read_bool(entry, &defaults->quote_path, err);
    if (is_key(entry, "color.ui"))
        return read_when(entry, &colors->ui, err);
    if (is_key(entry, "color.grep")) {
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
    int r = 0;

    if (is_key(entry, "color.grep.match")) {
        r = trove__grep_options_set_color(options, TROVE__COLOR_MATCH_CONTEXT, entry->value);
        return r < 0 ? r
                     : trove__grep_options_set_color(options, TROVE__COLOR_MATCH_SELECTED,
                                                     entry->value);
    }
    for (int i = 0; i < TROVE__COLORS && r == 0; i++) {
        if (is_key(entry, names[i]))
            r = trove__grep_options_set_color(options, (enum trove__grep_color)i, entry->value);
    }
    return r;
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
    trove__git_config_clear(&config);
    return r < 0 ? trove_error_set(err, r, "out of memory") : 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int read_all(struct trove__grep_options *options, const char *folder, struct trove__io *io,
                    struct colors *colors, struct trove_error *err)
{
    const struct trove__git_config_query query = {
        .keys = "^(grep\\.|color\\.(ui$|grep)|core\\.quotepath$)", .folder = folder};
    struct trove__git_config config;
    struct trove__git_config_entry entry;
    int status = trove__git_config_query(&query, io, &config, err);

    if (status < 0)
        return status;
    for (size_t offset = 0; status == 0 && trove__git_config_next(&config, &offset, &entry);)
        status = take(&options->defaults, colors, &entry, err);
    trove__git_config_clear(&config);
    return status;
}

int trove__grep_config_read(struct trove__grep_options *options, const char *repository,
                            const struct trove_until *until, struct trove_error *err)
{
    struct colors colors = {.ui = TROVE__AUTO};
    struct trove__io io;
    struct stat found;
    const char *folder =
        stat(repository, &found) == 0 && S_ISDIR(found.st_mode) ? repository : NULL;
    int status;

    trove__io_begin(&io, until, 0, 0);
    status = read_all(options, folder, &io, &colors, err);
    if (status == 0 && !colors.grep_given)
        options->defaults.color = colors.ui;
    trove__grep_options_settle(options);
    if (status == 0 && colors.any && options->settings.color)
        status = read_colors(options, folder, &io, err);
    return status != 0 ? TROVE__EXIT_FATAL : 0;
}
