// SPDX-License-Identifier: MIT
/*
 * growth.c - a table that grows from 2^20 to 2^22 objects beside a reader: the longest insert, and what the reader notices.
 *
 * Question  How long does one insert take at most while the table grows? How long do lookups take then, beside the same when
 *           nothing grows?
 * Fixed     objects of 80 bytes; a table that began as small as it comes and has 2^20 of them; one writer, which adds up to 2^22;
 *           one reader, which gets 64 ids that are there in a section, over and over, on the other processor.
 * Varied    implementation: trove and every peer that grows beside readers.
 * Method    rounds, a fresh table in each. Every insert and every group of lookups is timed by itself, by the world's clock, so
 *           what the scheduler takes counts: on two processors a table's own thread has none of its own. The reader's figures are
 *           percentiles of its groups before and during growth; `longest` is the longest insert of a round. Each round of each
 *           implementation is a process of its own, in turn.
 *           `pause` is the longest time between two looks of a thread that only reads the clock, for two seconds before the growth:
 *           what the machine takes from a thread without any table.
 * Options   --from 20  --to 22  --peers NAME,NAME...  and those of harness.h
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/harness.h"
#include "bench/lanes.h"
#include "bench/pages.h"
#include "bench/peers.h"

#define GROUP PEER_SECTION
#define STEP_NS 16 /* a column of the histogram of groups */
#define COLUMNS ((size_t)1 << 16)
#define QUIET_GROUPS ((size_t)1 << 19)
#define PAUSES_NS ((uint64_t)2 << 30) /* about as long as the growth takes */

static unsigned from_log2 = 20, to_log2 = 22;
static const char *wanted_peers;

/* What a round gave, in nanoseconds. */
enum figure {
    LONGEST,
    PAUSE,
    P9999,
    MEAN,
    QUIET_P50,
    QUIET_P999,
    GROWING_P50,
    GROWING_P999,
    FIGURES
};
static const char *const figure_names[FIGURES] = {
    "insert longest",   "longest pause",      "insert p99.99",      "insert mean",
    "reader p50 quiet", "reader p99.9 quiet", "reader p50 growing", "reader p99.9 growing",
};

struct run {
    const struct peer *peer;
    void *table;
    uint64_t from, to;
    struct trove_oid *ids;
    atomic_bool stop;
    uint32_t *quiet, *growing, *inserts; /* histograms */
    double longest, pause, mean;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct peer_lane enter(const struct run *run)
{
    struct peer_lane lane = {.table = run->table};

    if (run->peer->enter != NULL)
        run->peer->enter(&lane);
    return lane;
}

static void leave(const struct run *run, struct peer_lane *lane)
{
    if (run->peer->leave != NULL)
        run->peer->leave(lane);
    peer_garbage_free(&lane->garbage);
}

static void note(uint32_t *histogram, uint64_t ns)
{
    size_t column = ns / STEP_NS;

    histogram[column < COLUMNS ? column : COLUMNS - 1]++;
}

static double percentile(const uint32_t *histogram, double part)
{
    uint64_t all = 0, seen = 0;
    size_t column = 0;

    for (size_t i = 0; i < COLUMNS; i++)
        all += histogram[i];
    for (; column < COLUMNS; column++) {
        seen += histogram[column];
        if ((double)seen >= part * (double)all)
            break;
    }
    return (double)(column * STEP_NS);
}

/* GROUPS groups (0: until told to stop). */
static void read_groups(struct run *run, struct peer_lane *lane, size_t groups, uint32_t *histogram)
{
    for (size_t g = 0;
         groups == 0 ? !atomic_load_explicit(&run->stop, memory_order_relaxed) : g < groups; g++) {
        const struct trove_oid *ids = &run->ids[g % (run->from / GROUP) * GROUP];
        uint64_t begin = now_ns(), sum = run->peer->plain(lane, ids, GROUP);

        note(histogram, now_ns() - begin);
        if (sum != GROUP * BENCH_OBJECT_BYTES)
            bench_die("%s lost something", run->peer->name);
    }
}

static void *reader(void *context)
{
    struct run *run = context;
    struct peer_lane lane = enter(run);

    bench_pin(1);
    read_groups(run, &lane, 0, run->growing);
    leave(run, &lane);
    return NULL;
}

static void *quiet_reader(void *context)
{
    struct run *run = context;
    struct peer_lane lane = enter(run);

    bench_pin(1);
    read_groups(run, &lane, QUIET_GROUPS >> (bench_settings.quick ? 10 : 0), run->quiet);
    leave(run, &lane);
    return NULL;
}

static void *writer(void *context)
{
    struct run *run = context;
    struct peer_lane lane = enter(run);
    uint64_t first = now_ns(), before = first;

    for (uint64_t n = run->from; n < run->to; n++) {
        uint64_t after;

        run->peer->add(&lane, n);
        after = now_ns();
        note(run->inserts, after - before);
        if ((double)(after - before) > run->longest)
            run->longest = (double)(after - before);
        before = after;
    }
    run->mean = (double)(before - first) / (double)(run->to - run->from);
    leave(run, &lane);
    return NULL;
}

static void *filler(void *context)
{
    struct run *run = context;
    struct peer_lane lane = enter(run);

    for (uint64_t n = 0; n < run->from; n++)
        run->peer->add(&lane, n);
    leave(run, &lane);
    return NULL;
}

/* What the machine takes away from a thread that only reads the clock: no insert can be told to take less. */
static void *pauses(void *context)
{
    struct run *run = context;
    uint64_t first = now_ns(), before = first, after;

    do {
        after = now_ns();
        if ((double)(after - before) > run->pause)
            run->pause = (double)(after - before);
        before = after;
    } while (after - first < PAUSES_NS >> (bench_settings.quick ? 10 : 0));
    return NULL;
}

static pthread_t start(void *(*body)(void *), struct run *run)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, body, run) != 0)
        bench_die("no thread");
    return thread;
}

static void grow_once(const struct peer *peer, struct trove_oid *ids, double figures[FIGURES])
{
    struct run run = {
        .peer = peer, .from = (uint64_t)1 << from_log2, .to = (uint64_t)1 << to_log2, .ids = ids};
    uint32_t *histograms = calloc(3 * COLUMNS, sizeof(*histograms));
    pthread_t beside;

    if (histograms == NULL)
        bench_die("no memory");
    run.quiet = histograms;
    run.growing = histograms + COLUMNS;
    run.inserts = histograms + 2 * COLUMNS;
    run.table = peer->open(0);
    pthread_join(start(filler, &run), NULL);
    bench_collapse_pages();
    pthread_join(start(quiet_reader, &run), NULL);
    pthread_join(start(pauses, &run), NULL);
    beside = start(reader, &run);
    pthread_join(start(writer, &run), NULL);
    atomic_store(&run.stop, true);
    pthread_join(beside, NULL);
    figures[LONGEST] = run.longest;
    figures[PAUSE] = run.pause;
    figures[MEAN] = run.mean;
    figures[P9999] = percentile(run.inserts, 0.9999);
    figures[QUIET_P50] = percentile(run.quiet, 0.5);
    figures[QUIET_P999] = percentile(run.quiet, 0.999);
    figures[GROWING_P50] = percentile(run.growing, 0.5);
    figures[GROWING_P999] = percentile(run.growing, 0.999);
    free(histograms);
}

/* A child each, because tables are never closed. */
static void grow_in_child(const struct peer *peer, struct trove_oid *ids, double figures[FIGURES])
{
    size_t bytes = FIGURES * sizeof(*figures);
    int ends[2], status;
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        bench_die("no process");
    if (child == 0) {
        grow_once(peer, ids, figures);
        _exit(write(ends[1], figures, bytes) == (ssize_t)bytes ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], figures, bytes) != (ssize_t)bytes || waitpid(child, &status, 0) != child ||
        status != 0)
        bench_die("%s failed", peer->name);
    close(ends[0]);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

#define PEERS_MAX 32

struct row {
    const struct peer *peer;
    struct bench_cell cells[FIGURES];
};

static bool is_wanted(const struct peer *peer)
{
    if ((peer->traits & PEER_GROWS) == 0 || peer->shares != NULL ||
        (peer->traits & (PEER_EVICTS | PEER_IS_TROVE)) == PEER_EVICTS)
        return false;
    return wanted_peers == NULL || strstr(wanted_peers, peer->name) != NULL;
}

static size_t make_rows(struct row *rows)
{
    size_t count = 0;

    for (const struct peer *peer = peer_list; peer != NULL && count < PEERS_MAX;
         peer = peer->next) {
        if (!is_wanted(peer))
            continue;
        rows[count].peer = peer;
        for (int f = 0; f < FIGURES; f++)
            rows[count].cells[f] = (struct bench_cell){.impl = peer->name,
                                                       .workload = figure_names[f],
                                                       .state = "growing",
                                                       .objects = (uint64_t)1 << to_log2,
                                                       .threads = 2};
        count++;
    }
    return count;
}

static void measure(struct row *rows, size_t count, struct trove_oid *ids)
{
    for (unsigned r = 0; r < bench_settings.rounds; r++)
        for (size_t i = 0; i < count; i++) {
            struct row *row = &rows[(r + i) % count];
            double figures[FIGURES];

            grow_in_child(row->peer, ids, figures);
            for (int f = 0; f < FIGURES; f++) {
                row->cells[f].ns[r] = figures[f];
                row->cells[f].rounds = r + 1;
            }
        }
}

static void print_row(struct row *row)
{
    struct bench_figure at[FIGURES], slower;
    char text[32];

    for (int f = 0; f < FIGURES; f++)
        at[f] = bench_figure_of(row->cells[f].ns, row->cells[f].rounds);
    slower = bench_ratio(&row->cells[GROWING_P999], &row->cells[QUIET_P999]);
    printf("%-22s %9.2f %9.2f %9.2f %9.2f %9.1f %7.0f %8.0f %8.0f %8.0f %8.0f %9s\n",
           row->peer->name, at[LONGEST].median / 1e6, at[LONGEST].min / 1e6, at[LONGEST].max / 1e6,
           at[PAUSE].median / 1e6, at[P9999].median / 1e3, at[MEAN].median, at[QUIET_P50].median,
           at[GROWING_P50].median, at[QUIET_P999].median, at[GROWING_P999].median,
           bench_text(&slower, 2, text));
}

static int own_option(int argc, char **argv)
{
    if (argc < 2)
        return 0;
    if (strcmp(argv[0], "--from") == 0)
        from_log2 = (unsigned)atoi(argv[1]);
    else if (strcmp(argv[0], "--to") == 0)
        to_log2 = (unsigned)atoi(argv[1]);
    else if (strcmp(argv[0], "--peers") == 0)
        wanted_peers = argv[1];
    else
        return 0;
    return 2;
}

int main(int argc, char **argv)
{
    static struct row rows[PEERS_MAX];
    struct trove_oid *ids;
    uint64_t *numbers;
    size_t count, from;

    bench_settings.rounds = 5;
    bench_begin("growth", argc, argv, own_option);
    if (bench_settings.quick)
        from_log2 = 10, to_log2 = 12;
    if (bench_processors() < 2) {
        printf("this takes two processors\n");
        return BENCH_CANNOT_RUN;
    }
    from = (size_t)1 << from_log2;
    numbers = malloc(from * sizeof(*numbers));
    if (numbers == NULL)
        bench_die("no memory");
    for (size_t i = 0; i < from; i++)
        numbers[i] = i;
    ids = bench_draw_ids(BENCH_UNIFORM, numbers, from, from, 1);
    count = make_rows(rows);
    printf(
        "from 2^%u to 2^%u objects beside a reader of groups of %d; %u rounds\n%-22s %29s %9s %9s %7s %17s %17s\n",
        from_log2, to_log2, GROUP, bench_settings.rounds, "", "longest insert, ms", "pause, ms",
        "p99.99", "mean", "group p50, ns", "group p99.9, ns");
    printf("%-22s %9s %9s %9s %9s %9s %7s %8s %8s %8s %8s %9s\n", "", "median", "least", "most",
           "median", "us", "ns", "quiet", "growing", "quiet", "growing", "ratio");
    measure(rows, count, ids);
    for (size_t i = 0; i < count; i++) {
        struct bench_cell *cells[FIGURES];

        print_row(&rows[i]);
        for (int f = 0; f < FIGURES; f++)
            cells[f] = &rows[i].cells[f];
        bench_record(cells, FIGURES);
    }
    free(ids);
    free(numbers);
    return bench_finish();
}
