// SPDX-License-Identifier: MIT
/*
 * test_revision.c - what revisions name, beside `git rev-parse` in the same repository.
 */
#include "peer.h"
#include "source_peer.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_repositories(void **state)
{
    peer_set_up(state);
    source_peer_make(peer_dir, "r.git", "sha1");
    source_peer_make(peer_dir, "r256.git", "sha256");
    peer_shell(
        "cd '%s'; git init -q --bare -b trunk empty.git; git clone -q --bare r.git detached.git;"
        "git -C detached.git update-ref --no-deref HEAD HEAD~3;"
        "git init -q --bare long.git; cd long.git;"
        "tree=$(git mktree </dev/null); id=;"
        "for i in $(seq 300); do id=$(echo $i | git commit-tree ${id:+-p $id} $tree); done;"
        "git update-ref refs/heads/master $id",
        peer_dir);
    return 0;
}

static int resolve(struct source_peer *peer, const char *revision, struct trove_git_revision *ret,
                   struct trove_error *err)
{
    return trove_git_revision(peer->git, peer->cache, revision, NULL, ret, err);
}

/* Says how trove and git differ about REVISION, if they do. */
static void compare(struct source_peer *peer, const char *path, const char *revision)
{
    struct trove_git_revision found;
    struct trove_error err = {0};
    char hex[TROVE_OID_HEX_MAX + 1] = "";
    int status = resolve(peer, revision, &found, &err);
    char *expected =
        peer_output("git -C '%s' rev-parse --verify -q '%s' 2>/dev/null || true", path, revision);

    if (status == 0)
        trove_oid_to_hex(peer->algo, &found.id, hex);
    if (strcmp(hex, expected) != 0)
        fail_msg("%s: git says '%s', trove '%s' (%d %s)", revision, expected, hex, status,
                 err.message);
    if (status != 0)
        assert_int_equal(status, -ENOENT);
    if (status != 0)
        assert_true(err.message[0] != '\0');
    if (status == 0 && found.type != TROVE_ANY) {
        char *type = peer_output("git -C '%s' cat-file -t %s", path, hex);
        assert_string_equal(trove_type_name(found.type), type);
        free(type);
    }
    free(expected);
}

static const char *const revisions[] = {
    "HEAD",
    "@",
    "main",
    "heads/main",
    "refs/heads/main",
    "topic/x",
    "heads/topic/x",
    "v1",
    "tags/v1",
    "refs/tags/v1",
    "nested",
    "light",
    "both",
    "heads/both",
    "x",
    "refs/x",
    "origin",
    "origin/main",
    "origin/HEAD",
    "remotes/origin",
    "tree-tag",
    "blob-tag",
    "blob-light",
    "side",
    /* absent */
    "nosuch",
    "mai",
    "main/",
    "v",
    "refs/heads",
    "heads",
    "topic",
    "x/y",
    "a..b",
    "HEAD~99",
    "HEAD^9",
    "HEAD^{blub}",
    "HEAD^{blob}",
    "HEAD^{tag}",
    "blob-tag^{tree}",
    "tree-tag^{commit}",
    "tree-tag~1",
    "HEAD:nope",
    "HEAD:README/x",
    "HEAD:README/",
    "HEAD:/a",
    "HEAD:a//b",
    "blob-tag:x",
    "HEAD~x",
    /* steps */
    "HEAD~",
    "HEAD~1",
    "HEAD~0",
    "HEAD~3",
    "HEAD^",
    "HEAD^0",
    "HEAD^1",
    "HEAD~1^2",
    "HEAD~1^3",
    "HEAD~1^2~3",
    "HEAD^^^",
    "HEAD~2^",
    "@~2",
    "v1^{}",
    "v1^{commit}",
    "v1^{tag}",
    "v1^{tree}",
    "v1^{object}",
    "v1~1",
    "v1^0",
    "nested^{}",
    "nested^{tag}",
    "nested^{commit}",
    "nested~2",
    "tree-tag^{}",
    "tree-tag^{tree}",
    "blob-tag^{}",
    "blob-tag^{blob}",
    "HEAD^{tree}",
    "HEAD^{commit}",
    "HEAD^{}",
    "light^{}",
    "blob-light^{}",
    "blob-light^{blob}",
    "HEAD^{tree}^{tree}",
    "HEAD^{commit}^{tree}^{object}",
    /* paths */
    "HEAD:",
    "HEAD:README",
    "HEAD:a",
    "HEAD:a/",
    "HEAD:a/b/c",
    "HEAD:a/b/c/file1",
    "HEAD:link",
    "HEAD:module",
    "HEAD:module/x",
    "v1:a/b",
    "nested:README",
    "tree-tag:a/file1",
    "HEAD^{tree}:d/e",
    "HEAD~3:a/b/c/file1",
    "HEAD:a:",
    "HEAD:file~1",
};

static void compare_all(const char *name)
{
    struct source_peer peer;
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", peer_dir, name);
    source_peer_open(&peer, path, NULL);
    for (size_t i = 0; i < sizeof(revisions) / sizeof(revisions[0]); i++)
        compare(&peer, path, revisions[i]);
    source_peer_close(&peer);
}

static void revision__as_git_rev_parse(void **state)
{
    (void)state;
    compare_all("r.git");
    compare_all("r256.git");
    compare_all("detached.git");
    compare_all("empty.git");
}

/* Goal: full ids with steps; an id alone is taken as it is. */
static void revision__full_ids(void **state)
{
    static const char *const steps[] = {"", "~2", "^{tree}", ":a/b", "^2", "^{}"};
    struct source_peer peer;
    char path[300], revision[128];
    char *id;

    (void)state;
    snprintf(path, sizeof(path), "%s/r.git", peer_dir);
    source_peer_open(&peer, path, NULL);
    id = peer_output("git -C '%s' rev-parse HEAD~1", path);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        snprintf(revision, sizeof(revision), "%s%s", id, steps[i]);
        compare(&peer, path, revision);
    }
    compare(&peer, path, "1111111111111111111111111111111111111111");
    compare(&peer, path, "1111111111111111111111111111111111111111^{object}");
    free(id);
    source_peer_close(&peer);
}

/* Goal: what needs a repository at hand says so. */
static void revision__what_cannot_be_answered_remotely(void **state)
{
    static const char *const cases[] = {"HEAD@{1}",      "@{u}",     ":README",  ":/first",
                                        "HEAD^{/first}", "HEAD:./a", "HEAD:../a"};
    struct trove_git_revision found;
    struct source_peer peer;
    struct trove_error err;
    char path[300], *short_id;

    (void)state;
    snprintf(path, sizeof(path), "%s/r.git", peer_dir);
    source_peer_open(&peer, path, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        err.message[0] = '\0';
        assert_int_equal(resolve(&peer, cases[i], &found, &err), -ENOTSUP);
        assert_true(err.message[0] != '\0');
    }
    short_id = peer_output("git -C '%s' rev-parse --short HEAD", path);
    assert_int_equal(resolve(&peer, short_id, &found, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, short_id));
    free(short_id);
    source_peer_close(&peer);
}

/* Goal: what is known beside the id: the commit on the way, what a tag stands for, that a name is ambiguous. */
static void revision__what_is_known_beside_the_id(void **state)
{
    struct trove_git_revision head, found;
    struct trove_git_stats stats;
    struct source_peer peer;
    struct trove_error err;
    struct trove_want *wants;
    char path[300];

    (void)state;
    snprintf(path, sizeof(path), "%s/r.git", peer_dir);
    source_peer_open(&peer, path, NULL);
    source_peer_wants(peer.algo, TROVE_ANY, &wants, "git -C '%s' rev-parse v1^{}", path);
    assert_int_equal(resolve(&peer, "HEAD", &head, &err), 0);
    assert_int_equal(head.type, TROVE_COMMIT);
    assert_true(trove_oid_equal(&head.id, &head.commit));
    assert_int_equal(resolve(&peer, "v1", &found, &err), 0);
    assert_int_equal(found.type, TROVE_TAG);
    assert_true(trove_oid_equal(&found.peeled, &wants[0].id));
    assert_int_equal(resolve(&peer, "v1^{}", &found, &err), 0);
    assert_true(trove_oid_equal(&found.id, &wants[0].id));
    trove_git_stats(peer.git, &stats);
    assert_int_equal(stats.requests, 0); /* the refs said it all */
    assert_true(stats.refs_ns > 0);

    assert_false(found.is_ambiguous);
    assert_int_equal(resolve(&peer, "both", &found, &err), 0);
    assert_true(found.is_ambiguous);
    assert_int_equal(resolve(&peer, "HEAD:a/b", &found, &err), 0);
    assert_int_equal(found.type, TROVE_TREE);
    assert_true(trove_oid_equal(&found.commit, &head.id));
    assert_int_equal(resolve(&peer, "HEAD:module", &found, &err), 0);
    assert_true(trove_oid_equal(&found.commit, &head.id));
    free(wants);
    source_peer_close(&peer);
}

/* Goal: a way of hundreds of commits is one request, and the next along it none. */
static void revision__a_long_way_back_is_one_request(void **state)
{
    struct trove_git_revision found;
    struct source_peer peer;
    struct trove_error err;
    char path[300];

    (void)state;
    snprintf(path, sizeof(path), "%s/long.git", peer_dir);
    source_peer_open(&peer, path, NULL);
    compare(&peer, path, "master~200");
    assert_int_equal(source_peer_requests(&peer), 1);
    compare(&peer, path, "master~199");
    assert_int_equal(source_peer_requests(&peer), 1);
    assert_int_equal(resolve(&peer, "master~300", &found, &err), -ENOENT);
    assert_in_range(source_peer_requests(&peer), 2, 4);
    compare(&peer, path, "master~299");
    source_peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revision__as_git_rev_parse),
        cmocka_unit_test(revision__full_ids),
        cmocka_unit_test(revision__what_cannot_be_answered_remotely),
        cmocka_unit_test(revision__what_is_known_beside_the_id),
        cmocka_unit_test(revision__a_long_way_back_is_one_request),
    };

    return cmocka_run_group_tests(tests, make_repositories, peer_tear_down);
}
