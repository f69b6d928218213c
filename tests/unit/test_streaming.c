// SPDX-License-Identifier: MIT
/*
 * test_streaming.c - a source stops in the middle of a pack that git made: what came before is answered, searched and
 * printed before one more byte is sent.
 *
 * Method: a source feeds a real pack to the real reader up to some byte, then waits until the test has everything that was
 * complete by then, and only then goes on. git verify-pack says what is complete.
 */
#include "fake_source.h"
#include "fetch/pack_sink.h"
#include "git_peer.h"
#include "grep/engine.h"
#include "support.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files that resemble each other, so that most are deltas, and four versions of some. */
static const char make_repository[] =
    "set -e; cd \"$1\"; git init -q work; cd work; git config user.name a; git config user.email a@b; "
    "for r in 1 2 3 4; do "
    "  for f in $(seq $r 3 200); do seq $f 400 > f$f; echo needle $r $f >> f$f; done; "
    "  git add -A; git commit -q -m $r; "
    "done; git repack -q -a -d -f; cp .git/objects/pack/*.pack ../pack; "
    "git verify-pack -v .git/objects/pack/*.idx | grep -E '^[0-9a-f]{40} ' > ../list";

struct entry {
    struct trove_oid id;
    enum trove_type type;
    size_t end; /* in the pack */
};

static char *folder;
static struct output pack;
static struct entry entries[2000];
static size_t entry_count;

static struct output shell(const char *script)
{
    const char *const argv[] = {"sh", "-c", script, "sh", folder, NULL};
    struct output output = run_command(argv, NULL, 0);

    if (output.status != 0)
        fail_msg("%s: %s", script, output.err);
    return output;
}

static void read_list(void)
{
    struct output list = shell("cat \"$1/list\"");
    char hex[41], type[16];
    size_t packed, offset;

    for (const char *line = list.out; *line != '\0'; line = strchr(line, '\n') + 1) {
        struct entry *entry = &entries[entry_count++];
        assert_true(entry_count <= sizeof(entries) / sizeof(entries[0]));
        assert_int_equal(sscanf(line, "%40s %15s %*u %zu %zu", hex, type, &packed, &offset), 4);
        assert_int_equal(trove_oid_from_hex(TROVE_SHA1, hex, 40, &entry->id), 0);
        entry->type = trove_type_from_name(type, strlen(type));
        entry->end = offset + packed;
    }
    output_free(&list);
}

static int make(void **state)
{
    struct output output;

    (void)state;
    folder = peer_repository_create();
    output = shell(make_repository);
    output_free(&output);
    pack = shell("cat \"$1/pack\"");
    read_list();
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    output_free(&pack);
    peer_repository_remove(folder);
    return 0;
}

/* A cache over a source of that pack. */
struct half {
    struct fake_source source;
    struct trove *cache;
    struct trove_fetch *fetch;
    size_t cut;            /* bytes sent before it waits */
    uint64_t thread_bytes; /* of the reader */
    atomic_size_t sent;
};

static int feed(struct half *half, struct trove__pack_reader *reader,
                const struct trove_request *request, struct trove_error *err)
{
    int r = trove__pack_reader_feed(reader, pack.out, half->cut, err);

    atomic_store(&half->sent, half->cut);
    if (r < 0)
        return r;
    if (!latch_wait_or_cancel(&half->source.go, request->until.cancel))
        return trove_error_set(err, -ECANCELED, "cancelled");
    atomic_store(&half->sent, pack.out_size);
    r = trove__pack_reader_feed(reader, pack.out + half->cut, pack.out_size - half->cut, err);
    return r < 0 ? r : trove__pack_reader_finish(reader, NULL, err);
}

static int send_pack(struct fake_source *source, const struct trove_request *request,
                     struct trove_sink *sink, struct trove_error *err)
{
    const struct trove__pack_target target = trove__pack_sink(sink);
    struct half *half = source->context;
    struct trove__pack_limits limits;
    struct trove__pack_reader *reader;
    int r;

    trove__pack_limits_init(&limits);
    limits.thread_bytes = half->thread_bytes;
    r = trove__pack_reader_create(trove_hash_sha1(), &limits, &target, &request->until, &reader,
                                  err);
    if (r < 0)
        return r;
    r = feed(half, reader, request, err);
    trove__pack_reader_destroy(reader);
    if (r == 0)
        trove_sink_done(sink);
    return r;
}

static void open_half(struct half *half, size_t cut, uint64_t thread_bytes)
{
    struct trove_want want = {.id = entries[0].id, .type = entries[0].type};
    struct trove_fetch_options fetch = {.wants = &want, .want_count = 1};
    struct trove_options options;

    *half = (struct half){.cut = cut, .thread_bytes = thread_bytes};
    fake_source_init(&half->source, send_pack);
    half->source.context = half;
    fake_options(&options);
    options.hash = trove_hash_sha1();
    half->cache = fake_open(&half->source, &options);
    assert_int_equal(trove_fetch_start(half->cache, &fetch, NULL, &half->fetch, NULL), 0);
}

static void close_half(struct half *half)
{
    trove_fetch_free(half->fetch);
    assert_int_equal(trove_close(half->cache, NULL), 0);
}

/* Takes COUNT answers, all of them objects, in whatever order. */
static void take(struct trove_stream *stream, size_t count)
{
    struct trove_result result;
    struct trove_error err;

    while (count-- > 0) {
        assert_int_equal(trove_stream_next(stream, NULL, &result, &err), 1);
        assert_int_equal(result.status, 0);
        trove_unpin(result.object);
    }
}

static void check_cut(size_t cut, uint64_t thread_bytes)
{
    struct trove_stream *stream;
    struct trove_result result;
    struct half half;
    size_t before = 0;

    open_half(&half, cut, thread_bytes);
    assert_int_equal(trove_stream_open(half.cache, half.fetch, &stream, NULL), 0);
    for (size_t i = 0; i < entry_count; i++) {
        struct trove_want want = {entries[i].id, entries[i].type};
        assert_int_equal(trove_stream_add(stream, &want, NULL, 1, NULL), 0);
        before += entries[i].end <= cut;
    }
    take(stream, before);
    for (size_t i = 0; i < entry_count; i++)
        assert_int_equal(trove_has(half.cache, &entries[i].id), entries[i].end <= cut);
    assert_true(atomic_load(&half.sent) <= cut);
    latch_open(&half.source.go);
    take(stream, entry_count - before);
    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 0);
    assert_int_equal(half.source.requests, 1);
    trove_stream_close(stream);
    close_half(&half);
}

/* Goal: every id of the first half is answered, and cached, before one more byte is sent, and nothing of the second is;
 * with and without threads in the reader, wherever the pack stops. */
static void streaming__first_half_before_the_second(void **state)
{
    (void)state;
    assert_true(entry_count > 200);
    for (unsigned part = 1; part < 8; part++) {
        check_cut(pack.out_size * part / 8, UINT64_MAX);
        check_cut(pack.out_size * part / 8, 0);
    }
}

struct output_so_far {
    atomic_uint lines;
    struct latch first;
};

static int print(void *context, const void *bytes, size_t size)
{
    struct output_so_far *output = context;

    for (size_t i = 0; i < size; i++)
        atomic_fetch_add(&output->lines, ((const char *)bytes)[i] == '\n');
    latch_open(&output->first);
    return 0;
}

static struct trove__engine *make_engine(struct half *half, struct trove__grep *grep,
                                         struct trove_cancel *cancel, struct output_so_far *output)
{
    struct trove__engine_options options = {.cache = half->cache,
                                            .grep = grep,
                                            .threads = 2,
                                            .until = {TROVE_NO_DEADLINE, cancel},
                                            .write = print,
                                            .write_context = output};
    struct trove__engine *engine;

    assert_int_equal(trove__engine_create(&options, &engine, NULL), 0);
    assert_int_equal(trove__engine_begin(engine, half->fetch, NULL), 0);
    return engine;
}

/* Goal: grep has printed its first line by then. */
static void streaming__first_line_before_the_second_half(void **state)
{
    struct trove__grep_pattern pattern = {.bytes = "needle", .size = 6, .origin = "test"};
    struct trove__grep_settings settings = {
        .patterns = &pattern, .pattern_count = 1, .max_count = -1, .show_name = true};
    struct output_so_far output = {.first = LATCH_INIT};
    struct trove__engine *engine;
    struct trove_cancel *cancel;
    struct trove__grep *grep;
    struct half half;
    unsigned blobs = 0;

    (void)state;
    open_half(&half, pack.out_size / 2, 0);
    assert_int_equal(trove_cancel_create(&cancel), 0);
    assert_int_equal(trove__grep_compile(&settings, &grep, NULL), 0);
    engine = make_engine(&half, grep, cancel, &output);
    for (size_t i = 0; i < entry_count; i++)
        if (entries[i].type == TROVE_BLOB && ++blobs <= 1000)
            assert_int_equal(
                trove__engine_add(engine, &entries[i].id, "name", 4, TROVE__CONTENT_LOOK), 0);
    assert_int_equal(trove__engine_flush(engine), 0);
    latch_wait(&output.first);
    assert_true(atomic_load(&half.sent) <= half.cut);
    latch_open(&half.source.go);
    assert_int_equal(trove__engine_end(engine, NULL), 0);
    assert_int_equal(output.lines, blobs);
    trove__engine_destroy(engine);
    trove__grep_destroy(grep);
    trove_cancel_unref(cancel);
    close_half(&half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streaming__first_half_before_the_second),
        cmocka_unit_test(streaming__first_line_before_the_second_half),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
