// SPDX-License-Identifier: MIT
/*
 * test_linear.c - whatever several threads put, get and resolve at once, and whatever is evicted meanwhile, each id's calls
 * can be put in one order in which every answer is true: linearizability, checked over whole histories.
 *
 * property                                                      shown by
 * an id that was put is there until it is evicted               linear__error, linear__grow (nothing is evicted there)
 * a miss is explained by an eviction that was logged            linear__evict
 * once seen, seen until evicted                                 all three: the checker, tests/unit/test_linear_checker.c
 * a put of an id that is there says so; of two at once one      all three
 * what was there before a replacement is found no more after it linear__replace_error, linear__replace_grow
 * the bytes are the id's, also after a long time in a section   all three; freed too early: the asan preset
 * the test would see it                                         the same over a core that empties the old slot first: test_linear_clear_first
 *
 * Recording. Each thread writes into a log of its own and takes the times of its calls from CLOCK_MONOTONIC_RAW, which the
 * kernel promises to agree between processors and which costs no shared write, so recording orders nothing that was not
 * ordered. A call has its effect between the two readings: the first is followed, the second preceded by a fence that
 * neither the counter's reading nor the call's accesses pass. So an interval is never too small; one that is too large only
 * makes the check more lenient. Readings that are equal count as overlapping.
 * Evictions, what fetch threads insert, and replacements are seen by wrapping private calls when the test is linked (--wrap);
 * the library is as it is. A replacement has its effect on all ids at once; the checker looks at each id alone, so that it is one
 * moment for all of them is test_replace_stress.c's.
 */
#include "core/cache_struct.h"
#include "linear.h"
#include "support.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trove/cache.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define THREADS 6
#define WINDOW 400 /* ids that are asked for mostly; the window moves on */
#define MANY 8
#define SIZE_MAX_OF_OBJECT 160

#if defined(TROVE_TESTS_PERTURB_H)
#define OPS 3000
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPS 8000
#else
#define OPS 100000
#endif

/* --- logs --------------------------------------------------------------------------------------------------------- */

struct log {
    struct log *next;
    struct linear_event *events;
    size_t count, room;
};

static _Thread_local struct log *own_log;
static _Thread_local unsigned own_run;
static struct log *logs;
static unsigned
    run_number; /* logs of earlier runs are gone; changed while only one thread is there */
static pthread_mutex_t logs_lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fence(void)
{
    trove__fence_seq_cst();
#if defined(__x86_64__)
    _mm_lfence(); /* the counter is read before what follows begins, and after what came before */
#endif
}

static int64_t begin(void)
{
    int64_t time = now();

    fence();
    return time;
}

static void note(enum linear_kind kind, uint32_t id, int64_t began)
{
    struct log *log;

    fence();
    if (own_log == NULL || own_run != run_number) {
        own_log = calloc(1, sizeof(*own_log));
        own_run = run_number;
        pthread_mutex_lock(&logs_lock);
        own_log->next = logs;
        logs = own_log;
        pthread_mutex_unlock(&logs_lock);
    }
    log = own_log;
    if (log->count == log->room) {
        log->room = log->room == 0 ? 4096 : 2 * log->room;
        log->events = realloc(log->events, log->room * sizeof(*log->events));
    }
    log->events[log->count++] = (struct linear_event){began, now(), id, kind};
}

/* All logs as one; they are empty afterwards. */
static struct linear_event *take_logs(size_t *ret_count)
{
    struct linear_event *all;
    struct log *log, *next;
    size_t count = 0;

    for (log = logs; log != NULL; log = log->next)
        count += log->count;
    all = malloc((count + 1) * sizeof(*all));
    *ret_count = count;
    for (log = logs, count = 0; log != NULL; log = next) {
        if (log->count > 0)
            memcpy(all + count, log->events, log->count * sizeof(*all));
        count += log->count;
        next = log->next;
        free(log->events);
        free(log);
    }
    logs = NULL;
    run_number++;
    return all;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static size_t content(uint32_t n, unsigned char *bytes)
{
    size_t size = 8 + n * 2654435761u % 120;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(n * 31 + i * 7);
    memcpy(bytes, &n, sizeof(n));
    return size;
}

static struct trove_oid id_of(uint32_t n)
{
    struct trove_oid id = {{0}};
    uint32_t mixed = n * 2654435761u;

    memcpy(id.bytes, &n, sizeof(n));
    memcpy(id.bytes + 4, &mixed, sizeof(mixed));
    return id;
}

static uint32_t number_of(const void *id)
{
    uint32_t n;

    memcpy(&n, id, sizeof(n));
    return n;
}

static int object_id(void *context, enum trove_type type, const void *data, size_t size,
                     struct trove_oid *ret_id)
{
    (void)context, (void)type, (void)size;
    *ret_id = id_of(number_of(data));
    return 0;
}

static bool is_right(const struct trove_object *object, uint32_t n)
{
    unsigned char want[SIZE_MAX_OF_OBJECT];
    size_t size = content(n, want);

    return trove_object_size(object) == size && memcmp(trove_object_data(object), want, size) == 0;
}

/* --- what the library does by itself ------------------------------------------------------------------------------ */

int __real_trove__table_remove(struct trove__table *table, struct trove_object *object,
                               uint64_t hash);
int __wrap_trove__table_remove(struct trove__table *table, struct trove_object *object,
                               uint64_t hash);
int __real_trove__cache_insert(struct trove *cache, const struct trove__era *era,
                               struct trove_object *object, struct trove_object **ret_cached);
int __wrap_trove__cache_insert(struct trove *cache, const struct trove__era *era,
                               struct trove_object *object, struct trove_object **ret_cached);

int __wrap_trove__table_remove(struct trove__table *table, struct trove_object *object,
                               uint64_t hash)
{
    uint32_t n = number_of(object->id);
    int64_t began = begin();
    int r = __real_trove__table_remove(table, object, hash);

    if (r == 0)
        note(LINEAR_EVICTED, n, began);
    return r;
}

int __real_trove__table_replace(struct trove__table *table, uint64_t first_bytes, const void *era,
                                const void **ret_before);
int __wrap_trove__table_replace(struct trove__table *table, uint64_t first_bytes, const void *era,
                                const void **ret_before);

int __wrap_trove__table_replace(struct trove__table *table, uint64_t first_bytes, const void *era,
                                const void **ret_before)
{
    int64_t began = begin();
    int r = __real_trove__table_replace(table, first_bytes, era, ret_before);

    if (r == 0)
        note(LINEAR_REPLACED, LINEAR_EVERY, began);
    return r;
}

static bool evicts(const struct trove *cache)
{
    return cache->options.overfull == TROVE_OVERFULL_EVICT;
}

int __wrap_trove__cache_insert(struct trove *cache, const struct trove__era *era,
                               struct trove_object *object, struct trove_object **ret_cached)
{
    uint32_t n = number_of(object->id);
    int64_t began = begin();
    int r = __real_trove__cache_insert(cache, era, object, ret_cached);

    if (r == TROVE__INSERTED)
        note(LINEAR_ADDED, n, began);
    else if (r == TROVE__EXISTED)
        note(LINEAR_EXISTED, n, began);
    else if (evicts(cache))
        note(LINEAR_MAYBE, n, began);
    return r;
}

static int fetch(void *source, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err)
{
    (void)source, (void)err;
    for (size_t i = 0; i < request->want_count; i++) {
        uint32_t n = number_of(request->wants[i].id.bytes);
        unsigned char bytes[SIZE_MAX_OF_OBJECT];
        size_t size = content(n, bytes);
        int r = trove_sink_put(sink, TROVE_BLOB, bytes, size,
                               n % 16 == 0 ? TROVE_GIVE_NO_CACHE : TROVE_GIVE_DEFAULT);
        if (r < 0)
            return r;
    }
    trove_sink_done(sink);
    return 0;
}

static const struct trove_source_ops source_ops = {.fetch = fetch};

/* --- what the threads do ------------------------------------------------------------------------------------------ */

struct run {
    struct trove *cache;
    unsigned ops, ids, replacements;
    atomic_uint seed, base; /* the window's first id; moved by one of the threads */
    atomic_ulong errors, found, missed, added, refused, replaced;
};

static void wrong(struct run *run, const char *what, uint32_t n)
{
    if (atomic_fetch_add(&run->errors, 1) < 10)
        fprintf(stderr, "%s: object %u\n", what, n);
}

static void put(struct run *run, uint32_t n)
{
    unsigned char bytes[SIZE_MAX_OF_OBJECT];
    size_t size = content(n, bytes);
    struct trove_oid id, want = id_of(n);
    int64_t began = begin();
    bool added = false;
    int r = trove_put(run->cache, TROVE_BLOB, bytes, size, &id, &added);

    if (r == 0) {
        note(added ? LINEAR_ADDED : LINEAR_EXISTED, n, began);
        atomic_fetch_add(&run->added, added);
        if (!trove_oid_equal(&id, &want))
            wrong(run, "another id", n);
    } else if (r == -ECACHE_OVERFULL) {
        if (evicts(run->cache))
            note(LINEAR_MAYBE, n, began);
        atomic_fetch_add(&run->refused, 1);
    } else {
        wrong(run, trove_strerror(r), n);
    }
}

static void note_look(struct run *run, uint32_t n, bool found, int64_t began)
{
    note(found ? LINEAR_FOUND : LINEAR_MISSED, n, began);
    atomic_fetch_add(found ? &run->found : &run->missed, 1);
}

/* In a section. */
static const struct trove_object *get(struct run *run, uint32_t n)
{
    const struct trove_object *object = NULL;
    struct trove_oid id = id_of(n);
    int64_t began = begin();
    bool found = trove_get(run->cache, &id, &object) == 0;

    note_look(run, n, found, began);
    if (found && !is_right(object, n))
        wrong(run, "other bytes", n);
    return object;
}

static void get_many(struct run *run, const uint32_t *numbers)
{
    const struct trove_object *objects[MANY];
    struct trove_oid ids[MANY];
    int64_t began;

    for (unsigned i = 0; i < MANY; i++)
        ids[i] = id_of(numbers[i]);
    trove_read_lock();
    began = begin();
    (void)trove_get_many(run->cache, ids, MANY, objects);
    for (unsigned i = 0; i < MANY; i++)
        note_look(run, numbers[i], objects[i] != NULL, began);
    for (unsigned i = 0; i < MANY; i++)
        if (objects[i] != NULL && !is_right(objects[i], numbers[i]))
            wrong(run, "other bytes in a batch", numbers[i]);
    trove_read_unlock();
}

static void resolve(struct run *run, uint32_t n)
{
    struct trove_oid id = id_of(n);
    struct trove_result result;
    int64_t began = begin();

    (void)trove_resolve(run->cache, &id, TROVE_BLOB, NULL, &result, NULL);
    if (result.status != 0) {
        wrong(run, trove_strerror(result.status), n);
        return;
    }
    /* Not a hit: it was looked for and missed. What the fetch thread inserted is in that thread's log. */
    note_look(run, n, result.how == TROVE_HIT, began);
    if (!is_right(result.object, n))
        wrong(run, "other bytes resolved", n);
    trove_unpin(result.object);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Of the window, or now and then any id that came before. */
static uint32_t pick(struct run *run, uint64_t *random)
{
    uint32_t base = atomic_load_explicit(&run->base, memory_order_relaxed);

    return next_random(random) % 8 == 0 ? (uint32_t)(*random >> 8) % (base + WINDOW)
                                        : base + (uint32_t)(*random >> 8) % WINDOW;
}

/* An object is read again at the end of a section in which much else happened. */
static void stay(struct run *run, uint64_t *random)
{
    const struct trove_object *object;
    uint32_t n = pick(run, random);

    trove_read_lock();
    object = get(run, n);
    for (unsigned k = 0; k < 16; k++)
        (void)get(run, pick(run, random));
    if (object != NULL && !is_right(object, n))
        wrong(run, "other bytes after a while", n);
    trove_read_unlock();
}

static void step(struct run *run, unsigned i, uint64_t *random)
{
    uint32_t numbers[MANY], n = pick(run, random);
    struct trove_oid id = id_of(n);
    unsigned what = (unsigned)(next_random(random) >> 20) % 32;
    int64_t began;

    if (what < 12) {
        put(run, n);
    } else if (what < 14) {
        resolve(run, n);
    } else if (what < 20) {
        began = begin();
        note_look(run, n, trove_has(run->cache, &id), began);
    } else if (what < 30) {
        trove_read_lock();
        (void)get(run, n);
        trove_read_unlock();
    } else if (what < 31) {
        for (unsigned k = 0; k < MANY; k++)
            numbers[k] = pick(run, random);
        get_many(run, numbers);
    } else if (i % 8 == 0) {
        stay(run, random);
    }
}

/* Now and then: by one of the threads, which waits for what goes, or not. */
static void replace(struct run *run, unsigned i)
{
    const struct trove_source source = {.ops = &source_ops};
    const struct trove_until at_once = {.deadline_ns = 0};
    int r;

    if (run->replacements == 0 || i % (run->ops / run->replacements) != 0)
        return;
    r = trove_replace(run->cache, &source, i % 3 == 0 ? &at_once : NULL, NULL);
    if (r != 0 && r != -ETIMEDOUT)
        wrong(run, trove_strerror(r), 0);
    atomic_fetch_add(&run->replaced, r == 0);
}

static void *work(void *context)
{
    struct run *run = context;
    unsigned number = atomic_fetch_add(&run->seed, 1);
    uint64_t random = (uint64_t)number * 0x9e3779b97f4a7c15u | 1;

    for (unsigned i = 0; i < run->ops; i++) {
        if (number % THREADS == 0)
            atomic_store_explicit(&run->base,
                                  (unsigned)((uint64_t)i * (run->ids - WINDOW) / run->ops),
                                  memory_order_relaxed);
        if (number % THREADS == 1)
            replace(run, i);
        step(run, i, &random);
    }
    return NULL;
}

/* --- one history -------------------------------------------------------------------------------------------------- */

static struct trove *open_cache(enum trove_overfull overfull, uint64_t max_bytes)
{
    static const struct trove_hash hash = {TROVE_SHA1, object_id, NULL};
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = &hash;
    options.source = (struct trove_source){.ops = &source_ops};
    options.max_bytes = max_bytes;
    options.overfull = overfull;
    if (trove_open(&options, &cache, NULL) < 0)
        abort();
    return cache;
}

/* Whether the history can be explained. */
static bool is_linear(struct run *run, enum trove_overfull overfull, uint64_t max_bytes)
{
    pthread_t threads[THREADS];
    const struct linear_event *bad;
    struct linear_event *events;
    struct trove_stats stats;
    size_t count;

    run->cache = open_cache(overfull, max_bytes);
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, run) != 0)
            abort();
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t n = 0; n < run->ids; n++) { /* and what is there in the end */
        trove_read_lock();
        (void)get(run, n);
        trove_read_unlock();
    }
    trove_stats(run->cache, &stats);
    if (trove_close(run->cache, NULL) != 0)
        abort();
    events = take_logs(&count);
    bad = linear_check(events, count);
    printf(
        "policy %d: %zu calls, %lu found, %lu missed, %lu added, %lu refused, %lu evicted, %lu slots\n",
        (int)overfull, count, run->found, run->missed, run->added, run->refused, stats.evictions,
        stats.table_slots);
    for (size_t i = 0; bad != NULL && i < count; i++)
        if (events[i].id == bad->id && llabs(events[i].begin - bad->end) < 1000000)
            fprintf(stderr, "%s id %u kind %u: %ld to %ld\n", &events[i] == bad ? ">" : " ",
                    events[i].id, events[i].kind, (long)(events[i].begin - bad->begin),
                    (long)(events[i].end - bad->begin));
    free(events);
    return bad == NULL;
}

#ifndef TROVE_FAULTY /* the core is as it should be */

static unsigned size_of_run(void)
{
    return test_long() ? OPS * 10 : OPS;
}

static void linear__error(void **state)
{
    struct run run = {.ops = size_of_run(), .ids = size_of_run() / 4 + WINDOW};

    (void)state;
    assert_true(is_linear(&run, TROVE_OVERFULL_ERROR, (uint64_t)run.ids * 600 + (4 << 20)));
    assert_int_equal(run.errors, 0);
    assert_true(run.found > 0 && run.missed > 0 && run.added > 0);
}

static void linear__grow(void **state)
{
    struct run run = {.ops = size_of_run(), .ids = size_of_run() / 2 + WINDOW};

    (void)state;
    assert_true(is_linear(&run, TROVE_OVERFULL_GROW, 1 << 20));
    assert_int_equal(run.errors, 0);
}

static void linear__evict(void **state)
{
    struct run run = {.ops = size_of_run(), .ids = size_of_run() / 2 + WINDOW};

    (void)state;
    assert_true(is_linear(&run, TROVE_OVERFULL_EVICT, 1 << 20));
    assert_int_equal(run.errors, 0);
}

#define REPLACEMENTS 40

static void linear__replace_error(void **state)
{
    struct run run = {
        .ops = size_of_run() / 3, .ids = size_of_run() / 12 + WINDOW, .replacements = REPLACEMENTS};

    (void)state;
    assert_true(is_linear(&run, TROVE_OVERFULL_ERROR, (uint64_t)run.ids * 600 + (16 << 20)));
    assert_int_equal(run.errors, 0);
    assert_true(run.replaced > 0);
}

static void linear__replace_grow(void **state)
{
    struct run run = {
        .ops = size_of_run() / 3, .ids = size_of_run() / 6 + WINDOW, .replacements = REPLACEMENTS};

    (void)state;
    assert_true(is_linear(&run, TROVE_OVERFULL_GROW, 1 << 20));
    assert_int_equal(run.errors, 0);
    assert_true(run.replaced > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear__error),        cmocka_unit_test(linear__grow),
        cmocka_unit_test(linear__evict),        cmocka_unit_test(linear__replace_error),
        cmocka_unit_test(linear__replace_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else /* the core has a fault, and it is found */

#define TRIES 1000

int main(void)
{
    unsigned tries = 0;
    bool found = false;

    while (!found && tries++ < TRIES) {
        struct run run = {.ops = OPS, .ids = OPS / 2 + WINDOW, .seed = tries * THREADS};
        found = !is_linear(&run, TROVE_OVERFULL_GROW, 96 << 10);
    }
    printf("found in history %u\n", tries);
    return found ? 0 : 1;
}

#endif
