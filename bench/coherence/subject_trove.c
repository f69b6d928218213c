// SPDX-License-Identifier: MIT
/*
 * subject_trove.c - trove itself, recorded: the code of core/ as it is, with a thread of the system for each simulated one, so that
 * each has the reader's word, the stripe of counters and the thread-local words that it would have. One thread runs at a time,
 * for some operations; their accesses are woven into one another afterwards (bench_coherence.c). The turns of the reclaimer
 * are taken by one more such thread.
 *
 * The reader is the plain one, which loads tags one by one where others load a vector: the lines are the same (tests/counts).
 * Each lookup has a read section of its own, and the caller reads the object's size. What is replaced is not what was looked
 * up: an object that was never there is put, which evicts one; a lookup that misses puts its object again.
 */
#include "core/cache_struct.h"
#include "fake_hash.h"
#include "recorder.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES 80
#define BYTES_PER_KEY                                                                              \
    260 /* room in the cache, table and queues included: some more objects fit than there are keys */

static struct trove *cache;
static struct trove_oid *ids;
static uint32_t key_count, fresh;

static void die(const char *what)
{
    fprintf(stderr, "bench coherence: %s\n", what);
    exit(EXIT_FAILURE);
}

/* --- one operation ------------------------------------------------------------------------------------------------ */

static void put(uint32_t number, struct trove_oid *ret_id)
{
    unsigned char data[BYTES] = {0};

    memcpy(data, &number, sizeof(number));
    if (trove_put(cache, TROVE_BLOB, data, BYTES, ret_id, NULL) != 0)
        die("cannot put");
}

static bool get(uint32_t key, struct trace *trace)
{
    const struct trove_object *object;
    bool hit;

    trove_read_lock();
    hit = trove_get(cache, &ids[key], &object) == 0;
    if (hit && trove_object_size(object) != BYTES)
        die("a wrong object");
    if (hit)
        trace_add(trace, (uintptr_t)object, 8, MESI_LOAD); /* the size, if it was inlined */
    trove_read_unlock();
    return hit;
}

static void act_here(const struct op *ops, size_t count, struct trace *trace)
{
    recorder_begin(trace);
    for (size_t i = 0; i < count; i++)
        if (ops[i].kind == OP_REPLACE)
            put(key_count + fresh++, NULL);
        else if (!get(ops[i].key, trace))
            put(ops[i].key, NULL);
    recorder_begin(NULL);
}

/* As the reclaimer's thread does at most once a millisecond. */
static void grace_here(struct trace *trace)
{
    cache->reclaim.last_grace_ns = 0; /* long ago: it does not wait for its millisecond */
    recorder_begin(trace);
    trove__reclaim_wake(&cache->reclaim);
    if (!trove__reclaim_turn(&cache->reclaim))
        recorder_grace_period(); /* nothing was retired: the period by itself */
    recorder_begin(NULL);
}

/* --- threads that take turns -------------------------------------------------------------------------------------- */

static struct worker {
    pthread_t thread;
    pthread_cond_t wanted;
    const struct op *ops; /* NULL: a grace period, or the end */
    size_t count;
    struct trace *trace;
    bool busy, quits;
} workers[TRACE_THREADS_MAX + 1];

static unsigned worker_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;

static void *worker_main(void *context)
{
    struct worker *worker = context;
    bool quits = false;

    trove_thread_init();
    pthread_mutex_lock(&lock);
    recorder_thread_begin();
    while (!quits) {
        worker->busy = false;
        pthread_cond_signal(&done);
        while (!worker->busy)
            pthread_cond_wait(&worker->wanted, &lock);
        quits = worker->quits;
        if (worker->ops != NULL)
            act_here(worker->ops, worker->count, worker->trace);
        else if (!quits)
            grace_here(worker->trace);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void run(struct worker *worker, const struct op *ops, size_t count, struct trace *trace)
{
    pthread_mutex_lock(&lock);
    worker->ops = ops;
    worker->count = count;
    worker->trace = trace;
    worker->busy = true;
    pthread_cond_signal(&worker->wanted);
    while (worker->busy)
        pthread_cond_wait(&done, &lock);
    pthread_mutex_unlock(&lock);
}

static void start(struct worker *worker)
{
    *worker = (struct worker){.busy = true};
    pthread_cond_init(&worker->wanted, NULL);
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
        die("cannot start a thread");
    pthread_mutex_lock(&lock);
    while (worker->busy)
        pthread_cond_wait(&done, &lock);
    pthread_mutex_unlock(&lock);
}

static void stop(struct worker *worker)
{
    pthread_mutex_lock(&lock);
    worker->ops = NULL;
    worker->quits = worker->busy = true;
    pthread_cond_signal(&worker->wanted);
    pthread_mutex_unlock(&lock);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->wanted);
}

/* --- the subject -------------------------------------------------------------------------------------------------- */

static void open_cache(uint64_t max_bytes)
{
    struct trove_options options;

    trove_options_init(&options);
    options.hash = fake_hash(TROVE_SHA1);
    options.max_bytes = max_bytes;
    if (trove_open(&options, &cache, NULL) != 0)
        die("cannot open a cache");
    cache->reader = trove__reader_plain[0];
    cache->table.hash = cache->reader.hash;
    for (unsigned i = 0; i < 8; i++)
        cache->table.secret.key[i] = 0x9e3779b97f4a7c15 * (i + 1); /* always the same positions */
    /* RELAXED: nobody else is here. No thread of the cache's own: its turns are taken when they are wanted. */
    trove__store_relaxed(&cache->reclaim.thread_state, TROVE__RECLAIM_STARTING);
}

static void reclaim_all(void)
{
    do
        cache->reclaim.last_grace_ns = 0;
    while (trove__reclaim_turn(&cache->reclaim));
}

/* Full, all keys there and in use, and objects of no further use to evict. */
static void fill(void)
{
    struct trace nowhere = {0};

    for (uint32_t key = 0; key < key_count; key++) {
        put(key, &ids[key]);
        reclaim_all();
    }
    for (uint32_t n = 0; n < key_count; n++) {
        for (unsigned use = 0; use < TROVE__HINT_MAX; use++)
            if (!get(n, &nowhere))
                put(n, NULL);
        put(key_count + fresh++, NULL);
        reclaim_all();
    }
    for (unsigned use = 0; use < TROVE__HINT_MAX + 1; use++)
        for (uint32_t key = 0; key < key_count; key++)
            if (!get(key, &nowhere)) {
                put(key, NULL);
                reclaim_all();
            }
    reclaim_all();
    free(nowhere.at);
}

static void begin(unsigned threads, uint32_t keys)
{
    key_count = keys;
    fresh = 0;
    ids = calloc(keys, sizeof(*ids));
    if (ids == NULL)
        die("no memory");
    open_cache((uint64_t)keys * BYTES_PER_KEY + (256 << 10));
    fill();
    worker_count = threads + 1;
    for (unsigned i = 0; i < worker_count; i++)
        start(&workers[i]);
}

static void act(unsigned thread, const struct op *ops, size_t count, struct trace *trace)
{
    run(&workers[thread], ops, count, trace);
}

static void grace(struct trace *trace)
{
    run(&workers[worker_count - 1], NULL, 0, trace);
}

/* Half of what may wait is used: the reclaimer's thread would not wait for its millisecond either. */
static bool hurries(void)
{
    return trove__budget_deferred(&cache->budget) > cache->budget.deferred_max / 2;
}

static void end(void)
{
    for (unsigned i = 0; i < worker_count; i++)
        stop(&workers[i]);
    recorder_forget_threads();
    if (trove_close(cache, NULL) != 0)
        die("cannot close");
    free(ids);
}

/* The parts of a cache that are written while it is used. */
static const char *name_of(uint64_t line)
{
    static const struct {
        const char *name;
        size_t offset, bytes;
    } parts[] = {
#define PART(name, member)                                                                         \
    {name, offsetof(struct trove, member), sizeof(((struct trove *)0)->member)}
        PART("the sum of live bytes", budget.live),
        PART("the sum of deferred bytes", budget.deferred),
        PART("counters", counters),
        PART("callers inside", inside),
        PART("queue of new objects", policy.small),
        PART("main queue", policy.main),
        PART("ghosts' clock", policy.ghosts),
        PART("stack of retired objects", reclaim),
    };
    uint64_t offset = (line << TRACE_LINE_SHIFT) - (uintptr_t)cache;

    if (line == (uintptr_t)&urcu_bp_gp >> TRACE_LINE_SHIFT)
        return "liburcu's phase";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (offset + ((uint64_t)1 << TRACE_LINE_SHIFT) > parts[i].offset &&
            offset < parts[i].offset + parts[i].bytes)
            return parts[i].name;
    return offset < sizeof(struct trove) ? "another word of the cache"
                                         : "an object, a bucket or a cell";
}

const struct subject subject_trove = {"trove", begin, act, grace, hurries, name_of, end};
