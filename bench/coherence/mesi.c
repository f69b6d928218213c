// SPDX-License-Identifier: MIT
/*
 * mesi.c - see mesi.h. One thread.
 */
#include "mesi.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (MESI_CACHES_MAX / 64)
#define NOBODY UINT32_MAX

struct set {
    uint64_t words[WORDS];
};

struct line {
    uint64_t number;
    struct set has;  /* who has a copy */
    struct set lost; /* whose copy was taken away, and not looked for since */
    uint32_t owner;  /* who is alone with it, E or M; NOBODY: it is shared, or nowhere */
    bool used, modified;
    uint64_t coherence;
};

struct mesi {
    unsigned caches;
    struct line *lines; /* open addressing, a power of two, at most half full */
    size_t room, count;
    struct mesi_counts counts;
};

/* --- sets of caches ----------------------------------------------------------------------------------------------- */

static bool is_in(const struct set *set, unsigned cache)
{
    return set->words[cache / 64] >> cache % 64 & 1;
}

static void put_in(struct set *set, unsigned cache)
{
    set->words[cache / 64] |= (uint64_t)1 << cache % 64;
}

static void take_out(struct set *set, unsigned cache)
{
    set->words[cache / 64] &= ~((uint64_t)1 << cache % 64);
}

static bool is_empty(const struct set *set)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < WORDS; i++)
        any |= set->words[i];
    return any == 0;
}

static void add_all(struct set *set, const struct set *others)
{
    for (unsigned i = 0; i < WORDS; i++)
        set->words[i] |= others->words[i];
}

/* --- the directory ------------------------------------------------------------------------------------------------ */

struct mesi *mesi_create(unsigned caches)
{
    struct mesi *mesi = calloc(1, sizeof(*mesi));

    if (mesi == NULL || caches > MESI_CACHES_MAX)
        abort();
    mesi->caches = caches;
    mesi->room = (size_t)1 << 14;
    mesi->lines = calloc(mesi->room, sizeof(*mesi->lines));
    if (mesi->lines == NULL)
        abort();
    return mesi;
}

void mesi_destroy(struct mesi *mesi)
{
    free(mesi->lines);
    free(mesi);
}

static struct line *place_of(struct line *lines, size_t room, uint64_t number)
{
    size_t at = number * 0x9e3779b97f4a7c15 >> 20 & (room - 1);

    while (lines[at].used && lines[at].number != number)
        at = (at + 1) & (room - 1);
    return &lines[at];
}

static void grow(struct mesi *mesi)
{
    size_t room = mesi->room * 2;
    struct line *lines = calloc(room, sizeof(*lines));

    if (lines == NULL)
        abort();
    for (size_t i = 0; i < mesi->room; i++)
        if (mesi->lines[i].used)
            *place_of(lines, room, mesi->lines[i].number) = mesi->lines[i];
    free(mesi->lines);
    mesi->lines = lines;
    mesi->room = room;
}

static struct line *line_of(struct mesi *mesi, uint64_t number)
{
    struct line *line;

    if (mesi->count * 2 >= mesi->room)
        grow(mesi);
    line = place_of(mesi->lines, mesi->room, number);
    if (!line->used) {
        *line = (struct line){.number = number, .owner = NOBODY, .used = true};
        mesi->count++;
    }
    return line;
}

/* --- accesses ----------------------------------------------------------------------------------------------------- */

static enum mesi_outcome load(struct line *line, unsigned cache)
{
    bool lost = is_in(&line->lost, cache), modified = line->modified;

    if (is_in(&line->has, cache))
        return MESI_HIT;
    line->owner = is_empty(&line->has) ? cache : NOBODY;
    line->modified = false; /* who had modified it has written it back */
    put_in(&line->has, cache);
    take_out(&line->lost, cache);
    return lost || modified ? MESI_COHERENCE : MESI_FIRST;
}

static enum mesi_outcome store(struct line *line, unsigned cache)
{
    bool others;

    if (line->owner == cache) {
        line->modified = true;
        return MESI_HIT;
    }
    take_out(&line->has, cache);
    others = !is_empty(&line->has);
    add_all(&line->lost, &line->has);
    line->has = (struct set){{0}};
    put_in(&line->has, cache);
    others |= is_in(&line->lost, cache);
    take_out(&line->lost, cache);
    line->owner = cache;
    line->modified = true;
    return others ? MESI_COHERENCE : MESI_FIRST;
}

enum mesi_outcome mesi_access(struct mesi *mesi, unsigned cache, uint64_t number,
                              enum mesi_access access)
{
    struct line *line = line_of(mesi, number);
    enum mesi_outcome outcome = access == MESI_LOAD ? load(line, cache) : store(line, cache);

    mesi->counts.accesses++;
    mesi->counts.first += outcome == MESI_FIRST;
    if (outcome != MESI_COHERENCE)
        return outcome;
    mesi->counts.coherence++;
    if (++line->coherence > mesi->counts.hottest) {
        mesi->counts.hottest = line->coherence;
        mesi->counts.hottest_line = number;
    }
    return outcome;
}

enum mesi_state mesi_state(struct mesi *mesi, unsigned cache, uint64_t number)
{
    const struct line *line = line_of(mesi, number);

    if (!is_in(&line->has, cache))
        return MESI_INVALID;
    if (line->owner != cache)
        return MESI_SHARED;
    return line->modified ? MESI_MODIFIED : MESI_EXCLUSIVE;
}

struct mesi_counts mesi_counts(const struct mesi *mesi)
{
    return mesi->counts;
}
