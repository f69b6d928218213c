// SPDX-License-Identifier: MIT
/*
 * reference_parts.c - lists and heaps of object numbers. See reference.h.
 */
#include "reference.h"
#include <stdlib.h>

void *reference_alloc(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);

    if (memory == NULL)
        abort();
    return memory;
}

struct links links_create(uint32_t object_count)
{
    return (struct links){reference_alloc(object_count, sizeof(uint32_t)),
                          reference_alloc(object_count, sizeof(uint32_t))};
}

void links_destroy(struct links *links)
{
    free(links->newer);
    free(links->older);
}

void list_add_newest(struct links *links, struct list *list, uint32_t object, uint64_t weight)
{
    links->newer[object] = REFERENCE_NONE;
    links->older[object] = list->newest;
    if (list->newest != REFERENCE_NONE)
        links->newer[list->newest] = object;
    else
        list->oldest = object;
    list->newest = object;
    list->bytes += weight;
}

void list_remove(struct links *links, struct list *list, uint32_t object, uint64_t weight)
{
    uint32_t newer = links->newer[object], older = links->older[object];

    if (newer != REFERENCE_NONE)
        links->older[newer] = older;
    else
        list->newest = older;
    if (older != REFERENCE_NONE)
        links->newer[older] = newer;
    else
        list->oldest = newer;
    list->bytes -= weight;
}

static void place(struct heap *heap, size_t at, uint32_t object)
{
    heap->objects[at] = object;
    heap->places[object] = (uint32_t)at + 1;
}

/* OBJECT belongs at AT, or above or below it. */
static void sift(struct heap *heap, size_t at, uint32_t object)
{
    uint64_t key = heap->keys[object];

    for (; at > 0 && heap->keys[heap->objects[(at - 1) / 2]] > key; at = (at - 1) / 2)
        place(heap, at, heap->objects[(at - 1) / 2]);
    for (;;) {
        size_t child = at * 2 + 1;

        if (child + 1 < heap->count &&
            heap->keys[heap->objects[child + 1]] < heap->keys[heap->objects[child]])
            child++;
        if (child >= heap->count || heap->keys[heap->objects[child]] >= key)
            break;
        place(heap, at, heap->objects[child]);
        at = child;
    }
    place(heap, at, object);
}

void heap_set(struct heap *heap, uint32_t object, uint64_t key)
{
    size_t at = heap->places[object] != 0 ? heap->places[object] - 1 : heap->count++;

    heap->keys[object] = key;
    sift(heap, at, object);
}

void heap_remove(struct heap *heap, uint32_t object)
{
    size_t at = heap->places[object] - 1;
    uint32_t last = heap->objects[--heap->count];

    heap->places[object] = 0;
    if (last != object)
        sift(heap, at, last);
}
