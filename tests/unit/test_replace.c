// SPDX-License-Identifier: MIT
/*
 * test_replace.c - trove_replace(): other contents and another source at once, each sentence of its comment.
 */
#include "core/cache_struct.h"
#include "failing_allocator.h"
#include "fake_hash.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <trove/async.h>
#include <trove/frozen.h>

static struct fake_source first, second;
static struct trove *cache;

static void begin_with(fake_script script, struct trove_options *options)
{
    fake_source_init(&first, script);
    fake_source_init(&second, NULL);
    cache = fake_open(&first, options);
}

static void begin(fake_script script)
{
    begin_with(script, NULL);
}

static void end(void)
{
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(first.destroyed, 1);
    assert_int_equal(second.destroyed, 1);
    failing_allocator_assert_none();
}

static void replace(void)
{
    const struct trove_source source = fake_source_of(&second);

    assert_int_equal(trove_replace(cache, &source, NULL, NULL), 0);
}

static void put(unsigned n)
{
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));

    assert_int_equal(trove_put(cache, TROVE_BLOB, text, size, NULL, NULL), 0);
}

static bool has(unsigned n)
{
    const struct trove_oid id = fake_id(n);

    return trove_has(cache, &id);
}

static void resolve(unsigned n, enum trove_how how, bool uncached)
{
    const struct trove_oid id = fake_id(n);
    struct trove_result result;

    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    assert_int_equal(result.how, how);
    assert_int_equal(result.uncached, uncached);
    assert_int_equal(check_result(&result, n), 0);
}

static struct trove_stream *stream_of(unsigned n)
{
    struct trove_want want = {fake_id(n), TROVE_BLOB};
    struct trove_stream *stream;

    assert_int_equal(trove_stream_open(cache, NULL, &stream, NULL), 0);
    assert_int_equal(trove_stream_add(stream, &want, NULL, 1, NULL), 0);
    return stream;
}

/* Waits for the state, not for a time: the source's end comes from a thread of the cache's. */
static void wait_destroyed(struct fake_source *source)
{
    while (atomic_load(&source->destroyed) == 0)
        sched_yield();
}

/* --- contents and source -------------------------------------------------------------------------------------------- */

/* Goal: nothing of before is cached, what is missing comes from the new source, the old one has ended, all memory is back. */
static void replace__all_at_once(void **state)
{
    struct trove_stats before, after;

    (void)state;
    begin(NULL);
    trove_stats(cache, &before);
    for (unsigned n = 0; n < 5000; n++)
        put(n);
    resolve(6000, TROVE_FETCHED, false);
    replace();
    wait_destroyed(&first); /* the request's thread may have been leaving it */
    assert_true(trove_is_empty(cache));
    for (unsigned n = 0; n < 5000; n++)
        assert_false(has(n));
    trove_stats(cache, &after);
    assert_int_equal(after.object_count, 0);
    assert_int_equal(after.object_bytes, 0);
    assert_int_equal(after.deferred_bytes, 0);
    assert_int_equal(after.evictions, before.evictions);
    assert_true(after.used_bytes <= before.used_bytes + 8 * 4096); /* segments of queues stay */
    resolve(6000, TROVE_FETCHED, false);
    resolve(6000, TROVE_HIT, false);
    assert_int_equal(first.requests, 1);
    assert_int_equal(second.requests, 1);
    assert_int_equal(second.destroyed, 0);
    for (unsigned n = 0; n < 5000; n++)
        put(n);
    for (unsigned n = 0; n < 5000; n++)
        assert_true(has(n));
    recount(cache);
    end();
}

/* Goal: the same again and again, while the table grows in between and with it levels are moved. */
static void replace__again_and_again(void **state)
{
    (void)state;
    begin(NULL);
    for (unsigned round = 0; round < 20; round++) {
        const struct trove_source none = {0};

        for (unsigned n = 0; n < 100 + round * 100; n++)
            put(round * 100 + n);
        assert_int_equal(trove_replace(cache, round % 2 ? NULL : &none, NULL, NULL), 0);
        assert_true(trove_is_empty(cache));
        assert_false(has(round * 100));
    }
    assert_int_equal(first.destroyed, 1);
    replace();
    recount(cache);
    end();
}

/* Goal: without a source a miss is not supported, as in a cache that was opened so. */
static void replace__by_no_source(void **state)
{
    const struct trove_oid id = fake_id(3);
    struct trove_want want = {fake_id(3), TROVE_BLOB};
    const struct trove_fetch_options fetch = {.wants = &want, .want_count = 1};
    struct trove_result result;

    (void)state;
    begin(NULL);
    assert_int_equal(trove_replace(cache, NULL, NULL, NULL), 0);
    assert_int_equal(trove_resolve(cache, &id, TROVE_ANY, NULL, &result, NULL), -ENOTSUP);
    assert_int_equal(trove_fetch(cache, &fetch, NULL, NULL, NULL), -ENOTSUP);
    replace();
    assert_int_equal(trove_fetch(cache, &fetch, NULL, NULL, NULL), 0);
    end();
}

/* --- what was there before ------------------------------------------------------------------------------------------ */

/* Goal: what is borrowed stays until the section ends, what is pinned as long as the pin is held, also beyond close. */
static void replace__borrows_and_pins_stay(void **state)
{
    const struct trove_source source = fake_source_of(&second);
    const struct trove_until at_once = {.deadline_ns = 0};
    const struct trove_oid id = fake_id(7);
    const struct trove_object *borrowed, *none;
    struct trove_object *pinned;
    struct trove_stats stats;
    char text[256];
    size_t size = fake_text(7, text, sizeof(text));

    (void)state;
    begin(NULL);
    put(7);
    put(8);
    trove_read_lock();
    assert_int_equal(trove_get(cache, &id, &borrowed), 0);
    pinned = trove_pin(borrowed);
    assert_int_equal(trove_replace(cache, &source, NULL, NULL), -EDEADLK);
    assert_int_equal(trove_get(cache, &id, &none), 0);
    trove_read_unlock();
    /* This thread's next section is the reader that holds the discarding up. */
    assert_int_equal(trove_replace(cache, &source, &at_once, NULL), 0);
    trove_read_lock();
    assert_int_equal(trove_get(cache, &id, &none), -ENOENT);
    trove_read_unlock();
    assert_memory_equal(trove_object_data(pinned), text, size);
    assert_int_equal(trove_replace(cache, NULL, NULL, NULL), 0); /* waits for the one before */
    trove_stats(cache, &stats);
    assert_true(stats.pinned_bytes > 0);
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_memory_equal(trove_object_data(pinned), text, size);
    trove_unpin(pinned);
    assert_int_equal(first.destroyed, 1);
    assert_int_equal(second.destroyed, 1);
    failing_allocator_assert_none();
}

struct held {
    struct latch in, out;
    unsigned seen;
};

static void hold_section(void *context, unsigned index)
{
    struct held *held = context;
    const struct trove_source source = fake_source_of(&second);
    const struct trove_until at_once = {.deadline_ns = 0}, soon = trove_until_ms(20, NULL);
    const struct trove_oid id = fake_id(1);
    const struct trove_object *object;

    if (index == 0) {
        char text[256];

        trove_read_lock();
        assert_int_equal(trove_get(cache, &id, &object), 0);
        latch_open(&held->in);
        latch_wait(&held->out);
        (void)fake_text(1, text, sizeof(text));
        held->seen = memcmp(trove_object_data(object), text, strlen(text)) == 0;
        assert_int_equal(trove_get(cache, &id, &object), -ENOENT);
        trove_read_unlock();
        return;
    }
    latch_wait(&held->in);
    assert_int_equal(trove_replace(cache, &source, &soon, NULL), 0);
    /* Another one has to wait for what this reader holds up, and changes nothing when it may not. */
    put(2);
    assert_int_equal(trove_replace(cache, NULL, &at_once, NULL), -ETIMEDOUT);
    assert_true(has(2));
    assert_false(has(1));
    latch_open(&held->out);
}

/* Goal: a reader that stays in its section holds up the memory, and the next replacement, but not this one; the old contents
 * are there for what it borrowed, and nowhere else, not even in the same section. */
static void replace__beside_a_reader(void **state)
{
    struct held held = {.in = LATCH_INIT, .out = LATCH_INIT};

    (void)state;
    begin(NULL);
    put(1);
    run_threads(2, hold_section, &held);
    assert_int_equal(held.seen, 1);
    resolve(3, TROVE_FETCHED, false);
    assert_int_equal(second.requests, 1);
    end();
}

/* Goal: what was frozen before stays as it was; what is frozen afterwards has nothing of before. */
static void replace__and_freeze(void **state)
{
    struct trove_frozen *old, *new;

    (void)state;
    begin(NULL);
    for (unsigned n = 0; n < 100; n++)
        put(n);
    assert_int_equal(trove_freeze(cache, NULL, &old, NULL), 0);
    replace();
    put(1000);
    assert_int_equal(trove_freeze(cache, NULL, &new, NULL), 0);
    assert_int_equal(trove_frozen_count(old), 100);
    assert_int_equal(trove_frozen_count(new), 1);
    trove_frozen_free(old);
    trove_frozen_free(new);
    end();
}

/* --- flights -------------------------------------------------------------------------------------------------------- */

/* Goal: a flight begun before is answered from the old source, uncached; a call begun afterwards asks the new one for the same
 * id; the old source ends when the last of its streams is closed, once. */
static void replace__flight_answers_and_leaks_nothing(void **state)
{
    struct trove_stream *stream;
    struct trove_result result;

    (void)state;
    begin(fake_hold_first);
    stream = stream_of(5);
    latch_wait(&first.started);
    replace();
    assert_int_equal(first.destroyed, 0);
    resolve(5, TROVE_FETCHED, false); /* while the old flight of the same id hangs */
    assert_int_equal(second.requests, 1);
    latch_open(&first.go);
    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 1);
    assert_true(result.uncached);
    assert_int_equal(check_result(&result, 5), 0);
    trove_stream_close(stream);
    wait_destroyed(&first);
    assert_int_equal(first.requests, 1);
    resolve(5, TROVE_HIT, false);
    end();
}

/* Wants 1, gives 2 too. */
static int give_sibling_when_let(struct fake_source *self, const struct trove_request *request,
                                 struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    if (!latch_wait_or_cancel(&self->go, request->until.cancel))
        return -ECANCELED;
    assert_int_equal(fake_give(sink, 2, TROVE_GIVE_DEFAULT), 0);
    return fake_answer(request, sink);
}

/* Goal: nothing that an old request brings is cached, wanted or not; and the evictor makes no room for it. */
static void replace__siblings_leak_nothing(void **state)
{
    struct trove_stream *stream;
    struct trove_result result;
    struct trove_stats stats;

    (void)state;
    begin(give_sibling_when_let);
    stream = stream_of(1);
    latch_wait(&first.started);
    replace();
    latch_open(&first.go);
    assert_int_equal(trove_stream_next(stream, NULL, &result, NULL), 1);
    assert_int_equal(check_result(&result, 1), 0);
    assert_true(trove_is_empty(cache));
    trove_stream_close(stream);
    wait_destroyed(&first);
    trove_stats(cache, &stats);
    assert_int_equal(stats.object_count, 0);
    assert_int_equal(stats.flights_now, 0);
    recount(cache);
    end();
}

static void replace_once_asked(void)
{
    latch_wait(&first.started);
    replace();
    latch_open(&first.go);
}

static void resolve_any(void *context, unsigned index)
{
    const struct trove_oid id = fake_id(9);
    struct trove_result result;
    atomic_uint *led = context;

    if (index == 8) {
        replace_once_asked();
        return;
    }
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
    if (result.how == TROVE_FETCHED)
        atomic_fetch_add(led, 1);
    assert_int_equal(check_result(&result, 9), 0);
}

/* Goal: sleepers of an old flight are woken with its object. Who came after the replacement led one flight more. */
static void replace__wakes_waiters(void **state)
{
    atomic_uint led = 0;

    (void)state;
    begin(fake_hold_first);
    run_threads(9, resolve_any, &led);
    assert_true(led >= 1 && led <= 2);
    assert_true(first.requests == 1 && second.requests <= 1);
    wait_destroyed(&first);
    end();
}

static int fail_when_let(struct fake_source *self, const struct trove_request *request,
                         struct trove_sink *sink, struct trove_error *err)
{
    (void)sink;
    if (!latch_wait_or_cancel(&self->go, request->until.cancel))
        return -ECANCELED;
    return trove_error_set(err, -EPROTO, "nonsense");
}

/* Goal: an old flight's failure is its waiters' alone. */
static void replace__failure_of_an_old_flight(void **state)
{
    struct trove_stream *stream;
    struct trove_result result;
    struct trove_error err;

    (void)state;
    begin(fail_when_let);
    stream = stream_of(5);
    latch_wait(&first.started);
    replace();
    latch_open(&first.go);
    assert_int_equal(trove_stream_next(stream, NULL, &result, &err), 1);
    assert_int_equal(result.status, -EPROTO);
    assert_string_equal(err.message, "nonsense");
    resolve(5, TROVE_FETCHED, false);
    trove_stream_close(stream);
    wait_destroyed(&first);
    end();
}

/* Goal: an old request that hangs, and that nobody waits for any more, is cancelled; its source ends. */
static void replace__cancels_what_nobody_waits_for(void **state)
{
    const struct trove_oid id = fake_id(1);
    struct trove_until soon;
    struct trove_result result;

    (void)state;
    begin(fake_hang);
    soon = trove_until_ms(1, NULL);
    assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, &soon, &result, NULL), -ETIMEDOUT);
    replace();
    wait_destroyed(&first);
    resolve(1, TROVE_FETCHED, false);
    end();
}

/* Goal: a fetch begun before ends as one that was made before: with success, and nothing of it cached. */
static void replace__fetch_goes_on(void **state)
{
    struct trove_want want = {fake_id(4), TROVE_BLOB};
    const struct trove_fetch_options options = {.wants = &want, .want_count = 1};
    struct trove_fetch_result result;
    struct trove_fetch *fetch;
    struct trove_stream *stream;
    struct trove_result answer;

    (void)state;
    begin(fake_hold_first);
    assert_int_equal(trove_fetch_start(cache, &options, NULL, &fetch, NULL), 0);
    latch_wait(&first.started);
    replace();
    /* Who expects the fetch's objects is of its time, whenever he comes. */
    assert_int_equal(trove_stream_open(cache, fetch, &stream, NULL), 0);
    assert_int_equal(trove_stream_add(stream, &want, NULL, 1, NULL), 0);
    latch_open(&first.go);
    assert_int_equal(trove_stream_next(stream, NULL, &answer, NULL), 1);
    assert_true(answer.uncached);
    assert_int_equal(check_result(&answer, 4), 0);
    assert_int_equal(trove_fetch_wait(fetch, NULL, &result, NULL), 0);
    assert_int_equal(result.objects, 1);
    assert_int_equal(result.left_out, 0);
    assert_false(has(4));
    trove_stream_close(stream);
    trove_fetch_free(fetch);
    wait_destroyed(&first);
    end();
}

static void count_end(void *context, struct trove_resolving *resolving)
{
    struct trove_result result;

    assert_int_equal(trove_resolve_take(resolving, &result, NULL), 1);
    assert_true(result.uncached);
    assert_int_equal(check_result(&result, 6), 0);
    latch_open(context);
}

/* Goal: the same for a resolve that was started. */
static void replace__resolve_start_goes_on(void **state)
{
    struct latch told = LATCH_INIT;
    const struct trove_want want = {fake_id(6), TROVE_BLOB};
    const struct trove_notice notice = {.ended = count_end, .context = &told};
    struct trove_resolving *resolving;
    struct trove_result result;

    (void)state;
    begin(fake_hold_first);
    assert_int_equal(trove_resolve_start(cache, &want, &notice, &result, &resolving, NULL), 0);
    latch_wait(&first.started);
    replace();
    latch_open(&first.go);
    latch_wait(&told);
    trove_resolve_free(resolving);
    wait_destroyed(&first);
    assert_true(trove_is_empty(cache));
    end();
}

/* Goal: a source may have its cache replaced while it answers. */
static int replace_and_answer(struct fake_source *self, const struct trove_request *request,
                              struct trove_sink *sink, struct trove_error *err)
{
    (void)self, (void)err;
    replace();
    return fake_answer(request, sink);
}

static void replace__by_the_source(void **state)
{
    (void)state;
    begin(replace_and_answer);
    resolve(1, TROVE_FETCHED, true);
    assert_true(trove_is_empty(cache));
    wait_destroyed(&first);
    end();
}

/* --- the end in between --------------------------------------------------------------------------------------------- */

/* Goal: shutting down and closing reach the requests of sources that were replaced, and wait for them. */
static void replace__then_close(void **state)
{
    struct trove_stream *stream;
    struct trove_result result;
    int r;

    (void)state;
    begin(fake_hang);
    stream = stream_of(5);
    latch_wait(&first.started);
    replace();
    trove_shutdown(cache);
    while ((r = trove_stream_next(stream, NULL, &result, NULL)) == -ECANCELED)
        sched_yield(); /* the cache is shut, and nothing is answered yet */
    assert_int_equal(r, 1);
    assert_int_equal(result.status, -ECANCELED);
    assert_int_equal(trove_replace(cache, NULL, NULL, NULL), -ECANCELED);
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(first.destroyed, 1);
    assert_int_equal(second.destroyed, 1);
    trove_stream_close(stream); /* later than the cache */
    failing_allocator_assert_none();
}

static int hang_deaf(struct fake_source *self, const struct trove_request *request,
                     struct trove_sink *sink, struct trove_error *err)
{
    (void)request, (void)sink;
    latch_wait(&self->go);
    return trove_error_set(err, -EIO, "at last");
}

/* Goal: a replaced source that hears nothing holds up close until its deadline, and the next close takes over. */
static void replace__then_close_beside_a_deaf_source(void **state)
{
    struct trove_until soon;
    struct trove_stream *stream;

    (void)state;
    begin(hang_deaf);
    stream = stream_of(5);
    latch_wait(&first.started);
    replace();
    soon = trove_until_ms(20, NULL);
    assert_int_equal(trove_close(cache, &soon), -ETIMEDOUT);
    assert_int_equal(first.destroyed, 0);
    latch_open(&first.go);
    trove_stream_close(stream);
    end();
}

static void replace_or_close(void *context, unsigned index)
{
    const struct trove_source source = fake_source_of(&second);
    const struct trove_oid id = fake_id(5);
    struct trove_result result;
    atomic_uint *replaced = context;

    if (index == 0 && trove_replace(cache, &source, NULL, NULL) == 0)
        atomic_fetch_add(replaced, 1);
    if (index == 1 && trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL) == 0)
        assert_int_equal(check_result(&result, 5), 0);
    if (index == 2)
        trove_shutdown(cache);
}

/* Goal: a shutdown in the middle of a replacement: either happens, wholly. */
static void replace__beside_shutdown(void **state)
{
    unsigned rounds = test_all_turns() ? 200 : 20;

    (void)state;
    for (unsigned round = 0; round < rounds; round++) {
        atomic_uint replaced = 0;

        begin(NULL);
        put(1);
        run_threads(3, replace_or_close, &replaced);
        assert_int_equal(trove_close(cache, NULL), 0);
        assert_int_equal(first.destroyed, 1);
        assert_int_equal(second.destroyed, replaced);
        failing_allocator_assert_none();
    }
}

/* --- room and memory ------------------------------------------------------------------------------------------------ */

/* Goal: a full cache that refuses to evict is replaced all the same, and is as empty as at first. */
static void replace__full(void **state)
{
    struct trove_options options;
    struct trove_stats before, after;
    unsigned n = 0;
    char text[256];
    size_t size;
    int r;

    (void)state;
    for (int policy = TROVE_OVERFULL_EVICT; policy <= TROVE_OVERFULL_GROW; policy++) {
        fake_options(&options);
        options.max_bytes = 1 << 20;
        options.overfull = (enum trove_overfull)policy;
        begin_with(NULL, &options);
        trove_stats(cache, &before);
        for (r = 0, n = 0; r == 0 && n < FAKE_OBJECTS; n++) {
            size = fake_text(n, text, sizeof(text));
            r = trove_put(cache, TROVE_BLOB, text, size, NULL, NULL);
        }
        if (policy != TROVE_OVERFULL_EVICT) /* which may be refused while memory waits */
            assert_int_equal(r, policy == TROVE_OVERFULL_ERROR ? -ECACHE_OVERFULL : 0);
        replace();
        trove_stats(cache, &after);
        assert_int_equal(after.object_count, 0);
        assert_int_equal(after.deferred_bytes, 0);
        assert_true(after.used_bytes <= before.used_bytes + 64 * 1024);
        for (unsigned m = 0; m < 1000; m++)
            put(m);
        recount(cache);
        end();
    }
}

/* Goal: where memory fails, nothing is replaced, and the source stays the caller's. */
static void replace__without_memory(void **state)
{
    const struct trove_source source = fake_source_of(&second);
    unsigned failures = 0;
    int r = -ENOMEM;

    (void)state;
    begin(NULL);
    for (unsigned n = 1; r < 0; n++) {
        const struct trove_until at_once = {.deadline_ns = 0};

        put(1);
        failing_allocator_fail_at(n);
        r = trove_replace(cache, &source, &at_once, NULL);
        (void)failing_allocator_stop();
        if (r < 0) {
            assert_int_equal(r, -ENOMEM);
            assert_true(has(1));
            assert_int_equal(second.destroyed, 0);
            failures++;
        }
    }
    assert_true(failures >= 3); /* the era, the level, its buckets */
    assert_false(has(1));
    end();
}

/* Goal: caches with one budget: what one lets go of is there for the other. */
static void replace__in_a_shared_budget(void **state)
{
    struct trove_options options;
    struct trove_budget *budget;
    struct trove *other;
    uint64_t empty;

    (void)state;
    assert_int_equal(trove_budget_create(4 << 20, &budget), 0);
    fake_options(&options);
    options.budget = budget;
    options.max_bytes = 4 << 20;
    begin_with(NULL, &options);
    options.source = (struct trove_source){0};
    options.hash = fake_hash(TROVE_SHA1);
    assert_int_equal(trove_open(&options, &other, NULL), 0);
    empty = trove_budget_used(budget);
    for (unsigned n = 0; n < 10000; n++)
        put(n);
    assert_true(trove_budget_used(budget) > empty + 500000);
    replace();
    assert_true(trove_budget_used(budget) <= empty + 64 * 1024);
    recount(cache);
    assert_int_equal(trove_close(other, NULL), 0);
    assert_int_equal(trove_close(cache, NULL), 0);
    assert_int_equal(trove_budget_used(budget), 0);
    trove_budget_unref(budget);
    assert_int_equal(second.destroyed, 1);
    failing_allocator_assert_none();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace__all_at_once),
        cmocka_unit_test(replace__again_and_again),
        cmocka_unit_test(replace__by_no_source),
        cmocka_unit_test(replace__borrows_and_pins_stay),
        cmocka_unit_test(replace__beside_a_reader),
        cmocka_unit_test(replace__and_freeze),
        cmocka_unit_test(replace__flight_answers_and_leaks_nothing),
        cmocka_unit_test(replace__siblings_leak_nothing),
        cmocka_unit_test(replace__wakes_waiters),
        cmocka_unit_test(replace__failure_of_an_old_flight),
        cmocka_unit_test(replace__cancels_what_nobody_waits_for),
        cmocka_unit_test(replace__fetch_goes_on),
        cmocka_unit_test(replace__resolve_start_goes_on),
        cmocka_unit_test(replace__by_the_source),
        cmocka_unit_test(replace__then_close),
        cmocka_unit_test(replace__then_close_beside_a_deaf_source),
        cmocka_unit_test(replace__beside_shutdown),
        cmocka_unit_test(replace__full),
        cmocka_unit_test(replace__without_memory),
        cmocka_unit_test(replace__in_a_shared_budget),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
