// SPDX-License-Identifier: MIT
/*
 * git_peer.h - real git beside a test: scratch repositories, commands, and all objects of a repository in a cache.
 */
#ifndef TROVE_TESTS_GIT_PEER_H
#define TROVE_TESTS_GIT_PEER_H

#include <stddef.h>
#include <trove/cache.h>

/* What a command wrote to standard output and error, NUL-terminated, and how it ended. Own: output_free(). */
struct output {
    char *out, *err;
    size_t out_size, err_size;
    int status;
};

/* Runs ARGV (NULL-terminated, found in PATH) with INPUT (SIZE bytes, may be NULL) on standard input. git sees no
 * configuration but the repository's. Aborts when it cannot be run. */
struct output run_command(const char *const *argv, const char *input, size_t size);
void output_free(struct output *output);

/* A new bare repository below the directory for temporary files. Own: peer_repository_remove(). */
char *peer_repository_create(void);
void peer_repository_remove(char *path);

/* A cache without a source that holds every object of the repository at PATH. */
struct trove *peer_cache(const char *path);

/* The id that `git rev-parse REVISION` prints. */
struct trove_oid peer_id(const char *path, const char *revision);

#endif
