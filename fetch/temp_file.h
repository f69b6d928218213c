// SPDX-License-Identifier: MIT
/*
 * temp_file.h - temporary files without a name, in $TMPDIR or /tmp: gone when closed, whatever happens to the process.
 */
#ifndef TROVE_FETCH_TEMP_FILE_H
#define TROVE_FETCH_TEMP_FILE_H

#include <trove/error.h>

/* A child of fork() has it no more: what is written there is of threads that the child does not have. */
int trove__temp_file_open(int *ret_fd, struct trove_error *err);
void trove__temp_file_close(int *fd); /* makes it -1, which is fine too */
/* All of SIZE bytes, or an error that says what failed; -ENOSPC when the disk is full. */
int trove__temp_file_write(int fd, uint64_t offset, const void *bytes, size_t size,
                           struct trove_error *err);
int trove__temp_file_read(int fd, uint64_t offset, void *bytes, size_t size,
                          struct trove_error *err);
/* Gives the file SIZE bytes that are really there, so that writing to a mapping of it cannot fail later. */
int trove__temp_file_extend(int fd, uint64_t size, struct trove_error *err);

#endif
