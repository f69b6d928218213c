// SPDX-License-Identifier: MIT
/*
 * commands.h - the subcommands; main.c has their table.
 */
#ifndef TROVE_TOOLS_COMMANDS_H
#define TROVE_TOOLS_COMMANDS_H

#include "common.h"

int trove__cmd_cat_file(struct trove__tool *tool, int argc, char **argv);
int trove__cmd_grep(struct trove__tool *tool, int argc, char **argv);
int trove__cmd_ls_tree(struct trove__tool *tool, int argc, char **argv);

#endif
