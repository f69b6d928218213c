// SPDX-License-Identifier: MIT
/*
 * fake_source.c - see fake_source.h.
 */
#include "fake_source.h"
#include "fake_hash.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- latches ------------------------------------------------------------------------------------------------------ */

void latch_open(struct latch *latch)
{
    pthread_mutex_lock(&latch->lock);
    latch->is_open = true;
    pthread_cond_broadcast(&latch->changed);
    pthread_mutex_unlock(&latch->lock);
}

void latch_wait(struct latch *latch)
{
    pthread_mutex_lock(&latch->lock);
    while (!latch->is_open)
        pthread_cond_wait(&latch->changed, &latch->lock);
    pthread_mutex_unlock(&latch->lock);
}

bool latch_wait_or_cancel(struct latch *latch, const struct trove_cancel *cancel)
{
    bool is_open;

    do {
        pthread_mutex_lock(&latch->lock);
        is_open = latch->is_open;
        pthread_mutex_unlock(&latch->lock);
        if (!is_open && trove_is_canceled(cancel))
            return false;
        sched_yield();
    } while (!is_open);
    return true;
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

#define SLOTS 65536

static pthread_once_t numbers_once = PTHREAD_ONCE_INIT;
static struct trove_oid ids[FAKE_OBJECTS];
static unsigned slots[SLOTS]; /* number + 1 */

size_t fake_text(unsigned n, char *text, size_t size)
{
    return (size_t)snprintf(text, size, "object %u %0*u", n, (int)(n % 100), n);
}

static struct trove_oid make_id(unsigned n)
{
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));

    return fake_oid(TROVE_SHA1, TROVE_BLOB, text, size);
}

static unsigned slot_of(const struct trove_oid *id)
{
    unsigned slot;

    memcpy(&slot, id->bytes, sizeof(slot));
    return slot % SLOTS;
}

static void make_numbers(void)
{
    for (unsigned n = 0; n < FAKE_OBJECTS; n++) {
        unsigned slot;
        ids[n] = make_id(n);
        for (slot = slot_of(&ids[n]); slots[slot] != 0; slot = (slot + 1) % SLOTS)
            ;
        slots[slot] = n + 1;
    }
}

struct trove_oid fake_id(unsigned n)
{
    pthread_once(&numbers_once, make_numbers);
    return n < FAKE_OBJECTS ? ids[n] : make_id(n);
}

int fake_number(const struct trove_oid *id)
{
    pthread_once(&numbers_once, make_numbers);
    for (unsigned slot = slot_of(id); slots[slot] != 0; slot = (slot + 1) % SLOTS)
        if (trove_oid_equal(&ids[slots[slot] - 1], id))
            return (int)slots[slot] - 1;
    return -1;
}

/* --- the source --------------------------------------------------------------------------------------------------- */

int fake_give(struct trove_sink *sink, unsigned n, unsigned flags)
{
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));

    return trove_sink_put(sink, TROVE_BLOB, text, size, flags);
}

int fake_give_wants(const struct trove_request *request, struct trove_sink *sink, size_t first,
                    size_t end)
{
    for (size_t i = first; i < end && i < request->want_count; i++) {
        int n = fake_number(&request->wants[i].id), r = 0;
        if (n >= 0)
            r = fake_give(sink, (unsigned)n, TROVE_GIVE_DEFAULT);
        if (r < 0)
            return r;
    }
    return 0;
}

int fake_answer(const struct trove_request *request, struct trove_sink *sink)
{
    int r = fake_give_wants(request, sink, 0, request->want_count);

    if (r == 0)
        trove_sink_done(sink);
    return r;
}

int fake_hold_first(struct fake_source *source, const struct trove_request *request,
                    struct trove_sink *sink, struct trove_error *err)
{
    (void)err;
    if (atomic_load(&source->requests) == 1 &&
        !latch_wait_or_cancel(&source->go, request->until.cancel))
        return -ECANCELED;
    return fake_answer(request, sink);
}

int fake_hang(struct fake_source *source, const struct trove_request *request,
              struct trove_sink *sink, struct trove_error *err)
{
    (void)sink;
    (void)latch_wait_or_cancel(&source->go, request->until.cancel);
    return trove_error_set(err, -ECANCELED, "cancelled");
}

struct trove_stream *fake_occupy(struct trove *cache, struct fake_source *source)
{
    struct trove_want want = {fake_id(1), TROVE_BLOB};
    struct trove_stream *stream;

    if (trove_stream_open(cache, NULL, &stream, NULL) < 0 ||
        trove_stream_add(stream, &want, NULL, 1, NULL) < 0)
        abort();
    latch_wait(&source->started);
    return stream;
}

static void note(struct fake_source *source, const struct trove_request *request)
{
    unsigned largest = atomic_load(&source->largest), types = 0;

    atomic_fetch_add(&source->requests, 1);
    atomic_fetch_add(&source->ids, (unsigned)request->want_count);
    while (largest < request->want_count &&
           !atomic_compare_exchange_weak(&source->largest, &largest, (unsigned)request->want_count))
        ;
    for (size_t i = 0; i < request->want_count; i++)
        types |= 1u << request->wants[i].type;
    atomic_fetch_or(&source->types_seen, types);
    if ((types & (types - 1)) != 0)
        atomic_fetch_add(&source->mixed, 1);
}

static int fetch(void *source, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err)
{
    struct fake_source *self = source;

    note(self, request);
    latch_open(&self->started);
    return self->script != NULL ? self->script(self, request, sink, err)
                                : fake_answer(request, sink);
}

static void destroy(void *source)
{
    atomic_fetch_add(&((struct fake_source *)source)->destroyed, 1);
}

void fake_source_init(struct fake_source *source, fake_script script)
{
    struct latch latch = LATCH_INIT;

    memset(source, 0, sizeof(*source));
    source->script = script;
    source->started = latch;
    source->go = latch;
}

void fake_options(struct trove_options *options)
{
    trove_options_init(options);
    options->hash = fake_hash(TROVE_SHA1);
}

struct trove_source fake_source_of(struct fake_source *source)
{
    static const struct trove_source_ops ops = {.fetch = fetch, .destroy = destroy};

    return (struct trove_source){.ops = &ops, .source = source};
}

struct trove *fake_open(struct fake_source *source, struct trove_options *options)
{
    struct trove_options defaults;
    struct trove *cache;

    if (options == NULL) {
        fake_options(&defaults);
        options = &defaults;
    }
    options->source = fake_source_of(source);
    if (trove_open(options, &cache, NULL) < 0)
        abort();
    source->cache = cache;
    return cache;
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

struct runner {
    pthread_t thread;
    pthread_barrier_t *barrier;
    void (*fn)(void *context, unsigned index);
    void *context;
    unsigned index;
};

static void *runner_main(void *argument)
{
    struct runner *runner = argument;

    pthread_barrier_wait(runner->barrier);
    runner->fn(runner->context, runner->index);
    return NULL;
}

void run_threads(unsigned count, void (*fn)(void *context, unsigned index), void *context)
{
    struct runner *runners = calloc(count, sizeof(*runners));
    pthread_attr_t small;
    pthread_barrier_t barrier;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    pthread_barrier_init(&barrier, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        runners[i] = (struct runner){.barrier = &barrier, .fn = fn, .context = context, .index = i};
        if (pthread_create(&runners[i].thread, &small, runner_main, &runners[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(runners[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
    pthread_attr_destroy(&small);
    free(runners);
}

void wait_for_flights(struct trove *cache, uint64_t n)
{
    struct trove_stats stats;

    for (;;) {
        trove_stats(cache, &stats);
        if (stats.flights_now == n)
            return;
        sched_yield();
    }
}

int check_result(struct trove_result *result, unsigned n)
{
    char text[256];
    size_t size = fake_text(n, text, sizeof(text));
    int wrong = result->status != 0 || result->object == NULL ||
                trove_object_size(result->object) != size ||
                memcmp(trove_object_data(result->object), text, size) != 0;

    trove_unpin(result->object);
    result->object = NULL;
    return wrong;
}
