// SPDX-License-Identifier: MIT
/*
 * bench_memory.c - what an object costs beyond itself, and how far resident memory goes beyond max_bytes.
 *
 * Question  How many bytes does the allocator give for each cached object beyond its id, type, size and data? And under churn, with a
 *           reader that stays in its section, how much memory does the process have beside what the bound admits?
 * Fixed     20-byte ids; jemalloc, whose own statistics are read; 2^18 buckets of the table. Churn: max_bytes of 256 MiB, objects
 *           of 1 to 16,000 bytes, one writer; a reader holds its section for --seconds, leaves it, and so on, four times.
 * Varied    the load: average, just before growth, just after; objects of 80 bytes, and of 20 to 420.
 * Method    one run: counts, not times. Resident memory is looked at every 1,000 puts; what the process had before the cache was
 *           opened is taken off. Puts that are refused, because deferred memory is used up, are counted.
 * Options   --seconds 3  and those of harness.h
 */
#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trove/cache.h>
#include <unistd.h>

#include "bench/harness.h"
#include "bench/keys.h"

#define SLOTS ((size_t)7 << 18)
#define ITSELF (20 + 1 + 8) /* id, type, size */
#define CHURN_BYTES ((uint64_t)256 << 20)
#define CHURN_SIZE 16000
#define TURNS 4

static unsigned seconds = 3;
static unsigned char data[CHURN_SIZE];

static size_t allocated(void)
{
    uint64_t epoch = 1;
    size_t bytes, size = sizeof(epoch);

    mallctl("epoch", &epoch, &size, &epoch, size);
    size = sizeof(bytes);
    if (mallctl("stats.allocated", &bytes, &size, NULL, 0) != 0)
        bench_die("this jemalloc keeps no statistics");
    return bytes;
}

static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t all, pages;

    if (file == NULL || fscanf(file, "%zu %zu", &all, &pages) != 2)
        bench_die("/proc/self/statm");
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static struct trove *open_cache(uint64_t max_bytes)
{
    struct trove_options options;
    struct trove *cache;

    trove_options_init(&options);
    options.hash = &bench_hash;
    options.max_bytes = max_bytes;
    if (trove_open(&options, &cache, NULL) != 0)
        bench_die("cannot open a cache");
    return cache;
}

static void sleep_for(double s)
{
    const struct timespec time = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};

    nanosleep(&time, NULL);
}

/* --- an object beyond itself -------------------------------------------------------------------------------------- */

/* COUNT objects, of which the table has SLOTS when it has ended what it does in the background. */
static void fill(const char *state, size_t slots, size_t count, size_t least, size_t more)
{
    size_t before = allocated(), bytes = 0;
    struct trove *cache = open_cache((uint64_t)count * (least + more / 2 + 150));
    struct trove_stats stats;

    for (uint64_t n = 0; n < count; n++) {
        size_t size = least + (more > 0 ? bench_mix(n) % more : 0);

        memcpy(data, &n, sizeof(n));
        if (trove_put(cache, TROVE_BLOB, data, size, NULL, NULL) < 0)
            bench_die("a put was refused");
        bytes += size;
    }
    do {
        sleep_for(0.1);
        trove_stats(cache, &stats);
    } while (stats.table_slots != slots);
    printf(
        "%-20s %8zu objects of %5.1f bytes, load %.3f: table %5.1f, %5.1f beyond id, type, size and data; %lu evicted\n",
        state, count, (double)bytes / (double)count,
        (double)stats.object_count / (double)stats.table_slots,
        (double)stats.table_bytes / (double)count,
        (double)(allocated() - before) / (double)count - ITSELF - (double)bytes / (double)count,
        (unsigned long)stats.evictions);
    (void)trove_close(cache, NULL);
}

/* --- churn -------------------------------------------------------------------------------------------------------- */

static atomic_bool over;

static void *reader(void *context)
{
    (void)context;
    for (int turn = 0; turn < TURNS; turn++) {
        trove_read_lock();
        sleep_for(bench_settings.quick ? 0.01 : seconds);
        trove_read_unlock();
        sleep_for(0.2);
    }
    atomic_store(&over, true);
    return NULL;
}

static void churn(void)
{
    size_t before = resident(), most = 0;
    struct trove *cache = open_cache(CHURN_BYTES);
    uint64_t used = 0, refused = 0, n = 0;
    struct trove_stats stats;
    pthread_t thread;

    if (pthread_create(&thread, NULL, reader, NULL) != 0)
        bench_die("no thread");
    for (; !atomic_load(&over); n++) {
        int r;

        memcpy(data, &n, sizeof(n));
        r = trove_put(cache, TROVE_BLOB, data, 8 + bench_mix(n) % (CHURN_SIZE - 8), NULL, NULL);
        if (r < 0 && r != -ECACHE_OVERFULL)
            bench_die("a put failed");
        refused += r < 0;
        if (n % 1000 == 0) {
            size_t now = resident() - before;

            most = now > most ? now : most;
            trove_stats(cache, &stats);
            used = stats.used_bytes > used ? stats.used_bytes : used;
        }
    }
    pthread_join(thread, NULL);
    printf(
        "churn: %lu puts, %lu refused; at most %.1f MiB used of %.1f, %.1f MiB resident: %.3f of max_bytes\n",
        (unsigned long)n, (unsigned long)refused, (double)used / (1 << 20),
        (double)CHURN_BYTES / (1 << 20), (double)most / (1 << 20),
        (double)most / (double)CHURN_BYTES);
    if (used > CHURN_BYTES)
        bench_die("more was used than max_bytes");
    (void)trove_close(cache, NULL);
}

static int own_option(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[0], "--seconds") != 0)
        return 0;
    seconds = (unsigned)atoi(argv[1]);
    return 2;
}

int main(int argc, char **argv)
{
    bench_begin("memory", argc, argv, own_option);
    churn();
    if (bench_settings.quick)
        return bench_finish();
    fill("average load", SLOTS, SLOTS * 33 / 64, 80, 0);
    fill("just before growth", SLOTS, SLOTS * 11 / 16 - 300, 80, 0);
    fill("just after growth", 2 * SLOTS, SLOTS * 11 / 16 + 100, 80, 0);
    fill("average load", SLOTS, SLOTS * 33 / 64, 20, 400);
    return bench_finish();
}
