// SPDX-License-Identifier: MIT
/*
 * forking.h - what a child of fork() must not share with its parent: connections, locks, the account of packs under way.
 */
#ifndef TROVE_FETCH_FORKING_H
#define TROVE_FETCH_FORKING_H

struct trove_git;

/* FD, which may be negative, is of a connection, of a child process, or of a temporary file: a child of fork() closes it, so
 * that whoever is at its other end sees the parent alone. From then on only trove__fd_close() closes it. Returns FD. */
int trove__fd_own(int fd);
/* Closes *FD if it is there, owned or not, and makes it -1. */
void trove__fd_close(int *fd);

/* From here to there a child of fork() has GIT as it would be with no connection open and no request under way. */
void trove__forking_add(struct trove_git *git);
void trove__forking_remove(struct trove_git *git);

#endif
