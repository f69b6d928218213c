// SPDX-License-Identifier: MIT
/*
 * trace_replay.h - a trace through a cache, and what came out.
 */
#ifndef TROVE_BENCH_POLICY_TRACE_REPLAY_H
#define TROVE_BENCH_POLICY_TRACE_REPLAY_H

#include "reference.h"

struct replay_result {
    uint64_t requests, misses;
    uint64_t bytes, missed_bytes;
    uint64_t refetched_bytes; /* missed, and not for the first time */
    uint64_t refetched;       /* the same, counted */
    uint64_t
        refetched_links; /* those of them that are no blobs: each a round trip before what it names can be asked for */
};

struct replay_result replay_reference(const struct reference *reference, const struct trace *trace,
                                      uint64_t capacity);

/* The real cache, through trove_get() and the insert of fetched objects; bytes of objects are not filled in. One thread,
 * which is its reclaimer too, so that nothing depends on time. Not WHOLE: CAPACITY is for objects, as the references have
 * it, and the budget is kept larger by what table, queues and ghosts take at the moment. WHOLE: CAPACITY is max_bytes.
 * 0, or -EINVAL: no cache is so small. */
int replay_trove(const struct trace *trace, uint64_t capacity, bool whole,
                 struct replay_result *ret_result);

/* Counts one request; SEEN is the trace's objects that were used before. */
void replay_count(struct replay_result *result, const struct trace *trace, size_t n, bool hit,
                  bool *seen);

#endif
