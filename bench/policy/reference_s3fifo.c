// SPDX-License-Identifier: MIT
/*
 * reference_s3fifo.c - S3-FIFO, as its authors' simulator has it: new objects enter a small queue, a tenth of the bytes; used
 * twice there, they go on to the main one, which is a CLOCK that counts to 3; others go, and are remembered in a queue of
 * ghosts of nine tenths of the bytes; who comes back while remembered enters main. (Yang et al.: FIFO queues are all you
 * need for cache eviction.) What is larger than the small queue is not cached.
 */
#include "reference.h"
#include <stdlib.h>

enum where { NOWHERE, SMALL, MAIN, GHOST };

struct s3fifo {
    const struct trace *trace;
    uint64_t small_max, main_max;
    struct links links;
    struct list lists[4]; /* by where */
    unsigned char *where, *uses;
};

static void *s3fifo_create(const struct trace *trace, uint64_t capacity)
{
    struct s3fifo *s3 = reference_alloc(1, sizeof(*s3));

    s3->trace = trace;
    s3->small_max = capacity / 10;
    s3->main_max = capacity - s3->small_max;
    s3->links = links_create(trace->object_count);
    for (unsigned i = 0; i < 4; i++)
        s3->lists[i] = (struct list)LIST_EMPTY;
    s3->where = reference_alloc(trace->object_count, 1);
    s3->uses = reference_alloc(trace->object_count, 1);
    return s3;
}

static void leave(struct s3fifo *s3, uint32_t object)
{
    list_remove(&s3->links, &s3->lists[s3->where[object]], object, s3->trace->weights[object]);
    s3->where[object] = NOWHERE;
}

static void enter(struct s3fifo *s3, uint32_t object, enum where where)
{
    list_add_newest(&s3->links, &s3->lists[where], object, s3->trace->weights[object]);
    s3->where[object] = (unsigned char)where;
}

static void remember(struct s3fifo *s3, uint32_t object)
{
    uint64_t weight = s3->trace->weights[object];

    while (s3->lists[GHOST].bytes + weight > s3->main_max)
        leave(s3, s3->lists[GHOST].oldest);
    enter(s3, object, GHOST);
}

static void evict_main(struct s3fifo *s3)
{
    for (;;) {
        uint32_t object = s3->lists[MAIN].oldest;

        leave(s3, object);
        if (s3->uses[object] == 0)
            return;
        s3->uses[object] = (unsigned char)((s3->uses[object] > 3 ? 3 : s3->uses[object]) - 1);
        enter(s3, object, MAIN);
    }
}

/* Until one has gone: what moves on to main makes no room. */
static void evict_small(struct s3fifo *s3)
{
    while (s3->lists[SMALL].bytes > 0) {
        uint32_t object = s3->lists[SMALL].oldest;

        leave(s3, object);
        if (s3->uses[object] < 2) {
            remember(s3, object);
            return;
        }
        s3->uses[object] = 0;
        enter(s3, object, MAIN);
    }
}

static bool s3fifo_use(void *policy, size_t n)
{
    struct s3fifo *s3 = policy;
    uint32_t object = s3->trace->requests[n];
    uint64_t weight = s3->trace->weights[object];
    bool remembered = s3->where[object] == GHOST;

    if (s3->where[object] == SMALL || s3->where[object] == MAIN) {
        s3->uses[object] += s3->uses[object] < 255;
        return true;
    }
    if (remembered)
        leave(s3, object);
    if (weight > s3->small_max)
        return false;
    while (s3->lists[SMALL].bytes + s3->lists[MAIN].bytes + weight > s3->small_max + s3->main_max)
        if (s3->lists[MAIN].bytes > s3->main_max || s3->lists[SMALL].bytes == 0)
            evict_main(s3);
        else
            evict_small(s3);
    s3->uses[object] = 0;
    enter(s3, object, remembered ? MAIN : SMALL);
    return false;
}

static void s3fifo_destroy(void *policy)
{
    struct s3fifo *s3 = policy;

    links_destroy(&s3->links);
    free(s3->where);
    free(s3->uses);
    free(s3);
}

const struct reference reference_s3fifo = {"S3-FIFO", s3fifo_create, s3fifo_use, s3fifo_destroy};
