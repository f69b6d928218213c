// SPDX-License-Identifier: MIT
/*
 * region.h - one region of memory for all that trove allocates, which a test can make read-only: each store into it is
 * then caught, and who did it, and where, can be asked.
 */
#ifndef TROVE_TESTS_REGION_H
#define TROVE_TESTS_REGION_H

#include <stdbool.h>
#include <stddef.h>

/* Before anything else of trove: its memory comes from a region of BYTES from now on. 0 or a negative errno. Memory that is
 * freed comes back only when all of it is. */
int region_install(size_t bytes);

/* Registers this thread with trove. Where its reader's word would come from the allocator (ThreadSanitizer's back end of
 * sections) that one lies outside of the region, as liburcu's does. */
void region_thread_init(void);

/* Read-only from now on, and nothing can be allocated; nothing is caught yet. */
void region_freeze(void);
void region_thaw(void);

/* A store that was caught: the first into its page of 4 KiB since the last freeze; those after it are not seen. */
struct region_store {
    const void *at; /* what it wrote to */
    const void *
        code; /* who did, as an offset into the program that objdump understands; NULL: not known here */
};

/* Stores caught since the last freeze, and the N-th of them, of the first REGION_STORES_KEPT. */
#define REGION_STORES_KEPT 64
size_t region_stores(void);
struct region_store region_store(size_t n);

/* Prints them. */
void region_print(void);

#endif
