// SPDX-License-Identifier: MIT
/*
 * test_pack_remake.c - bases that have left memory and are made again: it ends, it is counted, it can be cancelled, and
 * it does not need what has left the cache meanwhile.
 */
#include "pack_reading.h"
#include "support.h"
#include <errno.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

enum { FILLER_BYTES = 10000, FILLERS = 120, TEXT_BYTES = 5000 };

/* So many bytes that what came before has left a reader with 1 MiB. */
static void add_fillers(struct pack_builder *pack, uint32_t seed)
{
    uint8_t data[FILLER_BYTES];

    for (uint32_t i = 0; i < FILLERS; i++) {
        fill_noise(data, sizeof(data), seed * 1000 + i);
        pack_add(pack, TROVE_BLOB, data, sizeof(data));
    }
}

/* The delta that makes TO of a base of FROM_SIZE bytes without copying any. */
static struct bytes delta_to(size_t from_size, const uint8_t *to)
{
    struct bytes delta;

    delta_begin(&delta, from_size, TEXT_BYTES);
    delta_insert(&delta, to, TEXT_BYTES);
    return delta;
}

static struct bytes delta_of_one_byte(size_t base_size, uint8_t byte)
{
    struct bytes delta;

    delta_begin(&delta, base_size, 2);
    delta_copy(&delta, 0, 1);
    delta_insert(&delta, &byte, 1);
    return delta;
}

/* A reading with 1 MiB. */
struct reading {
    struct trove__pack_limits limits;
    struct pack_target target;
    struct pack_outcome outcome;
};

static void reading_limits(struct reading *reading, bool threads)
{
    memset(reading, 0, sizeof(*reading));
    reading->limits = pack_limits(threads);
    reading->limits.max_inflight_bytes = MIB;
}

static void reading_start(struct reading *reading, bool threads)
{
    reading_limits(reading, threads);
    pack_target_start_discarding(&reading->target);
}

/* All comes, and right. */
static void reading_whole(struct reading *reading, const struct pack_builder *pack)
{
    reading->outcome = pack_read_whole(&reading->target, &reading->limits, pack);
    pack_target_deinit(&reading->target);
}

/* It fails with CODE. */
static void reading_fails(struct reading *reading, const struct pack_builder *pack, int code)
{
    reading->outcome =
        pack_read(&reading->target, &reading->limits, pack->out.at, pack->out.size, 65515);
    assert_int_equal(reading->outcome.status, code);
    pack_target_deinit(&reading->target);
}

/* --- circles ------------------------------------------------------------------------------------------------------ */

/* Two deltas of each other's results, and the plain object that lets them be made: each id is there in two ways, and going
 * from base to base by the first of them would never end. */
static struct pack_builder twins(void)
{
    struct pack_builder pack;
    uint8_t a[TEXT_BYTES], b[TEXT_BYTES];
    struct trove_oid id_a, id_b;
    struct bytes delta;
    size_t at;

    fill_noise(a, sizeof(a), 1);
    fill_noise(b, sizeof(b), 2);
    id_a = oid_of(TROVE_SHA1, TROVE_BLOB, a, sizeof(a));
    id_b = oid_of(TROVE_SHA1, TROVE_BLOB, b, sizeof(b));
    pack_begin(&pack, TROVE_SHA1);
    delta = delta_to(sizeof(b), a);
    at = pack_add_ref(&pack, &id_b, &delta);
    bytes_free(&delta);
    delta = delta_to(sizeof(a), b);
    pack_add_ref(&pack, &id_a, &delta);
    bytes_free(&delta);
    pack_add(&pack, TROVE_BLOB, a, sizeof(a));
    for (uint32_t i = 0; i < 2000; i++) /* the map of ids is made again */
        pack_add(&pack, TROVE_BLOB, &i, sizeof(i));
    add_fillers(&pack, 3);
    delta = delta_of_one_byte(sizeof(a), 'x');
    pack_add_ofs(&pack, at, &delta);
    bytes_free(&delta);
    pack_end(&pack);
    return pack;
}

static void remake__twins_are_no_circle(void **state)
{
    struct pack_builder pack = twins();

    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct reading reading;

        reading_start(&reading, threads != 0);
        reading_whole(&reading, &pack);
        assert_true(reading.outcome.stats.reinflated > 0);
    }
    pack_free(&pack);
}

/* --- work --------------------------------------------------------------------------------------------------------- */

/* Large bases in turn, each needed for a delta that writes two bytes: 30 bytes of pack make the reader inflate 300,000. */
static struct pack_builder seesaw(uint32_t deltas)
{
    enum { BASES = 6, BASE_BYTES = 150000 };
    struct pack_builder pack;
    uint8_t *data = calloc(1, BASE_BYTES);
    size_t at[BASES];

    assert_non_null(data);
    pack_begin(&pack, TROVE_SHA1);
    for (uint32_t i = 0; i < BASES; i++) {
        data[0] = (uint8_t)i;
        at[i] = pack_add(&pack, TROVE_BLOB, data, BASE_BYTES);
    }
    for (uint32_t i = 0; i < deltas; i++) {
        struct bytes delta = delta_of_one_byte(BASE_BYTES, (uint8_t)(i / BASES));

        pack_add_ofs(&pack, at[i % BASES], &delta);
        bytes_free(&delta);
    }
    pack_end(&pack);
    free(data);
    return pack;
}

/* Goal: inflating bases again is work that counts against the limit for deltas, even though the deltas write little. */
static void remake__is_counted(void **state)
{
    struct pack_builder pack = seesaw(1000);

    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct reading reading;

        reading_start(&reading, threads != 0);
        reading.limits.max_delta_output_bytes = 10 * MIB;
        reading_fails(&reading, &pack, -EFBIG);
        assert_non_null(strstr(reading.outcome.err.message, "deltas of the pack"));
        assert_true(reading.outcome.stats.reinflated <= 10 * MIB / 150000 + 1);
    }
    pack_free(&pack);
}

/* --- cancelling --------------------------------------------------------------------------------------------------- */

/* COUNT deltas, all waiting for a base that comes last. */
static struct pack_builder late_base(uint32_t count)
{
    struct pack_builder pack;
    uint8_t base[TEXT_BYTES];
    struct trove_oid id;

    fill_noise(base, sizeof(base), 1);
    id = oid_of(TROVE_SHA1, TROVE_BLOB, base, sizeof(base));
    pack_begin(&pack, TROVE_SHA1);
    for (uint32_t i = 0; i < count; i++) {
        struct bytes delta;

        delta_begin(&delta, sizeof(base), sizeof(base) + sizeof(i));
        delta_insert(&delta, &i, sizeof(i));
        delta_copy(&delta, 0, sizeof(base));
        pack_add_ref(&pack, &id, &delta);
        bytes_free(&delta);
    }
    pack_add(&pack, TROVE_BLOB, base, sizeof(base));
    pack_end(&pack);
    return pack;
}

/* Goal: cancelling is noticed between two deltas, not only between two entries of the pack: a hundred kilobytes of deltas
 * can be gigabytes of work. */
static void remake__cancelled_between_deltas(void **state)
{
    enum { DELTAS = 3000, AT = 100, LATER = 700 };
    struct pack_builder pack = late_base(DELTAS);

    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct reading reading;

        reading_start(&reading, threads != 0);
        assert_int_equal(trove_cancel_create(&reading.target.until.cancel), 0);
        reading.target.cancel_at_give = AT;
        reading_fails(&reading, &pack, -ECANCELED);
        assert_true(reading.target.gives < AT + LATER); /* what was under way is given */
        trove_cancel_unref(reading.target.until.cancel);
    }
    pack_free(&pack);
}

/* Goal: the same in the middle of one large object, and for a deadline. */
static void remake__ended_within_an_object(void **state)
{
    enum { BYTES = 3000000, PIECE = 4000 };
    uint8_t *data = malloc(BYTES);
    struct pack_builder pack;

    (void)state;
    assert_non_null(data);
    fill_noise(data, BYTES, 1);
    pack_begin(&pack, TROVE_SHA1);
    pack_add(&pack, TROVE_BLOB, data, BYTES);
    pack_end(&pack);
    for (int way = 0; way < 2; way++) {
        struct trove__pack_limits limits;
        struct trove__pack_target calls;
        struct trove__pack_reader *reader;
        struct pack_target target;
        struct trove_error err = {.message = ""};
        size_t at = 0;
        int r = 0;

        trove__pack_limits_init(&limits);
        limits.thread_bytes = UINT64_MAX;
        pack_target_start_discarding(&target);
        assert_int_equal(trove_cancel_create(&target.until.cancel), 0);
        target.until.deadline_ns = way == 0 ? TROVE_NO_DEADLINE : trove_now_ns() + 1000000;
        calls = pack_target_calls(&target);
        assert_int_equal(
            trove__pack_reader_create(target.hash, &limits, &calls, &target.until, &reader, NULL),
            0);
        for (; r == 0 && at + PIECE < BYTES / 2; at += PIECE) {
            if (way == 0 && at > 100000)
                trove_cancel(target.until.cancel);
            while (way == 1 && at > 100000 && trove_now_ns() <= target.until.deadline_ns)
                ;
            r = trove__pack_reader_feed(reader, pack.out.at + at, PIECE, &err);
        }
        assert_int_equal(r, way == 0 ? -ECANCELED : -ETIMEDOUT);
        assert_string_not_equal(err.message, "");
        trove__pack_reader_destroy(reader);
        trove_cancel_unref(target.until.cancel);
        pack_target_deinit(&target);
    }
    pack_free(&pack);
    free(data);
}

/* --- thin packs --------------------------------------------------------------------------------------------------- */

/* The base that a thin pack leaves out. */
static const uint8_t *outside(void)
{
    static uint8_t data[TEXT_BYTES];

    fill_noise(data, sizeof(data), 5);
    return data;
}

static void put_outside(struct pack_target *target)
{
    assert_int_equal(trove_put(target->cache, TROVE_BLOB, outside(), TEXT_BYTES, NULL, NULL), 0);
}

/* A delta of outside(), then a delta of that one and one of that, after so much that it has left memory. */
static struct pack_builder thin(void)
{
    struct pack_builder pack;
    uint8_t made[TEXT_BYTES];
    struct trove_oid id = oid_of(TROVE_SHA1, TROVE_BLOB, outside(), TEXT_BYTES);
    struct bytes delta;
    size_t at;

    fill_noise(made, sizeof(made), 7);
    pack_begin(&pack, TROVE_SHA1);
    delta = delta_to(TEXT_BYTES, made);
    at = pack_add_ref(&pack, &id, &delta);
    bytes_free(&delta);
    for (uint32_t turn = 0; turn < 3; turn++) {
        add_fillers(&pack, 10 + turn);
        delta = delta_of_one_byte(TEXT_BYTES, (uint8_t)turn);
        pack_add_ofs(&pack, at, &delta);
        bytes_free(&delta);
    }
    pack_end(&pack);
    return pack;
}

/* Goal: once its base was there, what a thin pack's delta makes can be made again, although that base has left the cache. */
static void remake__thin_base_is_gone(void **state)
{
    struct pack_builder pack = thin();

    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct reading reading;

        reading_start(&reading, threads != 0);
        put_outside(&reading.target);
        reading.target.found_most = 1;
        reading_whole(&reading, &pack);
        assert_true(reading.outcome.stats.peak_bytes <= reading.limits.max_inflight_bytes);
    }
    pack_free(&pack);
}

/* --- full caches -------------------------------------------------------------------------------------------------- */

/* Goal: a cache that takes nothing more, or that throws out what a later delta needs, changes nothing for the pack. */
static void remake__with_a_full_cache(void **state)
{
    struct pack_builder pack = thin();

    (void)state;
    for (int way = 0; way < 4; way++) {
        struct reading reading;

        reading_limits(&reading, way % 2 != 0);
        assert_true((way < 2 ? pack_target_init_refusing : pack_target_init_evicting)(
            &reading.target, trove_hash_sha1(), 2 * MIB));
        put_outside(&reading.target);
        reading_whole(&reading, &pack);
    }
    pack_free(&pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remake__twins_are_no_circle),
        cmocka_unit_test(remake__is_counted),
        cmocka_unit_test(remake__cancelled_between_deltas),
        cmocka_unit_test(remake__ended_within_an_object),
        cmocka_unit_test(remake__thin_base_is_gone),
        cmocka_unit_test(remake__with_a_full_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
