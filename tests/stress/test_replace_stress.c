// SPDX-License-Identifier: MIT
/*
 * test_replace_stress.c - a cache that is replaced again and again, while others read, put and resolve.
 *
 * Each replacement is followed by a put of a marker of its own, which nobody else puts and no source has. Whoever has seen the
 * marker of one never finds an earlier one again, in whatever thread. Sources notice when they are asked after their end.
 *
 * mutation of core/era.c, core/table_replace.c                    dies in
 * the winner does not move `view`, or who loses does not help     tests/stepped/test_stopped_replace.c
 *   him; what is discarded is not retired; the table keeps its
 *   reference to a discarded era
 * what was replaced is discarded before its level is settled; no  tests/explore/test_explore_replace.c
 *   grace period before the host is told
 * a third era is let in (R2); a replacement that fails ends the   tests/unit/test_replace.c
 *   source, or leaves its era; replace does not wait, or is never
 *   told (hangs); a discarded era keeps its unit (hangs)
 */
#include "core/cache_struct.h"
#include "failing_allocator.h"
#include "fake_source.h"
#include "recount.h"
#include "support.h"
#include <errno.h>
#include <sched.h>

#define MARKERS 10000 /* the numbers of markers begin here */
#define NUMBERS 3000  /* what is put and resolved */
#define TURNS_MAX 4000
#define READERS 2
#define WRITERS 2
#define RESOLVERS 2

struct tagged {
    atomic_uint asked, destroyed;
};

static struct tagged sources[TURNS_MAX + 1];
static struct trove *cache;
static unsigned turns;
static atomic_uint seen; /* the latest marker that anybody has seen, from 1 */
static atomic_bool is_over;

static int bring(void *source, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err)
{
    struct tagged *self = source;
    int r;

    (void)err;
    atomic_fetch_add(&self->asked, 1);
    assert_int_equal(self->destroyed, 0);
    r = fake_answer(request, sink);
    assert_int_equal(self->destroyed, 0);
    atomic_fetch_sub(&self->asked, 1);
    return r;
}

static void destroy(void *source)
{
    struct tagged *self = source;

    assert_int_equal(self->asked, 0);
    assert_int_equal(atomic_fetch_add(&self->destroyed, 1), 0);
}

static const struct trove_source_ops ops = {.fetch = bring, .destroy = destroy};

static void put(unsigned n)
{
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));
    int r = trove_put(cache, TROVE_BLOB, text, size, NULL, NULL);

    assert_true(r == 0 || r == -ECACHE_OVERFULL);
}

static void replacer(void)
{
    for (unsigned turn = 1; turn <= turns; turn++) {
        const struct trove_source source = {&ops, &sources[turn]};
        /* Some wait until all is over, others leave that to the next. */
        const struct trove_until at_once = {.deadline_ns = 0};
        int r;

        do {
            r = trove_replace(cache, &source, turn % 3 == 0 ? &at_once : NULL, NULL);
            /* No room for a table while what was evicted is not yet free. */
        } while (r == -ETIMEDOUT || r == -ECACHE_OVERFULL);
        if (r != 0)
            fail_msg("trove_replace(): %d", r);
        put(MARKERS + turn);
    }
    atomic_store(&is_over, true);
}

static bool find(unsigned marker)
{
    const struct trove_oid id = fake_id(MARKERS + marker);
    const struct trove_object *object;
    bool found;

    if (marker % 2)
        return trove_has(cache, &id);
    trove_read_lock();
    found = trove_get(cache, &id, &object) == 0;
    trove_read_unlock();
    return found;
}

static void see(unsigned marker)
{
    unsigned before = atomic_load(&seen);

    while (before < marker && !atomic_compare_exchange_weak(&seen, &before, marker))
        ;
}

static void reader(unsigned random)
{
    while (!atomic_load(&is_over)) {
        unsigned latest = atomic_load(&seen);

        for (unsigned marker = latest + 1; marker <= latest + 3 && marker <= turns; marker++)
            if (find(marker))
                see(marker);
        latest = atomic_load(&seen);
        random = random * 1103515245 + 12345;
        if (latest > 1) {
            unsigned earlier = latest - 1 - random / 65536 % (latest - 1 < 4 ? latest - 1 : 4);

            assert_false(find(earlier));
        }
    }
}

static void writer(unsigned random)
{
    while (!atomic_load(&is_over)) {
        random = random * 1103515245 + 12345;
        put(random / 65536 % NUMBERS);
    }
}

static void resolver(unsigned random)
{
    struct trove_result result;

    while (!atomic_load(&is_over)) {
        struct trove_oid id;
        unsigned n;

        random = random * 1103515245 + 12345;
        n = random / 65536 % NUMBERS;
        id = fake_id(n);
        assert_int_equal(trove_resolve(cache, &id, TROVE_BLOB, NULL, &result, NULL), 0);
        assert_int_equal(check_result(&result, n), 0);
    }
}

static void run(void *context, unsigned index)
{
    (void)context;
    if (index == 0)
        replacer();
    else if (index <= READERS)
        reader(index);
    else if (index <= READERS + WRITERS)
        writer(index);
    else
        resolver(index);
}

static void replace_under(enum trove_overfull overfull, uint64_t max_bytes, unsigned some)
{
    struct trove_options options;

    fake_options(&options);
    options.overfull = overfull;
    options.max_bytes = max_bytes;
    options.source = (struct trove_source){&ops, &sources[0]};
    turns = test_long() ? TURNS_MAX : some;
    atomic_store(&is_over, false);
    atomic_store(&seen, 0);
    for (unsigned i = 0; i <= turns; i++) {
        atomic_store(&sources[i].asked, 0);
        atomic_store(&sources[i].destroyed, 0);
    }
    assert_int_equal(trove_open(&options, &cache, NULL), 0);
    run_threads(1 + READERS + WRITERS + RESOLVERS, run, NULL);
    assert_int_equal(trove_replace(cache, NULL, NULL, NULL), 0);
    recount(cache);
    assert_int_equal(trove_close(cache, NULL), 0);
    for (unsigned i = 0; i <= turns; i++)
        assert_int_equal(sources[i].destroyed, 1);
#ifndef __SANITIZE_THREAD__ /* its read sections keep a record for each thread */
    assert_int_equal(failing_allocator_live(), 0);
#endif
}

static void replace__under_load(void **state)
{
    (void)state;
    replace_under(TROVE_OVERFULL_EVICT, 64 << 20, 6);
    replace_under(TROVE_OVERFULL_GROW, 64 << 20, 6);
}

/* The evictor is at work on what was replaced, too. */
static void replace__under_load_when_full(void **state)
{
    (void)state;
    replace_under(TROVE_OVERFULL_EVICT, 512 << 10, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replace__under_load),
        cmocka_unit_test(replace__under_load_when_full),
    };

    return cmocka_run_group_tests(tests, failing_allocator_setup, NULL);
}
