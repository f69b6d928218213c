// SPDX-License-Identifier: MIT
/*
 * flight_pool.c - memory for flights that stays memory for flights.
 *
 * WHAT       A fixed number of flights, made in chunks when first needed and freed only with the pool. So a thread that
 *            holds a stale pointer to a flight reads a flight, perhaps of another id: no grace periods are needed, and the
 *            bound on flights is the size of the pool.
 * INVARIANTS I1 an index below `used` has its memory until deinit. I2 a flight is on the free stack at most once, and then
 *            has no references.
 * ROLES      any thread: take, give, at, watch.
 * PROTOCOL   the free stack is one word, the first index and a version that every change counts up; so a pop that succeeds
 *            saw the `next_free` that belongs to it. Fresh indices come from a counter.
 * EDGES      E1 free-flight  pool_give() release -> pool_take() acquire   the end of the flight's last life
 *            E2 make-chunk   make_chunk() release -> trove__flight_pool_at() acquire   a zeroed chunk
 *            E3 space        pool_give() seq_cst -> trove__flight_pool_watch() seq_cst   a store-load pair: either the giver sees
 *                            the waiter, or the waiter sees what was given
 *            E4 used         take_fresh() release -> trove__flight_pool_used() acquire   the chunks of all places in use
 * PROGRESS   take, give, at are lock-free but for the allocator; watch wait-free.
 * TESTS      tests/stress/test_flight_stress.c
 */
#include "core/flight.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/until.h"

#define INDEX_MASK 0xffffffffu
#define VERSION_ONE ((uint64_t)1 << 32)

int trove__flight_pool_init(struct trove__flight_pool *pool, uint32_t max)
{
    uint32_t bounded = max == 0 ? 1 : max;

    pool->max = bounded < TROVE__FLIGHTS_MAX ? bounded : TROVE__FLIGHTS_MAX - 1;
    pool->chunk_count = (pool->max + TROVE__POOL_CHUNK - 1) / TROVE__POOL_CHUNK;
    pool->chunks = trove__calloc(pool->chunk_count, sizeof(*pool->chunks));
    if (pool->chunks == NULL)
        return -ENOMEM;
    atomic_init(&pool->free, 0);
    atomic_init(&pool->used, 0);
    atomic_init(&pool->space, 0);
    atomic_init(&pool->space_waiters, 0);
    return 0;
}

void trove__flight_pool_deinit(struct trove__flight_pool *pool)
{
    for (uint32_t i = 0; pool->chunks != NULL && i < pool->chunk_count; i++) {
        /* RELAXED: nobody else is left. */
        struct trove__flight *chunk = trove__load_relaxed(&pool->chunks[i]);
        if (chunk != NULL)
            trove__sized_free(chunk, TROVE__POOL_CHUNK * sizeof(*chunk), TROVE__LINE_BYTES);
    }
    trove__free(pool->chunks);
    pool->chunks = NULL;
}

struct trove__flight *trove__flight_pool_at(struct trove__flight_pool *pool, uint32_t index)
{
    uint32_t place = index - 1;

    /* ACQUIRE [E2 make-chunk]: pairs with make_chunk(). */
    return trove__load_acquire(&pool->chunks[place / TROVE__POOL_CHUNK]) +
           place % TROVE__POOL_CHUNK;
}

/* Makes sure that the chunk of the flight at PLACE is there. */
static int make_chunk(struct trove__flight_pool *pool, uint32_t place)
{
    _Atomic(struct trove__flight *) *slot = &pool->chunks[place / TROVE__POOL_CHUNK];
    uint32_t first = place - place % TROVE__POOL_CHUNK;
    size_t bytes = TROVE__POOL_CHUNK * sizeof(struct trove__flight);
    struct trove__flight *chunk, *expected = NULL;

    /* ACQUIRE [E2 make-chunk]: who counts `used` up hands over the chunk with it, whoever made it. */
    if (trove__load_acquire(slot) != NULL)
        return 0;
    chunk = trove__sized_alloc(bytes, TROVE__LINE_BYTES);
    if (chunk == NULL)
        return -ENOMEM;
    memset(chunk, 0, bytes);
    for (uint32_t i = 0; i < TROVE__POOL_CHUNK; i++)
        chunk[i].index = first + i + 1;
    /* ACQ_REL [E2 make-chunk]: hands over the zeroed chunk. Pairs with trove__flight_pool_at(). */
    if (!trove__cas_acq_rel(slot, &expected, chunk))
        trove__sized_free(chunk, bytes, TROVE__LINE_BYTES);
    return 0;
}

/* A place that was never used: counts up only once its memory is there, so that a failure takes no place away. */
static int take_fresh(struct trove__flight_pool *pool, struct trove__flight **ret_flight)
{
    /* RELAXED: a guess, the CAS checks it. */
    uint32_t used = trove__load_relaxed(&pool->used);
    int r;

    do {
        if (used >= pool->max)
            return -EAGAIN;
        r = make_chunk(pool, used);
        if (r < 0)
            return r;
        /* RELEASE [E4 used]: the chunk. Pairs with trove__flight_pool_used(). */
    } while (!trove__cas_release(&pool->used, &used, used + 1));
    *ret_flight = trove__flight_pool_at(pool, used + 1);
    return 0;
}

uint32_t trove__flight_pool_used(struct trove__flight_pool *pool)
{
    /* ACQUIRE [E4 used]: pairs with take_fresh(). */
    return trove__load_acquire(&pool->used);
}

int trove__flight_pool_take(struct trove__flight_pool *pool, struct trove__flight **ret_flight)
{
    /* ACQUIRE [E1 free-flight]: also of every failed CAS below. Pairs with trove__flight_pool_give(). */
    uint64_t top = trove__load_acquire(&pool->free);
    struct trove__flight *flight;
    uint64_t next;

    do {
        if ((top & INDEX_MASK) == 0)
            return take_fresh(pool, ret_flight);
        flight = trove__flight_pool_at(pool, (uint32_t)(top & INDEX_MASK));
        /* RELAXED: may be stale when somebody took the flight meanwhile; then the version changed and the CAS fails. */
        next = trove__load_relaxed(&flight->next_free);
    } while (!trove__cas_acq_rel(&pool->free, &top,
                                 ((top & ~(uint64_t)INDEX_MASK) + VERSION_ONE) | next));
    *ret_flight = flight;
    return 0;
}

void trove__flight_pool_give(struct trove__flight_pool *pool, struct trove__flight *flight)
{
    /* RELAXED: a guess, the CAS checks it. */
    uint64_t top = trove__load_relaxed(&pool->free);

    do {
        /* RELAXED: published by the CAS. */
        trove__store_relaxed(&flight->next_free, (uint32_t)(top & INDEX_MASK));
        /* SEQ_CST [E1 free-flight] [E3 space]: hands over the flight. Pairs with trove__flight_pool_take(), and with
         * trove__flight_pool_watch() as one half of a store-load pair. */
    } while (!trove__cas_seq_cst(&pool->free, &top,
                                 ((top & ~(uint64_t)INDEX_MASK) + VERSION_ONE) | flight->index));
    /* SEQ_CST [E3 space]: the other half. */
    if (trove__load_seq_cst(&pool->space_waiters) != 0)
        trove__flight_pool_wake_all(pool);
}

bool trove__flight_pool_watch(struct trove__flight_pool *pool, struct trove__watch *ret_watch)
{
    /* SEQ_CST [E3 space]: pairs with trove__flight_pool_give(). */
    trove__add_seq_cst(&pool->space_waiters, 1);
    ret_watch->word = &pool->space;
    ret_watch->expected = trove__load_seq_cst(&pool->space);
    return (trove__load_seq_cst(&pool->free) & INDEX_MASK) == 0;
}

void trove__flight_pool_unwatch(struct trove__flight_pool *pool)
{
    /* RELAXED: at worst one wake-up too many. */
    trove__sub_relaxed(&pool->space_waiters, 1);
}

void trove__flight_pool_wake_all(struct trove__flight_pool *pool)
{
    /* SEQ_CST [E3 space]: whoever watched before is woken; who watches later sees what led here. */
    trove__add_seq_cst(&pool->space, 1);
    trove__futex_wake(&pool->space, INT_MAX);
}
