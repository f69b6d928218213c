// SPDX-License-Identifier: MIT
/*
 * table_home.c - objects that found their home bucket full are brought home when it has room.
 *
 * WHY       An object that is put into a full home bucket would stay away from home as long as it lives, and each lookup
 *           of it is a surprise to the processor. Once the contents have turned over, one object in five would be away at
 *           a load of 0.58; a fresh table has one in twenty (BENCHMARKS.md).
 *
 * PROTOCOL  By the reclaimer's thread, around the grace period that it waits for anyhow.
 *   leave   Some buckets of the only level, in turn, two for each object freed since the last time: for each word that
 *           says AWAY, and whose home has an EMPTY slot: seal the word, note the pair of slots, take the slot at home with
 *           E|SEALED.
 *   (a grace period)
 *   arrive  Clear the far slot, unseal the one at home, and do step (3) of insert for it.
 *   A copy moves backward in scan order here, which I5 of table.c forbids elsewhere: a find may have passed the home bucket
 *   before the copy was there. Such a find began before the grace period and has ended before the far slot is cleared; one
 *   that began later sees the copy at home (E1, E2 of rcu.h).
 *   Between the two the object has two slots, both SEALED: nobody evicts, drops or moves it, nor the level from under it,
 *   for its count is not 0. An insert of the same id that is in step (3) leaves the sealed copies to their mover, or finds
 *   the far one later than its own and drops its own; the far slot is cleared, the copy at home stays.
 *
 * FORK      A child has a copy of the pairs and no thread: its first grace period ends the moves, or the reclaimer's end
 *           does. A pair, and the level it is of, is noted before its slot is taken, so `arrive` looks at what the slots say.
 *           What was SEALED and not noted, by this thread or those that grew the table, is settled then, too:
 *           table_forked.c.
 * PROGRESS  One thread, in bounded parts; nobody waits for it.
 * TESTS     tests/stepped/test_stopped_home.c.
 */
#include "core/rcu.h"
#include "core/table_internal.h"

#define LOOK_FACTOR                                                                                \
    2 /* buckets for each object freed: eight rounds while the contents turn over once */

/* Words of a bucket. ACQUIRE [E1 publish-entry]: pairs with trove__take_slot(). */
static uint64_t word_in(const atomic_ulong *slot)
{
    return trove__load_acquire(slot);
}

static bool find_room(const struct trove__bucket *bucket, unsigned *ret_slot)
{
    for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
        if (trove__load_relaxed(&bucket->slots[slot]) == 0) { /* RELAXED: the exchange decides */
            *ret_slot = slot;
            return true;
        }
    return false;
}

/* The word in SLOT of BUCKET says AWAY. */
static void set_out(struct trove__table *table, struct trove__level *level,
                    struct trove__bucket *bucket, unsigned slot, uint64_t word)
{
    struct trove_object *object = trove__object_of(word);
    uint64_t hash = trove__table_hash(table, object->id);
    struct trove__place from = {level, trove__step_of(level, hash, bucket), slot};
    struct trove__place to = {level, 0, 0};

    if (!find_room(trove__home_of(level, hash), &to.slot))
        return;
    /* Whole before it is counted, counted before the slot is taken: see FORK. */
    table->homing.pairs[table->homing.count] =
        (struct trove__home_pair){&bucket->slots[slot], trove__slot_at(&to, hash)};
    /* ACQ_REL [E1 publish-entry]: the winner is the object's only mover. */
    if (!trove__cas_acq_rel(&bucket->slots[slot], &word, word | TROVE__SEALED))
        return;
    table->homing.count++;
    if (trove__take_slot(&to, hash, object, TROVE__SEALED) == 0)
        return;
    table->homing.count--;
    trove__unseal(&from, hash, object);
}

static void look_into(struct trove__table *table, struct trove__level *level,
                      struct trove__bucket *bucket)
{
    uint64_t all = 0;

    for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
        all |= trove__load_relaxed(&bucket->slots[slot]); /* RELAXED: whether to look closer */
    if ((all & TROVE__AWAY) == 0)
        return;
    for (unsigned slot = 0; slot < TROVE__SLOTS; slot++) {
        uint64_t word = word_in(&bucket->slots[slot]);

        if ((word & (TROVE__AWAY | TROVE__SEALED)) == TROVE__AWAY &&
            table->homing.count < TROVE__HOMING_MAX)
            set_out(table, level, bucket, slot, word);
    }
}

void trove__table_homing_leave(struct trove__table *table, uint64_t freed)
{
    struct trove__level *level;

    if (table->homing.count != 0)
        return; /* a forked parent's */
    trove__section_enter();
    level = trove__load_acquire(&table->head);       /* [E6 head] */
    table->homing.level = level;                     /* before the first pair: see FORK */
    if (trove__load_acquire(&level->next) == NULL) { /* [E2 publish-level] */
        uint64_t buckets =
            LOOK_FACTOR * freed <= level->mask ? LOOK_FACTOR * freed : level->mask + 1;

        for (; buckets > 0 && table->homing.count < TROVE__HOMING_MAX; buckets--)
            look_into(table, level, &level->buckets[table->homing.cursor++ & level->mask]);
    }
    trove__section_leave();
}

/* Where SLOT is, for an object of HASH. */
static struct trove__place place_of(struct trove__level *level, uint64_t hash, atomic_ulong *slot)
{
    size_t at = (size_t)((char *)slot - (char *)level->buckets);
    struct trove__bucket *bucket = &level->buckets[at / sizeof(*bucket)];

    return (struct trove__place){level, trove__step_of(level, hash, bucket),
                                 (unsigned)(slot - bucket->slots)};
}

static void arrive(struct trove__table *table, const struct trove__home_pair *pair)
{
    struct trove__level *level = table->homing.level;
    uint64_t far = word_in(pair->far), home = word_in(pair->home);
    struct trove_object *object = trove__object_of(far & TROVE__SEALED ? far : home);
    uint64_t hash;
    struct trove__place from, to;

    if (((far | home) & TROVE__SEALED) == 0)
        return; /* a forked parent was done with it */
    hash = trove__table_hash(table, object->id);
    to = place_of(level, hash, pair->home);
    if ((far & TROVE__SEALED) == 0) {
        trove__unseal(&to, hash, object);
        return;
    }
    from = place_of(level, hash, pair->far);
    if (home == trove__word_at(object, hash, 0) + TROVE__SEALED)
        trove__finish_move(&from, &to, hash, object);
    else
        trove__unseal(&from, hash, object);
}

void trove__table_homing_arrive(struct trove__table *table)
{
    trove__section_enter();
    for (; table->homing.count > 0; table->homing.count--)
        arrive(table, &table->homing.pairs[table->homing.count - 1]);
    trove__section_leave();
    trove__take_over(table);
}
