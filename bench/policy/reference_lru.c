// SPDX-License-Identifier: MIT
/*
 * reference_lru.c - LRU: what was not used for longest goes.
 */
#include "reference.h"
#include <stdlib.h>

struct lru {
    const struct trace *trace;
    uint64_t capacity;
    struct links links;
    struct list list;
    bool *cached;
};

static void *lru_create(const struct trace *trace, uint64_t capacity)
{
    struct lru *lru = reference_alloc(1, sizeof(*lru));

    *lru = (struct lru){trace, capacity, links_create(trace->object_count), LIST_EMPTY,
                        reference_alloc(trace->object_count, sizeof(bool))};
    return lru;
}

static bool lru_use(void *policy, size_t n)
{
    struct lru *lru = policy;
    uint32_t object = lru->trace->requests[n];
    uint64_t weight = lru->trace->weights[object];
    bool hit = lru->cached[object];

    if (weight > lru->capacity)
        return false;
    if (hit)
        list_remove(&lru->links, &lru->list, object, weight);
    while (lru->list.bytes + weight > lru->capacity) {
        uint32_t oldest = lru->list.oldest;

        lru->cached[oldest] = false;
        list_remove(&lru->links, &lru->list, oldest, lru->trace->weights[oldest]);
    }
    list_add_newest(&lru->links, &lru->list, object, weight);
    lru->cached[object] = true;
    return hit;
}

static void lru_destroy(void *policy)
{
    struct lru *lru = policy;

    links_destroy(&lru->links);
    free(lru->cached);
    free(lru);
}

const struct reference reference_lru = {"LRU", lru_create, lru_use, lru_destroy};
