// SPDX-License-Identifier: MIT
/*
 * test_cycle.c - sources that ask back: what would wait for itself hears -EDEADLK, everything else is answered.
 */
#include "fake_source.h"
#include "support.h"
#include <errno.h>
#include <string.h>

static struct fake_source source, other;
static struct trove *cache, *other_cache;
static atomic_uint deadlocks;

static int resolve_in(struct trove *in, unsigned n, struct trove_error *err)
{
    const struct trove_oid id = fake_id(n);
    struct trove_result result;
    int r = trove_resolve(in, &id, TROVE_BLOB, NULL, &result, err);

    if (r == -EDEADLK)
        atomic_fetch_add(&deadlocks, 1);
    return r < 0 ? r : check_result(&result, n) == 0 ? 0 : -EBADMSG;
}

static void begin(fake_script script, uint32_t requests_at_once)
{
    struct trove_options options;

    fake_options(&options);
    options.requests_at_once = requests_at_once;
    atomic_store(&deadlocks, 0);
    fake_source_init(&source, script);
    cache = fake_open(&source, &options);
}

/* --- one that asks for what it is asked for ------------------------------------------------------------------------ */

static int ask_for_itself(struct fake_source *self, const struct trove_request *request,
                          struct trove_sink *sink, struct trove_error *err)
{
    int r = resolve_in(self->cache, (unsigned)fake_number(&request->wants[0].id), err);

    (void)sink;
    return r;
}

static void cycle__of_one(void **state)
{
    struct trove_error err;

    (void)state;
    for (uint32_t requests = 1; requests <= 2; requests++) {
        begin(ask_for_itself, requests);
        assert_int_equal(resolve_in(cache, 1, &err), -EDEADLK);
        assert_int_equal(source.requests, 1);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

static int ask_many_for_itself(struct fake_source *self, const struct trove_request *request,
                               struct trove_sink *sink, struct trove_error *err)
{
    struct trove_want wants[2] = {request->wants[0], {fake_id(77), TROVE_BLOB}};
    struct trove_result results[2];

    if (fake_number(&request->wants[0].id) == 77)
        return fake_answer(request, sink);
    if (trove_resolve_many(self->cache, wants, 2, NULL, results, err) != 1 ||
        results[0].status != -EDEADLK || check_result(&results[1], 77) != 0)
        return -EIO;
    return fake_answer(request, sink);
}

/* Goal: of several ids only the one that would wait for itself fails; the other runs inside when no thread is left. */
static void cycle__of_one_among_many(void **state)
{
    (void)state;
    for (uint32_t requests = 1; requests <= 2; requests++) {
        begin(ask_many_for_itself, requests);
        assert_int_equal(resolve_in(cache, 1, NULL), 0);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

/* --- two that ask for each other's ----------------------------------------------------------------------------------- */

static int ask_for_the_other(struct fake_source *self, const struct trove_request *request,
                             struct trove_sink *sink, struct trove_error *err)
{
    int n = fake_number(&request->wants[0].id), r;

    if (atomic_load(&self->requests) == 2)
        latch_open(&self->go);
    latch_wait(&self->go); /* both are sent before either asks back */
    r = resolve_in(self->cache, n == 1 ? 2 : 1, err);
    return r == 0 || r == -EDEADLK ? fake_answer(request, sink) : r;
}

static void resolve_one_of_two(void *context, unsigned index)
{
    if (resolve_in(cache, 1 + index, NULL) != 0)
        atomic_fetch_add((atomic_uint *)context, 1);
}

static void cycle__of_two_threads(void **state)
{
    atomic_uint failed = 0;

    (void)state;
    /* ids of one type gather: one id a request, so that each has its own */
    for (unsigned i = 0; i < 20; i++) {
        struct trove_options options;
        fake_options(&options);
        options.ids_per_request_min = options.ids_per_request_max = 1;
        atomic_store(&deadlocks, 0);
        fake_source_init(&source, ask_for_the_other);
        cache = fake_open(&source, &options);
        run_threads(2, resolve_one_of_two, &failed);
        assert_int_equal(failed, 0);
        assert_int_equal(deadlocks, 1);
        assert_int_equal(trove_close(cache, NULL), 0);
    }
}

static int ask_the_other_cache(struct fake_source *self, const struct trove_request *request,
                               struct trove_sink *sink, struct trove_error *err)
{
    (void)sink;
    return resolve_in(self == &source ? other_cache : cache,
                      (unsigned)fake_number(&request->wants[0].id), err);
}

/* Goal: a cycle through two caches. */
static void cycle__of_two_caches(void **state)
{
    (void)state;
    begin(ask_the_other_cache, 1);
    fake_source_init(&other, ask_the_other_cache);
    other_cache = fake_open(&other, NULL);
    assert_int_equal(resolve_in(cache, 1, NULL), -EDEADLK);
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(trove_close(other_cache, NULL), 0);
}

/* --- chains ---------------------------------------------------------------------------------------------------------- */

static int ask_for_the_next(struct fake_source *self, const struct trove_request *request,
                            struct trove_sink *sink, struct trove_error *err)
{
    unsigned n = (unsigned)fake_number(&request->wants[0].id);
    int r = n > *(unsigned *)self->context ? resolve_in(self->cache, n - 1, err) : 0;

    return r < 0 ? r : fake_answer(request, sink);
}

/* Goal: a chain is no cycle: with one thread its requests run one inside the other; one without end is cut. */
static void cycle__chains(void **state)
{
    unsigned last = 10;

    (void)state;
    begin(ask_for_the_next, 1);
    source.context = &last;
    assert_int_equal(resolve_in(cache, 15, NULL), 0);
    assert_int_equal(source.requests, 6);
    assert_int_equal(resolve_in(cache, 1000, NULL), -EDEADLK);
    assert_int_equal(trove_close(cache, NULL), 0);
}

static int fetch_again(struct fake_source *self, const struct trove_request *request,
                       struct trove_sink *sink, struct trove_error *err)
{
    struct trove_fetch_options options = {.wants = request->wants, .want_count = 1};
    int r = trove_fetch(self->cache, &options, NULL, NULL, err);

    (void)sink;
    if (r == -EDEADLK)
        atomic_fetch_add(&deadlocks, 1);
    return r;
}

/* Goal: a source that fetches whenever it is asked to is cut too, and does not eat the stack. */
static void cycle__of_fetches(void **state)
{
    struct trove_want want = {fake_id(1), TROVE_BLOB};
    struct trove_fetch_options options = {.wants = &want, .want_count = 1};

    (void)state;
    begin(fetch_again, 1);
    assert_int_equal(trove_fetch(cache, &options, NULL, NULL, NULL), -EDEADLK);
    assert_true(deadlocks > 0);
    assert_in_range(source.requests, 1, 20);
    assert_int_equal(trove_close(cache, NULL), 0);
}

static int open_a_stream(struct fake_source *self, const struct trove_request *request,
                         struct trove_sink *sink, struct trove_error *err)
{
    struct trove_stream *stream = self->context;
    struct trove_result result;

    (void)request, (void)sink;
    if (trove_stream_next(stream, NULL, &result, err) != -EDEADLK)
        return -EIO;
    return trove_stream_open(self->cache, NULL, &stream, err);
}

/* Goal: a source cannot wait for streams. */
static void cycle__streams(void **state)
{
    struct trove_stream *stream;

    (void)state;
    begin(open_a_stream, 1);
    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
    source.context = stream;
    assert_int_equal(resolve_in(cache, 1, NULL), -EDEADLK);
    trove_stream_close(stream);
    assert_int_equal(trove_close(cache, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycle__of_one),         cmocka_unit_test(cycle__of_one_among_many),
        cmocka_unit_test(cycle__of_two_threads), cmocka_unit_test(cycle__of_two_caches),
        cmocka_unit_test(cycle__chains),         cmocka_unit_test(cycle__of_fetches),
        cmocka_unit_test(cycle__streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
