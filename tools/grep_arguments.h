// SPDX-License-Identifier: MIT
/*
 * grep_arguments.h - what stands behind the pattern: revisions as long as words resolve, then pathspecs; `--` parts them.
 */
#ifndef TROVE_TOOLS_GREP_ARGUMENTS_H
#define TROVE_TOOLS_GREP_ARGUMENTS_H

#include "common.h"

struct trove__grep_revision {
    const char *name; /* as typed; borrow */
    char *path;       /* own; of `REV:path`, from the root, or NULL */
    struct trove_git_revision revision;
};

struct trove__grep_arguments {
    struct trove__grep_revision *revisions; /* own; at least one: HEAD stands in */
    size_t revision_count;
    char *const *pathspecs; /* borrow */
    size_t pathspec_count;
};

/* Reads WORDS, resolving revisions with the tool's repository. Returns 0, or the exit status with the message printed, in
 * git's words. Ends with deinit in any case. */
int trove__grep_arguments_read(struct trove__grep_arguments *arguments, struct trove__tool *tool,
                               char *const *words, size_t count);
void trove__grep_arguments_deinit(struct trove__grep_arguments *arguments);

#endif
