// SPDX-License-Identifier: MIT
/*
 * pack_bases.h - inflated objects kept at hand as bases for deltas: least recently used out first. One thread.
 */
#ifndef TROVE_FETCH_PACK_BASES_H
#define TROVE_FETCH_PACK_BASES_H

#include "fetch/pack_index.h"
#include <trove/object.h>

/* What a kept object costs beside its bytes: its own header, its pin line, its node. */
enum { TROVE__PACK_BASE_OVERHEAD = 224 };

struct trove__pack_base {
    const uint8_t *data;
    uint64_t size;
    struct trove_object *object; /* pinned; or NULL and DATA is ours */
    uint32_t entry;
    uint32_t holds; /* uses under way, hashing included: stays */
    uint32_t newer, older;
};

struct trove__pack_bases {
    struct trove__pack_index *index; /* whose entries' slots point here */
    struct trove__pack_base *nodes;
    uint32_t node_count, node_room, free_node; /* free nodes are linked by `older`, + 1 */
    uint32_t newest, oldest;                   /* TROVE__PACK_NONE when empty */
    uint64_t bytes;                            /* of all that is kept, overhead included */
};

void trove__pack_bases_init(struct trove__pack_bases *bases, struct trove__pack_index *index);
void trove__pack_bases_deinit(struct trove__pack_bases *bases);

/* Keeps the bytes of ENTRY: those of OBJECT (give of one pin), or, when it is NULL, DATA from trove__malloc() (give).
 * Held once; the caller lets go. Returns 0 and the slot, or -ENOMEM. */
int trove__pack_bases_add(struct trove__pack_bases *bases, uint32_t entry,
                          struct trove_object *object, const void *data, uint64_t size,
                          uint32_t *ret_slot);
/* Takes one hold, and makes it the newest. Valid until the next add. */
const struct trove__pack_base *trove__pack_bases_hold(struct trove__pack_bases *bases,
                                                      uint32_t slot);
void trove__pack_bases_let_go(struct trove__pack_bases *bases, uint32_t slot);

/* The oldest that nobody holds, or TROVE__PACK_NONE. */
uint32_t trove__pack_bases_oldest(const struct trove__pack_bases *bases);
void trove__pack_bases_drop(struct trove__pack_bases *bases, uint32_t slot);

#endif
