// SPDX-License-Identifier: MIT
/*
 * pack_resolve.c - deltas: finding the base, applying, and waiting for one that comes later.
 */
#include "fetch/delta.h"
#include "fetch/pack_reader.h"
#include <errno.h>

int trove__pack_count_work(struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                           struct trove_error *err)
{
    uint64_t max = reader->limits.max_delta_output_bytes;

    if (size > max || reader->parser.delta_output > max - size)
        return trove_error_set(
            err, -EFBIG,
            "pack entry at offset %llu: the deltas of the pack write more than %llu bytes, with "
            "what has to be made again for them",
            (unsigned long long)offset, (unsigned long long)max);
    reader->parser.delta_output += size;
    return trove__pack_go_on(reader, size, err);
}

/* The base of a delta. Returns 0 with *RET held, 1 when it is not there yet and *RET_WAIT says what to wait for. */
static int find_base(struct trove__pack_reader *reader, uint64_t offset,
                     const struct trove__pack_entry_header *header, struct trove__pack_held *ret,
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

        return object == NULL ? 1 : trove__pack_hold_outside(reader, object, offset, ret, err);
    }
    if (trove__pack_index_entry(index, entry)->type == TROVE_ANY) {
        ret_wait->base = entry;
        return 1;
    }
    r = trove__pack_hold_entry(reader, entry, ret, err);
    if (r == 0)
        ret->in_pack = true;
    return r;
}

/* Makes the object of ENTRY from its base. */
static int apply(struct trove__pack_reader *reader, uint32_t entry, uint64_t offset,
                 const struct trove__pack_held *base, const void *delta, uint64_t delta_size,
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
    r = trove__pack_count_work(reader, size, offset, err);
    if (r == 0)
        r = trove__pack_draft(reader, base->type, size, offset, &object, err);
    if (r < 0)
        return r;
    trove__delta_apply(delta, delta_size, base->data,
                       reader->target.buffer(reader->target.context, object));
    trove__pack_index_entry(&reader->parser.index, entry)->thin = !base->in_pack;
    return trove__pack_complete(reader, entry, base->type, base->depth + 1, object, size, err);
}

int trove__pack_resolve(struct trove__pack_reader *reader, uint32_t entry,
                        const struct trove__pack_entry_header *header, const void *delta,
                        uint64_t size, struct trove_error *err)
{
    uint64_t offset = trove__pack_index_entry(&reader->parser.index, entry)->offset;
    struct trove__pack_wait wait;
    struct trove__pack_held base = {.slot = TROVE__PACK_NONE};
    int r = find_base(reader, offset, header, &base, &wait, err);

    if (r < 0)
        return r;
    if (r > 0)
        return trove__pack_index_wait(&reader->parser.index, &wait, entry, err);
    r = apply(reader, entry, offset, &base, delta, size, err);
    trove__pack_let_go(reader, &base);
    return r;
}

static int resolve_again(struct trove__pack_reader *reader, uint32_t entry, struct trove_error *err)
{
    struct trove__pack_entry_header header;
    uint8_t *delta;
    int r = trove__pack_inflate_again(reader, entry, &header, &delta, err);

    if (r < 0)
        return r;
    r = trove__pack_resolve(reader, entry, &header, delta, header.size, err);
    trove__pack_give_memory(reader, delta, header.size);
    return r;
}

int trove__pack_run_ready(struct trove__pack_reader *reader, struct trove_error *err)
{
    uint32_t entry;
    int r = 0;

    while (r == 0 &&
           (entry = trove__pack_index_take_ready(&reader->parser.index)) != TROVE__PACK_NONE)
        r = resolve_again(reader, entry, err);
    return r;
}
