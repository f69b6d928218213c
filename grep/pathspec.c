// SPDX-License-Identifier: MIT
/*
 * pathspec.c - matching the paths of a tree against pathspecs.
 *
 * A path is selected when a spec is the path itself, a folder above it, or a pattern that the whole path matches, and no
 * exclusion does the same. Folders are answered generously: a pattern may match below.
 */
#include "pathspec.h"
#include "pathspec_internal.h"
#include <string.h>
#include <strings.h>

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Whether the first LENGTH bytes at A and B are equal, FROM of them in the spec's way before them. */
static bool equal(const struct trove__spec *spec, const char *a, const char *b, size_t from,
                  size_t length)
{
    size_t strict = spec->prefix > from ? spec->prefix - from : 0;

    if (!(spec->magic & TROVE__MAGIC_ICASE))
        return memcmp(a, b, length) == 0;
    if (strict > length)
        strict = length;
    if (memcmp(a, b, strict) != 0)
        return false;
    for (size_t i = strict; i < length; i++) {
        if (fold(a[i]) != fold(b[i]))
            return false;
    }
    return true;
}

/* PATH in its folder of BASE_LENGTH bytes, being looked at. */
struct subject {
    const char *path;
    size_t base_length, length;
    bool folder, gitlink;
};

/* True when the spec's path is the subject's folder, or a folder above it. */
static bool holds_base(const struct trove__spec *spec, const struct subject *subject)
{
    if (subject->base_length < spec->length ||
        !equal(spec, subject->path, spec->path, 0, spec->length))
        return false;
    return spec->length == 0 || spec->path[spec->length - 1] == '/' ||
           subject->path[spec->length] == '/';
}

/* True when the spec's path is the subject itself or, for a folder, leads into it. */
static bool names_entry(const struct trove__spec *spec, const struct subject *subject)
{
    if (spec->length < subject->length || spec->length <= subject->base_length)
        return false;
    if (spec->length > subject->length) {
        if (spec->path[subject->length] != '/')
            return false;
        /* `link/` names a gitlink; nothing leads deeper into one. */
        if (!subject->folder && (!subject->gitlink || spec->length > subject->length + 1))
            return false;
    }
    return equal(spec, subject->path, spec->path, 0, subject->length);
}

static bool matches_wildcards(const struct trove__spec *spec, const struct subject *subject)
{
    const char *rest;
    size_t length, suffix;

    if (subject->length < spec->plain || !equal(spec, subject->path, spec->path, 0, spec->plain))
        return false;
    rest = subject->path + spec->plain;
    length = subject->length - spec->plain;
    if (spec->suffix == NULL)
        return trove__wild_match(spec->wild, rest, length);
    suffix = strlen(spec->suffix);
    return length >= suffix &&
           equal(spec, rest + length - suffix, spec->suffix, spec->plain + length - suffix, suffix);
}

/* The pattern's text is the name of the subject's folder, wildcards included, and goes on. Then git looks at the rest of
 * the pattern alone, and takes the first byte of that for a star if the whole pattern has just one. */
static bool matches_tail(const struct trove__spec *spec, const struct subject *subject)
{
    const char *name = subject->path + subject->base_length;
    size_t length = subject->length - subject->base_length;

    if (spec->suffix != NULL) {
        const char *suffix = spec->path + subject->base_length + 1;
        size_t suffix_length = strlen(suffix);
        return length >= suffix_length &&
               equal(spec, name + length - suffix_length, suffix, spec->prefix, suffix_length);
    }
    for (size_t i = 0; i < spec->tail_count; i++) {
        if (spec->tails[i].offset == subject->base_length)
            return trove__wild_match(spec->tails[i].wild, name, length);
    }
    return false;
}

static bool is_in_folder_of_that_name(const struct trove__spec *spec, const struct subject *subject)
{
    return subject->base_length > spec->plain && subject->base_length < spec->length &&
           equal(spec, subject->path, spec->path, 0, subject->base_length);
}

/* Whether something below the folder might match the pattern: they agree as far as both are plain. */
static bool may_match_below(const struct trove__spec *spec, const struct subject *subject)
{
    size_t length = subject->length < spec->plain ? subject->length : spec->plain;

    if (!equal(spec, subject->path, spec->path, 0, length))
        return false;
    return subject->length >= spec->plain || spec->path[subject->length] == '/';
}

/* Slashes in the LENGTH bytes at NAME, and one for a folder, against the limit. */
static bool within_depth(const struct trove__pathspec *pathspec, const char *name, size_t length,
                         bool folder)
{
    int depth = folder;

    for (size_t i = 0; i < length && depth <= pathspec->max_depth; i++)
        depth += name[i] == '/';
    return depth <= pathspec->max_depth;
}

static bool within_depth_below(const struct trove__pathspec *pathspec,
                               const struct trove__spec *spec, const struct subject *subject)
{
    /* The byte behind the spec's path is the slash that ends it; git leaves it out even where it is a letter. */
    size_t skip = spec->length + 1;
    size_t length = subject->base_length > skip ? subject->base_length - skip : 0;

    return within_depth(pathspec, subject->path + skip, length, subject->folder);
}

/* Looks at the specs with or without exclude, the last first, as git does: with a limit of depth that order shows. */
static enum trove__interest match_half(const struct trove__pathspec *pathspec,
                                       const struct subject *subject, unsigned exclude)
{
    for (size_t i = pathspec->count; i-- > 0;) {
        const struct trove__spec *spec = &pathspec->specs[i];
        if ((spec->magic & TROVE__MAGIC_EXCLUDE) != exclude)
            continue;
        if (holds_base(spec, subject)) {
            if (pathspec->max_depth < 0)
                return TROVE__INTEREST_ALL;
            return within_depth_below(pathspec, spec, subject) ? TROVE__INTEREST_YES
                                                               : TROVE__INTEREST_NO;
        }
        if (names_entry(spec, subject))
            return TROVE__INTEREST_YES;
        if (spec->wild == NULL)
            continue;
        if (is_in_folder_of_that_name(spec, subject) ? matches_tail(spec, subject)
                                                     : matches_wildcards(spec, subject))
            return TROVE__INTEREST_YES;
        if (pathspec->recursive && subject->folder && may_match_below(spec, subject))
            return TROVE__INTEREST_YES;
    }
    return TROVE__INTEREST_NO;
}

enum trove__interest trove__pathspec_match(struct trove__pathspec *pathspec, const char *path,
                                           size_t base_length, size_t length, bool folder,
                                           bool gitlink)
{
    struct subject subject = {path, base_length, length, folder, gitlink};
    enum trove__interest positive, negative;

    if (pathspec->count == 0) {
        if (pathspec->max_depth < 0)
            return TROVE__INTEREST_ALL;
        return within_depth(pathspec, path, base_length, folder) ? TROVE__INTEREST_YES
                                                                 : TROVE__INTEREST_NO;
    }
    positive = match_half(pathspec, &subject, 0);
    if (!pathspec->has_exclude || positive == TROVE__INTEREST_NO)
        return positive;
    negative = match_half(pathspec, &subject, TROVE__MAGIC_EXCLUDE);
    if (negative == TROVE__INTEREST_NO)
        return TROVE__INTEREST_YES;
    /* An exclusion that is interested in a folder may leave something in it. */
    return folder && negative == TROVE__INTEREST_YES ? TROVE__INTEREST_YES : TROVE__INTEREST_NO;
}

bool trove__pathspec_everything(const struct trove__pathspec *pathspec)
{
    bool all = pathspec->count == 0;

    for (size_t i = 0; i < pathspec->count; i++)
        all |= pathspec->specs[i].length == 0;
    return all && !pathspec->has_exclude && pathspec->max_depth < 0;
}

uint32_t trove__pathspec_tree_depth(const struct trove__pathspec *pathspec)
{
    uint32_t most = 1;

    if (pathspec->has_exclude || pathspec->max_depth >= 0)
        return 0;
    for (size_t i = 0; i < pathspec->count; i++) {
        const struct trove__spec *spec = &pathspec->specs[i];
        uint32_t depth = 1;
        if (spec->wild != NULL)
            return 0;
        for (size_t k = 0; k + 1 < spec->length; k++)
            depth += spec->path[k] == '/';
        if (depth > most)
            most = depth;
    }
    return most;
}

const char *trove__pathspec_path(const struct trove__pathspec *pathspec, size_t index,
                                 size_t *ret_length)
{
    if (index >= pathspec->count)
        return NULL;
    *ret_length = pathspec->specs[index].length;
    return pathspec->specs[index].path;
}
