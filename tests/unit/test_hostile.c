// SPDX-License-Identifier: MIT
/*
 * Goal: a session with a server that stops, lies or babbles ends with a clear error and an untouched result, wherever in
 * the conversation that happens, and however the bytes are sliced; so does one whose allocations fail.
 * Method: a transport in memory plays a whole conversation (advertisement, refs, pack), cut and changed at every byte, in
 * slices of every size, and with the n-th allocation failing for every n.
 */
#include "failing_allocator.h"
#include "memory_transport.h"
#include "peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "1111111111111111111111111111111111111111"

static const struct trove__session_options options = {.low_speed_bytes = 1000,
                                                      .low_speed_seconds = 30};

struct talk {
    struct trove__bytes bytes;
    size_t refs_end, caps_end; /* where the advertisement and the refs end */
};

static void make_talk(struct talk *talk)
{
    memset(talk, 0, sizeof(*talk));
    trove__pkt_addf(&talk->bytes, "version 2\n");
    trove__pkt_addf(&talk->bytes, "agent=git/2\n");
    trove__pkt_addf(&talk->bytes, "ls-refs=unborn\n");
    trove__pkt_addf(&talk->bytes, "fetch=shallow filter\n");
    trove__pkt_flush(&talk->bytes);
    talk->caps_end = talk->bytes.size;
    trove__pkt_addf(&talk->bytes, A " HEAD symref-target:refs/heads/main\n");
    trove__pkt_addf(&talk->bytes, A " refs/heads/main\n");
    trove__pkt_flush(&talk->bytes);
    talk->refs_end = talk->bytes.size;
    trove__pkt_addf(&talk->bytes, "shallow-info\n");
    trove__pkt_addf(&talk->bytes, "shallow " A "\n");
    trove__pkt_delim(&talk->bytes);
    trove__pkt_addf(&talk->bytes, "packfile\n");
    trove__pkt_addf(&talk->bytes, "\2counting\n");
    trove__pkt_addf(&talk->bytes, "\1PACK");
    trove__pkt_addf(&talk->bytes, "\1");
    trove__pkt_addf(&talk->bytes, "\1and more");
    trove__pkt_flush(&talk->bytes);
    assert_false(talk->bytes.failed);
}

/* What came of one conversation. */
struct heard {
    int open, refs, fetch;
    unsigned ref_count, shallow_count;
    char pack[64];
    size_t pack_size;
    bool usable;
    struct trove_error err;
};

static int hear_ref(void *context, const struct trove_git_ref *ref)
{
    (void)ref;
    ((struct heard *)context)->ref_count++;
    return 0;
}

static int hear_pack(void *context, const void *bytes, size_t size, struct trove_error *err)
{
    struct heard *heard = context;

    (void)err;
    assert_true(size <= sizeof(heard->pack) - heard->pack_size);
    memcpy(heard->pack + heard->pack_size, bytes, size);
    heard->pack_size += size;
    return 0;
}

static int hear_shallow(void *context, const struct trove_oid *id, bool unshallow)
{
    (void)id;
    ((struct heard *)context)->shallow_count += !unshallow;
    return 0;
}

/* The transport is on a stack: the session closes it without freeing. */
static void hold_talk(const void *bytes, size_t size, size_t piece, const char *last_words,
                      struct heard *heard)
{
    struct memory_transport memory;
    struct trove__session *session = NULL;
    const struct trove_oid id = {{1}};
    const struct trove__fetch_args args = {.wants = &id, .want_count = 1, .depth = 1};
    const struct trove__fetch_events events = {
        .context = heard, .pack = hear_pack, .shallow = hear_shallow};

    memset(heard, 0, sizeof(*heard));
    heard->refs = heard->fetch = 1;
    memory_transport_init(&memory, bytes, size, piece);
    memory.last_words = last_words;
    heard->open = trove__session_over(&memory.base, &options, NULL, NULL, &session, &heard->err);
    if (heard->open == 0) {
        heard->refs = trove__session_ls_refs(session, NULL, hear_ref, heard, NULL, &heard->err);
        if (heard->refs == 0)
            heard->fetch =
                trove__session_fetch(session, &args, &events, NULL, NULL, NULL, &heard->err);
        heard->usable = trove__session_usable(session);
        trove__session_close(session);
    }
    assert_int_equal(memory.closed, heard->open == 0);
    memory_transport_clear(&memory);
}

static void assert_whole(const struct heard *heard)
{
    assert_int_equal(heard->open, 0);
    assert_int_equal(heard->refs, 0);
    assert_int_equal(heard->fetch, 0);
    assert_int_equal(heard->ref_count, 2);
    assert_int_equal(heard->shallow_count, 1);
    assert_int_equal(heard->pack_size, 12);
    assert_memory_equal(heard->pack, "PACKand more", 12);
    assert_true(heard->usable);
}

static void hostile__slices_make_no_difference(void **state)
{
    struct talk talk;
    struct heard heard;

    (void)state;
    make_talk(&talk);
    /* A stream holds one answer at a time: slices end where answers do. */
    for (size_t piece = 1; piece <= talk.caps_end; piece++) {
        if (talk.caps_end % piece != 0 && piece != 1)
            continue;
        if ((talk.refs_end - talk.caps_end) % piece != 0)
            continue;
        hold_talk(talk.bytes.data, talk.bytes.size, piece, "", &heard);
        assert_whole(&heard);
    }
    trove__bytes_free(&talk.bytes);
}

static void hostile__ends_at_every_byte(void **state)
{
    struct talk talk;
    struct heard heard;

    (void)state;
    make_talk(&talk);
    for (size_t cut = 0; cut < talk.bytes.size; cut++) {
        void *guarded = peer_guard(talk.bytes.data, cut);
        int result;

        hold_talk(guarded, cut, 1, "", &heard);
        result = heard.open != 0 ? heard.open : heard.refs != 0 ? heard.refs : heard.fetch;
        assert_int_equal(heard.open == 0, cut >= talk.caps_end);
        assert_int_equal(heard.refs == 0, cut >= talk.refs_end);
        assert_int_equal(result, -EIO);
        assert_non_null(strstr(heard.err.message, "ended early"));
        assert_false(heard.usable);
        peer_unguard(guarded, cut);
    }
    trove__bytes_free(&talk.bytes);
}

static void hostile__every_byte_changed(void **state)
{
    struct talk talk;
    struct heard heard;

    (void)state;
    make_talk(&talk);
    for (size_t i = 0; i < talk.bytes.size; i++)
        for (int flip = 1; flip < 256; flip <<= 1) {
            uint8_t *guarded = peer_guard(talk.bytes.data, talk.bytes.size);
            guarded[i] ^= (uint8_t)flip;
            hold_talk(guarded, talk.bytes.size, 1, "", &heard);
            if (heard.open != 0 || heard.refs != 0 || heard.fetch != 0)
                assert_true(heard.err.message[0] != '\0' &&
                            (!heard.usable || heard.fetch == -ENOTSUP)); /* never sent */
            peer_unguard(guarded, talk.bytes.size);
        }
    trove__bytes_free(&talk.bytes);
}

static void hostile__last_words(void **state)
{
    struct talk talk;
    struct heard heard;

    (void)state;
    make_talk(&talk);
    hold_talk(talk.bytes.data, 3, 0, "fatal: no such repository", &heard);
    assert_non_null(strstr(heard.err.message, "fatal: no such repository"));
    hold_talk(talk.bytes.data, talk.refs_end, 1, "fatal: upload-pack: not our ref " A, &heard);
    assert_int_equal(heard.fetch, -ENOENT);
    trove__bytes_free(&talk.bytes);
}

static void hostile__more_than_the_answer(void **state)
{
    struct talk talk;
    struct heard heard;

    (void)state;
    make_talk(&talk);
    hold_talk(talk.bytes.data, talk.bytes.size, 0, "", &heard); /* all at once */
    assert_int_equal(heard.open, -EPROTO);
    assert_non_null(strstr(heard.err.message, "behind its end"));
    trove__bytes_free(&talk.bytes);
}

static void hostile__allocations_fail(void **state)
{
    struct talk talk;
    struct heard heard;
    unsigned failed = 0;

    (void)state;
    make_talk(&talk);
    for (unsigned n = 1;; n++) {
        bool reached;

        failing_allocator_fail_at(n);
        hold_talk(talk.bytes.data, talk.bytes.size, 1, "", &heard);
        reached = failing_allocator_stop();
        if (!reached)
            break;
        failed++;
        if (heard.open == 0 && heard.refs == 0 && heard.fetch == 0)
            continue; /* the memory transport's own log may be what failed */
        assert_int_equal(heard.err.code, -ENOMEM);
    }
    assert_true(failed > 3);
    assert_whole(&heard);
    trove__bytes_free(&talk.bytes);
    assert_int_equal(failing_allocator_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile__slices_make_no_difference),
        cmocka_unit_test(hostile__ends_at_every_byte),
        cmocka_unit_test(hostile__every_byte_changed),
        cmocka_unit_test(hostile__last_words),
        cmocka_unit_test(hostile__more_than_the_answer),
        cmocka_unit_test(hostile__allocations_fail),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
