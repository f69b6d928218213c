// SPDX-License-Identifier: MIT
/*
 * pack_resolve.c - deltas: finding the base, applying, waiting for one that comes later, and making bases again that
 * had to leave memory. Chains are walked with an array, never by recursion.
 */
#include "core/memory.h"
#include "fetch/delta.h"
#include "fetch/pack_reader.h"
#include <errno.h>

enum {
    REMAKE_COST_BYTES = 4096
}; /* what making one link of a chain again adds to the account of delta output */

/* The bytes a delta applies to, held meanwhile. */
struct base {
    const void *data;
    uint64_t size;
    enum trove_type type;
    uint32_t depth;
    uint32_t slot;                /* in the base store, or TROVE__PACK_NONE: */
    struct trove_object *outside; /* pinned */
};

static int no_memory(uint64_t offset, struct trove_error *err)
{
    return trove__pack_wrong(offset, -ENOMEM, "no memory to resolve a delta", err);
}

static int push(uint32_t **vector, uint32_t *room, uint32_t count, uint32_t value)
{
    if (count == *room) {
        uint32_t more = *room == 0 ? 256 : 2 * *room;
        uint32_t *grown = trove__realloc(*vector, more * sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        *vector = grown;
        *room = more;
    }
    (*vector)[count] = value;
    return 0;
}

int trove__pack_push_ready(struct trove__pack_parser *parser, uint32_t entry)
{
    if (push(&parser->ready, &parser->ready_room, parser->ready_count, entry) < 0)
        return -ENOMEM;
    parser->ready_count++;
    return 0;
}

/* --- entries that have been read before --------------------------------------------------------------------------- */

static int read_header(struct trove__pack_reader *reader, uint64_t offset,
                       struct trove__pack_entry_header *ret, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint8_t bytes[TROVE__PACK_ENTRY_HEADER_MAX];
    const char *why = "it has changed";
    size_t size = 0;
    int r;

    while (size < sizeof(bytes)) {
        const uint8_t *from;
        size_t piece;

        r = trove__spool_view(reader->spool, offset + size, parser->view, sizeof(parser->view),
                              &from, &piece, err);
        if (r < 0)
            return r;
        if (piece == 0)
            break;
        piece = piece < sizeof(bytes) - size ? piece : sizeof(bytes) - size;
        memcpy(bytes + size, from, piece);
        size += piece;
    }
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

/* Inflates the entry at OFFSET, whose size its first reading has proved. *RET is own (trove__free()) and counted as
 * being worked on. */
static int inflate_again(struct trove__pack_reader *reader, uint64_t offset,
                         const struct trove__pack_entry_header *header, uint8_t **ret,
                         struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint64_t at = offset + header->length;
    const uint8_t *bytes;
    uint8_t *out;
    size_t size, used;
    int r = trove__pack_make_room(reader, header->size, offset, err);

    if (r < 0)
        return r;
    out = trove__malloc(header->size);
    if (out == NULL || (parser->again == NULL && trove__inflate_create(&parser->again) < 0)) {
        r = no_memory(offset, err);
        goto fail;
    }
    parser->reinflated++;
    r = trove__spool_view(reader->spool, at, parser->view, sizeof(parser->view), &bytes, &size,
                          err);
    if (r == 0 && trove__inflate_whole(parser->again, bytes, size, out, header->size, &used) < 0) {
        r = trove__inflate_begin(parser->again, out, header->size);
        r = r < 0 ? no_memory(offset, err) : inflate_pieces(reader, at, err);
    }
    if (r < 0)
        goto fail;
    *ret = out;
    return 0;
fail:
    trove__free(out);
    parser->work_bytes -= header->size;
    return r;
}

/* --- bases -------------------------------------------------------------------------------------------------------- */

static void let_go(struct trove__pack_reader *reader, struct base *base)
{
    struct trove__pack_parser *parser = &reader->parser;

    if (base->slot != TROVE__PACK_NONE) {
        trove__pack_bases_let_go(&parser->bases, base->slot);
    } else if (base->outside != NULL) {
        trove_unpin(base->outside);
        parser->work_bytes -= base->size;
    }
    *base = (struct base){.slot = TROVE__PACK_NONE};
}

static void hold_slot(struct trove__pack_parser *parser, uint32_t entry, struct base *ret)
{
    const struct trove__pack_entry *known = trove__pack_index_entry(&parser->index, entry);
    const struct trove__pack_base *kept = trove__pack_bases_hold(&parser->bases, known->slot);

    *ret = (struct base){.data = kept->data,
                         .size = kept->size,
                         .type = known->type,
                         .depth = known->depth,
                         .slot = known->slot};
}

/* OBJECT (taken) from the cache becomes *RET. */
static int hold_outside(struct trove__pack_reader *reader, struct trove_object *object,
                        uint64_t offset, struct base *ret, struct trove_error *err)
{
    uint64_t size = trove_object_size(object);
    int r = trove__pack_make_room(reader, size, offset, err);

    if (r < 0) {
        trove_unpin(object);
        return r;
    }
    *ret = (struct base){.data = trove_object_data(object),
                         .size = size,
                         .type = trove_object_type(object),
                         .slot = TROVE__PACK_NONE,
                         .outside = object};
    return 0;
}

/* Keeps DATA (taken, counted as work) as the bytes of ENTRY; *RET holds it. */
static int keep(struct trove__pack_reader *reader, uint32_t entry, void *data, uint64_t size,
                struct base *ret, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    const struct trove__pack_entry *known = trove__pack_index_entry(&parser->index, entry);
    uint32_t slot;

    parser->work_bytes -= size;
    if (trove__pack_bases_add(&parser->bases, entry, NULL, data, size, &slot) < 0) {
        trove__free(data);
        return no_memory(known->offset, err);
    }
    *ret = (struct base){
        .data = data, .size = size, .type = known->type, .depth = known->depth, .slot = slot};
    return 0;
}

/* One step down a chain from ENTRY, whose bytes are not at hand. Returns 0 with *RET held when the walk can end here
 * (*RET belongs to ENTRY, or below it when *RET_BELOW), 1 with *RET_NEXT, the entry to look at next. */
static int step_down(struct trove__pack_reader *reader, uint32_t entry, struct base *ret,
                     bool *ret_below, uint32_t *ret_next, struct trove_error *err)
{
    struct trove__pack_index *index = &reader->parser.index;
    uint64_t offset = trove__pack_index_entry(index, entry)->offset;
    struct trove__pack_entry_header header;
    struct trove_object *object;
    uint8_t *data;
    int r = read_header(reader, offset, &header, err);

    *ret_below = false;
    if (r < 0)
        return r;
    if (!trove__pack_kind_is_delta(header.kind)) {
        r = inflate_again(reader, offset, &header, &data, err);
        return r < 0 ? r : keep(reader, entry, data, header.size, ret, err);
    }
    if (header.kind == TROVE__PACK_OFS_DELTA) {
        *ret_next = trove__pack_index_at(index, header.base_offset);
        return 1;
    }
    r = trove__pack_index_find(index, &header.base_id, ret_next, err);
    if (r < 0 || *ret_next != TROVE__PACK_NONE)
        return r < 0 ? r : 1;
    object = reader->target.find(reader->target.context, &header.base_id);
    if (object == NULL)
        return trove__pack_wrong(offset, -EIO, "its base has left the cache meanwhile", err);
    *ret_below = true;
    return hold_outside(reader, object, offset, ret, err);
}

/* ENTRY has been given to the cache: as long as it is there, nothing needs to be made again. Returns 1 when it is not. */
static int hold_given(struct trove__pack_reader *reader, uint32_t entry, struct base *ret,
                      struct trove_error *err)
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
    r = hold_outside(reader, object, known->offset, ret, err);
    if (r == 0)
        ret->depth = known->depth;
    return r;
}

/* Walks down from ENTRY to bytes that are at hand or can be had without a base; *RET_COUNT deltas of parser->chain are
 * to be applied to them, last first. */
static int walk_down(struct trove__pack_reader *reader, uint32_t entry, struct base *ret,
                     uint32_t *ret_count, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint32_t count = 0;

    for (;;) {
        uint64_t offset = trove__pack_index_entry(&parser->index, entry)->offset;
        bool below;
        uint32_t next;
        int r;

        *ret_count = count;
        if (trove__pack_index_entry(&parser->index, entry)->slot != TROVE__PACK_NONE) {
            hold_slot(parser, entry, ret);
            return 0;
        }
        r = hold_given(reader, entry, ret, err);
        if (r <= 0)
            return r;
        r = step_down(reader, entry, ret, &below, &next, err);
        if (r < 0 || (r == 0 && !below))
            return r;
        if (push(&parser->chain, &parser->chain_room, count, entry) < 0) {
            if (r == 0)
                let_go(reader, ret);
            return no_memory(offset, err);
        }
        count++;
        *ret_count = count;
        if (r == 0)
            return 0;
        entry = next;
    }
}

static int count_output(struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                        struct trove_error *err)
{
    uint64_t max = reader->limits.max_delta_output_bytes;

    if (size > max || reader->parser.delta_output > max - size)
        return trove_error_set(
            err, -EFBIG,
            "pack entry at offset %llu: the deltas of the pack write more than %llu bytes",
            (unsigned long long)offset, (unsigned long long)max);
    reader->parser.delta_output += size;
    return 0;
}

/* Applies the delta of ENTRY to *BASE, which becomes the result. */
static int climb(struct trove__pack_reader *reader, uint32_t entry, struct base *base,
                 struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint64_t offset = trove__pack_index_entry(&parser->index, entry)->offset;
    struct trove__pack_entry_header header;
    struct base result;
    const char *why;
    uint8_t *delta;
    void *out = NULL;
    uint64_t size;
    int r = read_header(reader, offset, &header, err);

    if (r == 0)
        r = inflate_again(reader, offset, &header, &delta, err);
    if (r < 0)
        return r;
    r = trove__delta_check(delta, header.size, base->size, &size, &why);
    r = r < 0 ? trove__pack_wrong(offset, r, why, err)
              : count_output(reader, size + REMAKE_COST_BYTES, offset, err);
    if (r == 0)
        r = trove__pack_make_room(reader, size, offset, err);
    if (r == 0) {
        out = trove__malloc(size);
        if (out == NULL) {
            parser->work_bytes -= size;
            r = no_memory(offset, err);
        }
    }
    if (r == 0) {
        trove__delta_apply(delta, header.size, base->data, out);
        r = keep(reader, entry, out, size, &result, err);
    }
    trove__free(delta);
    parser->work_bytes -= header.size;
    if (r == 0) {
        let_go(reader, base);
        *base = result;
    }
    return r;
}

/* The bytes of ENTRY, which has been complete before. */
static int hold_entry(struct trove__pack_reader *reader, uint32_t entry, struct base *ret,
                      struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct base base = {.slot = TROVE__PACK_NONE};
    uint32_t count;
    int r = walk_down(reader, entry, &base, &count, err);

    if (r < 0)
        return r;
    while (r == 0 && count > 0)
        r = climb(reader, parser->chain[--count], &base, err);
    if (r < 0)
        let_go(reader, &base);
    else
        *ret = base;
    return r;
}

/* --- resolving ---------------------------------------------------------------------------------------------------- */

/* The base of a delta. Returns 0 with *RET held, 1 when it is not there yet and *RET_WAIT says what to wait for. */
static int find_base(struct trove__pack_reader *reader, uint64_t offset,
                     const struct trove__pack_entry_header *header, struct base *ret,
                     struct trove__pack_wait *ret_wait, struct trove_error *err)
{
    struct trove__pack_index *index = &reader->parser.index;
    uint32_t entry;
    int r = 0;

    *ret_wait = (struct trove__pack_wait){.base = TROVE__PACK_NONE, .id = header->base_id};
    if (header->kind == TROVE__PACK_OFS_DELTA)
        entry = trove__pack_index_at(index, header->base_offset);
    else
        r = trove__pack_index_find(index, &header->base_id, &entry, err);
    if (r < 0)
        return r;
    if (entry == TROVE__PACK_NONE) {
        struct trove_object *object = reader->target.find(reader->target.context, &header->base_id);

        return object == NULL ? 1 : hold_outside(reader, object, offset, ret, err);
    }
    if (trove__pack_index_entry(index, entry)->type == TROVE_ANY) {
        ret_wait->base = entry;
        return 1;
    }
    return hold_entry(reader, entry, ret, err);
}

/* Makes the object of ENTRY from its base. */
static int apply(struct trove__pack_reader *reader, uint32_t entry, uint64_t offset,
                 const struct base *base, const void *delta, uint64_t delta_size,
                 struct trove_error *err)
{
    struct trove_object *object;
    const char *why;
    uint64_t size;
    int r;

    if (base->depth >= reader->limits.max_delta_depth)
        return trove_error_set(err, -EFBIG,
                               "pack entry at offset %llu: its chain of deltas is longer than %u",
                               (unsigned long long)offset, reader->limits.max_delta_depth);
    r = trove__delta_check(delta, delta_size, base->size, &size, &why);
    if (r < 0)
        return trove__pack_wrong(offset, r, why, err);
    if (size > reader->limits.max_object_bytes)
        return trove_error_set(
            err, -EFBIG,
            "pack entry at offset %llu: its delta makes %llu bytes, the limit for an object is %llu",
            (unsigned long long)offset, (unsigned long long)size,
            (unsigned long long)reader->limits.max_object_bytes);
    r = count_output(reader, size, offset, err);
    if (r == 0)
        r = trove__pack_draft(reader, base->type, size, offset, &object, err);
    if (r < 0)
        return r;
    trove__delta_apply(delta, delta_size, base->data,
                       reader->target.buffer(reader->target.context, object));
    return trove__pack_complete(reader, entry, base->type, base->depth + 1, object, size, err);
}

int trove__pack_resolve(struct trove__pack_reader *reader, uint32_t entry,
                        const struct trove__pack_entry_header *header, const void *delta,
                        uint64_t size, struct trove_error *err)
{
    uint64_t offset = trove__pack_index_entry(&reader->parser.index, entry)->offset;
    struct trove__pack_wait wait;
    struct base base = {.slot = TROVE__PACK_NONE};
    int r = find_base(reader, offset, header, &base, &wait, err);

    if (r < 0)
        return r;
    if (r > 0)
        return trove__pack_index_wait(&reader->parser.index, &wait, entry, err);
    r = apply(reader, entry, offset, &base, delta, size, err);
    let_go(reader, &base);
    return r;
}

static int resolve_again(struct trove__pack_reader *reader, uint32_t entry, struct trove_error *err)
{
    uint64_t offset = trove__pack_index_entry(&reader->parser.index, entry)->offset;
    struct trove__pack_entry_header header;
    uint8_t *delta;
    int r = read_header(reader, offset, &header, err);

    if (r == 0)
        r = inflate_again(reader, offset, &header, &delta, err);
    if (r < 0)
        return r;
    r = trove__pack_resolve(reader, entry, &header, delta, header.size, err);
    trove__free(delta);
    reader->parser.work_bytes -= header.size;
    return r;
}

int trove__pack_run_ready(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    int r = 0;

    while (r == 0 && parser->ready_count > 0)
        r = resolve_again(reader, parser->ready[--parser->ready_count], err);
    return r;
}
