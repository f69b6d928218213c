// SPDX-License-Identifier: MIT
/*
 * source_peer.c - a repository with something of everything, and a cache over a real server of it.
 */
#include "source_peer.h"

#include "peer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void source_peer_make(const char *dir, const char *name, const char *object_format)
{
    peer_shell(
        "set -e; cd '%s'; git init -q -b main --object-format=%s w; cd w;"
        "for d in a a/b a/b/c d d/e f; do mkdir -p $d;"
        "  for i in $(seq 20); do echo \"$d $i\" >$d/file$i; done; done;"
        "echo one >README; ln -s README link; git add -A; git commit -qm first;"
        "for i in $(seq 10); do echo $i >>a/b/c/file1; git commit -qam $i; done;"
        "git checkout -qb side HEAD~5; echo side >side; git add side; git commit -qm side;"
        "git checkout -q main; git merge -q --no-ff -m merge side;"
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),module;"
        "git commit -qm module;"
        "git tag -a -m 1 v1 HEAD~2; git -c advice.nestedTag=false tag -a -m 2 nested v1; git tag light HEAD~1;"
        "git tag -a -m tree tree-tag HEAD^{tree}; git tag -a -m blob blob-tag HEAD:README;"
        "git tag blob-light HEAD:README; git branch both HEAD~1; git tag both HEAD~3;"
        "git branch topic/x HEAD~4; git update-ref refs/x HEAD~5;"
        "git update-ref refs/remotes/origin/main HEAD~6;"
        "git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main;"
        "cd ..; git clone -q --mirror w '%s'; rm -rf w; git -C '%s' config gc.auto 0",
        dir, object_format, name, name);
}

void source_peer_open(struct source_peer *peer, const char *url,
                      void (*adjust)(struct trove_options *options))
{
    struct trove_error err = {0};
    struct trove_options options;

    if (trove_git_open(url, NULL, NULL, &peer->git, &err) != 0)
        fail_msg("%s", err.message);
    trove_options_init(&options);
    options.hash = trove_git_hash(peer->git);
    options.source = trove_git_source(peer->git);
    options.ids_per_request_min = options.ids_per_request_max = 4096;
    if (adjust != NULL)
        adjust(&options);
    if (trove_open(&options, &peer->cache, &err) != 0)
        fail_msg("%s", err.message);
    peer->algo = trove_algo(peer->cache);
}

void source_peer_close(struct source_peer *peer)
{
    trove_git_close(peer->git); /* the cache's reference keeps it until the next line */
    assert_int_equal(trove_close(peer->cache, NULL), 0);
}

uint64_t source_peer_requests(const struct source_peer *peer)
{
    struct trove_git_stats stats;

    trove_git_stats(peer->git, &stats);
    return stats.requests;
}

size_t source_peer_wants(enum trove_algo algo, enum trove_type type, struct trove_want **ret_wants,
                         const char *format, ...)
{
    size_t count = 0, capacity = 0;
    struct trove_want *wants = NULL;
    char *command, *text, *save = NULL;
    va_list args;

    va_start(args, format);
    assert_true(vasprintf(&command, format, args) >= 0);
    va_end(args);
    text = peer_output("%s", command);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (count == capacity) {
            capacity = capacity * 2 + 64;
            wants = realloc(wants, capacity * sizeof(*wants));
            assert_non_null(wants);
        }
        assert_int_equal(trove_oid_from_hex(algo, line, strlen(line), &wants[count].id), 0);
        wants[count++].type = type;
    }
    free(text);
    free(command);
    *ret_wants = wants;
    return count;
}

size_t source_peer_resolve(struct source_peer *peer, const struct trove_want *wants, size_t count,
                           int *statuses)
{
    struct trove_result *results = calloc(count, sizeof(*results));
    struct trove_error err = {0};
    int found;

    assert_non_null(results);
    found = trove_resolve_many(peer->cache, wants, count, NULL, results, &err);
    assert_true(found >= 0);
    for (size_t i = 0; i < count; i++) {
        if (statuses != NULL)
            statuses[i] = results[i].status;
        if (results[i].status != 0)
            continue;
        struct trove_oid id = trove_object_id(results[i].object);
        assert_true(trove_oid_equal(&id, &wants[i].id));
        trove_unpin(results[i].object);
    }
    free(results);
    return (size_t)found;
}
