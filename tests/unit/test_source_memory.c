// SPDX-License-Identifier: MIT
/*
 * test_source_memory.c - every allocation of a small exchange with a server fails in turn: a clear error, nothing leaked,
 * and the next attempt works. Over a file, a real server, each attempt with a cache of its own; over HTTP, recorded and
 * played back, the next attempt with the same connection and cache, and a request long enough to be zipped.
 */
#include "failing_allocator.h"
#include "peer.h"
#include "replay_peer.h"
#include "source_peer.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct trove_want *wants;
static size_t want_count;

static int open_cache(struct trove_git *git, struct trove **ret, struct trove_error *err)
{
    struct trove_options options;
    int status;

    trove_options_init(&options);
    options.max_bytes = 8 << 20;
    options.hash = trove_git_hash(git);
    options.source = trove_git_source(git);
    status = trove_open(&options, ret, err);
    if (status < 0)
        options.source.ops->destroy(options.source.source);
    return status;
}

/* Opens the repository, resolves a few ids and a revision, closes. Returns 0 or the first failure. */
static int exchange(const char *url)
{
    struct trove_git *git = NULL;
    struct trove *cache = NULL;
    struct trove_git_revision revision;
    struct trove_result results[8];
    struct trove_error err = {0};
    int status = trove_git_open(url, NULL, NULL, &git, &err), found;

    assert_true(want_count <= 8);
    if (status == 0)
        status = open_cache(git, &cache, &err);
    if (status == 0)
        status = trove_git_revision(git, cache, "HEAD~1:a/b", NULL, &revision, &err);
    if (status < 0)
        goto end;
    found = trove_resolve_many(cache, wants, want_count, NULL, results, &err);
    status = found < 0 ? found : 0;
    for (size_t i = 0; found >= 0 && i < want_count; i++) {
        if (results[i].status < 0)
            status = results[i].status;
        trove_unpin(results[i].object);
    }
end:
    if (status < 0)
        assert_true(err.message[0] != '\0');
    trove_git_close(git);
    assert_int_equal(trove_close(cache, NULL), 0);
    return status;
}

/* A fetch thread lets go of the cache's memory a moment after the cache was closed. A leak makes this wait for ever. */
static void wait_until_all_is_free(void)
{
#ifndef __SANITIZE_THREAD__ /* its read sections keep a record for each thread */
    while (failing_allocator_live() != 0)
        sched_yield();
#endif
}

/* Returns how many allocations made RUN fail. */
static unsigned fail_each(int (*run)(const char *url), const char *url)
{
    unsigned failed = 0;
    bool reached = true;

    assert_int_equal(run(url), 0);
    wait_until_all_is_free();
    for (unsigned n = 1; reached; n++) {
        int status;

        failing_allocator_fail_at(n);
        status = run(url);
        reached = failing_allocator_stop();
        if (status != 0 && (status != -ENOMEM || !reached))
            fail_msg("allocation %u: %s", n, trove_strerror(status));
        failed += status < 0;
        wait_until_all_is_free();
    }
    print_message("%s: %u allocations failed an exchange\n", url, failed);
    return failed;
}

static void source__each_allocation_fails_in_turn(void **state)
{
    char url[256];

    (void)state;
    snprintf(url, sizeof(url), "%s/r.git", peer_dir);
    want_count =
        source_peer_wants(TROVE_SHA1, TROVE_ANY, &wants,
                          "git -C '%s' rev-parse HEAD:a/file1 HEAD:d HEAD v1 HEAD^{tree}", url);
    assert_true(fail_each(exchange, url) > 10);
    free(wants);
}

/* --- the same connection and cache once more ---------------------------------------------------------------------- */

static int fetch(struct trove *cache, struct trove_error *err)
{
    const struct trove_fetch_options options = {.wants = wants, .want_count = want_count};
    struct trove_fetch_result result;

    return trove_fetch(cache, &options, NULL, &result, err);
}

/* Opens and fetches; a step that fails is done once more, with what is there. Returns the failure, if there was one. */
static int fetch_twice(const char *url)
{
    struct trove_git *git = NULL;
    struct trove *cache = NULL;
    int failure = 0;

    for (int step = 0, attempts = 0; step < 3; attempts++) {
        struct trove_error err = {0};
        int status = step == 0   ? trove_git_open(url, NULL, NULL, &git, &err)
                     : step == 1 ? open_cache(git, &cache, &err)
                                 : fetch(cache, &err);

        if (status < 0 && (attempts > step || err.code != status || err.message[0] == '\0'))
            fail_msg("step %d, attempt %d: %d (%d): %s", step, attempts, status, err.code,
                     err.message);
        if (status < 0)
            failure = status;
        else
            step++;
    }
    for (size_t i = 0; i < want_count; i++)
        assert_true(trove_has(cache, &wants[i].id));
    trove_git_close(git);
    assert_int_equal(trove_close(cache, NULL), 0);
    return failure;
}

static void source__the_same_cache_works_after_a_failure(void **state)
{
    struct replay_peer replay;
    struct peer server;
    char url[256];

    (void)state;
    want_count = source_peer_wants(
        TROVE_SHA1, TROVE_BLOB, &wants,
        "git -C '%s/r.git' ls-tree -r --format='%%(objectname)' HEAD a d", peer_dir);
    assert_true(want_count > 40);
    peer_start(&server, "http", peer_dir);
    replay_peer_record(&replay, (unsigned)atoi(strrchr(server.url, ':') + 1));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/r.git", replay.port);
    assert_int_equal(fetch_twice(url), 0);
    peer_stop(&server);
    replay_peer_play(&replay, false);
    assert_non_null(memmem(replay.exchanges[1].request.data, replay.exchanges[1].request.size,
                           "Content-Encoding: gzip", 22));
    assert_true(fail_each(fetch_twice, url) > 10);
    replay_peer_stop(&replay);
    free(wants);
}

static int set_up(void **state)
{
    peer_set_up(state);
    source_peer_make(peer_dir, "r.git", "sha1");
    return failing_allocator_install();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source__each_allocation_fails_in_turn),
        cmocka_unit_test(source__the_same_cache_works_after_a_failure),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
