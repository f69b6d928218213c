// SPDX-License-Identifier: MIT
/*
 * lookup_workloads.c - what is asked of each table: the workloads, their groups, and one measurement of one of them.
 *
 * Workloads of one group are asked the same ids in the same order, and run interleaved: whatever is compared stands in one.
 */
#include "bench/lookup_workloads.h"

enum how { PLAIN, CALLS, CHAIN, BATCH, MIX };

struct workload {
    const char *name;
    unsigned group;
    enum bench_draw draw;
    enum how how;
    unsigned width;       /* of a batch; of a mix: reads in a group of 64 or 60 operations */
    unsigned replaces;    /* of a mix */
    unsigned count_shift; /* so many halvings of the usual count of lookups */
    unsigned threads_max; /* no more threads than these */
};

enum { HITS, MISSES, ZIPF, CHAINED, MIX_95, MIX_50, GROUPS };

static const struct workload workloads[] = {
    {"hit", HITS, BENCH_UNIFORM, PLAIN, 0, 0, 0, 64},
    {"hit_call", HITS, BENCH_UNIFORM, CALLS, 0, 0, 0, 2},
    {"get_many16", HITS, BENCH_UNIFORM, BATCH, 16, 0, 0, 2},
    {"get_many32", HITS, BENCH_UNIFORM, BATCH, 32, 0, 0, 2},
    {"get_many64", HITS, BENCH_UNIFORM, BATCH, 64, 0, 0, 2},
    {"miss", MISSES, BENCH_MISSING, PLAIN, 0, 0, 0, 64},
    {"miss_call", MISSES, BENCH_MISSING, CALLS, 0, 0, 0, 2},
    {"zipf", ZIPF, BENCH_ZIPF, PLAIN, 0, 0, 0, 2},
    {"zipf_call", ZIPF, BENCH_ZIPF, CALLS, 0, 0, 0, 2},
    {"dependent", CHAINED, BENCH_UNIFORM, CHAIN, 0, 0, 2, 2},
    {"mix95", MIX_95, BENCH_UNIFORM, MIX, 57, 3, 0, 64},
    {"mix50", MIX_50, BENCH_UNIFORM, MIX, 32, 32, 1, 64},
};
#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

const char *const lookup_workload_names[] = {"hit",        "hit_call",  "zipf",       "miss",
                                             "miss_call",  "dependent", "get_many16", "get_many32",
                                             "get_many64", "mix95",     "mix50",      NULL};

/* Lookups of one table in one round, all threads together. */
#define LOOKUPS ((size_t)60 << 10)
#define LOOKUPS_QUICK ((size_t)60 << 8)
#define THREADS_MAX 64
#define FEW_THREADS 2

struct measured {
    struct bench_cell cell;
    struct bench_table *table;
    const struct workload *workload;
};

/* All that was ever measured here; cells keep their places. */
static struct measured *measured[4096];
static size_t measured_count;

/* What the group's workloads are asked in this round. */
static struct trove_oid *ids[THREADS_MAX];
static size_t id_count; /* for each thread */

/* --- one measurement ---------------------------------------------------------------------------------------------- */

static void must_be(const struct measured *it, bool right)
{
    if (!right)
        bench_die("%s, %s: a lookup went wrong", it->table->peer->name, it->workload->name);
}

static size_t run_mix(const struct measured *it, const struct bench_lane *lane,
                      struct peer_lane *view, size_t count, uint64_t *ret_sum)
{
    unsigned group = it->workload->width + it->workload->replaces;
    const struct peer_mix mix = {
        .ids = ids[lane->index],
        .count = count / group * group,
        .reads = it->workload->width,
        .replaces = it->workload->replaces,
        .first = it->table->replaced + lane->index,
        .step = lane->threads,
        .pair = bench_tables_pair,
        .context = it->table->all,
    };

    *ret_sum = it->table->peer->mix(view, &mix);
    return mix.count;
}

static uint64_t run_reads(const struct measured *it, const struct bench_lane *lane,
                          struct peer_lane *view, size_t count)
{
    const struct peer *peer = it->table->peer;
    const struct trove_oid *its = ids[lane->index];

    switch (it->workload->how) {
    case PLAIN:
        return peer->plain(view, its, count);
    case CALLS:
        return peer->calls(view, its, count);
    case CHAIN:
        return peer->chain(view, its, count);
    default:
        return peer->batch(view, its, count, it->workload->width);
    }
}

static void lane_body(struct bench_lane *lane)
{
    const struct measured *it = lane->context;
    const struct workload *workload = it->workload;
    size_t count = id_count >> workload->count_shift;
    struct peer_lane view = bench_table_enter(it->table);
    uint64_t sum;

    count -= workload->how == MIX ? 0 : count % PEER_SECTION;
    lane->waits = workload->how == MIX;
    if (workload->how != MIX)
        bench_pin(lane->index);
    bench_lane_begin(lane);
    if (workload->how == MIX)
        count = run_mix(it, lane, &view, count, &sum);
    else
        sum = run_reads(it, lane, &view, count);
    bench_lane_end(lane, count);
    bench_table_leave(it->table, &view);
    if (workload->how != MIX)
        must_be(it, sum == (workload->draw == BENCH_MISSING ? 0 : count * BENCH_OBJECT_BYTES));
    else if (lane->index == 0)
        bench_table_check_reads(it->table, sum,
                                count / (workload->width + workload->replaces) * workload->width);
}

static double measure(struct bench_cell *cell, unsigned round)
{
    struct measured *it = cell->context;
    const struct workload *workload = it->workload;
    double ns = bench_lanes(cell->threads, lane_body, it);

    (void)round;
    if (workload->how == MIX)
        it->table->replaced += (uint64_t)((id_count >> workload->count_shift) /
                                          (workload->width + workload->replaces)) *
                               workload->replaces * cell->threads;
    return ns;
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static bool applies(const struct peer *peer, const struct workload *workload)
{
    if ((peer->traits & PEER_HARDWARE) != 0 && workload->draw != BENCH_UNIFORM)
        return false;
    switch (workload->how) {
    case PLAIN:
        return peer->plain != NULL;
    case CALLS: /* where it makes a difference */
        return peer->calls != NULL && (peer->traits & PEER_SECTIONS) != 0;
    case CHAIN:
        return peer->chain != NULL;
    case BATCH:
        return peer->batch != NULL;
    default:
        return peer->mix != NULL;
    }
}

static struct measured *add_cell(struct bench_table *table, const struct workload *workload,
                                 const char *state, unsigned threads)
{
    struct measured *it = calloc(1, sizeof(*it));

    if (it == NULL || measured_count == sizeof(measured) / sizeof(measured[0]))
        bench_die("no room for so many figures");
    *it = (struct measured){
        .cell = {.impl = table->peer->name,
                 .workload = workload->name,
                 .state = state,
                 .objects = table->all->objects,
                 .threads = threads,
                 .measure = measure,
                 .context = it},
        .table = table,
        .workload = workload,
    };
    measured[measured_count++] = it;
    return it;
}

struct asked {
    const struct bench_tables *tables;
    enum bench_draw draw;
    bool mixed;
    unsigned threads;
};

static void free_ids(void)
{
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        free(ids[t]);
        ids[t] = NULL;
    }
}

static void begin_round(void *context, unsigned round)
{
    const struct asked *asked = context;
    const struct bench_tables *tables = asked->tables;

    free_ids();
    id_count = (bench_settings.quick ? LOOKUPS_QUICK : LOOKUPS) / asked->threads;
    id_count *= asked->threads > FEW_THREADS ? 2 : 1; /* they take a while to come and go */
    for (unsigned t = 0; t < asked->threads; t++) {
        ids[t] = bench_draw_ids(asked->draw, tables->present, tables->present_count, id_count + 1,
                                (round + 1) * THREADS_MAX + t);
        if (asked->mixed)
            bench_tables_mend_ids(tables, ids[t], id_count, round * THREADS_MAX + t);
    }
}

static void measure_group(struct bench_tables *tables, unsigned group, const char *state,
                          unsigned threads)
{
    struct bench_cell *cells[BENCH_TABLES_MAX * WORKLOADS];
    struct asked asked = {.tables = tables, .threads = threads};
    size_t count = 0;

    for (size_t w = 0; w < WORKLOADS; w++) {
        if (workloads[w].group != group || threads > workloads[w].threads_max)
            continue;
        asked.draw = workloads[w].draw;
        asked.mixed = workloads[w].how == MIX;
        for (size_t t = 0; t < tables->count; t++)
            if (applies(tables->table[t].peer, &workloads[w]))
                cells[count++] = &add_cell(&tables->table[t], &workloads[w], state, threads)->cell;
    }
    if (count == 0)
        return;
    bench_rounds(cells, count, begin_round, &asked);
    bench_record(cells, count);
    free_ids();
}

void lookup_measure(struct bench_tables *tables, const char *state, unsigned threads,
                    bool replacing)
{
    for (unsigned group = replacing ? MIX_95 : 0; group < (replacing ? GROUPS : MIX_95); group++)
        measure_group(tables, group, state, threads);
}

const struct bench_cell *lookup_cell(const char *impl, const char *workload, const char *state,
                                     unsigned threads)
{
    for (size_t i = 0; i < measured_count; i++) {
        const struct bench_cell *cell = &measured[i]->cell;

        if (cell->threads == threads && strcmp(cell->impl, impl) == 0 &&
            strcmp(cell->workload, workload) == 0 && strcmp(cell->state, state) == 0)
            return cell;
    }
    return NULL;
}
