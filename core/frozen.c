// SPDX-License-Identifier: MIT
/*
 * frozen.c - trove_freeze(): all that is cached, pinned, in the order of ids.
 *
 * WHY IT IS ALL  The table is walked level by level, oldest first, in one section. An object that is moved to a newer level
 *           meanwhile is there when that is walked: `next` is read after the slots. One that is brought home is in both
 *           of its slots until a grace period has passed, which the section holds up. What else may take a copy away while its id
 *           stays cached is a put of the same id that did not find it, because it looked before that copy came. The
 *           grace period before the walk ends all puts that began before the freeze; those that began later find an id that
 *           was cached before, or drop their own copy. An object that was seen twice is kept once.
 * PROGRESS  freeze waits for a grace period, then walks. The others are wait-free but for what the caller's function does.
 * LIMITS    The walk is one read section: some 50 ns an object.
 * TESTS     tests/unit/test_frozen.c
 */
#include "core/cache_struct.h"
#include "core/memory.h"
#include "core/rcu.h"
#include <errno.h>
#include <stdlib.h>
#include <trove/frozen.h>

struct entry {
    uint64_t prefix; /* the first bytes of the id as a number, so that a search reads few objects */
    struct trove_object *object;
};

struct trove_frozen {
    enum trove_algo algo;
    size_t count, room;
    struct entry *entries;
};

struct walk {
    struct trove_frozen *frozen;
    int status;
};

static uint64_t prefix_of(const uint8_t *id)
{
    uint64_t prefix = 0;

    for (unsigned i = 0; i < 8; i++)
        prefix = prefix << 8 | id[i];
    return prefix;
}

static int compare(enum trove_algo algo, uint64_t prefix, const uint8_t *id,
                   const struct entry *entry)
{
    if (prefix != entry->prefix)
        return prefix < entry->prefix ? -1 : 1;
    return memcmp(id, entry->object->id, trove_oid_bytes(algo));
}

static int by_id(const void *a, const void *b)
{
    const struct entry *left = a;

    return compare((enum trove_algo)left->object->algo, left->prefix, left->object->id, b);
}

static int make_room(struct trove_frozen *frozen, size_t room)
{
    struct entry *entries = trove__realloc(frozen->entries, room * sizeof(*entries));

    if (entries == NULL)
        return -ENOMEM;
    frozen->entries = entries;
    frozen->room = room;
    return 0;
}

/* In the walk's section, which keeps OBJECT until it is pinned. */
static void keep(void *context, struct trove_object *object)
{
    struct walk *walk = context;
    struct trove_frozen *frozen = walk->frozen;

    if (walk->status == 0 && frozen->count == frozen->room)
        walk->status = make_room(frozen, frozen->room * 2);
    if (walk->status == 0)
        frozen->entries[frozen->count++] = (struct entry){prefix_of(object->id), trove_pin(object)};
}

/* Of copies of one id, which were seen on their way, the first stays. */
static void drop_doubles(struct trove_frozen *frozen)
{
    size_t kept = 0;

    for (size_t i = 0; i < frozen->count; i++) {
        if (kept > 0 && by_id(&frozen->entries[kept - 1], &frozen->entries[i]) == 0)
            trove_unpin(frozen->entries[i].object);
        else
            frozen->entries[kept++] = frozen->entries[i];
    }
    frozen->count = kept;
}

static int fill(struct trove *cache, struct trove_frozen *frozen)
{
    struct walk walk = {.frozen = frozen};

    walk.status = make_room(frozen, (size_t)trove__table_entries_hint(&cache->table) * 9 / 8 + 64);
    if (walk.status < 0)
        return walk.status;
    trove__section_enter();
    trove__table_each_current(&cache->table, keep, &walk);
    trove__section_leave();
    if (walk.status < 0)
        return walk.status;
    qsort(frozen->entries, frozen->count, sizeof(*frozen->entries), by_id);
    drop_doubles(frozen);
    return 0;
}

static int freeze(struct trove *cache, const struct trove_until *until,
                  struct trove_frozen **ret_frozen)
{
    struct trove_frozen *frozen;
    int r = trove__reclaim_await(&cache->reclaim, until);

    if (r < 0)
        return r;
    frozen = trove__calloc(1, sizeof(*frozen));
    if (frozen == NULL)
        return -ENOMEM;
    frozen->algo = cache->hash.algo;
    r = fill(cache, frozen);
    if (r < 0)
        trove_frozen_free(frozen);
    else
        *ret_frozen = frozen;
    return r;
}

int trove_freeze(struct trove *cache, const struct trove_until *until,
                 struct trove_frozen **ret_frozen, struct trove_error *err)
{
    int r = trove__must_not_wait() ? -EDEADLK : trove__cache_enter(cache);

    if (r == -EDEADLK)
        return trove_error_set(err, r, "would wait inside a read section or a callback");
    if (r < 0)
        return trove_error_set(err, r, "the cache is shut down");
    r = freeze(cache, until, ret_frozen);
    trove__cache_leave(cache);
    return r == 0 ? 0 : trove_error_set(err, r, "cannot freeze a cache: %s", trove_strerror(r));
}

/* The place of the first entry that is not before ID. */
static size_t place_of(const struct trove_frozen *frozen, const struct trove_oid *id)
{
    uint64_t prefix = prefix_of(id->bytes);
    size_t low = 0, high = frozen->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(frozen->algo, prefix, id->bytes, &frozen->entries[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct trove_frozen *frozen, size_t place, const struct trove_oid *id)
{
    return place < frozen->count &&
           compare(frozen->algo, prefix_of(id->bytes), id->bytes, &frozen->entries[place]) == 0;
}

const struct trove_object *trove_frozen_get(const struct trove_frozen *frozen,
                                            const struct trove_oid *id)
{
    size_t place = place_of(frozen, id);

    return is_at(frozen, place, id) ? frozen->entries[place].object : NULL;
}

size_t trove_frozen_count(const struct trove_frozen *frozen)
{
    return frozen->count;
}

int trove_frozen_list(const struct trove_frozen *frozen, const struct trove_oid *after,
                      trove_frozen_fn fn, void *context)
{
    size_t place = after == NULL ? 0 : place_of(frozen, after);
    int r = 0;

    if (after != NULL && is_at(frozen, place, after))
        place++;
    for (; r == 0 && place < frozen->count; place++)
        r = fn(context, frozen->entries[place].object);
    return r;
}

void trove_frozen_free(struct trove_frozen *frozen)
{
    if (frozen == NULL)
        return;
    for (size_t i = 0; i < frozen->count; i++)
        trove_unpin(frozen->entries[i].object);
    trove__free(frozen->entries);
    trove__free(frozen);
}
