// SPDX-License-Identifier: MIT
/*
 * reference_lfu.c - LFU: what was used least often since it came goes, of these what was not used for longest.
 */
#include "reference.h"
#include <stdlib.h>

#define TIME_BITS 32 /* a trace has fewer requests */

struct lfu {
    const struct trace *trace;
    uint64_t capacity, bytes;
    struct heap heap; /* by uses, then by the last one */
};

static void *lfu_create(const struct trace *trace, uint64_t capacity)
{
    struct lfu *lfu = reference_alloc(1, sizeof(*lfu));

    lfu->trace = trace;
    lfu->capacity = capacity;
    lfu->heap.objects = reference_alloc(trace->object_count, sizeof(uint32_t));
    lfu->heap.places = reference_alloc(trace->object_count, sizeof(uint32_t));
    lfu->heap.keys = reference_alloc(trace->object_count, sizeof(uint64_t));
    return lfu;
}

static bool lfu_use(void *policy, size_t n)
{
    struct lfu *lfu = policy;
    uint32_t object = lfu->trace->requests[n];
    uint64_t weight = lfu->trace->weights[object], uses = 1;
    bool hit = lfu->heap.places[object] != 0;

    if (weight > lfu->capacity)
        return false;
    if (hit)
        uses += lfu->heap.keys[object] >> TIME_BITS;
    while (!hit && lfu->bytes + weight > lfu->capacity) {
        uint32_t least = lfu->heap.objects[0];

        lfu->bytes -= lfu->trace->weights[least];
        heap_remove(&lfu->heap, least);
    }
    heap_set(&lfu->heap, object, uses << TIME_BITS | n);
    lfu->bytes += hit ? 0 : weight;
    return hit;
}

static void lfu_destroy(void *policy)
{
    struct lfu *lfu = policy;

    free(lfu->heap.objects);
    free(lfu->heap.places);
    free(lfu->heap.keys);
    free(lfu);
}

const struct reference reference_lfu = {"LFU", lfu_create, lfu_use, lfu_destroy};
