// SPDX-License-Identifier: MIT
/*
 * table_forked.c - in a child of fork(): what threads of the parent were moving is settled, what they had counted is taken off.
 *
 * WHY       A thread of the parent's that was moving an object is not there to end it: a slot would stay SEALED for ever, or two
 *           of one object, and its level could never go.
 *
 * PROTOCOL  From the fork on nobody moves anything (level_to_move() of table_grow.c). After a grace period, which ends what the
 *           forking thread itself may have been at, and when what was on its way home has arrived, each SEALED word is of a
 *           mover that is no more: the reclaimer's thread goes over all levels, oldest first, and does for each what is left of
 *           its move. In FROM and in TO: out of FROM. In FROM alone, or in TO alone: it stays there. Then moves go on.
 *           The pass comes with the child's first grace period, or with its first growth: who forks to execute another program
 *           does not pay for it.
 *   counts  A thread that was between a slot and the count of its level (I6 of table.c) leaves that too high. While the forking
 *           thread is alone, and in no section, so in the middle of nothing, a level that is small is counted anew. Counting large
 *           ones would make each fork() slower; and so: when a settled level
 *           of the parent's has only EMPTY slots, none is ever taken again (I7), and after a grace period nobody is about to
 *           take off anything: what the count says is lost, and becomes 0.
 *
 * EDGES     E8 settled of table.c.
 * PROGRESS  The reclaimer's thread, in sections of bounded length; finds, inserts and removals go on meanwhile.
 * LIMITS    Pass counters, budgets and the count of a newest level above RECOUNT_BYTES stay too high by what those threads had
 *           taken ahead of its use, so trove_is_empty() may say no as long as that level is there. An object that one of them had unlinked and not
 *           yet retired is lost.
 * TESTS     tests/stepped/test_stopped_fork.c
 */
#include "core/rcu.h"
#include "core/table_internal.h"

#define PASS_BUCKETS 256 /* in one section */
#define RECOUNT_BYTES ((uint64_t)1 << 20)

/* RELAXED, all: one thread is left. */
static void recount(struct trove__level *level)
{
    long count = 0;

    for (uint64_t b = 0; b <= level->mask; b++)
        for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
            count += trove__load_relaxed(&level->buckets[b].slots[slot]) != 0;
    if (level->ahead != NULL)
        trove__ahead_init(level->ahead);
    trove__store_relaxed(&level->count, count);
}

void trove__table_after_fork(struct trove__table *table)
{
    /* RELAXED, all: one thread is left. */
    struct trove__level *level = trove__load_relaxed(&table->head), *next;
    bool alone = !trove__section_ongoing();

    for (;; level = next) {
        if (alone && (level->mask + 1) * sizeof(*level->buckets) <= RECOUNT_BYTES)
            recount(level);
        next = trove__load_relaxed(&level->next);
        if (next == NULL)
            break;
    }
    table->inherited_levels = level->number + 1;
    trove__store_relaxed(&table->is_inherited, 1);
}

/* --- the pass ----------------------------------------------------------------------------------------------------- */

/* Where else OBJECT is: in a level after that of FROM. */
static bool find_twin(const struct trove__place *from, uint64_t hash,
                      const struct trove_object *object, struct trove__place *ret_to)
{
    struct trove__scan scan = {.level = trove__next_level(from->level), .hash = hash};
    uint64_t word;

    while (trove__scan_next(&scan, &word))
        if (trove__object_of(word) == object) {
            *ret_to = (struct trove__place){scan.level, scan.step, scan.slot};
            return true;
        }
    return false;
}

static void end_move(struct trove__level *level, struct trove__bucket *bucket, unsigned slot)
{
    /* ACQUIRE [E1 publish-entry]: pairs with trove__take_slot(). */
    uint64_t word = trove__load_acquire(&bucket->slots[slot]);
    struct trove_object *object = trove__object_of(word);
    struct trove__place from, to;
    uint64_t hash;

    if ((word & TROVE__SEALED) == 0)
        return;
    hash = trove__table_hash(level->table, object->id);
    from = (struct trove__place){level, trove__step_of(level, hash, bucket), slot};
    if (find_twin(&from, hash, object, &to))
        trove__finish_move(&from, &to, hash, object);
    else
        trove__unseal(&from, hash, object);
}

/* Levels cannot go away here: only this thread frees them. */
static void end_moves(struct trove__level *level)
{
    for (uint64_t at = 0; at <= level->mask; at += PASS_BUCKETS) {
        trove__section_enter();
        for (uint64_t b = at; b <= level->mask && b < at + PASS_BUCKETS; b++)
            for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
                end_move(level, &level->buckets[b], slot);
        trove__section_leave();
    }
}

bool trove__table_is_inherited(struct trove__table *table)
{
    return trove__load_acquire(&table->is_inherited) != 0; /* [E8 settled] */
}

void trove__take_over(struct trove__table *table)
{
    struct trove__level *level = trove__load_acquire(&table->head); /* [E6 head] */

    if (!trove__table_is_inherited(table))
        return;
    for (; level != NULL; level = trove__load_acquire(&level->next)) /* [E2 publish-level] */
        end_moves(level);
    /* RELEASE [E8 settled]: pairs with level_to_move(). */
    trove__store_release(&table->is_inherited, 0);
    table->host.wake(table->host.context); /* the parent's thread may have been growing the table */
}

/* --- what was counted --------------------------------------------------------------------------------------------- */

static bool has_only_empty_slots(const struct trove__level *level)
{
    for (uint64_t b = 0; b <= level->mask; b++)
        for (unsigned slot = 0; slot < TROVE__SLOTS; slot++)
            if (trove__load_acquire(&level->buckets[b].slots[slot]) != 0) /* [E1 publish-entry] */
                return false;
    return true;
}

bool trove__uncount_lost(struct trove__table *table)
{
    struct trove__level *head = trove__load_acquire(&table->head); /* [E6 head] */

    /* ACQUIRE [E8 settled], [E9 clear]: pair with settle() and with who clears. */
    if (head->number >= table->inherited_levels || trove__load_acquire(&head->settled) == 0 ||
        trove__load_acquire(&head->count) == 0 || !has_only_empty_slots(head))
        return false;
    trove__reclaim_wait(table->reclaim);
    trove__store_release(&head->count, 0); /* [E9 clear] */
    return true;
}
