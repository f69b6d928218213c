// SPDX-License-Identifier: MIT
/*
 * bench_ingest.c - how fast a pack becomes cached objects.
 *
 * QUESTION  Pack file -> reader -> cache, beside `git index-pack --stdin` on the same file, both from page cache.
 * FIXED     The file, whole in memory for the reader, fed in pieces as large as a sideband packet holds; a fresh cache
 *           of --max-bytes for each run. git writes its pack into a fresh bare repository.
 * VARIED    plain SHA-1, SHA-1 with collision detection; the runs of the three take turns.
 * UNIT      milliseconds of wall time; MB/s of inflated bytes, deltas resolved; git's time divided by ours.
 * CHECK     The number of objects and the exclusive or of all ids must be the same in every run.
 *
 *     bench_ingest [--runs N] [--max-bytes MIB] [--threads N of git] [--piece BYTES] PACK
 */
#include "core/cache_internal.h"
#include "core/object.h"
#include "core/order.h"
#include "fetch/pack.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <trove/cache.h>
#include <unistd.h>

extern char **environ;

enum { RUNS_MAX = 200, KINDS = 3 };

struct config {
    const char *path;
    const uint8_t *pack;
    size_t size, piece;
    uint64_t max_bytes;
    int runs, git_threads;
};

struct sink {
    struct trove *cache;
    atomic_ulong bytes, check;
};

struct run {
    double wall_ms, cpu_ms;
    uint64_t bytes, check, objects, peak_bytes, deltas, reinflated, spooled;
    long peak_rss_kb;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_ingest: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* --- a cache as the target of a reader ---------------------------------------------------------------------------- */

static int sink_alloc(void *context, enum trove_type type, uint64_t size, struct trove_object **ret)
{
    return trove__cache_draft(((struct sink *)context)->cache, type, size, ret);
}

static void *sink_buffer(void *context, struct trove_object *object)
{
    (void)context;
    return trove__object_buffer(object);
}

static int sink_give(void *context, struct trove_object *object, const struct trove_oid *id)
{
    struct sink *sink = context;
    struct trove_object *cached;
    uint64_t word;
    int r;

    memcpy(&word, id->bytes, sizeof(word));
    trove__add_relaxed(&sink->bytes,
                       trove_object_size(object)); /* RELAXED: sums, read after the end */
    trove__add_relaxed(&sink->check, word);
    trove__object_set_id(object, id);
    r = trove__cache_insert(sink->cache, object, &cached);
    if (r < 0)
        return r;
    trove_unpin(cached);
    return 0;
}

static struct trove_object *sink_find(void *context, const struct trove_oid *id)
{
    return trove__cache_find(((struct sink *)context)->cache, id);
}

/* --- one run each ------------------------------------------------------------------------------------------------- */

static double seconds(const struct timeval *tv)
{
    return (double)tv->tv_sec + (double)tv->tv_usec * 1e-6;
}

static void ingest(const struct config *config, const struct trove_hash *hash, struct run *run)
{
    struct trove_options options;
    struct trove__pack_limits limits;
    struct trove__pack_stats stats;
    struct trove__pack_reader *reader;
    struct trove_error err = {.message = ""};
    struct sink sink = {0};
    struct trove__pack_target target = {.context = &sink,
                                        .alloc = sink_alloc,
                                        .buffer = sink_buffer,
                                        .give = sink_give,
                                        .find = sink_find};
    int64_t from;
    int r;

    trove_options_init(&options);
    options.hash = hash;
    options.max_bytes = config->max_bytes;
    if (trove_open(&options, &sink.cache, &err) < 0)
        die(err.message);
    trove__pack_limits_init(&limits);
    from = trove_now_ns();
    r = trove__pack_reader_create(hash, &limits, &target, NULL, &reader, &err);
    for (size_t at = 0; r == 0 && at < config->size; at += config->piece)
        r = trove__pack_reader_feed(
            reader, config->pack + at,
            config->size - at < config->piece ? config->size - at : config->piece, &err);
    if (r == 0)
        r = trove__pack_reader_finish(reader, &stats, &err);
    run->wall_ms = (double)(trove_now_ns() - from) * 1e-6;
    trove__pack_reader_destroy(reader);
    if (r < 0)
        die(err.message);
    run->bytes = sink.bytes;
    run->check = sink.check;
    run->objects = stats.objects;
    run->peak_bytes = stats.peak_bytes;
    run->deltas = stats.deltas;
    run->reinflated = stats.reinflated;
    run->spooled = stats.spooled_bytes;
    trove_close(sink.cache, NULL);
}

/* In a process of its own, so that peak memory and processor time are its alone. */
static void ingest_apart(const struct config *config, const struct trove_hash *hash,
                         struct run *ret)
{
    struct run *run =
        mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rusage usage;
    int status;
    pid_t child;

    if (run == MAP_FAILED)
        die("mmap");
    child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        ingest(config, hash, run);
        _exit(0);
    }
    if (wait4(child, &status, 0, &usage) != child || status != 0)
        exit(2);
    run->cpu_ms = (seconds(&usage.ru_utime) + seconds(&usage.ru_stime)) * 1e3;
    run->peak_rss_kb = usage.ru_maxrss;
    *ret = *run;
    munmap(run, sizeof(*run));
}

static void spawn(const char *const *argv, const char *input, struct run *ret)
{
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    int64_t from;
    int status;
    pid_t child;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    from = trove_now_ns();
    if (posix_spawnp(&child, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
        die(argv[0]);
    if (wait4(child, &status, 0, &usage) != child || status != 0)
        die("git failed");
    ret->wall_ms = (double)(trove_now_ns() - from) * 1e-6;
    ret->cpu_ms = (seconds(&usage.ru_utime) + seconds(&usage.ru_stime)) * 1e3;
    ret->peak_rss_kb = usage.ru_maxrss;
    posix_spawn_file_actions_destroy(&actions);
}

static void index_pack(const struct config *config, struct run *ret)
{
    char folder[] = "/tmp/bench-ingest-XXXXXX", threads[32];
    struct run other;

    if (mkdtemp(folder) == NULL)
        die("mkdtemp");
    snprintf(threads, sizeof(threads), "--threads=%d", config->git_threads);
    spawn((const char *const[]){"git", "init", "-q", "--bare", folder, NULL}, "/dev/null", &other);
    spawn((const char *const[]){"git", "-C", folder, "index-pack", "--stdin", threads, NULL},
          config->path, ret);
    spawn((const char *const[]){"rm", "-rf", folder, NULL}, "/dev/null", &other);
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

static int by_wall(const void *a, const void *b)
{
    double x = ((const struct run *)a)->wall_ms, y = ((const struct run *)b)->wall_ms;

    return (x > y) - (x < y);
}

static void report(const char *name, struct run *runs, int count, uint64_t bytes, double git_ms)
{
    const struct run *median = &runs[count / 2];

    qsort(runs, (size_t)count, sizeof(*runs), by_wall);
    printf("%-22s %8.1f %8.1f %8.1f %8.0f %7.2f %9ld", name, runs[0].wall_ms, median->wall_ms,
           median->cpu_ms, (double)bytes / median->wall_ms / 1e3, git_ms / median->wall_ms,
           median->peak_rss_kb);
    if (median->peak_bytes > 0)
        printf("  (in flight %.1f MiB, %llu deltas, %llu reinflated, %.1f MB spooled)",
               (double)median->peak_bytes / 1048576, (unsigned long long)median->deltas,
               (unsigned long long)median->reinflated, (double)median->spooled * 1e-6);
    printf("\n");
}

static void bench(const struct config *config)
{
    static const char *const names[KINDS] = {"git index-pack", "trove, SHA-1", "trove, detecting"};
    static struct run runs[KINDS][RUNS_MAX];
    const struct trove_hash *hashes[KINDS] = {NULL, trove_hash_sha1(), trove_hash_sha1_detecting()};
    struct run dummy;
    double git_ms;

    ingest_apart(config, hashes[1], &dummy); /* who runs first pays for cold pages */
    for (int i = 0; i < config->runs; i++)
        for (int kind = 0; kind < KINDS; kind++) {
            if (kind == 0) {
                index_pack(config, &runs[0][i]);
                continue;
            }
            ingest_apart(config, hashes[kind], &runs[kind][i]);
            if (runs[kind][i].check != dummy.check || runs[kind][i].objects != dummy.objects)
                die("two runs disagree");
        }
    printf("%s: %.1f MB, %llu objects, %.1f MB inflated; %d runs; check %016llx\n", config->path,
           (double)config->size * 1e-6, (unsigned long long)dummy.objects,
           (double)dummy.bytes * 1e-6, config->runs, (unsigned long long)dummy.check);
    printf("%-22s %8s %8s %8s %8s %7s %9s\n", "", "least ms", "median", "cpu ms", "MB/s", "ratio",
           "RSS KiB");
    qsort(runs[0], (size_t)config->runs, sizeof(runs[0][0]), by_wall);
    git_ms = runs[0][config->runs / 2].wall_ms;
    for (int kind = 0; kind < KINDS; kind++)
        report(names[kind], runs[kind], config->runs, dummy.bytes, git_ms);
}

static void map_pack(struct config *config)
{
    struct stat info;
    int fd = open(config->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &info) < 0)
        die(config->path);
    config->size = (size_t)info.st_size;
    config->pack = mmap(NULL, config->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (config->pack == MAP_FAILED)
        die("mmap");
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"runs", 1, NULL, 'r'},
                                          {"max-bytes", 1, NULL, 'm'},
                                          {"threads", 1, NULL, 't'},
                                          {"piece", 1, NULL, 'p'},
                                          {0}};
    struct config config = {
        .runs = 11, .git_threads = 2, .max_bytes = (uint64_t)1 << 30, .piece = 65515};
    int option;

    while ((option = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
        if (option == 'r')
            config.runs = atoi(optarg);
        else if (option == 'm')
            config.max_bytes = strtoull(optarg, NULL, 10) << 20;
        else if (option == 't')
            config.git_threads = atoi(optarg);
        else if (option == 'p')
            config.piece = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    if (optind + 1 != argc || config.runs < 1 || config.runs > RUNS_MAX || config.piece == 0) {
        fprintf(stderr, "usage: bench_ingest [--runs N] [--max-bytes MIB] [--threads N] [--piece "
                        "BYTES] PACK\n");
        return 2;
    }
    config.path = argv[optind];
    map_pack(&config);
    bench(&config);
    return 0;
}
