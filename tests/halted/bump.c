// SPDX-License-Identifier: MIT
/*
 * bump.c - see bump.h. No call to anything, no word that two threads share: a thread may stand still anywhere in here.
 */
#include "bump.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <trove/allocator.h>

#define REGION_BYTES ((size_t)1 << 30) /* address space; what is not used takes no memory */

static _Thread_local uintptr_t at, end;

static void *bump_alloc(void *context, size_t size, size_t align)
{
    uintptr_t memory;

    (void)context;
    if (at == 0) { /* the thread's first */
        void *region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (region == MAP_FAILED)
            return NULL;
        at = (uintptr_t)region;
        end = at + REGION_BYTES;
    }
    memory = (at + align - 1) & ~(uintptr_t)(align - 1);
    if (memory > end || size > end - memory)
        return NULL;
    at = memory + size;
    return (void *)memory;
}

static void bump_free(void *context, void *memory, size_t size, size_t align)
{
    (void)context;
    (void)memory;
    (void)size;
    (void)align;
}

static size_t bump_usable(void *context, size_t size, size_t align)
{
    (void)context;
    return (size + align - 1) & ~(align - 1);
}

void bump_install(void)
{
    static const struct trove_allocator allocator = {bump_alloc, bump_free, bump_usable, NULL};

    if (trove_set_allocator(&allocator) < 0)
        abort();
}
