// SPDX-License-Identifier: MIT
/*
 * place.c - git itself is asked where a folder belongs to, unless it is plainly a root or bare.
 */
#include "place.h"
#include "core/memory.h"
#include "fetch/child.h"
#include "fetch/revision_syntax.h"
#include "fetch/url.h"
#include "grep/pathspec.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool exists(const char *folder, const char *name)
{
    struct stat found;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);

    return length >= 0 && (size_t)length < sizeof(path) && stat(path, &found) == 0;
}

static bool is_local_folder(const char *repository)
{
    struct stat found;

    return trove__url_is_path(repository) && stat(repository, &found) == 0 &&
           S_ISDIR(found.st_mode);
}

/* The way up, and the name of the folder from there, each on a line. */
static int ask_git(const char *folder, const struct trove_until *until, struct trove__bytes *out,
                   struct trove_error *err)
{
    const char *const args[] = {"git",           "-C", folder, "rev-parse", "--show-cdup",
                                "--show-prefix", NULL};
    const struct trove__child_spec spec = {
        .args = args, .outside_repository = true, .own_group = true};
    struct trove__io io;
    int status = 0, r;

    trove__io_begin(&io, until, 0, 0);
    r = trove__child_run(&spec, NULL, 0, out, 4 * PATH_MAX, &io, &status, err);
    if (r == -ENOENT || r == -EFBIG || (r == 0 && status != 0))
        trove__bytes_free(out); /* no work tree that anybody could stand in */
    return r == -ENOENT || r == -EFBIG ? 0 : r;
}

static int set_place(struct trove__place *place, const char *root, const char *prefix)
{
    char real[PATH_MAX];

    place->root = trove__strdup(realpath(root, real) != NULL ? real : root);
    place->prefix = trove__strdup(prefix);
    return place->root != NULL && place->prefix != NULL ? 0 : -ENOMEM;
}

static int find_below(const char *folder, const struct trove_until *until,
                      struct trove__place *place, struct trove_error *err)
{
    struct trove__bytes out = {0};
    char root[2 * PATH_MAX];
    int r = ask_git(folder, until, &out, err);
    char *up = r == 0 && out.size > 0 ? (char *)trove__bytes_text(&out) : NULL;
    char *prefix = up != NULL ? strchr(up, '\n') : NULL;

    if (prefix != NULL && prefix[1] != '\n' && prefix[1] != '\0') {
        *prefix++ = '\0';
        prefix[strlen(prefix) - 1] = '\0'; /* the newline at the end; the name may hold others */
        snprintf(root, sizeof(root), "%s/%s", folder, up);
        r = set_place(place, root, prefix);
    }
    trove__bytes_free(&out);
    return r;
}

int trove__place_find(const char *repository, const struct trove_until *until,
                      struct trove__place *ret, struct trove_error *err)
{
    struct trove__place place = {0};
    int r = 0;

    if (is_local_folder(repository)) {
        if (exists(repository, ".git"))
            r = set_place(&place, repository, "");
        else if (!exists(repository, "HEAD") || !exists(repository, "objects"))
            r = find_below(repository, until, &place, err);
    }
    if (r < 0) {
        trove__place_clear(&place);
        return r == -ENOMEM ? trove_error_set(err, r, "out of memory") : r;
    }
    *ret = place;
    return 0;
}

void trove__place_clear(struct trove__place *place)
{
    trove__free(place->root);
    trove__free(place->prefix);
    *place = (struct trove__place){0};
}

int trove__place_revision(const struct trove__place *place, const char *revision, char **ret,
                          struct trove_error *err)
{
    const char *path = trove__revision_path(revision);
    char *text, *cleaned;
    size_t before;

    *ret = NULL;
    if (place->root == NULL || path == NULL ||
        (strncmp(path, "./", 2) != 0 && strncmp(path, "../", 3) != 0))
        return 0;
    before = (size_t)(path - revision);
    text = trove__malloc(strlen(revision) + strlen(place->prefix) + 1);
    if (text == NULL)
        return trove_error_set(err, -ENOMEM, "out of memory");
    memcpy(text, revision, before);
    cleaned = text + before;
    strcpy(stpcpy(cleaned, place->prefix), path);
    if (!trove__pathspec_clean(cleaned, NULL)) {
        trove__free(text);
        return trove_error_set(err, -EINVAL, "'%s' is outside repository at '%s'", path,
                               place->root);
    }
    *ret = text;
    return 0;
}
