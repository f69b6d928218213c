// SPDX-License-Identifier: MIT
/*
 * linear.c - see linear.h.
 *
 * Each id is checked by itself: linearizability is a property of each object alone (Herlihy, Wing). The calls about an id
 * are walked in the order of their begins and ends. What is remembered is every CONFIGURATION that is possible: which of the
 * calls that have begun and not ended have had their effect already, and whether the id is there. Effects are
 * given as late as possible: only at the end of a call, which must have had its own by then (Lowe, Testing for
 * linearizability). Nothing possible is left out, so a history is refused only when no order explains it.
 */
#include "linear.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 32
#define CLOSED SIZE_MAX

struct configuration {
    uint32_t done; /* bit a slot: its call has had its effect */
    bool present;  /* the id is there */
};

struct set {
    struct configuration *items;
    size_t count, room;
};

struct walk {
    const struct linear_event *events;
    size_t slots[WIDTH]; /* the calls that are open, CLOSED for none */
    struct set now;
};

static void add(struct set *set, struct configuration one)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].done == one.done && set->items[i].present == one.present)
            return;
    if (set->count == set->room) {
        set->room = set->room == 0 ? 64 : 2 * set->room;
        set->items = realloc(set->items, set->room * sizeof(*set->items));
        if (set->items == NULL)
            abort();
    }
    set->items[set->count++] = one;
}

/* The effect of call N in ONE. False: what it said is not true there. */
static bool apply(const struct walk *walk, size_t n, struct configuration *one)
{
    const struct linear_event *event = &walk->events[n];
    bool present = one->present;

    switch ((enum linear_kind)event->kind) {
    case LINEAR_FOUND:
    case LINEAR_EXISTED:
        return present;
    case LINEAR_MISSED:
        return !present;
    case LINEAR_EVICTED:
        one->present = false;
        return present;
    case LINEAR_REPLACED:
        one->present = false;
        return true;
    case LINEAR_MAYBE:
        one->present = true; /* that it had no effect is the other way, see widen() */
        return true;
    case LINEAR_ADDED:
        one->present = true;
        return !present;
    }
    return false;
}

/* All that can be reached from the configurations by effects of open calls. */
static void widen(struct walk *walk)
{
    for (size_t i = 0; i < walk->now.count; i++)
        for (unsigned slot = 0; slot < WIDTH; slot++) {
            struct configuration next = walk->now.items[i];

            if (walk->slots[slot] == CLOSED || (next.done >> slot & 1) != 0)
                continue;
            next.done |= (uint32_t)1 << slot;
            if (walk->events[walk->slots[slot]].kind == LINEAR_MAYBE)
                add(&walk->now, next);
            if (apply(walk, walk->slots[slot], &next))
                add(&walk->now, next);
        }
}

static void begin(struct walk *walk, size_t n)
{
    unsigned slot = 0;

    while (slot < WIDTH && walk->slots[slot] != CLOSED)
        slot++;
    if (slot == WIDTH)
        abort(); /* more threads than the checker was made for */
    walk->slots[slot] = n;
}

/* False: no configuration is left. */
static bool end(struct walk *walk, size_t n)
{
    unsigned slot = 0;
    size_t kept = 0;

    while (walk->slots[slot] != n)
        slot++;
    widen(walk);
    for (size_t i = 0; i < walk->now.count; i++) {
        struct configuration one = walk->now.items[i];

        if ((one.done >> slot & 1) == 0)
            continue;
        one.done &= ~((uint32_t)1 << slot);
        walk->now.items[kept++] = one;
    }
    walk->now.count = kept;
    walk->slots[slot] = CLOSED;
    return kept > 0;
}

struct point {
    int64_t time;
    size_t event;
    bool is_end;
};

static int compare_points(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->is_end - y->is_end; /* begins first: calls that touch overlap */
}

static int compare_events(const void *a, const void *b)
{
    const struct linear_event *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* The calls about one id. */
static const struct linear_event *check_id(const struct linear_event *events, size_t count)
{
    struct walk walk = {.events = events};
    struct point *points = calloc(count, 2 * sizeof(*points));
    const struct linear_event *bad = NULL;

    if (points == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        points[2 * i] = (struct point){events[i].begin, i, false};
        points[2 * i + 1] = (struct point){events[i].end, i, true};
    }
    qsort(points, 2 * count, sizeof(*points), compare_points);
    for (unsigned slot = 0; slot < WIDTH; slot++)
        walk.slots[slot] = CLOSED;
    add(&walk.now, (struct configuration){0, false});
    for (size_t i = 0; bad == NULL && i < 2 * count; i++) {
        if (!points[i].is_end)
            begin(&walk, points[i].event);
        else if (!end(&walk, points[i].event))
            bad = &events[points[i].event];
    }
    free(walk.now.items);
    free(points);
    return bad;
}

/* The same beside the replacements, which are about it, too: COUNT calls about an id, then REPLACED of them. */
static const struct linear_event *check_beside(const struct linear_event *events, size_t count,
                                               const struct linear_event *replaced,
                                               size_t replaced_count)
{
    struct linear_event *all = malloc((count + replaced_count) * sizeof(*all));
    const struct linear_event *bad;
    size_t place;

    if (all == NULL)
        abort();
    memcpy(all, events, count * sizeof(*all));
    if (replaced_count > 0)
        memcpy(all + count, replaced, replaced_count * sizeof(*all));
    bad = check_id(all, count + replaced_count);
    place = bad == NULL ? 0 : (size_t)(bad - all);
    free(all);
    return bad == NULL ? NULL : place < count ? &events[place] : &replaced[place - count];
}

const struct linear_event *linear_check(struct linear_event *events, size_t count)
{
    const struct linear_event *bad = NULL;
    size_t first = 0, next, ids = count;

    qsort(events, count, sizeof(*events), compare_events);
    while (ids > 0 && events[ids - 1].id == LINEAR_EVERY)
        ids--;
    for (; bad == NULL && first < ids; first = next) {
        for (next = first; next < ids && events[next].id == events[first].id; next++)
            ;
        bad = check_beside(events + first, next - first, events + ids, count - ids);
    }
    return bad;
}
