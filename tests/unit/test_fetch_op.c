// SPDX-License-Identifier: MIT
/*
 * test_fetch_op.c - trove_fetch(): what is merged, how it fails, who waits for it, atomic requests.
 */
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <string.h>

static struct fake_source source;
static struct trove *cache;

static void begin(fake_script script, void (*adjust)(struct trove_options *options))
{
    struct trove_options options;

    fake_options(&options);
    if (adjust != NULL)
        adjust(&options);
    fake_source_init(&source, script);
    cache = fake_open(&source, &options);
}

static void end(void)
{
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(source.destroyed, 1);
}

static int fetch(const char *filter, const struct trove_until *until,
                 struct trove_fetch_result *ret, struct trove_error *err)
{
    struct trove_want want = {fake_id(0), TROVE_COMMIT};
    struct trove_fetch_options options = {
        .wants = &want, .want_count = 1, .filter = filter, .depth = 3};

    return trove_fetch(cache, &options, until, ret, err);
}

static int give_ten(struct trove_sink *sink)
{
    int r = 0;

    for (unsigned n = 0; n < 10 && r == 0; n++)
        r = fake_give(sink, n, TROVE_GIVE_DEFAULT);
    return r;
}

static int check_request(struct fake_source *self, const struct trove_request *request,
                         struct trove_sink *sink, struct trove_error *err)
{
    (void)self;
    if (request->by_id || request->depth != 3 || request->want_count != 1 ||
        request->filter == NULL || strcmp(request->filter, "tree:2") != 0)
        return trove_error_set(err, -EPROTO, "another request");
    trove_sink_done(sink);
    return give_ten(sink);
}

/* Goal: filter and depth reach the source as they are; what comes is cached, wanted or not. */
static void fetch_op__merges(void **state)
{
    struct trove_fetch_result result;

    (void)state;
    begin(check_request, NULL);
    assert_int_equal(fetch("tree:2", NULL, &result, NULL), 0);
    assert_int_equal(result.objects, 10);
    assert_int_equal(result.left_out, 0);
    for (unsigned n = 0; n < 10; n++) {
        struct trove_oid id = fake_id(n);
        assert_true(trove_has(cache, &id));
    }
    end();
}

static int give_nothing(struct fake_source *self, const struct trove_request *request,
                        struct trove_sink *sink, struct trove_error *err)
{
    (void)self, (void)request, (void)err;
    trove_sink_done(sink);
    return 0;
}

static void fetch_op__an_empty_pack_is_success(void **state)
{
    struct trove_fetch_result result = {7, 7};

    (void)state;
    begin(give_nothing, NULL);
    assert_int_equal(fetch(NULL, NULL, &result, NULL), 0);
    assert_int_equal(result.objects, 0);
    end();
}

static void fetch_op__misuse(void **state)
{
    struct trove_fetch_options options = {.want_count = 0};
    struct trove_fetch_result result;
    struct trove_options without;

    (void)state;
    begin(NULL, NULL);
    assert_int_equal(trove_fetch(cache, &options, NULL, &result, NULL), -EINVAL);
    end();
    fake_options(&without);
    assert_int_equal(trove_open(&without, &cache, NULL), 0);
    assert_int_equal(fetch(NULL, NULL, &result, NULL), -ENOTSUP);
    assert_int_equal(trove_close(cache, NULL), 0);
}

static void no_room(struct trove_options *options)
{
    options->max_cached_percent = 0;
}

static int give_ten_and_done(struct fake_source *self, const struct trove_request *request,
                             struct trove_sink *sink, struct trove_error *err)
{
    (void)self, (void)request, (void)err;
    trove_sink_done(sink);
    return give_ten(sink);
}

/* Goal: what could not be cached is counted, and said at the end. */
static void fetch_op__overfull(void **state)
{
    struct trove_fetch_result result;
    struct trove_error err;

    (void)state;
    begin(give_ten_and_done, no_room);
    assert_int_equal(fetch(NULL, NULL, &result, &err), -ECACHE_OVERFULL);
    assert_int_equal(result.objects, 10);
    assert_int_equal(result.left_out, 10);
    assert_true(err.message[0] != '\0');
    end();
}

static int ten_then_fail(struct fake_source *self, const struct trove_request *request,
                         struct trove_sink *sink, struct trove_error *err)
{
    int r = give_ten(sink);

    (void)self, (void)request;
    return r < 0 ? r : trove_error_set(err, -EPROTO, "bad pack");
}

static void atomic_requests(struct trove_options *options)
{
    options->atomic_requests = true;
}

/* Goal: of a failed fetch what was verified stays; of an atomic one nothing does. */
static void fetch_op__failure(void **state)
{
    struct trove_fetch_result result;
    struct trove_oid id = fake_id(9);
    struct trove_stats stats;
    struct trove_error err;

    (void)state;
    for (int atomic = 0; atomic < 2; atomic++) {
        begin(ten_then_fail, atomic ? atomic_requests : NULL);
        assert_int_equal(fetch(NULL, NULL, &result, &err), -EPROTO);
        assert_string_equal(err.message, "bad pack");
        assert_int_equal(trove_has(cache, &id), !atomic);
        trove_stats(cache, &stats);
        assert_int_equal(stats.object_count, atomic ? 0 : 10);
        assert_int_equal(stats.inflight_bytes, 0);
        assert_int_equal(stats.pinned_bytes, 0);
        end();
    }
}

/* A text under the id of another, as only a broken source gives it. */
static int ten_and_a_collision(struct fake_source *self, const struct trove_request *request,
                               struct trove_sink *sink, struct trove_error *err)
{
    const struct trove_oid id = fake_id(500);
    struct trove_object *object;
    int r = give_ten(sink);

    (void)self, (void)request, (void)err;
    if (r == 0)
        r = trove_sink_alloc(sink, TROVE_BLOB, 5, &object);
    if (r == 0) {
        memcpy(trove_sink_buffer(object), "other", 5);
        r = trove_sink_give(sink, object, &id, TROVE_GIVE_DEFAULT);
    }
    trove_sink_done(sink);
    return r;
}

/* Goal: other bytes under a cached id are an error; an atomic request leaves nothing then. */
static void fetch_op__collision(void **state)
{
    char text[256];
    size_t size = fake_text(500, text, sizeof(text));
    struct trove_fetch_result result;
    struct trove_stats stats;

    (void)state;
    for (int atomic = 0; atomic < 2; atomic++) {
        begin(ten_and_a_collision, atomic ? atomic_requests : NULL);
        assert_int_equal(trove_put(cache, TROVE_BLOB, text, size, NULL, NULL), 0);
        assert_int_equal(fetch(NULL, NULL, &result, NULL), -EBADMSG);
        trove_stats(cache, &stats);
        assert_int_equal(stats.object_count, atomic ? 1 : 11);
        assert_int_equal(stats.pinned_bytes, 0);
        end();
    }
}

static int refuse(struct fake_source *self, const struct trove_request *request,
                  struct trove_sink *sink, struct trove_error *err)
{
    (void)self, (void)err;
    trove_sink_refuse(sink, &request->wants[0].id, -ENOENT, "not our ref");
    trove_sink_done(sink);
    return 0;
}

static void fetch_op__refused(void **state)
{
    struct trove_fetch_result result;
    struct trove_error err;

    (void)state;
    begin(refuse, NULL);
    assert_int_equal(fetch(NULL, NULL, &result, &err), -ENOENT);
    assert_string_equal(err.message, "not our ref");
    end();
}

static int hang(struct fake_source *self, const struct trove_request *request,
                struct trove_sink *sink, struct trove_error *err)
{
    if (request->by_id)
        return fake_answer(request, sink);
    if (!latch_wait_or_cancel(&self->go, request->until.cancel))
        return trove_error_set(err, -ECANCELED, "cancelled");
    trove_sink_done(sink);
    return give_ten(sink);
}

/* Goal: a deadline ends the wait, and the request with it. */
static void fetch_op__deadline(void **state)
{
    struct trove_until soon = trove_until_ms(5, NULL);
    struct trove_fetch_result result;

    (void)state;
    begin(hang, NULL);
    assert_int_equal(fetch(NULL, &soon, &result, NULL), -ETIMEDOUT);
    end(); /* waits for the source, which hears that it was cancelled */
}

struct waiting {
    struct trove_fetch *fetch;
    atomic_uint right;
};

static void wait_for_it(void *context, unsigned index)
{
    struct waiting *waiting = context;
    struct trove_until past = {.deadline_ns = 1};
    struct trove_fetch_result result;

    if (index == 0) {
        if (trove_fetch_wait(waiting->fetch, &past, &result, NULL) == -ETIMEDOUT)
            atomic_fetch_add(&waiting->right, 1);
        latch_open(&source.go);
    } else if (trove_fetch_wait(waiting->fetch, NULL, &result, NULL) == 0 && result.objects == 10) {
        atomic_fetch_add(&waiting->right, 1);
    }
}

/* Goal: any number of threads wait for one fetch; one that stops waiting does not end it. */
static void fetch_op__many_wait(void **state)
{
    struct trove_want want = {fake_id(0), TROVE_COMMIT};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct waiting waiting = {0};

    (void)state;
    begin(hang, NULL);
    assert_int_equal(trove_fetch_start(cache, &options, NULL, &waiting.fetch, NULL), 0);
    run_threads(8, wait_for_it, &waiting);
    assert_int_equal(waiting.right, 8);
    assert_true(trove_fetch_is_done(waiting.fetch));
    trove_fetch_free(waiting.fetch);
    end();
}

static int fail_when_told(struct fake_source *self, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    if (request->by_id)
        return fake_answer(request, sink);
    latch_wait(&self->go);
    return trove_error_set(err, -ECONNRESET, "hung up");
}

/* Goal: ids that wait for a fetch are asked for by id when its connection breaks; nobody gets its error. */
static void fetch_op__parked_ids_survive_a_failure(void **state)
{
    struct trove_want wants[20] = {{fake_id(0), TROVE_COMMIT}};
    struct trove_fetch_options options = {.wants = wants, .want_count = 1};
    struct trove_stream *stream;
    struct trove_fetch *fetch;
    struct trove_result result;

    (void)state;
    begin(fail_when_told, NULL);
    assert_int_equal(trove_fetch_start(cache, &options, NULL, &fetch, NULL), 0);
    assert_int_equal(trove_stream_open(cache, fetch, &stream, NULL), 0);
    for (unsigned i = 0; i < 20; i++)
        wants[i] = (struct trove_want){fake_id(i), TROVE_BLOB};
    assert_int_equal(trove_stream_add(stream, wants, NULL, 20, NULL), 0);
    latch_open(&source.go);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 1);
        assert_int_equal(result.status, 0);
        trove_unpin(result.object);
    }
    assert_int_equal(trove_fetch_wait(fetch, NULL, NULL, NULL), -ECONNRESET);
    assert_int_equal(source.requests, 2);
    trove_stream_close(stream);
    trove_fetch_free(fetch);
    end();
}

static int spoilt_when_told(struct fake_source *self, const struct trove_request *request,
                            struct trove_sink *sink, struct trove_error *err)
{
    int r;

    if (request->by_id)
        return fake_answer(request, sink);
    latch_wait(&self->go);
    r = fake_give(sink, 1, TROVE_GIVE_DEFAULT);
    return r < 0 ? r : trove_error_set(err, -EPROTO, "bad pack");
}

/* A source's own limit: the fetch has no deadline. */
static int slow_when_told(struct fake_source *self, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    if (request->by_id)
        return fake_answer(request, sink);
    latch_wait(&self->go);
    return trove_error_set(err, -ETIMEDOUT, "too slow");
}

/* Takes COUNT answers; how many of them were STATUS with MESSAGE. */
static unsigned count_failed(struct trove_stream *stream, unsigned count, int status,
                             const char *message)
{
    struct trove_result result;
    struct trove_error err;
    unsigned failed = 0;

    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(trove_stream_next(stream, NULL, &result, &err), 1);
        failed += result.status == status && strcmp(err.message, message) == 0;
        assert_true(result.status == status || result.status == 0);
        trove_unpin(result.object);
    }
    return failed;
}

/* Goal: a fetch that failed because of what came, or because nothing did, fails the ids that waited for it and those that
 * come later, without one more request; what it brought before is theirs. */
static void fetch_op__parked_ids_fail_with_a_fetch_that_is_no_good(void **state)
{
    static const struct {
        fake_script script;
        int status;
        const char *message;
        unsigned failed; /* of 20 */
    } cases[] = {{spoilt_when_told, -EPROTO, "bad pack", 19},
                 {slow_when_told, -ETIMEDOUT, "too slow", 20}};
    struct trove_want wants[20] = {{fake_id(0), TROVE_COMMIT}};
    struct trove_fetch_options options = {.wants = wants, .want_count = 1};
    struct trove_stream *stream;
    struct trove_fetch *fetch;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        wants[i] = (struct trove_want){fake_id(i), TROVE_BLOB};
    for (size_t i = 0; i < 2; i++) {
        begin(cases[i].script, NULL);
        assert_int_equal(trove_fetch_start(cache, &options, NULL, &fetch, NULL), 0);
        assert_int_equal(trove_stream_open(cache, fetch, &stream, NULL), 0);
        assert_int_equal(trove_stream_add(stream, wants, NULL, 10, NULL), 0);
        assert_int_equal(trove_stream_add(stream, &wants[10], NULL, 1, NULL), 0);
        latch_open(&source.go);
        assert_int_equal(trove_fetch_wait(fetch, NULL, NULL, NULL), cases[i].status);
        assert_int_equal(trove_stream_add(stream, &wants[11], NULL, 9, NULL), 0);
        assert_int_equal(count_failed(stream, 20, cases[i].status, cases[i].message),
                         cases[i].failed);
        assert_int_equal(source.requests, 1);
        trove_stream_close(stream);
        trove_fetch_free(fetch);
        end();
    }
}

/* Goal: ids that waited for a fetch whose own deadline passed are asked for: it was not theirs. */
static void fetch_op__parked_ids_survive_a_deadline(void **state)
{
    struct trove_until past = {.deadline_ns = 1};
    struct trove_want want = {fake_id(0), TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_stream *stream;
    struct trove_fetch *fetch;

    (void)state;
    begin(NULL, NULL);
    assert_int_equal(trove_fetch_start(cache, &options, &past, &fetch, NULL), 0);
    assert_int_equal(trove_stream_open(cache, fetch, &stream, NULL), 0);
    assert_int_equal(trove_stream_add(stream, &want, NULL, 1, NULL), 0);
    assert_int_equal(count_failed(stream, 1, -ETIMEDOUT, ""), 0);
    assert_int_equal(trove_fetch_wait(fetch, NULL, NULL, NULL), -ETIMEDOUT);
    trove_stream_close(stream);
    trove_fetch_free(fetch);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetch_op__merges),
        cmocka_unit_test(fetch_op__an_empty_pack_is_success),
        cmocka_unit_test(fetch_op__misuse),
        cmocka_unit_test(fetch_op__overfull),
        cmocka_unit_test(fetch_op__failure),
        cmocka_unit_test(fetch_op__collision),
        cmocka_unit_test(fetch_op__refused),
        cmocka_unit_test(fetch_op__deadline),
        cmocka_unit_test(fetch_op__many_wait),
        cmocka_unit_test(fetch_op__parked_ids_survive_a_failure),
        cmocka_unit_test(fetch_op__parked_ids_fail_with_a_fetch_that_is_no_good),
        cmocka_unit_test(fetch_op__parked_ids_survive_a_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
