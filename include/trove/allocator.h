// SPDX-License-Identifier: MIT
/*
 * trove/allocator.h - where memory comes from.
 *
 * One table for the process. The default uses jemalloc's sized calls when the process has jemalloc, else the C
 * library's. Objects, tables, flights and everything libtrove allocates itself come from here; what OpenSSL, libcurl,
 * PCRE2 and the C library allocate for themselves does not.
 */
#ifndef TROVE_ALLOCATOR_H
#define TROVE_ALLOCATOR_H

#include <trove/base.h>

/* Where memory comes from: three calls and what they are told. */
struct trove_allocator {
    /* SIZE > 0 bytes aligned to ALIGN (a power of two, 16 or more); NULL when there is none. */
    void *(*alloc)(void *context, size_t size, size_t align);
    /* MEMORY came from alloc with the same SIZE and ALIGN. Never NULL. */
    void (*free)(void *context, void *memory, size_t size, size_t align);
    /* An upper bound of the bytes that alloc(SIZE, ALIGN) takes from the system, for accounting before allocating. */
    size_t (*usable)(void *context, size_t size, size_t align);
    void *context;
};

TROVE_BEGIN_DECLS

/* Replaces the table for the whole process. The struct is copied. To be called before anything else of trove; the
 * functions must be thread-safe. Returns 0, -EINVAL (a function is missing), -EBUSY (memory is already in use). */
TROVE_API TROVE_NODISCARD int trove_set_allocator(const struct trove_allocator *allocator);

TROVE_END_DECLS

#endif
