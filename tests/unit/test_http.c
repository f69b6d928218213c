// SPDX-License-Identifier: MIT
/*
 * Goal: HTTP as git users have it: what is sent and to whom, what a strange answer means, names and passwords, redirects,
 * busy servers, configuration. No password in a message, none to another host or port.
 * Method: servers on loopback that play a script and remember what they were sent; lighttpd with git http-backend where
 * names and passwords are judged by a real server.
 */
#include "fetch/credential.h"
#include "fetch/session.h"
#include "source_peer.h"
#include "wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define POST AFTER("done\n0000")

static const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                      .low_speed_seconds = 30};

/* Opens and fetches WANTS ids; the first failure. */
static int talk(const char *url, size_t wants, const struct trove_until *until,
                struct trove__session_stats *ret_stats, struct trove_error *err)
{
    struct trove__session *session = NULL;
    static struct trove_oid ids[1000];
    const struct trove__fetch_args args = {.wants = ids, .want_count = wants};
    size_t size = 0;
    const struct trove__fetch_events events = {.context = &size, .pack = wire_count_pack};
    int result = trove__session_open(url, &options, until, &session, err);

    for (size_t i = 0; i < 1000; i++)
        ids[i] = (struct trove_oid){{1, (uint8_t)i, (uint8_t)(i >> 8)}};
    if (result == 0 && wants > 0)
        result = trove__session_fetch(session, &args, &events, until, NULL, NULL, err);
    if (result == 0 && wants > 0)
        assert_int_equal(size, 4);
    if (result == 0 && ret_stats != NULL)
        trove__session_stats(session, ret_stats);
    trove__session_close(session);
    return result;
}

/* The outcome of a conversation with a server that plays STEPS. */
static int play(const struct peer_step *steps, const char *userinfo, size_t wants,
                struct peer_script *script, struct trove_error *err)
{
    char url[256];
    int result;

    peer_script_start(script, steps);
    snprintf(url, sizeof(url), "http://%s127.0.0.1:%u/x.git", userinfo, script->port);
    memset(err, 0, sizeof(*err));
    result = talk(url, wants, NULL, NULL, err);
    peer_script_stop(script);
    return result;
}

static void expect(const struct peer_step *steps, size_t wants, int code, const char *words)
{
    struct peer_script script;
    struct trove_error err;
    int result = play(steps, "", wants, &script, &err);

    if (result != code || strstr(err.message, words) == NULL)
        fail_msg("%d instead of %d: '%s' is not in '%s'", result, code, words, err.message);
}
#define EXPECT(code, words, wants, ...)                                                            \
    expect((const struct peer_step[]){__VA_ARGS__, CLOSE}, wants, code, words)

static void http__strange_answers(void **state)
{
    (void)state;
    EXPECT(
        -EIO, "HTTP 404 (no such repository): try \\x1b[1m elsewhere", 0, GET,
        SAY("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\ntry \x1b[1m elsewhere\n"));
    EXPECT(-EACCES, "HTTP 403 (forbidden)", 0, GET,
           SAY("HTTP/1.1 403 No\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"));
    EXPECT(-EIO, "HTTP 500", 0, GET, SAY("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"));
    EXPECT(-EPROTO, "text/html", 0, GET,
           SAY("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin"));
    EXPECT(-EPROTO, "not an answer of a git server", 0, GET,
           SAY("HTTP/1.1 200 OK\r\nContent-Length: 55\r\n\r\n" CAPS));
    EXPECT(-ENOTSUP, "version 0", 0, GET,
           SAY("HTTP/1.1 200 OK\r\n" CAPS_TYPE "\r\n001e# service=git-upload-pack\n0000"
               "0043"
               "1111111111111111111111111111111111111111 refs/heads/a\0agent=git\n"));
    EXPECT(-EIO, "ended early", 0, GET,
           SAY("HTTP/1.1 200 OK\r\n" CAPS_TYPE "Content-Length: 14\r\n\r\n000eversion 2\n"));
    EXPECT(-EPROTO, "behind its end", 0, GET,
           SAY("HTTP/1.1 200 OK\r\n" CAPS_TYPE "Content-Length: 59\r\n\r\n" CAPS "0000"));
    EXPECT(-ECONNRESET, "", 0, GET, CLOSE);
    EXPECT(-EIO, "HTTP/0.9", 0, GET, SAY("garbage\r\n\r\n"));
    EXPECT(0, "", 1, GET, SAY(GET_OK), POST, SAY(PACK_OK));
}

static void http__answers_cut_short(void **state)
{
    (void)state;
    /* Fewer bytes than announced; chunks without an end; all of them, and no end of the protocol's. */
    EXPECT(-ECONNRESET, "", 1, GET, SAY(GET_OK), POST,
           SAY("HTTP/1.1 200 OK\r\n" PACK_TYPE "Content-Length: 100\r\n\r\n" PACK));
    EXPECT(-ECONNRESET, "", 1, GET, SAY(GET_OK), POST,
           SAY("HTTP/1.1 200 OK\r\n" PACK_TYPE
               "Transfer-Encoding: chunked\r\n\r\nd\r\n000dpackfile\n\r\n"));
    EXPECT(
        -EIO, "ended early", 1, GET, SAY(GET_OK), POST,
        SAY("HTTP/1.1 200 OK\r\n" PACK_TYPE "Content-Length: 22\r\n\r\n000dpackfile\n0009\1PACK"));
    EXPECT(-EIO, "ended early", 1, GET, SAY(GET_OK), POST,
           SAY("HTTP/1.1 200 OK\r\n" PACK_TYPE "Content-Length: 0\r\n\r\n"));
    EXPECT(-EIO, "HTTP 302", 1, GET, SAY(GET_OK), POST,
           SAY("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"));
}

/* A body of 120 MB in 120 KB of gzip is given up early, at the limit of capabilities: libcurl would hold 64 MiB of it. */
static void http__gzip_bomb(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n" CAPS_TYPE "Content-Encoding: gzip\r\n\r\n";
    struct trove__bytes bytes = {0};
    z_stream stream = {0};
    static uint8_t block[6 * 10000], out[1 << 20];
    struct peer_step steps[] = {GET, SAY(head), {PEER_SEND, out, 0}, {PEER_HANG, NULL, 0}, CLOSE};

    (void)state;
    for (size_t i = 0; i < sizeof(block); i += 6)
        memcpy(block + i, "0006x\n", 6);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
    stream.next_out = out;
    stream.avail_out = sizeof(out);
    stream.next_in = (Bytef *)(uintptr_t) "000eversion 2\n";
    stream.avail_in = 14;
    assert_int_equal(deflate(&stream, Z_NO_FLUSH), Z_OK);
    for (int i = 0; i < 2000; i++) {
        stream.next_in = block;
        stream.avail_in = sizeof(block);
        assert_int_equal(deflate(&stream, Z_NO_FLUSH), Z_OK);
    }
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    steps[2].size = sizeof(out) - stream.avail_out;
    deflateEnd(&stream);
    expect(steps, 0, -EFBIG, "without end");
    trove__bytes_free(&bytes);
}

/* --- what is sent ------------------------------------------------------------------------------------------------ */

static void http__requests(void **state)
{
    static const struct peer_step get[] = {GET, SAY("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
                                           CLOSE};
    static const struct peer_step post[] = {
        GET, SAY(GET_OK), POST, SAY("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), CLOSE};
    /* A zipped body: its end is not to be seen, so the answer comes when its length does. */
    static const struct peer_step zipped[] = {GET, SAY(GET_OK), AFTER("Content-Encoding: gzip\r\n"),
                                              SAY("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
                                              CLOSE};
    struct peer_script script;
    struct trove_error err;

    (void)state;
    assert_int_equal(play(get, "", 0, &script, &err), -EIO);
    assert_true(wire_sent(&script, "GET /x.git/info/refs?service=git-upload-pack HTTP/1.1\r\n"));
    assert_true(wire_sent(&script, "Git-Protocol: version=2\r\n"));
    assert_true(wire_sent(&script, "User-Agent: git/"));
    assert_false(wire_sent(&script, "Authorization"));
    assert_int_equal(play(post, "", 1, &script, &err), -EIO);
    assert_true(wire_sent(&script, "POST /x.git/git-upload-pack HTTP/1.1\r\n"));
    assert_true(wire_sent(&script, "Git-Protocol: version=2\r\n"));
    assert_true(wire_sent(&script, "Content-Type: application/x-git-upload-pack-request\r\n"));
    assert_true(wire_sent(&script, "Content-Length: "));
    assert_false(wire_sent(&script, "Expect") || wire_sent(&script, "Transfer-Encoding") ||
                 wire_sent(&script, "Content-Encoding"));
    assert_int_equal(play(zipped, "", 1000, &script, &err), -EIO);
    assert_true(wire_sent(&script, "Content-Encoding: gzip\r\n"));
    assert_true(wire_sent(&script, "Content-Length: "));
    assert_false(wire_sent(&script, "Expect") || wire_sent(&script, "Transfer-Encoding"));
}

static void http__configuration(void **state)
{
    static const struct peer_step get[] = {GET, SAY("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
                                           CLOSE};
    struct peer_script script;
    struct trove_error err;

    (void)state;
    peer_config(peer_dir, "[http]\n\textraHeader = X-All: 1\n\tuserAgent = me/1\n"
                          "[http \"http://127.0.0.1/\"]\n\textraHeader = X-Port: 1\n"
                          "[http \"http://*.0.0.1:80/\"]\n\tuserAgent = no/1\n"
                          "[http \"http://elsewhere/\"]\n\textraHeader = X-Other: 1\n");
    assert_int_equal(play(get, "", 0, &script, &err), -EIO);
    assert_true(wire_sent(&script, "X-All: 1\r\n") && wire_sent(&script, "User-Agent: me/1\r\n"));
    assert_false(wire_sent(&script, "X-Port") || wire_sent(&script, "X-Other"));

    peer_script_start(&script, get);
    peer_config(peer_dir,
                "[http \"http://127.0.0.1:%u/\"]\n\textraHeader = X-Mine: 1\n"
                "[http \"http://127.0.0.1:%u/y\"]\n\textraHeader = X-Path: 1\n"
                "[url \"http://127.0.0.1:%u/\"]\n\tinsteadOf = short:\n",
                script.port, script.port, script.port);
    assert_int_equal(talk("short:x.git", 0, NULL, NULL, &err), -EIO);
    peer_script_stop(&script);
    assert_true(wire_sent(&script, "GET /x.git/info/refs"));
    assert_true(wire_sent(&script, "X-Mine: 1\r\n"));
    assert_false(wire_sent(&script, "X-Path"));
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* --- redirects --------------------------------------------------------------------------------------------------- */

static void redirect_to(const char *location, const char *userinfo, struct peer_script *script,
                        int code, const char *words)
{
    char answer[512];
    struct peer_step steps[] = {GET, {PEER_SEND, answer, 0}, CLOSE};
    struct trove_error err;
    int result;

    /* It says that it closes: else the next request may meet the closing of this connection. */
    steps[1].size = (size_t)snprintf(answer, sizeof(answer),
                                     "HTTP/1.1 302 Found\r\nLocation: %s\r\nConnection: close\r\n"
                                     "Content-Length: 0\r\n\r\n",
                                     location);
    result = play(steps, userinfo, 0, script, &err);
    if (result != code || strstr(err.message, words) == NULL)
        fail_msg("%s: %d instead of %d: '%s' is not in '%s'", location, result, code, words,
                 err.message);
}

#define TAIL "/info/refs?service=git-upload-pack"

static void http__redirects_refused(void **state)
{
    struct peer_script script;

    (void)state;
    redirect_to("file:///etc/passwd", "", &script, -EIO, "no repository");
    redirect_to("file:///etc" TAIL, "", &script, -EIO, "the server redirects");
    redirect_to("git://127.0.0.1/x" TAIL, "", &script, -EIO, "the server redirects");
    redirect_to("ssh://127.0.0.1/x" TAIL, "", &script, -EIO, "the server redirects");
    redirect_to("ext://x/y" TAIL, "", &script, -EINVAL, "scheme");
    redirect_to("http://127.0.0.1:1/login", "", &script, -EIO, "no repository");
    redirect_to("http://-x/y" TAIL, "", &script, -EINVAL, "'-'");
    redirect_to("/x.git" TAIL, "", &script, -EIO, "HTTP 302"); /* in circles */
    assert_true(script.connections <= 11);
    peer_config(peer_dir, "[http]\n\tfollowRedirects = false\n");
    redirect_to("http://127.0.0.1:1/x" TAIL, "", &script, -EIO, "followRedirects");
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* To another port: the new address is kept for what follows, and nothing secret goes there. */
static void http__redirect_to_another_port(void **state)
{
    static const struct peer_step target_steps[] = {GET, SAY(GET_OK), POST, SAY(PACK_OK), CLOSE};
    struct peer_script script, target;
    struct trove__session_stats stats;
    char answer[512], url[256];
    struct peer_step steps[] = {GET, {PEER_SEND, answer, 0}, CLOSE};
    struct trove_error err;

    (void)state;
    peer_shell("printf '127.0.0.1\\tFALSE\\t/\\tFALSE\\t0\\tbiscuit\\tsecret\\n' >%s/cookies",
               peer_dir);
    peer_config(peer_dir, "[http]\n\textraHeader = X-Secret: 1\n\tcookieFile = %s/cookies\n",
                peer_dir);
    peer_script_start(&target, target_steps);
    steps[1].size = (size_t)snprintf(answer, sizeof(answer),
                                     "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:%u/new" TAIL
                                     "\r\nSet-Cookie: first=1\r\nContent-Length: 0\r\n\r\n",
                                     target.port);
    peer_script_start(&script, steps);
    snprintf(url, sizeof(url), "http://me:s3cret@127.0.0.1:%u/x.git", script.port);
    if (talk(url, 1, NULL, &stats, &err) != 0)
        fail_msg("%s", err.message);
    peer_script_stop(&script);
    peer_script_stop(&target);
    assert_true(wire_sent(&script, "X-Secret") && wire_sent(&script, "Cookie: biscuit=secret"));
    assert_true(wire_sent(&target, "POST /new/git-upload-pack"));
    assert_false(wire_sent(&target, "X-Secret") || wire_sent(&target, "Authorization") ||
                 wire_sent(&target, "Cookie"));
    assert_int_equal(stats.round_trips, 3);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

/* The name and password that the old host wanted are not given to a new one that asks for some. */
static void http__redirect_to_one_who_asks(void **state)
{
    static const struct peer_step target_steps[] = {
        GET,
        SAY("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"),
        GET, CLOSE};
    struct peer_script script, target;
    char location[256];

    (void)state;
    peer_script_start(&target, target_steps);
    snprintf(location, sizeof(location), "http://a:b@127.0.0.1:%u/x" TAIL, target.port);
    redirect_to(location, "me:s3cret@", &script, -EACCES, "name and password");
    peer_script_stop(&target);
    assert_false(wire_sent(&target, "Authorization"));
    assert_int_equal(target.connections, 1);
}

/* --- connections that end ---------------------------------------------------------------------------------------- */

/* Goal: a request is sent once more when its connection ended before a byte of the answer: a server closes what was idle for
 * its taste, also right when we write. Not twice, and not when the answer had begun. */
static void http__unheard(void **state)
{
    static const struct peer_step once[] = {GET, LEAVE_FIRST, SAY(GET_OK), HANG, CLOSE};
    static const struct peer_step never[] = {GET, CLOSE};
    static const struct peer_step begun[] = {GET, SAY("HTTP/1.1 200 OK\r\n"), CLOSE};
    struct peer_script script;
    struct trove_error err;

    (void)state;
    if (play(once, "", 0, &script, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(script.connections, 2);
    assert_int_equal(play(never, "", 0, &script, &err), -ECONNRESET);
    assert_int_equal(script.connections, 2);
    assert_int_not_equal(play(begun, "", 0, &script, &err), 0);
    assert_int_equal(script.connections, 1);
}

/* --- busy servers ------------------------------------------------------------------------------------------------ */

static void http__busy(void **state)
{
    static const struct peer_step once[] = {
        GET,
        SAY("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
        GET,
        SAY(GET_OK),
        {PEER_HANG, NULL, 0},
        CLOSE};
    static const struct peer_step later[] = {
        GET,
        SAY("HTTP/1.1 429 Busy\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n"),
        {PEER_HANG, NULL, 0},
        CLOSE};
    struct trove_until until = trove_until_ms(60000, NULL);
    struct peer_script script;
    struct trove_error err;
    char url[64];
    int64_t start = trove_now_ns();

    (void)state;
    assert_int_equal(play(once, "", 0, &script, &err), 0);
    assert_true(trove_now_ns() - start >= 1000000000);
    peer_script_start(&script, later);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", script.port);
    assert_int_equal(talk(url, 0, &until, NULL, &err),
                     -EAGAIN); /* past the deadline: said at once */
    assert_non_null(strstr(err.message, "100 s"));
    peer_script_stop(&script);
    EXPECT(-EAGAIN, "busy", 0, GET,
           SAY("HTTP/1.1 503 Busy\r\nRetry-After: 9223372036854775807\r\n"
               "Content-Length: 0\r\n\r\n"));
}

/* Goal: a request for ids, which has no deadline of its own, ends at the repository's, and begins before it or not at all.
 * Method: an HTTP server that is busy for longer than there is time, which is said at once. */
static void http__no_longer_than_the_repository(void **state)
{
    static const struct peer_step steps[] = {
        GET,  SAY(GET_OK),
        POST, SAY("HTTP/1.1 503 Busy\r\nRetry-After: 200\r\nContent-Length: 0\r\n\r\n"),
        HANG, CLOSE};
    const struct trove_oid id = {{1}};
    struct trove_result result;
    struct trove_error err = {0};
    struct peer_script script;
    struct source_peer peer;
    char url[64];

    (void)state;
    peer_script_start(&script, steps);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", script.port);
    source_peer_open(&peer, url, NULL);
    trove_git_set_deadline(peer.git, 0); /* long ago */
    assert_int_equal(trove_resolve(peer.cache, &id, TROVE_BLOB, NULL, &result, &err), -ETIMEDOUT);
    assert_int_equal(source_peer_requests(&peer), 0);
    trove_git_set_deadline(peer.git, trove_until_ms(100000, NULL).deadline_ns);
    assert_int_equal(trove_resolve(peer.cache, &id, TROVE_BLOB, NULL, &result, &err), -EAGAIN);
    assert_non_null(strstr(err.message, "come back in 200 s"));
    assert_int_equal(source_peer_requests(&peer), 1);
    source_peer_close(&peer);
    peer_script_stop(&script);
}

/* --- names and passwords ----------------------------------------------------------------------------------------- */

static void http__names_and_passwords(void **state)
{
    struct peer peer;
    struct trove_error err;
    struct trove__session *session = NULL;
    char url[2048], log[256];
    char *said;

    (void)state;
    peer_start(&peer, "http --auth me:s3cret", peer_dir);
    snprintf(url, sizeof(url), "%sone.git", peer.url);
    assert_int_equal(trove__session_open(url, &options, NULL, &session, &err), -EACCES);
    assert_non_null(strstr(err.message, "credential helper"));

    snprintf(url, sizeof(url), "http://me:s3cret@%sone.git", peer.url + strlen("http://"));
    if (trove__session_open(url, &options, NULL, &session, &err) != 0)
        fail_msg("%s", err.message);
    trove__session_close(session);
    snprintf(url, sizeof(url), "http://me:wr0ng@%sone.git", peer.url + strlen("http://"));
    assert_int_equal(trove__session_open(url, &options, NULL, &session, &err), -EACCES);
    assert_null(strstr(err.message, "wr0ng"));

    /* A helper that logs what it is told. */
    snprintf(log, sizeof(log), "%s/log", peer_dir);
    for (int good = 0; good < 2; good++) {
        peer_config(peer_dir,
                    "[credential]\n\thelper = \"!f() { cat >>'%s'; echo \\\"--$1\\\" >>'%s';"
                    " test $1 = get && echo username=me && echo password=%s; }; f\"\n",
                    log, log, good ? "s3cret" : "wr0ng");
        snprintf(url, sizeof(url), "%sone.git", peer.url);
        peer_shell("rm -f '%s'", log);
        assert_int_equal(trove__session_open(url, &options, NULL, &session, &err),
                         good ? 0 : -EACCES);
        if (good)
            trove__session_close(session);
        else
            assert_null(strstr(err.message, "wr0ng"));
        said = peer_output("cat '%s'", log);
        assert_non_null(strstr(said, good ? "--store" : "--erase"));
        assert_null(strstr(said, good ? "--erase" : "--store"));
        assert_non_null(strstr(said, good ? "password=s3cret" : "password=wr0ng"));
        free(said);
    }
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);

    peer_shell("printf 'machine 127.0.0.1 login me password s3cret\\n' >'%s/.netrc'", peer_dir);
    setenv("HOME", peer_dir, 1);
    if (trove__session_open(url, &options, NULL, &session, &err) != 0)
        fail_msg("%s", err.message);
    trove__session_close(session);
    peer_stop(&peer);
}

static void check_host(const char *address, const char *told)
{
    struct trove__credential credential;
    struct trove__url address_parts;
    struct trove_error err;
    struct trove__io io;
    char *said;

    assert_int_equal(trove__url_parse(address, &address_parts, &err), 0);
    trove__io_begin(&io, NULL, 0, 0);
    peer_shell("rm -f '%s/told'", peer_dir);
    assert_int_equal(trove__credential_fill(&address_parts, &io, &credential, &err), 0);
    assert_string_equal(credential.password, "p");
    trove__credential_clear(&credential);
    trove__url_clear(&address_parts);
    said = peer_output("grep ^host= '%s/told'", peer_dir);
    assert_string_equal(said, told);
    free(said);
}

/* Goal: helpers hear the host as it stands in the address, as git tells them. */
static void http__helpers_hear_the_host_as_written(void **state)
{
    (void)state;
    peer_config(peer_dir,
                "[credential]\n\thelper = \"!f() { cat >>'%s/told'; echo username=me; echo "
                "password=p; }; f\"\n",
                peer_dir);
    check_host("https://example.com/x.git", "host=example.com");
    check_host("http://example.com:81/x.git", "host=example.com:81");
    check_host("https://[::1]/x.git", "host=[::1]");
    check_host("https://[fe80::1]:8443/x.git", "host=[fe80::1]:8443");
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
}

static void http__certificates(void **state)
{
    struct peer peer;
    struct trove_error err;
    struct trove__session *session = NULL;
    char url[1024];

    (void)state;
    peer_start(&peer, "http --tls", peer_dir);
    snprintf(url, sizeof(url), "%sone.git", peer.url);
    assert_int_equal(trove__session_open(url, &options, NULL, &session, &err), -EIO);
    assert_non_null(strstr(err.message, "certificate"));
    peer_config(peer_dir, "[http \"%s\"]\n\tsslCAInfo = %s\n", peer.url, peer.ca);
    if (trove__session_open(url, &options, NULL, &session, &err) != 0)
        fail_msg("%s", err.message);
    trove__session_close(session);
    peer_config(peer_dir, "[http]\n\tsslVerify = false\n");
    assert_int_equal(trove__session_open(url, &options, NULL, &session, &err), 0);
    trove__session_close(session);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__strange_answers),
        cmocka_unit_test(http__answers_cut_short),
        cmocka_unit_test(http__gzip_bomb),
        cmocka_unit_test(http__requests),
        cmocka_unit_test(http__configuration),
        cmocka_unit_test(http__redirects_refused),
        cmocka_unit_test(http__redirect_to_another_port),
        cmocka_unit_test(http__redirect_to_one_who_asks),
        cmocka_unit_test(http__unheard),
        cmocka_unit_test(http__busy),
        cmocka_unit_test(http__no_longer_than_the_repository),
        cmocka_unit_test(http__names_and_passwords),
        cmocka_unit_test(http__helpers_hear_the_host_as_written),
        cmocka_unit_test(http__certificates),
    };

    return cmocka_run_group_tests(tests, peer_set_up_repository, peer_tear_down);
}
