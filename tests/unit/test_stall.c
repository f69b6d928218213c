// SPDX-License-Identifier: MIT
/*
 * Goal: a server that hangs or drips at any stage of a conversation ends at the low-speed limit, on every transport; so do
 * deadline and cancel token, without waiting for it.
 * Method: an ssh of our own leads to the same servers as TCP does; real servers, a local one among them, stop where
 * `git pack-objects` does, before its first byte and after some. The others are servers on loopback that stop or drip where a table says, all at once, each with a session of its own; what
 * drips is valid (keepalives, progress, capabilities, pack bytes), so that only its slowness can be the reason.
 */
#include "fetch/session.h"
#include "replay_peer.h"
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define A "1111111111111111111111111111111111111111"
#define REF "0041" A " refs/heads/mainmain\n"
#define HEADER "000dpackfile\n"
#define KEEPALIVE "0005\1"
#define PROGRESS "000c\2so far\n"
#define PACK_START "0009\1PACK"
#define HTTP_POST "HTTP/1.1 200 OK\r\n" PACK_TYPE "Content-Length: 100000\r\n\r\n"

static const struct {
    const char *name, *scheme;
    struct peer_step steps[6];
} cases[] = {
    {"git: no capabilities", "git", {AFTER("version=2"), HANG}},
    {"git: capabilities drip",
     "git",
     {AFTER("version=2"), SAY("000eversion 2\n"), DRIP("0006x\n")}},
    {"git: no refs", "git", {AFTER("version=2"), SAY(CAPS), AFTER("0000"), HANG}},
    {"git: refs drip", "git", {AFTER("version=2"), SAY(CAPS), AFTER("0000"), DRIP(REF)}},
    {"git: no pack", "git", {AFTER("version=2"), SAY(CAPS), AFTER("done\n0000"), HANG}},
    {"git: keepalives",
     "git",
     {AFTER("version=2"), SAY(CAPS), AFTER("done\n0000"), SAY(HEADER), DRIP(KEEPALIVE)}},
    {"git: progress",
     "git",
     {AFTER("version=2"), SAY(CAPS), AFTER("done\n0000"), SAY(HEADER), DRIP(PROGRESS)}},
    {"git: mid pack",
     "git",
     {AFTER("version=2"), SAY(CAPS), AFTER("done\n0000"), SAY(HEADER PACK_START), HANG}},
    {"git: pack drips",
     "git",
     {AFTER("version=2"), SAY(CAPS), AFTER("done\n0000"), SAY(HEADER), DRIP(PACK_START)}},
    {"http: no answer", "http", {AFTER("\r\n\r\n"), HANG}},
    {"http: header drips",
     "http",
     {AFTER("\r\n\r\n"), DRIP("HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaa")}},
    {"http: capabilities drip",
     "http",
     {AFTER("\r\n\r\n"),
      SAY("HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n"
          "000eversion 2\n"),
      DRIP("0006x\n")}},
    {"http: no pack", "http", {AFTER("\r\n\r\n"), SAY(GET_OK), AFTER("done\n0000"), HANG}},
    {"http: keepalives",
     "http",
     {AFTER("\r\n\r\n"), SAY(GET_OK), AFTER("done\n0000"), SAY(HTTP_POST HEADER), DRIP(KEEPALIVE)}},
    {"http: mid pack",
     "http",
     {AFTER("\r\n\r\n"), SAY(GET_OK), AFTER("done\n0000"), SAY(HTTP_POST HEADER PACK_START), HANG}},
    {"https: no handshake", "https", {HANG}},
    {"https: handshake drips", "https", {DRIP("\x16\x03\x03\x3f\xff\x02")}},
    {"ssh: no capabilities", "ssh", {HANG}},
    {"ssh: capabilities drip", "ssh", {SAY("000eversion 2\n"), DRIP("0006x\n")}},
    {"ssh: no refs", "ssh", {SAY(CAPS), AFTER("0000"), HANG}},
    {"ssh: no pack", "ssh", {SAY(CAPS), AFTER("done\n0000"), HANG}},
    {"ssh: keepalives", "ssh", {SAY(CAPS), AFTER("done\n0000"), SAY(HEADER), DRIP(KEEPALIVE)}},
    {"ssh: mid pack", "ssh", {SAY(CAPS), AFTER("done\n0000"), SAY(HEADER PACK_START), HANG}},
};
#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

struct run {
    pthread_t thread;
    size_t number;
    struct peer_script script;
    char url[64];
    struct trove__session_options options;
    struct trove_until until;
    struct trove_cancel *cancel_on_progress;
    int result;
    int64_t elapsed_ns;
    struct trove_error err;
};

static void on_progress(void *context, const char *text, size_t size)
{
    struct run *run = context;

    (void)text, (void)size;
    if (run->cancel_on_progress != NULL)
        trove_cancel(run->cancel_on_progress);
}

static void *run_case(void *argument)
{
    struct run *run = argument;
    struct trove__session *session = NULL;
    const struct trove_oid id = {{1}};
    const struct trove__fetch_args args = {.wants = &id, .want_count = 1, .progress = true};
    const struct trove__fetch_events events = {
        .context = run, .pack = wire_no_pack, .progress = on_progress};
    int64_t start = trove_now_ns();

    run->result = trove__session_open(run->url, &run->options, &run->until, &session, &run->err);
    if (run->result == 0 && strstr(cases[run->number].name, "refs") != NULL)
        run->result =
            trove__session_ls_refs(session, NULL, wire_no_ref, NULL, &run->until, &run->err);
    else if (run->result == 0)
        run->result =
            trove__session_fetch(session, &args, &events, &run->until, NULL, NULL, &run->err);
    trove__session_close(session);
    run->elapsed_ns = trove_now_ns() - start;
    return NULL;
}

static void start_run(struct run *run, size_t number)
{
    run->number = number;
    peer_script_start(&run->script, cases[number].steps);
    snprintf(run->url, sizeof(run->url), "%s://127.0.0.1:%u/x", cases[number].scheme,
             run->script.port);
    assert_int_equal(pthread_create(&run->thread, NULL, run_case, run), 0);
}

static void end_run(struct run *run)
{
    pthread_join(run->thread, NULL);
    peer_script_stop(&run->script);
}

static void stall__every_stage_ends_at_the_limit(void **state)
{
    static struct run runs[CASE_COUNT];

    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        runs[i].options =
            (struct trove__session_options){.low_speed_bytes = 1000, .low_speed_seconds = 1};
        runs[i].until = trove_until_ms(-1, NULL);
        start_run(&runs[i], i);
    }
    for (size_t i = 0; i < CASE_COUNT; i++)
        end_run(&runs[i]);
    for (size_t i = 0; i < CASE_COUNT; i++)
        if (runs[i].result != -ETIMEDOUT || strstr(runs[i].err.message, "too slow") == NULL ||
            runs[i].elapsed_ns < 900000000)
            fail_msg("%s: %d after %lld ns: %s", cases[i].name, runs[i].result,
                     (long long)runs[i].elapsed_ns, runs[i].err.message);
}

static void stall__every_stage_ends_at_the_deadline(void **state)
{
    static struct run runs[CASE_COUNT];

    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        runs[i].options =
            (struct trove__session_options){.low_speed_bytes = 0, .low_speed_seconds = 0};
        runs[i].until = trove_until_ms(500, NULL);
        start_run(&runs[i], i);
    }
    for (size_t i = 0; i < CASE_COUNT; i++)
        end_run(&runs[i]);
    for (size_t i = 0; i < CASE_COUNT; i++)
        if (runs[i].result != -ETIMEDOUT || strstr(runs[i].err.message, "deadline") == NULL)
            fail_msg("%s: %d: %s", cases[i].name, runs[i].result, runs[i].err.message);
}

/* Cancelled in the middle of an answer, at a moment that the answer itself decides. */
static void stall__cancelled(void **state)
{
    static const char *const names[] = {"git: progress"};
    struct run run = {0};

    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        if (strcmp(cases[i].name, names[0]) != 0)
            continue;
        assert_int_equal(trove_cancel_create(&run.cancel_on_progress), 0);
        run.until = trove_until_ms(-1, run.cancel_on_progress);
        start_run(&run, i);
        end_run(&run);
        assert_int_equal(run.result, -ECANCELED);
        trove_cancel_unref(run.cancel_on_progress);
    }
}

/* A socket of our own on loopback, that does not listen yet. */
static int bound_socket(struct sockaddr_in *ret_address)
{
    socklen_t length = sizeof(*ret_address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &length), 0);
    return fd;
}

/* No session with ADDRESS, where fewer than 1000 bytes a second are too slow after SECONDS; why has WORDS, or if
 * that is NULL the address. */
static void open_fails(const char *scheme, const struct sockaddr_in *address, uint32_t seconds,
                       int code, const char *words)
{
    const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                   .low_speed_seconds = seconds};
    struct trove__session *session = NULL;
    struct trove_error err = {0};
    char url[64];

    snprintf(url, sizeof(url), "%s://127.0.0.1:%u/x", scheme, ntohs(address->sin_port));
    assert_int_equal(trove__session_open(url, &options, NULL, &session, &err), code);
    assert_non_null(strstr(err.message, words != NULL ? words : url));
}

/* A listener whose queue is full lets no connection through: the connecting itself hangs. */
static void stall__connecting(void **state)
{
    struct sockaddr_in address;
    int listener = bound_socket(&address), fill[8];

    (void)state;
    assert_int_equal(listen(listener, 0), 0);
    for (int i = 0; i < 8; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], (struct sockaddr *)&address, sizeof(address));
    }
    open_fails("git", &address, 1, -ETIMEDOUT, "too slow");
    open_fails("http", &address, 1, -ETIMEDOUT, "too slow");
    for (int i = 0; i < 8; i++)
        close(fill[i]);
    close(listener);
}

/* A socket that is bound and does not listen: its port refuses, and nobody else can take it. */
static void stall__nobody_there(void **state)
{
    struct sockaddr_in address;
    int silent = bound_socket(&address);

    (void)state;
    open_fails("git", &address, 30, -ECONNREFUSED, NULL);
    open_fails("http", &address, 30, -ECONNREFUSED, NULL);
    close(silent);
}

/* --- real servers ------------------------------------------------------------------------------------------------ */

/* One fetch from a real server whose pack stops. */
struct real_run {
    pthread_t thread;
    char url[600];
    struct trove_oid id;
    uint32_t low_speed_seconds;
    int64_t timeout_ms;
    int result;
    size_t got;
    struct trove_error err;
};

static void *run_real(void *argument)
{
    struct real_run *run = argument;
    const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                   .low_speed_seconds = run->low_speed_seconds};
    const struct trove_until until = trove_until_ms(run->timeout_ms, NULL);
    const struct trove__fetch_args args = {.wants = &run->id, .want_count = 1, .depth = 1};
    const struct trove__fetch_events events = {.context = &run->got, .pack = wire_count_pack};
    struct trove__session *session = NULL;

    run->result = trove__session_open(run->url, &options, NULL, &session, &run->err);
    if (run->result == 0)
        run->result = trove__session_fetch(session, &args, &events, &until, NULL, NULL, &run->err);
    trove__session_close(session);
    return NULL;
}

/* Every kind of server at once; BYTES of the pack come, then nothing. */
static void stop_after(const char *dir, unsigned bytes)
{
    static const char *const kinds[] = {"git", "http", "http --tls"};
    enum { KINDS = 3, RUNS = 2 * (KINDS + 1) };
    static struct real_run runs[RUNS];
    struct peer peers[KINDS];
    char *head = peer_output("git -C '%s/one.git' rev-parse HEAD", dir), options[600];

    peer_shell(
        "printf '#!/bin/sh\n\"$@\" | head -c %u\nexec sleep 1000\n' >'%s/hook';"
        "chmod +x '%s/hook'; printf '[uploadpack]\n\tpackObjectsHook = %s/hook\n' >'%s/config'",
        bytes, dir, dir, dir, dir);
    snprintf(options, sizeof(options), "%s/config", dir);
    setenv("GIT_CONFIG_GLOBAL", options, 1);
    for (size_t i = 0; i < RUNS; i++) {
        struct real_run *run = &runs[i];
        size_t kind = i / 2;

        if (i % 2 == 0 && kind < KINDS) {
            snprintf(options, sizeof(options), "%s --hook %s/hook", kinds[kind], dir);
            peer_start(&peers[kind], options, dir);
            if (peers[kind].ca[0] != '\0')
                setenv("GIT_SSL_CAINFO", peers[kind].ca, 1);
        }
        memset(run, 0, sizeof(*run));
        snprintf(run->url, sizeof(run->url), "%s%sone.git", kind < KINDS ? peers[kind].url : dir,
                 kind < KINDS ? "" : "/");
        assert_int_equal(trove_oid_from_hex(TROVE_SHA1, head, strlen(head), &run->id), 0);
        run->low_speed_seconds = i % 2 == 0 ? 1 : 0;
        run->timeout_ms = i % 2 == 0 ? -1 : 500;
    }
    for (size_t i = 0; i < RUNS; i++)
        assert_int_equal(pthread_create(&runs[i].thread, NULL, run_real, &runs[i]), 0);
    for (size_t i = 0; i < RUNS; i++)
        pthread_join(runs[i].thread, NULL);
    for (size_t i = 0; i < KINDS; i++)
        peer_stop(&peers[i]);
    for (size_t i = 0; i < RUNS; i++)
        if (runs[i].result != -ETIMEDOUT || runs[i].got > bytes ||
            strstr(runs[i].err.message, i % 2 == 0 ? "too slow" : "deadline") == NULL)
            fail_msg("%s: %d: %s", runs[i].url, runs[i].result, runs[i].err.message);
    unsetenv("GIT_SSL_CAINFO");
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    free(head);
}

static void stall__real_servers(void **state)
{
    char *dir = peer_make_dir();

    (void)state;
    peer_make_repository(dir, "one.git", "sha1");
    stop_after(dir, 0);
    stop_after(dir, 1000);
    peer_remove_dir(dir);
}

static int set_up(void **state)
{
    (void)state;
    peer_isolate();
    replay_peer_be_ssh();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stall__every_stage_ends_at_the_limit),
        cmocka_unit_test(stall__every_stage_ends_at_the_deadline),
        cmocka_unit_test(stall__cancelled),
        cmocka_unit_test(stall__connecting),
        cmocka_unit_test(stall__nobody_there),
        cmocka_unit_test(stall__real_servers),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
