// SPDX-License-Identifier: MIT
/*
 * sink.h - the cache's side of one request.
 */
#ifndef TROVE_CORE_SINK_H
#define TROVE_CORE_SINK_H

#include "core/gather.h"
#include <trove/source.h>

struct trove__kept; /* an object that waits for the end of an atomic request */

struct trove_sink {
    struct trove__unit *unit;
    struct trove__fetcher *owner;
    struct trove_until until; /* the request's */
    uint64_t span;            /* the request's, 0 when nobody listens */
    bool atomic_request;
    atomic_uint is_done;
    atomic_ulong objects;
    atomic_ulong bytes; /* of them */
    atomic_ulong left_out;
    atomic_ulong inflight_bytes; /* drafts not yet given, and what is kept */
    _Atomic(struct trove__kept *) kept;
    _Atomic(struct trove__failure *) refused; /* the first refusal */
};

void trove__sink_init(struct trove_sink *sink, struct trove__unit *unit,
                      struct trove__fetcher *owner, const struct trove_until *until);
/* Of an atomic request: makes what was kept visible, or drops it. 0, or the first failure. */
int trove__sink_commit(struct trove_sink *sink);
/* Drops what is still kept, settles the account. */
void trove__sink_deinit(struct trove_sink *sink);

#endif
