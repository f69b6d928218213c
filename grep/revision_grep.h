// SPDX-License-Identifier: MIT
/*
 * revision_grep.h - one revision searched: what to ask the source for, then the walk and the engine.
 */
#ifndef TROVE_GREP_REVISION_GREP_H
#define TROVE_GREP_REVISION_GREP_H

#include "grep/attributes.h"
#include "grep/engine.h"
#include "grep/pathspec.h"
#include "grep/walk.h"
#include <trove/git.h>

struct trove__revision_grep {
    struct trove *cache;
    struct trove__engine *engine;
    struct trove__pathspec *pathspec;
    struct trove__attributes
        *attributes; /* NULL: there are none. git asks them of commits and blobs */
    const struct trove_until *until;
    const char *folder; /* names are written from here: "" or with a slash at its end */
    bool quote_fully;   /* core.quotePath */
    bool raw_names;     /* -z: names are not quoted */
    /* The cache may not hold the revision: every tree is fetched before everything, so that objects are known as wanted
     * when they come, in whatever order, and need not be kept until the walk asks for them. Costs a round trip. */
    bool trees_first;
    bool no_filters; /* the server sends a revision as a whole or not at all */
    struct trove__walk_limits limits;
    int64_t plan_ns,
        search_ns; /* out, added to: time until it was known what to fetch; all after that */
};

/* Searches REVISION, which was typed as NAME and stands at PATH below a commit or tree (NULL: at none). The output leaves through the engine. 0; a negative errno with *ERR set
 * (-ECANCELED also when the engine was stopped by a hit that answers all: trove__engine_is_answered()). */
int trove__revision_grep(struct trove__revision_grep *grep, const char *name, const char *path,
                         const struct trove_git_revision *revision, struct trove_error *err);

#endif
