// SPDX-License-Identifier: MIT
/*
 * git_config.c - what the user configured git with, as far as transports care.
 */
#include "git_config.h"
#include "child.h"
#include "core/memory.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

#define CONFIG_MAX_BYTES (1 << 20)

int trove__git_config_load(struct trove__io *io, struct trove__git_config *ret,
                           struct trove_error *err)
{
    static const struct trove__git_config_query query = {
        .keys = "^(url\\.|http\\.|ssh\\.|core\\.sshcommand$)"};

    return trove__git_config_query(&query, io, ret, err);
}

static int run_git(const struct trove__git_config_query *query, struct trove__io *io,
                   struct trove__bytes *out, int *ret_status, struct trove_error *err)
{
    const char *args[] = {"git",          "-C",        query->folder != NULL ? query->folder : ".",
                          "config",       "-z",        query->colors ? "--type=color" : "--no-type",
                          "--get-regexp", query->keys, NULL};
    /* A folder that is no repository: only the system's, the user's and the command line's configuration count. */
    static const char *const nowhere[] = {"GIT_DIR=/dev/null", NULL};
    static const char *const there[] = {"GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", NULL};
    const struct trove__child_spec spec = {
        .args = args, .env = query->folder != NULL ? there : nowhere, .own_group = true};

    return trove__child_run(&spec, NULL, 0, out, CONFIG_MAX_BYTES, io, ret_status, err);
}

int trove__git_config_query(const struct trove__git_config_query *query, struct trove__io *io,
                            struct trove__git_config *ret, struct trove_error *err)
{
    struct trove__bytes out = {0};
    int status, result = run_git(query, io, &out, &status, err);

    if (result == 0 && status > 1)
        result = trove_error_set(err, -EINVAL, "git cannot read its configuration (git config -l)");
    if (result == -ENOENT || (result == 0 && status == 1)) { /* no git; nothing configured */
        trove__bytes_free(&out);
        *ret = (struct trove__git_config){0};
        return 0;
    }
    if (result == 0 && trove__bytes_text(&out) == NULL)
        result = trove_error_set(err, -ENOMEM, "no memory for git's configuration");
    if (result < 0) {
        trove__bytes_free(&out);
        return result;
    }
    ret->text = (char *)out.data;
    ret->size = out.size;
    return 0;
}

void trove__git_config_clear(struct trove__git_config *config)
{
    trove__free(config->text);
    *config = (struct trove__git_config){0};
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

bool trove__git_config_next(const struct trove__git_config *config, size_t *offset,
                            struct trove__git_config_entry *ret)
{
    const char *at, *line;
    size_t length;

    if (*offset >= config->size)
        return false;
    at = config->text + *offset;
    length = strlen(at); /* the text as a whole is terminated too */
    line = memchr(at, '\n', length);
    ret->key = at;
    ret->key_size = line != NULL ? (size_t)(line - at) : length;
    ret->value = line != NULL ? line + 1 : "true";
    *offset += length + 1;
    return true;
}

const char *trove__git_config_get(const struct trove__git_config *config, const char *key)
{
    const char *value = NULL;
    struct trove__git_config_entry entry;

    for (size_t offset = 0; trove__git_config_next(config, &offset, &entry);)
        if (entry.key_size == strlen(key) && memcmp(entry.key, key, entry.key_size) == 0)
            value = entry.value;
    return value;
}

bool trove__git_config_is_true(const char *value)
{
    return strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 ||
           strcasecmp(value, "on") == 0 || (value[0] >= '1' && value[0] <= '9');
}

/* The middle of a key SECTION.MIDDLE.NAME; false when KEY is not of that form. */
static bool split_key(const struct trove__git_config_entry *entry, const char *section,
                      const char *name, const char **ret_middle, size_t *ret_size)
{
    size_t before = strlen(section) + 1, after = strlen(name) + 1;

    if (entry->key_size < before + after - 1 || strncmp(entry->key, section, before - 1) != 0 ||
        entry->key[before - 1] != '.' ||
        strncmp(entry->key + entry->key_size - (after - 1), name, after - 1) != 0 ||
        entry->key[entry->key_size - after] != '.')
        return false;
    *ret_middle = entry->key + before;
    *ret_size = entry->key_size > before + after - 1 ? entry->key_size - before - after : 0;
    return true;
}

int trove__git_config_rewrite(const struct trove__git_config *config, const char *text, char **ret)
{
    const char *base = "", *middle;
    size_t base_size = 0, cut = 0, size;
    struct trove__bytes bytes = {0};
    struct trove__git_config_entry entry;

    for (size_t offset = 0; trove__git_config_next(config, &offset, &entry);) {
        size_t length = strlen(entry.value);
        if (length > cut && split_key(&entry, "url", "insteadof", &middle, &size) &&
            strncmp(text, entry.value, length) == 0) {
            base = middle;
            base_size = size;
            cut = length;
        }
    }
    trove__bytes_add(&bytes, base, base_size);
    trove__bytes_add(&bytes, text + cut, strlen(text + cut));
    if (trove__bytes_text(&bytes) == NULL) {
        trove__bytes_free(&bytes);
        return -ENOMEM;
    }
    *ret = (char *)bytes.data;
    return 0;
}

/* --- http.<url>.* ------------------------------------------------------------------------------------------------ */

/* Labels are equal, or the pattern's is "*". */
static bool host_matches(const char *pattern, const char *host)
{
    while (*pattern != '\0' && *host != '\0') {
        size_t length = strcspn(pattern, "."), other = strcspn(host, ".");

        if (!(length == 1 && *pattern == '*') &&
            (length != other || strncasecmp(pattern, host, length) != 0))
            return false;
        pattern += length + (pattern[length] == '.');
        host += other + (host[other] == '.');
    }
    return *pattern == *host;
}

/* How well PATTERN fits URL: 0 not at all; more is better (host before path before user, as git has it). */
static size_t fit(const struct trove__url *pattern, const struct trove__url *url)
{
    size_t path = strlen(pattern->path);

    while (path > 0 && pattern->path[path - 1] == '/')
        path--;
    if (pattern->scheme != url->scheme || !host_matches(pattern->host, url->host) ||
        strcmp(trove__url_port(pattern), trove__url_port(url)) != 0 ||
        strncmp(pattern->path, url->path, path) != 0 ||
        (url->path[path] != '\0' && url->path[path] != '/') ||
        (pattern->user != NULL && (url->user == NULL || strcmp(pattern->user, url->user) != 0)))
        return 0;
    return 2 + ((strlen(pattern->host) << 20) + path) * 2 + (pattern->user != NULL);
}

/* The same for the LENGTH bytes of an address at TEXT; one that is none fits nothing. Or -ENOMEM. */
static int fit_text(const char *text, size_t length, const struct trove__url *url, size_t *ret)
{
    struct trove__url pattern;
    char *copy = trove__strndup(text, length);
    int result = copy != NULL ? trove__url_parse(copy, &pattern, NULL) : -ENOMEM;

    trove__free(copy);
    *ret = 0;
    if (result < 0)
        return result == -ENOMEM ? result : 0;
    *ret = fit(&pattern, url);
    trove__url_clear(&pattern);
    return 0;
}

/* How well ENTRY gives http.*.NAME for URL; 1 for http.NAME itself. 0 or -ENOMEM. */
static int fit_entry(const struct trove__git_config_entry *entry, const struct trove__url *url,
                     const char *name, bool scoped, size_t *ret)
{
    const char *middle;
    size_t size;

    *ret = 0;
    if (!split_key(entry, "http", name, &middle, &size))
        return 0;
    if (size > 0)
        return fit_text(middle, size, url, ret);
    *ret = scoped ? 0 : 1;
    return 0;
}

int trove__git_config_http(const struct trove__git_config *config, const struct trove__url *url,
                           const char *name, bool scoped, const char **ret)
{
    const char *value = NULL;
    size_t best = 1, quality;
    struct trove__git_config_entry entry;

    for (size_t offset = 0; trove__git_config_next(config, &offset, &entry);) {
        int result = fit_entry(&entry, url, name, scoped, &quality);
        if (result < 0)
            return result;
        if (quality >= best) {
            best = quality;
            value = entry.value;
        }
    }
    *ret = value;
    return 0;
}

int trove__git_config_http_each(const struct trove__git_config *config,
                                const struct trove__url *url, const char *name, bool scoped,
                                int (*fn)(void *context, const char *value), void *context)
{
    size_t offset = 0, start = 0, quality = 0;
    struct trove__git_config_entry entry;
    int result = 0;

    while (result == 0 && trove__git_config_next(config, &offset, &entry)) {
        result = fit_entry(&entry, url, name, scoped, &quality);
        if (quality > 0 && entry.value[0] == '\0')
            start = offset; /* an empty value forgets what came before */
    }
    while (result == 0 && trove__git_config_next(config, &start, &entry)) {
        result = fit_entry(&entry, url, name, scoped, &quality);
        if (result == 0 && quality > 0 && entry.value[0] != '\0')
            result = fn(context, entry.value);
    }
    return result;
}
