// SPDX-License-Identifier: MIT
/*
 * table_replace.c - other contents in the place of those that are there, all at once. The protocol's frame is in table.c.
 *
 * WHAT      Contents are the levels of one era, which follow each other in the chain. Those of the era that `view` belongs to
 *           are in force; what is before them was replaced and is about to be discarded; what is after them is about to be
 *           in force.
 *
 * INVARIANTS
 *   R1 `view` only ever moves on along the chain, and `head` is never past it.
 *   R2 The chain holds levels of at most two eras. Who wants a third waits until the first is discarded.
 *   R3 Nothing is put into contents before they are in force. Nothing moves from one era to another.
 *
 * PROTOCOL
 *   replace  Publish an empty level of the new era as `next` of the newest one: from here on the replacement will happen,
 *            whoever does the next step. Move `view` to that level, by compare-and-swap: this is when it happens. A find
 *            loads `view` once, or begins again with another load of it, and coherence of that one word keeps who has seen
 *            the new contents from seeing the old. An insert chooses its level by the same word, in its section.
 *            Whoever wants to grow and finds the new level in the place of its own helps, so that nobody waits for a
 *            replacement that stopped in between.
 *   settle   One grace period after `view` has moved nobody finds or inserts in the old levels (table_grow.c).
 *   discard  The reclaimer's thread takes out what is in them, word by word, as an eviction would; hands that evict do so
 *            beside it. A level that is empty is let go like any other. After the last one a grace period: hands that took an
 *            object's cell before have put it back, or retired the object. Then the host is told.
 *   A find that began before finds what it began in: the objects are not freed before its section ends.
 *
 * EDGES     E6 head, E2 publish-level and E8 settled of table.c.
 * PROGRESS  replace is lock-free. discard is bounded by what there was, and waits for grace periods only.
 * LIMITS    While what was replaced is not discarded, misses search slowly and levels of the new contents do not move.
 * TESTS     tests/unit/test_replace.c, tests/stress/test_replace_stress.c, tests/stepped/test_stopped_replace.c (who replaces
 *           stopped at each step, and who puts, evicts and moves), tests/stress/test_linear.c (histories),
 *           tests/explore/test_explore_replace.c (all interleavings of small cases), tests/model/replace.pml (this
 *           protocol, to the end)
 */
#include "core/rcu.h"
#include "core/table_internal.h"
#include <errno.h>
#include <trove/error.h>

#define DISCARD_BUCKETS 256 /* in one section of the reclaimer's thread */

/* --- the replacement ---------------------------------------------------------------------------------------------- */

const void *trove__table_era(struct trove__table *table)
{
    return trove__current_level(table)->era;
}

void trove__table_begin(struct trove__table *table, const void *era)
{
    trove__load_acquire(&table->head)->era = era; /* [E6 head] */
}

void trove__switch_view(struct trove__table *table, struct trove__level *first)
{
    struct trove__level *level = trove__current_level(table);

    while (level->number < first->number) {
        uint64_t view = level->view;

        /* RELEASE [E6 head]: the new contents, from now on; pairs with the acquire loads of view. */
        if (trove__cas_release(&table->view, &view, first->view))
            break;
        level = trove__current_level(table);
    }
    table->host.wake(table->host.context);
}

/* A first level of about BYTES, or of what there is room for. */
static int first_level(struct trove__table *table, uint64_t bytes, const struct trove__level *after,
                       struct trove__level **ret_level)
{
    uint64_t buckets = trove__buckets_of(bytes);
    int r;

    do {
        r = trove__level_create(table, buckets, after, buckets == TROVE__BUCKETS_MIN, ret_level);
        buckets /= 2;
    } while (r == -ECACHE_OVERFULL && buckets >= TROVE__BUCKETS_MIN);
    return r;
}

/* Puts the first level of ERA behind the contents in force. As trove__table_replace(), or -EAGAIN: these have grown. */
static int try_replace(struct trove__table *table, uint64_t first_bytes, const void *era,
                       const void **ret_before)
{
    struct trove__level *current = trove__current_level(table);
    struct trove__level *newest = trove__newest_beside(current), *next, *first;
    int r;

    if (trove__load_acquire(&table->head)->era != current->era) /* [E6 head]: R2 */
        return -EBUSY;
    r = first_level(table, first_bytes, newest, &first);
    if (r < 0)
        return r;
    first->era = era;
    if (trove__publish_level(newest, first)) {
        trove__switch_view(table, first);
        *ret_before = current->era;
        return 0;
    }
    trove__level_destroy(first);               /* nobody has seen it */
    next = trove__load_acquire(&newest->next); /* [E2 publish-level] */
    if (next->era == newest->era)
        return -EAGAIN;
    trove__switch_view(table, next);
    return -EBUSY;
}

int trove__table_replace(struct trove__table *table, uint64_t first_bytes, const void *era,
                         const void **ret_before)
{
    int r;

    do {
        r = try_replace(table, first_bytes, era, ret_before);
    } while (r == -EAGAIN);
    return r;
}

/* --- what was replaced: the reclaimer's thread -------------------------------------------------------------------- */

static void discard_slot(struct trove__level *level, atomic_ulong *slot)
{
    /* ACQUIRE [E1 publish-entry]: pairs with trove__take_slot(). */
    uint64_t word = trove__load_acquire(slot);

    /* ACQ_REL [E1 publish-entry]: takes over the object before it is retired. */
    while (word != 0 && (word & TROVE__SEALED) == 0)
        if (trove__cas_acq_rel(slot, &word, 0)) {
            trove__sub_release(&level->count,
                               1); /* [E9 clear]; nobody goes by the pass counters any more */
            level->table->host.unlinked(level->table->host.context, trove__object_of(word));
            return;
        }
}

/* The head, if it was replaced and nobody finds or inserts there any more. In a section. */
static struct trove__level *level_to_discard(struct trove__table *table)
{
    struct trove__level *head = trove__load_acquire(&table->head); /* [E6 head] */

    /* ACQUIRE [E8 settled]: pairs with RELEASE in settle(). */
    return head->era != trove__table_era(table) && trove__load_acquire(&head->settled) != 0 ? head
                                                                                            : NULL;
}

/* Goes on with LEVEL. True: it is at its end. In a section. */
static bool discard_some(struct trove__table *table, struct trove__level *level)
{
    uint64_t *at = &table->discard_cursor;

    for (unsigned i = 0; i < DISCARD_BUCKETS && *at <= level->mask; i++, (*at)++)
        for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
            discard_slot(level, &level->buckets[*at].slots[slot]);
    if (*at <= level->mask)
        return false;
    *at = 0;
    return true;
}

bool trove__discard_part(struct trove__table *table)
{
    struct trove__level *level;
    const void *era = NULL;
    bool is_at_end = false, is_over = false;

    trove__section_enter();
    level = level_to_discard(table);
    if (level != NULL) {
        era = level->era;
        is_at_end = discard_some(table, level);
        /* [E6 head]: still of this era? */
        is_over = is_at_end && trove__switch_head(table, level) &&
                  trove__load_acquire(&table->head)->era != era;
    }
    trove__section_leave();
    if (is_at_end) {
        /* What a hand has cleared and not yet counted, or who has one of the objects; a forked parent's moves. */
        trove__reclaim_wait(table->reclaim);
        trove__table_homing_arrive(table);
        (void)trove__uncount_lost(table);
    }
    if (is_over && table->host.discarded != NULL)
        table->host.discarded(table->host.context, era);
    return level != NULL;
}
