// SPDX-License-Identifier: MIT
/*
 * pack_parse.c - the parser: header, entries and trailer out of bytes as they arrive.
 */
#include "core/memory.h"
#include "fetch/pack_lanes.h"
#include <errno.h>

/* So many bytes of work between two looks at the clock, each piece of work counting as so many at least. */
enum { LOOK_BYTES = 1 << 20, LOOK_LEAST = LOOK_BYTES / 32 };

int trove__pack_wrong(uint64_t offset, int code, const char *why, struct trove_error *err)
{
    return trove_error_set(err, code, "pack entry at offset %llu: %s", (unsigned long long)offset,
                           why);
}

int trove__pack_go_on(struct trove__pack_reader *reader, uint64_t size, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;

    if (size < parser->until_look && parser->until_look - size >= LOOK_LEAST) {
        parser->until_look -= size > LOOK_LEAST ? size : LOOK_LEAST;
        return 0;
    }
    parser->until_look = LOOK_BYTES;
    if (trove__pack_lanes_dropped(reader) || trove_is_canceled(reader->until.cancel))
        return trove_error_set(err, -ECANCELED, "canceled while reading a pack");
    if (reader->until.deadline_ns != TROVE_NO_DEADLINE &&
        trove_now_ns() > reader->until.deadline_ns)
        return trove_error_set(err, -ETIMEDOUT, "timed out while reading a pack");
    return 0;
}

/* --- stages ------------------------------------------------------------------------------------------------------- */

int trove__pack_look(struct trove__pack_reader *reader, uint64_t at, uint8_t *bytes, size_t want,
                     size_t *ret_size, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    size_t size = 0;

    while (size < want) {
        const uint8_t *from;
        size_t piece;
        int r = trove__spool_view(reader->spool, at + size, parser->view, sizeof(parser->view),
                                  &from, &piece, err);

        if (r < 0)
            return r;
        if (piece == 0)
            break;
        piece = piece < want - size ? piece : want - size;
        memcpy(bytes + size, from, piece);
        size += piece;
    }
    *ret_size = size;
    return 0;
}

static int at_header(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint8_t bytes[TROVE__PACK_HEADER_BYTES];
    const char *why;
    size_t size;
    int r = trove__pack_look(reader, parser->at, bytes, sizeof(bytes), &size, err);

    if (r < 0)
        return r;
    if (size < 4 ? memcmp(bytes, "PACK", size) != 0 : memcmp(bytes, "PACK", 4) != 0)
        return trove_error_set(err, -EPROTO, "this is no pack: it does not begin with PACK");
    if (size < sizeof(bytes))
        return -EAGAIN;
    r = trove__pack_parse_header(bytes, &parser->entries_claimed, &why);
    if (r < 0)
        return trove_error_set(err, r, "this is no pack that trove can read: %s", why);
    if (parser->entries_claimed > reader->limits.max_objects)
        return trove_error_set(err, -EFBIG, "the pack claims %u objects, the limit is %llu",
                               parser->entries_claimed,
                               (unsigned long long)reader->limits.max_objects);
    parser->at = TROVE__PACK_HEADER_BYTES;
    parser->stage = parser->entries_claimed == 0 ? TROVE__PACK_AT_TRAILER : TROVE__PACK_AT_ENTRY;
    return 0;
}

/* What can be said against an entry before a byte of its data is read. */
static int check_entry(struct trove__pack_reader *reader, struct trove__pack_current *current,
                       struct trove_error *err)
{
    const struct trove__pack_entry_header *header = &current->header;
    int r;

    if (header->size > reader->limits.max_object_bytes)
        return trove_error_set(
            err, -EFBIG,
            "pack entry at offset %llu: claims %llu bytes, the limit for an object is %llu",
            (unsigned long long)current->offset, (unsigned long long)header->size,
            (unsigned long long)reader->limits.max_object_bytes);
    r = trove__pack_check_room(reader, header->size, current->offset, err);
    if (r < 0 || header->kind != TROVE__PACK_OFS_DELTA)
        return r;
    current->base = trove__pack_index_at(&reader->parser.index, header->base_offset);
    return current->base != TROVE__PACK_NONE
               ? 0
               : trove__pack_wrong(current->offset, -EPROTO,
                                   "no entry begins where its base should be", err);
}

/* Parses the header at the parser's place; -EAGAIN when it is not all there. */
static int parse_entry(struct trove__pack_reader *reader, struct trove__pack_entry_header *ret,
                       struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint8_t gathered[TROVE__PACK_ENTRY_HEADER_MAX];
    const uint8_t *bytes;
    const char *why;
    size_t size;
    int r = trove__pack_see(reader, false, &bytes, &size, err);

    if (r == 0 && size < sizeof(gathered)) {
        bytes = gathered;
        r = trove__pack_look(reader, parser->at, gathered, sizeof(gathered), &size, err);
    }
    if (r < 0)
        return r;
    r = trove__pack_parse_entry(reader->hash->algo, parser->at, bytes, size, ret, &why);
    return r == 0 || r == -EAGAIN ? r : trove__pack_wrong(parser->at, r, why, err);
}

static int at_entry(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_current *current = &parser->current;
    int r = trove__pack_go_on(reader, 0, err);

    *current = (struct trove__pack_current){.offset = parser->at};
    if (r == 0)
        r = parse_entry(reader, &current->header, err);
    if (r == 0)
        r = check_entry(reader, current, err);
    if (r < 0)
        return r;
    parser->at += current->header.length;
    current->data_offset = parser->at;
    parser->stage = TROVE__PACK_AT_DATA;
    return 0;
}

/* The feeder compares the sum; here only the end is found. */
static int at_trailer(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint64_t end = parser->at + trove_oid_bytes(reader->hash->algo);
    uint64_t total = trove__spool_total(reader->spool);

    if (total < end)
        return -EAGAIN;
    if (total > end)
        return trove_error_set(err, -EPROTO, "%llu bytes of garbage behind the end of the pack",
                               (unsigned long long)(total - end));
    parser->stage = TROVE__PACK_AT_END;
    return 0;
}

static int at_end(struct trove__pack_reader *reader, struct trove_error *err)
{
    uint64_t end = reader->parser.at + trove_oid_bytes(reader->hash->algo);
    uint64_t total = trove__spool_total(reader->spool);

    if (total == end)
        return -EAGAIN;
    return trove_error_set(err, -EPROTO, "%llu bytes of garbage behind the end of the pack",
                           (unsigned long long)(total - end));
}

int trove__pack_parse(struct trove__pack_reader *reader, struct trove_error *err)
{
    static int (*const stages[])(struct trove__pack_reader *, struct trove_error *) = {
        [TROVE__PACK_AT_HEADER] = at_header,
        [TROVE__PACK_AT_ENTRY] = at_entry,
        [TROVE__PACK_AT_DATA] = trove__pack_entry_data,
        [TROVE__PACK_AT_TRAILER] = at_trailer,
        [TROVE__PACK_AT_END] = at_end,
    };
    int r = 0;

    reader->parser.window = reader->parser.view;
    reader->parser.window_size = 0; /* what was seen of a small spool may have moved */
    while (r == 0)
        r = stages[reader->parser.stage](reader, err);
    return r;
}

void trove__pack_parser_deinit(struct trove__pack_parser *parser)
{
    trove__pack_entry_forget(parser);
    trove__pack_bases_deinit(&parser->bases);
    trove__pack_index_deinit(&parser->index);
    trove__inflate_destroy(parser->inflater);
    trove__inflate_destroy(parser->again);
    trove__free(parser->joined);
    trove__bulk_deinit(&parser->chain);
    trove__pack_spill_deinit(&parser->spill);
}
