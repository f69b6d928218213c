// SPDX-License-Identifier: MIT
/*
 * test_read_only.c - readers write nothing: all memory that trove allocated is read-only while they read.
 *
 * What is trapped is what the allocator gave: the cache, the levels of its table, the queues and ghosts, every object with its
 * hint and its pins. What is not: the stack, thread-local words, and the reader's word of liburcu, which liburcu maps itself,
 * one for each thread, on lines that no other reader touches; each section stores into its own thread's, and the reclaimer
 * reads it at each grace period. So a section costs no reader anything that another reader does. Nor are the static words
 * of the library trapped; that nothing is stored to them either, tests/disassembly/readers.py sees.
 */
#include "fake_hash.h"
#include "reading.h"
#include "region.h"
#include "storing.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define REGION_BYTES ((size_t)64 << 20)
#define OBJECTS 1500
#define IDS (2 * OBJECTS) /* the even ones are there */
#define BATCH_MAX 64

/* --- caches ------------------------------------------------------------------------------------------------------- */

struct subject {
    struct trove *cache;
    size_t count, present; /* of ids; of those that are there */
    struct trove_oid ids[IDS];
    bool there[IDS];
};

/* An empty cache. The reclaimer's thread, which writes, is not started: turns are taken in its place. */
static void begin(struct subject *subject, const struct trove__reader *reader,
                  const struct trove_hash *hash, uint64_t max_bytes)
{
    subject->cache = open_cache(hash, max_bytes);
    subject->count = subject->present = 0;
    use_reader(subject->cache, reader);
    /* RELAXED: nobody else is here. */
    trove__store_relaxed(&subject->cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
}

static void end(struct subject *subject)
{
    assert_int_equal(trove_close(subject->cache, NULL), 0);
}

static void add(struct subject *subject, const void *data, size_t size, bool put)
{
    size_t n = subject->count++;
    const struct trove_hash *hash = &subject->cache->hash;

    assert_int_equal(hash->object_id(hash->context, TROVE_BLOB, data, size, &subject->ids[n]), 0);
    if (put)
        assert_int_equal(trove_put(subject->cache, TROVE_BLOB, data, size, NULL, NULL), 0);
    subject->there[n] = put;
    subject->present += put;
}

/* Ids of all kinds: half of them are there. */
static void fill(struct subject *subject)
{
    for (uint64_t n = 0; n < IDS; n++)
        add(subject, &n, sizeof(n), n % 2 == 0);
}

/* Ids that all share bucket, tag and stride: they fill windows, and what is not at home is found by the slow search. */
static void fill_alike(struct subject *subject, enum trove_algo algo)
{
    for (unsigned n = 0; n < 2 * ALIKE; n++) {
        struct trove_oid id = alike_id(n, algo);

        add(subject, id.bytes, trove_oid_bytes(algo), n < ALIKE);
    }
}

/* Every hint is at its ceiling afterwards. */
static void warm(struct subject *subject)
{
    const struct trove_object *object;

    trove_read_lock();
    for (unsigned use = 0; use < TROVE__HINT_MAX; use++)
        for (size_t i = 0; i < subject->count; i++)
            (void)trove_get(subject->cache, &subject->ids[i], &object);
    trove_read_unlock();
}

/* --- readers ------------------------------------------------------------------------------------------------------ */

static size_t has_all(const struct subject *subject)
{
    size_t found = 0;

    for (size_t i = 0; i < subject->count; i++)
        found += trove_has(subject->cache, &subject->ids[i]);
    return found;
}

static size_t get_all(const struct subject *subject)
{
    const struct trove_object *object;
    size_t found = 0;

    for (size_t i = 0; i < subject->count; i++)
        found += trove_get(subject->cache, &subject->ids[i], &object) == 0 &&
                 trove_object_size(object) > 0;
    return found;
}

/* In batches of all sizes. */
static size_t get_many_all(const struct subject *subject)
{
    const struct trove_object *objects[BATCH_MAX];
    size_t found = 0, batch = 0;

    for (size_t i = 0; i < subject->count; i += batch) {
        batch = batch % BATCH_MAX + 1;
        if (batch > subject->count - i)
            batch = subject->count - i;
        found += trove_get_many(subject->cache, subject->ids + i, batch, objects);
    }
    return found;
}

/* Right answers, in all ways to ask. */
static bool read_all(const struct subject *subject)
{
    size_t present = subject->present;
    bool right = has_all(subject) == present; /* a section of its own for each */

    trove_read_lock();
    right &= has_all(subject) == present;
    right &= get_all(subject) == present;
    right &= get_many_all(subject) == present;
    trove_read_unlock();
    return right;
}

static pthread_barrier_t frozen;

static void *reader_main(void *context)
{
    region_thread_init();
    pthread_barrier_wait(&frozen);
    pthread_barrier_wait(&frozen);
    return read_all(context) ? context : NULL;
}

/* Two threads read while nothing can be written. Returns how many stores they tried. */
static size_t stores_of_readers(struct subject *subject)
{
    pthread_t other;
    void *right;

    assert_int_equal(pthread_barrier_init(&frozen, NULL, 2), 0);
    assert_int_equal(pthread_create(&other, NULL, reader_main, subject), 0);
    pthread_barrier_wait(&frozen);
    region_freeze();
    pthread_barrier_wait(&frozen);
    assert_true(read_all(subject));
    assert_int_equal(pthread_join(other, &right), 0);
    region_thaw();
    assert_ptr_equal(right, subject);
    pthread_barrier_destroy(&frozen);
    return region_stores();
}

static void expect_no_store(struct subject *subject)
{
    size_t stores = stores_of_readers(subject);

    if (stores > 0)
        region_print();
    assert_int_equal(stores, 0);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

static struct subject subject;

typedef void (*reader_fn)(const struct trove__reader *reader, enum trove_algo algo);

static void with_each_reader(reader_fn fn)
{
    const struct trove__reader *reader;

    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++)
        for (unsigned n = 0; (reader = trove__reader_nth(algo, n)) != NULL; n++)
            fn(reader, algo);
}

static void warm_with(const struct trove__reader *reader, enum trove_algo algo)
{
    begin(&subject, reader, fake_hash(algo), 8 << 20);
    fill(&subject);
    warm(&subject);
    expect_no_store(&subject);
    end(&subject);
}

/* Goal: warm has, get and get_many store nothing, whether they hit or miss, and whoever else reads. */
static void read_only__warm_readers_store_nothing(void **state)
{
    (void)state;
    with_each_reader(warm_with);
}

static void slow_with(const struct trove__reader *reader, enum trove_algo algo)
{
    const struct trove_hash hash = {algo, id_is_data, NULL};

    begin(&subject, alike_of(reader, algo), &hash, 4 << 20);
    fill_alike(&subject, algo);
    warm(&subject);
    expect_no_store(&subject);
    end(&subject);
}

/* Goal: nor do those that the home bucket does not decide. Method: all ids share their buckets and tags. */
static void read_only__slow_searches_store_nothing(void **state)
{
    (void)state;
    with_each_reader(slow_with);
}

static bool is_growing(struct subject *growing)
{
    struct trove__table_sizes sizes;

    trove_read_lock();
    sizes = trove__table_sizes(&growing->cache->table);
    trove_read_unlock();
    return sizes.levels > 1;
}

static void growing_with(const struct trove__reader *reader, enum trove_algo algo)
{
    unsigned looks = 0;

    /* A first level of 64 buckets, which has to grow. */
    begin(&subject, reader, fake_hash(algo), 2 << 20);
    for (uint64_t n = 0; n < IDS; n++) {
        add(&subject, &n, sizeof(n), n % 2 == 0);
        if (n % 8 == 0)
            trove__table_service(&subject.cache->table);
        if (is_growing(&subject) && looks < 5) {
            warm(&subject);
            expect_no_store(&subject);
            looks++;
        }
    }
    assert_in_range(looks, 1, 5);
    end(&subject);
}

/* Goal: nor does anybody who reads while the table grows and its objects are on their way. */
static void read_only__readers_of_a_growing_table_store_nothing(void **state)
{
    (void)state;
    with_each_reader(growing_with);
}

/* Where GET may store. */
static const void *hint_of(const struct trove_object *object)
{
    return &object->hint;
}

/* Gets ID TIMES times; returns how often that stored, each time into OBJECT's hint. */
static unsigned stores_of_gets(struct trove *cache, const struct trove_oid *id,
                               const struct trove_object *object, unsigned times)
{
    const struct trove_object *found;
    unsigned count = 0;

    while (times-- > 0) {
        region_freeze();
        assert_int_equal(trove_get(cache, id, &found), 0);
        region_thaw();
        assert_in_range(region_stores(), 0, 1);
        if (region_stores() == 1)
            assert_ptr_equal(region_store(0).at, hint_of(object));
        count += (unsigned)region_stores();
    }
    return count;
}

static void cold_with(const struct trove__reader *reader, enum trove_algo algo)
{
    const struct trove_object *object;
    unsigned cold = 0, hot = 0;

    begin(&subject, reader, fake_hash(algo), 256 << 10);
    for (uint64_t n = 0; n < IDS; n++) {
        add(&subject, &n, sizeof(n), true);
        if (trove__counters_sum(&subject.cache->counters, TROVE__COUNT_EVICTIONS) > 20)
            break;
        warm(&subject);
        if (n % 64 == 0)
            (void)trove__reclaim_turn(&subject.cache->reclaim);
    }
    assert_true(subject.count < IDS); /* objects were evicted */
    trove_read_lock();
    region_freeze();
    (void)has_all(&subject); /* no use: no store, however cold */
    region_thaw();
    assert_int_equal(region_stores(), 0);
    for (size_t i = 0; i < subject.count; i++) {
        unsigned below;

        object = trove__table_find_slow(&subject.cache->table, subject.ids[i].bytes,
                                        trove__cache_hash(subject.cache, &subject.ids[i]), algo);
        if (object == NULL)
            continue;
        below = TROVE__HINT_MAX - trove__load_relaxed(&object->hint); /* RELAXED: alone here */
        assert_int_equal(stores_of_gets(subject.cache, &subject.ids[i], object, 5), below);
        cold += below > 0;
        hot += below == 0;
    }
    trove_read_unlock();
    assert_in_range(cold, 1, IDS);
    assert_in_range(hot, 1, IDS);
    end(&subject);
}

/* Goal: the trap works, and after a look of the evictor a get stores as often as its object's hint is below the ceiling:
 * that byte, and nothing else. Method: puts beyond what fits, then each object that is left is got five times. */
static void read_only__a_cold_hit_stores_its_hint(void **state)
{
    (void)state;
    with_each_reader(cold_with);
}

/* Goal: a reader that stores when it need not is noticed. Method: one that does (storing.c). */
static void read_only__notices_a_store(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        begin(&subject, &storing_reader[algo == TROVE_SHA256], fake_hash(algo), 8 << 20);
        fill(&subject);
        warm(&subject);
        /* Those in one page are noticed once. */
        assert_true(stores_of_readers(&subject) > OBJECTS / (4096 / 64));
        end(&subject);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_only__warm_readers_store_nothing),
        cmocka_unit_test(read_only__slow_searches_store_nothing),
        cmocka_unit_test(read_only__readers_of_a_growing_table_store_nothing),
        cmocka_unit_test(read_only__a_cold_hit_stores_its_hint),
        cmocka_unit_test(read_only__notices_a_store),
    };

    if (region_install(REGION_BYTES) != 0)
        return EXIT_FAILURE;
    region_thread_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
