// SPDX-License-Identifier: MIT
/*
 * config.c - values of git's configuration, as git reads them.
 */
#include "config.h"
#include "common.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

bool trove__config_is(const struct trove__git_config_entry *entry, const char *key)
{
    return entry->key_size == strlen(key) && memcmp(entry->key, key, entry->key_size) == 0;
}

/* A number as git writes it. */
static bool read_number(const char *text, int *ret)
{
    static const char units[] = "kmg";
    const char *unit;
    long long value;
    char *end;

    errno = 0;
    value = strtoll(text, &end, 0);
    if (end == text || errno != 0 || value > INT_MAX || value < INT_MIN)
        return false;
    if (*end != '\0') {
        unit = strchr(units, tolower((unsigned char)*end));
        if (unit == NULL || end[1] != '\0')
            return false;
        value *= 1LL << 10 * (unit - units + 1);
    }
    if (value > INT_MAX || value < INT_MIN)
        return false;
    *ret = (int)value;
    return true;
}

int trove__config_int(const struct trove__git_config_entry *entry, int *ret,
                      struct trove_error *err)
{
    if (read_number(entry->value, ret))
        return 0;
    return trove_error_set(err, TROVE__EXIT_FATAL, "bad numeric config value '%s' for '%.*s'",
                           entry->value, (int)entry->key_size, entry->key);
}

int trove__config_bool(const struct trove__git_config_entry *entry, bool *ret,
                       struct trove_error *err)
{
    static const char *const no[] = {"", "false", "no", "off"};
    static const char *const yes[] = {"true", "yes", "on"};
    int number;

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
    if (read_number(entry->value, &number)) {
        *ret = number != 0;
        return 0;
    }
    return trove_error_set(err, TROVE__EXIT_FATAL, "bad boolean config value '%s' for '%.*s'",
                           entry->value, (int)entry->key_size, entry->key);
}

const char *trove__config_folder(const char *repository)
{
    struct stat found;

    return stat(repository, &found) == 0 && S_ISDIR(found.st_mode) ? repository : NULL;
}

int trove__config_quote_path(const char *repository, const struct trove_until *until, bool *ret,
                             struct trove_error *err)
{
    const struct trove__git_config_query query = {.keys = "^core\\.quotepath$",
                                                  .folder = trove__config_folder(repository)};
    struct trove__git_config config;
    struct trove__git_config_entry entry;
    struct trove__io io;
    bool fully = true;
    int status;

    trove__io_begin(&io, until, 0, 0);
    status = trove__git_config_query(&query, &io, &config, err);
    if (status < 0)
        return status;
    for (size_t offset = 0; status == 0 && trove__git_config_next(&config, &offset, &entry);)
        status = trove__config_bool(&entry, &fully, err);
    trove__git_config_clear(&config);
    if (status != 0)
        return -EINVAL;
    *ret = fully;
    return 0;
}
