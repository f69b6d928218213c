// SPDX-License-Identifier: MIT
/*
 * reference_belady.c - Belady's optimum, size-aware: knows the future, and evicts what occupies most bytes for longest until
 * its next use; what has none goes first. What comes in is a candidate itself.
 *
 * For objects of one size that is the optimum. For sizes that differ the optimum cannot be computed; this is the usual
 * stand-in, and another policy can be a little better. Sizes are compared in classes an eighth of an octave wide: within a
 * class the farthest next use is the largest product.
 */
#include "reference.h"
#include <stdlib.h>

#define CLASSES (33 * 8)

struct belady {
    const struct trace *trace;
    uint64_t capacity, bytes;
    uint32_t *next;             /* of each request */
    struct heap heaps[CLASSES]; /* by ~next: the farthest first */
};

static unsigned class_of(uint64_t weight)
{
    unsigned octave = 63 - (unsigned)__builtin_clzl(weight | 8);

    return (octave - 3) * 8 + (unsigned)(weight >> (octave - 3) & 7);
}

static void *belady_create(const struct trace *trace, uint64_t capacity)
{
    struct belady *belady = reference_alloc(1, sizeof(*belady));
    uint32_t *places = reference_alloc(trace->object_count, sizeof(*places));
    uint64_t *keys = reference_alloc(trace->object_count, sizeof(*keys));
    size_t counts[CLASSES] = {0};

    belady->trace = trace;
    belady->capacity = capacity;
    belady->next = trace_next_uses(trace);
    if (belady->next == NULL)
        abort();
    for (uint32_t n = 0; n < trace->object_count; n++)
        counts[class_of(trace->weights[n])]++;
    for (unsigned c = 0; c < CLASSES; c++)
        belady->heaps[c] =
            (struct heap){reference_alloc(counts[c], sizeof(uint32_t)), places, keys, 0};
    return belady;
}

/* The worst object that is cached, at request N. */
static uint32_t worst(const struct belady *belady, size_t n)
{
    uint32_t ret = REFERENCE_NONE;
    double most = -1;

    for (unsigned c = 0; c < CLASSES; c++)
        if (belady->heaps[c].count > 0) {
            uint32_t object = belady->heaps[c].objects[0];
            uint64_t next = UINT32_MAX - belady->heaps[c].keys[object];
            double cost = next == UINT32_MAX ? 1e300 : (double)(next - n);

            cost *= (double)belady->trace->weights[object];
            if (cost > most) {
                most = cost;
                ret = object;
            }
        }
    return ret;
}

static bool belady_use(void *policy, size_t n)
{
    struct belady *belady = policy;
    uint32_t object = belady->trace->requests[n];
    uint64_t weight = belady->trace->weights[object];
    struct heap *heap = &belady->heaps[class_of(weight)];
    bool hit = heap->places[object] != 0;

    if (weight > belady->capacity)
        return false;
    heap_set(heap, object, UINT32_MAX - belady->next[n]);
    belady->bytes += hit ? 0 : weight;
    while (belady->bytes > belady->capacity) {
        uint32_t out = worst(belady, n);

        belady->bytes -= belady->trace->weights[out];
        heap_remove(&belady->heaps[class_of(belady->trace->weights[out])], out);
    }
    return hit;
}

static void belady_destroy(void *policy)
{
    struct belady *belady = policy;

    free(belady->heaps[0].places);
    free(belady->heaps[0].keys);
    for (unsigned c = 0; c < CLASSES; c++)
        free(belady->heaps[c].objects);
    free(belady->next);
    free(belady);
}

const struct reference reference_belady = {"Belady", belady_create, belady_use, belady_destroy};
