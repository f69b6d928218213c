// SPDX-License-Identifier: MIT
/*
 * ghosts.c - which ids were evicted not long ago. See ghosts.h.
 *
 * A ghost is a word: 16 bits of the id's hash, and when it went, in ticks of the clock. The clock is the number of evictions;
 * a tick is so many of them that an array's turn takes 256.
 *
 * PROGRESS wait-free. All is relaxed: a ghost that is lost, or taken for another, costs a miss.
 * TESTS    tests/unit/test_policy.c
 */
#include "core/ghosts.h"
#include "core/memory.h"
#include <errno.h>

#define GHOST_BYTES 512 /* of the cap for each ghost */
#define GHOSTS_MIN ((uint64_t)512)
#define GHOSTS_MAX ((uint64_t)1 << 22)
#define GHOST_TICKS_LOG2 8 /* a ghost array's turn in clock ticks */

static uint64_t ghost_count(uint64_t max_bytes)
{
    uint64_t count = GHOSTS_MIN;

    while (count < GHOSTS_MAX && count * 2 <= max_bytes / GHOST_BYTES)
        count *= 2;
    return count;
}

uint64_t trove__ghosts_bytes(uint64_t max_bytes)
{
    return trove__sized_usable(ghost_count(max_bytes) * sizeof(atomic_uint), TROVE__LINE_BYTES);
}

static size_t words_bytes(const struct trove__ghosts *ghosts)
{
    return (ghosts->mask + 1) * sizeof(atomic_uint);
}

int trove__ghosts_init(struct trove__ghosts *ghosts, uint64_t max_bytes,
                       struct trove__budget *budget)
{
    uint64_t charge = trove__ghosts_bytes(max_bytes);

    ghosts->mask = ghost_count(max_bytes) - 1;
    ghosts->tick_shift = (unsigned)__builtin_ctzl(ghosts->mask + 1) - GHOST_TICKS_LOG2;
    atomic_init(&ghosts->evictions, 0);
    if (!trove__budget_reserve(budget, charge))
        return -ENOMEM;
    ghosts->words = trove__sized_alloc(words_bytes(ghosts), TROVE__LINE_BYTES);
    if (ghosts->words == NULL) {
        trove__budget_unreserve(budget, charge);
        return -ENOMEM;
    }
    for (uint64_t i = 0; i <= ghosts->mask; i++)
        atomic_init(&ghosts->words[i], 0);
    return 0;
}

void trove__ghosts_deinit(struct trove__ghosts *ghosts, struct trove__budget *budget)
{
    trove__budget_unreserve(budget, trove__sized_usable(words_bytes(ghosts), TROVE__LINE_BYTES));
    trove__sized_free(ghosts->words, words_bytes(ghosts), TROVE__LINE_BYTES);
}

static atomic_uint *ghost_of(struct trove__ghosts *ghosts, uint64_t hash)
{
    return &ghosts->words[(hash >> 24) & ghosts->mask];
}

static unsigned ghost_print(uint64_t hash)
{
    return (unsigned)(hash & 0xffff) | 1;
}

static unsigned ghost_now(struct trove__ghosts *ghosts)
{
    /* RELAXED: a clock that is read a little late. */
    return (unsigned)(trove__load_relaxed(&ghosts->evictions) >> ghosts->tick_shift) & 0xffff;
}

void trove__ghosts_remember(struct trove__ghosts *ghosts, uint64_t hash)
{
    /* RELAXED: a ghost that is lost costs a miss. */
    trove__store_relaxed(ghost_of(ghosts, hash), ghost_print(hash) << 16 | ghost_now(ghosts));
    trove__add_relaxed(&ghosts->evictions, 1); /* RELAXED: a clock */
}

bool trove__ghosts_recall(struct trove__ghosts *ghosts, struct trove__table *table, uint64_t hash)
{
    atomic_uint *ghost = ghost_of(ghosts, hash);
    unsigned seen = trove__load_relaxed(ghost), age; /* RELAXED: see trove__ghosts_remember() */
    uint64_t ticks;

    if (seen >> 16 != ghost_print(hash))
        return false;
    trove__store_relaxed(ghost, 0);
    age = (ghost_now(ghosts) - seen) & 0xffff;
    ticks = trove__table_entries_hint(table) >> ghosts->tick_shift;
    return age <= (ticks < 1u << GHOST_TICKS_LOG2 ? ticks + 1 : 1u << GHOST_TICKS_LOG2);
}
