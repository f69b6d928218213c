// SPDX-License-Identifier: MIT
/*
 * failing_allocator.c - makes the n-th of trove's own allocations fail.
 */
#include "failing_allocator.h"
#include "core/order.h"
#include "support.h"
#include <stdlib.h>
#include <string.h>
#include <trove/allocator.h>

/* RELAXED: counters of a test that looks at them when its threads are gone. */
static _Atomic long live, left;
static _Atomic size_t least; /* smaller ones neither fail nor count */

static void *failing_alloc(void *context, size_t size, size_t align)
{
    void *memory;

    (void)context;
    if (size >= trove__load_relaxed(&least) && trove__load_relaxed(&left) > 0 &&
        trove__sub_relaxed(&left, 1) == 1)
        return NULL;
    memory = aligned_alloc(align, (size + align - 1) / align * align);
    if (memory != NULL)
        trove__add_relaxed(&live, 1);
    return memory;
}

static void failing_free(void *context, void *memory, size_t size, size_t align)
{
    (void)context, (void)align;
    trove__sub_relaxed(&live, 1);
    memset(memory, 0xdb, size); /* who still reads it does not find what was there */
    free(memory);
}

static size_t failing_usable(void *context, size_t size, size_t align)
{
    (void)context;
    return (size + align - 1) / align * align;
}

int failing_allocator_install(void)
{
    static const struct trove_allocator allocator = {
        .alloc = failing_alloc, .free = failing_free, .usable = failing_usable};

    return trove_set_allocator(&allocator);
}

int failing_allocator_setup(void **state)
{
    (void)state;
    return failing_allocator_install();
}

void failing_allocator_fail_at(unsigned n)
{
    failing_allocator_fail_large(n, 0);
}

void failing_allocator_fail_large(unsigned n, size_t floor)
{
    trove__store_relaxed(&least, floor);
    trove__store_relaxed(&left, (long)n);
}

bool failing_allocator_stop(void)
{
    return trove__exchange_relaxed(&left, 0) <= 0;
}

long failing_allocator_live(void)
{
    return trove__load_relaxed(&live);
}

void failing_allocator_assert_none(void)
{
#ifndef __SANITIZE_THREAD__ /* its read sections keep a record for each thread */
    assert_int_equal(failing_allocator_live(), 0);
#endif
}
