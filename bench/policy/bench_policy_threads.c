// SPDX-License-Identifier: MIT
/*
 * bench_policy_threads.c - hit ratio and throughput per number of threads: trove beside LRU behind a mutex.
 *
 * Question  What do 1, 2, 4 and 16 threads get out of one cache that they use together, as in the papers on eviction: which
 *           part of their requests hits, how many are served a second, and how many puts are refused for a moment, because
 *           what was evicted is not free yet?
 * Fixed     Zipf 0.99 over some ten thousand objects; a cache of a tenth of them; what misses is put, a copy of its bytes. LRU
 *           finds objects by number, without hashing or comparing ids, and copies what it misses outside its mutex.
 * Varied    implementation x threads.
 * Method    The requests of the trace are dealt to the threads in turn. Time from the first to the last, of the world.
 *
 *   bench_policy_threads [REQUESTS]      lines of results also go to $BENCH_RESULTS, if set; bench/plot_policy.sh draws them
 */
#include "trace_replay.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trove/cache.h>

#define THREADS_MAX 16
#define REQUESTS 2000000
#define CACHE_PART 10

struct shared {
    const struct trace *trace;
    const unsigned char *bytes;
    uint64_t capacity;
    unsigned threads;
    struct trove *cache;
    void *lru;
    pthread_mutex_t mutex;
    bool (*use)(struct shared *shared, size_t n);
};

struct worker {
    struct shared *shared;
    pthread_t thread;
    size_t first;
    uint64_t hits;
};

static struct trove_oid id_of(uint64_t n)
{
    struct trove_oid id = {{0}};

    n = n * 0x9e3779b97f4a7c15 + 1;
    memcpy(id.bytes, &n, sizeof(n));
    return id;
}

/* The number of the object that a thread is putting; no hash is measured here. */
static _Thread_local uint64_t being_put;

static int object_id(void *context, enum trove_type type, const void *data, size_t size,
                     struct trove_oid *ret_id)
{
    (void)context;
    (void)type;
    (void)data;
    (void)size;
    *ret_id = id_of(being_put);
    return 0;
}

static bool trove_use(struct shared *shared, size_t n)
{
    uint32_t object = shared->trace->requests[n];
    const struct trove_oid id = id_of(object);
    const struct trove_object *found;
    bool hit;
    int r = 0;

    trove_read_lock();
    hit = trove_get(shared->cache, &id, &found) == 0;
    trove_read_unlock();
    being_put = object;
    /* Too large, or overfull for a moment: answered, not cached. */
    if (!hit)
        r = trove_put(shared->cache, TROVE_BLOB, shared->bytes, shared->trace->sizes[object], NULL,
                      NULL);
    if (r != 0 && r != -ECACHE_OVERFULL)
        abort();
    return hit;
}

static bool lru_use(struct shared *shared, size_t n)
{
    uint64_t size = shared->trace->sizes[shared->trace->requests[n]];
    void *copy;
    bool hit;

    pthread_mutex_lock(&shared->mutex);
    hit = reference_lru.use(shared->lru, n);
    pthread_mutex_unlock(&shared->mutex);
    if (!hit) {
        copy = reference_alloc(1, size);
        memcpy(copy, shared->bytes, size);
        free(copy);
    }
    return hit;
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct shared *shared = worker->shared;

    for (size_t n = worker->first; n < shared->trace->request_count; n += shared->threads)
        worker->hits += shared->use(shared, n);
    return NULL;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint64_t refused(struct trove *cache)
{
    struct trove_stats stats;

    if (cache == NULL)
        return 0;
    trove_stats(cache, &stats);
    return stats.overfulls_deferred;
}

static void measure(struct shared *shared, const char *name, FILE *results)
{
    struct worker workers[THREADS_MAX];
    double requests = (double)shared->trace->request_count, seconds = now();
    uint64_t hits = 0;

    for (unsigned i = 0; i < shared->threads; i++) {
        workers[i] = (struct worker){.shared = shared, .first = i};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < shared->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        hits += workers[i].hits;
    }
    seconds = now() - seconds;
    printf("%2u threads  %-9s  hits %.4f  refused %.4f  %.2f million requests a second\n",
           shared->threads, name, (double)hits / requests,
           (double)refused(shared->cache) / requests, requests / seconds / 1e6);
    if (results != NULL)
        fprintf(results,
                "{\"bench\":\"policy\",\"impl\":\"%s\",\"threads\":%u,\"hit\":%.6f,"
                "\"refused\":%.6f,\"requests_per_s\":%.0f}\n",
                name, shared->threads, (double)hits / requests,
                (double)refused(shared->cache) / requests, requests / seconds);
}

static void run(struct shared *shared, unsigned threads, FILE *results)
{
    static const struct trove_hash hash = {TROVE_SHA1, object_id, NULL};
    struct trove_options options;

    shared->threads = threads;
    trove_options_init(&options);
    options.hash = &hash;
    options.max_bytes = shared->capacity;
    if (trove_open(&options, &shared->cache, NULL) != 0)
        abort();
    shared->use = trove_use;
    measure(shared, "trove", results);
    if (trove_close(shared->cache, NULL) != 0)
        abort();
    shared->cache = NULL;
    shared->lru = reference_lru.create(shared->trace, shared->capacity);
    shared->use = lru_use;
    measure(shared, "mutex LRU", results);
    reference_lru.destroy(shared->lru);
}

int main(int argc, char **argv)
{
    static const unsigned threads[] = {1, 2, 4, 16};
    const char *path = getenv("BENCH_RESULTS");
    FILE *results = path != NULL ? fopen(path, "a") : NULL;
    struct shared shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct trace trace;
    uint64_t largest = 0;

    if (!trace_synthetic(&trace, 0, argc > 1 ? strtoul(argv[1], NULL, 10) : REQUESTS))
        return 1;
    for (uint32_t n = 0; n < trace.object_count; n++)
        largest = trace.sizes[n] > largest ? trace.sizes[n] : largest;
    shared.trace = &trace;
    shared.bytes = reference_alloc(1, largest);
    shared.capacity = trace.footprint / CACHE_PART;
    for (unsigned i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
        run(&shared, threads[i], results);
    free((void *)(uintptr_t)shared.bytes);
    trace_free(&trace);
    return results != NULL && fclose(results) != 0;
}
