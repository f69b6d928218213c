// SPDX-License-Identifier: MIT
/*
 * reference.h - the eviction policies of the books, written for the bench: one file each, none of them for threads.
 *
 * All know objects by number and weigh them alike; an object that weighs more than the whole cache is not cached.
 */
#ifndef TROVE_BENCH_POLICY_REFERENCE_H
#define TROVE_BENCH_POLICY_REFERENCE_H

#include "trace.h"
#include <stdbool.h>

struct reference {
    const char *name;
    /* For CAPACITY bytes. Aborts without memory, as all of this does: it is a bench. */
    void *(*create)(const struct trace *trace, uint64_t capacity);
    /* The Nth request. True: a hit. A miss brings the object in. */
    bool (*use)(void *policy, size_t n);
    void (*destroy)(void *policy);
};

extern const struct reference reference_lru, reference_clock, reference_sieve, reference_s3fifo,
    reference_lfu, reference_belady;

#define REFERENCE_NONE UINT32_MAX

/* Zeroed memory, or the end of the program. */
void *reference_alloc(size_t count, size_t size);

/* --- lists of objects: each object in at most one list that shares LINKS ------------------------------------------ */

struct links {
    uint32_t *newer, *older;
};

struct list {
    uint32_t newest, oldest;
    uint64_t bytes;
};

struct links links_create(uint32_t object_count);
void links_destroy(struct links *links);

#define LIST_EMPTY                                                                                 \
    {                                                                                              \
        REFERENCE_NONE, REFERENCE_NONE, 0                                                          \
    }
void list_add_newest(struct links *links, struct list *list, uint32_t object, uint64_t weight);
void list_remove(struct links *links, struct list *list, uint32_t object, uint64_t weight);

/* --- heaps of objects, the smallest key first --------------------------------------------------------------------- */

struct heap {
    uint32_t *objects, *places; /* a place is an index plus 1; 0: not in the heap */
    uint64_t *keys;             /* of each object */
    size_t count;
};

/* PLACES and KEYS may be shared by heaps when no object is in two. */
void heap_set(struct heap *heap, uint32_t object, uint64_t key);
void heap_remove(struct heap *heap, uint32_t object);

#endif
