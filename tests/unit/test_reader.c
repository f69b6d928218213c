// SPDX-License-Identifier: MIT
/*
 * test_reader.c - every reader that this machine can run gives the same answers, for both algorithms.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct trove *open_cache(const struct trove_hash *hash, uint64_t max_bytes)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = hash;
    options.max_bytes = max_bytes;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    return cache;
}

/* What all readers of CACHE answer about IDS must be EXPECT, through each of their calls. */
static void check_readers(struct trove *cache, const struct trove_oid *ids, const bool *expect,
                          size_t count)
{
    const struct trove_object *many[64], *one;
    const struct trove__reader *reader;

    assert_true(count <= 64);
    for (unsigned n = 0; (reader = trove__reader_nth(cache->table.algo, n)) != NULL; n++) {
        size_t found = 0;

        for (size_t i = 0; i < count; i++)
            assert_int_equal(reader->has(cache, &ids[i]), expect[i]); /* a section of its own */
        trove_read_lock();
        memset(many, 0x5a, sizeof(many));
        for (size_t i = 0; i < count; i++) {
            one = (const struct trove_object *)&many[0];
            assert_int_equal(reader->has(cache, &ids[i]), expect[i]);
            assert_int_equal(reader->get(cache, &ids[i], &one), expect[i] ? 0 : -ENOENT);
            found += expect[i];
            if (expect[i])
                assert_memory_equal(one->id, ids[i].bytes, trove_oid_bytes(cache->table.algo));
            else
                assert_ptr_equal(one, &many[0]); /* untouched */
        }
        assert_int_equal(reader->get_many(cache, ids, count, many), found);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(many[i] != NULL, expect[i]);
            if (expect[i])
                assert_memory_equal(many[i]->id, ids[i].bytes, trove_oid_bytes(cache->table.algo));
        }
        trove_read_unlock();
    }
}

/* Goal: the choice at open is the best one, and the plain one is always among them. */
static void reader__best_first_plain_always(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        struct trove *cache = open_cache(fake_hash(algo), 1 << 20);
        const struct trove__reader *reader = NULL, *last;
        unsigned n = 0;

        assert_ptr_equal(cache->reader, trove__reader_nth(algo, 0));
        while ((last = trove__reader_nth(algo, n)) != NULL) {
            printf("%s%s", n++ == 0 ? "readers: " : ", ", last->name);
            reader = last;
        }
        printf("\n");
        assert_string_equal(reader->name, "plain");
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

/* Goal: hits and misses alike in a table that grows. Method: batches of all sizes up to 64, half of them absent. */
static void reader__all_agree_while_growing(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        struct trove *cache = open_cache(fake_hash(algo), 64 << 20);
        struct trove_oid ids[64];
        bool expect[64];

        for (uint32_t n = 0, batch = 1; n < 20000; n += batch, batch = batch % 64 + 1) {
            for (uint32_t i = 0; i < batch; i++) {
                uint32_t number = n + i;

                expect[i] = number % 2 == 0;
                ids[i] = fake_oid(algo, TROVE_BLOB, &number, sizeof(number));
                if (expect[i])
                    assert_int_equal(
                        trove_put(cache, TROVE_BLOB, &number, sizeof(number), NULL, NULL), 0);
            }
            check_readers(cache, ids, expect, batch);
        }
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

/* A hash whose ids are the data itself, so that a test can choose them. */
static int id_is_data(void *context, enum trove_type type, const void *data, size_t size,
                      struct trove_oid *ret_id)
{
    (void)context, (void)type;
    memset(ret_id, 0, sizeof(*ret_id));
    memcpy(ret_id->bytes, data, size);
    return 0;
}

/* Goal: ids that share bucket, tag, class and stride are told apart, in every lane and at every step.
 * Method: a secret of zeros, and ids whose first product is 0: all have the hash 0. Seven
 * fill the home bucket, its counter of passes admits 63 more: beyond that the table would grow or evict. */
static void reader__all_agree_on_one_hash(void **state)
{
    enum { ALIKE = TROVE__SLOTS + TROVE__PASS_MAX };

    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        const struct trove_hash hash = {algo, id_is_data, NULL};
        struct trove *cache = open_cache(&hash, 4 << 20);
        struct trove_oid ids[64];
        bool expect[64];

        memset(&cache->table.secret, 0, sizeof(cache->table.secret));
        for (unsigned n = 0; n < ALIKE; n++) {
            struct trove_oid id = {{0}};

            id.bytes[15] = (unsigned char)(n + 1);
            assert_int_equal(trove__table_hash(&cache->table, id.bytes), 0);
            assert_int_equal(
                trove_put(cache, TROVE_BLOB, id.bytes, trove_oid_bytes(algo), NULL, NULL), 0);
            for (unsigned i = 0; i < 64; i++) {
                unsigned number = n < 32 ? i : n - 32 + i; /* some before, some after N */

                ids[i] = (struct trove_oid){{0}};
                ids[i].bytes[15] = (unsigned char)(number + 1);
                expect[i] = number <= n;
            }
            check_readers(cache, ids, expect, 64);
        }
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader__best_first_plain_always),
        cmocka_unit_test(reader__all_agree_while_growing),
        cmocka_unit_test(reader__all_agree_on_one_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
