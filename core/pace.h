// SPDX-License-Identifier: MIT
/*
 * pace.h - requests that go no faster than the streams they fill are emptied.
 *
 * The protocol is the opening comment of pace.c.
 */
#ifndef TROVE_CORE_PACE_H
#define TROVE_CORE_PACE_H

#include "core/order.h"
#include <stdint.h>
#include <trove/until.h>

struct trove__pace {
    uint64_t max_bytes; /* READ-MOSTLY: of answers nobody has taken */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong untaken; /* bytes of such answers */
    atomic_uint asleep;  /* callers that wait for something of the unit */
    atomic_uint calls;   /* counts those who began to wait, or asked whether a fetch is done */
    atomic_uint event;   /* futex: counts what may let a giver go on, while one waits */
    atomic_uint waiting; /* givers that wait */
    atomic_uint vain;    /* one has waited long enough: nobody does, until something is taken */
};

void trove__pace_init(struct trove__pace *pace, uint64_t max_cache_bytes);

/* An answer of BYTES is there to be taken; was taken, or is gone. */
void trove__pace_answer(struct trove__pace *pace, uint64_t bytes);
void trove__pace_taken(struct trove__pace *pace, uint64_t bytes);

/* Around a caller's sleep, whatever it waits for. */
void trove__pace_sleep(struct trove__pace *pace);
void trove__pace_wake(struct trove__pace *pace);
/* A caller asks whether something has come, and does not sleep. */
void trove__pace_asked(struct trove__pace *pace);

/* Before one more object is given: waits while there is enough to be taken. */
void trove__pace_wait(struct trove__pace *pace, const struct trove_until *until);

#endif
