// SPDX-License-Identifier: MIT
/*
 * bench_table.c - has and get beside cds_lfht and ck_hs.
 *
 * Question  What does an independent lookup cost when it hits, and when it misses, in a fresh table and after ten turnovers
 *           of its contents through eviction? And one that waits for the one before (where the memory's latency decides)?
 * Fixed     2^20 objects of 80 bytes, each allocated by itself in random order; 20-byte ids; a different random id each
 *           time, from an array that is read in order; the object's size is read after a hit; one read section for 64
 *           lookups. All tables use liburcu-bp (sections that cost as urcu-memb's do), the same keyed hash, the same
 *           comparison of ids, and the same allocator, jemalloc. Everything lies in huge pages, as far as the kernel
 *           gives them.
 * Varied    table x {hit, miss} x {fresh, aged} x {one, two threads}; --peer-hash keyed|id: peers hash ids as trove does,
 *           with a secret, or take the first eight bytes as they are (then whoever names ids chooses the bucket); --tight:
 *           max_bytes leaves trove's table no room to double, so that its load stays at 0.58 instead of 0.29.
 * Method    rounds; in a round each table's lookups once, in turn, beginning with another one each time, after a dummy
 *           run; nanoseconds of the thread's processor time a lookup, medians over the rounds; ratios are taken within
 *           a round, and their median is printed. Every hit is checked and the sizes are summed: a wrong sum voids the run.
 * Peers     cds_lfht is made with as many buckets as objects, so that it never resizes, in its fastest memory layout.
 *           ck_hs is Debian's, without pointer packing (its slots carry no tags), with its default mode for one writer,
 *           and rebuilt after each turnover, which clears its tombstones. Neither can prefetch: get_many has no peer.
 */
#include <ck_hs.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define _LGPL_SOURCE 1
#include <urcu/urcu-bp.h>

#include <trove/cache.h>
#include <urcu/rculfhash.h>

#include "bench/pages.h"
#include "core/keyed_hash.h"

#define BYTES 80
#define SECTION 64
#define SLICE ((size_t)1 << 17) /* lookups of one table in one round */
#define CHAIN ((size_t)1 << 14) /* the same, dependent */
#define THREADS_MAX 2
#define TURNOVERS 10

static size_t object_count = (size_t)1 << 20;
static unsigned round_count = 11;
static bool keyed = true, fresh_only, tight;
static unsigned thread_count = 1;
static struct trove__secret secret;

/* --- ids ---------------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* The id of object N, as random as a hash would be. Absent ids have numbers that are never put. */
static struct trove_oid id_of(uint64_t n)
{
    uint64_t words[3] = {mix(n + 1), mix(n ^ 0x9e3779b97f4a7c15), mix(n * 3 + 7)};
    struct trove_oid id = {{0}};

    memcpy(id.bytes, words, 20);
    return id;
}

#define ABSENT ((uint64_t)1 << 40)

static int bench_object_id(void *context, enum trove_type type, const void *data, size_t size,
                           struct trove_oid *ret_id)
{
    uint64_t n;

    (void)context;
    (void)type;
    (void)size;
    memcpy(&n, data, sizeof(n));
    *ret_id = id_of(n);
    return 0;
}

static inline uint64_t peer_hash(const uint8_t *id)
{
    uint64_t word;

    if (keyed) {
        const struct trove__needle needle = trove__needle_of(id, TROVE_SHA1);

        return trove__keyed_hash(&secret, &needle, TROVE_SHA1);
    }
    memcpy(&word, id, sizeof(word));
    return word;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_table: %s\n", what);
    exit(1);
}

/* --- the three tables --------------------------------------------------------------------------------------------- */

struct peer_object {
    uint64_t size;
    uint8_t id[20];
    unsigned char data[BYTES];
};

struct lfht_object {
    struct cds_lfht_node node;
    struct peer_object object;
};

struct run {
    const struct trove_oid *ids;
    size_t count;
    uint64_t found, bytes; /* what came out */
};

static struct trove *trove_cache;
static struct cds_lfht *lfht;
static ck_hs_t hs;

static void trove_open_for(size_t count)
{
    static const struct trove_hash hash = {TROVE_SHA1, bench_object_id, NULL};
    struct trove_options options;

    trove_options_init(&options);
    options.hash = &hash;
    /* Objects, queue cells, the table at that size, ghosts and slack; an eighth more waits for grace periods. */
    options.max_bytes =
        ((uint64_t)count * (128 + 10 + (tight ? 16 : 33)) + ((uint64_t)1 << 21)) * 8 / 7;
    if (trove_open(&options, &trove_cache, NULL) != 0)
        die("cannot open a cache");
}

static void trove_add(uint64_t n)
{
    unsigned char data[BYTES] = {0};

    memcpy(data, &n, sizeof(n));
    /* Memory that waits for a grace period is bounded: give the reclaimer a moment. */
    while (trove_put(trove_cache, TROVE_BLOB, data, sizeof(data), NULL, NULL) == -ECACHE_OVERFULL) {
        const struct timespec moment = {.tv_nsec = 100000};
        nanosleep(&moment, NULL);
    }
}

/* As trove_add(), and then used: what is put and never used is a scan to the policy, and turns nothing over. */
static void trove_add_used(uint64_t n)
{
    const struct trove_object *object;
    struct trove_oid id = id_of(n);

    trove_add(n);
    trove_read_lock();
    for (unsigned use = 0; use < 2; use++)
        if (trove_get(trove_cache, &id, &object) != 0)
            die("what was just put is gone");
    trove_read_unlock();
}

/* What growing the table evicted comes back, so that a fresh table holds all. */
static void trove_add_missing(const uint64_t *numbers)
{
    for (size_t i = 0; i < object_count; i++) {
        struct trove_oid id = id_of(numbers[i]);

        if (!trove_has(trove_cache, &id))
            trove_add(numbers[i]);
    }
}

/* Each loop keeps what it counts in registers, so that all that is measured are the lookups. */
static void run_trove_has(struct run *run)
{
    struct trove *cache = trove_cache;
    const struct trove_oid *ids = run->ids;
    uint64_t found = 0;

    for (size_t i = 0; i < run->count; i += SECTION) {
        trove_read_lock();
        for (size_t j = i; j < i + SECTION; j++)
            found += trove_has(cache, &ids[j]);
        trove_read_unlock();
    }
    run->found = found;
}

static void run_trove_get(struct run *run)
{
    struct trove *cache = trove_cache;
    const struct trove_oid *ids = run->ids;
    uint64_t found = 0, bytes = 0;

    for (size_t i = 0; i < run->count; i += SECTION) {
        trove_read_lock();
        for (size_t j = i; j < i + SECTION; j++) {
            const struct trove_object *object;

            if (trove_get(cache, &ids[j], &object) == 0) {
                found++;
                bytes += trove_object_size(object);
            }
        }
        trove_read_unlock();
    }
    run->found = found;
    run->bytes = bytes;
}

static void run_trove_get_many(struct run *run)
{
    struct trove *cache = trove_cache;
    const struct trove_oid *ids = run->ids;
    const struct trove_object *objects[SECTION];
    uint64_t found = 0, bytes = 0;

    for (size_t i = 0; i < run->count; i += SECTION) {
        trove_read_lock();
        found += trove_get_many(cache, &ids[i], SECTION, objects);
        for (size_t j = 0; j < SECTION; j++)
            if (objects[j] != NULL)
                bytes += trove_object_size(objects[j]);
        trove_read_unlock();
    }
    run->found = found;
    run->bytes = bytes;
}

static int lfht_match(struct cds_lfht_node *node, const void *id)
{
    return memcmp(((struct lfht_object *)node)->object.id, id, 20) == 0;
}

static void lfht_add(uint64_t n)
{
    struct lfht_object *object = malloc(sizeof(*object));
    struct trove_oid id = id_of(n);

    memcpy(object->object.id, id.bytes, 20);
    object->object.size = BYTES;
    memset(object->object.data, 0, BYTES);
    urcu_bp_read_lock();
    cds_lfht_add_unique(lfht, peer_hash(id.bytes), lfht_match, id.bytes, &object->node);
    urcu_bp_read_unlock();
}

static struct peer_object *lfht_find(struct cds_lfht *table, const struct trove_oid *id)
{
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;

    cds_lfht_lookup(table, peer_hash(id->bytes), lfht_match, id->bytes, &iter);
    node = cds_lfht_iter_get_node(&iter);
    return node == NULL ? NULL : &((struct lfht_object *)node)->object;
}

static void run_lfht(struct run *run)
{
    struct cds_lfht *table = lfht;
    const struct trove_oid *ids = run->ids;
    uint64_t found = 0, bytes = 0;

    for (size_t i = 0; i < run->count; i += SECTION) {
        urcu_bp_read_lock();
        for (size_t j = i; j < i + SECTION; j++) {
            struct peer_object *object = lfht_find(table, &ids[j]);

            if (object != NULL) {
                found++;
                bytes += object->size;
            }
        }
        urcu_bp_read_unlock();
    }
    run->found = found;
    run->bytes = bytes;
}

static void *hs_malloc(size_t size)
{
    return malloc(size);
}

static void hs_free(void *memory, size_t size, bool defer)
{
    (void)size;
    (void)defer;
    free(memory);
}

static struct ck_malloc hs_allocator = {.malloc = hs_malloc, .free = hs_free};

static unsigned long hs_hash(const void *object, unsigned long seed)
{
    (void)seed;
    return peer_hash(((const struct peer_object *)object)->id);
}

static bool hs_same(const void *a, const void *b)
{
    return memcmp(((const struct peer_object *)a)->id, ((const struct peer_object *)b)->id, 20) ==
           0;
}

static void hs_add(uint64_t n)
{
    struct peer_object *object = malloc(sizeof(*object));
    struct trove_oid id = id_of(n);

    memcpy(object->id, id.bytes, 20);
    object->size = BYTES;
    memset(object->data, 0, BYTES);
    if (!ck_hs_put(&hs, peer_hash(object->id), object))
        die("ck_hs_put");
}

static void run_hs(struct run *run)
{
    const struct trove_oid *ids = run->ids;
    uint64_t found = 0, bytes = 0;
    struct peer_object key;

    for (size_t i = 0; i < run->count; i += SECTION) {
        urcu_bp_read_lock();
        for (size_t j = i; j < i + SECTION; j++) {
            struct peer_object *object;

            memcpy(key.id, ids[j].bytes, 20);
            object = ck_hs_get(&hs, peer_hash(ids[j].bytes), &key);
            if (object != NULL) {
                found++;
                bytes += object->size;
            }
        }
        urcu_bp_read_unlock();
    }
    run->found = found;
    run->bytes = bytes;
}

/* --- one lookup, for chains --------------------------------------------------------------------------------------- */

/* The size of the object, or 0. In a section. */
static size_t one_trove(const struct trove_oid *id)
{
    const struct trove_object *object;

    return trove_get(trove_cache, id, &object) == 0 ? trove_object_size(object) : 0;
}

static size_t one_lfht(const struct trove_oid *id)
{
    struct peer_object *object = lfht_find(lfht, id);

    return object == NULL ? 0 : object->size;
}

static size_t one_hs(const struct trove_oid *id)
{
    struct peer_object key, *object;

    memcpy(key.id, id->bytes, 20);
    object = ck_hs_get(&hs, peer_hash(id->bytes), &key);
    return object == NULL ? 0 : object->size;
}

/* --- turning contents over ---------------------------------------------------------------------------------------- */

static void lfht_remove(uint64_t n, void **garbage, size_t *garbage_count, size_t garbage_max)
{
    struct trove_oid id = id_of(n);
    struct cds_lfht_iter iter;
    struct cds_lfht_node *node;

    urcu_bp_read_lock();
    cds_lfht_lookup(lfht, peer_hash(id.bytes), lfht_match, id.bytes, &iter);
    node = cds_lfht_iter_get_node(&iter);
    if (node == NULL || cds_lfht_del(lfht, node) != 0)
        die("cds_lfht_del");
    urcu_bp_read_unlock();
    garbage[(*garbage_count)++] = node;
    if (*garbage_count < garbage_max)
        return;
    urcu_bp_synchronize_rcu();
    while (*garbage_count > 0)
        free(garbage[--*garbage_count]);
}

static void hs_remove_one(uint64_t n)
{
    struct trove_oid id = id_of(n);
    struct peer_object key, *object;

    memcpy(key.id, id.bytes, 20);
    object = ck_hs_remove(&hs, peer_hash(id.bytes), &key);
    if (object == NULL)
        die("ck_hs_remove");
    free(object);
}

/* The thread's own time: what other processes take of the machine is not counted (what they take of its caches is). */
static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double spent[3];

/* Every object is replaced TURNOVERS times, the oldest first. */
static void turn_over(void)
{
    enum { GARBAGE = 4096 };
    void **garbage = malloc(GARBAGE * sizeof(*garbage));
    size_t garbage_count = 0;

    const uint64_t end = object_count * (TURNOVERS + 1);
    double t0 = now_s(), t1, t2;

    for (uint64_t n = object_count; n < end; n++)
        trove_add_used(n);
    t1 = now_s();
    for (uint64_t n = object_count; n < end; n++) {
        lfht_remove(n - object_count, garbage, &garbage_count, GARBAGE);
        lfht_add(n);
    }
    t2 = now_s();
    for (uint64_t n = object_count; n < end; n++) {
        hs_remove_one(n - object_count);
        hs_add(n);
        if (n % object_count == 0 && !ck_hs_rebuild(&hs))
            die("ck_hs_rebuild");
    }
    spent[2] = (now_s() - t2) * 1e9 / (double)(end - object_count);
    spent[1] = (t2 - t1) * 1e9 / (double)(end - object_count);
    spent[0] = (t1 - t0) * 1e9 / (double)(end - object_count);
    urcu_bp_synchronize_rcu();
    while (garbage_count > 0)
        free(garbage[--garbage_count]);
    free(garbage);
}

/* --- measuring ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct run *run);
    size_t (*one)(const struct trove_oid *id);
} tables[] = {
    {"trove has", run_trove_has, NULL},
    {"trove get", run_trove_get, one_trove},
    {"trove get_many", run_trove_get_many, NULL},
    {"cds_lfht (bp)", run_lfht, one_lfht},
    {"ck_hs", run_hs, one_hs},
};
enum { HAS, GET, GET_MANY, LFHT, HS, TABLES };
enum { HIT, MISS, CHAINED, WHATS };
#define ROUNDS_MAX 101

static double times[TABLES][WHATS][ROUNDS_MAX];

struct lane {
    pthread_t thread;
    pthread_barrier_t *barrier;
    unsigned table, what;
    const struct trove_oid *ids;
    double ns; /* of processor time a lookup */
};

/* Each id's place follows from the size of the object before: the next lookup cannot begin earlier. */
static void run_chain(const struct lane *lane)
{
    size_t size = 0, sum = 0;

    urcu_bp_read_lock();
    for (size_t i = 0; i < CHAIN; i++) {
        size = tables[lane->table].one(&lane->ids[i + (size & 1)]);
        sum += size;
    }
    urcu_bp_read_unlock();
    if (sum != CHAIN * BYTES)
        die("a chained lookup went wrong");
}

static void run_slice(const struct lane *lane)
{
    struct run run = {.ids = lane->ids, .count = SLICE};

    tables[lane->table].run(&run);
    if (run.found != (lane->what == HIT ? SLICE : 0))
        die("a lookup went wrong");
    if (lane->table != HAS && run.bytes != run.found * BYTES)
        die("a size is wrong");
}

static void *lane_main(void *context)
{
    struct lane *lane = context;
    double begin;

    trove_thread_init();
    pthread_barrier_wait(lane->barrier);
    begin = now_s();
    if (lane->what == CHAINED)
        run_chain(lane);
    else
        run_slice(lane);
    lane->ns = (now_s() - begin) * 1e9 / (double)(lane->what == CHAINED ? CHAIN : SLICE);
    return NULL;
}

/* All threads at once, each with ids of its own. */
static double measure(unsigned table, unsigned what, struct trove_oid *const ids[THREADS_MAX])
{
    struct lane lanes[THREADS_MAX];
    pthread_barrier_t barrier;
    double ns = 0;

    pthread_barrier_init(&barrier, NULL, thread_count);
    for (unsigned t = 0; t < thread_count; t++) {
        lanes[t] = (struct lane){.barrier = &barrier, .table = table, .what = what, .ids = ids[t]};
        if (pthread_create(&lanes[t].thread, NULL, lane_main, &lanes[t]) != 0)
            die("no thread");
    }
    for (unsigned t = 0; t < thread_count; t++) {
        pthread_join(lanes[t].thread, NULL);
        ns += lanes[t].ns / thread_count;
    }
    pthread_barrier_destroy(&barrier);
    return ns;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void shuffle(uint64_t *numbers, size_t count, uint64_t seed)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = mix(seed + i) % (i + 1);
        uint64_t number = numbers[i];

        numbers[i] = numbers[j];
        numbers[j] = number;
    }
}

/* SLICE random ids out of COUNT numbers; of numbers that were never put, without NUMBERS. */
static struct trove_oid *choose_ids(const uint64_t *numbers, size_t count, uint64_t seed)
{
    struct trove_oid *ids = aligned_alloc(64, (SLICE + 1) * sizeof(*ids));

    for (size_t i = 0; i <= SLICE; i++)
        ids[i] =
            id_of(numbers == NULL ? ABSENT + seed * SLICE + i : numbers[mix(seed + i) % count]);
    return ids;
}

static void measure_round(unsigned r, const uint64_t *present, size_t count)
{
    struct trove_oid *hits[THREADS_MAX], *misses[THREADS_MAX];

    for (unsigned t = 0; t < thread_count; t++) {
        hits[t] = choose_ids(present, count, (r * THREADS_MAX + t) * 1000003);
        misses[t] = choose_ids(NULL, 0, r * THREADS_MAX + t);
    }
    measure(r % TABLES, HIT, hits); /* whoever runs first pays for all */
    for (unsigned i = 0; i < TABLES; i++) {
        unsigned t = (r + i) % TABLES;

        times[t][HIT][r] = measure(t, HIT, hits);
        times[t][MISS][r] = measure(t, MISS, misses);
        if (tables[t].one != NULL)
            times[t][CHAINED][r] = measure(t, CHAINED, hits);
    }
    for (unsigned t = 0; t < thread_count; t++) {
        free(hits[t]);
        free(misses[t]);
    }
}

static double median_of(const double values[ROUNDS_MAX])
{
    double sorted[ROUNDS_MAX];

    memcpy(sorted, values, sizeof(sorted));
    qsort(sorted, round_count, sizeof(sorted[0]), compare);
    return sorted[round_count / 2];
}

static double median_ratio(unsigned peer, unsigned ours, unsigned what)
{
    double ratios[ROUNDS_MAX];

    for (unsigned r = 0; r < round_count; r++)
        ratios[r] = times[peer][what][r] / times[ours][what][r];
    return median_of(ratios);
}

static void print_times(void)
{
    printf("%-16s %8s %8s %10s\n", "ns a lookup", "hit", "miss", "dependent");
    for (unsigned t = 0; t < TABLES; t++) {
        printf("%-16s %8.1f %8.1f", tables[t].name, median_of(times[t][HIT]),
               median_of(times[t][MISS]));
        if (tables[t].one != NULL)
            printf(" %10.1f", median_of(times[t][CHAINED]));
        printf("\n");
    }
    for (unsigned t = LFHT; t <= HS; t++)
        printf("%s takes, of get's time: hits x%.2f, misses x%.2f, dependent x%.2f; of has's: hits "
               "x%.2f, misses x%.2f\n",
               tables[t].name, median_ratio(t, GET, HIT), median_ratio(t, GET, MISS),
               median_ratio(t, GET, CHAINED), median_ratio(t, HAS, HIT),
               median_ratio(t, HAS, MISS));
}

static void print_table(const char *state, const uint64_t *present, size_t count)
{
    struct trove_stats stats;

    trove_stats(trove_cache, &stats);
    printf("\n%s: %zu ids looked up; trove holds %lu objects in %lu slots (load %.2f), %.1f MiB, "
           "%lu evictions\n",
           state, count, stats.object_count, stats.table_slots,
           (double)stats.object_count / (double)stats.table_slots,
           (double)stats.used_bytes / 1048576.0, stats.evictions);
    for (thread_count = 1; thread_count <= THREADS_MAX; thread_count++) {
        for (unsigned r = 0; r < round_count; r++)
            measure_round(r, present, count);
        printf("%u thread%s\n", thread_count, thread_count == 1 ? "" : "s");
        print_times();
    }
}

/* Numbers below END that are in all three tables. */
static size_t collect_present(uint64_t end, uint64_t *numbers)
{
    size_t count = 0;

    for (uint64_t n = end - object_count; n < end; n++) {
        struct trove_oid id = id_of(n);

        if (trove_has(trove_cache, &id))
            numbers[count++] = n;
    }
    return count;
}

static void parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--peer-hash") == 0 && i + 1 < argc) {
            keyed = strcmp(argv[++i], "id") != 0;
        } else if (strcmp(argv[i], "--objects-log2") == 0 && i + 1 < argc) {
            object_count = (size_t)1 << atoi(argv[++i]);
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            round_count = (unsigned)atoi(argv[++i]);
        } else if (strcmp(argv[i], "--quick") == 0) {
            object_count = (size_t)1 << 12; /* does it work? The numbers say nothing */
            round_count = 1;
        } else if (strcmp(argv[i], "--fresh-only") == 0) {
            fresh_only = true;
        } else if (strcmp(argv[i], "--tight") == 0) {
            tight = true;
        } else {
            die("usage: bench_table [--quick] [--fresh-only] [--tight] [--peer-hash keyed|id] [--objects-log2 N] [--rounds N]");
        }
    }
    if (round_count < 1 || round_count > ROUNDS_MAX)
        die("rounds are 1 to 101");
}

/* Warm is what is measured: hints at their ceiling, as they are between two looks of the evictor. */
static void warm_up(const uint64_t *numbers, size_t count)
{
    const struct trove_object *object;

    for (size_t i = 0; i < count * 3; i++) {
        struct trove_oid id = id_of(numbers[i % count]);

        trove_read_lock();
        if (trove_get(trove_cache, &id, &object) != 0)
            die("an object went away");
        trove_read_unlock();
    }
}

#define CANNOT_RUN 77

static bool can_run(void)
{
#if defined(TROVE__NEEDLE_BLOCKS)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes") &&
           __builtin_cpu_supports("bmi2");
#else
    return true;
#endif
}

int main(int argc, char **argv)
{
    uint64_t *numbers;
    size_t count;

    parse(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!can_run()) {
        fprintf(
            stderr,
            "bench_table: this processor has no AVX2 and AES, which the peers' hash is compiled for\n");
        return CANNOT_RUN;
    }
    if (trove__secret_draw(&secret) != 0)
        die("no secret");
    numbers = malloc(object_count * sizeof(*numbers));
    for (size_t i = 0; i < object_count; i++)
        numbers[i] = i;
    shuffle(numbers, object_count, 1);
    trove_open_for(object_count);
    lfht = cds_lfht_new_flavor(object_count, object_count, object_count, 0, &urcu_bp_flavor, NULL);
    if (lfht == NULL || !ck_hs_init(&hs, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT | CK_HS_MODE_DELETE,
                                    hs_hash, hs_same, &hs_allocator, 1024, 6602834))
        die("cannot make the peers");
    for (size_t i = 0; i < object_count; i++)
        trove_add(numbers[i]);
    trove_add_missing(numbers);
    for (size_t i = 0; i < object_count; i++)
        lfht_add(numbers[i]);
    for (size_t i = 0; i < object_count; i++)
        hs_add(numbers[i]);
    printf("peers' hash: %s; %u rounds of %zu lookups\n", keyed ? "keyed, as trove's" : "the id",
           round_count, SLICE);
    count = collect_present(object_count, numbers);
    warm_up(numbers, count);
    bench_collapse_pages();
    print_table("fresh", numbers, count);
    if (fresh_only)
        return trove_close(trove_cache, NULL) == 0 ? 0 : 1;
    turn_over();
    printf(
        "\nturned over: %.0f ns a put with eviction for trove, %.0f for cds_lfht, %.0f for ck_hs (remove and add)\n",
        spent[0], spent[1], spent[2]);
    count = collect_present(object_count * (TURNOVERS + 1), numbers);
    warm_up(numbers, count);
    bench_collapse_pages();
    print_table("after ten turnovers", numbers, count);
    free(numbers);
    return trove_close(trove_cache, NULL) == 0 ? 0 : 1;
}
