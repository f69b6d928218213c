// SPDX-License-Identifier: MIT
/*
 * test_source_memory.c - every allocation of a small exchange with a real server fails in turn: a clear error, nothing
 * leaked, and the next attempt works.
 */
#include "peer.h"
#include "source_peer.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_long countdown; /* allocations until one fails; negative: none does */
static atomic_long live;      /* allocations not yet freed */

static void *counting_alloc(void *context, size_t size, size_t align)
{
    void *memory;

    (void)context;
    if (atomic_load(&countdown) >= 0 && atomic_fetch_sub(&countdown, 1) == 0)
        return NULL;
    memory = aligned_alloc(align, (size + align - 1) / align * align);
    if (memory != NULL)
        atomic_fetch_add(&live, 1);
    return memory;
}

static void counting_free(void *context, void *memory, size_t size, size_t align)
{
    (void)context;
    (void)size;
    (void)align;
    atomic_fetch_sub(&live, 1);
    free(memory);
}

static size_t counting_usable(void *context, size_t size, size_t align)
{
    (void)context;
    return (size + align - 1) / align * align + 16;
}

/* Opens the repository, resolves a few ids and a revision, closes. Returns 0 or the first failure. */
static int exchange(const char *url, const struct trove_want *wants, size_t count)
{
    struct trove_git *git = NULL;
    struct trove *cache = NULL;
    struct trove_git_revision revision;
    struct trove_options options;
    struct trove_result results[8];
    struct trove_error err = {0};
    int status = trove_git_open(url, NULL, NULL, &git, &err), found;

    assert_true(count <= 8);
    if (status < 0)
        goto end;
    trove_options_init(&options);
    options.max_bytes = 8 << 20;
    options.hash = trove_git_hash(git);
    options.source = trove_git_source(git);
    status = trove_open(&options, &cache, &err);
    if (status < 0) {
        options.source.ops->destroy(options.source.source);
        goto end;
    }
    status = trove_git_revision(git, cache, "HEAD~1:a/b", NULL, &revision, &err);
    if (status < 0)
        goto end;
    found = trove_resolve_many(cache, wants, count, NULL, results, &err);
    status = found < 0 ? found : 0;
    for (size_t i = 0; found >= 0 && i < count; i++) {
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
    while (atomic_load(&live) != 0)
        sched_yield();
#endif
}

static void source__each_allocation_fails_in_turn(void **state)
{
    const struct trove_allocator allocator = {
        .alloc = counting_alloc, .free = counting_free, .usable = counting_usable};
    struct trove_want *wants;
    char url[256], *root = peer_make_dir();
    long failed = 0;
    size_t count;
    int status;

    (void)state;
    source_peer_make(root, "r.git", "sha1");
    snprintf(url, sizeof(url), "%s/r.git", root);
    atomic_store(&countdown, -1);
    assert_int_equal(trove_set_allocator(&allocator), 0);
    count = source_peer_wants(TROVE_SHA1, TROVE_ANY, &wants,
                              "git -C '%s' rev-parse HEAD:a/file1 HEAD:d HEAD v1 HEAD^{tree}", url);
    assert_int_equal(exchange(url, wants, count), 0);
    wait_until_all_is_free();
    for (long n = 0;; n++) {
        atomic_store(&countdown, n);
        status = exchange(url, wants, count);
        if (atomic_exchange(&countdown, -1) >= 0) {
            assert_int_equal(status, 0); /* nothing was left to fail */
            break;
        }
        failed += status < 0;
        if (status < 0 && status != -ENOMEM)
            print_message("allocation %ld: %s\n", n, trove_strerror(status));
        assert_true(status == 0 || status == -ENOMEM);
        wait_until_all_is_free();
    }
    print_message("%ld allocations failed an exchange\n", failed);
    assert_true(failed > 10);
    free(wants);
    peer_remove_dir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(source__each_allocation_fails_in_turn)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
