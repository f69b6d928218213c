// SPDX-License-Identifier: MIT
/*
 * pack_remake.c - the bytes of entries that have been complete before: at hand, in the cache, or made again from the pack.
 *
 * An entry is made again from its base, that one from its own, down to bytes that can be had without one: chains are walked
 * with an array, never by recursion. Each step goes to an entry of less depth (pack_index.h), so every walk ends. A delta
 * of what only the cache had cannot be made again; it was put by when it left memory (pack_room.c).
 */
#include "core/memory.h"
#include "fetch/delta.h"
#include "fetch/pack_reader.h"
#include <errno.h>

enum {
    REMAKE_COST_BYTES = 4096
}; /* what inflating again adds to the account of work, beside its bytes */

static int no_memory(uint64_t offset, struct trove_error *err)
{
    return trove__pack_wrong(offset, -ENOMEM, "no memory to resolve a delta", err);
}

/* --- reading again ------------------------------------------------------------------------------------------------ */

static int read_header(struct trove__pack_reader *reader, uint64_t offset,
                       struct trove__pack_entry_header *ret, struct trove_error *err)
{
    uint8_t bytes[TROVE__PACK_ENTRY_HEADER_MAX];
    const char *why;
    size_t size;
    int r = trove__pack_look(reader, offset, bytes, sizeof(bytes), &size, err);

    if (r < 0)
        return r;
    r = trove__pack_parse_entry(reader->hash->algo, offset, bytes, size, ret, &why);
    return r == 0 ? 0 : trove__pack_wrong(offset, -EIO, "cannot be read again", err);
}

static int inflate_pieces(struct trove__pack_reader *reader, uint64_t at, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    const uint8_t *bytes;
    const char *why;
    size_t size, used;
    int r = -EAGAIN;

    while (r == -EAGAIN) {
        r = trove__spool_view(reader->spool, at, parser->view, sizeof(parser->view), &bytes, &size,
                              err);
        if (r < 0)
            return r;
        if (size == 0)
            return trove__pack_wrong(at, -EIO, "cannot be read again", err);
        r = trove__inflate_push(parser->again, bytes, size, &used, &why);
        at += r == -EAGAIN ? used : 0;
    }
    if (r == -ENOMEM)
        return no_memory(at, err);
    return r == 0 ? 0 : trove__pack_wrong(at, -EIO, "cannot be inflated again", err);
}

/* Room and memory for SIZE bytes, counted as being worked on. */
static int take_memory(struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                       uint8_t **ret, struct trove_error *err)
{
    int r = trove__pack_make_room(reader, size, offset, err);

    if (r < 0)
        return r;
    *ret = trove__malloc(size);
    if (*ret != NULL)
        return 0;
    reader->parser.work_bytes -= size;
    return no_memory(offset, err);
}

void trove__pack_give_memory(struct trove__pack_reader *reader, uint8_t *memory, uint64_t size)
{
    trove__free(memory);
    reader->parser.work_bytes -= size;
}

static int inflate_at(struct trove__pack_reader *reader, uint64_t at, uint64_t offset, uint8_t *out,
                      uint64_t out_size, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    const uint8_t *bytes;
    size_t size, used;
    int r;

    if (parser->again == NULL && trove__inflate_create(&parser->again) < 0)
        return no_memory(offset, err);
    r = trove__spool_view(reader->spool, at, parser->view, sizeof(parser->view), &bytes, &size,
                          err);
    if (r < 0 || trove__inflate_whole(parser->again, bytes, size, out, out_size, &used) == 0)
        return r;
    r = trove__inflate_begin(parser->again, out, out_size);
    return r < 0 ? no_memory(offset, err) : inflate_pieces(reader, at, err);
}

/* Inflates the entry at OFFSET, which has HEADER. */
static int inflate_entry(struct trove__pack_reader *reader, uint64_t offset,
                         const struct trove__pack_entry_header *header, uint8_t **ret,
                         struct trove_error *err)
{
    uint8_t *out;
    int r = trove__pack_count_work(reader, header->size + REMAKE_COST_BYTES, offset, err);

    if (r == 0)
        r = take_memory(reader, header->size, offset, &out, err);
    if (r < 0)
        return r;
    reader->parser.reinflated++;
    r = inflate_at(reader, offset + header->length, offset, out, header->size, err);
    if (r < 0)
        trove__pack_give_memory(reader, out, header->size);
    else
        *ret = out;
    return r;
}

int trove__pack_inflate_again(struct trove__pack_reader *reader, uint32_t entry,
                              struct trove__pack_entry_header *ret_header, uint8_t **ret,
                              struct trove_error *err)
{
    uint64_t offset = trove__pack_index_entry(&reader->parser.index, entry)->offset;
    int r = read_header(reader, offset, ret_header, err);

    return r < 0 ? r : inflate_entry(reader, offset, ret_header, ret, err);
}

/* --- holding ------------------------------------------------------------------------------------------------------ */

void trove__pack_let_go(struct trove__pack_reader *reader, struct trove__pack_held *held)
{
    struct trove__pack_parser *parser = &reader->parser;

    if (held->slot != TROVE__PACK_NONE) {
        trove__pack_bases_let_go(&parser->bases, held->slot);
    } else if (held->outside != NULL) {
        trove_unpin(held->outside);
        parser->work_bytes -= held->size;
    }
    *held = (struct trove__pack_held){.slot = TROVE__PACK_NONE};
}

static void hold_slot(struct trove__pack_parser *parser, uint32_t entry,
                      struct trove__pack_held *ret)
{
    const struct trove__pack_entry *known = trove__pack_index_entry(&parser->index, entry);
    const struct trove__pack_base *kept = trove__pack_bases_hold(&parser->bases, known->slot);

    *ret = (struct trove__pack_held){.data = kept->data,
                                     .size = kept->size,
                                     .type = known->type,
                                     .depth = known->depth,
                                     .slot = known->slot};
}

int trove__pack_hold_outside(struct trove__pack_reader *reader, struct trove_object *object,
                             uint64_t offset, struct trove__pack_held *ret, struct trove_error *err)
{
    uint64_t size = trove_object_size(object);
    int r = trove__pack_make_room(reader, size, offset, err);

    if (r < 0) {
        trove_unpin(object);
        return r;
    }
    *ret = (struct trove__pack_held){.data = trove_object_data(object),
                                     .size = size,
                                     .type = trove_object_type(object),
                                     .slot = TROVE__PACK_NONE,
                                     .outside = object};
    return 0;
}

/* Keeps DATA (taken, counted as work) as the bytes of ENTRY; *RET holds it. */
static int keep(struct trove__pack_reader *reader, uint32_t entry, void *data, uint64_t size,
                struct trove__pack_held *ret, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    const struct trove__pack_entry *known = trove__pack_index_entry(&parser->index, entry);
    uint32_t slot;

    parser->work_bytes -= size;
    if (trove__pack_bases_add(&parser->bases, entry, NULL, data, size, &slot) < 0) {
        trove__free(data);
        return no_memory(known->offset, err);
    }
    *ret = (struct trove__pack_held){
        .data = data, .size = size, .type = known->type, .depth = known->depth, .slot = slot};
    return 0;
}

/* ENTRY has been given to the cache: as long as it is there, nothing needs to be made again. Returns 1 when it is not. */
static int hold_given(struct trove__pack_reader *reader, uint32_t entry,
                      struct trove__pack_held *ret, struct trove_error *err)
{
    struct trove__pack_index *index = &reader->parser.index;
    const struct trove__pack_entry *known = trove__pack_index_entry(index, entry);
    struct trove_object *object;
    struct trove_oid id;
    int r;

    if (!known->has_id)
        return 1;
    trove__pack_index_id(index, entry, &id);
    object = reader->target.find(reader->target.context, &id);
    if (object == NULL)
        return 1;
    r = trove__pack_hold_outside(reader, object, known->offset, ret, err);
    if (r == 0)
        ret->depth = known->depth;
    return r;
}

/* --- going down a chain and up again ------------------------------------------------------------------------------ */

static int hold_put_by(struct trove__pack_reader *reader, uint32_t entry, uint64_t offset,
                       struct trove__pack_held *ret, struct trove_error *err)
{
    struct trove__pack_spill *spill = &reader->parser.spill;
    uint8_t *data;
    uint64_t size;
    int r = trove__pack_spill_size(spill, entry, &size, err);

    if (r == -ENOENT)
        return trove__pack_wrong(offset, -EIO, "its base has left the cache meanwhile", err);
    if (r == 0)
        r = trove__pack_count_work(reader, size + REMAKE_COST_BYTES, offset, err);
    if (r == 0)
        r = take_memory(reader, size, offset, &data, err);
    if (r < 0)
        return r;
    r = trove__pack_spill_get(spill, entry, data, size, err);
    if (r < 0) {
        trove__pack_give_memory(reader, data, size);
        return r;
    }
    return keep(reader, entry, data, size, ret, err);
}

/* One step down a chain from ENTRY, whose bytes are not at hand. Returns 0 with *RET held when they can be had without a
 * base, 1 with *RET_NEXT, the base. */
static int step_down(struct trove__pack_reader *reader, uint32_t entry,
                     struct trove__pack_held *ret, uint32_t *ret_next, struct trove_error *err)
{
    struct trove__pack_index *index = &reader->parser.index;
    const struct trove__pack_entry *known = trove__pack_index_entry(index, entry);
    struct trove__pack_entry_header header;
    uint8_t *data;
    int r;

    if (known->thin)
        return hold_put_by(reader, entry, known->offset, ret, err);
    r = read_header(reader, known->offset, &header, err);
    if (r < 0)
        return r;
    if (!trove__pack_kind_is_delta(header.kind)) {
        r = inflate_entry(reader, known->offset, &header, &data, err);
        return r < 0 ? r : keep(reader, entry, data, header.size, ret, err);
    }
    if (header.kind == TROVE__PACK_OFS_DELTA)
        *ret_next = trove__pack_index_at(index, header.base_offset);
    else
        r = trove__pack_index_find(index, &header.base_id, ret_next, err);
    if (r < 0)
        return r;
    if (*ret_next == TROVE__PACK_NONE ||
        trove__pack_index_entry(index, *ret_next)->depth >= known->depth)
        return trove__pack_wrong(known->offset, -EIO, "its base cannot be found again", err);
    return 1;
}

static int push_chain(struct trove__pack_parser *parser, uint32_t count, uint32_t entry,
                      struct trove_error *err)
{
    int r = trove__bulk_reserve(&parser->chain, (count + UINT64_C(1)) * sizeof(entry), err);

    if (r == 0)
        ((uint32_t *)parser->chain.bytes)[count] = entry;
    return r;
}

/* Walks down from ENTRY to bytes that are at hand or can be had without a base; *RET_COUNT deltas of parser->chain are
 * to be applied to them, last first. */
static int walk_down(struct trove__pack_reader *reader, uint32_t entry,
                     struct trove__pack_held *ret, uint32_t *ret_count, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint32_t count = 0, next;
    int r = 1;

    while (r == 1) {
        *ret_count = count;
        if (trove__pack_index_entry(&parser->index, entry)->slot != TROVE__PACK_NONE) {
            hold_slot(parser, entry, ret);
            return 0;
        }
        r = hold_given(reader, entry, ret, err);
        if (r == 1)
            r = step_down(reader, entry, ret, &next, err);
        if (r == 1) {
            r = push_chain(parser, count++, entry, err);
            r = r == 0 ? 1 : r;
            entry = next;
        }
    }
    return r;
}

/* Applies DELTA to HELD; the result is kept as the bytes of ENTRY and held as *RET. */
static int apply_again(struct trove__pack_reader *reader, uint32_t entry, uint64_t offset,
                       const uint8_t *delta, uint64_t delta_size,
                       const struct trove__pack_held *held, struct trove__pack_held *ret,
                       struct trove_error *err)
{
    const char *why;
    uint8_t *out;
    uint64_t size;
    int r = trove__delta_check(delta, delta_size, held->size, &size, &why);

    if (r < 0)
        return trove__pack_wrong(offset, r, why, err);
    r = trove__pack_count_work(reader, size, offset, err);
    if (r == 0)
        r = take_memory(reader, size, offset, &out, err);
    if (r < 0)
        return r;
    trove__delta_apply(delta, delta_size, held->data, out);
    return keep(reader, entry, out, size, ret, err);
}

/* Applies the delta of ENTRY to *HELD, its base, which becomes the result. */
static int climb(struct trove__pack_reader *reader, uint32_t entry, struct trove__pack_held *held,
                 struct trove_error *err)
{
    uint64_t offset = trove__pack_index_entry(&reader->parser.index, entry)->offset;
    struct trove__pack_entry_header header;
    struct trove__pack_held result;
    uint8_t *delta;
    int r = trove__pack_inflate_again(reader, entry, &header, &delta, err);

    if (r < 0)
        return r;
    r = apply_again(reader, entry, offset, delta, header.size, held, &result, err);
    trove__pack_give_memory(reader, delta, header.size);
    if (r == 0) {
        trove__pack_let_go(reader, held);
        *held = result;
    }
    return r;
}

int trove__pack_hold_entry(struct trove__pack_reader *reader, uint32_t entry,
                           struct trove__pack_held *ret, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_held held = {.slot = TROVE__PACK_NONE};
    uint32_t count;
    int r = walk_down(reader, entry, &held, &count, err);

    while (r == 0 && count > 0)
        r = climb(reader, ((const uint32_t *)parser->chain.bytes)[--count], &held, err);
    if (r < 0)
        trove__pack_let_go(reader, &held);
    else
        *ret = held;
    return r;
}
