// SPDX-License-Identifier: MIT
/*
 * pack_spill.h - objects that cannot be made again from the pack alone (deltas of objects that only the cache has), put
 * by in a temporary file when they have to leave memory. One thread.
 */
#ifndef TROVE_FETCH_PACK_SPILL_H
#define TROVE_FETCH_PACK_SPILL_H

#include "fetch/bulk.h"

struct trove__pack_spill {
    struct trove__bulk places; /* of each entry: where it is in the file, + 1; 0: it is not */
    uint64_t size;
    int fd; /* -1: nothing has been put by */
};

void trove__pack_spill_init(struct trove__pack_spill *spill, uint64_t memory_max);
void trove__pack_spill_deinit(struct trove__pack_spill *spill);

/* Puts the bytes of ENTRY by; when it is there, there is nothing to do. */
int trove__pack_spill_put(struct trove__pack_spill *spill, uint32_t entry, const void *data,
                          uint64_t size, struct trove_error *err);
/* The size of ENTRY; -ENOENT when it is not there. */
int trove__pack_spill_size(struct trove__pack_spill *spill, uint32_t entry, uint64_t *ret_size,
                           struct trove_error *err);
/* Reads ENTRY, which is there and has SIZE bytes, into DATA. */
int trove__pack_spill_get(struct trove__pack_spill *spill, uint32_t entry, void *data,
                          uint64_t size, struct trove_error *err);

#endif
