// SPDX-License-Identifier: MIT
/*
 * pack.c - the pack reader's outside: feeding it, its trailer, its limits.
 */
#include "core/memory.h"
#include "fetch/pack_lanes.h"
#include <errno.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

enum { INFLIGHT_MIN = 1 << 20, CHUNKS_OF_INFLIGHT = 128 };

void trove__pack_limits_init(struct trove__pack_limits *limits)
{
    *limits = (struct trove__pack_limits){
        .max_pack_bytes = 64 * GIB,
        .max_objects = 100 * 1000 * 1000,
        .max_object_bytes = 2 * GIB,
        .max_delta_output_bytes = 64 * GIB,
        .max_delta_depth = 64 * 1024,
        .max_inflate_ratio = 200,
        .ratio_floor_bytes = 16 * MIB,
        .max_inflight_bytes = 64 * MIB,
        .spool_bytes = 32 * MIB,
        .thread_bytes = MIB / 4,
    };
}

static bool limits_are_sane(const struct trove__pack_limits *limits)
{
    return limits->max_inflight_bytes >= INFLIGHT_MIN && limits->max_objects < UINT32_MAX &&
           limits->max_delta_depth < TROVE__PACK_DEPTH_MAX && limits->max_inflate_ratio > 0 &&
           limits->max_object_bytes <= SIZE_MAX / 2;
}

static int prepare(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    uint64_t inflight = reader->limits.max_inflight_bytes;
    uint64_t spool_max = inflight / 2;
    int r = trove__pack_index_init(&parser->index, reader->hash->algo, inflight / 8 - inflight / 32,
                                   err);

    trove__bulk_init(&parser->chain, inflight / 64);
    trove__pack_spill_init(&parser->spill, inflight / 64);
    trove__pack_bases_init(&parser->bases, &parser->index);
    if (r < 0)
        return r;
    if (reader->limits.spool_bytes < spool_max)
        spool_max = reader->limits.spool_bytes;
    reader->chunk_bytes = inflight / CHUNKS_OF_INFLIGHT;
    parser->raw_share = spool_max + (3 + TROVE__PACK_JOINED_CHUNKS) * reader->chunk_bytes;
    if (parser->raw_share < TROVE__PACK_FILE_CHUNKS * reader->chunk_bytes)
        parser->raw_share = TROVE__PACK_FILE_CHUNKS * reader->chunk_bytes;
    if (trove__spool_create(spool_max, reader->chunk_bytes, reader->limits.thread_bytes,
                            &reader->spool) < 0 ||
        trove__inflate_create(&parser->inflater) < 0)
        return trove_error_set(err, -ENOMEM, "no memory for a pack reader");
    trove__digest_init(&reader->digest, reader->hash->algo);
    return 0;
}

int trove__pack_reader_create(const struct trove_hash *hash,
                              const struct trove__pack_limits *limits,
                              const struct trove__pack_target *target,
                              const struct trove_until *until, struct trove__pack_reader **ret,
                              struct trove_error *err)
{
    struct trove__pack_reader *reader;
    int r;

    if (!limits_are_sane(limits))
        return trove_error_set(err, -EINVAL, "the limits for packs make no sense");
    reader = trove__calloc(1, sizeof(*reader));
    if (reader == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a pack reader");
    reader->hash = hash;
    reader->limits = *limits;
    reader->target = *target;
    reader->until = until != NULL ? *until : (struct trove_until){.deadline_ns = TROVE_NO_DEADLINE};
    r = prepare(reader, err);
    if (r < 0) {
        trove__pack_reader_destroy(reader);
        return r;
    }
    *ret = reader;
    return 0;
}

void trove__pack_reader_destroy(struct trove__pack_reader *reader)
{
    if (reader == NULL)
        return;
    trove__pack_lanes_stop(reader);
    trove__pack_parser_deinit(&reader->parser);
    trove__spool_destroy(reader->spool);
    trove__free(reader);
}

/* --- feeding ------------------------------------------------------------------------------------------------------ */

/* Sums all bytes but the last ones, which may be the trailer. */
static void sum(struct trove__pack_reader *reader, const uint8_t *bytes, size_t size)
{
    size_t keep = trove_oid_bytes(reader->hash->algo);
    size_t out;

    if (size >= keep) {
        trove__digest_update(&reader->digest, reader->tail, reader->tail_size);
        trove__digest_update(&reader->digest, bytes, size - keep);
        memcpy(reader->tail, bytes + size - keep, keep);
        reader->tail_size = keep;
        return;
    }
    out = reader->tail_size + size > keep ? reader->tail_size + size - keep : 0;
    trove__digest_update(&reader->digest, reader->tail, out);
    memmove(reader->tail, reader->tail + out, reader->tail_size - out);
    memcpy(reader->tail + reader->tail_size - out, bytes, size);
    reader->tail_size += size - out;
}

static int check_sum(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove_oid expected;

    trove__digest_final(&reader->digest, &expected);
    if (memcmp(expected.bytes, reader->tail, reader->tail_size) == 0)
        return 0;
    return trove_error_set(err, -EBADMSG,
                           "the pack is damaged: its bytes do not have the checksum at its end");
}

/* Remembers the first failure; later ones give way to it. */
static int settle(struct trove__pack_reader *reader, int r, struct trove_error *err)
{
    if (reader->status == 0)
        reader->status = r;
    if (reader->status < 0 && err != NULL)
        *err = reader->error;
    return reader->status;
}

static int take(struct trove__pack_reader *reader, const uint8_t *bytes, size_t size,
                struct trove_error *err)
{
    int r;

    if (size > reader->limits.max_pack_bytes - reader->fed)
        return trove_error_set(err, -EFBIG, "the pack is larger than %llu bytes, the limit",
                               (unsigned long long)reader->limits.max_pack_bytes);
    reader->fed += size;
    sum(reader, bytes, size);
    if (reader->lanes != NULL) {
        r = trove__pack_lanes_wait_room(reader, err);
        if (r == 0)
            r = trove__spool_append(reader->spool, bytes, size, err);
        if (r == 0)
            trove__pack_lanes_arrived(reader, size);
        return r;
    }
    r = trove__spool_append(reader->spool, bytes, size, err);
    if (r == 0)
        r = trove__pack_parse(reader, err);
    if (r == -EAGAIN && reader->fed > reader->limits.thread_bytes)
        trove__pack_lanes_start(reader);
    return r == -EAGAIN ? 0 : r;
}

int trove__pack_reader_feed(struct trove__pack_reader *reader, const void *bytes, size_t size,
                            struct trove_error *err)
{
    const uint8_t *at = bytes;
    int r = reader->status;

    while (r == 0 && size > 0) {
        size_t piece = size < reader->chunk_bytes ? size : reader->chunk_bytes;

        r = take(reader, at, piece, &reader->error);
        at += piece;
        size -= piece;
    }
    return settle(reader, r, err);
}

int trove__pack_reader_finish(struct trove__pack_reader *reader,
                              struct trove__pack_stats *ret_stats, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    int r = reader->status;

    if (r < 0) {
        (void)trove__pack_lanes_finish(reader, NULL); /* what came before the failure is given */
    } else if (!reader->finished) {
        r = reader->lanes != NULL ? trove__pack_lanes_finish(reader, &reader->error)
                                  : trove__pack_parse_end(reader, &reader->error);
        if (r == 0)
            r = check_sum(reader, &reader->error);
    }
    reader->finished = true;
    if (ret_stats != NULL)
        *ret_stats = (struct trove__pack_stats){
            .pack_bytes = reader->fed,
            .objects = parser->given,
            .deltas = parser->deltas,
            .spooled_bytes = trove__spool_in_file(reader->spool),
            .peak_bytes = parser->peak,
            .reinflated = parser->reinflated,
        };
    return settle(reader, r, err);
}
