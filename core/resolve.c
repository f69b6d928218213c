// SPDX-License-Identifier: MIT
/*
 * resolve.c - trove_resolve() and trove_resolve_many(): a hit from the cache, a miss from its flight.
 *
 * resolve waits on the flight's own word. resolve_many is a stream that is opened, filled, emptied and closed. On a fetch
 * thread both wait flight by flight, where cycles are seen (cycle.c), and what nobody else can send runs right there.
 *
 * COST  A hit: what get costs, and three read-modify-writes on a line that threads of this stripe alone write (in, out,
 *       counter), one on the object's pins. No system call, no allocation (tests/unit/test_gather.c counts).
 *       A miss that leads: beside these a CAS on the pool, two on the flight table (in, out), one on the gather stack, one
 *       on the phase for each step of it; no allocation but a chunk of 64 flights when there were never so many. System
 *       calls: one to wake a fetch thread if one is idle, one to sleep, and the fetch thread's one that wakes. Joining
 *       costs a CAS on the flight's state and one on its word, and the sleep; whoever is not asleep costs no wake-up.
 *       Measured: BENCHMARKS.md, "Flights".
 *
 * TESTS tests/unit/test_resolve.c, tests/unit/test_cycle.c
 */
#include "core/admission.h"
#include "core/cycle.h"
#include "core/failure.h"
#include "core/memory.h"
#include "core/probes.h"
#include "core/request.h"
#include "core/resolve_span.h"
#include "core/stream.h"
#include "core/unit.h"
#include "core/until.h"
#include <errno.h>
#include <limits.h>

#define NESTED_SLICE_NS (5 * 1000000)

/* --- one ---------------------------------------------------------------------------------------------------------- */

/* As trove__admit(), but waits for a free flight, which a fetch thread must not: it may be the one to free it. */
static int admit_wait(struct trove__unit *unit, const struct trove_want *want,
                      const struct trove_until *until, struct trove__ticket *ret_ticket)
{
    struct trove__admission admission = {.lane = TROVE__INTERACTIVE};
    int r;

    while ((r = trove__admit(unit, &admission, want, ret_ticket)) == -EAGAIN) {
        r = trove__until_check(until);
        if (r == -ECANCELED)
            return r;
        if (r < 0 || trove__fetcher_self() != NULL)
            return -EAGAIN;
        trove__pace_sleep(&unit->pace);
        r = trove__gather_wait_space(unit, NULL, until);
        trove__pace_wake(&unit->pace);
        if (r < 0)
            return r;
    }
    trove__admission_push(unit, &admission);
    return r;
}

/* Sends FLIGHT from this fetch thread, if nobody else has. */
static void run_inline(struct trove__fetcher *self, struct trove__unit *unit,
                       struct trove__flight *flight)
{
    struct trove_want want = {trove__flight_id(flight), flight->type};

    if (!trove__request_claim(unit, flight))
        return;
    trove__flight_ref(flight);
    trove__request_run_ids(unit, self, &want, &flight, 1);
}

/* How long a fetch thread sleeps before it looks again whether anybody is there to send FLIGHT. */
static struct trove_until slice_of(const struct trove__flight *flight,
                                   const struct trove_until *until)
{
    struct trove_until slice = trove__until_of(until);
    int64_t end_ns = trove_now_ns() + NESTED_SLICE_NS;

    if (trove__flight_phase(flight) < TROVE__FLIGHT_SENT && end_ns < slice.deadline_ns)
        slice.deadline_ns = end_ns;
    return slice;
}

/* trove__flight_wait() on a fetch thread. */
static int wait_nested(struct trove__fetcher *self, struct trove__unit *unit,
                       struct trove__flight *flight, const struct trove_until *until)
{
    int r;

    if (self->depth > TROVE__NESTING_MAX)
        return -EDEADLK;
    for (;;) {
        struct trove_until slice;
        if (!trove__gather_has_hands(unit))
            run_inline(self, unit, flight);
        r = trove__cycle_begin(self, flight, NULL);
        if (r < 0)
            return r;
        slice = slice_of(flight, until);
        r = trove__flight_wait(unit, flight, &slice);
        trove__cycle_end(self);
        if (r != -ETIMEDOUT || trove__until_check(until) < 0)
            return r;
    }
}

/* Waits for TICKET's flight and turns it into *RET; gives the ticket back, and the parts of its time. */
static void await(struct trove__unit *unit, struct trove__ticket *ticket,
                  const struct trove_until *until, struct trove_result *ret,
                  struct trove__parts *ret_parts, struct trove_error *err)
{
    struct trove__fetcher *self = trove__fetcher_self();
    struct trove__flight *flight = ticket->flight;
    int r = self != NULL ? wait_nested(self, unit, flight, until)
                         : trove__flight_wait(unit, flight, until);

    if (r < 0) {
        *ret = (struct trove_result){.status = r, .how = ticket->how};
        trove__error_of(r, NULL, err);
    } else {
        trove__flight_result(flight, ticket->how, ret);
        trove__error_of(ret->status, flight->failure, err);
    }
    if (ret->status < 0 && err != NULL)
        err->tag = flight->tag;
    *ret_parts = trove__parts_of(flight);
    trove__flight_leave(flight);
    trove__flight_unref(unit, flight);
}

static void resolve_one(struct trove__unit *unit, const struct trove_want *want,
                        const struct trove_until *until, struct trove_result *ret,
                        struct trove__parts *ret_parts, struct trove_error *err)
{
    struct trove__ticket ticket = {0};
    int r = admit_wait(unit, want, until, &ticket);

    if (r < 0) {
        *ret = (struct trove_result){.status = r};
        trove__error_of(r, NULL, err);
    } else if (ticket.object != NULL) {
        *ret = (struct trove_result){.how = TROVE_HIT, .object = ticket.object};
    } else {
        await(unit, &ticket, until, ret, ret_parts, err);
    }
    trove__unit_count_answer(unit, ret);
}

/* What every resolve asks first. */
static int enter(struct trove *cache, struct trove_error *err)
{
    int r = trove__must_not_wait() ? -EDEADLK : trove__cache_enter(cache);

    if (r == -EDEADLK)
        return trove_error_set(err, r, "would wait inside a read section or a callback");
    return r < 0 ? trove_error_set(err, r, "the cache is shut down") : 0;
}

/* What is missing begins to be waited for, by this thread. */
static void begin_span(struct trove *cache, const struct trove_oid *id, struct trove__timed *timed)
{
    const struct trove_span what = {.kind = TROVE_SPAN_RESOLVE, .oid = id, .count = 1};

    trove__timed_begin(trove__cache_telemetry(cache), timed, &what, true);
}

static void end_span(struct trove *cache, struct trove__timed *timed, const struct trove_oid *id,
                     const struct trove_result *result, const struct trove__parts *parts)
{
    if (timed->id != 0)
        trove__span_set_current(timed->outer);
    trove__resolve_span_end(trove__cache_telemetry(cache), timed, id, result, parts, 0);
}

static void resolve_miss(struct trove *cache, const struct trove_want *want,
                         const struct trove_until *until, struct trove_result *ret,
                         struct trove_error *err)
{
    struct trove__parts parts = {0};
    struct trove__timed timed;
    struct trove__unit *unit;
    int r;

    begin_span(cache, &want->id, &timed);
    r = trove__unit_get(cache, &unit);
    if (r == 0) {
        resolve_one(unit, want, until, ret, &parts, err);
        trove__unit_unref(unit);
    } else {
        ret->status = trove_error_set(err, r, "cannot start to fetch: %s", trove_strerror(r));
    }
    end_span(cache, &timed, &want->id, ret, &parts);
}

int trove_resolve(struct trove *cache, const struct trove_oid *id, enum trove_type type,
                  const struct trove_until *until, struct trove_result *ret,
                  struct trove_error *err)
{
    struct trove_want want = {.id = *id, .type = type};
    int r = enter(cache, err);

    *ret = (struct trove_result){.status = r};
    if (r < 0)
        return r;
    TROVE_PROBE(resolve_start, cache, id->bytes, (int)type);
    if (!trove__admit_hit(cache, id, ret))
        resolve_miss(cache, &want, until, ret, err);
    TROVE_PROBE(resolve_done, cache, id->bytes, ret->status, (int)ret->how);
    trove__cache_leave(cache);
    return ret->status;
}

/* --- many --------------------------------------------------------------------------------------------------------- */

enum { UNANSWERED = 1 };

/* What was a miss, as a stream wants it. */
struct misses {
    struct trove_want *wants;
    uintptr_t *tags; /* indices of results */
    size_t count;
};

static int misses_init(struct misses *misses, size_t count)
{
    misses->wants = trove__calloc(count, sizeof(*misses->wants));
    misses->tags = trove__calloc(count, sizeof(*misses->tags));
    misses->count = 0;
    return misses->wants != NULL && misses->tags != NULL ? 0 : -ENOMEM;
}

static void misses_deinit(struct misses *misses)
{
    trove__free(misses->wants);
    trove__free(misses->tags);
}

/* Keeps the first failure. */
static void keep_first(struct trove_error *err, bool *failed, const struct trove_error *one)
{
    if (!*failed && err != NULL)
        *err = *one;
    *failed = true;
}

/* Fills what the stream does not answer before UNTIL with the reason. */
static int drain(struct trove_stream *stream, const struct trove_until *until,
                 const struct misses *misses, struct trove_result *results, struct trove_error *err)
{
    struct trove_error one;
    struct trove_result result;
    bool failed = false;
    int r;

    while ((r = trove_stream_next(stream, until, &result, &one)) == 1) {
        results[result.tag] = result;
        results[result.tag].tag = 0;
        if (result.status < 0)
            keep_first(err, &failed, &one);
    }
    if (r == 0)
        return 0;
    keep_first(err, &failed, &one);
    for (size_t i = 0; i < misses->count; i++)
        if (results[misses->tags[i]].status == UNANSWERED)
            results[misses->tags[i]] = (struct trove_result){.status = r};
    return 0;
}

static int resolve_stream(struct trove__unit *unit, const struct trove_until *until,
                          const struct misses *misses, struct trove_result *results,
                          struct trove_error *err)
{
    struct trove_stream *stream;
    int r = trove__stream_create(unit, NULL, TROVE__INTERACTIVE, &stream);

    if (r < 0)
        return r;
    r = trove_stream_add(stream, misses->wants, misses->tags, misses->count, until);
    if (r == 0)
        r = drain(stream, until, misses, results, err);
    trove_stream_close(stream);
    return r;
}

/* One id of resolve_nested(). */
struct nested {
    struct trove__ticket ticket;
    struct trove__timed timed;
};

static void admit_nested(struct trove__unit *unit, struct trove__admission *admission,
                         const struct trove_want *want, struct nested *nested,
                         struct trove_result *ret)
{
    int r;

    begin_span(unit->cache, &want->id, &nested->timed);
    r = trove__admit(unit, admission, want, &nested->ticket);
    *ret = (struct trove_result){.status = r, .how = TROVE_HIT, .object = nested->ticket.object};
    if (nested->timed.id != 0)
        trove__span_set_current(nested->timed.outer);
}

static void await_nested(struct trove__unit *unit, const struct trove_want *want,
                         struct nested *nested, const struct trove_until *until,
                         struct trove_result *ret, struct trove_error *err)
{
    struct trove__parts parts = {0};

    if (nested->ticket.flight != NULL)
        await(unit, &nested->ticket, until, ret, &parts, err);
    else
        trove__error_of(ret->status, NULL, err);
    trove__unit_count_answer(unit, ret);
    trove__resolve_span_end(trove__cache_telemetry(unit->cache), &nested->timed, &want->id, ret,
                            &parts, 0);
}

/* The same on a fetch thread: all are admitted and pushed before it waits for the first. */
static int resolve_nested(struct trove__unit *unit, const struct trove_until *until,
                          const struct misses *misses, struct trove_result *results,
                          struct trove_error *err)
{
    struct trove__admission admission = {.lane = TROVE__INTERACTIVE};
    struct nested *nested = trove__calloc(misses->count, sizeof(*nested));
    struct trove_error one;
    bool failed = false;

    if (nested == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < misses->count; i++)
        admit_nested(unit, &admission, &misses->wants[i], &nested[i], &results[misses->tags[i]]);
    trove__admission_push(unit, &admission);
    for (size_t i = 0; i < misses->count; i++) {
        struct trove_result *result = &results[misses->tags[i]];

        await_nested(unit, &misses->wants[i], &nested[i], until, result, &one);
        if (result->status < 0)
            keep_first(err, &failed, &one);
    }
    trove__free(nested);
    return 0;
}

static int resolve_misses(struct trove *cache, const struct trove_until *until,
                          const struct misses *misses, struct trove_result *results,
                          struct trove_error *err)
{
    struct trove__unit *unit;
    int r = trove__unit_get(cache, &unit);

    if (r < 0)
        return r;
    if (trove__fetcher_self() != NULL)
        r = resolve_nested(unit, until, misses, results, err);
    else
        r = resolve_stream(unit, until, misses, results, err);
    trove__unit_unref(unit);
    return r;
}

static int resolve_many(struct trove *cache, const struct trove_want *wants, size_t count,
                        const struct trove_until *until, struct trove_result *results,
                        struct trove_error *err)
{
    struct misses misses;
    int r = misses_init(&misses, count);

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (trove__admit_hit(cache, &wants[i].id, &results[i]))
            continue;
        results[i] = (struct trove_result){.status = UNANSWERED};
        misses.tags[misses.count] = i;
        misses.wants[misses.count++] = wants[i];
    }
    if (r == 0 && misses.count > 0) {
        r = resolve_misses(cache, until, &misses, results, err);
        for (size_t i = 0; r < 0 && i < count; i++) {
            trove_unpin(results[i].object);
            results[i] = (struct trove_result){.status = r};
        }
    }
    misses_deinit(&misses);
    return r;
}

int trove_resolve_many(struct trove *cache, const struct trove_want *wants, size_t count,
                       const struct trove_until *until, struct trove_result *ret_results,
                       struct trove_error *err)
{
    int r = enter(cache, err), found = 0;

    if (r < 0)
        return r;
    if (count > INT_MAX / 2)
        r = trove_error_set(err, -EINVAL, "too many ids in one call");
    else if (count > 0) {
        r = resolve_many(cache, wants, count, until, ret_results, err);
        if (r < 0)
            trove_error_set(err, r, "cannot resolve %zu ids: %s", count, trove_strerror(r));
    }
    for (size_t i = 0; r == 0 && i < count; i++)
        found += ret_results[i].status == 0;
    trove__cache_leave(cache);
    return r < 0 ? r : found;
}
