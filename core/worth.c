// SPDX-License-Identifier: MIT
/*
 * worth.c - is it worth sparing an object that was hardly used? See worth.h.
 */
#include "core/worth.h"

#define SKIP_FROM_BYTES ((uint64_t)16 << 20)
#define SKIP 7      /* seven ids of eight */
#define SURPRISE 32 /* one in so many goes whatever the rates say */
#define FEW 32      /* rates are not halved below so many */
#define BEFORE 8    /* seen before anything was, of which wanted: */
#define BEFORE_CREDIT 4
#define BEFORE_OTHERS 1
#define RATE_BITS 10

void trove__worth_init(struct trove__worth *worth, uint64_t max_bytes)
{
    worth->skip = max_bytes < SKIP_FROM_BYTES ? 0 : SKIP;
    for (unsigned i = 0; i < TROVE__LEAVERS; i++) {
        atomic_init(&worth->rates[i].seen, 0);
        atomic_init(&worth->rates[i].wanted, 0);
    }
}

void trove__worth_seen(struct trove__worth *worth, enum trove__leaver kind, bool wanted,
                       uint64_t objects)
{
    /* RELAXED, all: see EDGES */
    uint64_t seen = trove__load_relaxed(&worth->rates[kind].seen) + 1;
    uint64_t good = trove__load_relaxed(&worth->rates[kind].wanted) + wanted;

    if (seen > objects + FEW) {
        seen /= 2;
        good /= 2;
    }
    trove__store_relaxed(&worth->rates[kind].seen, seen);
    trove__store_relaxed(&worth->rates[kind].wanted, good);
}

void trove__worth_back(struct trove__worth *worth, const struct trove_object *object,
                       enum trove__leaver kind)
{
    if (trove__worth_counts(worth, object, kind))
        /* RELAXED, both: see EDGES */
        trove__store_relaxed(&worth->rates[kind].wanted,
                             trove__load_relaxed(&worth->rates[kind].wanted) + 1);
}

/* 0 to 1 << RATE_BITS */
static uint64_t rate_of(struct trove__worth *worth, enum trove__leaver kind, uint64_t before)
{
    /* RELAXED, both: see EDGES */
    uint64_t seen = trove__load_relaxed(&worth->rates[kind].seen) + BEFORE;
    uint64_t wanted = trove__load_relaxed(&worth->rates[kind].wanted) + before;

    return wanted < seen ? (wanted << RATE_BITS) / seen : 1 << RATE_BITS;
}

bool trove__worth_sparing(struct trove__worth *worth, const struct trove_object *object,
                          enum trove__leaver kind, uint64_t bytes, uint64_t average, uint64_t turn)
{
    uint64_t rate, idle;

    if ((turn + object->id[7]) % SURPRISE == 0)
        return false;
    rate = rate_of(worth, kind, kind == TROVE__LEAVER_CREDIT ? BEFORE_CREDIT : BEFORE_OTHERS);
    idle = rate_of(worth, TROVE__LEAVER_IDLE, BEFORE_OTHERS);
    return rate * rate * average > idle * idle * bytes;
}

bool trove__worth_is_outrun(struct trove__worth *worth)
{
    return rate_of(worth, TROVE__LEAVER_IDLE, BEFORE_OTHERS) > 1 << (RATE_BITS - 1);
}
