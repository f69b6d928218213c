// SPDX-License-Identifier: MIT
/*
 * grep_attributes.c - the files that attributes come from.
 */
#include "grep_attributes.h"
#include "common.h"
#include "config.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (100 << 20) /* git ignores larger ones */

struct trove__grep_attributes {
    struct trove__attributes *attributes;
    char *work_tree; /* own; NULL: none */
    bool any;        /* something was found, or may be on the way */
};

/* Appends the file PATH. 1; 0 if it is not there; -ENOMEM. FLAGS: O_NOFOLLOW for files of a work tree. */
static int read_file(const char *path, int flags, struct trove__text *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags); /* a FIFO is not waited for */
    struct stat status;
    char buffer[4096];
    ssize_t got;

    if (fd < 0)
        return 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX_BYTES) {
        close(fd);
        return 0;
    }
    while (out->size <= FILE_MAX_BYTES && (got = read(fd, buffer, sizeof(buffer))) > 0)
        trove__text_add(out, buffer, (size_t)got);
    close(fd);
    return out->failure < 0 ? out->failure : 1;
}

static int add_file(struct trove__grep_attributes *attributes, enum trove__attributes_place place,
                    const char *path)
{
    struct trove__text text = {0};
    int r = read_file(path, 0, &text);

    if (r == 1) {
        attributes->any = true;
        r = trove__attributes_add(attributes->attributes, place, text.bytes, text.size);
    }
    trove__text_deinit(&text);
    return r;
}

static int load_folder(void *context, const char *folder, struct trove__text *out)
{
    const struct trove__grep_attributes *attributes = context;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s.gitattributes", attributes->work_tree, folder);
    int r;

    if (length < 0 || (size_t)length >= sizeof(path))
        return 0; /* no such file can be opened */
    r = read_file(path, O_NOFOLLOW, out);
    return r < 0 ? r : 0;
}

/* --- system and user --------------------------------------------------------------------------------------------- */

static bool is_true(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && trove__git_config_is_true(value);
}

/* The user's own file: as configured, else where git looks by default. False if there can be none. */
static bool user_file(const struct trove__git_config *config, char *path, size_t size)
{
    const char *name = trove__git_config_get(config, "core.attributesfile");
    const char *home = getenv("HOME"), *folder = getenv("XDG_CONFIG_HOME");
    int length;

    if (name != NULL && strncmp(name, "~/", 2) == 0 && home != NULL)
        length = snprintf(path, size, "%s/%s", home, name + 2);
    else if (name != NULL)
        length = snprintf(path, size, "%s", name);
    else if (folder != NULL && *folder != '\0')
        length = snprintf(path, size, "%s/git/attributes", folder);
    else if (home != NULL)
        length = snprintf(path, size, "%s/.config/git/attributes", home);
    else
        return false;
    return length >= 0 && (size_t)length < size;
}

static int add_common(struct trove__grep_attributes *attributes,
                      const struct trove__git_config *config)
{
    char path[PATH_MAX];
    int r = 0;

    if (!is_true("GIT_ATTR_NOSYSTEM"))
        r = add_file(attributes, TROVE__ATTRIBUTES_FIRST, "/etc/gitattributes");
    if (r >= 0 && user_file(config, path, sizeof(path)))
        r = add_file(attributes, TROVE__ATTRIBUTES_FIRST, path);
    return r;
}

/* diff.<name>.binary */
static int add_drivers(struct trove__attributes *attributes, const struct trove__git_config *config,
                       struct trove_error *err)
{
    static const char before[] = "diff.", after[] = ".binary";
    const size_t around = sizeof(before) + sizeof(after) - 2;
    struct trove__git_config_entry entry;
    int r = 0;

    for (size_t offset = 0; r == 0 && trove__git_config_next(config, &offset, &entry);) {
        enum trove__content content = TROVE__CONTENT_LOOK;
        bool binary = false;
        if (entry.key_size <= around || strncmp(entry.key, before, sizeof(before) - 1) != 0)
            continue;
        if (strcmp(entry.value, "auto") != 0) {
            r = trove__config_bool(&entry, &binary, err);
            content = binary ? TROVE__CONTENT_BINARY : TROVE__CONTENT_TEXT;
        }
        if (r == 0)
            r = trove__attributes_set_driver(attributes, entry.key + sizeof(before) - 1,
                                             entry.key_size - around, content);
    }
    return r;
}

/* --- the repository ---------------------------------------------------------------------------------------------- */

/* Puts the folder that FILE names behind PREFIX into PATH (PATH_MAX bytes), if it does. */
static void follow(const char *file, const char *prefix, const char *base, char *path)
{
    struct trove__text text = {0};
    size_t skip = strlen(prefix);
    char result[PATH_MAX];
    int length = -1;

    if (read_file(file, 0, &text) == 1 && text.size > skip &&
        memcmp(text.bytes, prefix, skip) == 0) {
        const char *name = text.bytes + skip;
        size_t size = text.size - skip;
        while (size > 0 && (name[size - 1] == '\n' || name[size - 1] == '\r'))
            size--;
        length = snprintf(result, sizeof(result), "%s%s%.*s", *name == '/' ? "" : base,
                          *name == '/' ? "" : "/", (int)size, name);
    }
    if (length >= 0 && (size_t)length < sizeof(result))
        memcpy(path, result, (size_t)length + 1);
    trove__text_deinit(&text);
}

static int add_info(struct trove__grep_attributes *attributes, const char *git_folder)
{
    char common[PATH_MAX], path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/commondir", git_folder);
    snprintf(common, sizeof(common), "%s", git_folder);
    follow(path, "", git_folder, common);
    snprintf(path, sizeof(path), "%s/info/attributes", common);
    return add_file(attributes, TROVE__ATTRIBUTES_LAST, path);
}

static int add_repository(struct trove__grep_attributes *attributes, const char *folder)
{
    char git_folder[PATH_MAX];
    struct stat status;
    int length = snprintf(git_folder, sizeof(git_folder), "%s/.git", folder);

    if (length < 0 || (size_t)length >= sizeof(git_folder))
        return 0;
    if (stat(git_folder, &status) != 0)
        return add_info(attributes, folder);
    attributes->work_tree = trove__strdup(folder);
    if (attributes->work_tree == NULL)
        return -ENOMEM;
    attributes->any = true;
    if (S_ISREG(status.st_mode)) {
        char file[PATH_MAX];
        memcpy(file, git_folder, sizeof(file));
        follow(file, "gitdir: ", folder, git_folder);
    }
    return add_info(attributes, git_folder);
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int read_all(struct trove__grep_attributes *attributes, const char *repository,
                    const struct trove__git_config *config, struct trove_error *err)
{
    struct stat status;
    char path[PATH_MAX];
    bool is_folder = stat(repository, &status) == 0 && S_ISDIR(status.st_mode);
    int r;

    snprintf(path, sizeof(path), "%s/.git", repository);
    r = trove__attributes_create(is_folder && stat(path, &status) == 0 ? load_folder : NULL,
                                 attributes, &attributes->attributes);
    if (r == 0)
        r = add_common(attributes, config);
    if (r >= 0 && is_folder)
        r = add_repository(attributes, repository);
    if (r >= 0)
        r = add_drivers(attributes->attributes, config, err);
    return r;
}

int trove__grep_attributes_open(const char *repository, const struct trove__git_config *config,
                                struct trove__grep_attributes **ret, struct trove_error *err)
{
    struct trove__grep_attributes *attributes = trove__calloc(1, sizeof(*attributes));
    int r = -ENOMEM;

    if (attributes != NULL)
        r = read_all(attributes, repository, config, err);
    if (r == 0 && (attributes->any || trove__git_config_get(config, "diff.default.binary"))) {
        *ret = attributes;
        return 0;
    }
    trove__grep_attributes_close(attributes);
    if (r == -ENOMEM)
        trove_error_set(err, TROVE__EXIT_FATAL, "out of memory");
    return r != 0 ? TROVE__EXIT_FATAL : 0;
}

void trove__grep_attributes_close(struct trove__grep_attributes *attributes)
{
    if (attributes == NULL)
        return;
    trove__attributes_destroy(attributes->attributes);
    trove__free(attributes->work_tree);
    trove__free(attributes);
}

struct trove__attributes *trove__grep_attributes_of(struct trove__grep_attributes *attributes)
{
    return attributes != NULL ? attributes->attributes : NULL;
}
