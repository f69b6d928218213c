// SPDX-License-Identifier: MIT
/*
 * peer_loops.h - the loops around a peer's lookup, the same for all, compiled into each peer's own file.
 *
 * Included after these are defined, static inline:
 *     size_t find_size(struct peer_lane *lane, const struct trove_oid *id)   the object's size, 0 when it is not there
 *     void section_begin(struct peer_lane *lane), section_end(struct peer_lane *lane)
 *     void replace_one(struct peer_lane *lane, uint64_t old, uint64_t n)     outside sections
 * Each loop keeps what it sums in registers, so that all that is measured are the lookups.
 */
#ifndef TROVE_BENCH_PEER_LOOPS_H
#define TROVE_BENCH_PEER_LOOPS_H

#include "bench/peers.h"

static inline __attribute__((always_inline)) uint64_t
loop_plain(struct peer_lane *lane, const struct trove_oid *ids, size_t count, size_t section)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i += section) {
        section_begin(lane);
        for (size_t j = i; j < i + section; j++)
            sum += find_size(lane, &ids[j]);
        section_end(lane);
    }
    return sum;
}

static uint64_t loop_sections(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    struct peer_lane here = *lane; /* nothing that a store through some pointer could change */

    return loop_plain(&here, ids, count, PEER_SECTION);
}

static uint64_t loop_calls(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    struct peer_lane here = *lane;

    return loop_plain(&here, ids, count, 1);
}

/* The next lookup cannot begin before the object of this one is there. */
static uint64_t loop_chain(struct peer_lane *lane, const struct trove_oid *ids, size_t count)
{
    struct peer_lane here = *lane;
    uint64_t sum = 0;
    size_t size = 0;

    for (size_t i = 0; i < count; i += PEER_SECTION) {
        section_begin(&here);
        for (size_t j = i; j < i + PEER_SECTION; j++) {
            size = find_size(&here, &ids[j + (size & 1)]);
            sum += size;
        }
        section_end(&here);
    }
    return sum;
}

static uint64_t loop_mix(struct peer_lane *lane, const struct peer_mix *mix)
{
    uint64_t sum = 0, k = mix->first;
    const struct trove_oid *ids = mix->ids;

    for (size_t done = 0; done < mix->count; done += mix->reads + mix->replaces) {
        section_begin(lane);
        for (unsigned i = 0; i < mix->reads; i++)
            sum += find_size(lane, ids++);
        section_end(lane);
        for (unsigned i = 0; i < mix->replaces; i++, k += mix->step) {
            uint64_t old, fresh;

            mix->pair(mix->context, k, &old, &fresh);
            replace_one(lane, old, fresh);
        }
    }
    return sum;
}

#define PEER_LOOPS .plain = loop_sections, .calls = loop_calls, .chain = loop_chain, .mix = loop_mix

#endif
