// SPDX-License-Identifier: MIT
/*
 * source_peer.h - a repository with something of everything, and a cache whose source is a real server of it.
 */
#ifndef TROVE_TESTS_SOURCE_PEER_H
#define TROVE_TESTS_SOURCE_PEER_H

#include <trove/trove.h>

/*
 * Makes DIR/NAME, bare: folders in folders, 120 files, a symbolic link, a gitlink, a merge, 12 commits; refs of one name
 * in several places, tags of a tag, a tree and a blob.
 */
void source_peer_make(const char *dir, const char *name, const char *object_format);

struct source_peer {
    struct trove_git *git;
    struct trove *cache;
    enum trove_algo algo;
};

/* Opens URL. ADJUST (may be NULL) changes the cache's options first. */
void source_peer_open(struct source_peer *peer, const char *url,
                      void (*adjust)(struct trove_options *options));
void source_peer_close(struct source_peer *peer);

uint64_t source_peer_requests(const struct source_peer *peer);

/* The ids that a shell command prints, one a line, each wanted as TYPE. *RET_WANTS is own: free(). */
size_t source_peer_wants(enum trove_algo algo, enum trove_type type, struct trove_want **ret_wants,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* resolve_many; returns how many came and frees the results. STATUSES (may be NULL) gets each one's. */
size_t source_peer_resolve(struct source_peer *peer, const struct trove_want *wants, size_t count,
                           int *statuses);

#endif
