// SPDX-License-Identifier: MIT
/*
 * Goal: what git users set for HTTP outside of trove counts: proxies in the environment and in the configuration, limits of
 * speed; and a server that asks to come back later is asked three times more and no oftener.
 * Method: servers on loopback that play a script, as the proxy or as the server, and remember what they were sent.
 */
#include "wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trove/trove.h>

#define REFS_OK "HTTP/1.1 200 OK\r\n" PACK_TYPE "Content-Length: 4\r\n\r\n0000"
#define LS_REFS AFTER("symrefs\n0000")
#define BUSY "HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

/* A GET and a POST. */
static int talk(const char *url, const struct trove_until *until, struct trove_error *err)
{
    struct trove_git *git = NULL;
    int result;

    memset(err, 0, sizeof(*err));
    result = trove_git_open(url, NULL, until, &git, err);
    if (result == 0)
        result = trove_git_refs(git, NULL, wire_no_ref, NULL, until, err);
    trove_git_close(git);
    return result;
}

static int talk_to(const struct peer_step *steps, struct peer_script *script,
                   struct trove_error *err)
{
    char url[64];
    int result;

    peer_script_start(script, steps);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/x.git", script->port);
    result = talk(url, NULL, err);
    peer_script_stop(script);
    return result;
}

/* --- proxies ----------------------------------------------------------------------------------------------------- */

static const struct peer_step whole[] = {GET, SAY(GET_OK), LS_REFS, SAY(REFS_OK), CLOSE};

static void set_proxy(const char *variable, const char *userinfo, unsigned port)
{
    char text[128];

    snprintf(text, sizeof(text), "http://%s127.0.0.1:%u", userinfo, port);
    setenv(variable, text, 1);
}

/* Goal: http_proxy, all_proxy and http.proxy lead there; the server's name is not even looked up. */
static void settings__a_proxy(void **state)
{
    static const char *const variables[] = {"http_proxy", "all_proxy", NULL};
    struct peer_script proxy;
    struct trove_error err;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        peer_script_start(&proxy, whole);
        if (variables[i] != NULL)
            set_proxy(variables[i], "", proxy.port);
        else
            peer_config(peer_dir, "[http]\n\tproxy = http://127.0.0.1:%u\n", proxy.port);
        if (talk("http://repository.invalid/x.git", NULL, &err) != 0)
            fail_msg("%s", err.message);
        peer_script_stop(&proxy);
        assert_true(wire_sent(&proxy, "POST http://repository.invalid/x.git/git-upload-pack "));
        if (variables[i] != NULL)
            unsetenv(variables[i]);
    }
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* Goal: what no_proxy names is reached without, and what http.proxy says counts more than the environment. */
static void settings__not_that_proxy(void **state)
{
    static const struct peer_step nobody[] = {HANG, CLOSE};
    struct peer_script server, proxy;
    struct trove_error err;

    (void)state;
    peer_script_start(&proxy, nobody);
    set_proxy("http_proxy", "", proxy.port);
    setenv("no_proxy", "elsewhere.invalid,127.0.0.1", 1);
    assert_int_equal(talk_to(whole, &server, &err), 0);
    assert_true(wire_sent(&server, "POST /x.git/git-upload-pack "));
    setenv("no_proxy", "", 1);

    peer_script_start(&server, whole);
    peer_config(peer_dir, "[http]\n\tproxy = http://127.0.0.1:%u\n", server.port);
    assert_int_equal(talk("http://repository.invalid/x.git", NULL, &err), 0);
    peer_script_stop(&server);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    unsetenv("http_proxy");
    peer_script_stop(&proxy);
    assert_int_equal(proxy.connections, 0);
}

/* Goal: a proxy that wants a name and password gets those of its address, and no message holds them. */
static void settings__a_proxy_that_asks(void **state)
{
#define ASKS                                                                                       \
    "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"
    static const struct peer_step asks[] = {GET,     SAY(ASKS),    GET,  SAY(GET_OK),
                                            LS_REFS, SAY(REFS_OK), CLOSE};
    static const struct peer_step refuses[] = {GET, SAY(ASKS), GET, SAY(ASKS), CLOSE};
    struct peer_script proxy;
    struct trove_error err;

    (void)state;
    peer_script_start(&proxy, asks);
    set_proxy("http_proxy", "me:s3cret@", proxy.port);
    if (talk("http://repository.invalid/x.git", NULL, &err) != 0)
        fail_msg("%s", err.message);
    peer_script_stop(&proxy);
    assert_true(wire_sent(&proxy, "Proxy-Authorization: Basic bWU6czNjcmV0\r\n"));
    assert_false(wire_sent(&proxy, "\r\nAuthorization"));

    peer_script_start(&proxy, refuses);
    set_proxy("http_proxy", "me:s3cret@", proxy.port);
    assert_int_equal(talk("http://repository.invalid/x.git", NULL, &err), -EACCES);
    peer_script_stop(&proxy);
    assert_non_null(strstr(err.message, "the proxy asks"));
    assert_null(strstr(err.message, "s3cret"));
    unsetenv("http_proxy");
}

/* --- speed ------------------------------------------------------------------------------------------------------- */

/* Goal: http.lowSpeedLimit and http.lowSpeedTime, or the environment before them, are the limit of speed. */
static void settings__low_speed(void **state)
{
    static const struct peer_step drips[] = {GET, SAY(GET_OK), LS_REFS,
                                             DRIP("HTTP/1.1 200 OK\r\nX: aaaa"), CLOSE};
    struct peer_script script;
    struct trove_error err;

    (void)state;
    peer_config(peer_dir, "[http]\n\tlowSpeedLimit = 12345\n\tlowSpeedTime = 1\n");
    assert_int_equal(talk_to(drips, &script, &err), -ETIMEDOUT);
    if (strstr(err.message, "12345 bytes a second for 1 seconds") == NULL)
        fail_msg("%s", err.message);
    setenv("GIT_HTTP_LOW_SPEED_LIMIT", "54321", 1);
    assert_int_equal(talk_to(drips, &script, &err), -ETIMEDOUT);
    if (strstr(err.message, "54321 bytes a second for 1 seconds") == NULL)
        fail_msg("%s", err.message);
    unsetenv("GIT_HTTP_LOW_SPEED_LIMIT");
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* --- later ------------------------------------------------------------------------------------------------------- */

/* Goal: who asks to come back after a second is asked again after a second, three times; the fourth answer counts. */
static void settings__busy_three_times(void **state)
{
    static const struct peer_step enough[] = {GET,     SAY(GET_OK),  LS_REFS, SAY(BUSY),
                                              LS_REFS, SAY(BUSY),    LS_REFS, SAY(BUSY),
                                              LS_REFS, SAY(REFS_OK), CLOSE};
    static const struct peer_step too_often[] = {GET,       SAY(BUSY), GET,       SAY(BUSY), GET,
                                                 SAY(BUSY), GET,       SAY(BUSY), HANG,      CLOSE};
    struct peer_script script;
    struct trove_error err;
    int64_t start = trove_now_ns();

    (void)state;
    if (talk_to(enough, &script, &err) != 0)
        fail_msg("%s", err.message);
    assert_true(trove_now_ns() - start >= (int64_t)3 * 1000000000);
    start = trove_now_ns();
    assert_int_equal(talk_to(too_often, &script, &err), -EAGAIN);
    assert_true(trove_now_ns() - start >= (int64_t)3 * 1000000000);
    assert_non_null(strstr(err.message, "the server is busy (HTTP 429)"));
}

static void *cancel_soon(void *token)
{
    trove_cancel(token);
    return NULL;
}

/* Goal: neither the deadline nor a cancelled token waits for a server's word: a wait past the one is not begun, the other
 * ends it. */
static void settings__busy_within_the_deadline(void **state)
{
    static const struct peer_step later[] = {
        GET, SAY("HTTP/1.1 503 Busy\r\nRetry-After: 200\r\nContent-Length: 0\r\n\r\n"), HANG,
        CLOSE};
    struct trove_until until = trove_until_ms(100000, NULL);
    struct peer_script script;
    struct trove_error err;
    pthread_t thread;
    char url[64];
    int64_t start = trove_now_ns();

    (void)state;
    peer_script_start(&script, later);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/x.git", script.port);
    assert_int_equal(talk(url, &until, &err), -EAGAIN);
    assert_true(trove_now_ns() - start < (int64_t)100 * 1000000000);
    until.deadline_ns = TROVE_NO_DEADLINE;
    assert_int_equal(trove_cancel_create(&until.cancel), 0);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, until.cancel), 0);
    assert_int_equal(talk(url, &until, &err), -ECANCELED);
    pthread_join(thread, NULL);
    trove_cancel_unref(until.cancel);
    peer_script_stop(&script);
}

static int set_up(void **state)
{
    static const char *const proxies[] = {"http_proxy", "all_proxy", "ALL_PROXY"};

    peer_set_up(state);
    setenv("no_proxy", "", 1);
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
        unsetenv(proxies[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings__a_proxy),
        cmocka_unit_test(settings__not_that_proxy),
        cmocka_unit_test(settings__a_proxy_that_asks),
        cmocka_unit_test(settings__low_speed),
        cmocka_unit_test(settings__busy_three_times),
        cmocka_unit_test(settings__busy_within_the_deadline),
    };

    return cmocka_run_group_tests(tests, set_up, peer_tear_down);
}
