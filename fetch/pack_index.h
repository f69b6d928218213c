// SPDX-License-Identifier: MIT
/*
 * pack_index.h - what the reader remembers of each entry of a pack: where it begins, what it is, its id once known; and
 * which deltas wait for which base. One thread. Memory is bounded; past the bound it goes to a temporary file.
 */
#ifndef TROVE_FETCH_PACK_INDEX_H
#define TROVE_FETCH_PACK_INDEX_H

#include "fetch/bulk.h"
#include <trove/oid.h>

#define TROVE__PACK_NONE UINT32_MAX /* no entry, no slot */
#define TROVE__PACK_DEPTH_MAX ((1u << 27) - 1)

struct trove__pack_entry {
    uint64_t offset;
    uint32_t slot;       /* in the base store, TROVE__PACK_NONE if its bytes are not at hand */
    uint32_t depth : 27; /* deltas below it */
    uint32_t thin : 1;   /* a delta of an object outside the pack */
    uint32_t type : 3;   /* TROVE_ANY while its base is not known */
    uint32_t has_id : 1;
};

struct trove__pack_index {
    enum trove_algo algo;
    uint32_t count;
    struct trove__bulk entries, ids;
    /* id -> entry, made when the first REF_DELTA asks for it: open addressing, entry + 1 in each cell */
    struct trove__bulk id_cells;
    uint64_t id_cell_count, ids_mapped;
    bool map_ids;
    /* waiting deltas: chains per base, each base being an id or an entry; node + 1 in each cell */
    struct trove__bulk wait_nodes, wait_cells;
    uint32_t wait_node_count, wait_free, waiting;
    uint32_t ready; /* list of those whose base has come; node + 1 */
    uint64_t wait_cell_count;
    uint64_t secret[8]; /* ids come from strangers: positions are keyed */
    uint32_t lookups;   /* since the last trim */
};

int trove__pack_index_init(struct trove__pack_index *index, enum trove_algo algo,
                           uint64_t memory_max, struct trove_error *err);
void trove__pack_index_deinit(struct trove__pack_index *index);
uint64_t trove__pack_index_resident(const struct trove__pack_index *index);

/* The next entry; offsets grow. */
int trove__pack_index_add(struct trove__pack_index *index, uint64_t offset, uint32_t *ret_entry,
                          struct trove_error *err);
/* Valid until the next add. */
struct trove__pack_entry *trove__pack_index_entry(struct trove__pack_index *index, uint32_t entry);
/* The entry that begins exactly at OFFSET, or TROVE__PACK_NONE. */
uint32_t trove__pack_index_at(struct trove__pack_index *index, uint64_t offset);

int trove__pack_index_set_id(struct trove__pack_index *index, uint32_t entry,
                             const struct trove_oid *id, struct trove_error *err);
void trove__pack_index_id(struct trove__pack_index *index, uint32_t entry, struct trove_oid *ret);
/* *RET_ENTRY is the entry of that ID (of several the one of the least depth), or TROVE__PACK_NONE. Fails only for want of
 * memory. */
int trove__pack_index_find(struct trove__pack_index *index, const struct trove_oid *id,
                           uint32_t *ret_entry, struct trove_error *err);

/* What a delta waits for: the entry BASE, or, when that is TROVE__PACK_NONE, the object ID. */
struct trove__pack_wait {
    uint32_t base;
    struct trove_oid id;
};

int trove__pack_index_wait(struct trove__pack_index *index, const struct trove__pack_wait *base,
                           uint32_t entry, struct trove_error *err);
/* All that waits for BASE is ready. Needs no memory: a server may let any number wait. */
void trove__pack_index_wake(struct trove__pack_index *index, const struct trove__pack_wait *base);
/* Takes one entry out that is ready, or gives TROVE__PACK_NONE. */
uint32_t trove__pack_index_take_ready(struct trove__pack_index *index);
/* An entry that waits for an id and that id; false when there is none. *CURSOR begins at 0. */
bool trove__pack_index_waiting(struct trove__pack_index *index, uint32_t *cursor,
                               struct trove_oid *ret_id, uint32_t *ret_entry);

#endif
