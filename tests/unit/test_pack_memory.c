// SPDX-License-Identifier: MIT
/*
 * test_pack_memory.c - the pack reader when memory, disk or its target give out, and its bound on memory.
 */
#include "pack_reading.h"
#include "support.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <trove/allocator.h>

#define MIB ((uint64_t)1 << 20)

/* --- an allocator that counts, and fails on demand ---------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    uint64_t bytes, peak, blocks;
    size_t fail_in; /* 0: never */
    bool failed;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *counting_alloc(void *context, size_t size, size_t align)
{
    bool fail;

    (void)context;
    pthread_mutex_lock(&memory.lock);
    fail = memory.fail_in > 0 && --memory.fail_in == 0;
    memory.failed |= fail;
    if (!fail) {
        memory.blocks++;
        memory.bytes += size;
        if (memory.bytes > memory.peak)
            memory.peak = memory.bytes;
    }
    pthread_mutex_unlock(&memory.lock);
    return fail ? NULL : aligned_alloc(align, (size + align - 1) / align * align);
}

static void counting_free(void *context, void *block, size_t size, size_t align)
{
    (void)context;
    (void)align;
    pthread_mutex_lock(&memory.lock);
    memory.blocks--;
    memory.bytes -= size;
    pthread_mutex_unlock(&memory.lock);
    free(block);
}

static size_t counting_usable(void *context, size_t size, size_t align)
{
    (void)context;
    return (size + align - 1) / align * align;
}

static int install(void **state)
{
    static const struct trove_allocator allocator = {
        .alloc = counting_alloc, .free = counting_free, .usable = counting_usable};

    (void)state;
    return trove_set_allocator(&allocator);
}

/* --- packs -------------------------------------------------------------------------------------------------------- */

enum { BLOB_BYTES = 100000, BLOBS = 80, GROUP = 8 };

/* 80 blobs of noise, 8 MB; then deltas that go back to all of them, again and again, so that with little memory each base
 * is made anew; the first ones also have deltas of deltas. */
static struct pack_builder large_pack(void)
{
    struct pack_builder pack;
    uint8_t *data = malloc(BLOB_BYTES);
    size_t at[BLOBS];

    assert_non_null(data);
    pack_begin(&pack, TROVE_SHA1);
    for (uint32_t i = 0; i < BLOBS; i++) {
        fill_noise(data, BLOB_BYTES, i);
        at[i] = pack_add(&pack, TROVE_BLOB, data, BLOB_BYTES);
    }
    for (uint32_t round = 1; round <= 3; round++)
        for (uint32_t i = 0; i < BLOBS; i++) {
            struct bytes delta;
            char mark[2] = {(char)round, (char)i};

            delta_begin(&delta, BLOB_BYTES, BLOB_BYTES);
            delta_insert(&delta, mark, 2);
            delta_copy(&delta, 2, 65000);
            delta_copy(&delta, 65002, BLOB_BYTES - 65002);
            if (i < GROUP)
                at[i] = pack_add_ofs(&pack, at[i], &delta);
            else
                pack_add_ofs(&pack, at[i], &delta);
            bytes_free(&delta);
        }
    pack_end(&pack);
    free(data);
    return pack;
}

/* Reads PACK; by every allocation and by the reader's own account it stays within its limit. */
static struct pack_outcome read_bounded(const struct pack_builder *pack,
                                        const struct trove__pack_limits *limits)
{
    struct pack_target target;
    struct pack_outcome outcome;
    uint64_t before;

    pack_target_start_discarding(&target);
    before = memory.bytes;
    memory.peak = before;
    outcome = pack_read(&target, limits, pack->out.at, pack->out.size, 65515);
    print_message("bound %llu: allocated %llu, own account %llu\n",
                  (unsigned long long)limits->max_inflight_bytes,
                  (unsigned long long)(memory.peak - before),
                  (unsigned long long)outcome.stats.peak_bytes);
    assert_true(memory.peak - before <= limits->max_inflight_bytes);
    assert_true(outcome.stats.peak_bytes <= limits->max_inflight_bytes);
    assert_int_equal(target.wrong_ids, 0);
    pack_target_deinit(&target);
    return outcome;
}

/* The same within 1 MiB. */
static struct pack_outcome read_within_a_mebibyte(const struct pack_builder *pack, bool threads)
{
    struct trove__pack_limits limits = pack_limits(threads);

    limits.max_inflight_bytes = MIB;
    return read_bounded(pack, &limits);
}

/* Goal: a pack of 8 MB, 32 MB inflated, stays within 2 MiB, going by every allocation and by the reader's own account, on
 * one thread and on three. */
static void memory__stays_within_the_bound(void **state)
{
    struct pack_builder pack = large_pack();

    (void)state;
    for (int threads = 0; threads < 2; threads++)
        for (uint64_t bound = 1; bound <= 4; bound *= 2) {
            struct trove__pack_limits limits = pack_limits(threads != 0);
            struct pack_outcome outcome;

            limits.max_inflight_bytes = bound * MIB;
            outcome = read_bounded(&pack, &limits);
            assert_string_equal(outcome.err.message, "");
            assert_int_equal(outcome.status, 0);
            assert_int_equal(outcome.stats.objects, 4 * BLOBS);
            assert_true(outcome.stats.reinflated > 100);
        }
    pack_free(&pack);
}

/* Goal: a base that had to leave the reader's memory is taken from the cache it was given to, not made again. */
static void memory__bases_come_back_from_the_cache(void **state)
{
    struct pack_builder pack = large_pack();

    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct trove__pack_limits limits = pack_limits(threads != 0);
        struct pack_target target;

        limits.max_inflight_bytes = 2 * MIB;
        assert_true(pack_target_init(&target, trove_hash_sha1()));
        assert_int_equal(pack_read_whole(&target, &limits, &pack).stats.reinflated, 0);
        assert_true(target.finds > 100);
        pack_target_deinit(&target);
    }
    pack_free(&pack);
}

/* Goal: 300 MB of objects through a cache of 32 MiB: cache and reader together stay within their two bounds, by every
 * allocation, with bases that have left both and are made again from the file. */
static void memory__three_hundred_megabytes(void **state)
{
    enum { FILES = 150, FILE_BYTES = 1000000, CACHE_MIB = 32, INFLIGHT_MIB = 64 };
    uint8_t *data = malloc(FILE_BYTES);
    struct trove__pack_limits limits;
    struct pack_builder pack;
    struct pack_target target;
    struct pack_outcome outcome;
    size_t at[FILES];
    uint64_t before;

    (void)state;
    assert_non_null(data);
    pack_begin(&pack, TROVE_SHA1);
    pack.level = 1;
    for (uint32_t i = 0; i < FILES; i++) {
        fill_noise(data, FILE_BYTES / 3, i);
        memset(data + FILE_BYTES / 3, (int)i, FILE_BYTES - FILE_BYTES / 3);
        at[i] = pack_add(&pack, TROVE_BLOB, data, FILE_BYTES);
    }
    for (uint32_t i = 0; i < FILES; i++) {
        struct bytes delta;

        delta_begin(&delta, FILE_BYTES, FILE_BYTES);
        delta_insert(&delta, "new!", 4);
        delta_copy(&delta, 4, FILE_BYTES - 4);
        pack_add_ofs(&pack, at[i], &delta);
        bytes_free(&delta);
    }
    pack_end(&pack);
    free(data);
    trove__pack_limits_init(&limits);
    assert_int_equal(limits.max_inflight_bytes, INFLIGHT_MIB * MIB);
    before = memory.bytes;
    memory.peak = before;
    assert_true(pack_target_init_evicting(&target, trove_hash_sha1(), CACHE_MIB * MIB));
    outcome = pack_read_whole(&target, &limits, &pack);
    assert_true(outcome.stats.spooled_bytes > 0);
    assert_true(outcome.stats.reinflated > FILES / 2);
    assert_true(outcome.stats.peak_bytes <= limits.max_inflight_bytes);
    print_message("peak %.1f MiB, in flight %.1f MiB\n", (double)(memory.peak - before) / MIB,
                  (double)outcome.stats.peak_bytes / MIB);
    assert_true(memory.peak - before <= (CACHE_MIB + INFLIGHT_MIB) * MIB);
    pack_target_deinit(&target);
    pack_free(&pack);
}

/* Many small objects: what is remembered of each must not pass the bound either, but go to a file. */
static void memory__index_stays_within_the_bound(void **state)
{
    const uint32_t count = test_all_turns() ? 60000 : 6000;
    struct trove__pack_limits limits;
    struct pack_builder pack;
    struct pack_outcome outcome;
    struct bytes delta;
    struct trove_oid base;
    uint32_t i = 0;

    (void)state;
    pack_begin(&pack, TROVE_SHA1);
    for (; i < count; i++)
        pack_add(&pack, TROVE_BLOB, &i, sizeof(i));
    i = 17;
    base = oid_of(TROVE_SHA1, TROVE_BLOB, &i, sizeof(i));
    delta_begin(&delta, sizeof(i), 7);
    delta_insert(&delta, "through", 7);
    pack_add_ref(&pack, &base, &delta); /* the map of ids is made, too */
    bytes_free(&delta);
    pack_end(&pack);
    trove__pack_limits_init(&limits);
    limits.max_inflight_bytes = MIB;
    outcome = read_bounded(&pack, &limits);
    assert_string_equal(outcome.err.message, "");
    assert_int_equal(outcome.stats.objects, count + 1);
    pack_free(&pack);
}

/* Goal: the bytes with which a claim is being proved stay within the bound, too: an object that claims 100 MiB is not
 * believed for the first megabyte and a half. */
static void memory__claims_stay_within_the_bound(void **state)
{
    enum { NOISE_BYTES = 3000000 };
    struct pack_builder pack;
    uint8_t *data = malloc(NOISE_BYTES);

    (void)state;
    assert_non_null(data);
    fill_noise(data, NOISE_BYTES, 1);
    pack_begin(&pack, TROVE_SHA1);
    pack_add_header(&pack, TROVE_BLOB, 100 * MIB);
    pack_add_stream(&pack, data, NOISE_BYTES);
    pack_end(&pack);
    for (int threads = 0; threads < 2; threads++)
        assert_int_equal(read_within_a_mebibyte(&pack, threads != 0).status, -EFBIG);
    pack_free(&pack);
    free(data);
}

/* Goal: any number of deltas may wait for one base; that all of them are ready at once takes no memory. */
static void memory__waiting_deltas_stay_within_the_bound(void **state)
{
    enum { COUNT = 100000 };
    struct pack_builder pack;
    struct bytes delta, stream = {0};
    struct trove_oid late = oid_of(TROVE_SHA1, TROVE_BLOB, "late", 4);
    size_t first;

    (void)state;
    pack_begin(&pack, TROVE_SHA1);
    delta_begin(&delta, 4, 4);
    delta_insert(&delta, "soon", 4);
    first = pack_add_ref(&pack, &late, &delta);
    bytes_add(&stream, pack.out.at + first + 21, pack.out.size - first - 21);
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t at = pack_add_header(&pack, 6, delta.size);

        pack_add_distance(&pack, at - first);
        bytes_add(&pack.out, stream.at, stream.size);
    }
    pack_add(&pack, TROVE_BLOB, "late", 4);
    pack_end(&pack);
    for (int threads = 0; threads < 2; threads++) {
        struct pack_outcome outcome = read_within_a_mebibyte(&pack, threads != 0);

        assert_string_equal(outcome.err.message, "");
        assert_int_equal(outcome.stats.objects, COUNT + 2);
    }
    pack_free(&pack);
    bytes_free(&delta);
    bytes_free(&stream);
}

/* Goal: a chain of 50,000 is made again from its start within the bound. */
static void memory__long_chain_is_made_again(void **state)
{
    enum { LENGTH = 50000, NOISE_BYTES = 300000 };
    struct pack_builder pack;
    struct bytes delta;
    uint8_t *data = malloc(NOISE_BYTES);
    size_t at, tip = 0;

    (void)state;
    assert_non_null(data);
    pack_begin(&pack, TROVE_SHA1);
    at = pack_add(&pack, TROVE_BLOB, "base", 4);
    for (uint32_t i = 0; i < LENGTH; i++) {
        delta_begin(&delta, 4, 4);
        delta_insert(&delta, &i, 4);
        at = tip = pack_add_ofs(&pack, at, &delta);
        bytes_free(&delta);
    }
    for (uint32_t i = 0; i < 4; i++) {
        fill_noise(data, NOISE_BYTES, i);
        pack_add(&pack, TROVE_BLOB, data, NOISE_BYTES);
    }
    delta_begin(&delta, 4, 3);
    delta_insert(&delta, "end", 3);
    pack_add_ofs(&pack, tip, &delta);
    bytes_free(&delta);
    pack_end(&pack);
    for (int threads = 0; threads < 2; threads++) {
        struct pack_outcome outcome = read_within_a_mebibyte(&pack, threads != 0);

        assert_string_equal(outcome.err.message, "");
        assert_int_equal(outcome.stats.objects, LENGTH + 6);
        assert_true(outcome.stats.reinflated >= LENGTH);
    }
    pack_free(&pack);
    free(data);
}

/* A pack with everything in it that allocates. */
static struct pack_builder small_pack(void)
{
    struct pack_builder pack;
    uint8_t *data = malloc(BLOB_BYTES);
    struct bytes delta;
    struct trove_oid late;
    size_t at;

    assert_non_null(data);
    pack_begin(&pack, TROVE_SHA1);
    fill_noise(data, BLOB_BYTES, 1);
    at = pack_add(&pack, TROVE_BLOB, data, BLOB_BYTES);
    late = oid_of(TROVE_SHA1, TROVE_TREE, data, 5000);
    delta_begin(&delta, 5000, 4);
    delta_copy(&delta, 100, 4);
    pack_add_ref(&pack, &late, &delta);
    bytes_free(&delta);
    for (int i = 0; i < 30; i++)
        pack_add(&pack, TROVE_BLOB, data + i, BLOB_BYTES / 2);
    delta_begin(&delta, BLOB_BYTES, 6);
    delta_copy(&delta, 70000, 6);
    pack_add_ofs(&pack, at, &delta);
    bytes_free(&delta);
    pack_add(&pack, TROVE_TREE, data, 5000);
    pack_end(&pack);
    free(data);
    return pack;
}

static size_t open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* Goal: whichever allocation fails, the result is -ENOMEM and a message, or success where memory was not needed; nothing
 * leaks, and the next pack is read. */
static void memory__each_allocation_fails_in_turn(void **state)
{
    struct pack_builder pack = small_pack();

    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct trove__pack_limits limits = pack_limits(threads != 0);
        bool failed = true;

        limits.max_inflight_bytes = MIB;
        for (size_t n = 1; failed; n++) {
            struct pack_target target;
            struct pack_outcome outcome;
            uint64_t blocks;
            size_t files;

            pack_target_start_discarding(&target);
            blocks = memory.blocks;
            files = open_files();
            memory.failed = false;
            memory.fail_in = n;
            outcome = pack_read(&target, &limits, pack.out.at, pack.out.size, 7001);
            memory.fail_in = 0;
            failed = memory.failed;
            if (outcome.status != 0) {
                assert_true(failed);
                assert_int_equal(outcome.status, -ENOMEM);
                assert_string_not_equal(outcome.err.message, "");
            }
            assert_int_equal(memory.blocks, blocks);
            assert_int_equal(open_files(), files);
            assert_int_equal(target.wrong_ids, 0);
            outcome = pack_read(&target, &limits, pack.out.at, pack.out.size, 7001);
            assert_int_equal(outcome.status, 0);
            pack_target_deinit(&target);
            assert_true(n < 100000);
        }
    }
    pack_free(&pack);
}

/* Goal: the same for the target's calls; what a give refuses ends the pack with its error. */
static void memory__target_fails(void **state)
{
    struct pack_builder pack = small_pack();

    (void)state;
    for (size_t way = 0; way < 4; way++)
        for (size_t n = 1; n < 34; n++) {
            const struct trove__pack_limits limits = pack_limits(way % 2 != 0);
            struct pack_target target;
            struct pack_outcome outcome;
            uint64_t blocks;

            pack_target_start_discarding(&target);
            *(way < 2 ? &target.fail_alloc_at : &target.fail_give_at) = n;
            blocks = memory.blocks;
            outcome = pack_read(&target, &limits, pack.out.at, pack.out.size, 7001);
            assert_int_equal(outcome.status, -ENOMEM);
            assert_int_equal(memory.blocks, blocks);
            pack_target_deinit(&target);
        }
    pack_free(&pack);
}

/* Goal: a reader can be thrown away at any moment. */
static void memory__destroyed_at_any_moment(void **state)
{
    struct pack_builder pack = small_pack();

    (void)state;
    for (size_t cut = 0; cut <= pack.out.size; cut += pack.out.size / 61) {
        const struct trove__pack_limits limits = pack_limits(cut % 2 != 0);
        struct trove__pack_reader *reader;
        struct trove__pack_target calls;
        struct pack_target target;
        uint64_t blocks;

        pack_target_start_discarding(&target);
        calls = pack_target_calls(&target);
        blocks = memory.blocks;
        assert_int_equal(
            trove__pack_reader_create(target.hash, &limits, &calls, NULL, &reader, NULL), 0);
        assert_int_equal(trove__pack_reader_feed(reader, pack.out.at, cut, NULL), 0);
        trove__pack_reader_destroy(reader);
        assert_int_equal(memory.blocks, blocks);
        pack_target_deinit(&target);
    }
    trove__pack_reader_destroy(NULL);
    pack_free(&pack);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static void *no_thread(void *argument)
{
    return argument;
}

/* Goal: a process that gets no more threads reads its packs on the one it has. */
static void memory__no_threads_to_be_had(void **state)
{
    struct pack_builder pack = small_pack();
    const struct trove__pack_limits limits = pack_limits(true);
    struct pack_target target;
    struct pack_outcome outcome;
    pthread_attr_t before, absurd;
    pthread_t thread;
    uint64_t blocks;

    (void)state;
    pack_target_start_discarding(&target);
    blocks = memory.blocks;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_init(&absurd), 0);
    assert_int_equal(pthread_attr_setstacksize(&absurd, (size_t)1 << 50), 0);
    assert_int_equal(pthread_setattr_default_np(&absurd), 0);
    assert_int_not_equal(pthread_create(&thread, NULL, no_thread, NULL), 0);
    outcome = pack_read(&target, &limits, pack.out.at, pack.out.size, 7001);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&absurd);
    pthread_attr_destroy(&before);
    assert_string_equal(outcome.err.message, "");
    assert_int_equal(outcome.stats.objects, pack.count);
    assert_int_equal(memory.blocks, blocks);
    pack_target_deinit(&target);
    pack_free(&pack);
}

/* --- the disk ----------------------------------------------------------------------------------------------------- */

enum { SPOOL_BYTES = 100000 };

static struct pack_outcome read_spooling(const struct pack_builder *pack)
{
    struct trove__pack_limits limits;

    trove__pack_limits_init(&limits);
    limits.spool_bytes = SPOOL_BYTES;
    return pack_try(trove_hash_sha1(), &limits, pack);
}

static void memory__no_place_for_the_spool(void **state)
{
    struct pack_builder pack = small_pack();
    struct pack_outcome outcome;
    const char *before = getenv("TMPDIR");
    char *kept = before != NULL ? strdup(before) : NULL;

    (void)state;
    setenv("TMPDIR", "/nonexistent/folder", 1);
    outcome = read_spooling(&pack);
    assert_int_equal(outcome.status, -ENOENT);
    assert_non_null(strstr(outcome.err.message, "cannot make a temporary file in /nonexistent"));
    if (kept != NULL)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
    outcome = read_spooling(&pack);
    assert_int_equal(outcome.status, 0);
    assert_true(outcome.stats.spooled_bytes <= pack.out.size);
    assert_true(outcome.stats.spooled_bytes + SPOOL_BYTES >= pack.out.size);
    pack_free(&pack);
}

/* A full disk, as far as a test can have one without being root: files may not grow. */
static void memory__the_disk_is_full(void **state)
{
    struct pack_builder pack = small_pack();
    struct pack_outcome outcome;
    struct rlimit before, small;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 150000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    outcome = read_spooling(&pack);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(outcome.status, -EFBIG);
    assert_non_null(strstr(outcome.err.message, "cannot write to the temporary file in "));
    pack_free(&pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory__stays_within_the_bound),
        cmocka_unit_test(memory__bases_come_back_from_the_cache),
        cmocka_unit_test(memory__three_hundred_megabytes),
        cmocka_unit_test(memory__index_stays_within_the_bound),
        cmocka_unit_test(memory__claims_stay_within_the_bound),
        cmocka_unit_test(memory__waiting_deltas_stay_within_the_bound),
        cmocka_unit_test(memory__long_chain_is_made_again),
        cmocka_unit_test(memory__each_allocation_fails_in_turn),
        cmocka_unit_test(memory__target_fails),
        cmocka_unit_test(memory__destroyed_at_any_moment),
        cmocka_unit_test(memory__no_threads_to_be_had),
        cmocka_unit_test(memory__no_place_for_the_spool),
        cmocka_unit_test(memory__the_disk_is_full),
    };

    return cmocka_run_group_tests(tests, install, NULL);
}
