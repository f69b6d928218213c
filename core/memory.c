// SPDX-License-Identifier: MIT
/*
 * memory.c - the allocator table, and the plain calls on top of it.
 *
 * jemalloc's sized calls are found as weak symbols: they are there when the process has jemalloc (the program and the
 * benches link it; a host may), and null otherwise, so that the library itself never links it: a library that does
 * cannot be loaded with dlopen. A sanitizer must see every allocation, so its builds use the C library's.
 *
 * The table is the one piece of static mutable state of memory: it is the process's allocator, not a cache's.
 */
#include "core/memory.h"
#include "core/order.h"
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <trove/allocator.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MAY_USE_JEMALLOC 1
extern void *mallocx(size_t size, int flags) __attribute__((weak));
extern void sdallocx(void *memory, size_t size, int flags) __attribute__((weak));
extern size_t nallocx(size_t size, int flags) __attribute__((weak));
#else
#define MAY_USE_JEMALLOC 0
#endif

/* The size of a plain allocation is remembered in front of it, in a block that keeps the alignment of malloc. */
#define PLAIN_HEADER_BYTES 16
#define PLAIN_ALIGN 16
_Static_assert(PLAIN_HEADER_BYTES >= sizeof(size_t), "the header holds the size");
_Static_assert(PLAIN_ALIGN >= alignof(max_align_t), "plain memory suits every type");

/* glibc's malloc: a word of header, multiples of 16, at least 32. memalign may leave a rest that is too small to give
 * back. From the mmap threshold on, whole pages. The threshold moves, so both bounds are taken where it may be. */
#define LIBC_CHUNK_BYTES 8
#define LIBC_REST_BYTES 32
#define LIBC_MMAP_BYTES ((size_t)128 * 1024)
#define PAGE_BYTES ((size_t)4096)

static atomic_bool in_use; /* the allocator is what it is for good */
_Atomic uint16_t trove__known_usable[TROVE__KNOWN_BYTES / TROVE__QUANTUM + 1];

#if MAY_USE_JEMALLOC
static int jemalloc_flags(size_t align)
{
    return __builtin_ctzl(align); /* what MALLOCX_ALIGN() gives */
}

static bool has_jemalloc(void)
{
    return mallocx != NULL && sdallocx != NULL && nallocx != NULL;
}

static size_t jemalloc_usable(size_t size, size_t align)
{
    size_t usable = nallocx(size, jemalloc_flags(align));
    _Atomic uint16_t *known = align == TROVE__KNOWN_ALIGN ? trove__known_of(size) : NULL;

    /* RELAXED, both: see memory.h; before the first allocation there may still be another allocator. */
    if (known != NULL && trove__load_relaxed(&in_use))
        trove__store_relaxed(known, (uint16_t)usable);
    return usable;
}
#endif

static void *default_alloc(void *context, size_t size, size_t align)
{
    void *memory;

    (void)context;
#if MAY_USE_JEMALLOC
    if (has_jemalloc())
        return mallocx(size, jemalloc_flags(align));
#endif
    if (align <= alignof(max_align_t))
        return malloc(size);
    return posix_memalign(&memory, align, size) == 0 ? memory : NULL;
}

static void default_free(void *context, void *memory, size_t size, size_t align)
{
    (void)context;
#if MAY_USE_JEMALLOC
    if (has_jemalloc()) {
        sdallocx(memory, size, jemalloc_flags(align));
        return;
    }
#endif
    (void)size;
    (void)align;
    free(memory);
}

static size_t libc_usable(size_t size, size_t align)
{
    size_t over = LIBC_CHUNK_BYTES + 15 + (align > alignof(max_align_t) ? LIBC_REST_BYTES : 0);

    if (size >= LIBC_MMAP_BYTES)
        over = 2 * PAGE_BYTES - 1 + align;
    if (size > SIZE_MAX - over)
        return SIZE_MAX;
    return (size + over) & ~(size_t)15;
}

static size_t default_usable(void *context, size_t size, size_t align)
{
    (void)context;
#if MAY_USE_JEMALLOC
    if (has_jemalloc()) {
        size_t usable = jemalloc_usable(size, align);

        return usable == 0 ? SIZE_MAX : usable; /* 0: larger than the largest class */
    }
#endif
    return libc_usable(size, align);
}

static struct trove_allocator table = {
    .alloc = default_alloc,
    .free = default_free,
    .usable = default_usable,
};

int trove_set_allocator(const struct trove_allocator *allocator)
{
    if (allocator == NULL || !allocator->alloc || !allocator->free || !allocator->usable)
        return -EINVAL;
    /* RELAXED: the call comes before anything else of trove by contract; the flag only catches a caller who forgot. */
    if (trove__load_relaxed(&in_use))
        return -EBUSY;
    table = *allocator;
    return 0;
}

void *trove__sized_alloc(size_t size, size_t align)
{
    /* RELAXED: see trove_set_allocator(). Read first, so that the line is not written by every allocation. */
    if (!trove__load_relaxed(&in_use))
        trove__store_relaxed(&in_use, true);
    return table.alloc(table.context, size, align);
}

void trove__sized_free(void *memory, size_t size, size_t align)
{
    table.free(table.context, memory, size, align);
}

size_t trove__sized_usable(size_t size, size_t align)
{
    return table.usable(table.context, size, align);
}

void *trove__malloc(size_t size)
{
    unsigned char *memory;

    if (size > SIZE_MAX - PLAIN_HEADER_BYTES)
        return NULL;
    memory = trove__sized_alloc(size + PLAIN_HEADER_BYTES, PLAIN_ALIGN);
    if (memory == NULL)
        return NULL;
    memcpy(memory, &size, sizeof(size));
    return memory + PLAIN_HEADER_BYTES;
}

static size_t plain_size(const void *memory)
{
    size_t size;

    memcpy(&size, (const unsigned char *)memory - PLAIN_HEADER_BYTES, sizeof(size));
    return size;
}

void *trove__calloc(size_t count, size_t size)
{
    size_t bytes;
    void *memory;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    memory = trove__malloc(bytes);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

void *trove__realloc(void *memory, size_t size)
{
    void *bigger = trove__malloc(size);
    size_t keep;

    if (bigger == NULL || memory == NULL)
        return bigger;
    keep = plain_size(memory);
    memcpy(bigger, memory, keep < size ? keep : size);
    trove__free(memory);
    return bigger;
}

char *trove__strndup(const char *text, size_t length)
{
    size_t bytes = strnlen(text, length);
    char *copy = trove__malloc(bytes + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    return copy;
}

char *trove__strdup(const char *text)
{
    return trove__strndup(text, strlen(text));
}

void trove__free(void *memory)
{
    if (memory == NULL)
        return;
    trove__sized_free((unsigned char *)memory - PLAIN_HEADER_BYTES,
                      plain_size(memory) + PLAIN_HEADER_BYTES, PLAIN_ALIGN);
}
