// SPDX-License-Identifier: MIT
/*
 * memory.h - libtrove's own allocations, all through the table of <trove/allocator.h>, so that a test can make each of
 * them fail in turn. Plain calls remember the size in front of the memory; sized calls do not, and are for objects.
 */
#ifndef TROVE_CORE_MEMORY_H
#define TROVE_CORE_MEMORY_H

#include "core/order.h"
#include <stddef.h>
#include <stdint.h>

void *trove__malloc(size_t size); /* NULL when there is none; size 0 gives a unique pointer */
void *trove__calloc(size_t count, size_t size);  /* checks the product */
void *trove__realloc(void *memory, size_t size); /* on failure MEMORY is untouched */
char *trove__strdup(const char *text);
char *trove__strndup(const char *text, size_t length);
void trove__free(void *memory); /* of the four above; NULL is fine */

void *trove__sized_alloc(size_t size, size_t align);
void trove__sized_free(void *memory, size_t size, size_t align);
size_t trove__sized_usable(size_t size, size_t align); /* bytes that such an allocation takes */

/* The same at TROVE__KNOWN_ALIGN. A put asks for the sizes of small objects several times: under jemalloc, whose classes are
 * multiples of its quantum, sizes that end in the same 16 bytes take the same. 0: not known, ask. */
#define TROVE__QUANTUM 16
#define TROVE__KNOWN_ALIGN 32
#define TROVE__KNOWN_BYTES 4096
extern _Atomic uint16_t trove__known_usable[TROVE__KNOWN_BYTES / TROVE__QUANTUM + 1]
    __attribute__((visibility("hidden")));

/* Where that of SIZE is; NULL: it is too large. */
static inline _Atomic uint16_t *trove__known_of(size_t size)
{
    return size <= TROVE__KNOWN_BYTES
               ? &trove__known_usable[(size + TROVE__QUANTUM - 1) / TROVE__QUANTUM]
               : NULL;
}

static inline size_t trove__known_or_usable(size_t size)
{
    _Atomic uint16_t *known = trove__known_of(size);
    size_t usable =
        known == NULL ? 0 : trove__load_relaxed(known); /* RELAXED: all store the same */

    return usable != 0 ? usable : trove__sized_usable(size, TROVE__KNOWN_ALIGN);
}

#endif
