// SPDX-License-Identifier: MIT
/*
 * pathspec.h - which paths of a tree are selected: git's pathspecs, with git's answers also where these are odd.
 */
#ifndef TROVE_GREP_PATHSPEC_H
#define TROVE_GREP_PATHSPEC_H

#include <stdint.h>
#include <trove/error.h>

struct trove__pathspec;

/* Magic words, as bits. */
enum {
    TROVE__MAGIC_TOP = 1,
    TROVE__MAGIC_LITERAL = 2,
    TROVE__MAGIC_GLOB = 4,
    TROVE__MAGIC_ICASE = 8,
    TROVE__MAGIC_EXCLUDE = 16,
    TROVE__MAGIC_ATTR = 32,
};
#define TROVE__MAGIC_GREP                                                                          \
    (TROVE__MAGIC_TOP | TROVE__MAGIC_LITERAL | TROVE__MAGIC_GLOB | TROVE__MAGIC_ICASE |            \
     TROVE__MAGIC_EXCLUDE)
#define TROVE__MAGIC_LS_TREE (TROVE__MAGIC_TOP | TROVE__MAGIC_LITERAL)

struct trove__pathspec_options {
    const char *
        prefix; /* the folder that relative specs begin in, "" or with a slash at its end. NULL: "" */
    const char
        *root; /* of the work tree, absolute: specs may begin with it. NULL: none may be absolute */
    const char *repository; /* for the message about specs that lead outside */
    unsigned allowed;       /* magic that this command knows */
    bool no_wildcards;      /* * ? [ and \ stand for themselves */
    bool recursive;         /* folders are entered, so a pattern may match deeper */
    int max_depth; /* levels below each spec's folder; below 0: no limit. Only with recursive */
    /* The same for every spec, as GIT_LITERAL_PATHSPECS, GIT_GLOB_PATHSPECS, ... ask. */
    bool all_literal, all_glob, all_noglob, all_icase;
};

/* Reads COUNT specs (borrow). *RET is own: released by trove__pathspec_destroy(). COUNT 0 without a prefix selects
 * everything. 0; -EINVAL (ERR has git's words, to end with 128), -ENOMEM. */
int trove__pathspec_parse(const char *const *specs, size_t count,
                          const struct trove__pathspec_options *options,
                          struct trove__pathspec **ret, struct trove_error *err);
void trove__pathspec_destroy(struct trove__pathspec *pathspec); /* NULL is fine */

/* Cleans PATH in place: no empty and no `.` component, each `..` takes one away. A slash at the end stays. *PREFIX (NULL:
 * nobody asks) shrinks when `..` eats into the first bytes. False when the path leads above its root. */
bool trove__pathspec_clean(char *path, size_t *prefix);

enum trove__interest {
    TROVE__INTEREST_NO,
    TROVE__INTEREST_YES, /* a file is selected; a folder has to be looked into */
    TROVE__INTEREST_ALL, /* and so is everything else in the folder of this entry, at any depth */
};

/* How far PATH (LENGTH bytes, NUL-terminated), the first BASE_LENGTH of which are its folder with a slash at the end, is
 * selected. FOLDER: it is a tree; GITLINK: a commit. One thread at a time. */
enum trove__interest trove__pathspec_match(struct trove__pathspec *pathspec, const char *path,
                                           size_t base_length, size_t length, bool folder,
                                           bool gitlink);

/* True when the whole tree is selected. */
bool trove__pathspec_everything(const struct trove__pathspec *pathspec);

/* How many levels of trees (the root alone is 1) have to be seen to know which blobs and which whole folders are
 * selected; 0 when that cannot be told. */
uint32_t trove__pathspec_tree_depth(const struct trove__pathspec *pathspec);

/* The specs as they are matched, for those who walk along them: the cleaned path of spec INDEX, or NULL past the last. */
const char *trove__pathspec_path(const struct trove__pathspec *pathspec, size_t index,
                                 size_t *ret_length);

#endif
