// SPDX-License-Identifier: MIT
/*
 * Goal: whichever of trove's own allocations fails, a session over a child process, TCP and HTTP ends with -ENOMEM or does
 * its work, and leaves neither memory nor a child behind.
 * Method: the n-th allocation fails, for every n until none is reached.
 */
#include "failing_allocator.h"
#include "fetch/session.h"
#include "wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int talk(const char *url, const struct trove_oid *id, bool refs, struct trove_error *err)
{
    const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                   .low_speed_seconds = 30};
    const struct trove__fetch_args args = {.wants = id, .want_count = 1, .depth = 1};
    const struct trove__fetch_events events = {.pack = wire_no_pack};
    struct trove__session *session = NULL;
    int result = trove__session_open(url, &options, NULL, &session, err);

    if (result == 0 && refs)
        result = trove__session_ls_refs(session, NULL, wire_no_ref, NULL, NULL, err);
    if (result == 0)
        result = trove__session_fetch(session, &args, &events, NULL, NULL, NULL, err);
    trove__session_close(session);
    return result;
}

static void fail_each(const char *url, const struct trove_oid *id, bool refs, unsigned at_least)
{
    unsigned n = 0;
    bool reached = true;

    while (reached) {
        struct trove_error err = {0};
        int result;

        failing_allocator_fail_at(++n);
        result = talk(url, id, refs, &err);
        reached = failing_allocator_stop();
        if (result != (reached ? -ENOMEM : 0) || (reached && err.code != -ENOMEM))
            fail_msg("%s: allocation %u: %d: %s", url, n, result, err.message);
        assert_int_equal(failing_allocator_live(), 0);
    }
    assert_true(n > at_least);
}

static void nomem__process(void **state)
{
    char url[256], *hex = peer_output("git -C '%s/one.git' rev-parse HEAD", peer_dir), *left;
    struct trove_oid id;

    (void)state;
    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, hex, 40, &id), 0);
    snprintf(url, sizeof(url), "%s/one.git", peer_dir);
    fail_each(url, &id, true, 8);
    snprintf(url, sizeof(url), "file://%s/one.git", peer_dir);
    fail_each(url, &id, true, 10);
    left = peer_output("ps -o pid= --ppid %d -o comm= | grep -c git || :", (int)getpid());
    assert_string_equal(left, "0");
    free(left);
    free(hex);
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

    (void)state;
    for (int i = 0; i < 2; i++) {
        peer_script_start(&script, i == 0 ? tcp : http);
        snprintf(url, sizeof(url), "%s://127.0.0.1:%u/x", i == 0 ? "git" : "http", script.port);
        fail_each(url, &id, false, 10);
        peer_script_stop(&script);
    }
}

static int set_up(void **state)
{
    peer_set_up_repository(state);
    return failing_allocator_install();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nomem__process),
        cmocka_unit_test(nomem__tcp_and_http),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
