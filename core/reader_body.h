// SPDX-License-Identifier: MIT
/*
 * reader_body.h - the code of has, get and get_many, to be compiled by each reader_*.c for its instruction set.
 *
 * Written for few instructions: lookups that miss the processor's caches overlap as far as they fit its reorder window. So
 * each call is two functions: the home bucket, which nearly always decides, and everything else, called last, so that the
 * first has no registers to save for it. The algorithm is a constant in each.
 *
 * PROGRESS  wait-free. get's one shared store is the hint's, below its ceiling.
 * TESTS     tests/unit/test_reader.c (answers), tests/unit/test_read_only.c and tests/disassembly/readers.py (no other store).
 */
#ifndef TROVE_CORE_READER_BODY_H
#define TROVE_CORE_READER_BODY_H

#include "core/cache_struct.h"
#include "core/rcu.h"
#include <errno.h>

#define READER_INLINE static inline __attribute__((always_inline))
#define READER_REST static __attribute__((noinline))

/* A test that chooses positions itself has another one. */
#ifndef READER_HASH
#define READER_HASH trove__keyed_hash
#endif

/* Everything else, for both algorithms. */
READER_REST struct trove_object *find_any(struct trove *cache, const struct trove_oid *id,
                                          uint64_t hash)
{
    return cache->table.algo == TROVE_SHA1
               ? trove__table_find_beyond(&cache->table, id->bytes, hash, TROVE_SHA1)
               : trove__table_find_beyond(&cache->table, id->bytes, hash, TROVE_SHA256);
}

READER_REST bool has_rest(struct trove *cache, const struct trove_oid *id, uint64_t hash)
{
    return find_any(cache, id, hash) != NULL;
}

/* In a section. */
READER_INLINE bool has_inside(struct trove *cache, const struct trove_oid *id, enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(id->bytes, algo);
    uint64_t hash = READER_HASH(&cache->table.secret, &needle, algo);
    bool missed;

    if (trove__table_find_home(&cache->table, &needle, hash, algo, &missed) != NULL)
        return true;
    return missed ? false : has_rest(cache, id, hash);
}

READER_REST bool has_outside(struct trove *cache, const struct trove_oid *id)
{
    bool found;

    trove__section_enter();
    found = cache->table.algo == TROVE_SHA1 ? has_inside(cache, id, TROVE_SHA1)
                                            : has_inside(cache, id, TROVE_SHA256);
    trove__section_leave();
    return found;
}

/* Inside the caller's section another one would cost as much as the lookup itself. */
READER_INLINE bool has_as(struct trove *cache, const struct trove_oid *id, enum trove_algo algo)
{
    return trove__section_known() ? has_inside(cache, id, algo) : has_outside(cache, id);
}

READER_REST int get_rest(struct trove *cache, const struct trove_oid *id, uint64_t hash,
                         const struct trove_object **ret_object)
{
    struct trove_object *found = find_any(cache, id, hash);

    if (found == NULL)
        return -ENOENT;
    trove__policy_touch(found);
    *ret_object = found;
    return 0;
}

READER_INLINE int get_as(struct trove *cache, const struct trove_oid *id,
                         const struct trove_object **ret_object, enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(id->bytes, algo);
    uint64_t hash = READER_HASH(&cache->table.secret, &needle, algo);
    bool missed;
    struct trove_object *found =
        trove__table_find_home(&cache->table, &needle, hash, algo, &missed);

    if (found == NULL)
        return missed ? -ENOENT : get_rest(cache, id, hash, ret_object);
    trove__policy_touch(found);
    *ret_object = found;
    return 0;
}

/*
 * get_many is a pipeline of three stages, each of which starts loading what the next one reads: an id's hash and bucket; what the
 * bucket says and the likely object; the comparison. An id is in a stage AHEAD ids before the one in the next. Twice that
 * many lines, about as many as a core fetches at once, are under way all the time.
 */
#define AHEAD 12
#define RING 32 /* more than two times AHEAD, a power of two */
_Static_assert(RING > 2 * AHEAD && (RING & (RING - 1)) == 0,
               "an id's place is kept until it leaves");

struct reader_ring {
    struct trove_object *likely[RING];
    uint64_t hashes[RING];
    uint32_t missed; /* a bit each */
};

READER_INLINE void many_hash(struct trove *cache, struct reader_ring *ring,
                             const struct trove_oid *ids, size_t i, enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(ids[i].bytes, algo);
    uint64_t hash = READER_HASH(&cache->table.secret, &needle, algo);

    ring->hashes[i % RING] = hash;
    trove__table_prefetch(&cache->table, hash);
}

READER_INLINE void many_probe(struct trove *cache, struct reader_ring *ring, size_t i)
{
    uint32_t bit = (uint32_t)1 << i % RING;
    bool missed;

    ring->likely[i % RING] =
        trove__table_probe_home(&cache->table, ring->hashes[i % RING], &missed);
    __builtin_prefetch(ring->likely[i % RING], 0, 3); /* NULL does no harm */
    ring->missed = missed ? ring->missed | bit : ring->missed & ~bit;
}

/* What the stage before found is valid still, for both are in the caller's section. */
READER_INLINE struct trove_object *many_compare(struct trove *cache, const struct reader_ring *ring,
                                                const struct trove_oid *ids, size_t i,
                                                enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(ids[i].bytes, algo);
    struct trove_object *object = ring->likely[i % RING];

    if (object == NULL || !trove__needle_is(&needle, object->id, algo))
        object =
            ring->missed >> i % RING & 1 ? NULL : find_any(cache, &ids[i], ring->hashes[i % RING]);
    if (object != NULL)
        trove__policy_touch(object);
    return object;
}

READER_INLINE size_t get_many_as(struct trove *cache, const struct trove_oid *ids, size_t count,
                                 const struct trove_object **ret_objects, enum trove_algo algo)
{
    struct reader_ring ring;
    size_t found = 0;

    ring.missed = 0;
    for (size_t i = 0; i < count + 2 * AHEAD; i++) {
        if (i < count)
            many_hash(cache, &ring, ids, i, algo);
        if (i - AHEAD < count)
            many_probe(cache, &ring, i - AHEAD);
        if (i - 2 * AHEAD < count) {
            ret_objects[i - 2 * AHEAD] = many_compare(cache, &ring, ids, i - 2 * AHEAD, algo);
            found += ret_objects[i - 2 * AHEAD] != NULL;
        }
    }
    return found;
}

static uint64_t hash_sha1(const struct trove__secret *secret, const uint8_t *id)
{
    const struct trove__needle needle = trove__needle_of(id, TROVE_SHA1);

    return READER_HASH(secret, &needle, TROVE_SHA1);
}

static uint64_t hash_sha256(const struct trove__secret *secret, const uint8_t *id)
{
    const struct trove__needle needle = trove__needle_of(id, TROVE_SHA256);

    return READER_HASH(secret, &needle, TROVE_SHA256);
}

static bool has_sha1(struct trove *cache, const struct trove_oid *id)
{
    return has_as(cache, id, TROVE_SHA1);
}

static bool has_sha256(struct trove *cache, const struct trove_oid *id)
{
    return has_as(cache, id, TROVE_SHA256);
}

static int get_sha1(struct trove *cache, const struct trove_oid *id,
                    const struct trove_object **ret_object)
{
    return get_as(cache, id, ret_object, TROVE_SHA1);
}

static int get_sha256(struct trove *cache, const struct trove_oid *id,
                      const struct trove_object **ret_object)
{
    return get_as(cache, id, ret_object, TROVE_SHA256);
}

static size_t get_many_sha1(struct trove *cache, const struct trove_oid *ids, size_t count,
                            const struct trove_object **ret_objects)
{
    return get_many_as(cache, ids, count, ret_objects, TROVE_SHA1);
}

static size_t get_many_sha256(struct trove *cache, const struct trove_oid *ids, size_t count,
                              const struct trove_object **ret_objects)
{
    return get_many_as(cache, ids, count, ret_objects, TROVE_SHA256);
}

#define READER_TABLE(name)                                                                         \
    {                                                                                              \
        {name, hash_sha1, has_sha1, get_sha1, get_many_sha1},                                      \
        {                                                                                          \
            name, hash_sha256, has_sha256, get_sha256, get_many_sha256                             \
        }                                                                                          \
    }

#endif
