// SPDX-License-Identifier: MIT
/*
 * test_pack.c - the pack reader on packs made by hand: what is right comes out whole however it arrives, what is cut
 * asks for more, what is changed never gives a wrong id.
 */
#include "pack_reading.h"
#include "support.h"
#include <errno.h>
#include <string.h>

enum { TEXT_BYTES = 1200, CUT = 500, MIDDLE = 150, BIG_BYTES = 700000 };

/* One of everything: all types, empty and incompressible data, OFS and REF deltas, deltas of deltas, deltas before their
 * base, a delta of a base outside. Its objects are listed for the checks. */
struct sample {
    struct pack_builder pack;
    struct {
        enum trove_type type;
        uint8_t *data;
        size_t size;
    } objects[32];
    size_t count;
    uint8_t *outside;
    size_t ends[32]; /* where each entry ends in the pack */
};

static uint8_t *noise(size_t size, uint32_t seed)
{
    uint8_t *data = malloc(size + 1);

    assert_non_null(data);
    fill_noise(data, size, seed);
    return data;
}

static uint8_t *text(size_t size, uint32_t seed)
{
    uint8_t *data = noise(size, seed);

    for (size_t i = 0; i < size; i++)
        data[i] = "the quick brown fox\n jumps over"[data[i] & 31];
    return data;
}

static void expect_object(struct sample *sample, enum trove_type type, uint8_t *data, size_t size)
{
    size_t i = sample->count++;

    sample->objects[i].type = type;
    sample->objects[i].data = data;
    sample->objects[i].size = size;
    sample->ends[i] = sample->pack.out.size;
}

/* A result that shares head and tail with a base of TEXT_BYTES, and the delta that makes it. */
static uint8_t *derive(const uint8_t *base, uint32_t seed, struct bytes *ret_delta)
{
    uint8_t *result = malloc(TEXT_BYTES + MIDDLE);
    uint8_t *middle = noise(MIDDLE, seed);

    assert_non_null(result);
    memcpy(result, base, CUT);
    memcpy(result + CUT, middle, MIDDLE);
    memcpy(result + CUT + MIDDLE, base + CUT, TEXT_BYTES - CUT);
    delta_begin(ret_delta, TEXT_BYTES, TEXT_BYTES + MIDDLE);
    delta_copy(ret_delta, 0, CUT);
    delta_insert(ret_delta, middle, MIDDLE);
    delta_copy(ret_delta, CUT, TEXT_BYTES - CUT);
    free(middle);
    return result;
}

/* Keeps the size, so that derived objects can be bases again. */
static uint8_t *alter(const uint8_t *base, uint32_t seed, struct bytes *ret_delta)
{
    uint8_t *result = malloc(TEXT_BYTES);
    uint8_t *head = noise(100, seed);

    assert_non_null(result);
    memcpy(result, head, 100);
    memcpy(result + 100, base + 100, TEXT_BYTES - 100);
    delta_begin(ret_delta, TEXT_BYTES, TEXT_BYTES);
    delta_insert(ret_delta, head, 100);
    delta_copy(ret_delta, 100, TEXT_BYTES - 100);
    free(head);
    return result;
}

static size_t add_plain(struct sample *sample, enum trove_type type, uint8_t *data, size_t size)
{
    size_t offset = pack_add(&sample->pack, type, data, size);

    expect_object(sample, type, data, size);
    return offset;
}

static size_t add_delta(struct sample *sample, enum trove_type type, const uint8_t *base,
                        size_t base_offset, bool ref, bool last, uint32_t seed, uint8_t **ret_data)
{
    struct bytes delta;
    uint8_t *data = last ? derive(base, seed, &delta) : alter(base, seed, &delta);
    struct trove_oid base_id = oid_of(sample->pack.algo, type, base, TEXT_BYTES);
    size_t offset = ref ? pack_add_ref(&sample->pack, &base_id, &delta)
                        : pack_add_ofs(&sample->pack, base_offset, &delta);

    expect_object(sample, type, data, last ? TEXT_BYTES + MIDDLE : TEXT_BYTES);
    bytes_free(&delta);
    if (ret_data != NULL)
        *ret_data = data;
    return offset;
}

static void sample_make(struct sample *sample, enum trove_algo algo)
{
    uint8_t *base = text(TEXT_BYTES, 1), *late = text(TEXT_BYTES, 2), *second, *third;
    size_t base_at, at;

    *sample = (struct sample){.outside = text(TEXT_BYTES, 3)};
    pack_begin(&sample->pack, algo);
    base_at = add_plain(sample, TROVE_BLOB, base, TEXT_BYTES);
    add_plain(sample, TROVE_COMMIT, text(300, 4), 300);
    add_plain(sample, TROVE_TREE, malloc(1), 0);
    add_plain(sample, TROVE_TAG, noise(333, 5), 333);
    at = add_delta(sample, TROVE_BLOB, base, base_at, false, false, 6, &second);
    add_delta(sample, TROVE_BLOB, second, at, false, true, 7, NULL);
    add_delta(sample, TROVE_BLOB, base, 0, true, true, 8, NULL);
    at = add_delta(sample, TROVE_TREE, late, 0, true, false, 9, &third); /* waits for an id */
    add_delta(sample, TROVE_TREE, third, at, false, true, 10, NULL);     /* waits for that entry */
    add_delta(sample, TROVE_TREE, third, 0, true, true, 11, NULL);       /* waits for its id */
    add_plain(sample, TROVE_TREE, late, TEXT_BYTES);
    add_delta(sample, TROVE_BLOB, sample->outside, 0, true, true, 12, NULL);
    add_plain(sample, TROVE_BLOB, noise(3, 13), 3);
    pack_end(&sample->pack);
}

static void sample_free(struct sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        free(sample->objects[i].data);
    free(sample->outside);
    pack_free(&sample->pack);
}

static const struct trove_hash *hash_of(enum trove_algo algo)
{
    return algo == TROVE_SHA256 ? trove_hash_sha256() : trove_hash_sha1();
}

/* A target that has the base outside. */
static void start(struct pack_target *target, const struct sample *sample)
{
    assert_true(pack_target_init(target, hash_of(sample->pack.algo)));
    assert_int_equal(trove_put(target->cache, TROVE_BLOB, sample->outside, TEXT_BYTES, NULL, NULL),
                     0);
}

static size_t count_present(struct pack_target *target, const struct sample *sample)
{
    size_t count = 0;

    for (size_t i = 0; i < sample->count; i++)
        count += pack_target_has(target, sample->objects[i].type, sample->objects[i].data,
                                 sample->objects[i].size);
    return count;
}

/* Goal: whatever the pieces a pack arrives in, all of its objects come out, in both algorithms. */
static void pack__pieces_of_every_size(void **state)
{
    static const enum trove_algo algos[] = {TROVE_SHA1, TROVE_SHA256};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sample sample;

        sample_make(&sample, algos[i]);
        for (size_t piece = 1; piece < sample.pack.out.size; piece += piece < 50 ? 1 : 997) {
            struct pack_target target;
            struct pack_outcome outcome;

            start(&target, &sample);
            outcome = pack_read(&target, NULL, sample.pack.out.at, sample.pack.out.size, piece);
            assert_string_equal(outcome.err.message, "");
            assert_int_equal(outcome.status, 0);
            assert_int_equal(outcome.stats.objects, sample.count);
            assert_int_equal(count_present(&target, &sample), sample.count);
            assert_int_equal(target.wrong_ids, 0);
            pack_target_deinit(&target);
        }
        sample_free(&sample);
    }
}

/* Whether to cut at CUT: at every byte in a long run, else around the ends of entries and at every seventh. */
static bool cut_here(const struct sample *sample, size_t cut)
{
    size_t step = test_all_turns() ? 7 : 101, near = test_all_turns() ? 25 : 2;

    if (test_long() || cut % step == 0 || cut < near || sample->pack.out.size - cut < near)
        return true;
    for (size_t i = 0; i < sample->count; i++)
        if (cut + near > sample->ends[i] && cut < sample->ends[i] + near)
            return true;
    return false;
}

/* Goal: split in two at every byte, a pack gives the same objects, and what is complete in the first part is there
 * before the second comes. */
static void pack__split_at_every_byte(void **state)
{
    struct sample sample;
    struct trove__pack_limits limits;

    (void)state;
    sample_make(&sample, TROVE_SHA1);
    trove__pack_limits_init(&limits);
    for (size_t cut = 0; cut <= sample.pack.out.size; cut++) {
        struct trove__pack_reader *reader;
        struct trove__pack_target calls;
        struct pack_target target;

        if (!cut_here(&sample, cut))
            continue;
        start(&target, &sample);
        calls = pack_target_calls(&target);
        assert_int_equal(
            trove__pack_reader_create(target.hash, &limits, &calls, NULL, &reader, NULL), 0);
        assert_int_equal(trove__pack_reader_feed(reader, sample.pack.out.at, cut, NULL), 0);
        for (size_t i = 0; i < sample.count; i++)
            if (sample.ends[i] <= cut && (i < 7 || i > 9 || sample.ends[10] <= cut))
                assert_true(pack_target_has(&target, sample.objects[i].type, sample.objects[i].data,
                                            sample.objects[i].size));
        assert_int_equal(trove__pack_reader_feed(reader, sample.pack.out.at + cut,
                                                 sample.pack.out.size - cut, NULL),
                         0);
        assert_int_equal(trove__pack_reader_finish(reader, NULL, NULL), 0);
        trove__pack_reader_destroy(reader);
        assert_int_equal(count_present(&target, &sample), sample.count);
        pack_target_deinit(&target);
    }
    sample_free(&sample);
}

/* Goal: every prefix is "ends early", not an error of another kind, and its complete objects have been given. */
static void pack__every_prefix_is_incomplete(void **state)
{
    struct pack_target target;
    struct sample sample;

    (void)state;
    sample_make(&sample, TROVE_SHA1);
    start(&target, &sample);
    target.discard = true; /* the cache stays as it is, for all turns */
    for (size_t size = 0; size < sample.pack.out.size; size += test_all_turns() ? 1 : 17) {
        struct pack_outcome outcome;
        size_t complete = 0, gives = target.gives;

        outcome = pack_read(&target, NULL, sample.pack.out.at, size, SIZE_MAX);
        assert_int_equal(outcome.status, -EIO);
        assert_non_null(strstr(outcome.err.message, "ends early"));
        for (size_t i = 0; i < sample.count; i++)
            complete += sample.ends[i] <= size && (i < 7 || i > 9 || sample.ends[10] <= size);
        assert_int_equal(outcome.stats.objects, complete);
        assert_int_equal(target.gives - gives, complete);
        assert_int_equal(target.wrong_ids, 0);
    }
    pack_target_deinit(&target);
    sample_free(&sample);
}

/* Goal: a changed byte is never a success, never a wrong id. */
static void pack__every_byte_changed(void **state)
{
    struct pack_target target;
    struct sample sample;

    (void)state;
    sample_make(&sample, TROVE_SHA1);
    start(&target, &sample);
    target.discard = true;
    for (size_t i = 0; i < sample.pack.out.size; i += i < 100 || test_all_turns() ? 1 : 17) {
        static const uint8_t flips[] = {0x01, 0x80, 0xff};

        for (size_t j = 0; j < sizeof(flips); j++) {
            struct pack_outcome outcome;

            sample.pack.out.at[i] ^= flips[j];
            outcome = pack_read(&target, NULL, sample.pack.out.at, sample.pack.out.size, SIZE_MAX);
            sample.pack.out.at[i] ^= flips[j];
            if (i >= 8 || i < 4 ||
                flips[j] != 0x01) /* version 2 ^ 1 is 3, which is read the same */
                assert_true(outcome.status < 0);
            assert_int_equal(target.wrong_ids, 0);
        }
    }
    pack_target_deinit(&target);
    sample_free(&sample);
}

static void pack__empty_pack_is_success(void **state)
{
    struct pack_builder pack;
    struct pack_outcome outcome;

    (void)state;
    pack_begin(&pack, TROVE_SHA1);
    pack_end(&pack);
    outcome = pack_try(trove_hash_sha1(), NULL, &pack);
    assert_int_equal(outcome.status, 0);
    assert_int_equal(outcome.stats.objects, 0);
    assert_int_equal(outcome.stats.pack_bytes, 32);
    pack_free(&pack);
}

/* Goal: objects larger than any buffer inside, split or whole, bases for deltas as well. */
static void pack__large_objects(void **state)
{
    static const size_t pieces[] = {1000, 65515, SIZE_MAX};
    uint8_t *data[] = {noise(BIG_BYTES, 1), text(BIG_BYTES, 2)};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct pack_target target;
        struct pack_builder pack;
        struct bytes delta;
        uint8_t *result = malloc(2 * BIG_BYTES);
        size_t at;

        assert_non_null(result);
        memcpy(result, data[1] + 1, BIG_BYTES - 1);
        memcpy(result + BIG_BYTES - 1, data[1], BIG_BYTES);
        delta_begin(&delta, BIG_BYTES, 2 * BIG_BYTES - 1);
        for (size_t from = 1; from < BIG_BYTES; from += 65536)
            delta_copy(&delta, (uint32_t)from,
                       (uint32_t)(BIG_BYTES - from < 65536 ? BIG_BYTES - from : 65536));
        delta_copy(&delta, 0, BIG_BYTES);
        pack_begin(&pack, TROVE_SHA1);
        pack_add(&pack, TROVE_BLOB, data[0], BIG_BYTES);
        at = pack_add(&pack, TROVE_BLOB, data[1], BIG_BYTES);
        pack_add_ofs(&pack, at, &delta);
        pack_end(&pack);
        assert_true(pack_target_init(&target, trove_hash_sha1_detecting()));
        assert_int_equal(pack_read(&target, NULL, pack.out.at, pack.out.size, pieces[i]).status, 0);
        assert_true(pack_target_has(&target, TROVE_BLOB, data[0], BIG_BYTES));
        assert_true(pack_target_has(&target, TROVE_BLOB, data[1], BIG_BYTES));
        assert_true(pack_target_has(&target, TROVE_BLOB, result, 2 * BIG_BYTES - 1));
        pack_target_deinit(&target);
        pack_free(&pack);
        bytes_free(&delta);
        free(result);
    }
    free(data[0]);
    free(data[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack__pieces_of_every_size),
        cmocka_unit_test(pack__split_at_every_byte),
        cmocka_unit_test(pack__every_prefix_is_incomplete),
        cmocka_unit_test(pack__every_byte_changed),
        cmocka_unit_test(pack__empty_pack_is_success),
        cmocka_unit_test(pack__large_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
