// SPDX-License-Identifier: MIT
/*
 * pack_room.c - the parser's account of memory: nothing is allocated for an object before there is room for it.
 */
#include "fetch/pack_lanes.h"
#include <errno.h>

static void note_peak(struct trove__pack_reader *reader)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint64_t used =
        trove__spool_resident(reader->spool) + trove__pack_index_resident(&parser->index) +
        parser->bases.bytes + trove__bulk_resident(&parser->chain) +
        trove__bulk_resident(&parser->spill.places) + parser->work_bytes + TROVE__PACK_FIXED_BYTES;

    if (used > parser->peak)
        parser->peak = used;
}

static uint64_t file_share(const struct trove__pack_reader *reader)
{
    return (uint64_t)TROVE__PACK_FILE_CHUNKS * reader->chunk_bytes;
}

/* What is left of the bound for objects when raw bytes use RAW. */
static uint64_t object_share(const struct trove__pack_reader *reader, uint64_t raw)
{
    uint64_t max = reader->limits.max_inflight_bytes;

    return max - max / 8 - TROVE__PACK_FIXED_BYTES - raw;
}

static int no_room(const struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                   struct trove_error *err)
{
    return trove_error_set(
        err, -EFBIG,
        "pack entry at offset %llu: its %llu bytes do not fit into the memory for packs under way "
        "(%llu bytes, max_inflight_bytes, of which packs themselves need some)",
        (unsigned long long)offset, (unsigned long long)size,
        (unsigned long long)reader->limits.max_inflight_bytes);
}

int trove__pack_check_room(const struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                           struct trove_error *err)
{
    return size <= object_share(reader, file_share(reader)) ? 0
                                                            : no_room(reader, size, offset, err);
}

/* Drops the base that was used longest ago. Returns 1, or 0 when there is none that nobody holds, or a failure. */
static int drop_one(struct trove__pack_parser *parser, struct trove_error *err)
{
    uint32_t slot = trove__pack_bases_oldest(&parser->bases);
    const struct trove__pack_base *base;
    int r = 0;

    if (slot == TROVE__PACK_NONE)
        return 0;
    base = &parser->bases.nodes[slot];
    if (trove__pack_index_entry(&parser->index, base->entry)->thin)
        r = trove__pack_spill_put(&parser->spill, base->entry, base->data, base->size, err);
    if (r < 0)
        return r;
    trove__pack_bases_drop(&parser->bases, slot);
    return 1;
}

/* Frees some memory: a base, a task that ends, the raw bytes. Returns 1, or 0 when nothing is left, or a failure. */
static int free_some(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    int r = drop_one(parser, err);

    if (r == 0)
        r = trove__pack_lanes_await_one(reader, err);
    if (r != 0 || parser->raw_share <= file_share(reader))
        return r;
    parser->raw_share = file_share(reader);
    r = trove__spool_to_file(reader->spool, err);
    return r < 0 ? r : 1;
}

int trove__pack_make_room(struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                          struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;

    for (;;) {
        uint64_t share = object_share(reader, parser->raw_share);
        uint64_t used = parser->work_bytes + parser->bases.bytes;
        int r;

        if (used <= share && size <= share - used)
            break;
        r = free_some(reader, err);
        if (r <= 0)
            return r < 0 ? r : no_room(reader, size, offset, err);
    }
    parser->work_bytes += size;
    note_peak(reader);
    return 0;
}

int trove__pack_draft(struct trove__pack_reader *reader, enum trove_type type, uint64_t size,
                      uint64_t offset, struct trove_object **ret, struct trove_error *err)
{
    int r = trove__pack_make_room(reader, size + TROVE__PACK_BASE_OVERHEAD, offset, err);

    if (r < 0)
        return r;
    r = reader->target.alloc(reader->target.context, type, size, ret);
    if (r == 0)
        return 0;
    reader->parser.work_bytes -= size + TROVE__PACK_BASE_OVERHEAD;
    if (r == -ENOMEM)
        return trove_error_set(err, r, "pack entry at offset %llu: no memory for %llu bytes",
                               (unsigned long long)offset, (unsigned long long)size);
    return trove_error_set(err, r, "pack entry at offset %llu: %llu bytes are refused: %s",
                           (unsigned long long)offset, (unsigned long long)size,
                           r == -EFBIG ? "above the limit of the cache" : trove_strerror(r));
}
