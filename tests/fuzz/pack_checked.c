// SPDX-License-Identifier: MIT
/*
 * pack_checked.c - the pack reader with a target that watches it.
 */
#include "pack_checked.h"
#include "core/object.h"
#include "fetch/pack.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECT_MAX = 1 << 18, INFLIGHT = 1 << 20, REMEMBERED_MAX = 64 };

struct sink {
    const struct trove_hash *hash;
    struct trove__ledger *ledger;
    bool remembers;
    pthread_mutex_t lock; /* all below */
    struct pack_result result;
    struct {
        struct trove_oid id;
        struct trove_object *object;
    } known[REMEMBERED_MAX];
    size_t known_count;
};

static int sink_alloc(void *context, enum trove_type type, uint64_t size, struct trove_object **ret)
{
    struct sink *sink = context;

    if (size > OBJECT_MAX)
        return -EFBIG;
    *ret = trove__object_create(sink->ledger, sink->hash->algo, type, size);
    if (*ret == NULL)
        return -ENOMEM;
    trove__object_go_outside(*ret);
    return 0;
}

static void *sink_buffer(void *context, struct trove_object *object)
{
    (void)context;
    return trove__object_buffer(object);
}

static struct trove_oid id_of(const struct sink *sink, const struct trove_object *object)
{
    struct trove_oid id;

    if (sink->hash->object_id(sink->hash->context, trove_object_type(object),
                              trove_object_data(object), trove_object_size(object), &id) < 0)
        abort();
    return id;
}

/* Takes OBJECT. */
static void remember(struct sink *sink, struct trove_object *object, const struct trove_oid *id)
{
    if (sink->known_count == REMEMBERED_MAX) {
        trove_unpin(object);
        return;
    }
    sink->known[sink->known_count].id = *id;
    sink->known[sink->known_count++].object = object;
}

static int sink_give(void *context, struct trove_object *object, const struct trove_oid *id)
{
    struct sink *sink = context;
    struct trove_oid again = id_of(sink, object);
    uint64_t word;

    if (!trove_oid_equal(&again, id))
        abort();
    memcpy(&word, id->bytes, sizeof(word));
    pthread_mutex_lock(&sink->lock);
    sink->result.ids += word;
    sink->result.objects++;
    if (sink->remembers)
        remember(sink, object, id);
    else
        trove_unpin(object);
    pthread_mutex_unlock(&sink->lock);
    return 0;
}

static struct trove_object *sink_find(void *context, const struct trove_oid *id)
{
    struct sink *sink = context;
    struct trove_object *found = NULL;

    pthread_mutex_lock(&sink->lock);
    for (size_t i = 0; i < sink->known_count && found == NULL; i++)
        if (trove_oid_equal(&sink->known[i].id, id))
            found = trove_pin(sink->known[i].object);
    pthread_mutex_unlock(&sink->lock);
    return found;
}

void pack_outside(uint8_t bytes[PACK_OUTSIDE_BYTES])
{
    for (size_t i = 0; i < PACK_OUTSIDE_BYTES; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
}

static void sink_init(struct sink *sink, const struct trove_hash *hash, bool remembers)
{
    struct trove_object *outside;
    struct trove_oid id;

    *sink = (struct sink){.hash = hash, .remembers = remembers, .ledger = trove__ledger_create()};
    pthread_mutex_init(&sink->lock, NULL);
    if (sink->ledger == NULL || sink_alloc(sink, TROVE_BLOB, PACK_OUTSIDE_BYTES, &outside) < 0)
        abort();
    pack_outside(trove__object_buffer(outside));
    id = id_of(sink, outside);
    remember(sink, outside, &id);
}

static void sink_deinit(struct sink *sink)
{
    while (sink->known_count > 0)
        trove_unpin(sink->known[--sink->known_count].object);
    if (trove__load_relaxed(&sink->ledger->outside_bytes) != 0) /* RELAXED: one thread by now */
        abort();
    trove__ledger_unref(sink->ledger);
    pthread_mutex_destroy(&sink->lock);
}

struct pack_result pack_checked(const struct trove_hash *hash, const uint8_t *bytes, size_t size,
                                struct pack_way way)
{
    struct sink sink;
    struct trove__pack_target target = {.context = &sink,
                                        .alloc = sink_alloc,
                                        .buffer = sink_buffer,
                                        .give = sink_give,
                                        .find = sink_find};
    struct trove__pack_limits limits;
    struct trove__pack_stats stats;
    struct trove__pack_reader *reader;
    struct trove_error err = {.message = ""};
    int r = 0;

    sink_init(&sink, hash, way.remembers);
    trove__pack_limits_init(&limits);
    limits.max_inflight_bytes = INFLIGHT;
    limits.thread_bytes = way.threads ? 0 : UINT64_MAX;
    limits.max_delta_output_bytes = (uint64_t)16 << 20;
    if (way.spools)
        limits.spool_bytes = 1;
    if (trove__pack_reader_create(hash, &limits, &target, NULL, &reader, NULL) < 0)
        abort();
    for (size_t at = 0; r == 0 && at < size; at += way.piece)
        r = trove__pack_reader_feed(reader, bytes + at,
                                    size - at < way.piece ? size - at : way.piece, &err);
    sink.result.status = trove__pack_reader_finish(reader, &stats, &err);
    if (stats.peak_bytes > INFLIGHT || stats.objects != sink.result.objects ||
        (sink.result.status < 0) != (err.message[0] != '\0'))
        abort();
    trove__pack_reader_destroy(reader);
    sink_deinit(&sink);
    return sink.result;
}
