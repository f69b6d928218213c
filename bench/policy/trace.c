// SPDX-License-Identifier: MIT
/*
 * trace.c - collecting a trace: ids become numbers, by an open-addressing table that doubles.
 */
#include "trace.h"
#include "core/object.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_init(struct trace *trace, const char *name)
{
    *trace = (struct trace){.request_count = 0};
    snprintf(trace->name, sizeof(trace->name), "%s", name);
}

void trace_free(struct trace *trace)
{
    free(trace->requests);
    free(trace->sizes);
    free(trace->types);
    free(trace->weights);
    free(trace->keys);
    free(trace->numbers);
}

static size_t slot_of(const struct trace *trace, uint64_t key)
{
    size_t at = (key ^ key >> 29) * 0x9e3779b97f4a7c15 >> 20 & (trace->slots - 1);

    while (trace->numbers[at] != 0 && trace->keys[at] != key)
        at = (at + 1) & (trace->slots - 1);
    return at;
}

static int grow_slots(struct trace *trace)
{
    struct trace old = *trace;
    uint64_t *keys;
    uint32_t *numbers;

    if (trace->object_count < trace->slots / 2)
        return 0;
    trace->slots = old.slots == 0 ? 1024 : old.slots * 2;
    keys = calloc(trace->slots, sizeof(*keys));
    numbers = calloc(trace->slots, sizeof(*numbers));
    if (keys == NULL || numbers == NULL) {
        free(keys);
        free(numbers);
        trace->slots = old.slots;
        return -ENOMEM;
    }
    trace->keys = keys;
    trace->numbers = numbers;
    for (size_t i = 0; i < old.slots; i++)
        if (old.numbers[i] != 0) {
            size_t at = slot_of(trace, old.keys[i]);

            keys[at] = old.keys[i];
            numbers[at] = old.numbers[i];
        }
    free(old.keys);
    free(old.numbers);
    return 0;
}

/* Makes room for one more behind COUNT elements. */
static int grow(void **array, size_t element, size_t count, size_t *room)
{
    size_t more = *room == 0 ? 1024 : *room * 2;
    void *grown;

    if (count < *room)
        return 0;
    grown = realloc(*array, more * element);
    if (grown == NULL)
        return -ENOMEM;
    *array = grown;
    *room = more;
    return 0;
}

static int add_object(struct trace *trace, size_t at, uint64_t key, uint64_t size, unsigned type)
{
    size_t sizes_room = trace->object_room, types_room = trace->object_room;
    uint32_t number = trace->object_count;

    if (grow((void **)&trace->sizes, sizeof(*trace->sizes), number, &sizes_room) < 0 ||
        grow((void **)&trace->types, sizeof(*trace->types), number, &types_room) < 0)
        return -ENOMEM;
    trace->object_room = (uint32_t)sizes_room;
    trace->sizes[number] = size;
    trace->types[number] = (uint8_t)type;
    trace->object_count++;
    trace->keys[at] = key;
    trace->numbers[at] = number + 1;
    return 0;
}

int trace_add(struct trace *trace, uint64_t key, uint64_t size, unsigned type)
{
    size_t at;
    int r;

    if (trace->request_count >= TRACE_REQUESTS_MAX)
        return -E2BIG;
    if (size > TRACE_SIZE_MAX)
        return -ERANGE;
    if (grow((void **)&trace->requests, sizeof(*trace->requests), trace->request_count,
             &trace->request_room) < 0 ||
        grow_slots(trace) < 0)
        return -ENOMEM;
    at = slot_of(trace, key);
    if (trace->numbers[at] == 0) {
        r = add_object(trace, at, key, size, type);
        if (r < 0)
            return r;
    }
    trace->requests[trace->request_count++] = trace->numbers[at] - 1;
    return 0;
}

int trace_finish(struct trace *trace)
{
    if (trace->request_count == 0)
        return -ENODATA;
    trace->weights = malloc(trace->object_count * sizeof(*trace->weights));
    if (trace->weights == NULL)
        return -ENOMEM;
    trace->footprint = 0;
    for (uint32_t n = 0; n < trace->object_count; n++) {
        trace->weights[n] = trove__object_usable(TROVE_SHA1, trace->sizes[n]);
        trace->footprint += trace->weights[n];
    }
    return 0;
}

uint32_t *trace_next_uses(const struct trace *trace)
{
    uint32_t *next = malloc(trace->request_count * sizeof(*next));
    uint32_t *later = malloc(trace->object_count * sizeof(*later));

    if (next != NULL && later != NULL) {
        memset(later, 0xff, trace->object_count * sizeof(*later));
        for (size_t i = trace->request_count; i-- > 0;) {
            next[i] = later[trace->requests[i]];
            later[trace->requests[i]] = (uint32_t)i;
        }
    }
    if (later == NULL) {
        free(next);
        next = NULL;
    }
    free(later);
    return next;
}
