// SPDX-License-Identifier: MIT
/*
 * place.h - where in a work tree a command stands: of a repository that is a folder here, its root and the folder below it
 * that was named. Pathspecs, names and `REV:./path` are relative to that folder.
 */
#ifndef TROVE_TOOLS_PLACE_H
#define TROVE_TOOLS_PLACE_H

#include <trove/error.h>
#include <trove/until.h>

struct trove__place {
    char *root;   /* own; of the work tree, absolute. NULL: there is none, and no prefix */
    char *prefix; /* own; the folder, with a slash at its end, or "" */
};

/* Looks at REPOSITORY, an address. Everything but a folder of a work tree has no place. 0, -ENOMEM, -ETIMEDOUT, -ECANCELED,
 * -EIO. */
int trove__place_find(const char *repository, const struct trove_until *until,
                      struct trove__place *ret, struct trove_error *err);
void trove__place_clear(struct trove__place *place); /* all zero is fine */

/* REVISION with the path of `REV:./path` or `REV:../path` written from the root; *RET is own (trove__free()), NULL when
 * there is nothing to do. 0, -EINVAL (the path leads outside), -ENOMEM. */
int trove__place_revision(const struct trove__place *place, const char *revision, char **ret,
                          struct trove_error *err);

#endif
