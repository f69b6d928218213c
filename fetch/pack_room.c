// SPDX-License-Identifier: MIT
/*
 * pack_room.c - the parser's account of memory: nothing is allocated for an object before there is room for it.
 */
#include "fetch/pack_lanes.h"
#include <errno.h>

static void note_peak(struct trove__pack_reader *reader)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint64_t used = trove__spool_resident(reader->spool) +
                    trove__pack_index_resident(&parser->index) + parser->bases.bytes +
                    parser->work_bytes + TROVE__PACK_FIXED_BYTES;

    if (used > parser->peak)
        parser->peak = used;
}

/* What is left of the bound for objects. */
static uint64_t object_share(const struct trove__pack_reader *reader)
{
    uint64_t max = reader->limits.max_inflight_bytes;

    return max - max / 8 - TROVE__PACK_FIXED_BYTES - reader->parser.raw_share;
}

int trove__pack_make_room(struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                          struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint64_t file_share = (uint64_t)TROVE__PACK_FILE_CHUNKS * reader->chunk_bytes;
    int r = 0;

    while (r == 0) {
        uint64_t share = object_share(reader);
        uint64_t used = parser->work_bytes + parser->bases.bytes;

        if (used <= share && size <= share - used)
            break;
        if (trove__pack_bases_drop_one(&parser->bases))
            continue;
        r = trove__pack_lanes_await_one(reader, err);
        if (r != 0) {
            r = r < 0 ? r : 0;
            continue;
        }
        if (parser->raw_share > file_share) {
            r = trove__spool_to_file(reader->spool, err);
            parser->raw_share = file_share;
            continue;
        }
        return trove_error_set(
            err, -EFBIG,
            "pack entry at offset %llu: its %llu bytes do not fit into the memory for packs under "
            "way (%llu bytes)",
            (unsigned long long)offset, (unsigned long long)size,
            (unsigned long long)reader->limits.max_inflight_bytes);
    }
    if (r < 0)
        return r;
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
