// SPDX-License-Identifier: MIT
/*
 * Goal: a connection that breaks after any byte of a small exchange, over a child process, TCP and HTTP, is a clear error
 * naming the repository; nothing leaks; the same repository and cache go on to work.
 * Method: one exchange (capabilities, refs, a whole revision) with a real server is recorded and played back, cut after
 * N bytes for every N; each step that fails is done once more. The child process is an ssh of our own that leads to the
 * recording.
 */
#include "failing_allocator.h"
#include "peer.h"
#include "replay_peer.h"
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <trove/trove.h>
#include <unistd.h>

static struct trove_oid ids[3]; /* the commit, its tree, its blob */

/* One exchange under way. */
struct exchange {
    const char *url;
    struct trove_git *git;
    struct trove *cache;
    struct trove_oid head;
};

static int open_git(struct exchange *exchange, struct trove_error *err)
{
    return trove_git_open(exchange->url, NULL, NULL, &exchange->git, err);
}

static int open_cache(struct exchange *exchange, struct trove_error *err)
{
    struct trove_options options;

    trove_options_init(&options);
    options.max_bytes = 8 << 20;
    options.hash = trove_git_hash(exchange->git);
    options.source = trove_git_source(exchange->git);
    return trove_open(&options, &exchange->cache, err);
}

static int look_up(struct exchange *exchange, struct trove_error *err)
{
    struct trove_git_revision revision;
    int status = trove_git_revision(exchange->git, exchange->cache, "main", NULL, &revision, err);

    if (status == 0)
        exchange->head = revision.id;
    return status;
}

static int fetch(struct exchange *exchange, struct trove_error *err)
{
    struct trove_want want = {.id = exchange->head, .type = TROVE_COMMIT};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1, .depth = 1};
    struct trove_fetch_result result;

    return trove_fetch(exchange->cache, &options, NULL, &result, err);
}

/* Does all of it; what fails is done again. Returns how many steps failed. */
static unsigned converse(const char *url, size_t cut)
{
    static int (*const steps[])(struct exchange *, struct trove_error *) = {open_git, open_cache,
                                                                            look_up, fetch};
    struct exchange exchange = {.url = url};
    unsigned failed = 0;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct trove_error err = {0};
        int status = steps[i](&exchange, &err);

        if (status == 0)
            continue;
        failed++;
        if ((status != -EIO && status != -EPROTO && status != -ECONNRESET) || err.code != status ||
            strstr(err.message, url) == NULL)
            fail_msg("cut after %zu, step %zu: %d (%d): '%s'", cut, i, status, err.code,
                     err.message);
        status = steps[i](&exchange, &err);
        if (status != 0)
            fail_msg("cut after %zu, step %zu, again: %d: %s", cut, i, status, err.message);
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(trove_has(exchange.cache, &ids[i]));
    trove_git_close(exchange.git);
    assert_int_equal(trove_close(exchange.cache, NULL), 0);
#ifndef __SANITIZE_THREAD__
    /* A leak makes this wait for ever. With the read sections that ThreadSanitizer sees, records of threads stay. */
    while (failing_allocator_live() != 0)
        sched_yield();
#endif
    return failed;
}

static unsigned count_descriptors(void)
{
    DIR *fds = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(fds) != NULL)
        count++;
    closedir(fds);
    return count;
}

/* Every N. SILENT: at how many places at most a cut is no failure, because nothing was lost: at the end, and where
 * a connection ends that was idle, or before an answer begins, and is replaced. */
static void cut_everywhere(struct replay_peer *peer, const char *url, size_t silent)
{
    size_t total = replay_peer_bytes(peer), failures = 0, cuts = 0;
    char *path = strdup(getenv("PATH"));
    unsigned descriptors;

    setenv("PATH", "/nonexistent", 1); /* no git that would be asked each time what is configured */
    assert_int_equal(converse(url, SIZE_MAX), 0);
    replay_peer_settle(peer);
    descriptors = count_descriptors();
    for (size_t cut = 0; cut <= total; cut++) {
        unsigned failed;
        replay_peer_cut(peer, cut);
        failed = converse(url, cut);
        assert_true(failed <= 1);
        failures += failed;
        cuts += replay_peer_was_cut(peer);
    }
    print_message("%s: %zu bytes, %zu cuts, %zu failures\n", url, total, cuts, failures);
    assert_true(cuts > 0 && failures > 0 && failures + silent >= cuts);
    replay_peer_settle(peer);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    setenv("PATH", path, 1);
    free(path);
}

/* Records the exchange with a real server: KIND as for peer_start(). */
static void record(struct replay_peer *peer, const char *kind, bool speaks_first, char *url,
                   size_t size)
{
    struct peer server;
    const char *port;

    peer_start(&server, kind, peer_dir);
    port = strrchr(server.url, ':') + 1;
    replay_peer_record(peer, (unsigned)atoi(port));
    snprintf(url, size, "%s://127.0.0.1:%u/one.git", kind, peer->port);
    converse(url, SIZE_MAX);
    peer_stop(&server);
    replay_peer_play(peer, speaks_first);
}

static void cut__tcp(void **state)
{
    struct replay_peer peer;
    char url[256];

    (void)state;
    record(&peer, "git", false, url, sizeof(url));
    cut_everywhere(&peer, url, 3);
    replay_peer_stop(&peer);
}

static void cut__http(void **state)
{
    struct replay_peer peer;
    char url[256];

    (void)state;
    record(&peer, "http", false, url, sizeof(url));
    /* Each of the three requests is sent again when the connection ends within the line of the status. */
    cut_everywhere(&peer, url, 3 + 3 * sizeof("HTTP/1.1 200 OK\r\n"));
    replay_peer_stop(&peer);
}

static void cut__process(void **state)
{
    struct replay_peer peer;
    char url[256];

    (void)state;
    record(&peer, "git", true, url, sizeof(url));
    snprintf(url, sizeof(url), "ssh://there:%u/one.git", peer.port);
    replay_peer_be_ssh();
    cut_everywhere(&peer, url, 3);
    replay_peer_be_no_ssh();
    replay_peer_stop(&peer);
}

static int set_up(void **state)
{
    static const char *const names[] = {"main", "main^{tree}", "main:README"};

    peer_set_up(state);
    peer_shell("set -e; cd '%s'; git init -q -b main w; cd w; echo one >README; git add -A;"
               "git commit -qm one; cd ..; git clone -q --bare w one.git; rm -rf w",
               peer_dir);
    for (size_t i = 0; i < 3; i++) {
        char *hex = peer_output("git -C '%s/one.git' rev-parse '%s'", peer_dir, names[i]);
        assert_int_equal(trove_oid_from_hex(TROVE_SHA1, hex, strlen(hex), &ids[i]), 0);
        free(hex);
    }
    return failing_allocator_install();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut__tcp),
        cmocka_unit_test(cut__http),
        cmocka_unit_test(cut__process),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
