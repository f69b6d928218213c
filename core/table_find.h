// SPDX-License-Identifier: MIT
/*
 * table_find.h - the layout of a bucket, and the find that has and get inline. The protocol is in table.c.
 *
 * One line decides: the id's home bucket of the oldest level. Its tags are compared at once; the first candidate is
 * reloaded and its id compared. No candidate, no pass counter of the id's class, no newer level and no duplicate that was ever
 * taken out: a miss. Everything else, some per cent of lookups, goes to trove__table_find_slow().
 */
#ifndef TROVE_CORE_TABLE_FIND_H
#define TROVE_CORE_TABLE_FIND_H

#include "core/needle.h"
#include "core/table.h"

#define TROVE__SLOTS 7 /* a bucket's */
#define TROVE__STEPS                                                                               \
    32 /* buckets that an id may be in; as good as always the first or second is it */
#define TROVE__LEVELS 3 /* chained at most */

/*
 * A slot: 0 EMPTY, else tag in bits 63..48, address in 47..5 (objects are aligned to 32 bytes), bit 1 AWAY, bit 0 SEALED.
 * SEALED is set by a mover's compare-and-swap and cleared by the same mover's stores: who set it owns the object's place.
 * AWAY says that this is not the object's home bucket; it is part of the word as long as the object is there.
 */
#define TROVE__SEALED ((uint64_t)1)
#define TROVE__AWAY ((uint64_t)2)
#define TROVE__TAG_SHIFT 48
#define TROVE__ADDRESS ((uint64_t)0xffffffffffe0)

/*
 * Meta: eight pass counters of six bits, one a class, and above them DROPPED: a duplicate of an id whose home this is was
 * once taken out. Eight by six instead of seven by seven: a class is then three bits of the hash and no division. A counter
 * never wraps: an insert that finds it at its maximum treats the window as full.
 */
#define TROVE__PASS_BITS 6
#define TROVE__PASS_MAX ((uint64_t)63)
#define TROVE__DROPPED ((uint64_t)1 << 8 * TROVE__PASS_BITS)

struct trove__bucket {
    _Alignas(TROVE__LINE_BYTES) atomic_ulong meta;
    atomic_ulong slots[TROVE__SLOTS];
};

_Static_assert(sizeof(struct trove__bucket) == TROVE__LINE_BYTES, "a bucket is one line");
_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "a word holds an address and a tag");
_Static_assert((TROVE__OBJECT_ALIGN & (TROVE__OBJECT_ALIGN - 1)) == 0 && TROVE__OBJECT_ALIGN == 32,
               "TROVE__ADDRESS leaves out what alignment makes zero");

struct trove__level {
    /* READ-MOSTLY */
    struct trove__bucket *buckets;
    uint64_t
        view; /* the address of buckets and, below it, shift: all that a find needs, in one word */
    uint64_t mask;   /* bucket count - 1 */
    unsigned number; /* older levels have smaller ones */
    _Atomic(struct trove__level *) next;
    const void *era;     /* whose contents these are: see trove__table_replace() */
    atomic_uint settled; /* nobody inserts here any more */
    size_t bytes;        /* what its buckets and itself are charged with */
    struct trove__table *table;
    struct trove__retired retired;
    struct trove__ahead *ahead; /* of count; NULL in a small level, which takes one at a time */
    unsigned ahead_count;
    /* SHARED-HOT: every put and removal */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_long count; /* at least the slots in use */
    /* movers */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong cursor;
};

/* Which bits of the hash say what. The bucket is the top bits, so that growth splits each bucket in two neighbours. */
static inline uint64_t trove__tag_of(uint64_t hash)
{
    return (hash & 0xffff) | 1; /* never 0, so an empty slot never matches */
}

static inline unsigned trove__pass_shift(uint64_t hash)
{
    return (unsigned)(hash >> 16 & 7) * TROVE__PASS_BITS;
}

static inline uint64_t trove__stride_of(uint64_t hash)
{
    return hash >> 19 | 1;
}

static inline uint64_t trove__view_of(const struct trove__bucket *buckets, unsigned shift)
{
    return (uint64_t)(uintptr_t)buckets |
           shift; /* buckets are aligned to 64 bytes, shift is less */
}

/* The number of the home bucket. */
static inline uint64_t trove__home_number(uint64_t view, uint64_t hash)
{
    return hash >> (view & (TROVE__LINE_BYTES - 1));
}

static inline struct trove__bucket *trove__home_in(uint64_t view, uint64_t hash)
{
    struct trove__bucket *buckets =
        (struct trove__bucket *)(uintptr_t)(view & ~(uint64_t)(TROVE__LINE_BYTES - 1));

    return &buckets[trove__home_number(view, hash)];
}

static inline struct trove__bucket *trove__home_of(const struct trove__level *level, uint64_t hash)
{
    return trove__home_in(level->view, hash);
}

static inline struct trove__bucket *trove__bucket_at(struct trove__level *level, uint64_t hash,
                                                     unsigned step)
{
    uint64_t bucket = trove__home_number(level->view, hash) + step * trove__stride_of(hash);

    return &level->buckets[bucket & level->mask];
}

/* After the last slot of BUCKET: is there another one of the window to look into? */
static inline bool trove__window_goes_on(const struct trove__bucket *bucket, uint64_t hash,
                                         unsigned next_step)
{
    /* ACQUIRE [E4 pass]: after the slots; pairs with count_pass(). */
    uint64_t meta = trove__load_acquire(&bucket->meta);

    return next_step < TROVE__STEPS && (meta >> trove__pass_shift(hash) & TROVE__PASS_MAX) != 0;
}

static inline struct trove_object *trove__object_of(uint64_t word)
{
    return (struct trove_object *)(uintptr_t)(word & TROVE__ADDRESS);
}

static inline bool trove__id_equal(const struct trove_object *object, const uint8_t *id,
                                   enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(id, algo);

    return trove__needle_is(&needle, object->id, algo);
}

/*
 * The lanes of BUCKET whose tag is TAG, one bit a lane, trove__lane() telling which; never the meta word. A hint: there is
 * no order between the lanes (who relies on a miss looks at DROPPED afterwards), and the caller loads a
 * candidate again, with acquire. Which version is compiled is the translation unit's choice (reader_*.c; TROVE_TABLE_PLAIN asks for the plain one).
 */
#if defined(TROVE__PLAIN)
typedef uint64_t trove__lanes;
#define TROVE__LANE_BITS 8
#define TROVE__LANE_SHIFT 0
static inline trove__lanes trove__match(const struct trove__bucket *bucket, uint64_t tag)
{
    uint64_t lanes = 0;

    for (unsigned i = 0; i < TROVE__SLOTS; i++) {
        /* ACQUIRE [E4 pass], [E5 drop]: stands for the fence that follows the vector load. */
        uint64_t word = trove__load_acquire(&bucket->slots[i]);
        lanes |= (uint64_t)(word >> TROVE__TAG_SHIFT == tag) << 8 * (i + 1);
    }
    return lanes;
}
#elif defined(__ARM_NEON)
typedef uint64_t trove__lanes;
#define TROVE__LANE_BITS 8 /* bytes of narrowed comparisons */
#define TROVE__LANE_SHIFT 0
static inline trove__lanes trove__match(const struct trove__bucket *bucket, uint64_t tag)
{
    const uint16_t *words = (const uint16_t *)(const void *)bucket;
    /* The upper halves of words, twice: eight tags in one register. */
    uint32x4_t low = vuzp2q_u32(vreinterpretq_u32_u16(vld1q_u16(words)),
                                vreinterpretq_u32_u16(vld1q_u16(words + 8)));
    uint32x4_t high = vuzp2q_u32(vreinterpretq_u32_u16(vld1q_u16(words + 16)),
                                 vreinterpretq_u32_u16(vld1q_u16(words + 24)));
    uint16x8_t tags = vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
    uint8x8_t same = vmovn_u16(vceqq_u16(tags, vdupq_n_u16((uint16_t)tag)));

    return vget_lane_u64(vreinterpret_u64_u8(same), 0) & 0x0101010101010100;
}
#elif defined(__AVX512BW__)
typedef uint32_t trove__lanes;
#define TROVE__LANE_BITS 4 /* lanes of 16 bits: a tag is each fourth */
#define TROVE__LANE_SHIFT 3
static inline trove__lanes trove__match(const struct trove__bucket *bucket, uint64_t tag)
{
    return _mm512_cmpeq_epi16_mask(*(const __m512i *)(const void *)bucket,
                                   _mm512_set1_epi16((short)tag)) &
           0x88888880;
}
#elif defined(__AVX2__)
typedef uint64_t trove__lanes;
#define TROVE__LANE_BITS 8 /* bytes: a tag ends in each eighth */
#define TROVE__LANE_SHIFT 7
static inline trove__lanes trove__match(const struct trove__bucket *bucket, uint64_t tag)
{
    const __m256i *words = (const __m256i *)(const void *)bucket;
    __m256i wanted = _mm256_set1_epi16((short)tag);
    uint64_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi16(words[0], wanted));
    uint64_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi16(words[1], wanted));

    return (high << 32 | low) & 0x8080808080808000;
}
#else
typedef uint32_t trove__lanes;
#define TROVE__LANE_BITS 2 /* bytes of packed tags */
#define TROVE__LANE_SHIFT 1
static inline trove__lanes trove__match(const struct trove__bucket *bucket, uint64_t tag)
{
    const __m128 *words = (const __m128 *)(const void *)bucket;
    __m128i wanted = _mm_set1_epi16((short)tag);
    /* The upper halves of eight words, then the upper halves of those: eight tags in one register. The arithmetic shift
     * makes the signed pack exact. */
    __m128i low = _mm_castps_si128(_mm_shuffle_ps(words[0], words[1], _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i high = _mm_castps_si128(_mm_shuffle_ps(words[2], words[3], _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i tags = _mm_packs_epi32(_mm_srai_epi32(low, 16), _mm_srai_epi32(high, 16));

    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(tags, wanted)) & 0xaaa8;
}
#endif

/* The word of the first lane in LANES, which is not 0. */
static inline const atomic_ulong *trove__lane(const struct trove__bucket *bucket,
                                              trove__lanes lanes)
{
    size_t bit =
        (size_t)(sizeof(lanes) == 8 ? __builtin_ctzll(lanes) : __builtin_ctz((unsigned)lanes));
    const char *words = (const char *)bucket - TROVE__LANE_SHIFT * (8 / TROVE__LANE_BITS);

    return (const atomic_ulong *)(const void *)(words + bit * (8 / TROVE__LANE_BITS));
}

/* The level that a find begins with: the oldest of the contents that are in force. The chain may have older contents before it,
 * which are about to be discarded. In a section. */
static inline struct trove__level *trove__current_level(struct trove__table *table)
{
    /* ACQUIRE [E6 head], both, in this order: view is never behind the head, so its level is found. Pair with switch_head()
     * and switch_view(). */
    struct trove__level *level = trove__load_acquire(&table->head), *next;
    uint64_t view = trove__load_acquire(&table->view);

    /* ACQUIRE [E2 publish-level]: pairs with publish_level(). */
    while (level->view != view && (next = trove__load_acquire(&level->next)) != NULL)
        level = next;
    return level;
}

/* The next newer level of the same contents, or NULL. */
static inline struct trove__level *trove__next_level(struct trove__level *level)
{
    /* ACQUIRE [E2 publish-level]: after what was read of LEVEL, never before; pairs with publish_level(). */
    struct trove__level *next = trove__load_acquire(&level->next);

    return next != NULL && next->era == level->era ? next : NULL;
}

/* The whole search, in strict scan order over all levels of the contents. At most 3 * 32 * 7 slots. */
struct trove_object *trove__table_find_slow(struct trove__table *table, const uint8_t *id,
                                            uint64_t hash, enum trove_algo algo);

/*
 * What the home bucket says about HASH: the first object with its tag, rcu-borrow, whose id decides; or NULL, and then
 * *RET_MISSED tells whether that is the answer. Wait-free; writes nothing.
 */
static inline __attribute__((always_inline)) struct trove_object *
trove__table_probe_home(struct trove__table *table, uint64_t hash, bool *ret_missed)
{
    /* ACQUIRE [E6 head]: pairs with the compare-and-swap of view in switch_head() and with trove__table_init(). */
    uint64_t view = trove__load_acquire(&table->view);
    struct trove__bucket *home = trove__home_in(view, hash);
    struct trove__level *level;
    trove__lanes lanes = trove__match(home, trove__tag_of(hash));
    uint64_t meta;

    if (lanes != 0) {
        *ret_missed = false;
        /* ACQUIRE [E1 publish-entry]: pairs with the compare-and-swap in trove__take_slot(). The word may be another than
         * the one that matched, or EMPTY by now; the id decides. A tag that misled, once in some thousand lookups, is left
         * to the slow search, so that nothing here is a loop. */
        return trove__object_of(trove__load_acquire(trove__lane(home, lanes)));
    }
    /* ACQUIRE fence [E4 pass], [E5 drop]: meta and next are loaded after the lanes. Pairs with what count_pass() and
     * drop_copy() do to meta before what they announce. */
    trove__fence_acquire();
    meta = trove__load_acquire(&home->meta);
    /* ACQUIRE [E6 head], [E2 publish-level]: after the lanes, never before; pair with switch_head() and publish_level(). */
    level = trove__load_acquire(&table->head);
    *ret_missed = ((meta >> trove__pass_shift(hash) & TROVE__PASS_MAX) | (meta & TROVE__DROPPED) |
                   (level->view ^ view)) == 0 &&
                  trove__load_acquire(&level->next) == NULL;
    return NULL;
}

/*
 * What the home bucket says about NEEDLE: the object, rcu-borrow, or NULL, and then *RET_MISSED tells whether that is the
 * answer: if not, ask trove__table_find_beyond(). Wait-free; writes nothing. ALGO is the table's, a constant where it can be.
 */
static inline __attribute__((always_inline)) struct trove_object *
trove__table_find_home(struct trove__table *table, const struct trove__needle *needle,
                       uint64_t hash, enum trove_algo algo, bool *ret_missed)
{
    struct trove_object *object = trove__table_probe_home(table, hash, ret_missed);

    return object != NULL && trove__needle_is(needle, object->id, algo) ? object : NULL;
}

/* Among LANES of BUCKET the one with NEEDLE, or NULL. */
static inline __attribute__((always_inline)) struct trove_object *
trove__find_lane(const struct trove__bucket *bucket, trove__lanes lanes,
                 const struct trove__needle *needle, enum trove_algo algo)
{
    for (; lanes != 0; lanes &= lanes - 1) {
        /* ACQUIRE [E1 publish-entry]: as in trove__table_probe_home(). */
        struct trove_object *object =
            trove__object_of(trove__load_acquire(trove__lane(bucket, lanes)));

        if (object != NULL && trove__needle_is(needle, object->id, algo))
            return object;
    }
    return NULL;
}

/* One level's part of trove__table_find_beyond(). */
static inline __attribute__((always_inline)) struct trove_object *
trove__find_in_level(struct trove__level *level, const struct trove__needle *needle, uint64_t hash,
                     enum trove_algo algo, uint64_t *dropped)
{
    struct trove__bucket *bucket;
    unsigned step = 0;

    do {
        struct trove_object *object;

        bucket = trove__bucket_at(level, hash, step);
        object = trove__find_lane(bucket, trove__match(bucket, trove__tag_of(hash)), needle, algo);
        if (object != NULL)
            return object;
        /* ACQUIRE fence [E4 pass], [E5 drop], [E7 moved]: meta, the next bucket and the next level come after the lanes. */
        trove__fence_acquire();
    } while (trove__window_goes_on(bucket, hash, ++step));
    /* ACQUIRE [E5 drop]: after the lanes of all steps; pairs with drop_copy(). */
    *dropped |= trove__load_acquire(&trove__home_of(level, hash)->meta) & TROVE__DROPPED;
    return NULL;
}

/*
 * The whole search, for ids that trove__table_find_home() did not decide: a bucket at a time, and slot by slot when that finds
 * nothing and a duplicate was once taken out of the id's windows. Wait-free, at most twice 3 * 32 buckets.
 */
static inline __attribute__((always_inline)) struct trove_object *
trove__table_find_beyond(struct trove__table *table, const uint8_t *id, uint64_t hash,
                         enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(id, algo);
    struct trove__level *level = trove__current_level(table);
    uint64_t dropped = 0;

    do {
        struct trove_object *object = trove__find_in_level(level, &needle, hash, algo, &dropped);

        if (object != NULL)
            return object;
        level = trove__next_level(level); /* after the lanes */
    } while (level != NULL);
    return dropped != 0 ? trove__table_find_slow(table, id, hash, algo) : NULL;
}

/* The object with ID, rcu-borrow, or NULL. Wait-free; writes nothing. */
static inline __attribute__((always_inline)) struct trove_object *
trove__table_find(struct trove__table *table, const uint8_t *id, uint64_t hash,
                  enum trove_algo algo)
{
    const struct trove__needle needle = trove__needle_of(id, algo);
    bool missed;
    struct trove_object *object = trove__table_find_home(table, &needle, hash, algo, &missed);

    return object != NULL || missed ? object : trove__table_find_beyond(table, id, hash, algo);
}

/* A stage of get_many: starts loading what a find of HASH reads first. */
static inline void trove__table_prefetch(struct trove__table *table, uint64_t hash)
{
    /* ACQUIRE [E6 head]: as in trove__table_probe_home(). */
    __builtin_prefetch(trove__home_in(trove__load_acquire(&table->view), hash), 0, 3);
}

/* The same for an insert of HASH, which looks into every level. In a section. */
static inline void trove__table_prefetch_all(struct trove__table *table, uint64_t hash)
{
    struct trove__level *level = trove__current_level(table);

    for (; level != NULL; level = trove__next_level(level))
        __builtin_prefetch(trove__home_of(level, hash), 0, 3);
}

#endif
