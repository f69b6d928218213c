// SPDX-License-Identifier: MIT
/*
 * table.h - the map from ids to objects: lock-free for writers, wait-free for readers.
 *
 * What each call promises is here; how it is kept is the opening comment of table.c. The find that `has` and `get` inline
 * is in table_find.h. All calls but create, destroy and service are made inside a read section.
 */
#ifndef TROVE_CORE_TABLE_H
#define TROVE_CORE_TABLE_H

#include "core/keyed_hash.h"
#include "core/object.h"
#include "core/reclaim.h"

struct trove__level;

/* What the table needs from the rooms above it; called inside sections, never blocking. */
struct trove__table_host {
    /* OBJECT is in the table no more: another copy of its id stays. Called once for each object that the table takes out
     * by itself. */
    void (*unlinked)(void *context, struct trove_object *object);
    /* Charges BYTES for a level, or refuses; and takes them back once the level's memory is free. */
    bool (*reserve)(void *context, uint64_t bytes, bool may_evict);
    void (*unreserve)(void *context, uint64_t bytes);
    /* Something for trove__table_service() to do. */
    void (*wake)(void *context);
    void *context;
    /* Nothing of ERA's contents is left in the table, and no section has a word of it. Outside sections, by service. */
    void (*discarded)(void *context, const void *era);
};

/* Objects on their way to their home buckets: see table_home.c. The reclaimer's thread only. */
#define TROVE__HOMING_MAX 1024
struct trove__homing {
    struct trove__level *level;
    uint64_t cursor; /* the next bucket to look into */
    unsigned count;
    struct trove__home_pair {
        atomic_ulong *far, *home; /* slots, both of one object and SEALED */
    } pairs[TROVE__HOMING_MAX];
};

/* One of keyed_hash.h's, as the readers of this table have it. */
typedef uint64_t (*trove__hash_fn)(const struct trove__secret *secret, const uint8_t *id);

struct trove__table {
    /* READ-MOSTLY: every find */
    struct trove__secret secret;
    _Alignas(TROVE__LINE_BYTES) atomic_ulong
        view; /* of the oldest level of the contents in force, or of its successor when that is empty for ever */
    _Atomic(struct trove__level *) head; /* the oldest level */
    enum trove_algo algo;
    trove__hash_fn hash;
    /* writers */
    struct trove__table_host host;
    struct trove__reclaim *reclaim;
    uint64_t ahead_bytes; /* how large a last level may be without need */
    struct trove__homing homing;
    uint64_t discard_cursor; /* the reclaimer's thread's: the next bucket of what was replaced */
    /* In a child of fork(): see table_forked.c. */
    atomic_uint is_inherited;  /* threads of the parent may have left something SEALED */
    unsigned inherited_levels; /* levels with smaller numbers were the parent's */
};

/* What the smallest first level is charged with. */
uint64_t trove__table_bytes_min(void);

/* The first level has about FIRST_BYTES; the last of a chain is made ahead of need up to AHEAD_BYTES. 0, -ENOMEM, -ECACHE_OVERFULL (the host refused the first level), or what drawing the secret failed with. */
int trove__table_init(struct trove__table *table, enum trove_algo algo, trove__hash_fn hash,
                      uint64_t first_bytes, uint64_t ahead_bytes,
                      const struct trove__table_host *host, struct trove__reclaim *reclaim);

/* Releases every object in it (the cache's pin) and all levels. No concurrent calls. */
void trove__table_deinit(struct trove__table *table);

static inline uint64_t trove__table_hash(const struct trove__table *table, const uint8_t *id)
{
    return table->hash(&table->secret, id);
}

/* Contents in force, whose first level has about FIRST_BYTES if they may be had (evicting for it), become empty ones of ERA, an
 * address that means nothing here. One store decides, for every find and every insert: trove__table_era() is ERA from then
 * on. Lock-free. 0, and *RET_BEFORE is the era before; -EBUSY: what was replaced before is not all discarded yet; -ENOMEM; -ECACHE_OVERFULL (no room for a level). */
int trove__table_replace(struct trove__table *table, uint64_t first_bytes, const void *era,
                         const void **ret_before);
/* The era of the contents in force. trove__table_begin() sets the first, before anybody else knows TABLE. Wait-free. */
const void *trove__table_era(struct trove__table *table);
void trove__table_begin(struct trove__table *table, const void *era);

/* OBJECT, complete, holds the cache's pin. Into the contents of ERA, if they are in force (else -ESTALE); NULL: whichever are.
 * Lock-free.
 * 0: inserted. -EEXIST: *RET_OTHER (rcu-borrow) has the id; OBJECT is not in the table and no reader has it.
 * 1: OBJECT was published for a moment and then lost to *RET_OTHER, which has the id: the table has unlinked it, or
 * somebody else has. -ENOSPC: no slot and no growth; MADE_ROOM: an object was evicted since, to be replaced by this one.
 * -ENOMEM: an address that does not fit a slot. */
int trove__table_insert(struct trove__table *table, const void *era, struct trove_object *object,
                        uint64_t hash, bool made_room, struct trove_object **ret_other);

/* Takes OBJECT out. Lock-free. 0: by this call, which now owns its retirement. -ENOENT: somebody else did.
 * -EBUSY: it is just being moved. */
int trove__table_remove(struct trove__table *table, struct trove_object *object, uint64_t hash);

/* Among the objects in the way of an insert that got -ENOSPC, one that was used least. rcu-borrow, or NULL. */
struct trove_object *trove__table_victim(struct trove__table *table, uint64_t hash);

/* Moves some slots of an old level to a newer one, if there is something to move. Lock-free, bounded. */
void trove__table_move(struct trove__table *table);
/* The same when the reclaimer's thread, whose work it is, falls behind. With each put, of HASH. */
void trove__table_help(struct trove__table *table, uint64_t hash);

/* Outside sections, one thread at a time (the reclaimer): grows ahead, waits for grace periods, moves. Returns true when
 * it got something done. */
bool trove__table_service(struct trove__table *table);

/* Outside sections, around a grace period that began after `leave`: brings objects to their home buckets. FREED: how many
 * objects were freed since the last time; so much is looked at. The reclaimer's thread. */
void trove__table_homing_leave(struct trove__table *table, uint64_t freed);
void trove__table_homing_arrive(struct trove__table *table);

/* In a child of fork(), by its only thread: what the parent's threads were moving is settled by the next `arrive` or service. */
void trove__table_after_fork(struct trove__table *table);

/* True is never wrong: at some moment of the call no object was in the table. Wait-free. */
bool trove__table_is_empty(struct trove__table *table);

/* About how many objects there are. Wait-free. */
uint64_t trove__table_entries_hint(struct trove__table *table);

struct trove__table_sizes {
    uint64_t bytes, slots, entries, levels;
};
struct trove__table_sizes trove__table_sizes(struct trove__table *table);

/* Calls FN for every object, each at most once if nothing else runs; the second only for those of the contents in force. */
void trove__table_each(struct trove__table *table,
                       void (*fn)(void *context, struct trove_object *object), void *context);
void trove__table_each_current(struct trove__table *table,
                               void (*fn)(void *context, struct trove_object *object),
                               void *context);

#endif
