// SPDX-License-Identifier: MIT
/*
 * pack_bases.c - a list of kept objects, newest first; an entry of the index knows its place in it.
 */
#include "fetch/pack_bases.h"
#include "core/memory.h"
#include <errno.h>

void trove__pack_bases_init(struct trove__pack_bases *bases, struct trove__pack_index *index)
{
    *bases = (struct trove__pack_bases){
        .index = index, .newest = TROVE__PACK_NONE, .oldest = TROVE__PACK_NONE};
}

static void unlink_node(struct trove__pack_bases *bases, uint32_t slot)
{
    struct trove__pack_base *node = &bases->nodes[slot];

    *(node->newer != TROVE__PACK_NONE ? &bases->nodes[node->newer].older : &bases->newest) =
        node->older;
    *(node->older != TROVE__PACK_NONE ? &bases->nodes[node->older].newer : &bases->oldest) =
        node->newer;
}

static void link_newest(struct trove__pack_bases *bases, uint32_t slot)
{
    struct trove__pack_base *node = &bases->nodes[slot];

    node->newer = TROVE__PACK_NONE;
    node->older = bases->newest;
    *(bases->newest != TROVE__PACK_NONE ? &bases->nodes[bases->newest].newer : &bases->oldest) =
        slot;
    bases->newest = slot;
}

void trove__pack_bases_drop(struct trove__pack_bases *bases, uint32_t slot)
{
    struct trove__pack_base *node = &bases->nodes[slot];

    unlink_node(bases, slot);
    bases->bytes -= node->size + TROVE__PACK_BASE_OVERHEAD;
    trove__pack_index_entry(bases->index, node->entry)->slot = TROVE__PACK_NONE;
    if (node->object != NULL)
        trove_unpin(node->object);
    else
        trove__free((void *)(uintptr_t)node->data);
    node->older = bases->free_node;
    bases->free_node = slot + 1;
}

void trove__pack_bases_deinit(struct trove__pack_bases *bases)
{
    while (bases->oldest != TROVE__PACK_NONE)
        trove__pack_bases_drop(bases, bases->oldest);
    trove__free(bases->nodes);
    trove__pack_bases_init(bases, bases->index);
}

static int new_node(struct trove__pack_bases *bases, uint32_t *ret_slot)
{
    if (bases->free_node != 0) {
        *ret_slot = bases->free_node - 1;
        bases->free_node = bases->nodes[*ret_slot].older;
        return 0;
    }
    if (bases->node_count == bases->node_room) {
        uint32_t room = bases->node_room == 0 ? 64 : 2 * bases->node_room;
        struct trove__pack_base *nodes = trove__realloc(bases->nodes, room * sizeof(*nodes));

        if (nodes == NULL)
            return -ENOMEM;
        bases->nodes = nodes;
        bases->node_room = room;
    }
    *ret_slot = bases->node_count++;
    return 0;
}

int trove__pack_bases_add(struct trove__pack_bases *bases, uint32_t entry,
                          struct trove_object *object, const void *data, uint64_t size,
                          uint32_t *ret_slot)
{
    uint32_t slot;

    if (new_node(bases, &slot) < 0)
        return -ENOMEM;
    bases->nodes[slot] = (struct trove__pack_base){
        .data = data, .size = size, .object = object, .entry = entry, .holds = 1};
    bases->bytes += size + TROVE__PACK_BASE_OVERHEAD;
    link_newest(bases, slot);
    trove__pack_index_entry(bases->index, entry)->slot = slot;
    *ret_slot = slot;
    return 0;
}

const struct trove__pack_base *trove__pack_bases_hold(struct trove__pack_bases *bases,
                                                      uint32_t slot)
{
    bases->nodes[slot].holds++;
    if (bases->newest != slot) {
        unlink_node(bases, slot);
        link_newest(bases, slot);
    }
    return &bases->nodes[slot];
}

void trove__pack_bases_let_go(struct trove__pack_bases *bases, uint32_t slot)
{
    bases->nodes[slot].holds--;
}

uint32_t trove__pack_bases_oldest(const struct trove__pack_bases *bases)
{
    uint32_t slot = bases->oldest;

    while (slot != TROVE__PACK_NONE && bases->nodes[slot].holds > 0)
        slot = bases->nodes[slot].newer;
    return slot;
}
