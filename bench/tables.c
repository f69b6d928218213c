// SPDX-License-Identifier: MIT
/*
 * tables.c - the tables of all peers with the same objects in them: filled, turned over, their objects replaced alike.
 */
#include "bench/tables.h"

#include <pthread.h>

#include "bench/harness.h"
#include "bench/pages.h"

struct peer_lane bench_table_enter(const struct bench_table *table)
{
    struct peer_lane lane = {.table = table->table};

    if (table->peer->enter != NULL)
        table->peer->enter(&lane);
    return lane;
}

void bench_table_leave(const struct bench_table *table, struct peer_lane *lane)
{
    if (table->peer->leave != NULL)
        table->peer->leave(lane);
}

struct bench_table *bench_table_of(struct bench_tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++)
        if (strcmp(tables->table[i].peer->name, name) == 0)
            return &tables->table[i];
    return NULL;
}

#define MISSED_MOST 0.25 /* beside replacements, of what was there when they began */

/* --- work on several tables at once ------------------------------------------------------------------------------- */

struct crew {
    struct bench_tables *tables;
    void (*work)(struct bench_table *table);
    size_t next;
    pthread_mutex_t lock;
};

static struct bench_table *take_table(struct crew *crew)
{
    struct bench_table *table = NULL;

    pthread_mutex_lock(&crew->lock);
    while (table == NULL && crew->next < crew->tables->count) {
        table = &crew->tables->table[crew->next++];
        if (table->peer->shares != NULL || (table->peer->traits & PEER_HARDWARE) != 0)
            table = NULL;
    }
    pthread_mutex_unlock(&crew->lock);
    return table;
}

static void work_along(struct bench_lane *lane)
{
    struct crew *crew = lane->context;
    struct bench_table *table;

    bench_lane_begin(lane);
    while ((table = take_table(crew)) != NULL)
        crew->work(table);
    bench_lane_end(lane, 1);
}

static void for_each_table(struct bench_tables *tables, void (*work)(struct bench_table *table))
{
    struct crew crew = {.tables = tables, .work = work, .lock = PTHREAD_MUTEX_INITIALIZER};

    bench_lanes(bench_processors(), work_along, &crew);
}

/* --- contents ----------------------------------------------------------------------------------------------------- */

void bench_tables_pair(const void *context, uint64_t k, uint64_t *ret_old, uint64_t *ret_new)
{
    const struct bench_tables *tables = context;

    *ret_old = k < tables->ring ? tables->numbers[k] : tables->fresh + k - tables->ring;
    *ret_new = tables->fresh + k;
}

/* What TABLE has at POSITION. */
static uint64_t number_at(const struct bench_table *table, size_t position)
{
    const struct bench_tables *tables = table->all;
    uint64_t old, fresh = tables->numbers[position];

    if (position < tables->ring && table->replaced > position) {
        uint64_t times = (table->replaced - 1 - position) / tables->ring;
        bench_tables_pair(tables, position + times * tables->ring, &old, &fresh);
    }
    return fresh;
}

/* What was evicted comes back, as far as there is room, and all is used. */
static void warm_table(struct bench_table *table)
{
    const struct bench_tables *tables = table->all;
    struct peer_lane lane = bench_table_enter(table);

    for (size_t i = 0; table->peer->has != NULL && i < tables->objects; i++) {
        struct trove_oid id = bench_id(tables->numbers[i]);

        if (!table->peer->has(&lane, &id))
            table->peer->add(&lane, tables->numbers[i]);
    }
    if (table->peer->warm != NULL)
        table->peer->warm(&lane, tables->numbers, tables->objects);
    bench_table_leave(table, &lane);
}

static void collect_present(struct bench_tables *tables)
{
    tables->present_count = 0;
    for (size_t i = tables->ring; i < tables->objects; i++)
        tables->present[tables->present_count++] = tables->numbers[i];
    for (size_t t = 0; t < tables->count; t++) {
        const struct bench_table *table = &tables->table[t];
        struct peer_lane lane;
        size_t kept = 0;

        if (table->peer->has == NULL)
            continue;
        lane = bench_table_enter(table);
        for (size_t i = 0; i < tables->present_count; i++) {
            struct trove_oid id = bench_id(tables->present[i]);

            tables->present[kept] = tables->present[i];
            kept += table->peer->has(&lane, &id);
        }
        tables->present_count = kept;
        bench_table_leave(table, &lane);
    }
    if (tables->present_count < tables->objects / 2)
        bench_die("only %zu of %zu objects are there", tables->present_count, tables->objects);
}

void bench_tables_mend_ids(const struct bench_tables *tables, struct trove_oid *ids, size_t count,
                           uint64_t seed)
{
    for (size_t t = 0; t < tables->count; t++) {
        const struct bench_table *table = &tables->table[t];
        struct peer_lane lane;

        if (table->peer->has == NULL)
            continue;
        lane = bench_table_enter(table);
        for (size_t i = 0; i < count; i++)
            while (!table->peer->has(&lane, &ids[i]))
                ids[i] = bench_id(tables->present[bench_mix(seed++) % tables->present_count]);
        bench_table_leave(table, &lane);
    }
}

void bench_table_check_reads(struct bench_table *table, uint64_t sum, uint64_t reads)
{
    double missed = 1 - (double)sum / ((double)reads * BENCH_OBJECT_BYTES);
    double most = (table->peer->traits & PEER_EVICTS) != 0 ? MISSED_MOST : 0;

    if (missed < 0 || missed > most)
        bench_die("%s: %.2f %% of the lookups beside replacements found nothing", table->peer->name,
                  missed * 100);
    if (missed > table->missed)
        table->missed = missed;
}

static void make_ready(struct bench_tables *tables)
{
    for_each_table(tables, warm_table);
    collect_present(tables);
}

/* --- filling ------------------------------------------------------------------------------------------------------ */

static void fill_table(struct bench_table *table)
{
    const struct bench_tables *tables = table->all;
    struct peer_lane lane;
    double begin = bench_own_clock();

    table->table = table->peer->open(tables->objects);
    lane = bench_table_enter(table);
    for (size_t i = 0; i < tables->objects; i++)
        table->peer->add(&lane, tables->numbers[i]);
    bench_table_leave(table, &lane);
    table->fill_ns = (bench_own_clock() - begin) * 1e9 / (double)tables->objects;
}

static void open_hardware(struct bench_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct bench_table *table = &tables->table[i];

        if ((table->peer->traits & PEER_HARDWARE) != 0 && table->peer->shares == NULL)
            table->table = table->peer->open(tables->objects);
    }
    for (size_t i = 0; i < tables->count; i++)
        if (tables->table[i].peer->shares != NULL)
            tables->table[i].table =
                bench_table_of(tables, tables->table[i].peer->shares->name)->table;
}

void bench_tables_fill(struct bench_tables *tables, size_t objects,
                       bool (*wanted)(const struct peer *peer))
{
    *tables = (struct bench_tables){.objects = objects, .ring = objects / 4};
    tables->numbers = malloc(objects * sizeof(uint64_t));
    tables->present = malloc(objects * sizeof(uint64_t));
    if (tables->numbers == NULL || tables->present == NULL)
        bench_die("no memory");
    for (size_t i = 0; i < objects; i++)
        tables->numbers[i] = i;
    bench_shuffle(tables->numbers, objects, 1);
    tables->fresh = objects;
    for (const struct peer *peer = peer_list; peer != NULL; peer = peer->next) {
        if (wanted != NULL && !wanted(peer))
            continue;
        if (tables->count == BENCH_TABLES_MAX)
            bench_die("too many peers");
        tables->table[tables->count++] = (struct bench_table){.peer = peer, .all = tables};
    }
    for_each_table(tables, fill_table);
    make_ready(tables);
    open_hardware(tables);
    bench_collapse_pages();
}

static void settle_table(struct bench_table *table)
{
    const struct bench_tables *tables = table->all;
    struct peer_lane lane = bench_table_enter(table);

    for (uint64_t i = 0; i < tables->ring && table->peer->replace != NULL; i++) {
        uint64_t old, fresh;

        bench_tables_pair(tables, table->replaced++, &old, &fresh);
        table->peer->replace(&lane, old, fresh);
    }
    bench_table_leave(table, &lane);
}

void bench_tables_settle(struct bench_tables *tables)
{
    for_each_table(tables, settle_table);
    collect_present(tables);
}

/* --- turning over ------------------------------------------------------------------------------------------------- */

static unsigned turnover_count;
static uint64_t turnover_begin; /* the first number that comes */

static void turn_table(struct bench_table *table)
{
    const struct bench_tables *tables = table->all;
    const struct peer *peer = table->peer;
    struct peer_lane lane = bench_table_enter(table);
    double begin = bench_own_clock();
    uint64_t n = turnover_begin;

    for (unsigned turnover = 0; turnover < turnover_count; turnover++) {
        for (size_t i = 0; i < tables->objects; i++, n++)
            (peer->turn != NULL ? peer->turn : peer->replace)(
                &lane, turnover == 0 ? number_at(table, i) : n - tables->objects, n);
        if (peer->tidy != NULL)
            peer->tidy(&lane);
    }
    bench_table_leave(table, &lane);
    table->turn_ns = (bench_own_clock() - begin) * 1e9 / (double)tables->objects / turnover_count;
}

void bench_tables_turn_over(struct bench_tables *tables, unsigned turnovers)
{
    turnover_count = turnovers;
    turnover_begin = tables->fresh + ((uint64_t)1 << 36);
    for_each_table(tables, turn_table);
    for (size_t i = 0; i < tables->objects; i++)
        tables->numbers[i] = turnover_begin + (turnovers - 1) * tables->objects + i;
    bench_shuffle(tables->numbers, tables->objects, turnover_begin);
    tables->fresh = turnover_begin + turnovers * tables->objects;
    for (size_t i = 0; i < tables->count; i++)
        tables->table[i].replaced = 0;
    make_ready(tables);
    bench_collapse_pages();
}
