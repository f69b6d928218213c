// SPDX-License-Identifier: MIT
/*
 * tree.h - the entries of a tree object, read as git reads them: modes with leading zeros, `..`, duplicates and entries
 * out of order are no errors here. Never write such names to a file system unchecked.
 */
#ifndef TROVE_FETCH_TREE_H
#define TROVE_FETCH_TREE_H

#include <trove/error.h>
#include <trove/oid.h>

/* Modes as git shows them: one of these, files with their permissions. */
enum {
    TROVE__MODE_TREE = 0040000,
    TROVE__MODE_FILE = 0100644,
    TROVE__MODE_EXECUTABLE = 0100755,
    TROVE__MODE_LINK = 0120000,
    TROVE__MODE_GITLINK = 0160000,
};

struct trove__tree_entry {
    const char *name; /* borrowed from the tree's bytes; a NUL follows */
    size_t name_length;
    uint32_t mode; /* one of the five above */
    struct trove_oid id;
};

struct trove__tree_reader {
    const unsigned char *at;
    size_t left;
    enum trove_algo algo;
};

/* DATA (SIZE bytes) is borrowed for as long as entries are read and used. */
void trove__tree_reader_init(struct trove__tree_reader *reader, enum trove_algo algo,
                             const void *data, size_t size);

/* The next entry. Returns 1 with *RET_ENTRY set, 0 at the end, -EPROTO where git would die. */
int trove__tree_next(struct trove__tree_reader *reader, struct trove__tree_entry *ret_entry,
                     struct trove_error *err);

/* TROVE_TREE, TROVE_BLOB (files and links), or TROVE_COMMIT for a gitlink, which lives in another repository. */
enum trove_type trove__mode_type(uint32_t mode);

/*
 * One step of looking PATH up: finds the entry that PATH (LENGTH bytes) begins with, as git does: it stops at the first
 * entry that sorts behind. *RET_USED is how much of PATH it covers, with the slash. Returns 0, -ENOENT, -EPROTO.
 */
int trove__tree_find(enum trove_algo algo, const void *data, size_t size, const char *path,
                     size_t length, struct trove__tree_entry *ret_entry, size_t *ret_used,
                     struct trove_error *err);

#endif
