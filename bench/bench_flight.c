// SPDX-License-Identifier: MIT
/*
 * bench_flight.c - what a miss costs beside its source: the way through flight, fetch thread and wake-up, and what each
 * further waiter adds, beside a mutex, a condition variable and a broadcast.
 *
 * Question  From the call to the answer of a miss whose source answers at once: how long with 1, 4, 16, 64 threads that
 *           all want the same id? The peer hands the same request to one thread through a mutex and a condition variable,
 *           and wakes its waiters by pthread_cond_broadcast; it caches nothing and computes no hash.
 * Fixed     objects of 8 bytes, a new id for each round, the same threads in all rounds, which start through a barrier.
 * Varied    threads, side; sides take turns, in blocks of rounds.
 * Unit      microseconds from the barrier to the last answer, medians over blocks; requests and answers are counted.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trove/trove.h>

#define BLOCKS 21
#define ROUNDS 100 /* in a block */
#define THREADS_MAX 64

struct table {
    pthread_mutex_t lock;
    pthread_cond_t asked, answered;
    uint64_t wanted, have;
    bool ends;
};

static struct trove *cache;
static struct table peer = {.lock = PTHREAD_MUTEX_INITIALIZER,
                            .asked = PTHREAD_COND_INITIALIZER,
                            .answered = PTHREAD_COND_INITIALIZER};
static uint64_t number; /* of the round; changes between barriers */
static bool use_peer, ends;
static pthread_barrier_t begin, end;
static unsigned answers, requests;

/* --- sides ------------------------------------------------------------------------------------------------------------ */

static void fail(const char *what)
{
    fprintf(stderr, "bench_flight: %s\n", what);
    exit(1);
}

static struct trove_oid id_of(uint64_t n)
{
    const struct trove_hash *hash = trove_hash_sha1();
    struct trove_oid id = {{0}};

    if (hash->object_id(hash->context, TROVE_BLOB, &n, sizeof(n), &id) < 0)
        fail("hash");
    return id;
}

static int fetch(void *source, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err)
{
    int r;

    (void)source, (void)request, (void)err;
    requests++; /* one at a time */
    r = trove_sink_put(sink, TROVE_BLOB, &number, sizeof(number), TROVE_GIVE_DEFAULT);
    trove_sink_done(sink);
    return r;
}

static void resolve(const struct trove_oid *id)
{
    struct trove_result result;

    if (trove_resolve(cache, id, TROVE_BLOB, NULL, &result, NULL) < 0)
        fail("resolve");
    trove_unpin(result.object);
}

static void ask_peer(void)
{
    pthread_mutex_lock(&peer.lock);
    if (peer.wanted != number) {
        peer.wanted = number;
        pthread_cond_signal(&peer.asked);
    }
    while (peer.have != number)
        pthread_cond_wait(&peer.answered, &peer.lock);
    pthread_mutex_unlock(&peer.lock);
}

static void *serve_peer(void *unused)
{
    pthread_mutex_lock(&peer.lock);
    while (!peer.ends) {
        if (peer.wanted != peer.have) {
            peer.have = peer.wanted;
            pthread_cond_broadcast(&peer.answered);
        } else {
            pthread_cond_wait(&peer.asked, &peer.lock);
        }
    }
    pthread_mutex_unlock(&peer.lock);
    return unused;
}

/* --- rounds ----------------------------------------------------------------------------------------------------------- */

static void *work(void *unused)
{
    for (;;) {
        pthread_barrier_wait(&begin);
        if (ends)
            return unused;
        if (use_peer) {
            ask_peer();
        } else {
            struct trove_oid id = id_of(number);
            resolve(&id);
        }
        __atomic_add_fetch(&answers, 1, __ATOMIC_RELAXED);
        pthread_barrier_wait(&end);
    }
}

static double block_us(bool with_peer)
{
    int64_t before, sum = 0;

    use_peer = with_peer;
    for (unsigned i = 0; i < ROUNDS; i++) {
        number++;
        before = trove_now_ns();
        pthread_barrier_wait(&begin);
        pthread_barrier_wait(&end);
        sum += trove_now_ns() - before;
    }
    return (double)sum / ROUNDS / 1000;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void run(unsigned threads)
{
    double us[2][BLOCKS];
    pthread_t ids[THREADS_MAX];

    pthread_barrier_init(&begin, NULL, threads + 1);
    pthread_barrier_init(&end, NULL, threads + 1);
    ends = false;
    answers = requests = 0;
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, work, NULL) != 0)
            fail("threads");
    for (unsigned i = 0; i < BLOCKS; i++)
        for (unsigned side = 0; side < 2; side++)
            us[side][i] = block_us(side == 1);
    ends = true;
    pthread_barrier_wait(&begin);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    if (answers != 2 * BLOCKS * ROUNDS * threads || requests != BLOCKS * ROUNDS)
        fail("an answer or a request too many: the run is void");
    for (unsigned side = 0; side < 2; side++)
        qsort(us[side], BLOCKS, sizeof(us[side][0]), compare);
    printf("%7u %13.1f %13.1f %13.1f %13.1f\n", threads, us[0][BLOCKS / 2], us[0][BLOCKS * 9 / 10],
           us[1][BLOCKS / 2], us[1][BLOCKS * 9 / 10]);
    pthread_barrier_destroy(&begin);
    pthread_barrier_destroy(&end);
}

int main(void)
{
    static const struct trove_source_ops ops = {.fetch = fetch};
    struct trove_options options;
    pthread_t server;

    trove_options_init(&options);
    options.hash = trove_hash_sha1();
    options.source.ops = &ops;
    options.requests_at_once = 1;
    if (trove_open(&options, &cache, NULL) < 0 ||
        pthread_create(&server, NULL, serve_peer, NULL) != 0)
        fail("open");
    printf("microseconds from the start of all to the last answer, %u rounds\n", BLOCKS * ROUNDS);
    printf("threads  trove median     trove p90   peer median      peer p90\n");
    for (unsigned threads = 1; threads <= THREADS_MAX; threads *= 4)
        run(threads);
    pthread_mutex_lock(&peer.lock);
    peer.ends = true;
    pthread_cond_signal(&peer.asked);
    pthread_mutex_unlock(&peer.lock);
    pthread_join(server, NULL);
    return trove_close(cache, NULL) < 0;
}
