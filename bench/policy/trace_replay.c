// SPDX-License-Identifier: MIT
/*
 * trace_replay.c - counting hits and misses. See trace_replay.h.
 */
#include "trace_replay.h"
#include <stdlib.h>
#include <trove/object.h>

void replay_count(struct replay_result *result, const struct trace *trace, size_t n, bool hit,
                  bool *seen)
{
    uint32_t object = trace->requests[n];
    uint64_t size = trace->sizes[object];

    result->requests++;
    result->bytes += size;
    if (!hit) {
        result->misses++;
        result->missed_bytes += size;
        result->refetched_bytes += seen[object] ? size : 0;
        result->refetched += seen[object];
        result->refetched_links += seen[object] && trace->types[object] != TROVE_BLOB;
    }
    seen[object] = true;
}

struct replay_result replay_reference(const struct reference *reference, const struct trace *trace,
                                      uint64_t capacity)
{
    struct replay_result result = {0};
    bool *seen = reference_alloc(trace->object_count, sizeof(*seen));
    void *policy = reference->create(trace, capacity);

    for (size_t n = 0; n < trace->request_count; n++)
        replay_count(&result, trace, n, reference->use(policy, n), seen);
    reference->destroy(policy);
    free(seen);
    return result;
}
