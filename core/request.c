// SPDX-License-Identifier: MIT
/*
 * request.c - one request: the source runs, then whatever it left unanswered is decided.
 *
 * A flight in a request ends in one of these ways: its object was given, by this request or by another (sink.c); it was
 * refused; or the request is over, and then it is in the cache after all, or absent (the source said that it was done), or
 * fails with the source's error, or with -EIO when the source returned as if nothing had happened.
 *
 * A request for ids has no deadline: each of those who wait has his own, and others may join them with later ones. Once it
 * is sent it goes on without anybody, until the source's own limits or the shutdown end it; unless trove_options.cancel_abandoned
 * says otherwise. Who comes between its cancelling and its end is served by a second request, which is not watched.
 *
 * TESTS tests/unit/test_resolve.c, tests/unit/test_fetch_op.c
 */
#include "core/request.h"
#include "core/cycle.h"
#include "core/failure.h"
#include "core/fetch_op.h"
#include "core/interest.h"
#include "core/probes.h"
#include "core/sink.h"
#include "core/telemetry.h"
#include "core/unit.h"
#include "core/until.h"
#include <errno.h>

bool trove__request_claim(struct trove__unit *unit, struct trove__flight *flight)
{
    struct trove_oid id = trove__flight_id(flight);
    struct trove_object *object;

    if (trove__flight_phase(flight) >= TROVE__FLIGHT_SENT)
        return false;
    object = trove__cache_find(unit->cache, unit->era, &id);
    if (object == NULL)
        return trove__flight_send(unit, flight);
    trove__flight_complete(unit, flight, 0, object, false, NULL);
    return false;
}

void trove__request_fail(struct trove__unit *unit, struct trove__flight *flight, int code,
                         struct trove__failure *failure)
{
    struct trove_oid id = trove__flight_id(flight);
    struct trove_object *object = trove__cache_find(unit->cache, unit->era, &id);

    if (object != NULL) {
        trove__flight_complete(unit, flight, 0, object, false, NULL);
        return;
    }
    if (code == -ENOENT)
        trove__absent_remember(&unit->absent, trove__cache_hash(unit->cache, &id), &id);
    trove__flight_complete(unit, flight, code, NULL, false, failure);
}

void trove__request_fail_nodes(struct trove__unit *unit, struct trove__gather_node *nodes, int code,
                               struct trove__failure *failure)
{
    struct trove__gather_node *next;

    for (; nodes != NULL; nodes = next) {
        struct trove__flight *flight = nodes->flight;
        enum trove__phase phase = trove__flight_phase(flight);

        next = nodes->next;
        /* One that is gathered waits in another queue too. */
        if ((phase == TROVE__FLIGHT_NEW || phase == TROVE__FLIGHT_PARKED) &&
            trove__request_claim(unit, flight))
            trove__flight_complete(unit, flight, code, NULL, false, failure);
        trove__gather_node_free(unit, nodes);
    }
}

static int call_source(struct trove__unit *unit, struct trove__fetcher *fetcher,
                       const struct trove_request *request, struct trove_sink *sink,
                       struct trove_error *err)
{
    int r = trove__until_check(&request->until);

    err->message[0] = '\0';
    if (r == 0) {
        trove__unit_count(unit, TROVE__COUNT_REQUESTS, 1);
        fetcher->depth++;
        r = unit->source.ops->fetch(unit->source.source, request, sink, err);
        fetcher->depth--;
    }
    /* ACQUIRE [E1 done]: pairs with trove_sink_done(). */
    if (r >= 0 && trove__load_acquire(&sink->is_done) == 0)
        return trove_error_set(err, -EIO, "the source returned without having answered");
    if (r < 0 && err->message[0] == '\0')
        trove_error_set(err, r, "%s", trove_strerror(r));
    if (r < 0)
        return r;
    r = trove__sink_commit(sink);
    if (r < 0)
        trove_error_set(err, r, "cannot take what was fetched: %s", trove_strerror(r));
    return r;
}

/* Runs the source, for the span PARENT. 0: done, what was not given is absent; otherwise *ERR says more. */
static int run_source(struct trove__unit *unit, struct trove__fetcher *fetcher,
                      const struct trove_request *request, struct trove_sink *sink, uint64_t parent,
                      struct trove_error *err)
{
    struct trove__telemetry *telemetry = trove__cache_telemetry(unit->cache);
    struct trove_span what = {
        .kind = TROVE_SPAN_REQUEST, .count = request->want_count, .parent = parent};
    struct trove__timed timed;

    TROVE_PROBE(request_start, unit->cache, request->want_count, (int)request->by_id);
    trove__timed_begin(telemetry, &timed, &what, true);
    sink->span = timed.id;
    what.status = call_source(unit, fetcher, request, sink, err);
    what.bytes = trove__load_relaxed(&sink->bytes); /* RELAXED: the source has returned */
    trove__timed_end(telemetry, &timed, &what, TROVE_LATENCY_REQUEST);
    TROVE_PROBE(request_done, unit->cache, request->want_count, what.bytes, what.status);
    return what.status;
}

/* Decides what is left of FLIGHTS after a request that ended with R. */
static void settle(struct trove__unit *unit, struct trove__flight **flights, size_t count, int r,
                   const struct trove_error *err)
{
    struct trove__failure *failure = NULL;
    int code = r < 0 ? r : -ENOENT;

    for (size_t i = 0; i < count; i++) {
        if (trove__flight_phase(flights[i]) >= TROVE__FLIGHT_FOUND)
            continue;
        if (failure == NULL)
            failure = trove__failure_create(code, r < 0 ? err->message
                                                        : "the source does not have this object");
        trove__request_fail(unit, flights[i], code, failure);
    }
    trove__failure_unref(failure);
}

/* After a request that was cancelled because nobody waited: leaves of FLIGHTS, and their WANTS, those that somebody waits for
 * by now; the others are dropped. Returns how many. */
static size_t keep_awaited(struct trove__unit *unit, struct trove_want *wants,
                           struct trove__flight **flights, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct trove__flight *flight = flights[i];

        if (trove__flight_phase(flight) >= TROVE__FLIGHT_FOUND ||
            trove__flight_drop(unit, flight)) {
            trove__flight_unref(unit, flight);
            continue;
        }
        wants[kept] = wants[i];
        flights[kept++] = flight;
    }
    return kept;
}

/* One request for FLIGHTS, watched by INTEREST or, when that is NULL, by nobody. Returns how many of them are left to be asked
 * for again; the others are decided, or dropped, and given back. */
static size_t run_ids(struct trove__unit *unit, struct trove__fetcher *fetcher,
                      struct trove_want *wants, struct trove__flight **flights, size_t count,
                      struct trove__interest *interest)
{
    struct trove_request request = {.wants = wants, .want_count = count, .by_id = true};
    struct trove_sink sink;
    struct trove_error err;
    bool is_abandoned;
    int r;

    request.until = (struct trove_until){
        TROVE_NO_DEADLINE, interest != NULL ? trove__interest_token(interest) : unit->token};
    trove__cycle_own_flights(flights, count, fetcher);
    trove__sink_init(&sink, unit, fetcher, &request.until);
    r = run_source(unit, fetcher, &request, &sink, flights[0]->span, &err);
    is_abandoned = r == -ECANCELED && interest != NULL && trove_is_canceled(request.until.cancel);
    if (!is_abandoned)
        settle(unit, flights, count, r, &err);
    trove__sink_deinit(&sink);
    trove__cycle_own_flights(flights, count, NULL);
    if (is_abandoned)
        return keep_awaited(unit, wants, flights, count);
    for (size_t i = 0; i < count; i++)
        trove__flight_unref(unit, flights[i]);
    return 0;
}

void trove__request_run_ids(struct trove__unit *unit, struct trove__fetcher *fetcher,
                            struct trove_want *wants, struct trove__flight **flights, size_t count)
{
    struct trove__interest *interest = NULL;

    if (trove__cache_options(unit->cache)->cancel_abandoned)
        interest = trove__interest_create(unit->token, flights, count);
    count = run_ids(unit, fetcher, wants, flights, count, interest);
    trove__interest_unref(interest);
    if (count > 0)
        (void)run_ids(unit, fetcher, wants, flights, count, NULL);
}

void trove__request_run_fetch(struct trove__unit *unit, struct trove__fetcher *fetcher,
                              struct trove_fetch *fetch)
{
    struct trove_request request = {.wants = fetch->wants,
                                    .want_count = fetch->want_count,
                                    .filter = fetch->filter,
                                    .depth = fetch->depth,
                                    .until = fetch->until};
    struct trove_fetch_result result;
    struct trove__failure *refused;
    struct trove_sink sink;
    struct trove_error err;
    int r;

    trove__cycle_own_fetch(fetch, fetcher);
    trove__sink_init(&sink, unit, fetcher, &request.until);
    r = run_source(unit, fetcher, &request, &sink, fetch->timed.id, &err);
    result = (struct trove_fetch_result){
        /* RELAXED both: the source has returned, and its threads with it. */
        .objects = trove__load_relaxed(&sink.objects),
        .left_out = trove__load_relaxed(&sink.left_out),
    };
    /* ACQUIRE [E3 refused]: pairs with trove_sink_refuse(). */
    refused = trove__load_acquire(&sink.refused);
    if (r >= 0 && refused != NULL)
        r = trove_error_set(&err, refused->code, "%s", refused->message);
    else if (r >= 0 && result.left_out > 0)
        r = trove_error_set(&err, -ECACHE_OVERFULL, "%llu of %llu objects: %s",
                            (unsigned long long)result.left_out, (unsigned long long)result.objects,
                            trove_strerror(ECACHE_OVERFULL));
    trove__sink_deinit(&sink);
    trove__cycle_own_fetch(fetch, NULL);
    trove__fetch_end(fetch, r, r < 0 ? err.message : "", &result);
}
