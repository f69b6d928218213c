// SPDX-License-Identifier: MIT
/*
 * small_table.h - a table as the explorer's cases have it: a few objects of one home bucket, a reclaimer without a thread.
 */
#ifndef TROVE_TESTS_SMALL_TABLE_H
#define TROVE_TESTS_SMALL_TABLE_H

#include "core/rcu.h"
#include "core/table_internal.h"
#include "explorer.h"
#include "idle_host.h"
#include <errno.h>

#define OBJECTS 12
#define BYTES 8

/* A case's: made anew for each run. */
struct play {
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__ledger *ledger;
    struct trove__table table;
    struct trove_object *objects[OBJECTS];
    unsigned count;
    bool homes;                          /* objects are brought home around grace periods */
    struct trove_object *first, *second; /* of one id, where a case has two */
    atomic_uint gone;                    /* objects that were unlinked by the table */
    char eras[3];                        /* which contents: their addresses say */
    unsigned told[3];                    /* how often these were discarded */
    atomic_uint put;                     /* objects that were put into the first contents */
    int results[EXPLORER_THREADS];
    struct trove_object *others[EXPLORER_THREADS];
};

/* --- a table and its objects ---------------------------------------------------------------------------------------- */

static inline void host_unlinked(void *context, struct trove_object *object)
{
    struct play *play = context;

    trove__add_relaxed(&play->gone, 1); /* RELAXED: a count */
    trove__reclaim_object(&play->reclaim, object);
}

static inline bool host_reserve(void *context, uint64_t bytes, bool may_evict)
{
    (void)context, (void)bytes, (void)may_evict;
    return true;
}

static inline void host_unreserve(void *context, uint64_t bytes)
{
    (void)context, (void)bytes;
}

static inline void host_wake(void *context)
{
    (void)context;
}

/* The first eight bytes of an id are its hash, so that a case chooses where it goes. */
static inline uint64_t hash_of(const struct trove__secret *secret, const uint8_t *id)
{
    uint64_t hash;

    (void)secret;
    memcpy(&hash, id, sizeof(hash));
    return hash;
}

/* DISCARDED: what the table tells its host of what was replaced. */
static inline void make_table(struct play *play, void (*discarded)(void *context, const void *era))
{
    const struct trove__table_host host = {
        host_unlinked, host_reserve, host_unreserve, host_wake, play, discarded,
    };

    trove__budget_init(&play->budget, 1 << 20, 1 << 19, false, NULL);
    play->ledger = trove__ledger_create();
    trove__reclaim_init(&play->reclaim, &play->budget, play->ledger, &idle_host);
    /* No thread is started: a case takes its turns itself. */
    trove__store_relaxed(&play->reclaim.thread_state, TROVE__RECLAIM_STARTING);
    explorer_assert(
        trove__table_init(&play->table, TROVE_SHA1, hash_of, 0, 0, &host, &play->reclaim) == 0);
}

#define HOME ((uint64_t)5 << 58) /* bucket 5 of 64 */
#define TAG_OF_ONE ((uint64_t)0x1235)

/* Id N. Number 0 is what cases are about; the others have its home and its class, but other tags. */
static inline struct trove_oid id_of(unsigned n)
{
    struct trove_oid id = {{0}};
    uint64_t hash = HOME | (n == 0 ? TAG_OF_ONE : 0x2001 + n * 2);

    memcpy(id.bytes, &hash, sizeof(hash));
    return id;
}

static inline struct trove_object *make_object(struct play *play, unsigned n)
{
    struct trove_object *object = trove__object_create(play->ledger, TROVE_SHA1, TROVE_BLOB, BYTES);
    struct trove_oid id = id_of(n);

    trove__object_set_id(object, &id);
    memset(trove__object_buffer(object), (int)n + 1, BYTES);
    return object;
}

/* Data of the object is as its id says. */
static inline void check_object(const struct trove_object *object, unsigned n)
{
    const unsigned char *data = trove_object_data(object);
    struct trove_oid id = id_of(n), own = trove_object_id(object);

    explorer_assert(memcmp(id.bytes, own.bytes, 20) == 0);
    explorer_assert(object->size == BYTES && data[0] == n + 1 && data[BYTES - 1] == n + 1);
}

/* In a section. */
static inline struct trove_object *find_inside(struct play *play, unsigned n)
{
    struct trove_oid id = id_of(n);
    struct trove_object *found =
        trove__table_find(&play->table, id.bytes, hash_of(NULL, id.bytes), TROVE_SHA1);

    if (found != NULL)
        check_object(found, n);
    return found;
}

static inline struct trove_object *find(struct play *play, unsigned n)
{
    struct trove_object *found;

    trove__section_enter();
    found = find_inside(play, n);
    trove__section_leave();
    return found;
}

static inline int insert(struct play *play, struct trove_object *object,
                         struct trove_object **ret_other)
{
    struct trove_oid id = trove_object_id(object);
    int r;

    trove__section_enter();
    r = trove__table_insert(&play->table, NULL, object, hash_of(NULL, id.bytes), false, ret_other);
    if (r > 0)
        check_object(*ret_other, 0);
    trove__section_leave();
    return r;
}

static inline void fill(struct play *play, unsigned count)
{
    struct trove_object *other;

    for (unsigned n = 1; n <= count; n++) {
        play->objects[n] = make_object(play, n);
        explorer_assert(insert(play, play->objects[n], &other) == 0);
    }
    play->count = count + 1;
}

/* Steps (2) and (3) of an insert that looked before there was another copy of the id. In a section. */
static inline void insert_late(struct play *play, struct trove__level *level,
                               struct trove_object *object)
{
    uint64_t hash = hash_of(NULL, object->id);
    struct trove__place mine;
    int r;

    do
        r = trove__place(level, hash, object, 0, &mine);
    while (r == -EAGAIN);
    explorer_assert(r == 0);
    if (trove__resolve_duplicates(&play->table, hash, &mine, object).dropped)
        host_unlinked(play, object);
}

static inline void remove_one(struct play *play, struct trove_object *object, unsigned thread)
{
    int r = trove__table_remove(&play->table, object, hash_of(NULL, object->id));

    play->results[thread] = r;
    if (r == 0)
        trove__reclaim_object(&play->reclaim, object);
}

/* Of all cases' ids, which have one home, the objects are in the first buckets of the window. */
#define WINDOW 2

/* Copies of id 0, or with COUNT_ALL objects, in LEVEL. */
static inline long copies_in(struct trove__level *level, bool count_all)
{
    struct trove_oid id = id_of(0);
    long count = 0;

    for (unsigned i = 0; i < WINDOW * TROVE__SLOTS; i++) {
        struct trove__bucket *bucket = trove__bucket_at(level, HOME, i / TROVE__SLOTS);
        struct trove_object *object =
            trove__object_of(trove__load_relaxed(&bucket->slots[i % TROVE__SLOTS]));

        count += object != NULL && (count_all || memcmp(object->id, id.bytes, 20) == 0);
    }
    return count;
}

static inline long copies(struct play *play)
{
    struct trove__level *level = trove__load_relaxed(&play->table.head);
    long count = 0;

    for (; level != NULL; level = trove__load_relaxed(&level->next))
        count += copies_in(level, false);
    return count;
}

/* When nobody is there, counts are exact (I6). */
static inline void check_counts(struct play *play)
{
    struct trove__level *level = trove__load_relaxed(&play->table.head);

    for (; level != NULL; level = trove__load_relaxed(&level->next))
        explorer_assert(trove__level_count(level) == copies_in(level, true));
}

static inline void check_one_copy(void *context)
{
    struct play *play = context;

    explorer_assert(copies(play) == 1);
    explorer_assert(find(play, 0) != NULL);
    check_counts(play);
}

/* A second level, and the first one settled, so that its objects move. */
static inline struct trove__level *add_level(struct play *play, bool settled)
{
    struct trove__level *head = trove__load_relaxed(&play->table.head);

    explorer_assert(trove__grow(&play->table, head, false) == 0);
    trove__store_relaxed(&head->settled, settled);
    trove__store_relaxed(&head->cursor, HOME >> 58); /* the next buckets to be moved */
    return trove__load_relaxed(&head->next);
}

#endif
