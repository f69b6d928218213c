// SPDX-License-Identifier: MIT
/*
 * resolve_span.h - one id of a resolve, timed and told of: the three parts of its time.
 */
#ifndef TROVE_CORE_RESOLVE_SPAN_H
#define TROVE_CORE_RESOLVE_SPAN_H

#include "core/flight.h"
#include "core/telemetry.h"

/* What a flight knew when it was done, or when its waiter gave up. */
struct trove__parts {
    int64_t sent_ns, done_ns; /* 0: it was in no request; it is not decided */
    uint64_t tag;
};

struct trove__parts trove__parts_of(const struct trove__flight *flight);

/* The resolve of ID, as TIMED has it, ends with RESULT. PARTS: of its flight, NULL for a hit. END_NS: 0 for now. */
void trove__resolve_span_end(struct trove__telemetry *telemetry, const struct trove__timed *timed,
                             const struct trove_oid *id, const struct trove_result *result,
                             const struct trove__parts *parts, int64_t end_ns);

#endif
