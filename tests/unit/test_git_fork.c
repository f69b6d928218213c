// SPDX-License-Identifier: MIT
/*
 * test_git_fork.c - a child of fork() over a repository has connections of its own, and its parent's go on as if nothing had
 * happened; against real git, over each kind of connection.
 *
 * Mutants that die: a child that keeps its parent's descriptors (its count of them); that takes an idle connection of the
 * parent's (the parent opens another); that inherits the account of packs under way (it waits for ever); a fork that does not
 * wait for the locks (a child waits for one for ever, fork__anywhere).
 */
#include "fake_source.h"
#include "fetch/temp_file.h"
#include "in_child.h"
#include "peer.h"
#include "support.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <trove/trove.h>
#include <unistd.h>

#define FDS 256

static struct scene {
    struct trove_git *git;
    struct trove *cache;
    bool before[FDS]; /* descriptors that are none of trove's */
    bool is_http;
    pid_t parent;
    atomic_uint held;
    struct latch go;
} scene;

static struct trove_oid id_of(const char *revision)
{
    char *hex = peer_output("git -C '%s/one.git' rev-parse '%s'", peer_dir, revision);
    struct trove_oid id;

    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, hex, strlen(hex), &id), 0);
    free(hex);
    return id;
}

static int resolve(const struct trove_oid *id, enum trove_type type)
{
    struct trove_result result;
    struct trove_oid got;
    int r = trove_resolve(scene.cache, id, type, NULL, &result, NULL);

    if (r < 0)
        return r;
    got = trove_object_id(result.object);
    r = trove_oid_equal(&got, id) && trove_object_type(result.object) == type ? 0 : -EBADMSG;
    trove_unpin(result.object);
    return r;
}

static uint64_t connections(void)
{
    struct trove_git_stats stats;

    trove_git_stats(scene.git, &stats);
    return stats.connections;
}

static int ignore_ref(void *context, const struct trove_git_ref *ref)
{
    (void)context, (void)ref;
    return 0;
}

static int list_refs(void)
{
    return trove_git_refs(scene.git, NULL, ignore_ref, NULL, NULL, NULL);
}

/* --- descriptors -------------------------------------------------------------------------------------------------- */

static void note_descriptors(void)
{
    for (int fd = 0; fd < FDS; fd++) {
        struct stat found;
        scene.before[fd] = fstat(fd, &found) == 0;
    }
}

/* Whether FD leads to a server: pipes, sockets and processes. libcurl has pairs of sockets that lead nowhere. */
static bool is_connection(int fd)
{
    char path[64], name[64] = "";
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct stat found;

    if (fstat(fd, &found) != 0)
        return false;
    if (S_ISSOCK(found.st_mode))
        return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
               !(scene.is_http && address.ss_family == AF_UNIX);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (readlink(path, name, sizeof(name) - 1) < 0)
        return false;
    return (S_ISFIFO(found.st_mode) && !scene.is_http) || strstr(name, "pidfd") != NULL;
}

static unsigned count_connections(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < FDS; fd++)
        count += !scene.before[fd] && is_connection(fd);
    return count;
}

/* --- a scene ------------------------------------------------------------------------------------------------------ */

/* In the parent a request waits in the middle of its answer until it is told to go on. */
static void hold_pack(void *context, const struct trove_span *span)
{
    (void)context;
    if (strcmp(span->name, "pack") != 0 || getpid() != scene.parent)
        return;
    atomic_fetch_add(&scene.held, 1);
    latch_wait(&scene.go);
}

static void open_scene(const char *url, bool caches)
{
    struct trove_git_options git_options;
    struct trove_options options;
    struct trove_error err = {0};

    scene = (struct scene){
        .parent = getpid(), .is_http = strncmp(url, "http", 4) == 0, .go = LATCH_INIT};
    note_descriptors();
    trove_git_options_init(&git_options);
    git_options.max_inflight_bytes = 2 << 20; /* two requests have all of it */
    if (trove_git_open(url, &git_options, NULL, &scene.git, &err) != 0)
        fail_msg("%s", err.message);
    trove_options_init(&options);
    options.hash = trove_git_hash(scene.git);
    options.source = trove_git_source(scene.git);
    options.requests_at_once = 3;
    if (!caches)
        options.max_cached_percent = 0;
    assert_int_equal(trove_open(&options, &scene.cache, NULL), 0);
}

static int close_scene(void)
{
    trove_git_close(scene.git);
    return trove_close(scene.cache, NULL);
}

/* --- a request under way ------------------------------------------------------------------------------------------ */

struct asked {
    struct trove_oid blob, tree, commit, other;
};

static int use_in_child(void *context)
{
    const struct asked *asked = context;
    uint64_t before = connections();

    if (count_connections() != 0)
        return 1;
    if (resolve(&asked->commit, TROVE_COMMIT) != 0 || resolve(&asked->other, TROVE_BLOB) != 0)
        return 2;
    /* What the parent waits for the child asks for itself. */
    if (resolve(&asked->blob, TROVE_BLOB) != 0 || resolve(&asked->tree, TROVE_TREE) != 0)
        return 3;
    if (list_refs() != 0)
        return 4;
    if (connections() == before)
        return 5;
    if (close_scene() != 0)
        return 6;
    return count_connections() == 0 ? 0 : 7;
}

struct waiter {
    const struct trove_oid *id;
    enum trove_type type;
    int status;
};

static void *wait_for_one(void *argument)
{
    struct waiter *waiter = argument;

    waiter->status = resolve(waiter->id, waiter->type);
    return NULL;
}

/* Goal: with two requests in the middle of their answers and a connection idle, children fetch, list and close; then the two
 * are answered, and the parent needs no further connection. */
static void fork_over(const char *url, unsigned children)
{
    struct asked asked = {id_of("main:README"), id_of("main:src"), id_of("main"),
                          id_of("main:src/d1/file1.txt")};
    struct waiter waiters[] = {{&asked.blob, TROVE_BLOB, 1}, {&asked.tree, TROVE_TREE, 1}};
    const struct trove_subscriber subscriber = {.kinds = TROVE_SPAN_SOURCE, .start = hold_pack};
    pthread_t threads[2];
    unsigned number;
    uint64_t opened;

    open_scene(url, true);
    assert_int_equal(trove_subscribe(scene.cache, &subscriber, &number), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_one, &waiters[i]), 0);
    while (atomic_load(&scene.held) < 2)
        sched_yield();
    assert_int_equal(list_refs(), 0); /* with a third connection, which is idle then */
    opened = connections();
    assert_true(count_connections() > 0);
    for (unsigned i = 0; i < children; i++)
        assert_int_equal(in_child(use_in_child, &asked), 0);
    assert_int_equal(list_refs(), 0);
    latch_open(&scene.go);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(waiters[0].status, 0);
    assert_int_equal(waiters[1].status, 0);
    assert_int_equal(resolve(&asked.commit, TROVE_COMMIT), 0);
    assert_int_equal(resolve(&asked.other, TROVE_BLOB), 0);
    assert_int_equal(connections(), opened);
    assert_int_equal(trove_unsubscribe(scene.cache, number, NULL), 0);
    assert_int_equal(close_scene(), 0);
}

static void fork__local(void **state)
{
    char url[256];

    (void)state;
    snprintf(url, sizeof(url), "file://%s/one.git", peer_dir);
    fork_over(url, 3);
}

static void fork_over_server(const char *kind)
{
    struct peer server;
    char url[600];

    peer_start(&server, kind, peer_dir);
    if (server.ssh[0] != '\0')
        setenv("GIT_SSH_COMMAND", server.ssh, 1);
    if (server.ca[0] != '\0')
        setenv("GIT_SSL_CAINFO", server.ca, 1);
    snprintf(url, sizeof(url), "%sone.git", server.url);
    fork_over(url, 1);
    peer_isolate();
    peer_stop(&server);
}

static void fork__git_daemon(void **state)
{
    (void)state;
    fork_over_server("git");
}

static void fork__https(void **state)
{
    (void)state;
    fork_over_server("http --tls");
}

static void fork__ssh(void **state)
{
    (void)state;
    fork_over_server("ssh");
}

/* --- temporary files, and who forks in a call ----------------------------------------------------------------------- */

static int file_is_closed(void *context)
{
    const int *fd = context;

    return fcntl(*fd, F_GETFD) < 0 && errno == EBADF ? 0 : 1;
}

/* Goal: what a pack had no memory for does not stay on the disk as long as a child lives. */
static void fork__temporary_file(void **state)
{
    char url[256], byte = 0;
    int fd;

    (void)state;
    snprintf(url, sizeof(url), "%s/one.git", peer_dir);
    open_scene(url, true);
    assert_int_equal(trove__temp_file_open(&fd, NULL), 0);
    assert_int_equal(in_child(file_is_closed, &fd), 0);
    assert_int_equal(trove__temp_file_write(fd, 0, "x", 1, NULL), 0);
    assert_int_equal(trove__temp_file_read(fd, 0, &byte, 1, NULL), 0);
    assert_int_equal(byte, 'x');
    trove__temp_file_close(&fd);
    assert_int_equal(close_scene(), 0);
}

static int fork_in_callback(void *context, const struct trove_git_ref *ref)
{
    pid_t *child = context;

    (void)ref;
    if (*child < 0)
        *child = fork();
    return 0;
}

/* Goal: who forks in a callback gets an error in the child, whose connection is closed in the middle of an answer, and goes on;
 * the parent notices nothing. */
static void fork__in_a_call(void **state)
{
    char url[256];
    pid_t child = -1;
    int r, status;

    (void)state;
    /* More refs than are read at once. */
    peer_shell("cd '%s'; cp -r one.git many.git; cd many.git; id=$(git rev-parse main);"
               "seq 1 20000 | sed \"s|.*|$id refs/heads/a-branch-&|\" >>packed-refs",
               peer_dir);
    snprintf(url, sizeof(url), "%s/many.git", peer_dir);
    open_scene(url, true);
    r = trove_git_refs(scene.git, NULL, fork_in_callback, &child, NULL, NULL);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* the parent's tests do not go on here */
        _exit(r == 0 ? 1 : list_refs() != 0 ? 2 : close_scene() != 0 ? 3 : 0);
    }
    assert_int_equal(r, 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(list_refs(), 0);
    assert_int_equal(close_scene(), 0);
}

/* --- anywhere ----------------------------------------------------------------------------------------------------- */

#define FORKS 40 /* ten times as many with TROVE_LONG */

struct load {
    struct asked asked;
    atomic_uint end, turns, failed;
};

static void *load_requests(void *argument)
{
    struct load *load = argument;

    while (atomic_load(&load->end) == 0) {
        if (resolve(&load->asked.blob, TROVE_BLOB) != 0 || list_refs() != 0)
            atomic_fetch_add(&load->failed, 1);
        atomic_fetch_add(&load->turns, 1);
    }
    return NULL;
}

static void *load_locks(void *argument)
{
    struct load *load = argument;

    while (atomic_load(&load->end) == 0)
        (void)connections();
    return NULL;
}

static int ask_in_child(void *context)
{
    struct load *load = context;

    (void)connections();
    return resolve(&load->asked.blob, TROVE_BLOB) == 0 ? 0 : 1;
}

/* Goal: wherever the parent's threads are: no lock of theirs is left, and nothing that they hold is missing. */
static void fork__anywhere(void **state)
{
    struct load load = {.asked = {.blob = id_of("main:README")}};
    void *(*const mains[])(void *) = {load_requests, load_requests, load_locks};
    pthread_t threads[3];
    char url[256];

    (void)state;
    snprintf(url, sizeof(url), "%s/one.git", peer_dir);
    open_scene(url, false);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, mains[i], &load), 0);
    for (unsigned i = 0; i < FORKS * (test_long() ? 10 : 1); i++) {
        unsigned turns = atomic_load(&load.turns);

        while (atomic_load(&load.turns) == turns)
            sched_yield();
        assert_int_equal(in_child(ask_in_child, &load), 0);
    }
    atomic_store(&load.end, 1);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(load.failed, 0);
    assert_int_equal(close_scene(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork__local),          cmocka_unit_test(fork__git_daemon),
        cmocka_unit_test(fork__https),          cmocka_unit_test(fork__ssh),
        cmocka_unit_test(fork__temporary_file), cmocka_unit_test(fork__in_a_call),
#ifndef __SANITIZE_ADDRESS__ /* its allocator does not survive a fork() while another thread is in it */
        cmocka_unit_test(fork__anywhere),
#endif
    };
    (void)fork__anywhere;
    return cmocka_run_group_tests(tests, peer_set_up_repository, peer_tear_down);
}
