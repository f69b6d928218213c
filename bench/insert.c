// SPDX-License-Identifier: MIT
/*
 * insert.c - insertion while the table grows, and what replacing costs those who read meanwhile.
 *
 * Question  What does it cost to add an object to a table that grows from nothing, from one writer and from two? How much of its
 *           rate does a reader keep while another thread replaces objects at full speed?
 * Fixed     objects, ids, hash, allocator as in lookup.c; `insert`: 2^20 objects into a table that was opened as small as it
 *           comes, each allocation included, in a process of its own each time; `read_alone` and `read_beside`: independent hits,
 *           64 in a section, of objects that stay, by one thread on the first processor; beside it a thread on the second, which
 *           replaces one object of a quarter after the other (`replace_beside`: what one replacement takes then).
 * Varied    implementation x writers. Not in it: those that do not grow, and with two writers those that let one write.
 * Method    harness.h, lanes.h; time of the clock on the wall, for growing and reclaiming are other threads' work, too.
 * Options   --objects-log2 20  --peers NAME,NAME...  and those of harness.h
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "bench/tables.h"

#define CELLS_MAX (BENCH_TABLES_MAX * 4)
#define READS ((size_t)1 << 17)
#define READS_QUICK ((size_t)1 << 12)

static unsigned objects_log2 = 20;
static const char *peers;

static int own_option(int argc, char **argv)
{
    if (argc < 2)
        return 0;
    if (strcmp(argv[0], "--objects-log2") == 0)
        objects_log2 = (unsigned)atoi(argv[1]);
    else if (strcmp(argv[0], "--peers") == 0)
        peers = argv[1];
    else
        return 0;
    return 2;
}

static bool is_wanted(const struct peer *peer)
{
    return peer->replace != NULL && (peers == NULL || (peer->traits & PEER_IS_TROVE) != 0 ||
                                     peer_is_named(peers, peer->name));
}

/* --- growing ------------------------------------------------------------------------------------------------------ */

static void insert_body(struct bench_lane *lane)
{
    const struct bench_table *table = lane->context;
    uint64_t end = (uint64_t)1 << objects_log2;
    struct peer_lane view = bench_table_enter(table);

    lane->waits = true;
    bench_lane_begin(lane);
    for (uint64_t n = lane->index; n < end; n += lane->threads)
        table->peer->add(&view, n);
    bench_lane_end(lane, end / lane->threads);
    bench_table_leave(table, &view);
}

static double insert_here(const struct bench_cell *cell)
{
    struct bench_table table = {.peer = cell->context};

    if (trove__secret_draw(&peer_secret) != 0)
        bench_die("no secret");
    table.table = table.peer->open(0);
    return bench_lanes(cell->threads, insert_body, &table);
}

/* Memory that nobody used before, for each. */
static double measure_insert(struct bench_cell *cell, unsigned round)
{
    int ends[2], status;
    double ns = 0;
    pid_t child;

    (void)round;
    fflush(stdout);
    if (pipe(ends) != 0 || (child = fork()) < 0)
        bench_die("no child");
    if (child == 0) {
        ns = insert_here(cell);
        _exit(write(ends[1], &ns, sizeof(ns)) == sizeof(ns) ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &ns, sizeof(ns)) != sizeof(ns) || waitpid(child, &status, 0) != child ||
        status != 0)
        bench_die("%s: inserting failed", cell->impl);
    close(ends[0]);
    return ns;
}

/* --- replacing beside a reader ------------------------------------------------------------------------------------ */

enum role { READER, WRITER };

struct beside {
    struct bench_table *table;
    bool with_writer, stop;
    double ns[2]; /* of each role */
};

static struct trove_oid *ids; /* of this round */
static size_t id_count;

static void read_along(struct bench_lane *lane, struct beside *beside, struct peer_lane *view)
{
    double begin;
    uint64_t sum;

    bench_lane_begin(lane);
    begin = bench_clock();
    sum = beside->table->peer->plain(view, ids, id_count);
    beside->ns[READER] = (bench_clock() - begin) * 1e9 / (double)id_count;
    __atomic_store_n(&beside->stop, true, __ATOMIC_RELAXED);
    bench_lane_end(lane, id_count);
    bench_table_check_reads(beside->table, sum, id_count);
}

static void replace_along(struct bench_lane *lane, struct beside *beside, struct peer_lane *view)
{
    struct bench_table *table = beside->table;
    uint64_t count = 0, old, fresh;
    double begin;

    bench_lane_begin(lane);
    begin = bench_clock();
    while (count == 0 || !__atomic_load_n(&beside->stop, __ATOMIC_RELAXED)) {
        bench_tables_pair(table->all, table->replaced++, &old, &fresh);
        table->peer->replace(view, old, fresh);
        count++;
    }
    beside->ns[WRITER] = (bench_clock() - begin) * 1e9 / (double)count;
    bench_lane_end(lane, count);
}

static void beside_body(struct bench_lane *lane)
{
    struct beside *beside = lane->context;
    struct peer_lane view = bench_table_enter(beside->table);

    bench_pin(lane->index); /* whoever evicts has begun to when the tables settled */
    if (lane->index == READER)
        read_along(lane, beside, &view);
    else
        replace_along(lane, beside, &view);
    bench_table_leave(beside->table, &view);
}

static double run_beside(struct bench_cell *cell, bool with_writer, enum role role)
{
    struct beside beside = {.table = cell->context, .with_writer = with_writer};

    bench_lanes(with_writer ? 2 : 1, beside_body, &beside);
    return beside.ns[role];
}

static double measure_read_alone(struct bench_cell *cell, unsigned round)
{
    (void)round;
    return run_beside(cell, false, READER);
}

static double measure_read_beside(struct bench_cell *cell, unsigned round)
{
    (void)round;
    return run_beside(cell, true, READER);
}

static double measure_replace_beside(struct bench_cell *cell, unsigned round)
{
    (void)round;
    return run_beside(cell, true, WRITER);
}

static void draw_ids(void *context, unsigned round)
{
    const struct bench_tables *tables = context;

    free(ids);
    id_count = bench_settings.quick ? READS_QUICK : READS;
    ids =
        bench_draw_ids(BENCH_UNIFORM, tables->present, tables->present_count, id_count, round + 1);
    bench_tables_mend_ids(tables, ids, id_count, round);
}

/* --- cells and what came out -------------------------------------------------------------------------------------- */

static struct bench_cell *cells[CELLS_MAX];
static size_t cell_count;

static void add_cell(const char *impl, const char *workload, unsigned threads,
                     double (*measure)(struct bench_cell *cell, unsigned round),
                     const void *context)
{
    struct bench_cell *cell = calloc(1, sizeof(*cell));

    if (cell == NULL || cell_count == CELLS_MAX)
        bench_die("no room for so many figures");
    *cell = (struct bench_cell){.impl = impl,
                                .workload = workload,
                                .state = strcmp(workload, "insert") == 0 ? "growing" : "fresh",
                                .objects = (uint64_t)1 << objects_log2,
                                .threads = threads,
                                .measure = measure,
                                .context = (void *)(uintptr_t)context};
    cells[cell_count++] = cell;
}

static const struct bench_cell *cell_of(const char *impl, const char *workload, unsigned threads)
{
    for (size_t i = 0; i < cell_count; i++)
        if (strcmp(cells[i]->impl, impl) == 0 && strcmp(cells[i]->workload, workload) == 0 &&
            cells[i]->threads == threads)
            return cells[i];
    return NULL;
}

static void print_cell(const struct bench_cell *cell, int width)
{
    struct bench_figure figure;
    char text[32];

    if (cell != NULL)
        figure = bench_figure_of(cell->ns, cell->rounds);
    printf(" %*s", width, cell == NULL ? "" : bench_text(&figure, 1, text));
}

static void print_ratio(const struct bench_cell *above, const struct bench_cell *below,
                        double factor, int width)
{
    struct bench_figure ratio = {.median = 0};
    char text[32];

    if (above == NULL || below == NULL) {
        printf(" %*s", width, "");
        return;
    }
    ratio = bench_ratio(above, below);
    ratio.median *= factor;
    ratio.quartile_low *= factor;
    ratio.quartile_high *= factor;
    printf(" %*s", width, bench_text(&ratio, 2, text));
}

static void measure_growing(void)
{
    for (struct peer *peer = peer_list; peer != NULL; peer = peer->next) {
        if (!is_wanted(peer) || (peer->traits & PEER_GROWS) == 0)
            continue;
        add_cell(peer->name, "insert", 1, measure_insert, peer);
        if ((peer->traits & PEER_WRITERS) != 0)
            add_cell(peer->name, "insert", 2, measure_insert, peer);
    }
    bench_rounds(cells, cell_count, NULL, NULL);
    bench_record(cells, cell_count);
    printf("\n2^%u objects added to a table opened small: nanoseconds an object\n"
           "%-21s %10s %10s %12s %12s\n",
           objects_log2, "", "one writer", "two", "two / one", "theirs/trove");
    for (struct peer *peer = peer_list; peer != NULL; peer = peer->next) {
        const struct bench_cell *one = cell_of(peer->name, "insert", 1);
        const struct bench_cell *two = cell_of(peer->name, "insert", 2);

        if (one == NULL)
            continue;
        printf("%-21s", peer->name);
        print_cell(one, 10);
        print_cell(two, 10);
        print_ratio(one, two, 2, 12); /* two's time counts both processors */
        print_ratio(one, cell_of("trove", "insert", 1), 1, 12);
        printf("\n");
    }
    printf("Targets: ck_hs / trove at least 1; trove's two writers at least 1.7 times one.\n");
}

static void measure_beside(void)
{
    static struct bench_tables tables;
    size_t first = cell_count;

    bench_tables_fill(&tables, (size_t)1 << objects_log2, is_wanted);
    bench_tables_settle(&tables);
    for (size_t i = 0; i < tables.count; i++) {
        struct bench_table *table = &tables.table[i];

        add_cell(table->peer->name, "read_alone", 1, measure_read_alone, table);
        add_cell(table->peer->name, "read_beside", 1, measure_read_beside, table);
        add_cell(table->peer->name, "replace_beside", 1, measure_replace_beside, table);
    }
    bench_rounds(cells + first, cell_count - first, draw_ids, &tables);
    bench_record(cells + first, cell_count - first);
    printf(
        "\n2^%u objects, nanoseconds: a hit alone, a hit beside a writer, what a replacement takes then; the share of its "
        "rate that the reader keeps\n%-21s %10s %10s %10s %10s\n",
        objects_log2, "", "alone", "beside", "replacing", "kept");
    for (size_t i = 0; i < tables.count; i++) {
        const char *impl = tables.table[i].peer->name;

        printf("%-21s", impl);
        print_cell(cell_of(impl, "read_alone", 1), 10);
        print_cell(cell_of(impl, "read_beside", 1), 10);
        print_cell(cell_of(impl, "replace_beside", 1), 10);
        print_ratio(cell_of(impl, "read_alone", 1), cell_of(impl, "read_beside", 1), 1, 10);
        printf("\n");
    }
    printf("Target: trove's reader keeps at least 0.90.\n");
}

int main(int argc, char **argv)
{
    bench_begin("insert", argc, argv, own_option);
    if (!peer_can_run()) {
        fprintf(stderr, "insert: this processor lacks what the peers' hash is compiled for\n");
        return BENCH_CANNOT_RUN;
    }
    if (bench_settings.quick)
        objects_log2 = 10;
    measure_growing();
    if (trove__secret_draw(&peer_secret) != 0)
        bench_die("no secret");
    measure_beside();
    return bench_finish();
}
