// SPDX-License-Identifier: MIT
/*
 * reference_clock.c - CLOCK: first in, first out; what was used since the hand's last look goes round once more.
 */
#include "reference.h"
#include <stdlib.h>

struct clock {
    const struct trace *trace;
    uint64_t capacity;
    struct links links;
    struct list list;
    bool *cached, *used;
};

static void *clock_create(const struct trace *trace, uint64_t capacity)
{
    struct clock *clock = reference_alloc(1, sizeof(*clock));

    *clock = (struct clock){trace,
                            capacity,
                            links_create(trace->object_count),
                            LIST_EMPTY,
                            reference_alloc(trace->object_count, sizeof(bool)),
                            reference_alloc(trace->object_count, sizeof(bool))};
    return clock;
}

static void clock_turn(struct clock *clock)
{
    uint32_t object = clock->list.oldest;
    uint64_t weight = clock->trace->weights[object];

    list_remove(&clock->links, &clock->list, object, weight);
    if (clock->used[object])
        list_add_newest(&clock->links, &clock->list, object, weight);
    else
        clock->cached[object] = false;
    clock->used[object] = false;
}

static bool clock_use(void *policy, size_t n)
{
    struct clock *clock = policy;
    uint32_t object = clock->trace->requests[n];
    uint64_t weight = clock->trace->weights[object];

    if (clock->cached[object]) {
        clock->used[object] = true;
        return true;
    }
    if (weight > clock->capacity)
        return false;
    while (clock->list.bytes + weight > clock->capacity)
        clock_turn(clock);
    list_add_newest(&clock->links, &clock->list, object, weight);
    clock->cached[object] = true;
    return false;
}

static void clock_destroy(void *policy)
{
    struct clock *clock = policy;

    links_destroy(&clock->links);
    free(clock->cached);
    free(clock->used);
    free(clock);
}

const struct reference reference_clock = {"CLOCK", clock_create, clock_use, clock_destroy};
