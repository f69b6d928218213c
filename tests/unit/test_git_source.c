// SPDX-License-Identifier: MIT
/*
 * test_git_source.c - ids in, objects out, against a real git upload-pack: what arrives, and in how many requests.
 */
#include "peer.h"
#include "source_peer.h"
#include "span_log.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char url[256];     /* of the repository in it */
static char big_url[256]; /* of one with 1,500 files */

static int make_repositories(void **state)
{
    peer_set_up(state);
    source_peer_make(peer_dir, "r.git", "sha1");
    source_peer_make(peer_dir, "r256.git", "sha256");
    source_peer_make(peer_dir, "notree.git", "sha1");
    source_peer_make(peer_dir, "nofilter.git", "sha1");
    peer_shell("cd '%s'; git -C notree.git config uploadpackfilter.tree.allow false;"
               "git -C nofilter.git config uploadpackfilter.allow false;"
               "git init -q --bare -b trunk empty.git; git clone -q --bare r.git detached.git;"
               "git -C detached.git update-ref --no-deref HEAD HEAD~3;"
               "mkdir big; cd big; git init -q;"
               "for i in $(seq 1500); do echo $i >f$i; done; git add -A; git commit -qm big",
               peer_dir);
    snprintf(url, sizeof(url), "%s/r.git", peer_dir);
    snprintf(big_url, sizeof(big_url), "%s/big", peer_dir);
    return 0;
}

/* Asks for the ids that COMMAND prints; all must come. Returns in how many requests. */
static uint64_t requests_for(const char *at, enum trove_type type, const char *command)
{
    struct source_peer peer;
    struct trove_want *wants;
    uint64_t requests;
    size_t count;

    source_peer_open(&peer, at, NULL);
    count = source_peer_wants(peer.algo, type, &wants, "cd '%s'; %s", at, command);
    assert_true(count > 0);
    assert_int_equal(source_peer_resolve(&peer, wants, count, NULL), count);
    requests = source_peer_requests(&peer);
    assert_int_equal(source_peer_resolve(&peer, wants, count, NULL), count);
    assert_int_equal(source_peer_requests(&peer), requests); /* all of it was cached */
    free(wants);
    source_peer_close(&peer);
    return requests;
}

#define ALL_TREES                                                                                  \
    "git rev-parse HEAD^{tree}; git ls-tree -rtd HEAD | awk '$2 == \"tree\" { print $3 }'"
#define ALL_BLOBS "git ls-tree -r HEAD | awk '$2 == \"blob\" { print $3 }'"
#define ALL_IDS "git rev-list --objects --all | cut -d' ' -f1"

/* Goal: filters leave out what another want reaches first; all of it arrives nevertheless, and in few requests. */
static void source__a_root_and_all_its_subtrees(void **state)
{
    (void)state;
    assert_int_equal(requests_for(url, TROVE_TREE, ALL_TREES), 1);
    assert_in_range(requests_for(url, TROVE_ANY, ALL_TREES), 1, 2);
    /* Root last: the worst order, each folder before the one it lies in. */
    assert_in_range(requests_for(url, TROVE_TREE, "(" ALL_TREES ") | tac"), 1, 8);
}

static void source__a_tree_and_its_blobs(void **state)
{
    (void)state;
    assert_int_equal(requests_for(url, TROVE_BLOB, ALL_BLOBS), 1);
    assert_in_range(requests_for(url, TROVE_ANY, ALL_TREES ";" ALL_BLOBS), 1, 3);
    assert_in_range(requests_for(url, TROVE_ANY, ALL_BLOBS ";" ALL_TREES), 1, 3);
}

static void source__a_commit_and_its_tree(void **state)
{
    (void)state;
    assert_in_range(requests_for(url, TROVE_ANY, "git rev-parse HEAD HEAD^{tree}"), 1, 2);
    assert_in_range(requests_for(url, TROVE_ANY, "git rev-parse v1 v1^{} v1^{tree}"), 1, 3);
    assert_int_equal(requests_for(url, TROVE_COMMIT, "git rev-parse HEAD HEAD~1 HEAD~5"), 1);
}

static void source__every_id_of_the_repository(void **state)
{
    (void)state;
    assert_in_range(requests_for(url, TROVE_ANY, ALL_IDS), 1, 4);
}

/* Goal: one id brings one object and no closure. */
static void source__one_id_is_one_object(void **state)
{
    static const struct {
        const char *revision;
        enum trove_type type;
        unsigned most;
    } cases[] = {
        {"HEAD", TROVE_ANY, 1},    {"HEAD", TROVE_COMMIT, 1},     {"HEAD^{tree}", TROVE_ANY, 1},
        {"HEAD:a", TROVE_TREE, 1}, {"HEAD:README", TROVE_ANY, 1}, {"HEAD:README", TROVE_BLOB, 1},
        {"v1", TROVE_ANY, 2},      {"nested", TROVE_ANY, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_peer peer;
        struct trove_git_stats stats;
        struct trove_want *wants;

        source_peer_open(&peer, url, NULL);
        source_peer_wants(peer.algo, cases[i].type, &wants, "git -C '%s' rev-parse '%s'", url,
                          cases[i].revision);
        assert_int_equal(source_peer_resolve(&peer, wants, 1, NULL), 1);
        trove_git_stats(peer.git, &stats);
        assert_int_equal(stats.requests, 1);
        assert_in_range(stats.pack_objects, 1, cases[i].most);
        assert_true(stats.pack_bytes > 0 && stats.received_bytes > stats.pack_bytes);
        free(wants);
        source_peer_close(&peer);
    }
}

/* Goal: a request over git tells of its connection, of the wait for the answer and of the pack, one after the other. */
static void source__tells_of_its_work(void **state)
{
    static const char *const names[] = {"connection", "answer", "pack"};
    static struct span_log log;
    struct trove_git_stats stats;
    struct source_peer peer;
    struct trove_want *wants;
    uint64_t request;

    (void)state;
    source_peer_open(&peer, url, NULL);
    source_peer_wants(peer.algo, TROVE_BLOB, &wants, "git -C '%s' rev-parse HEAD:README", url);
    span_log_start(&log, peer.cache, TROVE_SPAN_REQUEST | TROVE_SPAN_SOURCE);
    assert_int_equal(source_peer_resolve(&peer, wants, 1, NULL), 1);
    while (span_log_count(&log, TROVE_SPAN_REQUEST, true) == 0)
        sched_yield(); /* who waited goes on before the request ends */
    span_log_stop(&log, peer.cache);
    span_log_check(&log);
    request = span_log_nth(&log, TROVE_SPAN_REQUEST, true, 0)->id;
    assert_int_equal(span_log_count(&log, TROVE_SPAN_SOURCE, true), 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct trove_span *span = span_log_nth(&log, TROVE_SPAN_SOURCE, true, i);

        assert_string_equal(span->name, names[i]);
        assert_int_equal(span->parent, request);
        assert_int_equal(span->status, 0);
    }
    trove_git_stats(peer.git, &stats);
    assert_int_equal(span_log_nth(&log, TROVE_SPAN_SOURCE, true, 2)->bytes, stats.pack_bytes);
    free(wants);
    source_peer_close(&peer);
}

/* Goal: an id that the server does not have fails alone.
 * Method: 1,000 blobs, one of them made up; then three; then nothing but one. */
static void source__bogus_ids_fail_alone(void **state)
{
    static const size_t places[] = {500, 0, 999};
    struct trove_want *wants;
    int statuses[1000];

    (void)state;
    for (size_t bogus = 1; bogus <= 3; bogus += 2) {
        struct source_peer peer;
        source_peer_open(&peer, big_url, NULL);
        assert_true(source_peer_wants(peer.algo, TROVE_BLOB, &wants, "cd '%s'; " ALL_BLOBS,
                                      big_url) >= 1000);
        for (size_t i = 0; i < bogus; i++)
            memset(wants[places[i]].id.bytes, (int)(0xa0 + i), 20);
        assert_int_equal(source_peer_resolve(&peer, wants, 1000, statuses), 1000 - bogus);
        for (size_t i = 0; i < bogus; i++)
            assert_int_equal(statuses[places[i]], -ENOENT);
        assert_int_equal(source_peer_requests(&peer), bogus + 1);
        source_peer_close(&peer);
        free(wants);
    }
}

static void source__nothing_but_a_bogus_id(void **state)
{
    struct trove_want want = {.type = TROVE_ANY};
    struct trove_result result;
    struct trove_error err = {0};
    struct source_peer peer;

    (void)state;
    memset(want.id.bytes, 0x11, 20);
    source_peer_open(&peer, url, NULL);
    assert_int_equal(trove_resolve(peer.cache, &want.id, TROVE_ANY, NULL, &result, &err), -ENOENT);
    /* It is not remembered: the next caller asks again. */
    assert_int_equal(trove_resolve(peer.cache, &want.id, TROVE_BLOB, NULL, &result, &err), -ENOENT);
    assert_int_equal(source_peer_requests(&peer), 2);
    source_peer_close(&peer);
}

/* Goal: a refused filter costs one request more, once; nothing is lost. */
static void source__refused_filters_are_remembered(void **state)
{
    static const struct {
        const char *name;
        unsigned first;
    } cases[] = {{"notree.git", 2}, {"nofilter.git", 3}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct source_peer peer;
        struct trove_want *wants;
        char at[300];

        snprintf(at, sizeof(at), "%s/%s", peer_dir, cases[i].name);
        source_peer_open(&peer, at, NULL);
        source_peer_wants(peer.algo, TROVE_TREE, &wants, "git -C '%s' rev-parse HEAD:a HEAD~9:a",
                          at);
        assert_int_equal(source_peer_resolve(&peer, wants, 1, NULL), 1);
        assert_int_equal(source_peer_requests(&peer), cases[i].first);
        assert_int_equal(source_peer_resolve(&peer, wants + 1, 1, NULL), 1);
        assert_int_equal(source_peer_requests(&peer), cases[i].first + 1);
        free(wants);
        source_peer_close(&peer);
    }
}

static void fetch_commit(struct source_peer *peer, const char *revision, const char *filter,
                         struct trove_fetch_result *ret)
{
    struct trove_fetch_options options = {.want_count = 1, .filter = filter, .depth = 1};
    struct trove_error err = {0};
    struct trove_want *wants;

    source_peer_wants(peer->algo, TROVE_COMMIT, &wants, "git -C '%s' rev-parse '%s'", url,
                      revision);
    options.wants = wants;
    if (trove_fetch(peer->cache, &options, NULL, ret, &err) != 0)
        fail_msg("%s", err.message);
    free(wants);
}

static void source__a_whole_revision_is_one_request(void **state)
{
    struct trove_fetch_result result;
    struct source_peer peer;
    struct trove_want *wants;
    size_t count;

    (void)state;
    source_peer_open(&peer, url, NULL);
    fetch_commit(&peer, "HEAD", NULL, &result);
    count =
        source_peer_wants(peer.algo, TROVE_ANY, &wants, "cd '%s'; " ALL_TREES ";" ALL_BLOBS, url);
    for (size_t i = 0; i < count; i++)
        assert_true(trove_has(peer.cache, &wants[i].id));
    assert_int_equal(source_peer_requests(&peer), 1);
    free(wants);
    source_peer_close(&peer);
}

static void source__a_skeleton_has_no_blobs(void **state)
{
    struct trove_fetch_result result;
    struct source_peer peer;

    (void)state;
    source_peer_open(&peer, url, NULL);
    fetch_commit(&peer, "HEAD", "blob:none", &result);
    assert_int_equal(result.objects, 1 + 7); /* a commit, the root and six folders */
    source_peer_close(&peer);
    source_peer_open(&peer, url, NULL);
    fetch_commit(&peer, "HEAD", "combine:blob:none+tree:2", &result);
    assert_int_equal(result.objects, 1 + 4); /* the root and a, d, f */
    source_peer_close(&peer);
}

/* Goal: SHA-256 repositories, and that the hash follows the server. */
static void source__sha256(void **state)
{
    char at[300];

    (void)state;
    snprintf(at, sizeof(at), "%s/r256.git", peer_dir);
    assert_in_range(requests_for(at, TROVE_ANY, ALL_IDS), 1, 4);
}

struct crowd {
    struct source_peer peer;
    struct trove_want *wants;
    size_t count, failed;
    pthread_mutex_t lock;
};

static void *resolve_all(void *argument)
{
    struct crowd *crowd = argument;
    struct trove_result *results = calloc(crowd->count, sizeof(*results));
    int found =
        trove_resolve_many(crowd->peer.cache, crowd->wants, crowd->count, NULL, results, NULL);

    for (size_t i = 0; i < crowd->count; i++)
        trove_unpin(results[i].object);
    pthread_mutex_lock(&crowd->lock);
    crowd->failed += found != (int)crowd->count;
    pthread_mutex_unlock(&crowd->lock);
    free(results);
    return NULL;
}

/* Goal: a crowd shares what is asked for; connections stay few, and are used again. */
static void source__a_crowd_shares_connections(void **state)
{
    struct crowd crowd = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct trove_git_stats stats;
    pthread_t threads[8];

    (void)state;
    source_peer_open(&crowd.peer, big_url, NULL);
    crowd.count = source_peer_wants(crowd.peer.algo, TROVE_BLOB, &crowd.wants,
                                    "cd '%s'; " ALL_BLOBS, big_url);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, resolve_all, &crowd), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.failed, 0);
    trove_git_stats(crowd.peer.git, &stats);
    assert_int_equal(stats.pack_objects, crowd.count); /* none twice */
    assert_in_range(stats.connections, 1, 2);
    free(crowd.wants);
    source_peer_close(&crowd.peer);
}

struct slice {
    struct crowd *crowd;
    size_t first, count, found;
};

static void *resolve_slice(void *argument)
{
    struct slice *slice = argument;
    struct trove_result results[32];
    struct trove_want *wants = slice->crowd->wants + slice->first;
    int found =
        trove_resolve_many(slice->crowd->peer.cache, wants, slice->count, NULL, results, NULL);

    for (size_t i = 0; i < slice->count; i++)
        trove_unpin(results[i].object);
    slice->found = found < 0 ? 0 : (size_t)found;
    return NULL;
}

/* Goal: one bogus id among 1,000 from 64 threads fails alone. */
static void source__one_bogus_id_of_a_crowd(void **state)
{
    struct slice slices[64];
    struct crowd crowd = {.count = 0};
    pthread_t threads[64];
    size_t found = 0, asked = 0;

    (void)state;
    source_peer_open(&crowd.peer, big_url, NULL);
    crowd.count = source_peer_wants(crowd.peer.algo, TROVE_BLOB, &crowd.wants,
                                    "cd '%s'; " ALL_BLOBS, big_url);
    memset(crowd.wants[321].id.bytes, 0xab, 20);
    for (size_t i = 0; i < 64; i++) {
        slices[i] =
            (struct slice){.crowd = &crowd, .first = asked, .count = (1000 - asked) / (64 - i)};
        asked += slices[i].count;
    }
    assert_int_equal(asked, 1000);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, resolve_slice, &slices[i]), 0);
    for (size_t i = 0; i < 64; i++) {
        pthread_join(threads[i], NULL);
        found += slices[i].found;
    }
    assert_int_equal(found, 999);
    free(crowd.wants);
    source_peer_close(&crowd.peer);
}

static int count_refs(void *context, const struct trove_git_ref *ref)
{
    (void)ref;
    return ++*(int *)context == 3 ? 42 : 0;
}

/* Goal: a server that went away while its connection was idle is nobody's failure.
 * Method: end the child of the idle connection; ask for an id, then for refs. */
static void source__an_idle_connection_may_die(void **state)
{
    struct trove_git_stats stats;
    struct source_peer peer;
    struct trove_want *wants;
    int refs = 0;

    (void)state;
    source_peer_open(&peer, url, NULL);
    source_peer_wants(peer.algo, TROVE_BLOB, &wants, "cd '%s'; " ALL_BLOBS, url);
    assert_int_equal(source_peer_resolve(&peer, wants, 1, NULL), 1);
    peer_shell("pkill -9 -P %d -x git", (int)getpid());
    assert_int_equal(source_peer_resolve(&peer, wants + 1, 1, NULL), 1);
    peer_shell("pkill -9 -P %d -x git", (int)getpid());
    assert_int_equal(trove_git_refs(peer.git, NULL, count_refs, &refs, NULL, NULL), 42);
    trove_git_stats(peer.git, &stats);
    assert_int_equal(stats.connections, 3);
    free(wants);
    source_peer_close(&peer);
}

/* Goal: over a real network protocol the ids batch the same way. */
static void source__over_git_daemon(void **state)
{
    struct source_peer peer;
    struct peer daemon;
    struct trove_want *wants;
    char at[1024];
    size_t count;

    (void)state;
    peer_start(&daemon, "git", peer_dir);
    snprintf(at, sizeof(at), "%sr.git", daemon.url);
    source_peer_open(&peer, at, NULL);
    assert_false(trove_git_is_local(peer.git));
    assert_ptr_equal(trove_git_hash(peer.git), trove_hash_sha1_detecting());
    count = source_peer_wants(peer.algo, TROVE_ANY, &wants, "cd '%s'; " ALL_IDS, url);
    memset(wants[7].id.bytes, 0x77, 20);
    assert_int_equal(source_peer_resolve(&peer, wants, count, NULL), count - 1);
    assert_in_range(source_peer_requests(&peer), 2, 5);
    free(wants);
    source_peer_close(&peer);
    peer_stop(&daemon);
}

static void source__local_paths_use_the_plain_hash(void **state)
{
    struct source_peer peer;

    (void)state;
    source_peer_open(&peer, url, NULL);
    assert_true(trove_git_is_local(peer.git));
    assert_ptr_equal(trove_git_hash(peer.git), trove_hash_sha1());
    source_peer_close(&peer);
}

static void refs__listing_stops_when_told(void **state)
{
    static const char *const prefixes[] = {"refs/tags/", NULL}, *const none[] = {"refs/nothing",
                                                                                 NULL};
    struct source_peer peer;
    int count = 0;

    (void)state;
    source_peer_open(&peer, url, NULL);
    assert_int_equal(trove_git_refs(peer.git, prefixes, count_refs, &count, NULL, NULL), 42);
    assert_int_equal(count, 3);
    count = 0;
    assert_int_equal(trove_git_refs(peer.git, none, count_refs, &count, NULL, NULL), 0);
    assert_int_equal(count, 0);
    source_peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source__a_root_and_all_its_subtrees),
        cmocka_unit_test(source__a_tree_and_its_blobs),
        cmocka_unit_test(source__a_commit_and_its_tree),
        cmocka_unit_test(source__every_id_of_the_repository),
        cmocka_unit_test(source__one_id_is_one_object),
        cmocka_unit_test(source__tells_of_its_work),
        cmocka_unit_test(source__bogus_ids_fail_alone),
        cmocka_unit_test(source__nothing_but_a_bogus_id),
        cmocka_unit_test(source__refused_filters_are_remembered),
        cmocka_unit_test(source__a_whole_revision_is_one_request),
        cmocka_unit_test(source__a_skeleton_has_no_blobs),
        cmocka_unit_test(source__sha256),
        cmocka_unit_test(source__a_crowd_shares_connections),
        cmocka_unit_test(source__one_bogus_id_of_a_crowd),
        cmocka_unit_test(source__an_idle_connection_may_die),
        cmocka_unit_test(source__over_git_daemon),
        cmocka_unit_test(source__local_paths_use_the_plain_hash),
        cmocka_unit_test(refs__listing_stops_when_told),
    };

    return cmocka_run_group_tests(tests, make_repositories, peer_tear_down);
}
