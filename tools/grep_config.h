// SPDX-License-Identifier: MIT
/*
 * grep_config.h - what the user configured for git grep.
 */
#ifndef TROVE_TOOLS_GREP_CONFIG_H
#define TROVE_TOOLS_GREP_CONFIG_H

#include "fetch/git_config.h"
#include "grep_options.h"
#include <trove/until.h>

/*
 * Reads grep.*, color.*, core.quotePath into OPTIONS and settles them. REPOSITORY as the user named it: the configuration
 * of one that is a folder here counts too. Without git on this machine there is none. *RET (own:
 * trove__git_config_clear()) also holds what attributes need. Returns 0, or 128 and ERR's message.
 */
int trove__grep_config_read(struct trove__grep_options *options, const char *repository,
                            const struct trove_until *until, struct trove__git_config *ret,
                            struct trove_error *err);

#endif
