// SPDX-License-Identifier: MIT
/*
 * fuzz_pack.c - any bytes as a pack.
 *
 * Input: one byte that chooses the hash and how the rest is cut into pieces, then the pack, whose count and trailer are
 * made right first when a bit of that byte says so, so that the fuzzer gets behind them. Properties: every id given is
 * that of its bytes; a pack read in pieces ends as the same pack read whole, with the same objects; no draft is left
 * over, however it ends; memory stays within the bound.
 */
#include "core/object.h"
#include "fetch/digest.h"
#include "fetch/pack.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PACK_MAX = 1 << 16, MIB = 1 << 20 };

struct sink {
    const struct trove_hash *hash;
    struct trove__ledger *ledger;
    size_t drafts, gives;
    uint64_t ids; /* sum over all ids */
};

static int sink_alloc(void *context, enum trove_type type, uint64_t size, struct trove_object **ret)
{
    struct sink *sink = context;

    if (size > MIB)
        return -EFBIG;
    *ret = trove__object_create(sink->ledger, sink->hash->algo, type, size);
    if (*ret == NULL)
        return -ENOMEM;
    trove__object_go_outside(*ret);
    sink->drafts++;
    return 0;
}

static void *sink_buffer(void *context, struct trove_object *object)
{
    (void)context;
    return trove__object_buffer(object);
}

static int sink_give(void *context, struct trove_object *object, const struct trove_oid *id)
{
    struct sink *sink = context;
    struct trove_oid again;
    uint64_t word;

    if (sink->hash->object_id(NULL, trove_object_type(object), trove_object_data(object),
                              trove_object_size(object), &again) < 0 ||
        !trove_oid_equal(&again, id))
        abort();
    memcpy(&word, id->bytes, sizeof(word));
    sink->ids += word;
    sink->gives++;
    trove_unpin(object);
    return 0;
}

static struct trove_object *sink_find(void *context, const struct trove_oid *id)
{
    (void)context;
    (void)id;
    return NULL;
}

static int read_pack(const struct trove_hash *hash, const uint8_t *bytes, size_t size, size_t piece,
                     struct sink *sink)
{
    struct trove__pack_target target = {.context = sink,
                                        .alloc = sink_alloc,
                                        .buffer = sink_buffer,
                                        .give = sink_give,
                                        .find = sink_find};
    struct trove__pack_limits limits;
    struct trove__pack_stats stats;
    struct trove__pack_reader *reader;
    int r = 0;

    *sink = (struct sink){.hash = hash, .ledger = trove__ledger_create()};
    trove__pack_limits_init(&limits);
    limits.max_inflight_bytes = MIB;
    limits.thread_bytes = UINT64_MAX;
    limits.max_delta_output_bytes = 16 * MIB;
    if (sink->ledger == NULL ||
        trove__pack_reader_create(hash, &limits, &target, NULL, &reader, NULL) < 0)
        abort();
    for (size_t at = 0; r == 0 && at < size; at += piece)
        r = trove__pack_reader_feed(reader, bytes + at, size - at < piece ? size - at : piece,
                                    NULL);
    r = trove__pack_reader_finish(reader, &stats, NULL);
    if (stats.peak_bytes > MIB || stats.objects != sink->gives)
        abort();
    trove__pack_reader_destroy(reader);
    if (trove__load_relaxed(&sink->ledger->outside_bytes) != 0) /* RELAXED: one thread */
        abort();
    trove__ledger_unref(sink->ledger);
    return r;
}

/* A right trailer, and a count that is not hopeless. */
static void mend(enum trove_algo algo, uint8_t *bytes, size_t size)
{
    size_t sum_size = trove_oid_bytes(algo);
    struct trove__digest digest;
    struct trove_oid sum;

    if (size < 12 + sum_size)
        return;
    memcpy(bytes, "PACK\0\0\0\2\0\0\0", 11);
    trove__digest_init(&digest, algo);
    trove__digest_update(&digest, bytes, size - sum_size);
    trove__digest_final(&digest, &sum);
    memcpy(bytes + size - sum_size, sum.bytes, sum_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t pack[PACK_MAX];
    const struct trove_hash *hash;
    struct sink whole, pieces;
    int r_whole, r_pieces;

    if (size == 0 || size > PACK_MAX)
        return 0;
    hash = (data[0] & 1) != 0 ? trove_hash_sha256() : trove_hash_sha1();
    memcpy(pack, data + 1, size - 1);
    if ((data[0] & 2) != 0)
        mend(hash->algo, pack, size - 1);
    r_whole = read_pack(hash, pack, size - 1, SIZE_MAX / 2, &whole);
    r_pieces = read_pack(hash, pack, size - 1, (size_t)(data[0] >> 2) + 1, &pieces);
    /* Which of two faults is met first may depend on the pieces; whether there is one does not. */
    if ((r_whole < 0) != (r_pieces < 0) || whole.gives != pieces.gives || whole.ids != pieces.ids)
        abort();
    return 0;
}
