// SPDX-License-Identifier: MIT
/*
 * table_internal.h - what table.c and table_grow.c share. The protocol is the opening comment of table.c.
 */
#ifndef TROVE_CORE_TABLE_INTERNAL_H
#define TROVE_CORE_TABLE_INTERNAL_H

#include "core/table_find.h"

#define TROVE__BUCKETS_MIN 64

/* The word of OBJECT, of HASH, at STEP of its window. */
static inline uint64_t trove__word_at(const struct trove_object *object, uint64_t hash,
                                      unsigned step)
{
    return trove__tag_of(hash) << TROVE__TAG_SHIFT | (uint64_t)(uintptr_t)object |
           (step == 0 ? 0 : TROVE__AWAY);
}

/* The next level is begun at this load: making a large one takes as long as the kernel takes to clear it, and from 0.9 on an
 * insert of a large table may find its window full, and then makes the level itself. */
#define TROVE__GROW_SIXTEENTHS 11

/* Are more than that many sixteenths of LEVEL's slots in use? */
static inline bool trove__is_filled(const struct trove__level *level, unsigned sixteenths)
{
    /* RELAXED: growing, or helping, a little earlier or later is all the same. */
    return (uint64_t)trove__load_relaxed(&level->count) * 16 >
           (level->mask + 1) * TROVE__SLOTS * sixteenths;
}

/* A walk over the words with a hash's tag, in scan order over LEVEL and those after it, a bucket's at once (so it may miss a
 * copy that a deduplication moves forward within a bucket; whoever must not miss it looks at DROPPED). In a section. */
struct trove__scan {
    struct trove__level *level; /* where the walk is; NULL at its end */
    uint64_t hash;
    bool all;       /* not only the contents that the first level is of */
    bool is_inside; /* this bucket was matched */
    unsigned step, slot;
    trove__lanes lanes; /* what is left of it */
};
bool trove__scan_next(struct trove__scan *scan, uint64_t *ret_word);

struct trove__place {
    struct trove__level *level;
    unsigned step, slot;
};

/* At which step of its window BUCKET is. */
static inline unsigned trove__step_of(struct trove__level *level, uint64_t hash,
                                      const struct trove__bucket *bucket)
{
    unsigned step = 0;

    while (trove__bucket_at(level, hash, step) != bucket)
        step++;
    return step;
}

static inline atomic_ulong *trove__slot_at(const struct trove__place *place, uint64_t hash)
{
    return &trove__bucket_at(place->level, hash, place->step)->slots[place->slot];
}

/* The oldest and the newest level of the contents that LEVEL is of; and the newest of those in force. */
struct trove__level *trove__oldest_beside(struct trove__table *table,
                                          const struct trove__level *level);
struct trove__level *trove__newest_beside(struct trove__level *level);
struct trove__level *trove__newest_level(struct trove__table *table);

/* Puts OBJECT, SEALED or not, into that slot. 0, -EAGAIN (somebody else took it), -ENOSPC (a counter is at its maximum). */
int trove__take_slot(const struct trove__place *place, uint64_t hash,
                     const struct trove_object *object, uint64_t sealed);

/* The same with the first EMPTY slot of the window. 0, -EAGAIN (lost a slot to somebody), -ENOSPC. */
int trove__place(struct trove__level *level, uint64_t hash, const struct trove_object *object,
                 uint64_t sealed, struct trove__place *ret_place);

/* Slots of LEVEL in use, what is on its way counted in: a statistic. */
long trove__level_count(const struct trove__level *level);
/* Takes off level.count what stripes have added ahead. */
void trove__level_count_back(struct trove__level *level);

/* The counters of a slot that was cleared by the caller. */
void trove__slot_cleared(struct trove__level *level, uint64_t hash, unsigned step);

/* What step (3) of an insert or a move came to. */
struct trove__resolved {
    struct trove_object
        *lost_to; /* the later copy that it was dropped for, by whomever; NULL: none */
    bool dropped; /* this call took the object out, and the caller owns its retirement */
    bool marked;  /* this call set the object's CLAIMED, because an earlier copy's was */
    bool existed; /* and that copy did not just leave by itself */
};

/* Step (3) of insert, for the inserter and the mover of OBJECT at MINE. */
struct trove__resolved trove__resolve_duplicates(struct trove__table *table, uint64_t hash,
                                                 const struct trove__place *mine,
                                                 struct trove_object *object);

/* LOST is to be dropped for KEPT, by its mover or its inserter: what was said of it is said of KEPT. */
void trove__pass_claim(struct trove_object *lost, struct trove_object *kept);

/* OBJECT is in FROM and in TO, both sealed by this thread: takes it out of FROM, unseals it in TO and does step (3). */
void trove__finish_move(const struct trove__place *from, const struct trove__place *to,
                        uint64_t hash, struct trove_object *object);

/* OBJECT, sealed by this thread, stays at PLACE. Step (3) for it, which others left to its mover. */
void trove__unseal(const struct trove__place *place, uint64_t hash, struct trove_object *object);

/* Chains a level twice as large behind NEWEST, unless somebody did; MAY_EVICT to make room for it (a put may not: its work
 * is bounded). 0; -ENOSPC: refused, no memory, or three levels; -ESTALE: the contents were replaced. */
int trove__grow(struct trove__table *table, struct trove__level *newest, bool may_evict);

/* An empty level, zeroed and charged, to follow AFTER (NULL: none). 0, -ENOMEM, -ECACHE_OVERFULL. */
int trove__level_create(struct trove__table *table, uint64_t buckets,
                        const struct trove__level *after, bool may_evict,
                        struct trove__level **ret_level);
void trove__level_destroy(struct trove__level *level);
/* How many buckets a first level of BYTES has. */
uint64_t trove__buckets_of(uint64_t bytes);
/* Makes LEVEL the successor of NEWEST. False: there is another one. */
bool trove__publish_level(struct trove__level *newest, struct trove__level *level);
/* Lets go of HEAD when it is empty for ever. True: by this call. */
bool trove__switch_head(struct trove__table *table, struct trove__level *head);

/* --- table_forked.c ------------------------------------------------------------------------------------------------- */

/* Nobody may move anything yet. */
bool trove__table_is_inherited(struct trove__table *table);
/* Ends what a forked parent's threads were moving. After a grace period; outside sections; the reclaimer's thread. */
void trove__take_over(struct trove__table *table);
/* The same of what they had counted in the oldest level, once that is empty. True: it was. */
bool trove__uncount_lost(struct trove__table *table);

/* --- table_replace.c ------------------------------------------------------------------------------------------------ */

/* FIRST, the first level of newer contents, is in the chain: they are in force from now on, whoever put it there. */
void trove__switch_view(struct trove__table *table, struct trove__level *first);
/* Takes out some of what a replacement left. The reclaimer's thread. True: there may be more. */
bool trove__discard_part(struct trove__table *table);

#endif
