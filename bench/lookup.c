// SPDX-License-Identifier: MIT
/*
 * lookup.c - lookups in trove beside every good alternative, and beside the hardware itself.
 *
 * Question  What does a lookup cost that hits, or misses, or waits for the one before, alone and in batches, beside
 *           replacements, in a fresh table and after ten turnovers of its contents?
 * Fixed     objects of 80 bytes, each allocated by itself in random order; 20-byte ids, different random ones each time, from an
 *           array that is read in order, the same for all in a round; the object's size is read after a hit; the same keyed
 *           hash, computed by the same function, for all that take one; the same allocator (jemalloc), everything in huge pages as
 *           far as the kernel gives them; one read section for 64 lookups (`_call`: for each).
 * Varied    implementation (bench/peers/: each says how it is configured) x workload (lookup_workloads.c) x objects x fresh or
 *           turned over x threads.
 * Method    harness.h, lanes.h. Every measurement is checked: the sum of the sizes must be that of what was asked for. Workloads
 *           that replace come last, and replace a quarter of the objects that is never looked up.
 * Options   --sizes 14,20,23  --threads 1,2  --many 16,64 (these at 2^20 only, turned over)  --turnovers 10
 *           --peers NAME,NAME...  --all-large (2^23 with all peers; with CLHT and growt in it, turning over takes more than 24 GiB)
 *           and those of harness.h
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "bench/lookup_report.h"
#include "bench/lookup_workloads.h"

#define LIST_MAX 8
struct list {
    unsigned values[LIST_MAX];
    size_t count;
};

static struct list sizes = {{14, 20, 23}, 3}, threads = {{1, 2}, 2}, many = {{16, 64}, 2};
static unsigned turnovers = 10;
static const char *peers;
static bool all_large;

#define LARGE 21 /* from 2^21 objects on */
#define MIDDLE 18
#define MANY_AT 20

static struct list list_of(const char *text)
{
    struct list list = {.count = 0};
    char *end;

    while (*text != '\0' && list.count < LIST_MAX) {
        list.values[list.count++] = (unsigned)strtoul(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
        if (end[0] != ',' && end[0] != '\0')
            bench_die("not a list of numbers: %s", end);
    }
    return list;
}

static int own_option(int argc, char **argv)
{
    if (strcmp(argv[0], "--all-large") == 0) {
        all_large = true;
        return 1;
    }
    if (argc < 2)
        return 0;
    if (strcmp(argv[0], "--sizes") == 0)
        sizes = list_of(argv[1]);
    else if (strcmp(argv[0], "--threads") == 0)
        threads = list_of(argv[1]);
    else if (strcmp(argv[0], "--many") == 0)
        many = list_of(argv[1]);
    else if (strcmp(argv[0], "--turnovers") == 0)
        turnovers = (unsigned)atoi(argv[1]);
    else if (strcmp(argv[0], "--peers") == 0)
        peers = argv[1];
    else
        return 0;
    return 2;
}

static unsigned size_log2; /* of this child */

static bool is_wanted(const struct peer *peer)
{
    if ((peer->traits & (PEER_IS_TROVE | PEER_HARDWARE)) != 0)
        return true;
    if (peers != NULL)
        return peer_is_named(peers, peer->name);
    if (size_log2 >= LARGE && !all_large && (peer->traits & PEER_LARGE) == 0)
        return false;
    return size_log2 < MIDDLE || (peer->traits & PEER_SMALL) == 0;
}

static void measure_state(struct bench_tables *tables, const char *state)
{
    bool turned = strcmp(state, "turned") == 0;
    bool with_many = turned && (size_log2 == MANY_AT || bench_settings.quick);
    struct list counts = threads;

    for (size_t i = 0; with_many && i < many.count && counts.count < LIST_MAX; i++)
        counts.values[counts.count++] = many.values[i];
    for (size_t i = 0; i < counts.count; i++)
        lookup_measure(tables, state, counts.values[i], false);
    bench_tables_settle(tables);
    for (size_t i = 0; i < counts.count; i++)
        lookup_measure(tables, state, counts.values[i], true);
    for (size_t i = 0; i < counts.count; i++)
        lookup_print_times(tables, state, counts.values[i]);
    for (size_t i = 0; i < tables->count; i++)
        if (tables->table[i].missed > 0)
            printf(
                "\n%s evicts: beside replacements up to %.1f %% of a round's lookups found nothing\n",
                tables->table[i].peer->name, tables->table[i].missed * 100);
    lookup_print_targets(tables, state);
    lookup_print_second_thread(tables, state);
}

static void print_replacing(const struct bench_tables *tables)
{
    printf(
        "\n%zu objects: nanoseconds to add one while filling, to replace one while turning over (processor time of the "
        "thread that does it)\n",
        tables->objects);
    for (size_t i = 0; i < tables->count; i++)
        if (tables->table[i].turn_ns > 0)
            printf("%-21s %6.0f %6.0f\n", tables->table[i].peer->name, tables->table[i].fill_ns,
                   tables->table[i].turn_ns);
}

/* In a process of its own: memory is as fresh for each size. */
static int measure_size(void)
{
    static struct bench_tables tables;
    double begin = bench_clock();

    if (trove__secret_draw(&peer_secret) != 0)
        bench_die("no secret");
    bench_tables_fill(&tables, (size_t)1 << size_log2, is_wanted);
    printf("\n== 2^%u objects, %zu implementations; filled after %.0f s\n", size_log2, tables.count,
           bench_clock() - begin);
    measure_state(&tables, "fresh");
    if (turnovers > 0) {
        bench_tables_turn_over(&tables, turnovers);
        print_replacing(&tables);
        measure_state(&tables, "turned");
    }
    printf("\n2^%u took %.0f s\n", size_log2, bench_clock() - begin);
    return bench_finish();
}

int main(int argc, char **argv)
{
    int status = 0;

    bench_begin("lookup", argc, argv, own_option);
    if (!peer_can_run()) {
        fprintf(stderr, "lookup: this processor lacks what the peers' hash is compiled for\n");
        return BENCH_CANNOT_RUN;
    }
    if (bench_settings.quick) {
        sizes = (struct list){{10}, 1};
        many = (struct list){{16}, 1};
        turnovers = 2;
    }
    for (size_t i = 0; i < sizes.count; i++) {
        pid_t child;
        int child_status;

        size_log2 = sizes.values[i];
        fflush(stdout);
        child = fork();
        if (child == 0)
            exit(measure_size());
        if (child < 0 || waitpid(child, &child_status, 0) != child)
            bench_die("no child");
        status = status != 0 || child_status != 0;
    }
    return status;
}
