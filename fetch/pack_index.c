// SPDX-License-Identifier: MIT
/*
 * pack_index.c - entries by position, by offset and by id, and the deltas that wait.
 */
#include "fetch/pack_index.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum {
    CELLS_FIRST = 1024,
    LOOKUPS_PER_TRIM = 2048, /* each may bring in a page or two of a mapped file */
};

/* A node is free, waits in the chain of its cell, or is in the list of what is ready. */
struct wait_node {
    struct trove__pack_wait base;
    uint32_t entry; /* TROVE__PACK_NONE: the node is free */
    uint32_t next;  /* node + 1; 0 ends */
};

#define READY (TROVE__PACK_NONE - 1) /* as BASE: has come */

static int draw_secret(uint64_t *secret, size_t size)
{
    return getrandom(secret, size, 0) == (ssize_t)size ? 0 : -EIO;
}

int trove__pack_index_init(struct trove__pack_index *index, enum trove_algo algo,
                           uint64_t memory_max, struct trove_error *err)
{
    memset(index, 0, sizeof(*index));
    index->algo = algo;
    trove__bulk_init(&index->entries, memory_max / 4);
    trove__bulk_init(&index->ids, memory_max / 4);
    trove__bulk_init(&index->id_cells, memory_max / 8);
    trove__bulk_init(&index->wait_nodes, memory_max / 4);
    trove__bulk_init(&index->wait_cells, memory_max / 8);
    if (draw_secret(index->secret, sizeof(index->secret)) < 0)
        return trove_error_set(err, -EIO, "no random bytes from the system");
    return 0;
}

void trove__pack_index_deinit(struct trove__pack_index *index)
{
    trove__bulk_deinit(&index->entries);
    trove__bulk_deinit(&index->ids);
    trove__bulk_deinit(&index->id_cells);
    trove__bulk_deinit(&index->wait_nodes);
    trove__bulk_deinit(&index->wait_cells);
}

uint64_t trove__pack_index_resident(const struct trove__pack_index *index)
{
    return trove__bulk_resident(&index->entries) + trove__bulk_resident(&index->ids) +
           trove__bulk_resident(&index->id_cells) + trove__bulk_resident(&index->wait_nodes) +
           trove__bulk_resident(&index->wait_cells);
}

/* Lookups of what has gone to files bring pages back; give them away now and then. */
static void count_lookup(struct trove__pack_index *index)
{
    if (++index->lookups < LOOKUPS_PER_TRIM)
        return;
    index->lookups = 0;
    trove__bulk_trim(&index->entries);
    trove__bulk_trim(&index->ids);
    trove__bulk_trim(&index->id_cells);
    trove__bulk_trim(&index->wait_nodes);
    trove__bulk_trim(&index->wait_cells);
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

int trove__pack_index_add(struct trove__pack_index *index, uint64_t offset, uint32_t *ret_entry,
                          struct trove_error *err)
{
    uint64_t count = (uint64_t)index->count + 1;
    int r = trove__bulk_reserve(&index->entries, count * sizeof(struct trove__pack_entry), err);

    if (r == 0)
        r = trove__bulk_reserve(&index->ids, count * trove_oid_bytes(index->algo), err);
    if (r < 0)
        return r;
    *ret_entry = index->count++;
    *trove__pack_index_entry(index, *ret_entry) =
        (struct trove__pack_entry){.offset = offset, .slot = TROVE__PACK_NONE};
    return 0;
}

struct trove__pack_entry *trove__pack_index_entry(struct trove__pack_index *index, uint32_t entry)
{
    return (struct trove__pack_entry *)index->entries.bytes + entry;
}

uint32_t trove__pack_index_at(struct trove__pack_index *index, uint64_t offset)
{
    uint32_t low = 0, high = index->count;

    count_lookup(index);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t at = trove__pack_index_entry(index, middle)->offset;

        if (at == offset)
            return middle;
        if (at < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return TROVE__PACK_NONE;
}

/* --- ids ---------------------------------------------------------------------------------------------------------- */

/* Both universal for whoever does not know the secret. */
static uint64_t keyed_entry(const struct trove__pack_index *index, uint32_t entry)
{
    return (index->secret[0] * entry + index->secret[1]) >> 32;
}

static uint64_t keyed(const struct trove__pack_index *index, const struct trove_oid *id)
{
    uint32_t word[TROVE_OID_BYTES_MAX / 4];
    uint64_t hash = 0;

    memcpy(word, id->bytes, sizeof(word));
    for (size_t i = 0; i < TROVE_OID_BYTES_MAX / 4; i += 2)
        hash += (index->secret[i] + word[i]) * (index->secret[i + 1] + word[i + 1]);
    return hash >> 32;
}

static uint8_t *id_bytes(struct trove__pack_index *index, uint32_t entry)
{
    return (uint8_t *)index->ids.bytes + (uint64_t)entry * trove_oid_bytes(index->algo);
}

void trove__pack_index_id(struct trove__pack_index *index, uint32_t entry, struct trove_oid *ret)
{
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->bytes, id_bytes(index, entry), trove_oid_bytes(index->algo));
}

/* The cell of ID, or the empty one where it belongs. */
static uint32_t *id_cell(struct trove__pack_index *index, const uint8_t *id_at)
{
    size_t size = trove_oid_bytes(index->algo);
    uint32_t *cells = index->id_cells.bytes;
    uint64_t mask = index->id_cell_count - 1, at;
    struct trove_oid id = {{0}};

    memcpy(id.bytes, id_at, size);
    at = keyed(index, &id) & mask;
    while (cells[at] != 0 && memcmp(id_bytes(index, cells[at] - 1), id.bytes, size) != 0)
        at = (at + 1) & mask;
    return &cells[at];
}

/* Of several entries with one id, the one with the fewest deltas below it: what was made from an entry of that id lies
 * above it, so that going from base to base always ends. */
static void map_id(struct trove__pack_index *index, uint32_t entry)
{
    uint32_t *cell = id_cell(index, id_bytes(index, entry));

    if (*cell == 0)
        index->ids_mapped++;
    else if (trove__pack_index_entry(index, entry)->depth >=
             trove__pack_index_entry(index, *cell - 1)->depth)
        return;
    *cell = entry + 1;
}

/* A new map with room for one more id, filled with all that are known. */
static int make_id_map(struct trove__pack_index *index, struct trove_error *err)
{
    uint64_t count = index->id_cell_count == 0 ? CELLS_FIRST : index->id_cell_count;
    struct trove__bulk cells;
    int r;

    while (count < 2 * ((uint64_t)index->count + 1))
        count *= 2;
    trove__bulk_init(&cells, index->id_cells.memory_max);
    r = trove__bulk_reserve(&cells, count * sizeof(uint32_t), err);
    if (r < 0)
        return r;
    trove__bulk_deinit(&index->id_cells);
    index->id_cells = cells;
    index->id_cell_count = count;
    index->ids_mapped = 0;
    index->map_ids = true;
    for (uint32_t entry = 0; entry < index->count; entry++)
        if (trove__pack_index_entry(index, entry)->has_id)
            map_id(index, entry);
    return 0;
}

int trove__pack_index_set_id(struct trove__pack_index *index, uint32_t entry,
                             const struct trove_oid *id, struct trove_error *err)
{
    int r = 0;

    memcpy(id_bytes(index, entry), id->bytes, trove_oid_bytes(index->algo));
    trove__pack_index_entry(index, entry)->has_id = 1;
    if (!index->map_ids)
        return 0;
    count_lookup(index);
    if (2 * (index->ids_mapped + 1) > index->id_cell_count)
        r = make_id_map(index, err); /* brings this id too */
    else
        map_id(index, entry);
    return r;
}

int trove__pack_index_find(struct trove__pack_index *index, const struct trove_oid *id,
                           uint32_t *ret_entry, struct trove_error *err)
{
    int r = index->map_ids ? 0 : make_id_map(index, err);

    if (r < 0)
        return r;
    count_lookup(index);
    *ret_entry = *id_cell(index, id->bytes) - 1; /* an empty cell gives TROVE__PACK_NONE */
    return 0;
}

/* --- waiting deltas ----------------------------------------------------------------------------------------------- */

static bool same_base(const struct trove__pack_wait *a, const struct trove__pack_wait *b)
{
    return a->base == b->base && (a->base != TROVE__PACK_NONE || trove_oid_equal(&a->id, &b->id));
}

static uint64_t wait_cell(const struct trove__pack_index *index,
                          const struct trove__pack_wait *base)
{
    uint64_t hash =
        base->base != TROVE__PACK_NONE ? keyed_entry(index, base->base) : keyed(index, &base->id);

    return hash & (index->wait_cell_count - 1);
}

/* Cells grow with the nodes; chains are linked anew. */
static int grow_wait_cells(struct trove__pack_index *index, struct trove_error *err)
{
    uint64_t count = index->wait_cell_count == 0 ? CELLS_FIRST : 2 * index->wait_cell_count;
    struct wait_node *nodes = index->wait_nodes.bytes;
    struct trove__bulk cells;
    uint32_t *cell;
    int r;

    trove__bulk_init(&cells, index->wait_cells.memory_max);
    r = trove__bulk_reserve(&cells, count * sizeof(*cell), err);
    if (r < 0)
        return r;
    trove__bulk_deinit(&index->wait_cells);
    index->wait_cells = cells;
    index->wait_cell_count = count;
    cell = cells.bytes;
    for (uint32_t i = 0; i < index->wait_node_count; i++)
        if (nodes[i].entry != TROVE__PACK_NONE && nodes[i].base.base != READY) {
            uint64_t at = wait_cell(index, &nodes[i].base);

            nodes[i].next = cell[at];
            cell[at] = i + 1;
        }
    return 0;
}

static int new_wait_node(struct trove__pack_index *index, uint32_t *ret_node,
                         struct trove_error *err)
{
    struct wait_node *nodes = index->wait_nodes.bytes;
    int r;

    if (index->wait_free != 0) {
        *ret_node = index->wait_free - 1;
        index->wait_free = nodes[*ret_node].next;
        return 0;
    }
    r = trove__bulk_reserve(&index->wait_nodes,
                            ((uint64_t)index->wait_node_count + 1) * sizeof(*nodes), err);
    if (r == 0)
        *ret_node = index->wait_node_count++;
    return r;
}

int trove__pack_index_wait(struct trove__pack_index *index, const struct trove__pack_wait *base,
                           uint32_t entry, struct trove_error *err)
{
    struct wait_node *nodes;
    uint32_t *cells, node = 0;
    uint64_t at;
    int r = 0;

    count_lookup(index);
    if (index->waiting >= index->wait_cell_count)
        r = grow_wait_cells(index, err);
    if (r == 0)
        r = new_wait_node(index, &node, err);
    if (r < 0)
        return r;
    nodes = index->wait_nodes.bytes;
    cells = index->wait_cells.bytes;
    at = wait_cell(index, base);
    nodes[node] = (struct wait_node){.base = *base, .entry = entry, .next = cells[at]};
    cells[at] = node + 1;
    index->waiting++;
    return 0;
}

void trove__pack_index_wake(struct trove__pack_index *index, const struct trove__pack_wait *base)
{
    struct wait_node *nodes = index->wait_nodes.bytes;
    uint32_t *link;

    if (index->waiting == 0)
        return;
    count_lookup(index);
    link = (uint32_t *)index->wait_cells.bytes + wait_cell(index, base);
    while (*link != 0) {
        uint32_t node = *link;

        if (!same_base(&nodes[node - 1].base, base)) {
            link = &nodes[node - 1].next;
            continue;
        }
        *link = nodes[node - 1].next;
        nodes[node - 1].base.base = READY;
        nodes[node - 1].next = index->ready;
        index->ready = node;
        index->waiting--;
    }
}

uint32_t trove__pack_index_take_ready(struct trove__pack_index *index)
{
    struct wait_node *nodes = index->wait_nodes.bytes;
    uint32_t node = index->ready;
    uint32_t entry;

    if (node == 0)
        return TROVE__PACK_NONE;
    entry = nodes[node - 1].entry;
    index->ready = nodes[node - 1].next;
    nodes[node - 1].entry = TROVE__PACK_NONE;
    nodes[node - 1].next = index->wait_free;
    index->wait_free = node;
    return entry;
}

bool trove__pack_index_waiting(struct trove__pack_index *index, uint32_t *cursor,
                               struct trove_oid *ret_id, uint32_t *ret_entry)
{
    const struct wait_node *nodes = index->wait_nodes.bytes;

    while (*cursor < index->wait_node_count) {
        const struct wait_node *node = &nodes[(*cursor)++];

        if (node->entry != TROVE__PACK_NONE && node->base.base == TROVE__PACK_NONE) {
            *ret_id = node->base.id;
            *ret_entry = node->entry;
            return true;
        }
    }
    return false;
}
