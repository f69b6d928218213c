// SPDX-License-Identifier: MIT
/*
 * grep_attributes.h - where attributes come from: the system, the user, and a repository that is a folder here.
 */
#ifndef TROVE_TOOLS_GREP_ATTRIBUTES_H
#define TROVE_TOOLS_GREP_ATTRIBUTES_H

#include "fetch/git_config.h"
#include "grep/attributes.h"

struct trove__grep_attributes;

/*
 * Reads /etc/gitattributes, core.attributesFile, and of REPOSITORY, if that is a folder, info/attributes; the .gitattributes
 * of its work tree are read when a path needs them. *RET stays NULL where there are none at all; own:
 * trove__grep_attributes_close(). Returns 0, or 128 and ERR's message.
 */
int trove__grep_attributes_open(const char *repository, const struct trove__git_config *config,
                                struct trove__grep_attributes **ret, struct trove_error *err);
void trove__grep_attributes_close(struct trove__grep_attributes *attributes); /* NULL is fine */

/* Borrow; NULL for NULL. */
struct trove__attributes *trove__grep_attributes_of(struct trove__grep_attributes *attributes);

#endif
