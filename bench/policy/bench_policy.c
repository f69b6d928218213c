// SPDX-License-Identifier: MIT
/*
 * bench_policy.c - what stays cached: trove's policy beside LRU, CLOCK, SIEVE, S3-FIFO, LFU and Belady's optimum.
 *
 * Question  Of the requests of a trace, how many miss, in objects and in bytes, and how many bytes come again, when the cache
 *           is 0.1 to 20 % of the footprint (the sum of what all objects of the trace take)? How many of these are commits
 *           or trees, each a round trip before what it names can be asked for?
 * Fixed     Objects weigh what the allocator gives them, trove's header included, for all policies. The capacity is for objects
 *           alone; the row "trove, all" gives trove that capacity as max_bytes, with table, queues, ghosts and what waits
 *           for a grace period inside.
 * Varied    policy x trace x capacity. Traces: synthetic ones, or (--held-out) others that no rule was chosen with; files in
 *           folders (--traces), recorded by record_traces.py.
 * Method    trace_replay.h. Nothing depends on time or chance: one run is enough.
 *
 *   bench_policy [--traces FOLDER]... [--csv COLUMNS] [--only PART-OF-A-NAME] [--percent P[,P]...] [--json FILE] [--quick]
 *                [--trove] [--held-out]
 */
#include "trace_replay.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDERS_MAX 16
#define PERCENTS_MAX 16
#define SCALE 1000000
#define QUICK_SCALE 20000

static const struct reference *const references[] = {
    &reference_lru,    &reference_clock, &reference_sieve,
    &reference_s3fifo, &reference_lfu,   &reference_belady,
};
#define REFERENCES (sizeof(references) / sizeof(references[0]))

static struct {
    const char *folders[FOLDERS_MAX];
    unsigned folder_count;
    const char *only;
    double percents[PERCENTS_MAX];
    unsigned percent_count;
    FILE *json;
    bool quick, trove_only, held_out;
    struct trace_columns columns;
} options = {.columns = TRACE_COLUMNS_DEFAULT, .percents = {.1, 1, 5, 10, 20}, .percent_count = 5};

/* --- one line ----------------------------------------------------------------------------------------------------- */

static double object_miss(const struct replay_result *result)
{
    return (double)result->misses / (double)result->requests;
}

static double byte_miss(const struct replay_result *result)
{
    return result->bytes == 0 ? 0 : (double)result->missed_bytes / (double)result->bytes;
}

static void tell(const struct trace *trace, double percent, const char *name,
                 const struct replay_result *result)
{
    printf("  %5.1f  %-10s %8.4f %8.4f %14lu %10lu %13lu\n", percent, name, object_miss(result),
           byte_miss(result), result->refetched_bytes, result->refetched, result->refetched_links);
    fflush(stdout);
    if (options.json == NULL)
        return;
    fprintf(options.json,
            "{\"bench\":\"policy\",\"impl\":\"%s\",\"trace\":\"%s\",\"cache_percent\":%g,"
            "\"object_miss\":%.6f,\"byte_miss\":%.6f,\"refetched_bytes\":%lu,"
            "\"refetched_round_trips\":%lu}\n",
            name, trace->name, percent, object_miss(result), byte_miss(result),
            result->refetched_bytes, result->refetched_links);
}

/* --- the target --------------------------------------------------------------------------------------------------- */

/* Of two miss ratios, how much the first is above the second, in per cent of the second. */
static double above(const struct replay_result *a, const struct replay_result *b)
{
    return b->misses == 0 ? (a->misses == 0 ? 0 : 100)
                          : 100 * ((double)a->misses - (double)b->misses) / (double)b->misses;
}

static struct {
    unsigned cells, worse_than_s3fifo, worse_than_lru;
} verdict;

static void judge(const struct replay_result *trove, const struct replay_result *results)
{
    double lru = above(trove, &results[0]), s3fifo = above(trove, &results[3]);

    printf("         misses beside S3-FIFO %+.2f %%, LRU %+.2f %%%s\n", s3fifo, lru,
           s3fifo > 1 || lru > 1 ? "   <-- above 1 %" : "");
    verdict.cells++;
    verdict.worse_than_s3fifo += s3fifo > 1;
    verdict.worse_than_lru += lru > 1;
}

/* --- one trace ---------------------------------------------------------------------------------------------------- */

static void run_percent(const struct trace *trace, double percent)
{
    uint64_t capacity = (uint64_t)((double)trace->footprint * percent / 100);
    struct replay_result results[REFERENCES], trove, all;

    if (replay_trove(trace, capacity, false, &trove) < 0)
        return;
    tell(trace, percent, "trove", &trove);
    if (!options.trove_only && replay_trove(trace, capacity, true, &all) == 0)
        tell(trace, percent, "trove, all", &all);
    for (unsigned i = 0; i < REFERENCES; i++) {
        if (options.trove_only && references[i] != &reference_lru &&
            references[i] != &reference_s3fifo)
            continue;
        results[i] = replay_reference(references[i], trace, capacity);
        tell(trace, percent, references[i]->name, &results[i]);
    }
    judge(&trove, results);
}

static void run(const struct trace *trace)
{
    if (options.only != NULL && strstr(trace->name, options.only) == NULL)
        return;
    printf("\n%s: %zu requests, %u objects, footprint %.1f MB\n", trace->name, trace->request_count,
           trace->object_count, (double)trace->footprint / 1e6);
    printf("      %%  policy      objects    bytes  fetched again    objects  round trips\n");
    for (unsigned i = 0; i < options.percent_count; i++)
        run_percent(trace, options.percents[i]);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool run_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_file, alphasort);
    bool good = count >= 0;

    if (!good)
        perror(folder);
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct trace trace;

        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        trace_init(&trace, entries[i]->d_name);
        if (options.only != NULL && strstr(entries[i]->d_name, options.only) == NULL)
            ;
        else if (trace_load(&trace, path, &options.columns) == 0)
            run(&trace);
        else
            good = false;
        trace_free(&trace);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return good;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static bool parse_percents(const char *text)
{
    for (options.percent_count = 0; options.percent_count < PERCENTS_MAX; text++) {
        char *end;
        double percent = strtod(text, &end);

        if (end == text || !(percent > 0 && percent <= 100))
            return false;
        options.percents[options.percent_count++] = percent;
        if (*end == 0)
            return true;
        text = end;
    }
    return false;
}

static bool parse_option(const char *name, const char *value)
{
    if (strcmp(name, "--only") == 0)
        options.only = value;
    else if (strcmp(name, "--percent") == 0)
        return parse_percents(value);
    else if (strcmp(name, "--csv") == 0)
        return trace_columns_parse(&options.columns, value) == 0;
    else if (strcmp(name, "--json") == 0)
        return (options.json = fopen(value, "a")) != NULL;
    else if (strcmp(name, "--traces") == 0 && options.folder_count < FOLDERS_MAX)
        options.folders[options.folder_count++] = value;
    else
        return false;
    return true;
}

static bool parse_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--quick") == 0)
            options.quick = true;
        else if (strcmp(argv[i], "--held-out") == 0)
            options.held_out = true;
        else if (strcmp(argv[i], "--trove") == 0)
            options.trove_only = true;
        else if (i + 1 == argc || !parse_option(argv[i], argv[i + 1]))
            return false;
        else
            i++;
    return true;
}

int main(int argc, char **argv)
{
    struct trace trace;
    bool good = true;

    if (!parse_options(argc, argv)) {
        fprintf(stderr, "usage: bench_policy [--traces FOLDER]... [--csv COLUMNS] [--only TEXT] "
                        "[--percent P[,P]...] [--json FILE] [--quick] [--trove] [--held-out]\n");
        return 2;
    }
    for (unsigned i = 0; i < options.folder_count; i++)
        good = run_folder(options.folders[i]) && good;
    for (unsigned i = 0; options.held_out && trace_held_out(&trace, i); i++) {
        run(&trace);
        trace_free(&trace);
    }
    for (unsigned i = 0;
         !options.held_out && trace_synthetic(&trace, i, options.quick ? QUICK_SCALE : SCALE);
         i++) {
        run(&trace);
        trace_free(&trace);
    }
    printf("\n%u traces and sizes: above S3-FIFO by more than 1 %%: %u, above LRU: %u\n",
           verdict.cells, verdict.worse_than_s3fifo, verdict.worse_than_lru);
    if (options.json != NULL && fclose(options.json) != 0)
        good = false;
    return good ? 0 : 1;
}
