// SPDX-License-Identifier: MIT
/*
 * pack_target.h - a cache without a source as the target of a pack reader, which counts what it is asked.
 */
#ifndef TROVE_TESTS_PACK_TARGET_H
#define TROVE_TESTS_PACK_TARGET_H

#include "fetch/pack.h"
#include <pthread.h>
#include <trove/cache.h>

struct pack_target {
    struct trove *cache;
    const struct trove_hash *hash;
    pthread_mutex_t lock; /* guards what follows */
    size_t allocs, gives, finds, found, wrong_ids;
    uint64_t alloc_max;
    bool discard;                       /* what is given is thrown away at once, and never found */
    size_t fail_alloc_at, fail_give_at; /* the n-th call, from 1, answers -ENOMEM; 0: none */
    size_t found_most;                  /* so many finds have an answer, later ones none; 0: all */
    size_t cancel_at_give;              /* the n-th give, from 1, cancels UNTIL's token; 0: none */
    struct trove_until until;           /* of the reader */
};

/* HASH decides the algorithm. False when the cache cannot be opened (memory). */
bool pack_target_init(struct pack_target *target, const struct trove_hash *hash);
/* The same with a cache of MAX_BYTES from which objects leave. */
bool pack_target_init_evicting(struct pack_target *target, const struct trove_hash *hash,
                               uint64_t max_bytes);
/* The same with a cache that takes no more than MAX_BYTES. */
bool pack_target_init_refusing(struct pack_target *target, const struct trove_hash *hash,
                               uint64_t max_bytes);
void pack_target_deinit(struct pack_target *target);
struct trove__pack_target pack_target_calls(struct pack_target *target);
bool pack_target_has(struct pack_target *target, enum trove_type type, const void *data,
                     size_t size);

#endif
