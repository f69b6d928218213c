// SPDX-License-Identifier: MIT
/*
 * test_pack_index.c - what the reader remembers of a pack's entries.
 */
#include "fetch/pack_index.h"
#include "support.h"
#include <errno.h>

#define MIB ((uint64_t)1 << 20)

static void add_entries(struct trove__pack_index *index, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t entry;

        assert_int_equal(trove__pack_index_add(index, 12 + (uint64_t)i * 20, &entry, NULL), 0);
        assert_int_equal(entry, i);
    }
}

/* Goal: entries whose numbers a server has chosen do not share a place with each other: deltas of a thousand bases in one
 * chain made waking them quadratic. The numbers are what a multiplication by a known constant maps to one place. */
static void index__waiting_is_keyed(void **state)
{
    enum { CELLS = 1024, BASES = 500 };
    struct trove__pack_index index;
    uint32_t used = 0;

    (void)state;
    assert_int_equal(trove__pack_index_init(&index, TROVE_SHA1, 64 * MIB, NULL), 0);
    for (uint32_t base = 0, found = 0; found < BASES; base++) {
        struct trove__pack_wait wait = {.base = base};

        if ((base * 0x9e3779b97f4a7c15u >> 32 & (CELLS - 1)) != 0)
            continue;
        assert_int_equal(trove__pack_index_wait(&index, &wait, found++, NULL), 0);
    }
    assert_int_equal(index.wait_cell_count, CELLS);
    for (uint32_t i = 0; i < CELLS; i++)
        used += ((const uint32_t *)index.wait_cells.bytes)[i] != 0;
    assert_true(used > BASES / 4);
    trove__pack_index_deinit(&index);
}

/* Goal: of entries with one id the one with the fewest deltas below it is found, whichever came first and however often
 * the map was made anew: going from base to base then always ends. */
static void index__finds_the_shallowest(void **state)
{
    enum { COUNT = 3000, TWINS = 3 };
    struct trove__pack_index index;
    uint32_t entry;

    (void)state;
    assert_int_equal(trove__pack_index_init(&index, TROVE_SHA1, 64 * MIB, NULL), 0);
    add_entries(&index, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct trove_oid id = {{(uint8_t)(i / TWINS), (uint8_t)(i / TWINS >> 8), 1}};

        trove__pack_index_entry(&index, i)->depth = (i + i / TWINS) % TWINS;
        if (i == 5) /* makes the map */
            assert_int_equal(trove__pack_index_find(&index, &id, &entry, NULL), 0);
        assert_int_equal(trove__pack_index_set_id(&index, i, &id, NULL), 0);
    }
    for (uint32_t i = 0; i < COUNT; i += TWINS) {
        struct trove_oid id;

        trove__pack_index_id(&index, i, &id);
        assert_int_equal(trove__pack_index_find(&index, &id, &entry, NULL), 0);
        assert_int_equal(entry / TWINS, i / TWINS);
        assert_int_equal(trove__pack_index_entry(&index, entry)->depth, 0);
    }
    trove__pack_index_deinit(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index__waiting_is_keyed),
        cmocka_unit_test(index__finds_the_shallowest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
