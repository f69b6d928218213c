// SPDX-License-Identifier: MIT
/*
 * stats.h - what a run cost, for --stats.
 */
#ifndef TROVE_TOOLS_STATS_H
#define TROVE_TOOLS_STATS_H

#include "common.h"

/* Prints what TOOL's repository and CACHE counted, in the form asked for. */
void trove__stats_print(const struct trove__tool *tool, const struct trove_stats *cache, FILE *out);

#endif
