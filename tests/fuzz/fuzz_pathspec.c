// SPDX-License-Identifier: MIT
/*
 * fuzz_pathspec.c - any spec against any path.
 *
 * Properties: a file that is selected lies in folders that are looked into; a spec that is everything selects everything;
 * an exclusion of a spec, alone, selects just what the spec does not; reading and matching depend on nothing else.
 */
#include "clean_path.h"
#include "fuzz.h"
#include "grep/pathspec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPEC_MAX = 256, PATH_LENGTH_MAX = 256 };

static struct trove__pathspec *parse(const char *spec, int max_depth)
{
    struct trove__pathspec_options options = {
        .allowed = TROVE__MAGIC_GREP, .recursive = true, .max_depth = max_depth};
    struct trove__pathspec *pathspec;

    return trove__pathspec_parse(&spec, 1, &options, &pathspec, NULL) == 0 ? pathspec : NULL;
}

static enum trove__interest match(struct trove__pathspec *pathspec, const char *path, size_t length,
                                  bool folder)
{
    char text[PATH_LENGTH_MAX + 1];
    size_t base = length;

    memcpy(text, path, length);
    text[length] = '\0';
    while (base > 0 && text[base - 1] != '/')
        base--;
    return trove__pathspec_match(pathspec, text, base, length, folder, false);
}

/* As a walk would: the file is selected when every folder above it is entered and itself is. */
static bool selects(struct trove__pathspec *pathspec, const char *path, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (path[i] == '/' && match(pathspec, path, i, true) == TROVE__INTEREST_NO)
            return false;
    }
    return match(pathspec, path, length, false) != TROVE__INTEREST_NO;
}

/* A spec and its exclusion part the files between them. */
static void check_exclusion(const char *spec, const char *path, size_t length, bool selected)
{
    char excluded[SPEC_MAX + 16];
    struct trove__pathspec *pathspec;

    if (spec[0] == ':')
        return;
    snprintf(excluded, sizeof(excluded), ":(exclude)%s", spec);
    pathspec = parse(excluded, -1);
    CHECK(pathspec != NULL);
    CHECK(selects(pathspec, path, length) == !selected);
    trove__pathspec_destroy(pathspec);
}

static void check(const char *spec, const char *path, size_t length, int max_depth)
{
    struct trove__pathspec *pathspec = parse(spec, max_depth);
    bool selected;

    if (pathspec == NULL)
        return;
    selected = selects(pathspec, path, length);
    CHECK(selected == selects(pathspec, path, length));
    /* Without a limit of depth no file is selected in a folder that is not looked into. */
    if (max_depth < 0)
        CHECK(selected == (match(pathspec, path, length, false) != TROVE__INTEREST_NO));
    if (trove__pathspec_everything(pathspec))
        CHECK(selected);
    if (max_depth < 0)
        check_exclusion(spec, path, length, selected);
    trove__pathspec_destroy(pathspec);
}

/* The spec, a NUL, the path; the first byte is the limit of depth. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char spec[SPEC_MAX + 1], path[PATH_LENGTH_MAX + 1];
    const uint8_t *end;
    size_t spec_size, length;

    if (size < 3)
        return 0;
    end = memchr(data + 1, '\0', size - 1);
    if (end == NULL || end - data - 1 > SPEC_MAX)
        return 0;
    spec_size = (size_t)(end - data) - 1;
    memcpy(spec, data + 1, spec_size);
    spec[spec_size] = '\0';
    length = clean_path(end + 1, size - spec_size - 2, PATH_LENGTH_MAX, path);
    if (length > 0)
        check(spec, path, length, (int)(data[0] % 8) - 4 < 0 ? -1 : (int)(data[0] % 8) - 4);
    return 0;
}
