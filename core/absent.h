// SPDX-License-Identifier: MIT
/*
 * absent.h - ids that the source was known not to have a moment ago: a fixed number, for a fixed time.
 *
 * The protocol is the opening comment of absent.c.
 */
#ifndef TROVE_CORE_ABSENT_H
#define TROVE_CORE_ABSENT_H

#include "core/order.h"
#include <trove/cache.h>

struct trove__absent_entry {
    _Alignas(TROVE__LINE_BYTES) atomic_uint version; /* odd while it is written */
    atomic_ulong until_ns;
    atomic_ulong id[4];
};

struct trove__absent {
    struct trove__absent_entry *entries; /* NULL: nothing is remembered */
    size_t count;                        /* a power of two */
    int64_t life_ns;
};

/* 0, -ENOMEM. Nothing is remembered unless OPTIONS say so. */
int trove__absent_init(struct trove__absent *absent, const struct trove_options *options);
void trove__absent_deinit(struct trove__absent *absent);

/* HASH is the keyed hash of ID, which chooses the place. */
void trove__absent_remember(struct trove__absent *absent, uint64_t hash,
                            const struct trove_oid *id);
/* ID has come after all. */
void trove__absent_forget(struct trove__absent *absent, uint64_t hash, const struct trove_oid *id);
bool trove__absent_has(const struct trove__absent *absent, uint64_t hash,
                       const struct trove_oid *id);

#endif
