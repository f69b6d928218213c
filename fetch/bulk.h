// SPDX-License-Identifier: MIT
/*
 * bulk.h - a growing array that leaves memory for a mapped temporary file when it passes its bound: what must be
 * remembered of each entry of a pack, however many entries a server sends. One thread.
 */
#ifndef TROVE_FETCH_BULK_H
#define TROVE_FETCH_BULK_H

#include <trove/error.h>

struct trove__bulk {
    void *bytes;       /* moves when it grows */
    uint64_t capacity; /* of BYTES; the part not written yet reads as zero */
    uint64_t memory_max;
    int fd; /* -1: in memory */
};

void trove__bulk_init(struct trove__bulk *bulk, uint64_t memory_max);
void trove__bulk_deinit(struct trove__bulk *bulk);
/* At least SIZE bytes. On failure nothing has changed. */
int trove__bulk_reserve(struct trove__bulk *bulk, uint64_t size, struct trove_error *err);
/* Lets go of the memory behind a mapped file; its bytes stay readable. */
void trove__bulk_trim(struct trove__bulk *bulk);
uint64_t
trove__bulk_resident(const struct trove__bulk *bulk); /* bytes of memory, 0 once in a file */

#endif
