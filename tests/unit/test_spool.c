// SPDX-License-Identifier: MIT
/*
 * test_spool.c - the bytes of a pack while one thread appends and another one looks at what came long ago.
 */
#include "fetch/spool.h"
#include "support.h"
#include <string.h>

enum { CHUNK = 4096, KEPT_CHUNKS = 2 };

static struct trove__spool *spool_create(void)
{
    struct trove__spool *spool;

    assert_int_equal(trove__spool_create(KEPT_CHUNKS * CHUNK, CHUNK, 0, &spool), 0);
    return spool;
}

/* Chunk N is filled with N. */
static void append_chunks(struct trove__spool *spool, unsigned first, unsigned end)
{
    uint8_t bytes[CHUNK];

    for (unsigned n = first; n < end; n++) {
        memset(bytes, (int)n, sizeof(bytes));
        assert_int_equal(trove__spool_append(spool, bytes, sizeof(bytes), NULL), 0);
    }
}

static const uint8_t *view(struct trove__spool *spool, unsigned chunk, uint8_t *scratch)
{
    const uint8_t *bytes;
    size_t size;

    assert_int_equal(
        trove__spool_view(spool, (uint64_t)chunk * CHUNK, scratch, CHUNK, &bytes, &size, NULL), 0);
    assert_int_equal(size, CHUNK);
    return bytes;
}

static void expect_chunk(const uint8_t *bytes, unsigned chunk)
{
    for (size_t i = 0; i < CHUNK; i++)
        if (bytes[i] != chunk)
            fail_msg("byte %zu of chunk %u is %u", i, chunk, bytes[i]);
}

/* Goal: what the parser looks at stays, although the feeder's next bytes push that chunk out into the file: bytes that
 * were released are looked at again when a base is made again. */
static void spool__what_is_viewed_stays(void **state)
{
    struct trove__spool *spool = spool_create();
    uint8_t scratch[CHUNK];
    const uint8_t *bytes;

    (void)state;
    append_chunks(spool, 0, KEPT_CHUNKS);
    trove__spool_release(spool, KEPT_CHUNKS * CHUNK);
    for (unsigned n = 0; n < 20; n += 2) {
        bytes = view(spool, n, scratch);
        assert_ptr_not_equal(bytes, scratch); /* still in memory */
        append_chunks(spool, KEPT_CHUNKS + n, KEPT_CHUNKS + n + 2);
        expect_chunk(bytes, n);
        trove__spool_release(spool, (uint64_t)(KEPT_CHUNKS + n + 2) * CHUNK);
        expect_chunk(bytes, n);
    }
    for (unsigned n = 0; n < KEPT_CHUNKS + 20; n++)
        expect_chunk(view(spool, n, scratch), n);
    trove__spool_destroy(spool);
}

/* Goal: what is viewed costs one chunk, however often it happens and whatever is viewed when the spool ends. */
static void spool__viewing_costs_one_chunk(void **state)
{
    struct trove__spool *spool = spool_create();
    uint8_t scratch[CHUNK];
    uint64_t most = 0;

    (void)state;
    append_chunks(spool, 0, KEPT_CHUNKS);
    for (unsigned n = 0; n < 50; n++) {
        view(spool, n, scratch);
        append_chunks(spool, KEPT_CHUNKS + n, KEPT_CHUNKS + n + 1);
        trove__spool_release(spool, (uint64_t)(KEPT_CHUNKS + n + 1) * CHUNK);
        if (trove__spool_resident(spool) > most)
            most = trove__spool_resident(spool);
    }
    assert_true(most <= (KEPT_CHUNKS + 1 + 2 + 1) * CHUNK); /* kept, being filled, spare, viewed */
    assert_int_equal(trove__spool_to_file(spool, NULL), 0);
    trove__spool_destroy(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spool__what_is_viewed_stays),
        cmocka_unit_test(spool__viewing_costs_one_chunk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
