// SPDX-License-Identifier: MIT
/*
 * Goal: whichever of trove's own allocations fails, a session over a child process, ssh, TCP and HTTP, with a redirect, a
 * credential helper, settings for one address and a long body, ends with -ENOMEM, or does its whole work where the
 * allocation was for something that may be left out; and leaves neither memory nor a child behind.
 * Method: the n-th allocation fails, for every n until none is reached.
 */
#include "failing_allocator.h"
#include "fetch/logins.h"
#include "fetch/session.h"
#include "wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct row {
    const char *url;
    const struct trove_oid *ids;
    size_t id_count;
    bool refs;
    unsigned at_least; /* allocations */
    unsigned optional; /* of these, without which all goes well */
};

static int talk(const struct row *row, struct trove_error *err)
{
    struct trove__logins logins;
    const struct trove__session_options options = {
        .low_speed_bytes = 1000, .low_speed_seconds = 30, .logins = &logins};
    const struct trove__fetch_args args = {
        .wants = row->ids, .want_count = row->id_count, .depth = 1};
    const struct trove__fetch_events events = {.pack = wire_no_pack};
    struct trove__session *session = NULL;
    int result;

    trove__logins_init(&logins);
    result = trove__session_open(row->url, &options, NULL, &session, err);
    if (result == 0 && row->refs)
        result = trove__session_ls_refs(session, NULL, wire_no_ref, NULL, NULL, err);
    if (result == 0)
        result = trove__session_fetch(session, &args, &events, NULL, NULL, NULL, err);
    trove__session_close(session);
    trove__logins_deinit(&logins);
    return result;
}

static void fail_each(const struct row *row)
{
    unsigned n = 0, optional = 0;
    bool reached = true;

    while (reached) {
        struct trove_error err = {0};
        int result;

        failing_allocator_fail_at(++n);
        result = talk(row, &err);
        reached = failing_allocator_stop();
        optional += reached && result == 0;
        if (result != 0 && (!reached || result != -ENOMEM || err.code != -ENOMEM))
            fail_msg("%s: allocation %u: %d: %s", row->url, n, result, err.message);
        assert_int_equal(failing_allocator_live(), 0);
    }
    print_message("%s: %u allocations\n", row->url, n - 1);
    assert_true(n > row->at_least);
    assert_int_equal(optional, row->optional);
}

static void find_head(struct trove_oid *ret)
{
    char *hex = peer_output("git -C '%s/one.git' rev-parse HEAD", peer_dir);

    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, hex, 40, ret), 0);
    free(hex);
}

static void expect_no_child(void)
{
    char *left = peer_output("ps -o pid= --ppid %d -o comm= | grep -c git || :", (int)getpid());

    assert_string_equal(left, "0");
    free(left);
}

static void nomem__process(void **state)
{
    char url[256];
    struct trove_oid id;
    struct row row = {.url = url, .ids = &id, .id_count = 1, .refs = true, .at_least = 8};

    (void)state;
    find_head(&id);
    snprintf(url, sizeof(url), "%s/one.git", peer_dir);
    fail_each(&row);
    snprintf(url, sizeof(url), "file://%s/one.git", peer_dir);
    row.at_least = 10;
    fail_each(&row);
    expect_no_child();
}

/* An ssh of a name that nobody knows, so that it is asked what it takes, and that runs the command here. */
static void nomem__ssh(void **state)
{
    char url[256], command[256];
    struct trove_oid id;
    const struct row row = {.url = url, .ids = &id, .id_count = 1, .refs = true, .at_least = 15};

    (void)state;
    find_head(&id);
    peer_shell("cd '%s'; printf '#!/bin/sh\ntest \"$1\" = -G && exit 0\n"
               "while [ $# -gt 1 ]; do shift; done\neval \"exec $1\"\n' >there; chmod +x there",
               peer_dir);
    snprintf(command, sizeof(command), "'%s/there'", peer_dir);
    setenv("GIT_SSH_COMMAND", command, 1);
    snprintf(url, sizeof(url), "ssh://me@there:22%s/one.git", peer_dir);
    fail_each(&row);
    unsetenv("GIT_SSH_COMMAND");
    expect_no_child();
}

static void nomem__tcp_and_http(void **state)
{
    static const struct peer_step tcp[] = {AFTER("version=2"), SAY(CAPS), AFTER("done\n0000"),
                                           SAY(PACK), CLOSE};
    static const struct peer_step http[] = {GET, SAY(GET_OK), AFTER("done\n0000"), SAY(PACK_OK),
                                            CLOSE};
    const struct trove_oid id = {{1}};
    struct peer_script script;
    char url[64];
    const struct row row = {.url = url, .ids = &id, .id_count = 1, .at_least = 10};

    (void)state;
    for (int i = 0; i < 2; i++) {
        peer_script_start(&script, i == 0 ? tcp : http);
        snprintf(url, sizeof(url), "%s://127.0.0.1:%u/x", i == 0 ? "git" : "http", script.port);
        fail_each(&row);
        peer_script_stop(&script);
    }
}

/* The end of a zipped body is not to be seen: the client closes the connection. */
#define ANSWER_ZIPPED AFTER("Content-Encoding: gzip\r\n"), SAY(PACK_OK), HANG, CLOSE

/* So many ids that their request is zipped. */
enum { MANY = 40 };
static struct trove_oid many[MANY];

static void nomem__long_body(void **state)
{
    static const struct peer_step steps[] = {GET, SAY(GET_OK), ANSWER_ZIPPED};
    struct peer_script script;
    char url[64];
    const struct row row = {.url = url, .ids = many, .id_count = MANY, .at_least = 15};

    (void)state;
    peer_script_start(&script, steps);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", script.port);
    fail_each(&row);
    peer_script_stop(&script);
}

static void nomem__a_password_is_asked_for(void **state)
{
    static const struct peer_step steps[] = {
        GET,
        SAY("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"),
        GET,
        ALSO("Authorization: Basic bWU6cA==\r\n"),
        SAY(GET_OK),
        ANSWER_ZIPPED};
    struct peer_script script;
    char url[64];
    const struct row row = {.url = url,
                            .ids = many,
                            .id_count = MANY,
                            .at_least = 20,
                            .optional =
                                4}; /* a copy for other connections; to tell that it was right */

    (void)state;
    peer_config(peer_dir,
                "[credential]\n\thelper = \"!f() { echo username=me; echo password=p; }; f\"\n");
    peer_script_start(&script, steps);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", script.port);
    fail_each(&row);
    peer_script_stop(&script);
    expect_no_child();
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* What the user set for the new address counts, or all fails. */
static void nomem__a_redirect(void **state)
{
    static const struct peer_step target_steps[] = {
        GET, ALSO("User-Agent: me/1\r\n"), ALSO("X-Mine: 1\r\n"), SAY(GET_OK), ANSWER_ZIPPED};
    struct peer_script script, target;
    char answer[512], url[64];
    struct peer_step steps[] = {GET, {PEER_SEND, answer, 0}, CLOSE};
    const struct row row = {.url = url, .ids = many, .id_count = MANY, .at_least = 40};

    (void)state;
    peer_script_start(&target, target_steps);
    steps[1].size = (size_t)snprintf(answer, sizeof(answer),
                                     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/new"
                                     "/info/refs?service=git-upload-pack\r\n"
                                     "Content-Length: 0\r\n\r\n",
                                     target.port);
    peer_script_start(&script, steps);
    peer_config(peer_dir,
                "[http]\n\textraHeader = X-Other: 1\n\tuserAgent = other/1\n"
                "[http \"http://127.0.0.1:%u/new\"]\n\textraHeader = X-Mine: 1\n"
                "\tuserAgent = me/1\n"
                "[url \"http://127.0.0.1:%u/\"]\n\tinsteadOf = short:\n",
                target.port, script.port);
    snprintf(url, sizeof(url), "short:x");
    fail_each(&row);
    peer_script_stop(&script);
    peer_script_stop(&target);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

static int set_up(void **state)
{
    peer_set_up_repository(state);
    for (uint8_t i = 0; i < MANY; i++)
        many[i] = (struct trove_oid){{1, i}};
    return failing_allocator_install();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nomem__process),
        cmocka_unit_test(nomem__ssh),
        cmocka_unit_test(nomem__tcp_and_http),
        cmocka_unit_test(nomem__long_body),
        cmocka_unit_test(nomem__a_password_is_asked_for),
        cmocka_unit_test(nomem__a_redirect),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
