// SPDX-License-Identifier: MIT
/*
 * reference_sieve.c - SIEVE: as CLOCK, but what was used stays where it is in the queue; the hand wanders from the oldest to
 * the newest and begins again. (Zhang et al.: SIEVE is simpler than LRU.)
 */
#include "reference.h"
#include <stdlib.h>

struct sieve {
    const struct trace *trace;
    uint64_t capacity;
    struct links links;
    struct list list;
    uint32_t hand;
    bool *cached, *used;
};

static void *sieve_create(const struct trace *trace, uint64_t capacity)
{
    struct sieve *sieve = reference_alloc(1, sizeof(*sieve));

    sieve->trace = trace;
    sieve->capacity = capacity;
    sieve->links = links_create(trace->object_count);
    sieve->list = (struct list)LIST_EMPTY;
    sieve->hand = REFERENCE_NONE;
    sieve->cached = reference_alloc(trace->object_count, sizeof(bool));
    sieve->used = reference_alloc(trace->object_count, sizeof(bool));
    return sieve;
}

static void sieve_evict(struct sieve *sieve)
{
    uint32_t object = sieve->hand;

    if (object == REFERENCE_NONE)
        object = sieve->list.oldest;
    while (sieve->used[object]) {
        sieve->used[object] = false;
        object = sieve->links.newer[object];
        if (object == REFERENCE_NONE)
            object = sieve->list.oldest;
    }
    sieve->hand = sieve->links.newer[object];
    sieve->cached[object] = false;
    list_remove(&sieve->links, &sieve->list, object, sieve->trace->weights[object]);
}

static bool sieve_use(void *policy, size_t n)
{
    struct sieve *sieve = policy;
    uint32_t object = sieve->trace->requests[n];
    uint64_t weight = sieve->trace->weights[object];

    if (sieve->cached[object]) {
        sieve->used[object] = true;
        return true;
    }
    if (weight > sieve->capacity)
        return false;
    while (sieve->list.bytes + weight > sieve->capacity)
        sieve_evict(sieve);
    list_add_newest(&sieve->links, &sieve->list, object, weight);
    sieve->cached[object] = true;
    return false;
}

static void sieve_destroy(void *policy)
{
    struct sieve *sieve = policy;

    links_destroy(&sieve->links);
    free(sieve->cached);
    free(sieve->used);
    free(sieve);
}

const struct reference reference_sieve = {"SIEVE", sieve_create, sieve_use, sieve_destroy};
