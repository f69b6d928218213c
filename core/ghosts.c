// SPDX-License-Identifier: MIT
/*
 * ghosts.c - which ids were evicted not long ago. See ghosts.h.
 *
 * A ghost is a word: 13 bits of the id's hash, as what it left which queue, and when, on two clocks. The clock of evictions says
 * whether it is remembered still; a tick is so many evictions that an array's turn takes 256. The clock of the queue's own
 * evicted bytes says how much longer that queue should have been; a tick is a 128th of what objects have.
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
#define BYTE_TICKS 128
/* A twentieth, with the tick that has begun. Measured on traces: more sees what no small change would keep. */
#define RECENT_TICKS 4

/* Where things are in a word; nothing at all is 0. */
#define PRINT_SHIFT 19
#define KIND_SHIFT 17
#define KIND_MASK 3u
#define AGE_SHIFT 8
#define AGE_MASK 0x1ffu
#define BYTES_MASK 0xffu

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
    ghosts->tick_bytes = budget->live_max / BYTE_TICKS + 1;
    atomic_init(&ghosts->evictions, 0);
    atomic_init(&ghosts->bytes[0], 0);
    atomic_init(&ghosts->bytes[1], 0);
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
    return (unsigned)(hash & 0x1fff) | 1;
}

static unsigned ghost_now(struct trove__ghosts *ghosts)
{
    /* RELAXED: a clock that is read a little late. */
    return (unsigned)(trove__load_relaxed(&ghosts->evictions) >> ghosts->tick_shift) & AGE_MASK;
}

static unsigned bytes_now(struct trove__ghosts *ghosts, enum trove__leaver kind)
{
    /* RELAXED: a clock that is read a little late. */
    return (unsigned)(trove__load_relaxed(&ghosts->bytes[trove__leaver_of_main(kind)]) /
                      ghosts->tick_bytes) &
           BYTES_MASK;
}

void trove__ghosts_remember(struct trove__ghosts *ghosts, uint64_t hash, enum trove__leaver kind,
                            uint64_t bytes)
{
    unsigned word = ghost_print(hash) << PRINT_SHIFT | (unsigned)kind << KIND_SHIFT |
                    ghost_now(ghosts) << AGE_SHIFT | bytes_now(ghosts, kind);

    /* RELAXED: a ghost that is lost costs a miss. */
    trove__store_relaxed(ghost_of(ghosts, hash), word);
    trove__add_relaxed(&ghosts->evictions, 1); /* RELAXED, both: clocks */
    trove__add_relaxed(&ghosts->bytes[trove__leaver_of_main(kind)], bytes); /* RELAXED: as above */
}

/* As long as nothing was evicted, each look would be at memory that nobody has in his cache, for nothing. */
static bool are_there_any(struct trove__ghosts *ghosts)
{
    return trove__load_relaxed(&ghosts->evictions) != 0; /* RELAXED: a clock */
}

void trove__ghosts_prefetch(struct trove__ghosts *ghosts, uint64_t hash)
{
    if (are_there_any(ghosts))
        __builtin_prefetch(ghost_of(ghosts, hash), 1);
}

static bool find_ghost(struct trove__ghosts *ghosts, struct trove__table *table, uint64_t hash,
                       struct trove__ghost *ret_ghost)
{
    atomic_uint *ghost = ghost_of(ghosts, hash);
    unsigned seen = trove__load_relaxed(ghost); /* RELAXED: see trove__ghosts_remember() */
    enum trove__leaver kind = (enum trove__leaver)(seen >> KIND_SHIFT & KIND_MASK);
    unsigned age;
    uint64_t ticks;

    if (seen >> PRINT_SHIFT != ghost_print(hash))
        return false;
    trove__store_relaxed(ghost, 0);
    age = (ghost_now(ghosts) - (seen >> AGE_SHIFT)) & AGE_MASK;
    ticks = trove__table_entries_hint(table) >> ghosts->tick_shift;
    if (age > (ticks < 1u << GHOST_TICKS_LOG2 ? ticks + 1 : 1u << GHOST_TICKS_LOG2))
        return false;
    ret_ghost->kind = kind;
    ret_ghost->recent = ((bytes_now(ghosts, kind) - seen) & BYTES_MASK) <= RECENT_TICKS;
    return true;
}

bool trove__ghosts_recall(struct trove__ghosts *ghosts, struct trove__table *table, uint64_t hash,
                          struct trove__ghost *ret_ghost)
{
    return are_there_any(ghosts) && find_ghost(ghosts, table, hash, ret_ghost);
}
