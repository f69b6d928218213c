// SPDX-License-Identifier: MIT
/*
 * test_reader.c - every reader that this machine can run gives right answers, for both algorithms.
 */
#include "fake_hash.h"
#include "reading.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What CACHE answers about IDS must be EXPECT, through each of its calls. */
static void check_reader(struct trove *cache, const struct trove_oid *ids, const bool *expect,
                         size_t count)
{
    const struct trove_object *many[64], *one;
    size_t found = 0;

    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(trove_has(cache, &ids[i]), expect[i]); /* a section of its own */
    trove_read_lock();
    memset(many, 0x5a, sizeof(many));
    for (size_t i = 0; i < count; i++) {
        one = (const struct trove_object *)&many[0];
        assert_int_equal(trove_has(cache, &ids[i]), expect[i]);
        assert_int_equal(trove_get(cache, &ids[i], &one), expect[i] ? 0 : -ENOENT);
        found += expect[i];
        if (expect[i])
            assert_memory_equal(one->id, ids[i].bytes, trove_oid_bytes(cache->table.algo));
        else
            assert_ptr_equal(one, &many[0]); /* untouched */
    }
    assert_int_equal(trove_get_many(cache, ids, count, many), found);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(many[i] != NULL, expect[i]);
        if (expect[i])
            assert_memory_equal(many[i]->id, ids[i].bytes, trove_oid_bytes(cache->table.algo));
    }
    trove_read_unlock();
}

/* Goal: the choice at open is the best one, and the plain one is always among them. */
static void reader__best_first_plain_always(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        struct trove *cache = open_cache(fake_hash(algo), 1 << 20);
        const struct trove__reader *reader = NULL, *last;
        unsigned n = 0;

        assert_string_equal(cache->reader.name, trove__reader_nth(algo, 0)->name);
        assert_ptr_equal(cache->table.hash, trove__reader_nth(algo, 0)->hash);
        while ((last = trove__reader_nth(algo, n)) != NULL) {
            printf("%s%s", n++ == 0 ? "readers: " : ", ", last->name);
            reader = last;
        }
        printf("\n");
        assert_string_equal(reader->name, "plain");
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

static void grow_with(const struct trove__reader *reader, enum trove_algo algo)
{
    struct trove *cache = open_cache(fake_hash(algo), 64 << 20);
    struct trove_oid ids[64];
    bool expect[64];

    use_reader(cache, reader);
    for (uint32_t n = 0, batch = 1; n < 20000; n += batch, batch = batch % 64 + 1) {
        for (uint32_t i = 0; i < batch; i++) {
            uint32_t number = n + i;

            expect[i] = number % 2 == 0;
            ids[i] = fake_oid(algo, TROVE_BLOB, &number, sizeof(number));
            if (expect[i])
                assert_int_equal(trove_put(cache, TROVE_BLOB, &number, sizeof(number), NULL, NULL),
                                 0);
        }
        check_reader(cache, ids, expect, batch);
    }
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: each reader is right about hits and misses in a table that grows. Method: batches of all sizes up to 64, half of
 * them absent. */
static void reader__each_is_right_while_growing(void **state)
{
    const struct trove__reader *reader;

    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++)
        for (unsigned n = 0; (reader = trove__reader_nth(algo, n)) != NULL; n++)
            grow_with(reader, algo);
}

static void one_hash_with(const struct trove__reader *reader, enum trove_algo algo)
{
    const struct trove_hash hash = {algo, id_is_data, NULL};
    struct trove *cache = open_cache(&hash, 4 << 20);
    struct trove_oid ids[64];
    bool expect[64];

    use_reader(cache, reader);
    for (unsigned n = 0; n < ALIKE; n++) {
        struct trove_oid id = alike_id(n, algo);

        assert_int_equal(trove_put(cache, TROVE_BLOB, id.bytes, trove_oid_bytes(algo), NULL, NULL),
                         0);
        for (unsigned i = 0; i < 64; i++) {
            unsigned number = n < 32 ? i : n - 32 + i; /* some before, some after N */

            ids[i] = alike_id(number, algo);
            expect[i] = number <= n;
        }
        check_reader(cache, ids, expect, 64);
    }
    assert_int_equal(trove_close(cache, NULL), 0);
}

/* Goal: ids that share bucket, tag, class and stride are told apart, in every lane and at every step. */
static void reader__each_is_right_about_one_hash(void **state)
{
    const struct trove__reader *reader;

    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++)
        for (unsigned n = 0; (reader = trove__reader_nth(algo, n)) != NULL; n++)
            one_hash_with(alike_of(reader, algo), algo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader__best_first_plain_always),
        cmocka_unit_test(reader__each_is_right_while_growing),
        cmocka_unit_test(reader__each_is_right_about_one_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
