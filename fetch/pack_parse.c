// SPDX-License-Identifier: MIT
/*
 * pack_parse.c - the parser: entries out of bytes as they arrive.
 *
 * No size that a header claims is allocated on its word. Up to CREDIT_BYTES are; more only while the deflated bytes at
 * hand could plausibly hold them (CREDIT_RATIO); otherwise the stream is inflated into nothing first, until enough of it
 * has come, or it has ended with the size it claimed.
 */
#include "core/memory.h"
#include "fetch/pack_lanes.h"
#include <errno.h>

enum {
    CREDIT_BYTES = 256 * 1024,
    CREDIT_RATIO = 64,
    PROVING_BYTES = 16 * 1024,
    HOPELESS_RATIO =
        16, /* do not try to inflate in one go what would have to be packed tighter than this */
    UNTIL_EVERY = 32, /* entries between two looks at the clock */
};

int trove__pack_wrong(uint64_t offset, int code, const char *why, struct trove_error *err)
{
    return trove_error_set(err, code, "pack entry at offset %llu: %s", (unsigned long long)offset,
                           why);
}

static int check_until(struct trove__pack_reader *reader, struct trove_error *err)
{
    if (!reader->has_until || reader->parser.until_countdown-- > 0)
        return 0;
    reader->parser.until_countdown = UNTIL_EVERY;
    if (trove_is_canceled(reader->until.cancel))
        return trove_error_set(err, -ECANCELED, "canceled while reading a pack");
    if (reader->until.deadline_ns != TROVE_NO_DEADLINE &&
        trove_now_ns() > reader->until.deadline_ns)
        return trove_error_set(err, -ETIMEDOUT, "timed out while reading a pack");
    return 0;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

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

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* The bytes at the parser's place, in one piece; FRESH asks the spool even when some are known. */
static int see(struct trove__pack_reader *reader, bool fresh, const uint8_t **ret_bytes,
               size_t *ret_size, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    int r;

    if (fresh || parser->at < parser->window_at ||
        parser->at - parser->window_at >= parser->window_size) {
        r = trove__spool_view(reader->spool, parser->at, parser->view, sizeof(parser->view),
                              &parser->window, &parser->window_size, err);
        if (r < 0)
            return r;
        parser->window_at = parser->at;
    }
    *ret_bytes = parser->window + (parser->at - parser->window_at);
    *ret_size = parser->window_size - (size_t)(parser->at - parser->window_at);
    return 0;
}

/* Bytes before the parser's place are done with; tells so once in a while. */
static void advance(struct trove__pack_reader *reader)
{
    struct trove__pack_parser *parser = &reader->parser;

    if (parser->at / reader->chunk_bytes != parser->released / reader->chunk_bytes) {
        parser->released = parser->at;
        trove__spool_release(reader->spool, parser->at);
    }
    if (parser->at - parser->published >= reader->chunk_bytes / 2) {
        parser->published = parser->at;
        trove__pack_lanes_parsed(reader);
    }
}

/* --- the entry at hand -------------------------------------------------------------------------------------------- */

static void forget_output(struct trove__pack_parser *parser)
{
    struct trove__pack_current *current = &parser->current;

    if (!current->allocated)
        return;
    if (trove__pack_kind_is_delta(current->header.kind)) {
        trove__free(current->delta);
        parser->work_bytes -= current->header.size;
    } else {
        trove_unpin(current->object);
        parser->work_bytes -= current->header.size + TROVE__PACK_BASE_OVERHEAD;
    }
    current->allocated = false;
}

static int allocate_output(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_current *current = &reader->parser.current;
    uint64_t size = current->header.size;
    int r;

    if (!trove__pack_kind_is_delta(current->header.kind)) {
        r = trove__pack_draft(reader, (enum trove_type)current->header.kind, size, current->offset,
                              &current->object, err);
    } else {
        r = trove__pack_make_room(reader, size, current->offset, err);
        current->delta = r == 0 ? trove__malloc(size) : NULL;
        if (r == 0 && current->delta == NULL) {
            reader->parser.work_bytes -= size;
            r = trove__pack_wrong(current->offset, -ENOMEM, "no memory for a delta", err);
        }
    }
    current->allocated = r == 0;
    return r;
}

static void *output(struct trove__pack_reader *reader)
{
    struct trove__pack_current *current = &reader->parser.current;

    if (!current->allocated)
        return NULL;
    return trove__pack_kind_is_delta(current->header.kind)
               ? current->delta
               : reader->target.buffer(reader->target.context, current->object);
}

/* Whether INPUT deflated bytes are evidence enough to allocate what is claimed. */
static bool is_credible(uint64_t claimed, uint64_t input)
{
    return claimed <= CREDIT_BYTES || claimed / CREDIT_RATIO <= input;
}

static int check_ratio(const struct trove__pack_reader *reader, uint64_t in, uint64_t out,
                       struct trove_error *err)
{
    const struct trove__pack_limits *limits = &reader->limits;

    if (out <= limits->ratio_floor_bytes || out / limits->max_inflate_ratio <= in)
        return 0;
    return trove_error_set(
        err, -EFBIG, "pack entry at offset %llu: inflates to more than %u times its size",
        (unsigned long long)reader->parser.current.offset, limits->max_inflate_ratio);
}

/* The entry's data is all there, USED bytes of it. */
static int finish_entry(struct trove__pack_reader *reader, uint64_t used, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_current *current = &parser->current;
    uint64_t size = current->header.size;
    uint32_t entry;
    int r = check_ratio(reader, used, size, err);

    if (r == 0)
        r = trove__pack_index_add(&parser->index, current->offset, &entry, err);
    if (r < 0)
        return r;
    parser->at = current->data_offset + used;
    parser->deflated += used;
    parser->inflated += size;
    parser->entries_seen++;
    parser->stage = parser->entries_seen == parser->entries_claimed ? TROVE__PACK_AT_TRAILER
                                                                    : TROVE__PACK_AT_ENTRY;
    advance(reader);
    if (trove__pack_kind_is_delta(current->header.kind)) {
        parser->deltas++;
        r = trove__pack_resolve(reader, entry, &current->header, current->delta, size, err);
        forget_output(parser);
    } else {
        current->allocated = false; /* handed on */
        r = trove__pack_complete(reader, entry, (enum trove_type)current->header.kind, 0,
                                 current->object, size, err);
    }
    return r == 0 ? trove__pack_run_ready(reader, err) : r;
}

/* How many bytes the data will take, going by the entries so far. */
static uint64_t expected_bytes(const struct trove__pack_reader *reader)
{
    const struct trove__pack_parser *parser = &reader->parser;

    return (uint64_t)((double)parser->current.header.size * (double)(parser->deflated + 1024) /
                      (double)(parser->inflated + 4096));
}

/* Inflates the data in one go if SIZE bytes hold all of it. Returns 1 if they do not. */
static int try_whole(struct trove__pack_reader *reader, const uint8_t *bytes, size_t size,
                     struct trove_error *err)
{
    struct trove__pack_current *current = &reader->parser.current;
    size_t used;
    int r;

    if (!is_credible(current->header.size, size) || size < expected_bytes(reader) / 2)
        return 1;
    if (!current->allocated) {
        r = allocate_output(reader, err);
        if (r < 0)
            return r;
    }
    if (trove__inflate_whole(reader->parser.inflater, bytes, size, output(reader),
                             current->header.size, &used) < 0)
        return 1;
    return finish_entry(reader, used, err);
}

/* The SIZE bytes at hand end with a chunk: tries them together with the first bytes of the next ones. */
static int try_joined(struct trove__pack_reader *reader, const uint8_t *bytes, size_t size,
                      struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    size_t max = (size_t)TROVE__PACK_JOINED_CHUNKS * reader->chunk_bytes;
    size_t want = max;

    if (size > max / 2 || expected_bytes(reader) > max)
        return 1;
    if (expected_bytes(reader) < max / 4)
        want = max / 2;
    if (parser->joined == NULL)
        parser->joined = trove__malloc(max);
    if (parser->joined == NULL)
        return 1;
    memcpy(parser->joined, bytes, size);
    while (size < want) {
        const uint8_t *next;
        size_t more;
        int r = trove__spool_view(reader->spool, parser->at + size, parser->view,
                                  sizeof(parser->view), &next, &more, err);

        if (r < 0)
            return r;
        if (more == 0)
            break;
        more = more < want - size ? more : want - size;
        memcpy(parser->joined + size, next, more);
        size += more;
    }
    return try_whole(reader, parser->joined, size, err);
}

/* Tries what is at hand: in this chunk, and across its end. Returns 1 if the whole is not there. */
static int try_at_hand(struct trove__pack_reader *reader, const uint8_t **bytes, size_t *size,
                       struct trove_error *err)
{
    size_t known = *size;
    int r = 1;

    if (known <
        expected_bytes(reader) * 2) /* it may well be more than what was known a while ago */
        r = see(reader, true, bytes, size, err);
    if (r < 0)
        return r;
    r = *size == reader->chunk_bytes - reader->parser.at % reader->chunk_bytes &&
                *size < expected_bytes(reader)
            ? 1 /* goes on in the next chunk, most likely */
            : try_whole(reader, *bytes, *size, err);
    return r == 1 ? try_joined(reader, *bytes, *size, err) : r;
}

/* All that has come is not the whole. Inflating in one go costs half as much as in pieces: while it is likely to succeed
 * soon, waits for more bytes, which cannot delay an object, since this one is not complete. */
static bool better_wait(struct trove__pack_reader *reader, uint64_t all)
{
    struct trove__pack_current *current = &reader->parser.current;
    bool wait = !reader->parser.ending && all < reader->chunk_bytes && all >= 2 * current->tried &&
                all >= expected_bytes(reader) / 2;

    current->tried = all;
    return wait;
}

/* Begins the data of an entry, in one go if it is all there. 1: go on in pieces. */
static int begin_data(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_current *current = &parser->current;
    const uint8_t *bytes;
    size_t size;
    int r = see(reader, false, &bytes, &size, err);

    if (r < 0 || size == 0)
        return r < 0 ? r : -EAGAIN;
    if (current->tried == 0 || size >= 2 * current->tried) {
        r = try_at_hand(reader, &bytes, &size, err);
        if (r <= 0)
            return r;
    }
    if (is_credible(current->header.size, size)) {
        if (better_wait(reader, trove__spool_total(reader->spool) - parser->at))
            return -EAGAIN;
        current->inflating = TROVE__PACK_INTO_OUT;
        r = current->allocated ? 0 : allocate_output(reader, err);
        if (r < 0)
            return r;
    } else {
        current->inflating = TROVE__PACK_PROVING;
    }
    r = trove__inflate_begin(parser->inflater, output(reader), current->header.size);
    return r < 0 ? trove__pack_wrong(current->offset, r, "no memory to inflate it", err) : 1;
}

/* The claimed size has been proved, or is credible by now: inflates from the start, into its place. */
static int begin_again(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    int r = allocate_output(reader, err);

    if (r < 0)
        return r;
    parser->at = parser->current.data_offset;
    parser->current.inflating = TROVE__PACK_INTO_OUT;
    r = trove__inflate_begin(parser->inflater, output(reader), parser->current.header.size);
    return r == 0 ? 0
                  : trove__pack_wrong(parser->current.offset, r, "no memory to inflate it", err);
}

static int push_data(struct trove__pack_reader *reader, const uint8_t *bytes, size_t size,
                     struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_current *current = &parser->current;
    const char *why = "no memory to inflate it";
    size_t used = 0;
    uint64_t in;
    int r, too_much;

    if (current->inflating == TROVE__PACK_PROVING && size > PROVING_BYTES)
        size = PROVING_BYTES; /* a bomb is noticed soon */
    r = trove__inflate_push(parser->inflater, bytes, size, &used, &why);
    if (r < 0 && r != -EAGAIN)
        return trove__pack_wrong(current->offset, r, why, err);
    in = trove__inflate_total_in(parser->inflater);
    too_much = check_ratio(reader, in, trove__inflate_total_out(parser->inflater), err);
    if (too_much < 0)
        return too_much;
    parser->at += used;
    if (current->inflating == TROVE__PACK_PROVING)
        return r == 0 || is_credible(current->header.size, in) ? begin_again(reader, err) : 0;
    advance(reader);
    return r == 0 ? finish_entry(reader, in, err) : 0;
}

/* --- stages ------------------------------------------------------------------------------------------------------- */

/* Up to WANT bytes from the parser's place, in BYTES. */
static int look(struct trove__pack_reader *reader, uint8_t *bytes, size_t want, size_t *ret_size,
                struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    size_t size = 0;

    while (size < want) {
        const uint8_t *from;
        size_t piece;
        int r = trove__spool_view(reader->spool, parser->at + size, parser->view,
                                  sizeof(parser->view), &from, &piece, err);

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
    int r = look(reader, bytes, sizeof(bytes), &size, err);

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

    if (header->size > reader->limits.max_object_bytes)
        return trove_error_set(
            err, -EFBIG,
            "pack entry at offset %llu: claims %llu bytes, the limit for an object is %llu",
            (unsigned long long)current->offset, (unsigned long long)header->size,
            (unsigned long long)reader->limits.max_object_bytes);
    if (header->kind != TROVE__PACK_OFS_DELTA)
        return 0;
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
    int r = see(reader, false, &bytes, &size, err);

    if (r == 0 && size < sizeof(gathered)) {
        bytes = gathered;
        r = look(reader, gathered, sizeof(gathered), &size, err);
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
    int r = check_until(reader, err);

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

static int at_data(struct trove__pack_reader *reader, struct trove_error *err)
{
    const uint8_t *bytes;
    size_t size;
    int r = 1;

    if (reader->parser.current.inflating == TROVE__PACK_NOT_YET) {
        r = begin_data(reader, err);
        if (r <= 0)
            return r;
    }
    r = see(reader, false, &bytes, &size, err);
    if (r < 0 || size == 0)
        return r < 0 ? r : -EAGAIN;
    return push_data(reader, bytes, size, err);
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
        [TROVE__PACK_AT_HEADER] = at_header, [TROVE__PACK_AT_ENTRY] = at_entry,
        [TROVE__PACK_AT_DATA] = at_data,     [TROVE__PACK_AT_TRAILER] = at_trailer,
        [TROVE__PACK_AT_END] = at_end,
    };
    int r = 0;

    reader->parser.window = reader->parser.view;
    reader->parser.window_size = 0; /* what was seen of a small spool may have moved */
    while (r == 0)
        r = stages[reader->parser.stage](reader, err);
    return r;
}

/* --- complete objects --------------------------------------------------------------------------------------------- */

static int wake(struct trove__pack_parser *parser, const struct trove__pack_wait *base)
{
    uint32_t entry;

    while ((entry = trove__pack_index_wake(&parser->index, base)) != TROVE__PACK_NONE)
        if (trove__pack_push_ready(parser, entry) < 0)
            return -ENOMEM;
    return 0;
}

int trove__pack_completed(struct trove__pack_reader *reader, const struct trove__pack_task *task,
                          const struct trove_oid *id, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_wait base = {.base = TROVE__PACK_NONE, .id = *id};
    int r = trove__pack_index_set_id(&parser->index, task->entry, id, err);

    trove__pack_bases_let_go(&parser->bases, task->slot);
    parser->given++;
    if (r == 0 && wake(parser, &base) < 0)
        r = trove__pack_wrong(task->offset, -ENOMEM, "no memory for the deltas of it", err);
    return r;
}

int trove__pack_complete(struct trove__pack_reader *reader, uint32_t entry, enum trove_type type,
                         uint32_t depth, struct trove_object *object, uint64_t size,
                         struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_entry *known = trove__pack_index_entry(&parser->index, entry);
    struct trove__pack_wait base = {.base = entry};
    struct trove__pack_task task = {
        .object = object, .size = size, .offset = known->offset, .entry = entry, .type = type};

    task.data = reader->target.buffer(reader->target.context, object);
    parser->work_bytes -= size + TROVE__PACK_BASE_OVERHEAD;
    if (trove__pack_bases_add(&parser->bases, entry, trove_pin(object), task.data, size,
                              &task.slot) < 0) {
        trove_unpin(object);
        trove_unpin(object);
        return trove__pack_wrong(known->offset, -ENOMEM, "no memory to keep it as a base", err);
    }
    known->type = type;
    known->depth = depth;
    if (wake(parser, &base) < 0) {
        trove_unpin(object);
        return trove__pack_wrong(known->offset, -ENOMEM, "no memory for the deltas of it", err);
    }
    return trove__pack_lanes_submit(reader, &task, err);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int ends_early(const struct trove__pack_reader *reader, struct trove_error *err)
{
    const struct trove__pack_parser *parser = &reader->parser;

    if (parser->stage == TROVE__PACK_AT_HEADER)
        return trove_error_set(err, -EIO, "the pack ends early: after %llu bytes, in its header",
                               (unsigned long long)trove__spool_total(reader->spool));
    return trove_error_set(err, -EIO, "the pack ends early: after %llu bytes and %u of %u objects",
                           (unsigned long long)trove__spool_total(reader->spool),
                           parser->entries_seen, parser->entries_claimed);
}

/* Bases may have come into the cache meanwhile. *RET_FOUND is whether one did. */
static int look_outside_again(struct trove__pack_reader *reader, bool *ret_found)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_wait base = {.base = TROVE__PACK_NONE};
    uint32_t cursor = 0, entry;
    int r = 0;

    *ret_found = false;
    while (r == 0 && trove__pack_index_waiting(&parser->index, &cursor, &base.id, &entry)) {
        struct trove_object *object = reader->target.find(reader->target.context, &base.id);

        if (object == NULL)
            continue;
        trove_unpin(object);
        *ret_found = true;
        r = wake(parser, &base);
    }
    return r;
}

static int bases_missing(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_index *index = &reader->parser.index;
    char hex[TROVE_OID_HEX_MAX + 1];
    struct trove_oid id;
    uint32_t cursor = 0, entry;

    if (!trove__pack_index_waiting(index, &cursor, &id, &entry))
        return trove_error_set(err, -EPROTO, "%u deltas of the pack have no base", index->waiting);
    return trove_error_set(
        err, -EPROTO,
        "%u deltas of the pack have no base; the one at offset %llu wants %s, which neither the "
        "pack nor the cache has (or they are deltas of each other, in a circle)",
        index->waiting, (unsigned long long)trove__pack_index_entry(index, entry)->offset,
        trove_oid_to_hex(index->algo, &id, hex));
}

/* Resolves what can be, until no task is under way and nothing is ready. */
static int drain(struct trove__pack_reader *reader, struct trove_error *err)
{
    int r;

    do {
        r = trove__pack_run_ready(reader, err);
        if (r == 0)
            r = trove__pack_lanes_await_one(reader, err);
    } while (r > 0);
    return r;
}

int trove__pack_parse_end(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    bool found = true;
    int r;

    parser->ending = true;
    r = trove__pack_parse(reader, err);
    r = r == -EAGAIN ? drain(reader, err) : r;
    while (r == 0 && parser->index.waiting > 0 && found) {
        if (look_outside_again(reader, &found) < 0)
            return trove_error_set(err, -ENOMEM, "no memory for the deltas of a pack");
        r = drain(reader, err);
    }
    if (r == 0 && parser->stage != TROVE__PACK_AT_END)
        r = ends_early(reader, err);
    if (r == 0 && parser->index.waiting > 0)
        r = bases_missing(reader, err);
    return r;
}

void trove__pack_parser_deinit(struct trove__pack_parser *parser)
{
    forget_output(parser);
    trove__pack_bases_deinit(&parser->bases);
    trove__pack_index_deinit(&parser->index);
    trove__inflate_destroy(parser->inflater);
    trove__inflate_destroy(parser->again);
    trove__free(parser->joined);
    trove__free(parser->ready);
    trove__free(parser->chain);
}
