// SPDX-License-Identifier: MIT
/*
 * table.c - the lock-free table: insert, remove, and what happens when two insert the same id.
 *
 * WHAT
 *   A chain of one to three levels, oldest first. A level is an array of buckets of one cache line: a meta word and
 *   seven slots (the words are described in table_find.h). An id may be in 32 buckets of a level: its home bucket, which
 *   the top bits of its keyed hash name, and 31 more at an odd stride from other bits. SCAN ORDER of an id: levels oldest
 *   first, in a level its steps, in a bucket its slots.
 *
 * INVARIANTS
 *   I1 A reachable object is complete and immutable but for hint, state and pins.
 *   I2 An object is in at most one unsealed slot. In two only while both are SEALED and one mover owns both.
 *   I3 An object leaves its slot once: by one successful compare-and-swap to EMPTY, or by its mover's store. Who does it
 *      starts the object's retirement, nobody else.
 *   I4 The pass counter of class c in bucket b is at least the number of objects of class c that are in a slot of this
 *      level and whose window passes b before it reaches them.
 *   I5 A copy of an id is dropped as a duplicate, or moved, only while a copy later in scan order is live, or the id was
 *      evicted during that very put; but for objects brought home, across a grace period (table_home.c). So an id that is present throughout a find, and not evicted during it, is found:
 *      copies only ever move forward, and the find goes forward too.
 *   I6 level.count is at least the number of slots in use of the level: added before a slot is taken, taken off after it
 *      is cleared. In a large level stripes add some ahead of need (ahead.h), in all a sixty-fourth of the slots, and it is
 *      that much too high; settle() takes off what is left of it.
 *   I7 A settled level gets no new object. So its count only falls, and reads 0 only when it is empty for ever.
 *   I8 While there are older levels, an insert leaves a quarter of the newest one's slots, all counted that has still to
 *      come; but for one that made room itself, by an eviction. So a mover finds a place: were inserts to fill the last
 *      level of a chain, what could not move would keep the chain as it is, and the table from ever growing again.
 *
 * ROLES     Any thread finds, inserts, removes and helps to move, inside sections. One thread at a time calls service.
 *
 * SLOT STATES, and who makes them; nothing else happens to a slot, and there are no tombstones
 *   EMPTY -> E             an insert's compare-and-swap, in the newest level it saw
 *   E -> EMPTY             an eviction's or a deduplication's compare-and-swap
 *   E -> E|SEALED          compare-and-swap; the winner is the object's only mover
 *   EMPTY -> E|SEALED      the mover's compare-and-swap in a newer level
 *   E|SEALED -> EMPTY      the mover's store in the older level
 *   E|SEALED -> E          the mover's store in the newer level
 *   the same three, within a level, across a grace period: table_home.c
 *   A word other than EMPTY cannot come back inside a section, because its object is not freed meanwhile; the
 *   compare-and-swap from EMPTY assumes nothing but emptiness. So there is no ABA.
 *
 * PROTOCOL
 *   find    table_find.h: the home bucket of the oldest level at once; when that does not decide, every slot in scan
 *           order, the pass counter after the slots of its bucket, `next` after the slots of its level. A vector load has
 *           no order between its lanes, so a copy that moves forward inside one bucket could be missed; who drops an
 *           earlier copy therefore marks its home bucket DROPPED first, and a find that missed and sees the mark scans
 *           again in strict order, which needs no mark (a plain loop, once: no retry). The mark stays as long as the
 *           level: two inserts of one id rarely meet, and a number that changes would cost each find a load before the
 *           lanes.
 *   insert  (1) find; found: done. (2) In the newest level, unless it is promised to others (I8), take the first EMPTY slot
 *           of the window: pass counters of the buckets passed, level count, then compare-and-swap; lost: undo, back to
 *           (1). (3) Full fence, then scan for another word with the id. Later than mine: drop mine, the answer is the
 *           other. Earlier and not SEALED: drop that one. SEALED: its mover does this for it.
 *           Two inserts of one id cannot both miss the other in (3): each scans after its fence what the other wrote
 *           before its own (E3). Both drop the earlier copy, whichever that is; the one compare-and-swap decides. Who
 *           finds an earlier copy when its own is gone, evicted, lets it be: that is the id put anew.
 *           Who says that he added the id: each copy is CLAIMED once. Its inserter does it, with SAID, when he answers that he
 *           added it; or whoever drops it for a later copy does it first, and then its inserter answers that it existed. Was
 *           it SAID already, then the later copy is CLAIMED and SAID, too, before the earlier one goes: by its inserter, or
 *           by somebody else with HEIR, and what existed is its inserter's answer; but not when the earlier copy was
 *           evicted before he could drop it: then his was added after that eviction. The
 *           order in which (3) reads the slots of a bucket is all the same: what it missed was put there after its fence.
 *   remove  find the word by address in scan order (a moving object moves forward), compare-and-swap it to EMPTY.
 *   home    table_home.c. An object that is away from its home bucket is brought there when there is room.
 *   grow    table_grow.c. A level is settled one grace period after `next` was published: every section that may have
 *           taken this level for the newest has ended. Only then are its objects moved.
 *
 * EDGES     (each label stands at both of its ends)
 *   E1 publish-entry   trove__take_slot(), trove__finish_move(), trove__unseal() -> trove__table_probe_home(), trove__scan_next()
 *                      all of the object
 *   E2 publish-level   publish_level() -> trove__newest_level(), trove__scan_next(), trove__table_probe_home()
 *                      the level, zeroed
 *   E3 dedupe          trove__take_slot() -> trove__resolve_duplicates()
 *                      a store-load pair: slot, fence, scan
 *   E4 pass            count_pass() -> trove__scan_next(), trove__table_probe_home()
 *                      the counter before the slot; read after the slots
 *   E5 drop            drop_copy() -> trove__table_probe_home()
 *                      the mark before the clear; read after the lanes
 *   E6 head            switch_head() -> trove__scan_begin(), trove__table_probe_home()
 *                      the next level as the oldest, its view before its place as the head
 *   E7 moved           trove__finish_move(), drop_sealed() -> trove__scan_next()
 *                      the newer slot before the older's EMPTY
 *   E8 settled         settle(), trove__take_over() -> level_to_move(), trove__table_is_empty()
 *                      the grace period is over
 *   E9 clear           uncount_passes(), trove__slot_cleared() -> switch_head(), trove__table_is_empty()
 *                      the slot before its counters
 *
 * PROGRESS  find: wait-free, at most the home bucket and then 3 x 32 x 7 slots. insert: lock-free; a retry means that somebody else took the
 *           slot. remove: lock-free. A thread stopped anywhere holds up nobody: at worst one slot stays SEALED, its
 *           object is found but cannot be evicted, and its level cannot be freed.
 * LIMITS    Of two overlapping puts of one id neither says the truth of an eviction that comes between the two steps in which one
 *           claims the other's copy and drops it, while the other's has not been concluded: a history with one eviction too
 *           many. A level has at least 64 buckets, so that the 32 buckets of a window differ. Addresses have 47 bits. Misses in
 *           a bucket that is marked DROPPED scan.
 * TESTS     tests/stepped/test_stopped_table.c (a thread stopped at each step of insert, removal, growth and move: I2, I3,
 *           I5 and PROGRESS; the bound of a find), tests/stepped/test_stopped_home.c (the same of objects brought home), tests/unit/test_reader.c (lanes, full windows, growth),
 *           tests/explore/test_explore_table.c (all interleavings of small cases, E1 to E9 weakened in turn),
 *           tests/stress/test_cache_stress.c (I6, recounts), tests/stress/test_linear.c (histories);
 *           tests/model/table.pml (this protocol, to the end).
 * SOURCES   Purcell, Harris: Non-blocking hashtables with open addressing (insert, then resolve). Maier, Sanders,
 *           Dementiev: Concurrent hash tables: fast and general? (high-bit index). Bronson, Shi: F14 (overflow counts).
 */
#include "core/table.h"
#include "core/memory.h"
#include "core/table_internal.h"
#include <errno.h>

/* --- scanning in order -------------------------------------------------------------------------------------------- */

static void scan_leave_bucket(struct trove__scan *scan, const struct trove__bucket *bucket)
{
    scan->is_inside = false;
    /* ACQUIRE fence [E4 pass], [E7 moved]: meta and what follows come after the lanes. */
    trove__fence_acquire();
    if (trove__window_goes_on(bucket, scan->hash, ++scan->step))
        return;
    /* ACQUIRE [E2 publish-level], both: after the slots, never before; pair with publish_level(). A slot that a mover emptied
     * was read before the fence [E7 moved], so the level it moved to is seen here. */
    scan->level =
        scan->all ? trove__load_acquire(&scan->level->next) : trove__next_level(scan->level);
    scan->step = 0;
}

/* The next lane of BUCKET whose word still has the tag. */
static bool scan_lane(struct trove__scan *scan, const struct trove__bucket *bucket,
                      uint64_t *ret_word)
{
    for (; scan->lanes != 0; scan->lanes &= scan->lanes - 1) {
        const atomic_ulong *slot = trove__lane(bucket, scan->lanes);
        /* ACQUIRE [E1 publish-entry]: pairs with trove__take_slot(). */
        uint64_t word = trove__load_acquire(slot);

        if (word >> TROVE__TAG_SHIFT != trove__tag_of(scan->hash))
            continue;
        scan->slot = (unsigned)(slot - bucket->slots);
        scan->lanes &= scan->lanes - 1;
        *ret_word = word;
        return true;
    }
    return false;
}

bool trove__scan_next(struct trove__scan *scan, uint64_t *ret_word)
{
    while (scan->level != NULL) {
        struct trove__bucket *bucket = trove__bucket_at(scan->level, scan->hash, scan->step);

        if (!scan->is_inside) {
            scan->lanes = trove__match(bucket, trove__tag_of(scan->hash));
            scan->is_inside = true;
        }
        if (scan_lane(scan, bucket, ret_word))
            return true;
        scan_leave_bucket(scan, bucket);
    }
    return false;
}

/* Every slot of BUCKET, one after the other. */
static struct trove_object *find_strictly(const struct trove__bucket *bucket, const uint8_t *id,
                                          uint64_t hash, enum trove_algo algo)
{
    for (unsigned slot = 0; slot < TROVE__SLOTS; slot++) {
        /* ACQUIRE [E1 publish-entry], [E7 moved]: pairs with trove__take_slot() and with trove__finish_move(). */
        uint64_t word = trove__load_acquire(&bucket->slots[slot]);

        if (word >> TROVE__TAG_SHIFT == trove__tag_of(hash) &&
            trove__id_equal(trove__object_of(word), id, algo))
            return trove__object_of(word);
    }
    return NULL;
}

struct trove_object *trove__table_find_slow(struct trove__table *table, const uint8_t *id,
                                            uint64_t hash, enum trove_algo algo)
{
    struct trove__level *level = trove__current_level(table);

    for (; level != NULL; level = trove__next_level(level)) { /* after the slots */
        struct trove__bucket *bucket;
        unsigned step = 0;

        do {
            struct trove_object *object;

            bucket = trove__bucket_at(level, hash, step);
            object = find_strictly(bucket, id, hash, algo);
            if (object != NULL)
                return object;
        } while (trove__window_goes_on(bucket, hash, ++step));
    }
    return NULL;
}

/* --- taking and clearing one slot --------------------------------------------------------------------------------- */

/* Adds 1 to the class's counter in BUCKET; false when it is at its maximum. */
static bool count_pass(struct trove__bucket *bucket, uint64_t hash)
{
    unsigned shift = trove__pass_shift(hash);
    uint64_t meta =
        trove__load_relaxed(&bucket->meta); /* RELAXED: a guess, the exchange checks it */

    do {
        if ((meta >> shift & TROVE__PASS_MAX) == TROVE__PASS_MAX)
            return false;
        /* RELEASE [E4 pass]: the slot's own compare-and-swap, which follows, is what makes this visible first; a find
         * that sees the slot's neighbour cleared by a drop has acquired that drop, which came after both. */
    } while (!trove__cas_release(&bucket->meta, &meta, meta + ((uint64_t)1 << shift)));
    return true;
}

/* Takes back the counters of the first STEPS buckets. */
static void uncount_passes(struct trove__level *level, uint64_t hash, unsigned steps)
{
    for (unsigned step = 0; step < steps; step++)
        /* RELEASE [E9 clear]: after the slot was cleared, so that no counter is too low for a live object (I4). */
        trove__sub_release(&trove__bucket_at(level, hash, step)->meta,
                           (uint64_t)1 << trove__pass_shift(hash));
}

static bool count_passes(struct trove__level *level, uint64_t hash, unsigned steps)
{
    for (unsigned step = 0; step < steps; step++) {
        if (!count_pass(trove__bucket_at(level, hash, step), hash)) {
            uncount_passes(level, hash, step);
            return false;
        }
    }
    return true;
}

/* After a slot at STEP was cleared: its counters and its level's count, in this order or another, but after. */
void trove__slot_cleared(struct trove__level *level, uint64_t hash, unsigned step)
{
    uncount_passes(level, hash, step); /* [E9 clear] */
    trove__sub_release(
        &level->count,
        1); /* [E9 clear]: I6; trove__table_is_empty() and switch_head() acquire it */
}

/* RELAXED: the compare-and-swap of the slot publishes it with that (I6). */
static void count_up(struct trove__level *level)
{
    if (level->ahead == NULL) {
        trove__add_relaxed(&level->count, 1); /* RELAXED, both: as above */
        return;
    }
    if (trove__ahead_use(level->ahead, 1))
        return;
    trove__add_relaxed(&level->count, (long)level->ahead_count + 1);
    trove__ahead_keep(level->ahead, level->ahead_count);
}

void trove__level_count_back(struct trove__level *level)
{
    uint64_t ahead = level->ahead == NULL ? 0 : trove__ahead_collect(level->ahead);

    if (ahead != 0)
        /* RELEASE [E9 clear]: it may be what makes the count 0; clears are released by their own subtractions, and this goes
         * on with what they released. */
        trove__sub_release(&level->count, (long)ahead);
}

long trove__level_count(const struct trove__level *level)
{
    long count = trove__load_relaxed(&level->count); /* RELAXED: a statistic */

    return level->ahead == NULL ? count : count - (long)trove__ahead_look(level->ahead);
}

int trove__take_slot(const struct trove__place *place, uint64_t hash,
                     const struct trove_object *object, uint64_t sealed)
{
    uint64_t empty = 0, word = trove__word_at(object, hash, place->step) | sealed;

    if (!count_passes(place->level, hash, place->step))
        return -ENOSPC;
    count_up(place->level);
    /* SEQ_CST [E1 publish-entry], [E3 dedupe]: pairs with the acquire loads of finds; failure loads nothing that is used. */
    if (trove__cas_seq_cst(trove__slot_at(place, hash), &empty, word))
        return 0;
    trove__slot_cleared(place->level, hash, place->step);
    return -EAGAIN;
}

int trove__place(struct trove__level *level, uint64_t hash, const struct trove_object *object,
                 uint64_t sealed, struct trove__place *ret_place)
{
    for (unsigned step = 0; step < TROVE__STEPS; step++) {
        struct trove__bucket *bucket = trove__bucket_at(level, hash, step);

        for (unsigned slot = 0; slot < TROVE__SLOTS; slot++) {
            const struct trove__place place = {level, step, slot};
            int r;

            if (trove__load_relaxed(&bucket->slots[slot]) != 0) /* RELAXED: the exchange decides */
                continue;
            r = trove__take_slot(&place, hash, object, sealed);
            if (r == 0)
                *ret_place = place;
            return r;
        }
    }
    return -ENOSPC;
}

/* --- one id, two copies ------------------------------------------------------------------------------------------- */

static bool is_later(const struct trove__scan *scan, const struct trove__place *place)
{
    if (scan->level != place->level)
        return scan->level->number > place->level->number;
    if (scan->step != place->step)
        return scan->step > place->step;
    return scan->slot > place->slot;
}

/* Takes out WORD at PLACE as a duplicate: true when this call did it, and the caller owns the retirement. */
static bool drop_copy(const struct trove__place *place, uint64_t hash, uint64_t word)
{
    /* ACQ_REL [E5 drop]: before the clear; a vector load that misses the later copy and sees this slot cleared is followed
     * by a look at the mark. Pairs with the load of meta in trove__table_probe_home(). */
    trove__or_acq_rel(&trove__home_of(place->level, hash)->meta, TROVE__DROPPED);
    /* ACQ_REL [E5 drop], [E4 pass]: whoever sees EMPTY here sees the later copy and its counters. */
    if (!trove__cas_acq_rel(trove__slot_at(place, hash), &word, 0))
        return false;
    trove__slot_cleared(place->level, hash, place->step);
    return true;
}

#define CLAIMED TROVE__OBJECT_CLAIMED
#define SAID TROVE__OBJECT_SAID

void trove__pass_claim(struct trove_object *lost, struct trove_object *kept)
{
    /* RELAXED, both: LOST is dropped afterwards, with release [E5 drop], [E7 moved]. */
    if (trove__or_relaxed(&lost->state, CLAIMED) & SAID)
        trove__or_relaxed(&kept->state, CLAIMED | SAID | TROVE__OBJECT_HEIR);
}

/* An earlier copy, WORD at PLACE, is to go for OBJECT. */
static void drop_earlier(struct trove__table *table, const struct trove__place *place,
                         uint64_t hash, uint64_t word, struct trove_object *object,
                         struct trove__resolved *resolved)
{
    struct trove_object *other = trove__object_of(word);
    bool said;

    /* ACQUIRE fence [E5 drop]: whoever dropped a copy that this scan did not see any more said of OTHER what was said of that. */
    trove__fence_acquire();
    /* RELAXED, both: the copy is dropped afterwards, with release [E5 drop]. */
    said = (trove__or_relaxed(&other->state, CLAIMED) & SAID) != 0;
    if (said)
        resolved->marked |= (trove__or_relaxed(&object->state, CLAIMED | SAID) & CLAIMED) == 0;
    if (word & TROVE__SEALED) {
        resolved->existed |= said; /* its mover drops it */
    } else if (drop_copy(place, hash, word)) {
        resolved->existed |= said;
        table->host.unlinked(table->host.context, other);
    }
}

/* OBJECT is where its inserter or mover has put it. */
static bool is_still_at(const struct trove__place *place, uint64_t hash,
                        const struct trove_object *object)
{
    /* ACQUIRE [E1 publish-entry]: pairs with itself, as in a find. */
    uint64_t word = trove__load_acquire(trove__slot_at(place, hash));

    return (word & ~TROVE__SEALED) == trove__word_at(object, hash, place->step);
}

struct trove__resolved trove__resolve_duplicates(struct trove__table *table, uint64_t hash,
                                                 const struct trove__place *mine,
                                                 struct trove_object *object)
{
    struct trove__resolved resolved = {0};
    struct trove__scan scan = {.hash = hash};
    uint64_t word;

    /* [E3 dedupe]: my slot was written before, the others' are read after. Pairs with itself in the other insert. */
    trove__fence_seq_cst();
    scan.level = trove__oldest_beside(table, mine->level);
    while (trove__scan_next(&scan, &word)) {
        struct trove_object *other = trove__object_of(word);
        struct trove__place place = {scan.level, scan.step, scan.slot};

        if (other == object || !trove__id_equal(other, object->id, table->algo))
            continue;
        if (is_later(&scan, mine)) {
            trove__pass_claim(object, other);
            /* Lost: evicted, dropped by the other, or sealed by a mover, who resolves it in its new place. */
            resolved.dropped = drop_copy(mine, hash, trove__word_at(object, hash, mine->step));
            resolved.lost_to = other;
            return resolved;
        }
        if (!is_still_at(mine, hash, object))
            return resolved; /* evicted, and the id was put anew; or moved on, and that mover does the rest */
        drop_earlier(table, &place, hash, word, object, &resolved);
    }
    return resolved;
}

/* --- the calls ---------------------------------------------------------------------------------------------------- */

struct trove__level *trove__oldest_beside(struct trove__table *table,
                                          const struct trove__level *level)
{
    /* ACQUIRE [E6 head], [E2 publish-level]: pair with switch_head() and publish_level(). */
    struct trove__level *oldest = trove__load_acquire(&table->head);

    while (oldest->era != level->era)
        oldest = trove__load_acquire(&oldest->next); /* [E2 publish-level] */
    return oldest;
}

struct trove__level *trove__newest_beside(struct trove__level *level)
{
    struct trove__level *next;

    while ((next = trove__next_level(level)) != NULL)
        level = next;
    return level;
}

struct trove__level *trove__newest_level(struct trove__table *table)
{
    return trove__newest_beside(trove__current_level(table));
}

static void wake_when_loaded(struct trove__table *table, struct trove__level *level, uint64_t hash)
{
    /* One insert of sixteen: where growing is refused, asking again and again would cost more than it brings. */
    uint64_t turn = level->ahead != NULL
                        ? hash >> 19
                        : (uint64_t)trove__load_relaxed(&level->count); /* RELAXED: a guess */

    if (turn % 16 == 0 && trove__is_filled(level, TROVE__GROW_SIXTEENTHS))
        table->host.wake(table->host.context);
}

/* I8: whether what is in LEVEL, the newest, and in the older ones, whose objects come here, fills three quarters of it. While
 * even full ones would not, their counts, which movers write, are not read. */
static bool is_promised(struct trove__table *table, const struct trove__level *level)
{
    struct trove__level *oldest = trove__oldest_beside(table, level), *older;
    uint64_t most = (level->mask + 1) * TROVE__SLOTS * 3 / 4;
    uint64_t here, sum;

    if (oldest == level)
        return false;
    here = sum = (uint64_t)trove__load_relaxed(&level->count); /* RELAXED, both: a guess */
    for (older = oldest; older != NULL && older != level; older = trove__next_level(older))
        sum += (older->mask + 1) * TROVE__SLOTS;
    if (sum <= most)
        return false;
    sum = here;
    for (older = oldest; older != NULL && older != level; older = trove__next_level(older))
        sum += (uint64_t)trove__load_relaxed(&older->count);
    return sum > most;
}

/* OBJECT, published at MINE: step (3), and who says that he added the id. */
static int conclude(struct trove__table *table, uint64_t hash, const struct trove__place *mine,
                    struct trove_object *object, struct trove_object **ret_other)
{
    struct trove__resolved resolved = trove__resolve_duplicates(table, hash, mine, object);
    unsigned char seen;

    if (resolved.dropped)
        table->host.unlinked(table->host.context, object);
    *ret_other = resolved.lost_to != NULL ? resolved.lost_to : object;
    if (resolved.lost_to != NULL || resolved.existed)
        return 1;
    /* RELAXED, both: what was said before a copy was dropped came with its EMPTY slot [E5 drop], [E7 moved]. */
    seen = trove__load_relaxed(&object->state);
    while ((seen & CLAIMED) == 0)
        if (trove__cas_relaxed(&object->state, &seen, seen | CLAIMED | SAID))
            return 0;
    return resolved.marked && (seen & TROVE__OBJECT_HEIR) == 0 ? 0 : 1;
}

/* As trove__table_find(); *RET_BASE: the level that the contents it looked in begin with. */
static struct trove_object *find_from(struct trove__table *table, const uint8_t *id, uint64_t hash,
                                      struct trove__level **ret_base)
{
    struct trove_object *object;

    do {
        *ret_base = trove__current_level(table);
        object = trove__table_find(table, id, hash, table->algo);
        /* [E6 head]: a view never comes back, so what is the same before and after was it in between. */
    } while (trove__load_acquire(&table->view) != (*ret_base)->view);
    return object;
}

int trove__table_insert(struct trove__table *table, const void *era, struct trove_object *object,
                        uint64_t hash, bool made_room, struct trove_object **ret_other)
{
    struct trove__place mine;
    int r;

    if (((uintptr_t)object & ~TROVE__ADDRESS) != 0)
        return -ENOMEM;
    do {
        struct trove_object *other;
        struct trove__level *base, *newest;

        other = find_from(table, object->id, hash, &base);
        if (era != NULL && base->era != era)
            return -ESTALE;
        if (other != NULL) {
            *ret_other = other;
            return -EEXIST;
        }
        newest = trove__newest_beside(base);
        r = !made_room && is_promised(table, newest) ? -ENOSPC
                                                     : trove__place(newest, hash, object, 0, &mine);
        if (r == -ENOSPC && trove__grow(table, newest, false) != -ENOSPC)
            r = -EAGAIN;
    } while (r == -EAGAIN);
    if (r < 0)
        return r;
    wake_when_loaded(table, mine.level, hash);
    return conclude(table, hash, &mine, object, ret_other);
}

int trove__table_remove(struct trove__table *table, struct trove_object *object, uint64_t hash)
{
    /* ACQUIRE [E6 head]: pairs with switch_head(). What was replaced is evicted too, as long as it is there. */
    struct trove__scan scan = {
        .level = trove__load_acquire(&table->head), .hash = hash, .all = true};
    uint64_t word;

    while (trove__scan_next(&scan, &word)) {
        if (trove__object_of(word) != object)
            continue;
        if (word & TROVE__SEALED)
            return -EBUSY;
        /* ACQ_REL [E1 publish-entry]: takes over the object from its inserter before it is retired; failure acquires what
         * the faster one did. */
        if (trove__cas_acq_rel(&trove__bucket_at(scan.level, hash, scan.step)->slots[scan.slot],
                               &word, 0)) {
            trove__slot_cleared(scan.level, hash, scan.step);
            return 0;
        }
        if (word & TROVE__SEALED)
            return -EBUSY;
        /* Cleared meanwhile: taken out, or moved on, and then it is further on in scan order. */
    }
    return -ENOENT;
}

struct trove_object *trove__table_victim(struct trove__table *table, uint64_t hash)
{
    struct trove__level *level = trove__newest_level(table);
    struct trove_object *coldest = NULL;

    for (unsigned i = 0; i < TROVE__STEPS * TROVE__SLOTS; i++) {
        struct trove__bucket *bucket = trove__bucket_at(level, hash, i / TROVE__SLOTS);
        /* ACQUIRE [E1 publish-entry]: pairs with trove__take_slot(). */
        uint64_t word = trove__load_acquire(&bucket->slots[i % TROVE__SLOTS]);
        struct trove_object *object = trove__object_of(word);

        /* RELAXED: hints guide, they decide nothing. */
        if (word != 0 && (word & TROVE__SEALED) == 0 &&
            (coldest == NULL ||
             trove__load_relaxed(&object->hint) < trove__load_relaxed(&coldest->hint)))
            coldest = object;
    }
    return coldest;
}

bool trove__table_is_empty(struct trove__table *table)
{
    struct trove__level *level = trove__current_level(table);

    /* Oldest first: a settled level that reads 0 stays empty (I7); the newest decides at the moment it is read, if it is
     * still the newest of its contents afterwards; if these were replaced before, the new ones were empty at that moment. A
     * level that is neither might get a late insert: not known to be empty. */
    for (;;) {
        /* [E8 settled]: before the count. A level that is settled only afterwards may have got an insert in between. */
        bool settled = trove__load_acquire(&level->settled) != 0;
        struct trove__level *next;

        if (trove__load_seq_cst(&level->count) != 0)
            trove__level_count_back(level); /* if that was all */
        if (trove__load_seq_cst(&level->count) != 0)
            return false;
        next = trove__load_seq_cst(&level->next); /* [E2 publish-level] */
        if (next == NULL || next->era != level->era)
            return true;
        if (!settled)
            return false;
        level = next;
    }
}

uint64_t trove__table_entries_hint(struct trove__table *table)
{
    /* ACQUIRE [E6 head], [E2 publish-level]: pair with switch_head() and publish_level(). */
    struct trove__level *level = trove__load_acquire(&table->head);
    long count = 0;

    for (; level != NULL; level = trove__load_acquire(&level->next)) /* [E2 publish-level] */
        count += trove__load_relaxed(&level->count);                 /* RELAXED: a hint */
    return count > 0 ? (uint64_t)count : 0;
}

struct trove__table_sizes trove__table_sizes(struct trove__table *table)
{
    struct trove__table_sizes sizes = {0};
    /* ACQUIRE [E6 head], [E2 publish-level]: pair with switch_head() and publish_level(). */
    struct trove__level *level = trove__load_acquire(&table->head);

    for (; level != NULL; level = trove__load_acquire(&level->next)) {
        long count = trove__level_count(level);

        sizes.bytes += level->bytes;
        sizes.slots += (level->mask + 1) * TROVE__SLOTS;
        sizes.entries += count > 0 ? (uint64_t)count : 0;
        sizes.levels++;
    }
    return sizes;
}

static void each_of_level(const struct trove__level *level,
                          void (*fn)(void *context, struct trove_object *object), void *context)
{
    for (uint64_t b = 0; b <= level->mask; b++)
        for (unsigned s = 0; s < TROVE__SLOTS; s++) {
            /* ACQUIRE [E1 publish-entry]: pairs with trove__take_slot(). */
            uint64_t word = trove__load_acquire(&level->buckets[b].slots[s]);

            if (word != 0)
                fn(context, trove__object_of(word));
        }
}

void trove__table_each(struct trove__table *table,
                       void (*fn)(void *context, struct trove_object *object), void *context)
{
    struct trove__level *level = trove__load_acquire(&table->head); /* [E6 head] */

    for (; level != NULL; level = trove__load_acquire(&level->next)) /* [E2 publish-level] */
        each_of_level(level, fn, context);
}

void trove__table_each_current(struct trove__table *table,
                               void (*fn)(void *context, struct trove_object *object),
                               void *context)
{
    struct trove__level *level = trove__current_level(table);

    for (; level != NULL; level = trove__next_level(level))
        each_of_level(level, fn, context);
}

int trove__table_init(struct trove__table *table, enum trove_algo algo, trove__hash_fn hash,
                      uint64_t first_bytes, uint64_t ahead_bytes,
                      const struct trove__table_host *host, struct trove__reclaim *reclaim)
{
    struct trove__level *first;
    int r;

    table->algo = algo;
    table->hash = hash;
    table->host = *host;
    table->reclaim = reclaim;
    table->ahead_bytes = ahead_bytes;
    table->homing.cursor = 0;
    table->homing.count = 0;
    table->discard_cursor = 0;
    table->inherited_levels = 0;
    atomic_init(&table->is_inherited, 0);
    atomic_init(&table->view, 0);
    atomic_init(&table->head, NULL);
    r = trove__secret_draw(&table->secret);
    if (r < 0)
        return r;
    r = trove__level_create(table, trove__buckets_of(first_bytes), NULL, false, &first);
    if (r < 0)
        return r;
    trove__store_release(&table->view, first->view); /* [E6 head], both */
    trove__store_release(&table->head, first);
    return 0;
}

static void release_one(void *context, struct trove_object *object)
{
    (void)context;
    trove__object_release(object);
}

void trove__table_deinit(struct trove__table *table)
{
    struct trove__level *level = trove__load_acquire(&table->head); /* [E6 head] */

    if (level == NULL)
        return;
    trove__table_each(table, release_one, NULL);
    while (level != NULL) {
        struct trove__level *next = trove__load_acquire(&level->next); /* [E2 publish-level] */

        trove__level_destroy(level);
        level = next;
    }
    trove__store_release(&table->head, NULL); /* [E6 head]: nobody is left to see it */
}
