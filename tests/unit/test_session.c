// SPDX-License-Identifier: MIT
/*
 * Goal: every transport carries the same conversation with a real git server: refs, filtered and whole packs, several
 * commands over one session, refusals that name an id, and errors that say what went wrong.
 * Method: one repository of each object format; `git upload-pack` (path, file://, relative), git daemon, lighttpd with git
 * http-backend, sshd. Packs are judged by `git index-pack`.
 */
#include "fetch/session.h"
#include "peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                      .low_speed_seconds = 30};

static struct trove__session *open_session(const char *url)
{
    struct trove__session *session = NULL;
    struct trove_error err = {0};

    if (trove__session_open(url, &options, NULL, &session, &err) != 0)
        fail_msg("%s: %s", url, err.message);
    return session;
}

/* --- what a conversation holds ----------------------------------------------------------------------------------- */

struct ref_list {
    char text[4096];
    size_t size;
    enum trove_algo algo;
};

static int add_ref(void *context, const struct trove_git_ref *ref)
{
    struct ref_list *list = context;
    char hex[TROVE_OID_HEX_MAX + 1], peeled[TROVE_OID_HEX_MAX + 1];
    const struct trove_oid none = {{0}};

    trove_oid_to_hex(list->algo, &ref->id, hex);
    trove_oid_to_hex(list->algo, &ref->peeled, peeled);
    list->size += (size_t)snprintf(list->text + list->size, sizeof(list->text) - list->size,
                                   "%s %s %s%s\n", hex, ref->name, ref->symref_target,
                                   trove_oid_equal(&ref->peeled, &none) ? "" : peeled);
    return 0;
}

static struct ref_list list_refs(struct trove__session *session, const char *const *prefixes)
{
    struct ref_list list = {.algo = trove__session_caps(session)->algo};
    struct trove_error err = {0};

    if (trove__session_ls_refs(session, prefixes, add_ref, &list, NULL, &err) != 0)
        fail_msg("%s", err.message);
    return list;
}

static int write_pack(void *context, const void *bytes, size_t size, struct trove_error *err)
{
    (void)err;
    assert_int_equal(fwrite(bytes, 1, size, context), size);
    return 0;
}

static struct trove_oid oid_of(const char *name, const char *revision, enum trove_algo algo)
{
    char *hex = peer_output("git -C '%s/%s' rev-parse '%s'", peer_dir, name, revision);
    struct trove_oid id;

    assert_int_equal(trove_oid_from_hex(algo, hex, strlen(hex), &id), 0);
    free(hex);
    return id;
}

/* Fetches and returns how many objects `git index-pack` finds in the pack. */
static unsigned fetch_count(struct trove__session *session, const struct trove__fetch_args *args)
{
    const char *format = trove__session_caps(session)->algo == TROVE_SHA256 ? "sha256" : "sha1";
    char path[256];
    struct trove_error err = {0};
    struct trove__fetch_events events = {.pack = write_pack};
    char *count;
    unsigned result;

    snprintf(path, sizeof(path), "%s/out.pack", peer_dir);
    events.context = fopen(path, "we");
    if (trove__session_fetch(session, args, &events, NULL, NULL, NULL, &err) != 0)
        fail_msg("%s", err.message);
    fclose(events.context);
    count = peer_output("cd '%s' && git index-pack --object-format=%s out.pack >/dev/null &&"
                        " git show-index --object-format=%s <out.idx | wc -l",
                        peer_dir, format, format);
    result = (unsigned)atoi(count);
    free(count);
    return result;
}

static void converse(const char *url, const char *name, enum trove_algo algo)
{
    static const char *const tags[] = {"refs/tags/", "HEAD", NULL};
    struct trove__session *session = open_session(url);
    const struct trove__caps *caps = trove__session_caps(session);
    struct trove_oid head = oid_of(name, "HEAD", algo), blob = oid_of(name, "HEAD:README", algo);
    struct trove__fetch_args args = {.wants = &head, .want_count = 1};
    struct trove__session_stats stats;
    struct ref_list list;
    char *expected;

    assert_int_equal(caps->algo, algo);
    assert_true(caps->filter && caps->shallow);
    list = list_refs(session, NULL);
    expected = peer_output("cd '%s/%s'; printf '%%s HEAD refs/heads/main\\n' $(git rev-parse HEAD);"
                           "git for-each-ref --format='%%(objectname) %%(refname) %%(*objectname)'",
                           peer_dir, name);
    strcat(expected, "\n");
    assert_string_equal(list.text, expected);
    free(expected);
    list = list_refs(session, tags);
    assert_null(strstr(list.text, "refs/heads/side"));
    assert_non_null(strstr(list.text, "refs/tags/v1"));

    expected = peer_output("git -C '%s/%s' rev-list --objects HEAD | wc -l", peer_dir, name);
    assert_int_equal(fetch_count(session, &args), atoi(expected));
    free(expected);
    args.depth = 1;
    args.filter = "tree:0";
    assert_int_equal(fetch_count(session, &args), 1);
    args.filter = "blob:none";
    args.wants = &blob;
    assert_int_equal(fetch_count(session, &args), 1);
    trove__session_stats(session, &stats);
    assert_int_equal(stats.round_trips, 6);
    assert_true(stats.connections >= 1 && stats.received_bytes > 1000 && stats.sent_bytes > 100);
    trove__session_close(session);
}

/* An unknown id is refused by name; nothing else is hurt that a new session could not do. */
static void refuse(const char *url, enum trove_algo algo)
{
    struct trove__session *session = open_session(url);
    struct trove_oid wanted = {{1, 2, 3}}, refused = {{0}};
    const struct trove__fetch_args args = {.wants = &wanted, .want_count = 1, .depth = 1};
    struct trove__fetch_events events = {.pack = write_pack};
    struct trove_error err = {0};
    bool is_refused = false;

    (void)algo;
    assert_int_equal(
        trove__session_fetch(session, &args, &events, NULL, &refused, &is_refused, &err), -ENOENT);
    assert_true(is_refused);
    assert_true(trove_oid_equal(&wanted, &refused));
    assert_non_null(strstr(err.message, "not our ref"));
    trove__session_close(session);
}

static void every_format(const char *prefix)
{
    char url[1024];

    snprintf(url, sizeof(url), "%sone.git", prefix);
    converse(url, "one.git", TROVE_SHA1);
    refuse(url, TROVE_SHA1);
    snprintf(url, sizeof(url), "%stwo.git", prefix);
    converse(url, "two.git", TROVE_SHA256);
    refuse(url, TROVE_SHA256);
}

static void session__path(void **state)
{
    char prefix[512];

    (void)state;
    snprintf(prefix, sizeof(prefix), "%s/", peer_dir);
    every_format(prefix);
}

static void session__file_url(void **state)
{
    char prefix[512];

    (void)state;
    snprintf(prefix, sizeof(prefix), "file://%s/", peer_dir);
    every_format(prefix);
}

static void session__git_daemon(void **state)
{
    struct peer peer;

    (void)state;
    peer_start(&peer, "git", peer_dir);
    every_format(peer.url);
    peer_stop(&peer);
}

static void session__http(void **state)
{
    struct peer peer;

    (void)state;
    peer_start(&peer, "http", peer_dir);
    every_format(peer.url);
    peer_stop(&peer);
}

static void session__https(void **state)
{
    struct peer peer;

    (void)state;
    peer_start(&peer, "http --tls", peer_dir);
    setenv("GIT_SSL_CAINFO", peer.ca, 1);
    every_format(peer.url);
    unsetenv("GIT_SSL_CAINFO");
    peer_stop(&peer);
}

static void session__ssh(void **state)
{
    struct peer peer;

    (void)state;
    peer_start(&peer, "ssh", peer_dir);
    setenv("GIT_SSH_COMMAND", peer.ssh, 1);
    every_format(peer.url);
    unsetenv("GIT_SSH_COMMAND");
    peer_stop(&peer);
}

static int set_up(void **state)
{
    peer_set_up_repository(state);
    peer_make_repository(peer_dir, "two.git", "sha256");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session__path),       cmocka_unit_test(session__file_url),
        cmocka_unit_test(session__git_daemon), cmocka_unit_test(session__http),
        cmocka_unit_test(session__https),      cmocka_unit_test(session__ssh),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
