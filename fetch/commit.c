// SPDX-License-Identifier: MIT
/*
 * commit.c - the head of a commit: "tree <id>\n", then any number of "parent <id>\n".
 */
#include "commit.h"

#include <errno.h>
#include <string.h>

#include "header_line.h"

int trove__commit_parse(enum trove_algo algo, const void *data, size_t size,
                        struct trove__commit *ret_commit, struct trove_error *err)
{
    struct trove__commit commit = {.algo = algo};
    struct trove_oid parent;
    const char *at = data;
    size_t used, left = size;
    int status;

    if (trove__header_id(algo, "tree ", at, left, &commit.tree, &used) != 1)
        return trove_error_set(err, -EPROTO, "bogus commit object");
    at += used;
    left -= used;
    commit.parents = at;
    while ((status = trove__header_id(algo, "parent ", at, left, &parent, &used)) == 1) {
        at += used;
        left -= used;
        commit.parent_count++;
    }
    if (status < 0)
        return trove_error_set(err, -EPROTO, "bad parents in commit");
    *ret_commit = commit;
    return 0;
}

int trove__commit_parent(const struct trove__commit *commit, size_t index, struct trove_oid *ret_id)
{
    size_t hex_length = trove_oid_bytes(commit->algo) * 2;
    size_t line_length = strlen("parent ") + hex_length + 1;

    if (index >= commit->parent_count)
        return -ENOENT;
    return trove_oid_from_hex(commit->algo,
                              commit->parents + index * line_length + strlen("parent "), hex_length,
                              ret_id);
}
