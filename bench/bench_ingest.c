// SPDX-License-Identifier: MIT
/*
 * bench_ingest.c - how fast a pack becomes cached objects.
 *
 * QUESTION  Pack file -> reader -> cache, beside `git index-pack --stdin` on the same file, both from page cache.
 * FIXED     The file, read in pieces as large as a sideband packet holds; a fresh cache of --max-bytes for each run, in a
 *           process of its own. git writes its pack into a fresh bare repository.
 * VARIED    plain SHA-1, SHA-1 with collision detection, a small cache; git with 1 thread, with 2, and as it chooses
 *           itself, and the same for GIT_PEER=path of a newer one. All take turns.
 * UNIT      milliseconds of wall time; MB/s of inflated bytes, deltas resolved; the ratio is the median over rounds of
 *           the best git's time (of those three ways the one with the least median) divided by ours in the same round.
 * CHECK     The number of objects and the sum of all ids must be the same in every run of trove.
 *
 *     bench_ingest [--runs N] [--max-bytes MIB] [--piece BYTES] [--without-git] PACK
 *
 * bench/make_source_pack.sh makes a PACK of a large Debian source package, or of any repository.
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

enum { RUNS_MAX = 100, KINDS_MAX = 9, SMALL_CACHE_MIB = 32, INFLIGHT_MIB = 64 };

struct config {
    const char *path;
    size_t size, piece;
    uint64_t max_bytes;
    int runs;
    bool without_git;
};

/* One row of the report: git with some number of threads, or trove with some hash. */
struct kind {
    char name[48];
    const char *git; /* NULL: trove */
    int threads;     /* 0: git's own choice */
    const struct trove_hash *hash;
    uint64_t max_bytes;
};

struct sink {
    struct trove *cache;
    atomic_ulong bytes, check;
};

struct run {
    double wall_ms, cpu_ms;
    uint64_t bytes, check;
    struct trove__pack_stats stats;
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
    r = trove__cache_insert(sink->cache, NULL, object, &cached);
    if (r < 0)
        return r;
    trove_unpin(cached);
    return 0;
}

static struct trove_object *sink_find(void *context, const struct trove_oid *id)
{
    return trove__cache_find(((struct sink *)context)->cache, NULL, id);
}

/* --- one run each ------------------------------------------------------------------------------------------------- */

static double seconds(const struct timeval *tv)
{
    return (double)tv->tv_sec + (double)tv->tv_usec * 1e-6;
}

/* Feeds the file to the reader as it would come from a transport. */
static int feed_file(const struct config *config, struct trove__pack_reader *reader,
                     struct trove_error *err)
{
    uint8_t *piece = malloc(config->piece);
    int fd = open(config->path, O_RDONLY | O_CLOEXEC);
    ssize_t size;
    int r = 0;

    if (fd < 0 || piece == NULL)
        die(config->path);
    while (r == 0 && (size = read(fd, piece, config->piece)) > 0)
        r = trove__pack_reader_feed(reader, piece, (size_t)size, err);
    close(fd);
    free(piece);
    return r;
}

static void ingest(const struct config *config, const struct kind *kind, struct run *run)
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
    options.hash = kind->hash;
    options.max_bytes = kind->max_bytes;
    if (trove_open(&options, &sink.cache, &err) < 0)
        die(err.message);
    trove__pack_limits_init(&limits);
    limits.max_inflight_bytes = (uint64_t)INFLIGHT_MIB << 20;
    from = trove_now_ns();
    r = trove__pack_reader_create(kind->hash, &limits, &target, NULL, &reader, &err);
    if (r == 0)
        r = feed_file(config, reader, &err);
    if (r == 0)
        r = trove__pack_reader_finish(reader, &stats, &err);
    run->wall_ms = (double)(trove_now_ns() - from) * 1e-6;
    trove__pack_reader_destroy(reader);
    if (r < 0)
        die(err.message);
    run->bytes = sink.bytes;
    run->check = sink.check;
    run->stats = stats;
    trove_close(sink.cache, NULL);
}

/* In a process of its own, so that peak memory and processor time are its alone. */
static void ingest_apart(const struct config *config, const struct kind *kind, struct run *ret)
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
        ingest(config, kind, run);
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

static void index_pack(const struct config *config, const struct kind *kind, struct run *ret)
{
    char folder[] = "/tmp/bench-ingest-XXXXXX", threads[32];
    const char *choice = kind->threads > 0 ? threads : NULL;
    struct run other;

    if (mkdtemp(folder) == NULL)
        die("mkdtemp");
    snprintf(threads, sizeof(threads), "--threads=%d", kind->threads);
    spawn((const char *const[]){kind->git, "init", "-q", "--bare", folder, NULL}, "/dev/null",
          &other);
    spawn((const char *const[]){kind->git, "-C", folder, "index-pack", "--stdin", choice, NULL},
          config->path, ret);
    spawn((const char *const[]){"rm", "-rf", folder, NULL}, "/dev/null", &other);
}

/* --- figures ------------------------------------------------------------------------------------------------------ */

static struct kind kinds[KINDS_MAX];
static int kind_count;
static struct run runs[KINDS_MAX][RUNS_MAX]; /* of each kind, by round */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The median of COUNT values, which are sorted. */
static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), ascending);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double median_wall(int kind, int count)
{
    double values[RUNS_MAX];

    for (int i = 0; i < count; i++)
        values[i] = runs[kind][i].wall_ms;
    return median(values, count);
}

static void add_kind(const char *git, int threads, const char *name, const struct trove_hash *hash,
                     uint64_t max_bytes)
{
    struct kind *kind = &kinds[kind_count++];

    *kind = (struct kind){.git = git, .threads = threads, .hash = hash, .max_bytes = max_bytes};
    if (git != NULL && threads > 0)
        snprintf(kind->name, sizeof(kind->name), "%.20s --threads=%d", name, threads);
    else
        snprintf(kind->name, sizeof(kind->name), "%.38s", name);
}

static void choose_kinds(const struct config *config)
{
    const char *peer = getenv("GIT_PEER");

    for (int threads = 0; threads <= 2 && !config->without_git; threads++)
        add_kind("git", threads, "index-pack", NULL, 0);
    for (int threads = 0; threads <= 2 && !config->without_git && peer != NULL; threads++)
        add_kind(peer, threads, "GIT_PEER", NULL, 0);
    add_kind(NULL, 0, "trove, SHA-1", trove_hash_sha1(), config->max_bytes);
    add_kind(NULL, 0, "trove, detecting", trove_hash_sha1_detecting(), config->max_bytes);
    add_kind(NULL, 0, "trove, SHA-1, small cache", trove_hash_sha1(),
             (uint64_t)SMALL_CACHE_MIB << 20);
}

/* The kind of git with the least median; -1 without any. */
static int best_git(int count)
{
    int best = -1;

    for (int kind = 0; kind < kind_count; kind++)
        if (kinds[kind].git != NULL &&
            (best < 0 || median_wall(kind, count) < median_wall(best, count)))
            best = kind;
    return best;
}

static void report(int kind, int count, uint64_t bytes, int best)
{
    double walls[RUNS_MAX], cpus[RUNS_MAX], ratios[RUNS_MAX];
    const struct run *last = &runs[kind][count - 1];
    long peak_rss_kb = 0;
    double wall;

    for (int i = 0; i < count; i++) {
        walls[i] = runs[kind][i].wall_ms;
        cpus[i] = runs[kind][i].cpu_ms;
        ratios[i] = best >= 0 ? runs[best][i].wall_ms / walls[i] : 0;
        if (runs[kind][i].peak_rss_kb > peak_rss_kb)
            peak_rss_kb = runs[kind][i].peak_rss_kb;
    }
    wall = median(walls, count);
    printf("%-26s %8.1f %8.1f %8.1f %8.1f %6.0f %6.2f %8.1f", kinds[kind].name, walls[0], wall,
           walls[count - 1], median(cpus, count), (double)bytes / wall / 1e3, median(ratios, count),
           (double)peak_rss_kb / 1024);
    if (kinds[kind].git == NULL)
        printf(" of %llu + %d; %.1f in flight, %llu deltas, %llu bases made again, %.1f MB spooled",
               (unsigned long long)(kinds[kind].max_bytes >> 20), INFLIGHT_MIB,
               (double)last->stats.peak_bytes / 1048576, (unsigned long long)last->stats.deltas,
               (unsigned long long)last->stats.reinflated,
               (double)last->stats.spooled_bytes * 1e-6);
    printf("\n");
}

static void run_round(const struct config *config, int round, const struct run *expected)
{
    for (int kind = 0; kind < kind_count; kind++) {
        struct run *run = &runs[kind][round];

        if (kinds[kind].git != NULL) {
            index_pack(config, &kinds[kind], run);
            continue;
        }
        ingest_apart(config, &kinds[kind], run);
        if (run->check != expected->check || run->stats.objects != expected->stats.objects)
            die("two runs disagree");
    }
}

static void bench(const struct config *config)
{
    struct run expected;

    choose_kinds(config);
    ingest_apart(config, &kinds[kind_count - 1], &expected); /* the first pays for cold pages */
    for (int round = 0; round < config->runs; round++)
        run_round(config, round, &expected);
    printf("%s: %.1f MB, %llu objects, %.1f MB inflated; %d rounds; check %016llx\n", config->path,
           (double)config->size * 1e-6, (unsigned long long)expected.stats.objects,
           (double)expected.bytes * 1e-6, config->runs, (unsigned long long)expected.check);
    printf("%-26s %8s %8s %8s %8s %6s %6s %8s\n", "", "least ms", "median", "most", "cpu ms",
           "MB/s", "ratio", "RSS MiB");
    for (int kind = 0; kind < kind_count; kind++)
        report(kind, config->runs, expected.bytes, best_git(config->runs));
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"runs", 1, NULL, 'r'},
                                          {"max-bytes", 1, NULL, 'm'},
                                          {"piece", 1, NULL, 'p'},
                                          {"without-git", 0, NULL, 'w'},
                                          {0}};
    struct config config = {.runs = 11, .max_bytes = (uint64_t)1 << 30, .piece = 65515};
    struct stat info;
    int option;

    while ((option = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
        if (option == 'r')
            config.runs = atoi(optarg);
        else if (option == 'm')
            config.max_bytes = strtoull(optarg, NULL, 10) << 20;
        else if (option == 'p')
            config.piece = strtoull(optarg, NULL, 10);
        else if (option == 'w')
            config.without_git = true;
        else
            return 2;
    }
    if (optind + 1 != argc || config.runs < 1 || config.runs > RUNS_MAX || config.piece == 0) {
        fprintf(stderr, "usage: bench_ingest [--runs N] [--max-bytes MIB] [--piece BYTES] "
                        "[--without-git] PACK\n");
        return 2;
    }
    config.path = argv[optind];
    if (stat(config.path, &info) < 0)
        die(config.path);
    config.size = (size_t)info.st_size;
    bench(&config);
    return 0;
}
