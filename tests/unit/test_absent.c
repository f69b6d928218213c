// SPDX-License-Identifier: MIT
/*
 * test_absent.c - negative caching: for so long, so many, exactly the ids that were absent; and whose flight it was that failed.
 */
#include "core/absent.h"
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <string.h>
#include <trove/async.h>

#define ABSENT (FAKE_OBJECTS + 1)
#ifdef __SANITIZE_THREAD__
#define TURNS 20000
#else
#define TURNS 200000
#endif

static struct fake_source source;
static struct trove *cache;

static void begin(fake_script script, uint32_t absent_max, uint32_t absent_ms)
{
    struct trove_options options;

    fake_options(&options);
    options.absent_max = absent_max;
    options.absent_ms = absent_ms;
    fake_source_init(&source, script);
    cache = fake_open(&source, &options);
}

static void end(void)
{
    assert_int_equal(trove_close(cache, NULL), 0);
}

static int resolve(unsigned n)
{
    const struct trove_oid id = fake_id(n);
    struct trove_result result;
    int r = trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL);

    return r < 0 ? r : check_result(&result, n);
}

/* Goal: within its time an absent id costs no request, whoever asks; without the option each asks again. */
static void absent__asked_once(void **state)
{
    const struct trove_want want = {fake_id(ABSENT), TROVE_BLOB};
    struct trove_resolving *resolving;
    struct trove_result result;

    (void)state;
    begin(NULL, 100, 1000000000);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(resolve(ABSENT), -ENOENT);
    assert_int_equal(trove_resolve_many(cache, &want, 1, NULL, &result, NULL), 0);
    assert_int_equal(result.status, -ENOENT);
    assert_int_equal(trove_resolve_start(cache, &want, NULL, &result, &resolving, NULL), 1);
    assert_int_equal(result.status, -ENOENT);
    assert_int_equal(source.requests, 1);
    assert_int_equal(resolve(ABSENT + 1), -ENOENT); /* another one is asked for */
    assert_int_equal(source.requests, 2);
    end();
    begin(NULL, 0, 1000000000);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(resolve(ABSENT), -ENOENT);
    assert_int_equal(source.requests, 5);
    end();
}

/* Goal: when its time is over it is asked for again. */
static void absent__only_so_long(void **state)
{
    (void)state;
    begin(NULL, 100, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(resolve(ABSENT), -ENOENT);
    assert_int_equal(source.requests, 3);
    end();
}

static int fail_with_words(struct fake_source *self, const struct trove_request *request,
                           struct trove_sink *sink, struct trove_error *err)
{
    (void)self, (void)request, (void)sink;
    return trove_error_set(err, -EIO, "the wire is cut");
}

/* Goal: failures are not absence. */
static void absent__failures_are_not_remembered(void **state)
{
    (void)state;
    begin(fail_with_words, 100, 1000000000);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(resolve(1), -EIO);
    assert_int_equal(source.requests, 3);
    end();
}

/* Gives object 7, cached or not, to whoever asks for object 8; says that there is none otherwise. */
static int seven_with_eight(struct fake_source *self, const struct trove_request *request,
                            struct trove_sink *sink, struct trove_error *err)
{
    (void)self, (void)err;
    if (fake_number(&request->wants[0].id) == 8) {
        int r = fake_give(sink, 7, TROVE_GIVE_NO_CACHE);
        return r < 0 ? r : fake_answer(request, sink);
    }
    trove_sink_done(sink);
    return 0;
}

/* Goal: what arrives after all, by put or beside another object, is absent no more. */
static void absent__what_comes_is_there(void **state)
{
    char text[256];

    (void)state;
    begin(seven_with_eight, 100, 1000000000);
    assert_int_equal(resolve(7), -ENOENT);
    assert_int_equal(resolve(9), -ENOENT);
    assert_int_equal(resolve(7), -ENOENT);
    assert_int_equal(source.requests, 2);
    assert_int_equal(resolve(8), 0);
    assert_int_equal(resolve(7), -ENOENT); /* it came uncached: forgotten, so asked for */
    assert_int_equal(source.requests, 4);
    assert_int_equal(
        trove_put(cache, TROVE_BLOB, text, fake_text(9, text, sizeof(text)), NULL, NULL), 0);
    assert_int_equal(resolve(9), 0);
    assert_int_equal(source.requests, 4);
    end();
}

/* Goal: a fixed number of entries; an id is never taken for another, whatever their places. */
static void absent__bounded_and_exact(void **state)
{
    struct trove_options options = {.absent_max = 64, .absent_ms = 1000000000};
    struct trove__absent absent = {0};
    struct trove_oid id, other;
    unsigned remembered = 0;

    (void)state;
    assert_int_equal(trove__absent_init(&absent, &options), 0);
    assert_int_equal(absent.count, 64);
    for (unsigned n = 0; n < 1000; n++) {
        id = fake_id(n);
        trove__absent_remember(&absent, n, &id);
        assert_true(trove__absent_has(&absent, n, &id));
    }
    for (unsigned n = 0; n < 1000; n++) {
        id = fake_id(n);
        other = id;
        other.bytes[19] ^= 1;
        remembered += trove__absent_has(&absent, n, &id);
        assert_false(trove__absent_has(&absent, n, &other));
        trove__absent_forget(&absent, n, &id);
        assert_false(trove__absent_has(&absent, n, &id));
    }
    assert_int_equal(remembered, 64);
    trove__absent_deinit(&absent);
}

struct tearing {
    struct trove__absent absent;
    struct trove_oid ids[2];
    atomic_uint wrong;
};

/* Two write ids of one place; the others ask for what is half of each. */
static void tear(void *context, unsigned index)
{
    struct tearing *tearing = context;
    struct trove_oid mixed = tearing->ids[0];

    memcpy(mixed.bytes + 8, tearing->ids[1].bytes + 8, 12);
    for (unsigned i = 0; i < TURNS; i++) {
        if (index == 0)
            trove__absent_remember(&tearing->absent, 0, &tearing->ids[i & 1]);
        else if (index == 1)
            trove__absent_forget(&tearing->absent, 0, &tearing->ids[i & 1]);
        else if (trove__absent_has(&tearing->absent, 0, &mixed))
            atomic_fetch_add(&tearing->wrong, 1);
    }
}

/* Goal: an entry that is just being written is nobody's. */
static void absent__never_half_of_two(void **state)
{
    struct trove_options options = {.absent_max = 4, .absent_ms = 1000000000};
    struct tearing tearing = {.ids = {fake_id(1), fake_id(2)}};

    (void)state;
    assert_int_equal(trove__absent_init(&tearing.absent, &options), 0);
    tearing.absent.count = 4;
    run_threads(4, tear, &tearing);
    assert_int_equal(tearing.wrong, 0);
    trove__absent_deinit(&tearing.absent);
}

/* --- whose flight it was ------------------------------------------------------------------------------------------ */

static uint64_t count_up(void *context)
{
    return atomic_fetch_add((atomic_uintptr_t *)context, 1);
}

static void join_and_see(void *context, unsigned index)
{
    const struct trove_oid id = fake_id(1);
    struct trove_result result;
    struct trove_error err = {0};

    (void)index;
    if (trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, &err) != -EIO)
        abort();
    atomic_fetch_add((atomic_uintptr_t *)context, err.tag);
}

static int fail_when_let(struct fake_source *self, const struct trove_request *request,
                         struct trove_sink *sink, struct trove_error *err)
{
    latch_wait(&self->go);
    return fail_with_words(self, request, sink, err);
}

/* Goal: all who wait hear the tag of the one who leads, in each way of asking. */
static void tag__of_the_leader(void **state)
{
    const struct trove_want want = {fake_id(1), TROVE_BLOB};
    atomic_uintptr_t next = 40, sum = 0;
    struct trove_until past = {.deadline_ns = 1};
    struct trove_resolving *resolving;
    struct trove_options options;
    struct trove_stream *stream;
    struct trove_result result;
    struct trove_error err;

    (void)state;
    fake_options(&options);
    options.leader_tag = count_up;
    options.leader_tag_context = &next;
    fake_source_init(&source, fail_when_let);
    cache = fake_open(&source, &options);
    assert_int_equal(trove_resolve_start(cache, &want, NULL, &result, &resolving, NULL), 0);
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
    assert_int_equal(trove_stream_add(stream, &want, NULL, 1, NULL), 0);
    assert_int_equal(trove_resolve(cache, &want.id, TROVE_BLOB, &past, &result, &err), -ETIMEDOUT);
    latch_open(&source.go);
    assert_int_equal(trove_stream_next(stream, NULL, &result, &err), 1);
    assert_int_equal(result.status, -EIO);
    assert_int_equal(err.tag, 40);
    while (trove_resolve_take(resolving, &result, &err) == 0)
        ;
    assert_int_equal(err.tag, 40);
    assert_int_equal(next, 41);
    trove_resolve_free(resolving);
    trove_stream_close(stream);
    join_and_see(&sum, 0);
    assert_int_equal(sum, 41);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent__asked_once),
        cmocka_unit_test(absent__only_so_long),
        cmocka_unit_test(absent__failures_are_not_remembered),
        cmocka_unit_test(absent__what_comes_is_there),
        cmocka_unit_test(absent__bounded_and_exact),
        cmocka_unit_test(absent__never_half_of_two),
        cmocka_unit_test(tag__of_the_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
