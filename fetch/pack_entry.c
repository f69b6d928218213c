// SPDX-License-Identifier: MIT
/*
 * pack_entry.c - the data of the entry at hand: inflated in one go when all of it has come, else in pieces.
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
};

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* The bytes at the parser's place, in one piece; FRESH asks the spool even when some are known. */
int trove__pack_see(struct trove__pack_reader *reader, bool fresh, const uint8_t **ret_bytes,
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

void trove__pack_entry_forget(struct trove__pack_parser *parser)
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
        trove__pack_entry_forget(parser);
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
        r = trove__pack_see(reader, true, bytes, size, err);
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
    int r = trove__pack_see(reader, false, &bytes, &size, err);

    if (r < 0 || size == 0)
        return r < 0 ? r : -EAGAIN;
    if (current->tried == 0 || size >= 2 * current->tried) {
        r = try_at_hand(reader, &bytes, &size, err);
        if (r <= 0)
            return r;
    }
    /* Once allocated it was credible, by more bytes than end with this chunk. */
    if (current->allocated || is_credible(current->header.size, size)) {
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
    int r, stop;

    if (current->inflating == TROVE__PACK_PROVING && size > PROVING_BYTES)
        size = PROVING_BYTES; /* a bomb is noticed soon */
    r = trove__inflate_push(parser->inflater, bytes, size, &used, &why);
    if (r < 0 && r != -EAGAIN)
        return trove__pack_wrong(current->offset, r, why, err);
    in = trove__inflate_total_in(parser->inflater);
    stop = check_ratio(reader, in, trove__inflate_total_out(parser->inflater), err);
    if (stop < 0)
        return stop;
    parser->at += used;
    stop = trove__pack_go_on(reader, size, err);
    if (stop < 0)
        return stop;
    if (current->inflating == TROVE__PACK_PROVING)
        return r == 0 || is_credible(current->header.size, in) ? begin_again(reader, err) : 0;
    advance(reader);
    return r == 0 ? finish_entry(reader, in, err) : 0;
}

int trove__pack_entry_data(struct trove__pack_reader *reader, struct trove_error *err)
{
    const uint8_t *bytes;
    size_t size;
    int r = 1;

    if (reader->parser.current.inflating == TROVE__PACK_NOT_YET) {
        r = begin_data(reader, err);
        if (r <= 0)
            return r;
    }
    r = trove__pack_see(reader, false, &bytes, &size, err);
    if (r < 0 || size == 0)
        return r < 0 ? r : -EAGAIN;
    return push_data(reader, bytes, size, err);
}
