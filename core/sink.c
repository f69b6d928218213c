// SPDX-License-Identifier: MIT
/*
 * sink.c - where a source puts what it brings: into the cache, and from there to whoever waits.
 *
 * WHAT       Every object given is cached first, then completes the flight of its id if there is one, wanted by this request
 *            or not: siblings wake their waiters at once. With nobody waiting it just stays in the cache.
 * INVARIANTS I1 an object is in the cache, or known to be left out, before its flight is completed. I2 of an atomic request
 *            nothing is cached and no flight completed before the source has returned successfully.
 * ROLES      the source and threads of its own, during `fetch`: all trove_sink_* calls. The fetch thread: init, commit,
 *            deinit.
 * EDGES      E1 done     trove_sink_done() release -> run_source() acquire
 *            E2 kept     keep() release -> trove__sink_commit() acquire   objects of an atomic request
 *            E3 refused  trove_sink_refuse() release -> run_fetch() acquire   why a fetch failed
 *            A given object and a flight added at the same time may miss each other; then the flight is pushed, and the fetch
 *            thread that takes it, or takes it over from an ended fetch, looks in the cache before it asks.
 * PROGRESS   give waits for who takes the answers of streams (pace.c); else all is lock-free but for the hash, the allocator
 *            and the wake-ups.
 * LIMITS     What an atomic request keeps is bounded by max_inflight_bytes: past it -EFBIG.
 * TESTS      tests/unit/test_flight.c, tests/unit/test_stream.c, tests/unit/test_fetch_op.c
 */
#include "core/sink.h"
#include "core/cycle.h"
#include "core/failure.h"
#include "core/memory.h"
#include "core/object.h"
#include "core/request.h"
#include "core/telemetry.h"
#include "core/unit.h"
#include <errno.h>
#include <stdio.h>

struct trove__kept {
    struct trove__kept *next;
    struct trove_object *object;
    unsigned flags;
};

void trove__sink_init(struct trove_sink *sink, struct trove__unit *unit,
                      struct trove__fetcher *owner, const struct trove_until *until)
{
    *sink = (struct trove_sink){
        .unit = unit,
        .owner = owner,
        .until = *until,
        .atomic_request = trove__cache_options(unit->cache)->atomic_requests,
    };
}

/* --- the account of what is under way ----------------------------------------------------------------------------- */

static void inflight_add(struct trove_sink *sink, uint64_t bytes)
{
    /* RELAXED: an account. */
    trove__add_relaxed(&sink->inflight_bytes, bytes);
    trove__unit_count(sink->unit, TROVE__COUNT_INFLIGHT_BYTES, bytes);
}

/* At most what this sink has added: objects that came from elsewhere were never counted. */
static void inflight_take(struct trove_sink *sink, uint64_t bytes)
{
    /* RELAXED: an account; the CAS checks it. */
    uint64_t now = trove__load_relaxed(&sink->inflight_bytes), taken;

    do {
        taken = bytes < now ? bytes : now;
    } while (!trove__cas_relaxed(&sink->inflight_bytes, &now, now - taken));
    trove__unit_count(sink->unit, TROVE__COUNT_INFLIGHT_BYTES, -taken);
}

/* --- giving ------------------------------------------------------------------------------------------------------- */

/* Completes the flight of OBJECT (own), if there is one. */
static void hand_over(struct trove__unit *unit, struct trove_object *object, bool uncached)
{
    struct trove_oid id = trove_object_id(object);
    struct trove__flight *flight = trove__flight_find(unit, &id);

    if (unit->absent.entries != NULL)
        trove__absent_forget(&unit->absent, trove__cache_hash(unit->cache, &id), &id);
    if (flight == NULL) {
        trove_unpin(object);
        return;
    }
    trove__flight_complete(unit, flight, 0, object, uncached, NULL);
    trove__flight_unref(unit, flight);
}

/* Makes OBJECT (own), its id set, visible. */
static int publish(struct trove_sink *sink, struct trove_object *object, unsigned flags)
{
    struct trove_object *cached = object;
    uint64_t outer = trove__span_current();
    int r = TROVE__UNCACHED;

    if (!(flags & TROVE_GIVE_NO_CACHE)) {
        if (outer == 0) /* a thread of the source's own */
            trove__span_set_current(sink->span);
        r = trove__cache_insert(sink->unit->cache, sink->unit->era, object, &cached);
        trove__span_set_current(outer);
        if (r < 0)
            return r;
        if (r == TROVE__UNCACHED)
            trove__add_relaxed(&sink->left_out, 1); /* RELAXED: an account */
    }
    hand_over(sink->unit, cached, r == TROVE__UNCACHED || r == TROVE__OUTDATED);
    return 0;
}

static int keep(struct trove_sink *sink, struct trove_object *object, unsigned flags)
{
    uint64_t max = trove__cache_options(sink->unit->cache)->max_inflight_bytes;
    struct trove__kept *kept;

    if (trove__load_relaxed(&sink->inflight_bytes) > max) { /* RELAXED: an account */
        trove_unpin(object);
        return -EFBIG;
    }
    kept = trove__malloc(sizeof(*kept));
    if (kept == NULL) {
        trove_unpin(object);
        return -ENOMEM;
    }
    *kept = (struct trove__kept){
        .next = trove__load_relaxed(&sink->kept), /* RELAXED: a guess, the CAS checks it */
        .object = object,
        .flags = flags,
    };
    /* RELEASE [E2 kept]: pairs with trove__sink_commit(). */
    while (!trove__cas_release(&sink->kept, &kept->next, kept))
        ;
    return 0;
}

int trove_sink_alloc(struct trove_sink *sink, enum trove_type type, uint64_t size,
                     struct trove_object **ret_object)
{
    int r = trove__cache_draft(sink->unit->cache, type, size, ret_object);

    if (r == 0)
        inflight_add(sink, size);
    return r;
}

void *trove_sink_buffer(struct trove_object *object)
{
    return trove__object_buffer(object);
}

int trove_sink_give(struct trove_sink *sink, struct trove_object *object,
                    const struct trove_oid *id, unsigned flags)
{
    size_t size = trove_object_size(object);
    int r;

    if (trove__unit_is_closed(sink->unit)) {
        trove_unpin(object);
        r = -ECANCELED;
    } else {
        trove__object_set_id(object, id);
        trove__add_relaxed(&sink->objects, 1); /* RELAXED, both: an account */
        trove__add_relaxed(&sink->bytes, size);
        if (sink->atomic_request) {
            r = keep(sink, object, flags);
            if (r == 0)
                return 0; /* counted as under way until the end */
        } else {
            trove__pace_wait(&sink->unit->pace, &sink->until);
            r = publish(sink, object, flags);
        }
    }
    inflight_take(sink, size);
    return r;
}

int trove_sink_put(struct trove_sink *sink, enum trove_type type, const void *data, size_t size,
                   unsigned flags)
{
    const struct trove_hash *hash = trove__cache_options(sink->unit->cache)->hash;
    struct trove_object *object;
    struct trove_oid id = {{0}};
    int r = hash->object_id(hash->context, type, data, size, &id);

    if (r < 0)
        return r;
    r = trove_sink_alloc(sink, type, size, &object);
    if (r < 0)
        return r;
    memcpy(trove_sink_buffer(object), data, size);
    return trove_sink_give(sink, object, &id, flags);
}

struct trove_object *trove_sink_find(struct trove_sink *sink, const struct trove_oid *id)
{
    return trove__cache_find(sink->unit->cache, sink->unit->era, id);
}

/* --- spans of the source's own ------------------------------------------------------------------------------------ */

void trove_sink_span_start(struct trove_sink *sink, struct trove_span *span, const char *name)
{
    struct trove__timed timed;

    *span = (struct trove_span){.kind = TROVE_SPAN_SOURCE, .name = name, .parent = sink->span};
    trove__timed_begin_at(trove__cache_telemetry(sink->unit->cache), &timed, span, false, 0);
    span->id = timed.id;
    span->parent = timed.parent;
    span->start_ns = timed.start_ns;
}

void trove_sink_span_stop(struct trove_sink *sink, struct trove_span *span, int status)
{
    const struct trove__timed timed = {
        .start_ns = span->start_ns, .id = span->id, .parent = span->parent};

    span->status = status;
    trove__timed_end_at(trove__cache_telemetry(sink->unit->cache), &timed, span, TROVE_LATENCIES,
                        0);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

void trove_sink_refuse(struct trove_sink *sink, const struct trove_oid *id, int code,
                       const char *message)
{
    int negative = code > 0 ? -code : code == 0 ? -EIO : code;
    struct trove__failure *none = NULL, *failure;
    struct trove__flight *flight = trove__flight_find(sink->unit, id);
    struct trove_error clean;

    trove_error_set(&clean, negative, "%s",
                    message != NULL && *message != '\0' ? message : trove_strerror(negative));
    failure = trove__failure_create(negative, clean.message);
    if (flight != NULL && trove__cycle_is_own(sink->owner, flight))
        trove__request_fail(sink->unit, flight, negative, failure);
    if (flight != NULL)
        trove__flight_unref(sink->unit, flight);
    /* ACQ_REL [E3 refused]: the first one. Pairs with trove__request_run_fetch(). */
    if (failure == NULL || !trove__cas_acq_rel(&sink->refused, &none, failure))
        trove__failure_unref(failure);
}

void trove_sink_done(struct trove_sink *sink)
{
    /* RELEASE [E1 done]: pairs with run_source(). */
    trove__store_release(&sink->is_done, 1);
}

/* Whether other bytes are cached under the id of OBJECT. */
static bool is_collision(struct trove_sink *sink, const struct trove_object *object)
{
    struct trove_oid id = trove_object_id(object);
    struct trove_object *cached = trove__cache_find(sink->unit->cache, sink->unit->era, &id);
    bool differs = cached != NULL && !trove__object_same_bytes(cached, object);

    trove_unpin(cached);
    return differs;
}

int trove__sink_commit(struct trove_sink *sink)
{
    /* ACQUIRE [E2 kept]: pairs with keep(). */
    struct trove__kept *kept = trove__load_acquire(&sink->kept), *next;
    int r = 0;

    for (next = kept; next != NULL; next = next->next) /* nothing is visible unless all can be */
        if (is_collision(sink, next->object))
            return -EBADMSG;
    trove__store_relaxed(&sink->kept,
                         NULL); /* RELAXED: the source has returned, its threads with it */
    for (; kept != NULL; kept = next) {
        int published = publish(sink, kept->object, kept->flags);
        if (r == 0)
            r = published;
        next = kept->next;
        trove__free(kept);
    }
    return r;
}

void trove__sink_deinit(struct trove_sink *sink)
{
    /* ACQUIRE [E2 kept] [E3 refused]: pairs with keep() and trove_sink_refuse(). */
    struct trove__kept *kept = trove__exchange_acquire(&sink->kept, NULL), *next;

    for (; kept != NULL; kept = next) {
        next = kept->next;
        trove_unpin(kept->object);
        trove__free(kept);
    }
    trove__failure_unref(trove__exchange_acquire(&sink->refused, NULL));
    inflight_take(sink, UINT64_MAX);
}
