// SPDX-License-Identifier: MIT
/*
 * small_cache.h - a whole cache as the explorer's cases have it: few flights, one request at a time, each run alike.
 */
#ifndef TROVE_TESTS_SMALL_CACHE_H
#define TROVE_TESTS_SMALL_CACHE_H

#include "core/cache_struct.h"
#include "explorer.h"

/* The first byte of the data is the first of the id. */
static inline int small_id(void *context, enum trove_type type, const void *data, size_t size,
                           struct trove_oid *ret_id)
{
    (void)context, (void)type, (void)size;
    memset(ret_id, 0, sizeof(*ret_id));
    ret_id->bytes[0] = *(const unsigned char *)data;
    return 0;
}

static inline struct trove_want want_of(unsigned n)
{
    struct trove_want want = {.type = TROVE_BLOB};

    want.id.bytes[0] = (unsigned char)n;
    return want;
}

static inline struct trove *open_small(const struct trove_source *source, bool is_atomic)
{
    static const struct trove_hash hash = {.algo = TROVE_SHA1, .object_id = small_id};
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = &hash;
    options.max_bytes = 1 << 20;
    options.flights_max = 4;
    options.requests_at_once = 1;
    options.atomic_requests = is_atomic;
    options.source = *source;
    explorer_assert(trove_open(&options, &cache, NULL) == 0);
    memset(&cache->table.secret, 5, sizeof(cache->table.secret)); /* each run alike */
    return cache;
}

#endif
