// SPDX-License-Identifier: MIT
/*
 * refs.h - looking a name up among a repository's refs, in git's order.
 */
#ifndef TROVE_FETCH_REFS_H
#define TROVE_FETCH_REFS_H

#include <trove/git.h>

#include "revision_syntax.h"

#define TROVE__REF_RULES                                                                           \
    6 /* NAME, refs/NAME, refs/tags/, refs/heads/, refs/remotes/, refs/remotes/NAME/HEAD */

struct trove__ref_lookup {
    char candidates[TROVE__REF_RULES][TROVE__REF_NAME_MAX + 32]; /* best first */
    size_t found;     /* which one exists; TROVE__REF_RULES: none yet */
    unsigned matches; /* how many exist: above one the name is ambiguous */
    struct trove_oid id, peeled;
};

/* Prepares to look NAME up. NAME is a valid ref name. */
void trove__ref_lookup_init(struct trove__ref_lookup *lookup, const char *name);

/* A trove_git_ref_fn: CONTEXT is the lookup; to be called for every ref the server has. Always returns 0. */
int trove__ref_lookup_see(void *context, const struct trove_git_ref *ref);

#endif
