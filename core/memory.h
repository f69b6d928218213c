// SPDX-License-Identifier: MIT
/*
 * memory.h - libtrove's own allocations, all through the table of <trove/allocator.h>, so that a test can make each of
 * them fail in turn. Plain calls remember the size in front of the memory; sized calls do not, and are for objects.
 */
#ifndef TROVE_CORE_MEMORY_H
#define TROVE_CORE_MEMORY_H

#include <stddef.h>

void *trove__malloc(size_t size); /* NULL when there is none; size 0 gives a unique pointer */
void *trove__calloc(size_t count, size_t size);  /* checks the product */
void *trove__realloc(void *memory, size_t size); /* on failure MEMORY is untouched */
char *trove__strdup(const char *text);
char *trove__strndup(const char *text, size_t length);
void trove__free(void *memory); /* of the four above; NULL is fine */

void *trove__sized_alloc(size_t size, size_t align);
void trove__sized_free(void *memory, size_t size, size_t align);
size_t trove__sized_usable(size_t size, size_t align); /* bytes that such an allocation takes */

#endif
