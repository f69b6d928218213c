// SPDX-License-Identifier: MIT
/*
 * grep_peer.h - one command line, answered by git grep over a commit and by the library over the same files.
 */
#ifndef TROVE_TESTS_GREP_PEER_H
#define TROVE_TESTS_GREP_PEER_H

#include "git_peer.h"
#include <stdbool.h>

struct trove__grep;

/* Named HEAD:NAME in output; in git's order. */
struct grep_peer_file {
    char name[32];
    char *data;
    size_t size;
};

/* A bare repository whose HEAD holds FILES, made in the order they have. Own: peer_repository_remove(). */
char *grep_peer_repository(const struct grep_peer_file *files, size_t count);

/* What `git grep --threads=1 WORDS HEAD` says. Own: output_free(). */
struct output grep_peer_git(const char *repository, char *const *words, size_t count);

/* The same from option parser, matcher and printer, one file after the other; `err` holds the message of a failure.
 * ALTER (may be NULL) sees the compiled search before it is used. Own: output_free(). */
struct output grep_peer_library(const struct grep_peer_file *files, size_t file_count,
                                char *const *words, size_t count,
                                void (*alter)(struct trove__grep *grep));

/* True if both are equal; else says on standard error where they differ. */
bool grep_peer_same(const struct output *git, const struct output *mine, char *const *words,
                    size_t count);

/* Makes GREP ask its engines about every line and every rest of the buffer, as git does. */
void grep_peer_make_plain(struct trove__grep *grep);

#endif
