// SPDX-License-Identifier: MIT
/*
 * resolve_span.c - the end of a resolve's span. See resolve_span.h.
 *
 * The time from the span's start to the flight's request counts as queued, from there to the flight's decision as on the wire, the
 * rest as waited. Whoever joined later shares what was left of both. A flight that was never sent, because another request brought
 * its object, was waited for all the time; one that is not sent yet when its waiter gives up was queued all the time.
 *
 * TESTS  tests/unit/test_telemetry.c
 */
#include "core/resolve_span.h"
#include "core/probes.h"

struct trove__parts trove__parts_of(const struct trove__flight *flight)
{
    return (struct trove__parts){
        /* RELAXED: a stale 0 makes it waited for. */
        .sent_ns = trove__load_relaxed(&((struct trove__flight *)flight)->sent_ns),
        .done_ns = trove__flight_is_done(flight) ? flight->done_ns : 0,
        .tag = flight->tag,
    };
}

static int64_t clamp(int64_t ns, int64_t low, int64_t high)
{
    return ns < low ? low : ns > high ? high : ns;
}

static void divide(struct trove_span *span, int64_t start, const struct trove__parts *parts,
                   int64_t end)
{
    int64_t done = parts->done_ns != 0 ? clamp(parts->done_ns, start, end) : end;
    int64_t sent;

    if (parts->sent_ns != 0)
        sent = clamp(parts->sent_ns, start, done);
    else
        sent = done = parts->done_ns != 0 ? start : end;
    span->queued_ns = (uint64_t)(sent - start);
    span->wire_ns = (uint64_t)(done - sent);
    span->waited_ns = (uint64_t)(end - done);
}

static enum trove_latency_of latency_of(enum trove_how how)
{
    return how == TROVE_HIT       ? TROVE_LATENCY_HIT
           : how == TROVE_FETCHED ? TROVE_LATENCY_FETCHED
                                  : TROVE_LATENCY_JOINED;
}

void trove__resolve_span_end(struct trove__telemetry *telemetry, const struct trove__timed *timed,
                             const struct trove_oid *id, const struct trove_result *result,
                             const struct trove__parts *parts, int64_t end_ns)
{
    struct trove_span what = {
        .kind = TROVE_SPAN_RESOLVE,
        .oid = id,
        .count = 1,
        .status = result->status,
        .how = result->how,
    };

    if (timed->start_ns == 0)
        return;
    if (end_ns == 0)
        end_ns = trove_now_ns();
    if (result->object != NULL)
        what.bytes = trove_object_size(result->object);
    if (parts != NULL && result->how != TROVE_HIT) {
        what.tag = parts->tag;
        divide(&what, timed->start_ns, parts, end_ns > timed->start_ns ? end_ns : timed->start_ns);
    }
    trove__timed_end_at(telemetry, timed, &what, latency_of(result->how), end_ns);
}
