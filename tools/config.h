// SPDX-License-Identifier: MIT
/*
 * config.h - values of git's configuration, as git reads them.
 */
#ifndef TROVE_TOOLS_CONFIG_H
#define TROVE_TOOLS_CONFIG_H

#include "fetch/git_config.h"
#include <trove/until.h>

/* KEY is in lower case, as the entry's is by now. */
bool trove__config_is(const struct trove__git_config_entry *entry, const char *key);

/* 0, or 128 with ERR's message when the value is neither a word for true or false nor a number. */
int trove__config_bool(const struct trove__git_config_entry *entry, bool *ret,
                       struct trove_error *err);

/* A number, perhaps with k, m or g behind it. 0, or 128 with ERR's message. */
int trove__config_int(const struct trove__git_config_entry *entry, int *ret,
                      struct trove_error *err);

/* REPOSITORY if it is a folder here, whose own configuration counts; NULL otherwise. */
const char *trove__config_folder(const char *repository);

/* core.quotePath: whether bytes above 127 are quoted in names. 0, or -EINVAL and what the query fails with. */
int trove__config_quote_path(const char *repository, const struct trove_until *until, bool *ret,
                             struct trove_error *err);

#endif
