// SPDX-License-Identifier: MIT
/*
 * pathspec_internal.h - between reading pathspecs and matching them.
 */
#ifndef TROVE_GREP_PATHSPEC_INTERNAL_H
#define TROVE_GREP_PATHSPEC_INTERNAL_H

#include "grep/pathspec.h"
#include "grep/wild.h"

/* The part of a pattern behind one of its slashes: git matches it alone when the pattern's text up to there, wildcards
 * and all, is the very name of a folder. */
struct trove__spec_tail {
    size_t offset;
    struct trove__wild *wild;
};

struct trove__spec {
    unsigned magic;
    char *path; /* cleaned, with the prefix */
    size_t length;
    size_t plain; /* bytes before the first wildcard */
    size_t
        prefix; /* bytes in which letters keep their case under icase: what the user did not type */
    const char *suffix;       /* the wildcard part is `*` and this plain suffix; NULL: it is more */
    struct trove__wild *wild; /* what follows the plain bytes; NULL when nothing does */
    struct trove__spec_tail *tails;
    size_t tail_count;
};

struct trove__pathspec {
    struct trove__spec *specs;
    size_t count;
    bool has_exclude;
    bool recursive;
    int max_depth; /* below 0: no limit */
};

static inline bool trove__is_wildcard(char c)
{
    return c == '*' || c == '?' || c == '[' || c == '\\';
}

#endif
