// SPDX-License-Identifier: MIT
/*
 * test_pack_git.c - packs that git made, of a repository with some history: the reader finds the ids that git knows.
 */
#include "git_peer.h"
#include "pack_reading.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Twenty revisions of fifty files that grow, a tag, a symbolic link, a file of 1 MB; $1 is the format, $2 the folder. */
static const char make_repository[] =
    "set -e; git init -q --object-format=$1 \"$2\"; cd \"$2\"; git config user.name a; "
    "git config user.email a@b; git config gc.auto 0; "
    "mkdir src docs; ln -s src/f1 link; seq 1 150000 > large; "
    "for r in $(seq 1 20); do "
    "  awk -v r=$r 'BEGIN { for (f = r; f <= 50; f += 3) { "
    "    for (i = r; i <= 3000; i += f) print i >> (\"src/f\" f); print r, f > (\"docs/f\" f) } }'; "
    "  git add -A; git commit -q -m \"revision $r\"; "
    "done; git tag -a -m tag v1; git repack -q -a -d -f --depth=50 --window=20";

static char *repository; /* of the format at hand; the tests run one after the other */
static enum trove_algo algo;

static struct output shell(const char *script, const char *input, size_t size)
{
    const char *const argv[] = {
        "sh", "-c", script, "sh", algo == TROVE_SHA256 ? "sha256" : "sha1", repository, NULL};
    struct output output = run_command(argv, input, size);

    if (output.status != 0)
        fail_msg("%s: %s", script, output.err);
    return output;
}

static void make(enum trove_algo format)
{
    struct output output;

    algo = format;
    repository = peer_repository_create();
    output = shell("rm -rf \"$2\"", NULL, 0);
    output_free(&output);
    output = shell(make_repository, NULL, 0);
    output_free(&output);
}

static int make_sha1(void **state)
{
    (void)state;
    make(TROVE_SHA1);
    return 0;
}

static int make_sha256(void **state)
{
    (void)state;
    make(TROVE_SHA256);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    peer_repository_remove(repository);
    return 0;
}

static const struct trove_hash *hash(void)
{
    return algo == TROVE_SHA256 ? trove_hash_sha256() : trove_hash_sha1();
}

/* Every id that SCRIPT prints, one a line, is cached; returns how many. */
static size_t expect_ids(struct pack_target *target, const char *script)
{
    struct output ids = shell(script, NULL, 0);
    size_t digits = 2 * trove_oid_bytes(algo), count = 0;

    for (const char *line = ids.out; *line != '\0'; line = strchr(line, '\n') + 1) {
        struct trove_oid id;

        assert_int_equal(trove_oid_from_hex(algo, line, strlen(line), &id), 0);
        if (!trove_has(target->cache, &id))
            fail_msg("%.*s is missing", (int)digits, line);
        count++;
    }
    output_free(&ids);
    return count;
}

static struct pack_outcome read_checked(struct pack_target *target,
                                        const struct trove__pack_limits *limits,
                                        const struct output *pack, size_t piece)
{
    struct pack_outcome outcome = pack_read(target, limits, pack->out, pack->out_size, piece);

    assert_string_equal(outcome.err.message, "");
    assert_int_equal(outcome.status, 0);
    assert_int_equal(target->wrong_ids, 0);
    return outcome;
}

/* Goal: all the ways in which git packs everything, read with and without threads, in small pieces and large ones. */
static void pack_git__everything(void **state)
{
    static const char *const options[] = {
        "--delta-base-offset", "", "--depth=250 --window=50 --delta-base-offset --no-reuse-delta",
        "--no-reuse-delta --no-reuse-object --window=0 --compression=0"};
    static const size_t pieces[] = {611, 65515, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        char script[300];
        struct output pack;

        snprintf(script, sizeof(script),
                 "cd \"$2\"; git rev-list --objects --all | git pack-objects -q --stdout %s",
                 options[i]);
        pack = shell(script, NULL, 0);
        for (size_t j = 0; j < 6; j++) {
            const struct trove__pack_limits limits = pack_limits(j % 2 != 0);
            struct pack_target target;
            struct pack_outcome outcome;

            assert_true(pack_target_init(&target, hash()));
            outcome = read_checked(&target, &limits, &pack, pieces[j / 2]);
            assert_int_equal(outcome.stats.objects,
                             expect_ids(&target, "cd \"$2\"; git cat-file --batch-check="
                                                 "'%(objectname)' --batch-all-objects"));
            assert_true((outcome.stats.deltas > 100) == (i != 3));
            pack_target_deinit(&target);
        }
        output_free(&pack);
    }
}

/* Goal: little memory: the pack spools, bases leave, the ids stay right. */
static void pack_git__little_memory(void **state)
{
    struct output pack = shell("cd \"$2\"; git rev-list --objects --all | git pack-objects -q "
                               "--stdout --depth=250 --delta-base-offset --no-reuse-delta",
                               NULL, 0);

    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct trove__pack_limits limits = pack_limits(threads != 0);
        struct pack_target target;
        struct pack_outcome outcome;

        limits.max_inflight_bytes = (uint64_t)2 << 20;
        limits.spool_bytes = 64 * 1024;
        assert_true(pack_target_init(&target, hash()));
        outcome = read_checked(&target, &limits, &pack, 65515);
        assert_true(outcome.stats.peak_bytes <= limits.max_inflight_bytes);
        assert_true(outcome.stats.spooled_bytes <= pack.out_size);
        assert_true(outcome.stats.spooled_bytes + limits.spool_bytes >= pack.out_size);
        assert_int_equal(outcome.stats.objects,
                         expect_ids(&target, "cd \"$2\"; git cat-file --batch-check="
                                             "'%(objectname)' --batch-all-objects"));
        pack_target_deinit(&target);
    }
    output_free(&pack);
}

/* Goal: a thin pack over what is cached; without its bases it fails, naming one, and gives nothing wrong. */
static void pack_git__thin(void **state)
{
    struct output old =
        shell("cd \"$2\"; echo HEAD~5 | git pack-objects -q --revs --stdout --delta-base-offset",
              NULL, 0);
    struct output thin = shell("cd \"$2\"; printf 'HEAD\\n^HEAD~5\\n' | git pack-objects -q --revs "
                               "--thin --stdout --delta-base-offset",
                               NULL, 0);
    struct pack_target target;
    struct pack_outcome outcome;

    (void)state;
    assert_true(pack_target_init(&target, hash()));
    read_checked(&target, NULL, &old, SIZE_MAX);
    outcome = read_checked(&target, NULL, &thin, 3000);
    assert_true(target.finds > 0);
    assert_int_equal(outcome.stats.objects,
                     expect_ids(&target, "cd \"$2\"; git rev-list --objects --no-object-names "
                                         "HEAD ^HEAD~5"));
    pack_target_deinit(&target);

    assert_true(pack_target_init(&target, hash()));
    outcome = pack_read(&target, NULL, thin.out, thin.out_size, SIZE_MAX);
    assert_int_equal(outcome.status, -71 /* EPROTO */);
    assert_non_null(strstr(outcome.err.message, "which neither the pack nor the cache has"));
    assert_int_equal(target.wrong_ids, 0);
    pack_target_deinit(&target);
    output_free(&old);
    output_free(&thin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack_git__everything),
        cmocka_unit_test(pack_git__little_memory),
        cmocka_unit_test(pack_git__thin),
    };
    int failed = cmocka_run_group_tests_name("sha1", tests, make_sha1, unmake);

    return failed + cmocka_run_group_tests_name("sha256", tests, make_sha256, unmake);
}
