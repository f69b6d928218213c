// SPDX-License-Identifier: MIT
/*
 * test_mesi.c - the simulated caches of bench/coherence, beside sequences worked out by hand.
 */
#include "bench/coherence/mesi.h"
#include "support.h"

#define LINE 7

static enum mesi_outcome load(struct mesi *mesi, unsigned cache)
{
    return mesi_access(mesi, cache, LINE, MESI_LOAD);
}

static enum mesi_outcome store(struct mesi *mesi, unsigned cache)
{
    return mesi_access(mesi, cache, LINE, MESI_STORE);
}

static void expect_states(struct mesi *mesi, enum mesi_state first, enum mesi_state second,
                          enum mesi_state third)
{
    assert_int_equal(mesi_state(mesi, 0, LINE), first);
    assert_int_equal(mesi_state(mesi, 1, LINE), second);
    assert_int_equal(mesi_state(mesi, 2, LINE), third);
}

static void expect_counts(struct mesi *mesi, uint64_t accesses, uint64_t first, uint64_t coherence)
{
    struct mesi_counts counts = mesi_counts(mesi);

    assert_int_equal(counts.accesses, accesses);
    assert_int_equal(counts.first, first);
    assert_int_equal(counts.coherence, coherence);
    mesi_destroy(mesi);
}

/* Goal: what is only read is shared, and each cache looks for it once. */
static void mesi__reads_share(void **state)
{
    struct mesi *mesi = mesi_create(3);

    (void)state;
    assert_int_equal(load(mesi, 0), MESI_FIRST);
    expect_states(mesi, MESI_EXCLUSIVE, MESI_INVALID, MESI_INVALID);
    assert_int_equal(load(mesi, 0), MESI_HIT);
    assert_int_equal(load(mesi, 1), MESI_FIRST);
    expect_states(mesi, MESI_SHARED, MESI_SHARED, MESI_INVALID);
    assert_int_equal(load(mesi, 2), MESI_FIRST);
    for (unsigned cache = 0; cache < 3; cache++)
        assert_int_equal(load(mesi, cache), MESI_HIT);
    expect_states(mesi, MESI_SHARED, MESI_SHARED, MESI_SHARED);
    expect_counts(mesi, 7, 3, 0);
}

/* Goal: who is alone with a line writes to it for nothing. */
static void mesi__alone_writes_are_free(void **state)
{
    struct mesi *mesi = mesi_create(3);

    (void)state;
    assert_int_equal(load(mesi, 1), MESI_FIRST);
    assert_int_equal(store(mesi, 1), MESI_HIT); /* E to M */
    expect_states(mesi, MESI_INVALID, MESI_MODIFIED, MESI_INVALID);
    assert_int_equal(mesi_access(mesi, 1, LINE, MESI_RMW), MESI_HIT);
    assert_int_equal(mesi_access(mesi, 1, LINE + 1, MESI_STORE), MESI_FIRST);
    assert_int_equal(mesi_state(mesi, 1, LINE + 1), MESI_MODIFIED);
    expect_counts(mesi, 4, 2, 0);
}

/* Goal: a store to a shared line takes the other copies away; who looks again must get it from the writer. */
static void mesi__a_write_takes_copies_away(void **state)
{
    struct mesi *mesi = mesi_create(3);

    (void)state;
    for (unsigned cache = 0; cache < 3; cache++)
        load(mesi, cache);
    assert_int_equal(store(mesi, 0), MESI_COHERENCE); /* an upgrade */
    expect_states(mesi, MESI_MODIFIED, MESI_INVALID, MESI_INVALID);
    assert_int_equal(load(mesi, 1), MESI_COHERENCE);
    expect_states(mesi, MESI_SHARED, MESI_SHARED, MESI_INVALID);
    assert_int_equal(load(mesi, 2),
                     MESI_COHERENCE); /* it was taken away, although memory has it by now */
    assert_int_equal(load(mesi, 0), MESI_HIT);
    assert_int_equal(store(mesi, 2), MESI_COHERENCE);
    expect_states(mesi, MESI_INVALID, MESI_INVALID, MESI_MODIFIED);
    expect_counts(mesi, 8, 3, 4);
}

/* Goal: a line that is modified elsewhere comes from there, also to who never had it. */
static void mesi__modified_lines_move(void **state)
{
    struct mesi *mesi = mesi_create(3);

    (void)state;
    assert_int_equal(store(mesi, 0), MESI_FIRST);
    assert_int_equal(load(mesi, 1), MESI_COHERENCE);
    assert_int_equal(load(mesi, 2), MESI_FIRST); /* written back meanwhile */
    assert_int_equal(store(mesi, 1), MESI_COHERENCE);
    assert_int_equal(store(mesi, 2), MESI_COHERENCE);
    expect_states(mesi, MESI_INVALID, MESI_INVALID, MESI_MODIFIED);
    expect_counts(mesi, 5, 2, 3);
}

/* Goal: a word that two take in turn moves each time, and so does a line with a word of each: false sharing. */
static void mesi__a_word_in_turn_moves_each_time(void **state)
{
    struct mesi *mesi = mesi_create(2);
    struct mesi_counts counts;

    (void)state;
    for (unsigned turn = 0; turn < 10; turn++) {
        mesi_access(mesi, turn % 2, LINE, MESI_RMW);
        mesi_access(mesi, turn % 2, LINE + 1 + turn % 2, MESI_RMW); /* a line of its own: no miss */
    }
    counts = mesi_counts(mesi);
    assert_int_equal(counts.hottest, 9);
    assert_int_equal(counts.hottest_line, LINE);
    expect_counts(mesi, 20, 3, 9);
}

/* Goal: many lines and the highest cache are told apart. */
static void mesi__many_lines(void **state)
{
    struct mesi *mesi = mesi_create(MESI_CACHES_MAX);

    (void)state;
    for (uint64_t line = 0; line < 50000; line++)
        assert_int_equal(
            mesi_access(mesi, (unsigned)(line % MESI_CACHES_MAX), line << 20, MESI_STORE),
            MESI_FIRST);
    for (uint64_t line = 0; line < 50000; line++)
        for (unsigned cache = 0; cache < MESI_CACHES_MAX; cache += MESI_CACHES_MAX - 1)
            assert_int_equal(mesi_state(mesi, cache, line << 20),
                             cache == line % MESI_CACHES_MAX ? MESI_MODIFIED : MESI_INVALID);
    expect_counts(mesi, 50000, 50000, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mesi__reads_share),
        cmocka_unit_test(mesi__alone_writes_are_free),
        cmocka_unit_test(mesi__a_write_takes_copies_away),
        cmocka_unit_test(mesi__modified_lines_move),
        cmocka_unit_test(mesi__a_word_in_turn_moves_each_time),
        cmocka_unit_test(mesi__many_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
