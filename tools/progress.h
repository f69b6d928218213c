// SPDX-License-Identifier: MIT
/*
 * progress.h - one line on the terminal that says how a long transfer goes.
 */
#ifndef TROVE_TOOLS_PROGRESS_H
#define TROVE_TOOLS_PROGRESS_H

#include <trove/git.h>

struct trove__progress;

/* Starts drawing on standard error what GIT (borrowed until stop) transfers, after a moment's patience.
 * Returns 0 or -errno. */
int trove__progress_start(struct trove_git *git, struct trove__progress **ret_progress);

/* Wipes the line and draws no more: from now on the terminal belongs to results. NULL is fine. */
void trove__progress_hide(struct trove__progress *progress);

/* The same for whichever bar runs, if one does: before an error is printed. Main thread. */
void trove__progress_clear(void);

/* Hides, ends the thread, frees. NULL is fine. */
void trove__progress_stop(struct trove__progress *progress);

#endif
