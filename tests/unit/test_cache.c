// SPDX-License-Identifier: MIT
/*
 * test_cache.c - the cache as its user sees it, one thread.
 */
#include "core/cache_internal.h"
#include "core/object.h"
#include "fake_hash.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trove/cache.h>

static struct trove *open_cache(enum trove_algo algo, uint64_t max_bytes)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = fake_hash(algo);
    options.max_bytes = max_bytes;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    return cache;
}

/* Goal: what is put is there, with type, size, id and bytes, and is one object however often it is put. */
static void cache__put_then_get(void **state)
{
    (void)state;
    for (int algo = TROVE_SHA1; algo <= TROVE_SHA256; algo++) {
        struct trove *cache = open_cache(algo, 64 << 20);
        char text[200];

        assert_true(trove_is_empty(cache));
        for (int i = 0; i < 3000; i++) {
            int size = snprintf(text, sizeof(text), "object %d %0*d", i, i % 150, i);
            const struct trove_object *object;
            struct trove_oid id, want = fake_oid(algo, TROVE_BLOB, text, size);
            bool added;

            assert_false(trove_has(cache, &want));
            assert_int_equal(trove_put(cache, TROVE_BLOB, text, size, &id, &added), 0);
            assert_true(added);
            assert_true(trove_oid_equal(&id, &want));
            assert_int_equal(trove_put(cache, TROVE_BLOB, text, size, &id, &added), 0);
            assert_false(added);
            trove_read_lock();
            assert_int_equal(trove_get(cache, &want, &object), 0);
            assert_int_equal(trove_object_size(object), size);
            assert_int_equal(trove_object_type(object), TROVE_BLOB);
            id = trove_object_id(object);
            assert_true(trove_oid_equal(&id, &want));
            assert_string_equal(trove_object_data(object), text);
            trove_read_unlock();
            assert_true(trove_has(cache, &want));
        }
        assert_false(trove_is_empty(cache));
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

/* Goal: a pin outlives the cache. */
static void cache__pins_outlive_close(void **state)
{
    struct trove *cache = open_cache(TROVE_SHA1, 1 << 20);
    const struct trove_object *object;
    struct trove_object *pinned;
    struct trove_oid id;

    (void)state;
    assert_int_equal(trove_put(cache, TROVE_TREE, "tree", 4, &id, NULL), 0);
    trove_read_lock();
    assert_int_equal(trove_get(cache, &id, &object), 0);
    pinned = trove_pin(object);
    assert_int_equal(trove_close(cache, NULL), -EDEADLK);
    trove_read_unlock();
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_string_equal(trove_object_data(pinned), "tree");
    trove_unpin(pinned);
}

/* Goal: after shutdown put is refused and get goes on. */
static void cache__shutdown_refuses_put(void **state)
{
    struct trove *cache = open_cache(TROVE_SHA1, 1 << 20);
    struct trove_oid id, untouched = {{7}};

    (void)state;
    assert_int_equal(trove_put(cache, TROVE_TREE, "tree", 4, &id, NULL), 0);
    trove_shutdown(cache);
    assert_int_equal(trove_put(cache, TROVE_TREE, "other", 5, &untouched, NULL), -ECANCELED);
    assert_int_equal(untouched.bytes[0], 7);
    assert_true(trove_has(cache, &id));
    assert_int_equal(trove_close(cache, NULL), 0);
}

static int insert(struct trove *cache, const char *bytes, size_t size, const struct trove_oid *id,
                  struct trove_object **ret_cached)
{
    struct trove_object *object;

    assert_int_equal(trove__cache_draft(cache, TROVE_BLOB, size, &object), 0);
    memcpy(trove__object_buffer(object), bytes, size);
    trove__object_set_id(object, id);
    return trove__cache_insert(cache, NULL, object, ret_cached);
}

/* Goal: a full cache that takes nothing more still knows what it has: what a fetch brings once more is not left out, and
 * other bytes under a cached id are an error. */
static void cache__full_knows_what_it_has(void **state)
{
    enum { SIZE = 10000 };
    static char bytes[SIZE];
    struct trove_options options;
    struct trove *cache;
    struct trove_object *cached;
    struct trove_oid first, id;
    int r;

    (void)state;
    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = 1 << 20;
    options.overfull = TROVE_OVERFULL_ERROR;
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    assert_int_equal(trove_put(cache, TROVE_BLOB, bytes, SIZE, &first, NULL), 0);
    do {
        bytes[0]++;
        r = trove_put(cache, TROVE_BLOB, bytes, SIZE, NULL, NULL);
    } while (r == 0);
    assert_int_equal(r, -ECACHE_OVERFULL);
    id = fake_oid(TROVE_SHA1, TROVE_BLOB, bytes, SIZE);
    assert_int_equal(insert(cache, bytes, SIZE, &id, &cached), TROVE__UNCACHED);
    trove_unpin(cached);
    assert_int_equal(insert(cache, bytes, SIZE, &first, &cached), -EBADMSG);
    bytes[0] = 0;
    assert_int_equal(insert(cache, bytes, SIZE, &first, &cached), TROVE__EXISTED);
    trove_unpin(cached);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache__put_then_get),
        cmocka_unit_test(cache__pins_outlive_close),
        cmocka_unit_test(cache__shutdown_refuses_put),
        cmocka_unit_test(cache__full_knows_what_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
