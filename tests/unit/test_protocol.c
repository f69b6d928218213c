// SPDX-License-Identifier: MIT
/*
 * Goal: the parsers of protocol version 2 take what git sends, refuse everything else with a reason, and stay within their
 * limits; the commands are what the protocol asks for, byte for byte.
 * Method: answers written down frame by frame. Each is also cut at every byte (which must ask for more) and changed at
 * every byte (which must not crash), right before a page that may not be touched.
 */
#include "fetch/protocol.h"
#include "peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"

enum what { CAPS, REFS, FETCH, ACKS };

struct outcome {
    int result; /* -EAGAIN: more is needed; 1: complete */
    size_t used;
    char log[4096]; /* what came out */
    struct trove__caps caps;
    struct trove_oid refused;
    bool is_refused;
    struct trove_error err;
};

static struct trove__wire_limits limits;

static void note(struct outcome *outcome, const char *kind, const void *text, size_t size)
{
    size_t used = strlen(outcome->log);

    snprintf(outcome->log + used, sizeof(outcome->log) - used, "%s:%.*s;", kind, (int)size,
             (const char *)text);
}

static int feed_ref(struct trove__refs_reader *reader, const struct trove__pkt *pkt,
                    struct outcome *outcome)
{
    struct trove_git_ref ref;
    int result = trove__refs_reader_feed(reader, pkt, &ref, &outcome->err);
    char hex[TROVE_OID_HEX_MAX + 1], text[9000];

    if (result == 0) {
        size_t length = (size_t)snprintf(text, sizeof(text), "%.4s %s>%s",
                                         trove_oid_to_hex(reader->algo, &ref.id, hex), ref.name,
                                         ref.symref_target);
        snprintf(text + length, sizeof(text) - length, " %.4s",
                 trove_oid_to_hex(reader->algo, &ref.peeled, hex));
        note(outcome, "ref", text, strlen(text));
    }
    return result;
}

static int feed_fetch(struct trove__fetch_reader *reader, const struct trove__pkt *pkt,
                      struct outcome *outcome)
{
    static const char *const kinds[] = {"", "pack", "progress", "shallow", "unshallow", "end"};
    struct trove__fetch_item item;
    int result = trove__fetch_reader_feed(reader, pkt, &item, &outcome->err);

    if (result == 0 && item.kind != TROVE__FETCH_NOTHING)
        note(outcome, kinds[item.kind], item.data, item.size);
    return result < 0 ? result : item.kind == TROVE__FETCH_END;
}

static int feed_acks(struct trove__acks_reader *reader, const struct trove__pkt *pkt,
                     struct outcome *outcome)
{
    struct trove_oid id;
    char hex[TROVE_OID_HEX_MAX + 1];
    int result = trove__acks_reader_feed(reader, pkt, &id, &outcome->err);

    if (result == TROVE__ACK_ID)
        note(outcome, "has", trove_oid_to_hex(reader->algo, &id, hex), 4);
    return result < 0 ? result : result == TROVE__ACK_END;
}

/* Feeds SIZE bytes frame by frame until something is decided. */
static void run(enum what what, const void *bytes, size_t size, struct outcome *outcome)
{
    struct trove__caps_reader caps = {.limits = &limits, .allow_service = true};
    struct trove__refs_reader *refs = calloc(1, sizeof(*refs));
    struct trove__fetch_reader fetch = {.limits = &limits, .algo = TROVE_SHA1};
    struct trove__acks_reader acks = {.algo = TROVE_SHA1, .most = 2};
    const uint8_t *at = bytes;

    memset(outcome, 0, sizeof(*outcome));
    refs->limits = &limits;
    refs->algo = TROVE_SHA1;
    while (outcome->result == 0) {
        struct trove__pkt pkt;
        size_t used = 0;

        outcome->result = trove__pkt_parse(at + outcome->used, size - outcome->used, &pkt, &used);
        outcome->used += used;
        if (outcome->result < 0)
            break;
        outcome->result = what == CAPS   ? trove__caps_reader_feed(&caps, &pkt, &outcome->err)
                          : what == REFS ? feed_ref(refs, &pkt, outcome)
                          : what == ACKS ? feed_acks(&acks, &pkt, outcome)
                                         : feed_fetch(&fetch, &pkt, outcome);
    }
    outcome->caps = caps.caps;
    outcome->is_refused = fetch.is_refused;
    outcome->refused = fetch.refused;
    free(refs);
}

/* FRAMES: lines; a line "0000" or "0001" stands for itself, "\1x" and the like for a sideband, others get a header. */
static void build(struct trove__bytes *out, const char *const *frames)
{
    trove__bytes_clear(out);
    for (; *frames != NULL; frames++) {
        if (strcmp(*frames, "0000") == 0 || strcmp(*frames, "0001") == 0)
            trove__bytes_add(out, *frames, 4);
        else
            trove__pkt_add(out, *frames, strlen(*frames));
    }
}

static void run_frames(enum what what, const char *const *frames, struct outcome *outcome)
{
    struct trove__bytes bytes = {0};
    void *guarded;

    build(&bytes, frames);
    guarded = peer_guard(bytes.data, bytes.size);
    run(what, guarded, bytes.size, outcome);
    peer_unguard(guarded, bytes.size);
    trove__bytes_free(&bytes);
}

/* The good answer is cut and changed at every byte. */
static void torment(enum what what, const char *const *frames)
{
    struct trove__bytes bytes = {0};
    struct outcome outcome;

    build(&bytes, frames);
    for (size_t cut = 0; cut < bytes.size; cut++) {
        void *guarded = peer_guard(bytes.data, cut);
        run(what, guarded, cut, &outcome);
        assert_int_equal(outcome.result, -EAGAIN);
        peer_unguard(guarded, cut);
    }
    for (size_t i = 0; i < bytes.size; i++)
        for (int flip = 1; flip < 256; flip += 18) {
            uint8_t *guarded = peer_guard(bytes.data, bytes.size);
            guarded[i] ^= (uint8_t)flip;
            run(what, guarded, bytes.size, &outcome);
            assert_true(outcome.result == 1 || outcome.result < 0);
            assert_true(outcome.result >= 0 || outcome.result == -EAGAIN ||
                        outcome.result == -EPROTO || outcome.err.message[0] != '\0');
            peer_unguard(guarded, bytes.size);
        }
    run(what, bytes.data, bytes.size, &outcome);
    assert_int_equal(outcome.result, 1);
    assert_int_equal(outcome.used, bytes.size);
    trove__bytes_free(&bytes);
}

static void expect_failure(enum what what, const char *const *frames, int code, const char *words)
{
    struct outcome outcome;

    run_frames(what, frames, &outcome);
    assert_int_equal(outcome.result, code);
    assert_int_equal(outcome.err.code, code);
    if (strstr(outcome.err.message, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, outcome.err.message);
}
#define EXPECT(what, code, words, ...)                                                             \
    expect_failure(what, (const char *const[]){__VA_ARGS__, NULL}, code, words)

/* --- the advertisement --- */

static const char *const caps_frames[] = {"version 2\n",
                                          "agent=git/2.39.5\n",
                                          "ls-refs=unborn\n",
                                          "fetch=shallow wait-for-done filter\n",
                                          "server-option\n",
                                          "object-format=sha256\n",
                                          "object-info\n",
                                          "0000",
                                          NULL};

static void protocol__capabilities(void **state)
{
    static const char *const over_http[] = {
        "# service=git-upload-pack\n", "0000", "version 2\n", "ls-refs", "fetch", "0000", NULL};
    struct outcome outcome;

    (void)state;
    run_frames(CAPS, caps_frames, &outcome);
    assert_int_equal(outcome.result, 1);
    assert_string_equal(outcome.caps.agent, "git/2.39.5");
    assert_int_equal(outcome.caps.algo, TROVE_SHA256);
    assert_true(outcome.caps.unborn && outcome.caps.shallow && outcome.caps.filter &&
                outcome.caps.object_info && outcome.caps.object_format);
    assert_true(outcome.caps.wait_for_done);
    assert_false(outcome.caps.ref_in_want || outcome.caps.sideband_all);
    run_frames(CAPS, over_http, &outcome);
    assert_int_equal(outcome.result, 1);
    assert_int_equal(outcome.caps.algo, TROVE_SHA1);
    assert_false(outcome.caps.shallow || outcome.caps.filter || outcome.caps.object_format);
    torment(CAPS, caps_frames);
    torment(CAPS, over_http);
}

static void protocol__capabilities_refused(void **state)
{
    (void)state;
    EXPECT(CAPS, -ENOTSUP, "version 1", "version 1\n");
    EXPECT(CAPS, -ENOTSUP, "version 3", "version 3\n");
    EXPECT(CAPS, -ENOTSUP, "version 0", A " HEAD");
    EXPECT(CAPS, -ENOTSUP, "AcceptEnv", A " refs/heads/main");
    EXPECT(CAPS, -EPROTO, "Welcome", "Welcome to this machine\n");
    EXPECT(CAPS, -EPROTO, "\\x1b", "\x1b[2J");
    EXPECT(CAPS, -EPROTO, "empty message", "0000");
    EXPECT(CAPS, -EPROTO, "another service", "# service=git-receive-pack\n");
    EXPECT(CAPS, -EIO, "no such repository", "ERR no such repository\n");
    EXPECT(CAPS, -EIO, "the server says", "version 2\n", "ERR go away\n");
    EXPECT(CAPS, -EPROTO, "malformed", "version 2\n", "0001");
    EXPECT(CAPS, -EPROTO, "malformed", "version 2\n", "\n");
    EXPECT(CAPS, -ENOTSUP, "sha512", "version 2\n", "object-format=sha512\n");
    EXPECT(CAPS, -EPROTO, "two", "version 2\n", "object-format=sha1\n", "object-format=sha256\n");
    EXPECT(CAPS, -ENOTSUP, "ls-refs and fetch", "version 2\n", "ls-refs\n", "0000");
}

static void protocol__endless_capabilities(void **state)
{
    static const char *const line[] = {"x\n", NULL};
    struct trove__bytes bytes = {0}, frame = {0};
    struct outcome outcome;

    (void)state;
    trove__pkt_addf(&bytes, "version 2\n");
    build(&frame, line);
    for (int i = 0; i < 2000; i++)
        trove__bytes_add(&bytes, frame.data, frame.size);
    run(CAPS, bytes.data, bytes.size, &outcome);
    assert_int_equal(outcome.result, -EFBIG);
    assert_true(outcome.used < 1100 * frame.size);
    trove__bytes_clear(&bytes);
    trove__pkt_addf(&bytes, "version 2\n");
    for (int i = 0; i < 20; i++)
        trove__pkt_addf(&bytes, "%065000d", 0);
    run(CAPS, bytes.data, bytes.size, &outcome);
    assert_int_equal(outcome.result, -EFBIG);
    trove__bytes_free(&bytes);
    trove__bytes_free(&frame);
}

/* --- ls-refs --- */

static void protocol__refs(void **state)
{
    static const char *const frames[] = {A " HEAD symref-target:refs/heads/main\n",
                                         A " refs/heads/main\n",
                                         A " refs/tags/v1 peeled:" B "\n",
                                         B " refs/x new-attribute:1 peeled:" A "\n",
                                         "unborn HEAD symref-target:refs/heads/none\n",
                                         "0000",
                                         NULL};
    struct outcome outcome;

    (void)state;
    run_frames(REFS, frames, &outcome);
    assert_int_equal(outcome.result, 1);
    assert_string_equal(outcome.log, "ref:1111 HEAD>refs/heads/main 0000;"
                                     "ref:1111 refs/heads/main> 0000;"
                                     "ref:1111 refs/tags/v1> 2222;"
                                     "ref:2222 refs/x> 1111;"
                                     "ref:0000 HEAD>refs/heads/none 0000;");
    torment(REFS, frames);
}

static void protocol__refs_refused(void **state)
{
    char *long_name = malloc(6000);

    (void)state;
    memset(long_name, 'x', 5999);
    long_name[5999] = '\0';
    memcpy(long_name, A " ", 41);
    EXPECT(REFS, -EFBIG, "too long", long_name);
    free(long_name);
    EXPECT(REFS, -EPROTO, "malformed", A "\n");
    EXPECT(REFS, -EPROTO, "malformed", A " \n");
    EXPECT(REFS, -EPROTO, "malformed", A "1 refs/x\n");
    EXPECT(REFS, -EPROTO, "malformed", "111 refs/x\n");
    EXPECT(REFS, -EPROTO, "malformed", A " a\tb\n");
    EXPECT(REFS, -EPROTO, "malformed", A " a\x1b[31m\n");
    EXPECT(REFS, -EPROTO, "malformed", A " a peeled:11\n");
    EXPECT(REFS, -EPROTO, "malformed", A " a symref-target:\n");
    EXPECT(REFS, -EPROTO, "malformed", "\n");
    EXPECT(REFS, -EPROTO, "malformed", "0001");
    EXPECT(REFS, -EIO, "denied", "ERR denied");
    limits.max_refs = 2;
    EXPECT(REFS, -EFBIG, "without end", A " a\n", A " b\n", A " c\n");
    trove__wire_limits_init(&limits);
    limits.max_refs_bytes = 100;
    EXPECT(REFS, -EFBIG, "without end", A " a\n", A " b\n", A " c\n");
    trove__wire_limits_init(&limits);
}

/* --- fetch --- */

static void protocol__fetch_answer(void **state)
{
    static const char *const frames[] = {"acknowledgments\n",
                                         "NAK\n",
                                         "ready\n",
                                         "0001",
                                         "shallow-info\n",
                                         "shallow " A "\n",
                                         "unshallow " B "\n",
                                         "0001",
                                         "wanted-refs\n",
                                         A " refs/x\n",
                                         "0001",
                                         "packfile-uris\n",
                                         A " https://x/\n",
                                         "0001",
                                         "packfile\n",
                                         "\2counting\n",
                                         "\1PACK",
                                         "\1",
                                         "\1data",
                                         "0000",
                                         NULL};
    struct outcome outcome;

    (void)state;
    run_frames(FETCH, frames, &outcome);
    assert_int_equal(outcome.result, 1);
    assert_string_equal(outcome.log, "shallow:;unshallow:;progress:counting\n;pack:PACK;pack:;"
                                     "pack:data;end:;");
    torment(FETCH, frames);
}

static void protocol__fetch_refused(void **state)
{
    (void)state;
    EXPECT(FETCH, -EPROTO, "no pack", "0000");
    EXPECT(FETCH, -EPROTO, "no pack", "0001");
    EXPECT(FETCH, -EPROTO, "without a pack", "shallow-info\n", "0000");
    EXPECT(FETCH, -EPROTO, "no pack", "shallow-info\n", "0001", "0000");
    EXPECT(FETCH, -EPROTO, "packfile2", "packfile2\n");
    EXPECT(FETCH, -EPROTO, "section", "PACK");
    EXPECT(FETCH, -EPROTO, "shallow commit", "shallow-info\n", "shallow 11\n");
    EXPECT(FETCH, -EPROTO, "shallow commit", "shallow-info\n", "deep " A "\n");
    EXPECT(FETCH, -EPROTO, "sideband 4", "packfile\n", "\4x");
    EXPECT(FETCH, -EPROTO, "sideband 80", "packfile\n", "PACK");
    EXPECT(FETCH, -EPROTO, "malformed frame", "packfile\n", "0001");
    EXPECT(FETCH, -EPROTO, "malformed frame", "packfile\n", "");
    EXPECT(FETCH, -EIO, "out of memory", "packfile\n", "\1PACK", "\3out of memory\n");
    EXPECT(FETCH, -EIO, "access denied", "ERR access denied\n");
    EXPECT(FETCH, -EIO, "later", "packfile\n", "ERR later\n");
    EXPECT(FETCH, -EIO, "in a section", "shallow-info\n", "ERR in a section");
    limits.max_lines = 2;
    EXPECT(FETCH, -EFBIG, "without end", "acknowledgments\n", "NAK\n", "NAK\n", "NAK\n");
    trove__wire_limits_init(&limits);
    limits.max_progress_bytes = 30;
    EXPECT(FETCH, -EFBIG, "progress", "packfile\n", "\1", "\1", "\1", "\1", "\1", "\1", "\1");
    EXPECT(FETCH, -EFBIG, "progress", "packfile\n", "\2a long line of progress, without an end");
    trove__wire_limits_init(&limits);
}

static void protocol__acknowledgments(void **state)
{
    static const char *const some[] = {"acknowledgments\n", "ACK " A "\n", "ACK " B "\n", "0000",
                                       NULL};
    static const char *const with_nak[] = {
        "acknowledgments\n", "ACK " A "\n", "ACK " B "\n", "NAK\n", "0000", NULL};
    static const char *const none[] = {"acknowledgments\n", "NAK\n", "0000", NULL};
    struct outcome outcome;

    (void)state;
    run_frames(ACKS, some, &outcome);
    assert_int_equal(outcome.result, 1);
    assert_string_equal(outcome.log, "has:1111;has:2222;");
    run_frames(ACKS, with_nak, &outcome);
    assert_int_equal(outcome.result, 1);
    run_frames(ACKS, none, &outcome);
    assert_int_equal(outcome.result, 1);
    assert_string_equal(outcome.log, "");
    torment(ACKS, some);

    EXPECT(ACKS, -EPROTO, "something else", "0000");
    EXPECT(ACKS, -EPROTO, "something else", "packfile\n");
    EXPECT(ACKS, -EPROTO, "something else", "acknowledgments\n", "0001");
    EXPECT(ACKS, -EPROTO, "malformed", "acknowledgments\n", "ready\n");
    EXPECT(ACKS, -EPROTO, "malformed", "acknowledgments\n", "ACK 1\n");
    EXPECT(ACKS, -EPROTO, "malformed", "acknowledgments\n", "ACK " A "1\n");
    EXPECT(ACKS, -EFBIG, "more than", "acknowledgments\n", "NAK\n", "NAK\n", "NAK\n", "NAK\n");
    EXPECT(ACKS, -EIO, "no \\x1b", "ERR no \x1b\n");
    EXPECT(ACKS, -EIO, "no", "acknowledgments\n", "ERR no\n");
}

static void protocol__refused_ids(void **state)
{
    static const struct {
        const char *text;
        bool refused;
    } cases[] = {
        {"ERR upload-pack: not our ref " A "\n", true},
        {"ERR want " A " not valid\n", true},
        {"ERR upload-pack: not our ref 1111\n", false},
        {"ERR want " A "\n", false},
        {"ERR not our ref", false},
    };
    struct trove_oid expected;

    (void)state;
    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, A, 40, &expected), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome outcome;

        run_frames(FETCH, (const char *const[]){cases[i].text, NULL}, &outcome);
        assert_int_equal(outcome.result, cases[i].refused ? -ENOENT : -EIO);
        assert_int_equal(outcome.err.code, outcome.result);
        assert_int_equal(outcome.is_refused, cases[i].refused);
        if (cases[i].refused)
            assert_true(trove_oid_equal(&outcome.refused, &expected));
    }
    EXPECT(FETCH, -ENOENT, "not our ref", "packfile\n", "\3upload-pack: not our ref " A "\n");
}

/* What a server says reaches people in at most 20 lines, without control of their terminal. */
static void protocol__server_errors_are_shown_safely(void **state)
{
    struct trove_error err;
    char text[4096];
    size_t size = 0, lines = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        size +=
            (size_t)snprintf(text + size, sizeof(text) - size, "line %d \x1b[31m\x9b\xc2\x85\n", i);
    assert_int_equal(trove__server_error(&err, text, size), -EIO);
    for (const char *c = err.message; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        assert_true(byte == '\n' || (byte >= 0x20 && byte < 0x7f));
        lines += byte == '\n';
    }
    assert_int_equal(lines, 19);
    assert_non_null(strstr(err.message, "line 0 \\x1b[31m\\x9b\\xc2\\x85\n"));
}

/* --- commands --- */

static void protocol__commands(void **state)
{
    static const char *const prefixes[] = {"HEAD", "refs/tags/", NULL};
    struct trove__caps caps = {.algo = TROVE_SHA1,
                               .ls_refs = true,
                               .fetch = true,
                               .filter = true,
                               .shallow = true,
                               .unborn = true,
                               .object_format = true,
                               .agent = "x"};
    struct trove_oid ids[2];
    struct trove__fetch_args args = {
        .wants = ids, .want_count = 2, .filter = "blob:none", .depth = 1};
    struct trove__bytes out = {0};
    char agent[64];

    (void)state;
    snprintf(agent, sizeof(agent), "agent=trove/%s\n", trove_version());
    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, A, 40, &ids[0]), 0);
    assert_int_equal(trove_oid_from_hex(TROVE_SHA1, B, 40, &ids[1]), 0);
    assert_int_equal(trove__build_ls_refs(&out, &caps, prefixes, NULL), 0);
    assert_int_equal(strncmp(trove__bytes_text(&out), "0014command=ls-refs\n", 20), 0);
    assert_non_null(strstr((char *)out.data, agent));
    assert_non_null(strstr((char *)out.data, "0017object-format=sha1\n0001"
                                             "0009peel\n000csymrefs\n"
                                             "000bunborn\n0014ref-prefix HEAD\n"
                                             "001aref-prefix refs/tags/\n0000"));
    caps.agent[0] = '\0';
    caps.object_format = caps.unborn = false;
    assert_int_equal(trove__build_ls_refs(&out, &caps, NULL, NULL), 0);
    assert_string_equal(trove__bytes_text(&out), "0014command=ls-refs\n0001"
                                                 "0009peel\n000csymrefs\n0000");
    assert_int_equal(trove__build_fetch(&out, &caps, &args, NULL), 0);
    assert_string_equal(trove__bytes_text(&out),
                        "0012command=fetch\n0001"
                        "000eofs-delta\n0010no-progress\n0032want " A "\n"
                        "0032want " B "\n000ddeepen 1\n0015filter blob:none\n0009done\n0000");
    args = (struct trove__fetch_args){.wants = ids,
                                      .want_count = 1,
                                      .haves = ids + 1,
                                      .have_count = 1,
                                      .shallows = ids + 1,
                                      .shallow_count = 1,
                                      .progress = true};
    assert_int_equal(trove__build_fetch(&out, &caps, &args, NULL), 0);
    assert_string_equal(trove__bytes_text(&out),
                        "0012command=fetch\n0001"
                        "000ethin-pack\n000eofs-delta\n0032want " A "\n"
                        "0035shallow " B "\n0032have " B "\n0009done\n0000");
    assert_int_equal(trove__build_question(&out, &caps, ids, 2, NULL), -ENOTSUP);
    caps.wait_for_done = true;
    assert_int_equal(trove__build_question(&out, &caps, ids, 2, NULL), 0);
    assert_string_equal(trove__bytes_text(&out), "0012command=fetch\n00010012wait-for-done\n"
                                                 "0032have " A "\n0032have " B "\n0000");
    trove__bytes_free(&out);
}

static void protocol__commands_refused(void **state)
{
    static const char *const bad[] = {"refs/\n0000", NULL};
    struct trove__caps caps = {.algo = TROVE_SHA1};
    struct trove_oid id = {{1}};
    struct trove__fetch_args args = {.wants = &id};
    struct trove__bytes out = {0};

    (void)state;
    assert_int_equal(trove__build_fetch(&out, &caps, &args, NULL), -EINVAL); /* no wants */
    args.want_count = 1;
    args.filter = "blob:none";
    assert_int_equal(trove__build_fetch(&out, &caps, &args, NULL), -ENOTSUP);
    caps.filter = true;
    args.filter = "blob:none\n0000";
    assert_int_equal(trove__build_fetch(&out, &caps, &args, NULL), -EINVAL);
    args.filter = NULL;
    args.depth = 1;
    assert_int_equal(trove__build_fetch(&out, &caps, &args, NULL), -ENOTSUP);
    assert_int_equal(trove__build_ls_refs(&out, &caps, bad, NULL), -EINVAL);
    trove__bytes_free(&out);
}

static void protocol__git_request(void **state)
{
    static const char plain[] = "0029git-upload-pack /x\0host=h\0\0version=2\0";
    static const char port[] = "git-upload-pack /x\0host=[::1]:77\0\0version=2\0";
    struct trove__bytes out = {0};

    (void)state;
    assert_int_equal(trove__build_git_request(&out, "/x", "h", NULL), 0);
    assert_int_equal(out.size, sizeof(plain) - 1);
    assert_memory_equal(out.data, plain, sizeof(plain) - 1);
    assert_int_equal(trove__build_git_request(&out, "/x", "::1", "77"), 0);
    assert_int_equal(out.size, sizeof(port) - 1 + 4);
    assert_memory_equal(out.data + 4, port, sizeof(port) - 1);
    trove__bytes_free(&out);
}

static int set_up(void **state)
{
    (void)state;
    trove__wire_limits_init(&limits);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protocol__capabilities),
        cmocka_unit_test(protocol__capabilities_refused),
        cmocka_unit_test(protocol__endless_capabilities),
        cmocka_unit_test(protocol__refs),
        cmocka_unit_test(protocol__refs_refused),
        cmocka_unit_test(protocol__fetch_answer),
        cmocka_unit_test(protocol__fetch_refused),
        cmocka_unit_test(protocol__acknowledgments),
        cmocka_unit_test(protocol__refused_ids),
        cmocka_unit_test(protocol__server_errors_are_shown_safely),
        cmocka_unit_test(protocol__commands),
        cmocka_unit_test(protocol__commands_refused),
        cmocka_unit_test(protocol__git_request),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
