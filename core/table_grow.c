// SPDX-License-Identifier: MIT
/*
 * table_grow.c - levels, and how objects move from an old one to a newer one. The protocol's frame is in table.c.
 *
 * PROTOCOL
 *   grow     At load 11/16 the reclaimer's thread makes the next level (charged, zeroed, mapped before it is published, so
 *            that readers take no page faults) and publishes it as `next` of the newest. An insert that finds its window
 *            full before that does it itself. No lock: who loses the compare-and-swap frees its own. From then on inserts
 *            go to the new level.
 *   settle   The thread waits one grace period. Sections that took the old level for the newest have ended: it is settled.
 *   move     Slot by slot, by the thread and by a few buckets with each put. SEAL (who wins owns the slot). A copy of the
 *            id in a newer level: clear the old. Otherwise take a slot of the newest level with E|SEALED, clear the old
 *            slot, unseal the new one, and do step (3) of insert for it. The order makes the id reachable throughout: new
 *            slot, then old slot cleared [E7 moved], and a reader goes from old to new.
 *            A full window there: grow again; refused: unseal the old slot, and do step (3) for it where it is, because an
 *            insert that came meanwhile left the sealed copy to its mover. A later round tries again. Just unsealing
 *            would leave two copies that nobody resolves.
 *   switch   A settled level whose count is 0 is empty for ever: the head moves on, the level is freed after a grace
 *            period.
 *
 *   A stopped mover leaves one SEALED slot: the id is found, cannot be evicted, and its level stays. The buckets it had
 *   claimed are visited again by others, because the cursor goes round until the count is 0.
 */
#include "core/memory.h"
#include "core/rcu.h"
#include "core/table_internal.h"
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <trove/error.h>

#define HELP_BUCKETS 2     /* with each put, */
#define HELP_TURNS 4       /* so many of them by one put of so many */
#define SERVICE_BUCKETS 64 /* in one section of the reclaimer's thread */
#define PREFETCH_BUCKETS 4 /* as far ahead */
#define PREFETCH_HOMES 4   /* of one bucket's objects, at most */
#define LAST_LEVEL_FACTOR 16
#define AHEAD_PART 64 /* stripes together count this part of the slots ahead, at most */
#define AHEAD_MIN 8
#define AHEAD_MAX 64
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

/* --- levels ------------------------------------------------------------------------------------------------------- */

static size_t bucket_align(size_t bytes)
{
    return bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : TROVE__LINE_BYTES;
}

/* How many a stripe of a level of BYTES may count ahead; 0: the level is small. */
static unsigned ahead_of(size_t bytes)
{
    size_t slots = bytes / sizeof(struct trove__bucket) * TROVE__SLOTS;
    size_t ahead = slots / AHEAD_PART / TROVE__COUNTER_STRIPES;

    return ahead < AHEAD_MIN ? 0 : ahead < AHEAD_MAX ? (unsigned)ahead : AHEAD_MAX;
}

/* A level's own memory, beside its buckets. */
static size_t frame_bytes(size_t bytes)
{
    return sizeof(struct trove__level) + (ahead_of(bytes) == 0 ? 0 : sizeof(struct trove__ahead));
}

static size_t charge_of(size_t bytes)
{
    return trove__sized_usable(bytes, bucket_align(bytes)) +
           trove__sized_usable(frame_bytes(bytes), _Alignof(struct trove__level));
}

uint64_t trove__table_bytes_min(void)
{
    return charge_of(TROVE__BUCKETS_MIN * sizeof(struct trove__bucket));
}

static void free_level(struct trove__level *level)
{
    struct trove__table *table = level->table;
    size_t charged = level->bytes, bytes = (level->mask + 1) * sizeof(struct trove__bucket);

    trove__sized_free(level->buckets, bytes, bucket_align(bytes));
    trove__sized_free(level, frame_bytes(bytes), _Alignof(struct trove__level));
    table->host.unreserve(table->host.context, charged);
}

static void free_retired_level(struct trove__retired *retired)
{
    free_level((struct trove__level *)((char *)retired - offsetof(struct trove__level, retired)));
}

static struct trove__bucket *make_buckets(size_t bytes)
{
    struct trove__bucket *buckets = trove__sized_alloc(bytes, bucket_align(bytes));

    if (buckets == NULL)
        return NULL;
    if (bytes >= HUGE_PAGE_BYTES)
        madvise(buckets, bytes, MADV_HUGEPAGE); /* an advice: failure costs speed only */
    memset(buckets, 0, bytes);
    return buckets;
}

static struct trove__level *allocate_level(size_t bytes)
{
    struct trove__level *level =
        trove__sized_alloc(frame_bytes(bytes), _Alignof(struct trove__level));

    if (level == NULL)
        return NULL;
    level->buckets = make_buckets(bytes);
    if (level->buckets != NULL)
        return level;
    trove__sized_free(level, frame_bytes(bytes), _Alignof(struct trove__level));
    return NULL;
}

uint64_t trove__buckets_of(uint64_t bytes)
{
    uint64_t buckets = TROVE__BUCKETS_MIN;

    while (buckets * 2 * sizeof(struct trove__bucket) <= bytes)
        buckets *= 2;
    return buckets;
}

int trove__level_create(struct trove__table *table, uint64_t buckets,
                        const struct trove__level *after, bool may_evict,
                        struct trove__level **ret_level)
{
    size_t bytes = buckets * sizeof(struct trove__bucket), charge = charge_of(bytes);
    struct trove__level *level;

    if (!table->host.reserve(table->host.context, charge, may_evict))
        return -ECACHE_OVERFULL;
    level = allocate_level(bytes);
    if (level == NULL) {
        table->host.unreserve(table->host.context, charge);
        return -ENOMEM;
    }
    level->mask = buckets - 1;
    level->view = trove__view_of(level->buckets, 64 - (unsigned)__builtin_ctzl(buckets));
    level->number = after != NULL ? after->number + 1 : 0;
    level->era = after != NULL ? after->era : NULL;
    level->bytes = charge;
    level->table = table;
    level->retired.free = free_retired_level;
    atomic_init(&level->next, NULL);
    atomic_init(&level->settled, 0);
    atomic_init(&level->count, 0);
    level->ahead_count = ahead_of(bytes);
    level->ahead = level->ahead_count == 0 ? NULL : (struct trove__ahead *)(level + 1);
    if (level->ahead != NULL)
        trove__ahead_init(level->ahead);
    atomic_init(&level->cursor, 0);
    *ret_level = level;
    return 0;
}

void trove__level_destroy(struct trove__level *level)
{
    free_level(level);
}

bool trove__publish_level(struct trove__level *newest, struct trove__level *level)
{
    struct trove__level *none = NULL;

    /* SEQ_CST [E2 publish-level]: hands over the zeroed buckets; pairs with the acquire loads of `next`. */
    return trove__cas_seq_cst(&newest->next, &none, level);
}

/* The next level after NEWEST, as large as can be had: the last of the chain must do until a grace period ends, however
 * long a reader holds that up. */
static int next_level(struct trove__table *table, struct trove__level *newest, bool is_last,
                      bool may_evict, struct trove__level **ret_level)
{
    uint64_t bytes = (newest->mask + 1) * sizeof(struct trove__bucket);
    uint64_t factor = is_last ? LAST_LEVEL_FACTOR : 2;
    int r = -ENOSPC;

    while (factor > 2 && bytes * factor > table->ahead_bytes)
        factor /= 2;
    for (; r < 0 && factor >= 2; factor /= 2)
        r = trove__level_create(table, (newest->mask + 1) * factor, newest,
                                may_evict && factor == 2, ret_level);
    return r;
}

int trove__grow(struct trove__table *table, struct trove__level *newest, bool may_evict)
{
    /* ACQUIRE [E2 publish-level]: pairs with publish_level(). */
    struct trove__level *level = trove__load_acquire(&newest->next);
    unsigned chained;

    if (level != NULL && level->era != newest->era) {
        trove__switch_view(table, level); /* whose replacement it is may be stopped */
        return -ESTALE;
    }
    if (level != NULL)
        return 0;
    chained = newest->number - trove__oldest_beside(table, newest)->number + 1;
    if (chained >= TROVE__LEVELS)
        return -ENOSPC;
    if (next_level(table, newest, chained == TROVE__LEVELS - 1, may_evict, &level) < 0)
        return -ENOSPC;
    if (!trove__publish_level(newest, level))
        free_level(
            level); /* somebody else did, and is met at the next try; nobody has seen this one */
    table->host.wake(table->host.context);
    return 0;
}

/* --- moving ------------------------------------------------------------------------------------------------------- */

/* A copy of OBJECT's id in a level after LEVEL, or NULL. */
static struct trove_object *find_newer_copy(struct trove__level *level,
                                            const struct trove_object *object, uint64_t hash,
                                            enum trove_algo algo)
{
    struct trove__scan scan = {.level = trove__next_level(level), .hash = hash};
    uint64_t word;

    while (trove__scan_next(&scan, &word))
        if (trove__id_equal(trove__object_of(word), object->id, algo))
            return trove__object_of(word);
    return NULL;
}

/* There is a newer copy of the id. */
static void drop_sealed(const struct trove__place *place, uint64_t hash,
                        struct trove_object *object, struct trove_object *newer)
{
    struct trove__table *table = place->level->table;

    trove__pass_claim(object, newer);
    /* RELEASE [E7 moved]: a plain store is enough, SEALED makes this thread the slot's only writer. */
    trove__store_release(trove__slot_at(place, hash), 0);
    trove__slot_cleared(place->level, hash, place->step);
    table->host.unlinked(table->host.context, object);
}

void trove__unseal(const struct trove__place *place, uint64_t hash, struct trove_object *object)
{
    struct trove__table *table = place->level->table;

    /* RELEASE [E1 publish-entry]: the object was published before; SEALED makes this thread the only writer. */
    trove__store_release(trove__slot_at(place, hash), trove__word_at(object, hash, place->step));
    if (trove__resolve_duplicates(table, hash, place, object).dropped)
        table->host.unlinked(table->host.context, object);
}

void trove__finish_move(const struct trove__place *from, const struct trove__place *to,
                        uint64_t hash, struct trove_object *object)
{
    /* RELEASE [E7 moved]: after the newer slot; pairs with the acquire loads of slots in trove__scan_next(). */
    trove__store_release(trove__slot_at(from, hash), 0);
    trove__slot_cleared(from->level, hash, from->step);
    trove__unseal(to, hash, object);
}

/* The slot is sealed by this thread: moves OBJECT on. */
static void move_on(struct trove__level *level, struct trove__bucket *bucket, unsigned slot,
                    struct trove_object *object)
{
    struct trove__table *table = level->table;
    uint64_t hash = trove__table_hash(table, object->id);
    const struct trove__place from = {level, trove__step_of(level, hash, bucket), slot};
    struct trove__place to;
    int r;

    do {
        struct trove__level *newest = trove__newest_beside(level);
        struct trove_object *newer = find_newer_copy(level, object, hash, table->algo);

        if (newer != NULL) {
            drop_sealed(&from, hash, object, newer);
            return;
        }
        r = trove__place(newest, hash, object, TROVE__SEALED, &to);
        if (r == -ENOSPC && trove__grow(table, newest, false) == 0)
            r = -EAGAIN;
    } while (r == -EAGAIN);
    if (r == 0)
        trove__finish_move(&from, &to, hash, object);
    else
        trove__unseal(&from, hash, object);
}

static void move_slot(struct trove__level *level, struct trove__bucket *bucket, unsigned slot)
{
    /* ACQUIRE [E1 publish-entry]: pairs with trove__take_slot(). */
    uint64_t word = trove__load_acquire(&bucket->slots[slot]);

    while (word != 0 && (word & TROVE__SEALED) == 0)
        /* ACQ_REL [E1 publish-entry]: on failure the word found is looked at again. */
        if (trove__cas_acq_rel(&bucket->slots[slot], &word, word | TROVE__SEALED)) {
            move_on(level, bucket, slot, trove__object_of(word));
            return;
        }
}

/* Lets go of the oldest level when it is empty for ever. The view moves first, by whoever comes; so while HEAD is the head
 * the view is HEAD's or its successor's, and when the one exchange of the head is won, nobody can set it back: it is
 * HEAD's no more, and nothing makes it HEAD's again while this section keeps HEAD's memory from being used again. */
bool trove__switch_head(struct trove__table *table, struct trove__level *head)
{
    struct trove__level *next = trove__load_acquire(&head->next); /* [E2 publish-level] */
    uint64_t view = head->view;

    /* ACQUIRE [E9 clear]: all clears happened before; I7 says that the count stays 0. */
    if (trove__load_acquire(&head->count) != 0)
        return false;
    /* ACQ_REL [E6 head], both: pair with the acquire loads of view and head. */
    trove__cas_acq_rel(&table->view, &view, next->view);
    if (!trove__cas_acq_rel(&table->head, &head, next))
        return false;
    trove__reclaim_memory(table->reclaim, &head->retired);
    return true;
}

/* The oldest level, if it is one to move from. What was replaced does not move on, and its successors wait until it is gone. */
static struct trove__level *level_to_move(struct trove__table *table)
{
    struct trove__level *head = trove__load_acquire(&table->head); /* [E6 head] */

    /* ACQUIRE [E8 settled]: pairs with RELEASE in settle(). */
    return trove__load_acquire(&head->settled) != 0 && trove__table_era(table) == head->era &&
                   !trove__table_is_inherited(table)
               ? head
               : NULL;
}

/* A move reads its object's id and writes where that goes, neither of which is in anybody's cache. Buckets of a larger level that
 * are home to what is at home in bucket AT of LEVEL lie side by side, in the same order. */
static void prefetch_move(struct trove__level *level, struct trove__level *newest, uint64_t at)
{
    struct trove__bucket *bucket = &level->buckets[at & level->mask];
    uint64_t homes = (newest->mask + 1) / (level->mask + 1);

    for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
        __builtin_prefetch(trove__object_of(
            trove__load_relaxed(&bucket->slots[slot]))); /* RELAXED: a stale one costs nothing */
    for (uint64_t i = 0; i < homes && i < PREFETCH_HOMES; i++)
        __builtin_prefetch(&newest->buckets[(at & level->mask) * homes + i], 1);
}

static void move_some(struct trove__table *table, struct trove__level *level, unsigned buckets)
{
    /* RELAXED: the cursor shares out work, sealing decides who moves what. It goes round as long as something is left. */
    uint64_t at = trove__add_relaxed(&level->cursor, buckets);
    struct trove__level *newest = trove__newest_beside(level);

    for (unsigned i = 0; i < PREFETCH_BUCKETS && i < buckets; i++)
        prefetch_move(level, newest, at + i);
    for (unsigned i = 0; i < buckets; i++) {
        if (i + PREFETCH_BUCKETS < buckets)
            prefetch_move(level, newest, at + i + PREFETCH_BUCKETS);
        for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
            move_slot(level, &level->buckets[(at + i) & level->mask], slot);
    }
    trove__switch_head(table, level);
}

/* The reclaimer's thread moves faster than one writer adds. When it does not, there is need of help from here on: as soon as what is
 * in LEVEL and after it, all of which comes to the newest, fills half of that. */
static bool is_behind(struct trove__level *level)
{
    uint64_t half = (trove__newest_beside(level)->mask + 1) * TROVE__SLOTS / 2, sum = 0;

    for (; level != NULL; level = trove__next_level(level))
        sum += (uint64_t)trove__load_relaxed(&level->count); /* RELAXED: a guess */
    return sum > half;
}

void trove__table_move(struct trove__table *table)
{
    struct trove__level *level = level_to_move(table);

    if (level != NULL)
        move_some(table, level, HELP_BUCKETS);
}

void trove__table_help(struct trove__table *table, uint64_t hash)
{
    struct trove__level *level;

    /* Counts that movers write cost a miss each: not with each put, and other bits than those that choose what wakes. */
    if ((hash >> 23) % HELP_TURNS != 0)
        return;
    level = level_to_move(table);
    if (level != NULL && is_behind(level))
        move_some(table, level, HELP_TURNS * HELP_BUCKETS);
}

/* --- the reclaimer's thread --------------------------------------------------------------------------------------- */

static bool grow_ahead(struct trove__table *table)
{
    bool grown;

    trove__section_enter();
    struct trove__level *newest = trove__newest_level(table);
    grown =
        trove__is_filled(newest, TROVE__GROW_SIXTEENTHS) && trove__grow(table, newest, true) == 0;
    trove__section_leave();
    return grown;
}

/* Has every insert that begins now another level than LEVEL? */
static bool is_left(struct trove__level *level, const void *current)
{
    return trove__next_level(level) != NULL || level->era != current;
}

/* Levels cannot go away here: only this thread frees them. */
static bool settle(struct trove__table *table)
{
    struct trove__level *level = trove__load_acquire(&table->head); /* [E6 head] */
    struct trove__level *last = NULL;
    const void *current = trove__table_era(table);

    /* [E2 publish-level], [E8 settled]: the levels with a successor that are not settled. */
    for (; is_left(level, current); level = trove__load_acquire(&level->next))
        if (trove__load_acquire(&level->settled) == 0)
            last = level;
    if (last == NULL)
        return false;
    trove__reclaim_wait(table->reclaim);
    for (level = trove__load_acquire(&table->head); level->number <= last->number; /* [E6 head] */
         level = trove__load_acquire(&level->next)) { /* [E2 publish-level] */
        trove__level_count_back(level);               /* nobody adds any more */
        /* RELEASE [E8 settled]: pairs with ACQUIRE in level_to_move() and trove__table_is_empty(). */
        trove__store_release(&level->settled, 1);
    }
    return true;
}

/* True while the cursor is in its first round, or objects leave the level: what a stopped mover holds does not count. */
static bool move_part(struct trove__table *table)
{
    struct trove__level *level;
    bool progress = false;

    trove__section_enter();
    level = level_to_move(table);
    if (level != NULL) {
        long before =
            trove__load_relaxed(&level->count); /* RELAXED, all three: is it worth going on? */

        move_some(table, level, SERVICE_BUCKETS);
        progress = trove__load_relaxed(&level->count) < before ||
                   trove__load_relaxed(&level->cursor) <= level->mask;
    }
    trove__section_leave();
    return progress;
}

/* In a child of fork(): what the parent's threads had under way. */
static void end_inherited(struct trove__table *table)
{
    if (!trove__table_is_inherited(table))
        return;
    trove__reclaim_wait(table->reclaim);
    trove__table_homing_arrive(table);
}

bool trove__table_service(struct trove__table *table)
{
    bool grown, settled, moved;

    end_inherited(table);
    grown = grow_ahead(table);
    settled = settle(table);
    moved = move_part(table);
    if (moved)
        sched_yield(); /* to an insert that waits for this processor: a whole turn of the scheduler's is milliseconds */
    return trove__discard_part(table) || grown || settled || moved || trove__uncount_lost(table);
}
