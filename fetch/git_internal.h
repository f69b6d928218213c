// SPDX-License-Identifier: MIT
/*
 * git_internal.h - a repository that is somewhere else, as the files that make it up see it.
 */
#ifndef TROVE_FETCH_GIT_INTERNAL_H
#define TROVE_FETCH_GIT_INTERNAL_H

#include <pthread.h>
#include <trove/git.h>

#include "inflight.h"
#include "plan.h"
#include "session_pool.h"

struct trove_git {
    struct trove_git_options options;
    const struct trove_hash *hash;
    struct trove__pool *pool;
    struct trove__inflight inflight;
    struct trove_git *next; /* under the lock of forking.c */
    bool is_local;

    pthread_mutex_t lock; /* all below */
    unsigned references;
    int64_t deadline_ns; /* of every request that begins */
    struct trove__plan_server
        server;                   /* what it advertised, and which filters it has refused since */
    struct trove_git_stats stats; /* what is counted here; the pool counts the rest */
};

/* Counts a request that is about to be sent. */
void trove__git_count_request(struct trove_git *git);

#endif
