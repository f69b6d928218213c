// SPDX-License-Identifier: MIT
/*
 * test_pack_hostile.c - packs made to harm: each fails with its own code and message, early, without having allocated what
 * it claimed.
 */
#include "pack_reading.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define MIB ((uint64_t)1 << 20)

static struct trove__pack_limits limits_with(void (*change)(struct trove__pack_limits *))
{
    struct trove__pack_limits limits;

    trove__pack_limits_init(&limits);
    if (change != NULL)
        change(&limits);
    return limits;
}

/* Reads PACK, whole and a byte at a time, with threads and without; each must fail with CODE and a message that holds
 * WHY. Frees PACK. Returns the largest draft asked for. */
static uint64_t expect_failure(struct pack_builder *pack, const struct trove__pack_limits *limits,
                               int code, const char *why)
{
    uint64_t largest = 0;

    for (int way = 0; way < 3; way++) {
        struct trove__pack_limits changed = *limits;
        struct pack_target target;
        struct pack_outcome outcome;

        changed.thread_bytes = way == 2 ? 0 : UINT64_MAX;
        assert_true(pack_target_init(&target, trove_hash_sha1()));
        outcome = pack_read(&target, &changed, pack->out.at, pack->out.size,
                            way == 0 && pack->out.size < 100000 ? 1 : 5000);
        if (strstr(outcome.err.message, why) == NULL || outcome.status != code)
            fail_msg("wanted %d \"%s\", got %d \"%s\"", code, why, outcome.status,
                     outcome.err.message);
        assert_int_equal(outcome.err.code, code);
        assert_int_equal(target.wrong_ids, 0);
        largest = target.alloc_max > largest ? target.alloc_max : largest;
        pack_target_deinit(&target);
    }
    pack_free(pack);
    return largest;
}

static void expect(struct pack_builder *pack, int code, const char *why)
{
    struct trove__pack_limits limits = limits_with(NULL);

    expect_failure(pack, &limits, code, why);
}

static struct pack_builder begin(void)
{
    struct pack_builder pack;

    pack_begin(&pack, TROVE_SHA1);
    return pack;
}

/* --- headers ------------------------------------------------------------------------------------------------------ */

static void hostile__pack_header(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        int code;
        const char *why;
    } cases[] = {
        {0, 'p', -EPROTO, "does not begin with PACK"},
        {3, 'X', -EPROTO, "does not begin with PACK"},
        {7, 1, -EPROTO, "version is neither 2 nor 3"},
        {7, 4, -EPROTO, "version is neither 2 nor 3"},
        {4, 1, -EPROTO, "version is neither 2 nor 3"},
        {8, 0xff, -EFBIG, "claims 4278190081 objects"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pack_builder pack = begin();

        pack_add(&pack, TROVE_BLOB, "x", 1);
        pack_end(&pack);
        pack.out.at[cases[i].at] = cases[i].byte;
        expect(&pack, cases[i].code, cases[i].why);
    }
}

/* Goal: a claimed count costs nothing: 99,999,999 objects are within the limit, and one comes. */
static void hostile__count_is_not_allocated(void **state)
{
    struct pack_builder pack = begin();
    struct pack_outcome outcome;

    (void)state;
    pack_add(&pack, TROVE_BLOB, "x", 1);
    pack_end_claiming(&pack, 99999999);
    outcome = pack_try(trove_hash_sha1(), NULL, &pack);
    assert_true(outcome.stats.peak_bytes < MIB);
    /* What stands behind the only entry, the trailer, is read as an entry: wrong in one way or another. */
    assert_true(outcome.status < 0);
    pack_free(&pack);
}

static void hostile__fewer_objects_than_there_are(void **state)
{
    struct pack_builder pack = begin();

    (void)state;
    pack_add(&pack, TROVE_BLOB, "x", 1);
    pack_add(&pack, TROVE_BLOB, "y", 1);
    pack_end_claiming(&pack, 1);
    expect(&pack, -EPROTO, "garbage behind the end");
    pack = begin();
    pack_add(&pack, TROVE_BLOB, "x", 1);
    pack_end_claiming(&pack, 0);
    expect(&pack, -EPROTO, "garbage behind the end");
}

static void hostile__trailer(void **state)
{
    struct pack_builder pack = begin();

    (void)state;
    pack_add(&pack, TROVE_BLOB, "x", 1);
    pack_end(&pack);
    pack.out.at[pack.out.size - 1] ^= 1;
    expect(&pack, -EBADMSG, "checksum");
    pack = begin();
    pack_end(&pack);
    pack.out.at[15] ^= 1;
    expect(&pack, -EBADMSG, "checksum");
    pack = begin();
    pack_add(&pack, TROVE_BLOB, "x", 1);
    pack_end(&pack);
    bytes_add_byte(&pack.out, 0);
    expect(&pack, -EPROTO, "1 bytes of garbage behind the end");
}

static void hostile__entry_types(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind <= 5; kind += 5) {
        struct pack_builder pack = begin();

        pack_add_header(&pack, kind, 1);
        pack_add_stream(&pack, "x", 1);
        pack_end(&pack);
        expect(&pack, -EPROTO, "type is unknown");
    }
}

static void hostile__size_overflows(void **state)
{
    struct pack_builder pack = begin();

    (void)state;
    bytes_add_byte(&pack.out, 0xbf);
    for (int i = 0; i < 8; i++)
        bytes_add_byte(&pack.out, 0xff);
    bytes_add_byte(&pack.out, 0x1f); /* a 65th bit */
    pack.count++;
    pack_end(&pack);
    expect(&pack, -EPROTO, "size overflows");
    pack = begin();
    bytes_add_byte(&pack.out, 0xb0);
    for (int i = 0; i < 40; i++)
        bytes_add_byte(&pack.out, 0x80); /* zeros without end */
    pack.count++;
    pack_end(&pack);
    expect(&pack, -EPROTO, "size overflows");
}

/* --- sizes that lie ----------------------------------------------------------------------------------------------- */

static void hostile__longer_and_shorter_than_claimed(void **state)
{
    static const uint64_t claims[] = {0, 1, 4999, 5001, 6000, 300000};

    (void)state;
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        struct pack_builder pack = begin();
        char data[5000] = {0};

        pack_add_header(&pack, TROVE_BLOB, claims[i]);
        pack_add_stream(&pack, data, sizeof(data));
        pack_end(&pack);
        expect(&pack, -EPROTO,
               claims[i] < sizeof(data) ? "more bytes than its header claims"
                                        : "fewer bytes than its header claims");
    }
}

/* Goal: a claim of 1 GiB is within the limits here, but what little comes must not make the reader ask for it. */
static void raise_memory(struct trove__pack_limits *limits)
{
    limits->max_inflight_bytes = 4096 * MIB;
}

static void hostile__claimed_size_is_not_allocated(void **state)
{
    struct trove__pack_limits limits = limits_with(raise_memory);
    struct pack_builder pack = begin();
    char data[100000] = {0};

    (void)state;
    pack_add_header(&pack, TROVE_BLOB, 1024 * MIB);
    pack_add_stream(&pack, data, sizeof(data));
    pack_end(&pack);
    assert_true(expect_failure(&pack, &limits, -EPROTO, "fewer bytes") < MIB);
    pack = begin();
    pack_add_header(&pack, TROVE_BLOB, 1024 * MIB); /* and nothing comes */
    assert_true(expect_failure(&pack, &limits, -EIO, "ends early") < MIB);
}

static void hostile__object_limit(void **state)
{
    struct trove__pack_limits limits = limits_with(NULL);
    struct pack_builder pack = begin();

    (void)state;
    pack_add_header(&pack, TROVE_BLOB, (uint64_t)1 << 40);
    pack_add_stream(&pack, "x", 1);
    pack_end(&pack);
    assert_int_equal(expect_failure(&pack, &limits, -EFBIG, "the limit for an object"), 0);
    limits.max_object_bytes = UINT64_MAX;
    pack = begin();
    pack_add_header(&pack, TROVE_BLOB, UINT64_MAX);
    pack_end(&pack);
    expect_failure(&pack, &limits, -EINVAL, "limits for packs make no sense");
}

/* Deflates SIZE zeros without making them. */
static void add_zeros(struct pack_builder *pack, uint64_t size)
{
    static char zeros[1 << 16];
    static unsigned char out[1 << 16];
    z_stream stream = {0};
    int r = Z_OK;

    if (deflateInit(&stream, 9) != Z_OK)
        abort();
    while (r != Z_STREAM_END) {
        stream.next_in = (unsigned char *)zeros;
        stream.avail_in = (unsigned)(size < sizeof(zeros) ? size : sizeof(zeros));
        size -= stream.avail_in;
        do {
            stream.next_out = out;
            stream.avail_out = sizeof(out);
            r = deflate(&stream, size == 0 ? Z_FINISH : Z_NO_FLUSH);
            bytes_add(&pack->out, out, sizeof(out) - stream.avail_out);
        } while (stream.avail_out == 0);
    }
    deflateEnd(&stream);
}

/* A bomb that tells the truth, and one that lies. */
static void hostile__bombs(void **state)
{
    struct trove__pack_limits limits = limits_with(raise_memory);
    struct pack_builder pack = begin();

    (void)state;
    pack_add_header(&pack, TROVE_BLOB, 100 * MIB);
    add_zeros(&pack, 100 * MIB);
    pack_end(&pack);
    assert_true(expect_failure(&pack, &limits, -EFBIG, "inflates to more than 200 times") < MIB);
    pack = begin();
    pack_add_header(&pack, TROVE_BLOB, 1);
    add_zeros(&pack, 100 * MIB);
    pack_end(&pack);
    assert_true(expect_failure(&pack, &limits, -EPROTO, "more bytes than its header") < MIB);
}

/* Zeros that many repositories hold are no bomb. */
static void hostile__small_files_of_zeros_are_fine(void **state)
{
    struct pack_builder pack = begin();
    struct pack_outcome outcome;

    (void)state;
    pack_add_header(&pack, TROVE_BLOB, 10 * MIB);
    add_zeros(&pack, 10 * MIB);
    pack_add(&pack, TROVE_BLOB, "x", 1);
    pack_end(&pack);
    outcome = pack_try(trove_hash_sha1(), NULL, &pack);
    assert_string_equal(outcome.err.message, "");
    assert_int_equal(outcome.stats.objects, 2);
    pack_free(&pack);
}

static void hostile__does_not_fit_in_flight(void **state)
{
    struct trove__pack_limits limits = limits_with(NULL);
    struct pack_builder pack = begin();
    uint8_t *noise = malloc(3 * MIB);

    (void)state;
    assert_non_null(noise);
    fill_noise(noise, 3 * MIB, 1);
    limits.max_inflight_bytes = 2 * MIB;
    pack_add(&pack, TROVE_BLOB, noise, 3 * MIB);
    pack_end(&pack);
    free(noise);
    expect_failure(&pack, &limits, -EFBIG, "do not fit into the memory");
}

/* Goal: what can never fit fails when it is announced, before its bytes come. */
static void hostile__does_not_fit_is_known_at_once(void **state)
{
    struct trove__pack_limits limits = limits_with(NULL);
    struct pack_builder pack = begin();

    (void)state;
    pack_add_header(&pack, TROVE_BLOB, 64 * MIB);
    pack_end(&pack);
    assert_int_equal(expect_failure(&pack, &limits, -EFBIG, "do not fit into the memory"), 0);
    pack = begin();
    pack_add_header(&pack, 7, 64 * MIB);
    bytes_add(&pack.out, "an id of twenty byte", 20);
    pack_end(&pack);
    expect_failure(&pack, &limits, -EFBIG, "do not fit into the memory");
}

/* --- zlib --------------------------------------------------------------------------------------------------------- */

static void hostile__preset_dictionary(void **state)
{
    struct pack_builder pack = begin();
    z_stream stream = {0};
    unsigned char out[100];

    (void)state;
    assert_int_equal(deflateInit(&stream, 6), Z_OK);
    assert_int_equal(deflateSetDictionary(&stream, (const unsigned char *)"dictionary", 10), Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t) "dictionary";
    stream.avail_in = 10;
    stream.next_out = out;
    stream.avail_out = sizeof(out);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    pack_add_header(&pack, TROVE_BLOB, 10);
    bytes_add(&pack.out, out, sizeof(out) - stream.avail_out);
    deflateEnd(&stream);
    pack_end(&pack);
    expect(&pack, -EPROTO, "preset dictionary");
}

static void hostile__malformed_stream(void **state)
{
    struct pack_builder pack = begin();

    (void)state;
    pack_add_header(&pack, TROVE_BLOB, 10);
    bytes_add(&pack.out, "this is not deflated at all", 27);
    pack_end(&pack);
    expect(&pack, -EPROTO, "zlib stream is malformed");
}

/* --- deltas ------------------------------------------------------------------------------------------------------- */

static const char base_text[] = "a base of some bytes for deltas";
enum { BASE_BYTES = sizeof(base_text) - 1 };

/* A pack of a base and one OFS_DELTA. */
static struct pack_builder with_delta(const struct bytes *delta)
{
    struct pack_builder pack = begin();
    size_t at = pack_add(&pack, TROVE_BLOB, base_text, BASE_BYTES);

    pack_add_ofs(&pack, at, delta);
    pack_end(&pack);
    return pack;
}

static void expect_delta(struct bytes *delta, const char *why)
{
    struct pack_builder pack = with_delta(delta);

    expect(&pack, -EPROTO, why);
    bytes_free(delta);
}

static void hostile__delta_operations(void **state)
{
    struct bytes delta;

    (void)state;
    delta_begin(&delta, BASE_BYTES, 5);
    delta_copy(&delta, BASE_BYTES - 4, 5);
    expect_delta(&delta, "copies past the end");
    delta_begin(&delta, BASE_BYTES, 5);
    delta_copy(&delta, 0xfffffff0, 5);
    expect_delta(&delta, "copies past the end");
    delta_begin(&delta, BASE_BYTES, 0x10000);
    delta_copy(&delta, 0, 0x10000);
    expect_delta(&delta, "copies past the end");
    delta_begin(&delta, BASE_BYTES, 4);
    delta_copy(&delta, 0, 5);
    expect_delta(&delta, "writes more bytes");
    delta_begin(&delta, BASE_BYTES, 6);
    delta_copy(&delta, 0, 5);
    expect_delta(&delta, "writes fewer bytes");
    delta_begin(&delta, BASE_BYTES - 1, 5);
    delta_copy(&delta, 0, 5);
    expect_delta(&delta, "base of another size");
    delta_begin(&delta, BASE_BYTES, 5);
    bytes_add_byte(&delta, 0);
    expect_delta(&delta, "reserved or cut short");
    delta_begin(&delta, BASE_BYTES, 5);
    bytes_add(&delta,
              "\x05"
              "abcd",
              5);
    expect_delta(&delta, "reserved or cut short");
    delta_begin(&delta, BASE_BYTES, 5);
    bytes_add(&delta, "\xff\x01\x02\x03", 4);
    expect_delta(&delta, "reserved or cut short");
}

static void hostile__delta_sizes(void **state)
{
    struct bytes delta;

    (void)state;
    delta_begin(&delta, BASE_BYTES, UINT64_MAX); /* sums that wrap */
    delta_copy(&delta, 0, 5);
    expect_delta(&delta, "writes fewer bytes");
    delta = (struct bytes){0};
    for (int i = 0; i < 12; i++)
        bytes_add_byte(&delta, 0xff);
    expect_delta(&delta, "overflows");
    delta = (struct bytes){0};
    bytes_add_byte(&delta, BASE_BYTES);
    expect_delta(&delta, "cut short");
    delta = (struct bytes){0};
    expect_delta(&delta, "cut short");
    delta = (struct bytes){0};
    bytes_add_byte(&delta, BASE_BYTES);
    bytes_add_byte(&delta, 0x85);
    expect_delta(&delta, "cut short");
}

static void hostile__base_offsets(void **state)
{
    static const struct {
        uint64_t distance;
        const char *why;
    } cases[] = {{0, "delta of itself"},
                 {1, "no entry begins where its base should be"},
                 {1 << 20, "before the start of the pack"},
                 {(uint64_t)1 << 62, "before the start of the pack"}};
    struct bytes delta;

    (void)state;
    delta_begin(&delta, BASE_BYTES, 5);
    delta_copy(&delta, 0, 5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pack_builder pack = begin();

        pack_add(&pack, TROVE_BLOB, base_text, BASE_BYTES);
        pack_add_header(&pack, 6, delta.size);
        pack_add_distance(&pack, cases[i].distance);
        pack_add_stream(&pack, delta.at, delta.size);
        pack_end(&pack);
        expect(&pack, -EPROTO, cases[i].why);
    }
    for (size_t back = 0; back < 2; back++) { /* the header of the pack is no base either */
        struct pack_builder pack = begin();

        pack_add_header(&pack, 6, delta.size);
        pack_add_distance(&pack, back == 0 ? 12 : 4);
        pack_add_stream(&pack, delta.at, delta.size);
        pack_end(&pack);
        expect(&pack, -EPROTO, "before the start of the pack");
    }
    bytes_free(&delta);
}

static void hostile__base_offset_overflows(void **state)
{
    struct pack_builder pack = begin();

    (void)state;
    pack_add_header(&pack, 6, 5);
    for (int i = 0; i < 12; i++)
        bytes_add_byte(&pack.out, 0xff);
    pack_end(&pack);
    expect(&pack, -EPROTO, "offset of its base overflows");
}

/* A delta of any three bytes that makes TEXT, three bytes too. */
static struct bytes delta_to(const char *text)
{
    struct bytes delta;

    delta_begin(&delta, 3, 3);
    delta_insert(&delta, text, 3);
    return delta;
}

/* Deltas of any three bytes, each other's for example, and the ids of what they make. */
static struct pair {
    struct trove_oid one, two;
    struct bytes to_one, to_two;
} make_pair(void)
{
    return (struct pair){
        .one = oid_of(TROVE_SHA1, TROVE_BLOB, "one", 3),
        .two = oid_of(TROVE_SHA1, TROVE_BLOB, "two", 3),
        .to_one = delta_to("one"),
        .to_two = delta_to("two"),
    };
}

static void pair_free(struct pair *pair)
{
    bytes_free(&pair->to_one);
    bytes_free(&pair->to_two);
}

static void hostile__missing_bases_and_circles(void **state)
{
    struct pair pair = make_pair();
    struct pack_builder pack = begin();

    (void)state;
    pack_add_ref(&pack, &pair.two, &pair.to_one);
    pack_end(&pack);
    expect(&pack, -EPROTO, "which neither the pack nor the cache has");
    pack = begin();
    pack_add_ref(&pack, &pair.one, &pair.to_one); /* of itself */
    pack_end(&pack);
    expect(&pack, -EPROTO, "1 deltas of the pack have no base");
    pack = begin();
    pack_add_ref(&pack, &pair.two, &pair.to_one); /* of each other, and one that hangs on them */
    pack_add_ofs(&pack, 12, &pair.to_two);
    pack_add_ref(&pack, &pair.one, &pair.to_two);
    pack_end(&pack);
    expect(&pack, -EPROTO, "3 deltas of the pack have no base");
    pair_free(&pair);
}

/* Goal: what looks like a circle and is none comes out: the object whose id two deltas of each other make is there too. */
static void hostile__chain_that_looks_like_a_circle(void **state)
{
    struct pair pair = make_pair();
    struct pack_builder pack = begin();

    (void)state;
    pack_add_ref(&pack, &pair.two, &pair.to_one);
    pack_add_ref(&pack, &pair.one, &pair.to_two);
    pack_add(&pack, TROVE_BLOB, "one", 3);
    pack_end(&pack);
    assert_int_equal(pack_try(trove_hash_sha1(), NULL, &pack).status, 0);
    pack_free(&pack);
    pair_free(&pair);
}

static void hostile__delta_limits(void **state)
{
    struct trove__pack_limits limits = limits_with(NULL);
    struct bytes delta;
    struct pack_builder pack;
    uint8_t base[1000] = {1};
    size_t at;

    (void)state;
    delta_begin(&delta, sizeof(base), 60000);
    for (int i = 0; i < 60; i++)
        delta_copy(&delta, 0, sizeof(base));
    limits.max_object_bytes = 59999;
    pack = begin();
    at = pack_add(&pack, TROVE_BLOB, base, sizeof(base));
    pack_add_ofs(&pack, at, &delta);
    pack_end(&pack);
    assert_true(expect_failure(&pack, &limits, -EFBIG, "its delta makes 60000 bytes") < 60000);
    limits = limits_with(NULL);
    limits.max_delta_output_bytes = 150000;
    pack = begin();
    at = pack_add(&pack, TROVE_BLOB, base, sizeof(base));
    for (int i = 0; i < 3; i++)
        pack_add_ofs(&pack, at, &delta);
    pack_end(&pack);
    expect_failure(&pack, &limits, -EFBIG, "deltas of the pack write more than 150000 bytes");
    bytes_free(&delta);
}

/* A chain of COUNT deltas, each of the one before it, or all REF_DELTAs and in the opposite order. */
static struct pack_builder chain_of(uint32_t count, bool backwards)
{
    struct pack_builder pack = begin();
    char text[16], next[16];
    struct bytes delta;
    size_t at = 0;

    snprintf(text, sizeof(text), "%08u", 0u);
    if (!backwards)
        at = pack_add(&pack, TROVE_BLOB, text, 8);
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t k = backwards ? count + 1 - i : i;
        struct trove_oid base;

        snprintf(next, sizeof(next), "%08u", k);
        delta_begin(&delta, 8, 8);
        delta_insert(&delta, next, 8);
        snprintf(text, sizeof(text), "%08u", k - 1);
        base = oid_of(TROVE_SHA1, TROVE_BLOB, text, 8);
        at = backwards ? pack_add_ref(&pack, &base, &delta) : pack_add_ofs(&pack, at, &delta);
        bytes_free(&delta);
    }
    if (backwards)
        pack_add(&pack, TROVE_BLOB, "00000000", 8);
    pack_end(&pack);
    return pack;
}

/* Goal: chains of 50,000, base first or base last, on a thread with a small stack's worth of recursion to spare. */
static void hostile__chains_of_50000(void **state)
{
    const uint32_t count = test_all_turns() ? 50000 : 3000;

    (void)state;
    for (int backwards = 0; backwards < 2; backwards++) {
        struct pack_builder pack = chain_of(count, backwards != 0);
        struct pack_outcome outcome = pack_try(trove_hash_sha1(), NULL, &pack);

        assert_string_equal(outcome.err.message, "");
        assert_int_equal(outcome.stats.objects, count + 1);
        assert_int_equal(outcome.stats.deltas, count);
        pack_free(&pack);
    }
}

static void hostile__depth_limit(void **state)
{
    struct trove__pack_limits limits = limits_with(NULL);
    struct pack_builder pack = chain_of(20, false);
    struct pack_target target;

    (void)state;
    limits.max_delta_depth = 20;
    assert_true(pack_target_init(&target, trove_hash_sha1()));
    assert_int_equal(pack_read(&target, &limits, pack.out.at, pack.out.size, SIZE_MAX).status, 0);
    pack_target_deinit(&target);
    limits.max_delta_depth = 19;
    expect_failure(&pack, &limits, -EFBIG, "chain of deltas is longer than 19");
    pack = chain_of(20, true);
    expect_failure(&pack, &limits, -EFBIG, "chain of deltas is longer than 19");
}

static void hostile__pack_limit(void **state)
{
    struct trove__pack_limits limits = limits_with(NULL);
    struct pack_builder pack = chain_of(100, false);

    (void)state;
    limits.max_pack_bytes = pack.out.size - 1;
    expect_failure(&pack, &limits, -EFBIG, "the pack is larger than");
    pack = chain_of(100, false);
    limits.max_pack_bytes = pack.out.size;
    limits.max_objects = 100;
    expect_failure(&pack, &limits, -EFBIG, "claims 101 objects, the limit is 100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile__pack_header),
        cmocka_unit_test(hostile__count_is_not_allocated),
        cmocka_unit_test(hostile__fewer_objects_than_there_are),
        cmocka_unit_test(hostile__trailer),
        cmocka_unit_test(hostile__entry_types),
        cmocka_unit_test(hostile__size_overflows),
        cmocka_unit_test(hostile__longer_and_shorter_than_claimed),
        cmocka_unit_test(hostile__claimed_size_is_not_allocated),
        cmocka_unit_test(hostile__object_limit),
        cmocka_unit_test(hostile__bombs),
        cmocka_unit_test(hostile__small_files_of_zeros_are_fine),
        cmocka_unit_test(hostile__does_not_fit_in_flight),
        cmocka_unit_test(hostile__does_not_fit_is_known_at_once),
        cmocka_unit_test(hostile__preset_dictionary),
        cmocka_unit_test(hostile__malformed_stream),
        cmocka_unit_test(hostile__delta_operations),
        cmocka_unit_test(hostile__delta_sizes),
        cmocka_unit_test(hostile__base_offsets),
        cmocka_unit_test(hostile__base_offset_overflows),
        cmocka_unit_test(hostile__missing_bases_and_circles),
        cmocka_unit_test(hostile__chain_that_looks_like_a_circle),
        cmocka_unit_test(hostile__delta_limits),
        cmocka_unit_test(hostile__chains_of_50000),
        cmocka_unit_test(hostile__depth_limit),
        cmocka_unit_test(hostile__pack_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
