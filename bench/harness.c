// SPDX-License-Identifier: MIT
/*
 * harness.c - rounds, figures with their spread, lines of bench-results.jsonl.
 */
#include "bench/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_settings bench_settings = {.rounds = 11};

static const char *results_path;
static unsigned figures, wide_figures;

void bench_die(const char *format, ...)
{
    va_list list;

    fflush(stdout);
    fprintf(stderr, "bench %s: ", bench_settings.bench);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

static int harness_option(int argc, char **argv)
{
    if (strcmp(argv[0], "--quick") == 0) {
        bench_settings.quick = true;
        bench_settings.rounds = 1;
        return 1;
    }
    if (argc < 2)
        return 0;
    if (strcmp(argv[0], "--rounds") == 0)
        bench_settings.rounds = (unsigned)atoi(argv[1]);
    else if (strcmp(argv[0], "--json") == 0)
        results_path = argv[1];
    else
        return 0;
    return 2;
}

void bench_begin(const char *bench, int argc, char **argv, int (*own)(int argc, char **argv))
{
    bench_settings.bench = bench;
    results_path = getenv("BENCH_RESULTS");
    for (int i = 1; i < argc;) {
        int taken = harness_option(argc - i, argv + i);

        if (taken == 0 && own != NULL)
            taken = own(argc - i, argv + i);
        if (taken == 0)
            bench_die("unknown option %s (what there is stands at the top of its source)", argv[i]);
        i += taken;
    }
    if (bench_settings.rounds < 1 || bench_settings.rounds > BENCH_ROUNDS_MAX)
        bench_die("rounds are 1 to %d", BENCH_ROUNDS_MAX);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

void bench_rounds(struct bench_cell *const cells[], size_t count,
                  void (*begin_round)(void *context, unsigned round), void *context)
{
    for (unsigned r = 0; r < bench_settings.rounds; r++) {
        if (begin_round != NULL)
            begin_round(context, r);
        cells[r % count]->measure(cells[r % count], r); /* the dummy */
        for (size_t i = 0; i < count; i++) {
            struct bench_cell *cell = cells[(r + i) % count];

            cell->ns[r] = cell->measure(cell, r);
            cell->rounds = r + 1;
        }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct bench_figure bench_figure_of(const double *values, unsigned count)
{
    double sorted[BENCH_ROUNDS_MAX];

    if (count == 0 || count > BENCH_ROUNDS_MAX)
        bench_die("no figure of %u rounds", count);
    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), compare);
    return (struct bench_figure){
        .median =
            count % 2 != 0 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2,
        .quartile_low = sorted[count / 4],
        .quartile_high = sorted[count - 1 - count / 4],
        .min = sorted[0],
        .max = sorted[count - 1],
    };
}

struct bench_figure bench_ratio(const struct bench_cell *above, const struct bench_cell *below)
{
    double ratios[BENCH_ROUNDS_MAX];

    if (above->rounds != below->rounds)
        bench_die("%s and %s were not measured in the same rounds", above->impl, below->impl);
    for (unsigned r = 0; r < above->rounds; r++)
        ratios[r] = above->ns[r] / below->ns[r];
    return bench_figure_of(ratios, above->rounds);
}

double bench_spread(const struct bench_figure *figure)
{
    return (figure->quartile_high - figure->quartile_low) / figure->median;
}

const char *bench_text(const struct bench_figure *figure, int decimals, char text[32])
{
    bool wide = bench_spread(figure) > BENCH_SPREAD_MAX;

    figures++;
    wide_figures += wide;
    snprintf(text, 32, "%.*f%s", decimals, figure->median, wide ? "~" : "");
    return text;
}

void bench_record(struct bench_cell *const cells[], size_t count)
{
    FILE *file = results_path == NULL ? NULL : fopen(results_path, "a");

    if (file == NULL && results_path != NULL)
        bench_die("cannot write %s", results_path);
    for (size_t i = 0; file != NULL && i < count; i++) {
        const struct bench_cell *cell = cells[i];
        struct bench_figure figure = bench_figure_of(cell->ns, cell->rounds);

        fprintf(file,
                "{\"bench\":\"%s\",\"impl\":\"%s\",\"objects\":%llu,\"threads\":%u,"
                "\"workload\":\"%s\",\"state\":\"%s\",\"median_ns\":%.2f,\"min_ns\":%.2f,"
                "\"max_ns\":%.2f}\n",
                bench_settings.bench, cell->impl, (unsigned long long)cell->objects, cell->threads,
                cell->workload, cell->state, figure.median, figure.min, figure.max);
    }
    if (file != NULL && fclose(file) != 0)
        bench_die("cannot write %s", results_path);
}

int bench_finish(void)
{
    if (wide_figures > 0)
        printf(
            "\n~ %u of %u figures: the quartiles of the rounds lie more than %.0f %% apart. Something "
            "else ran, or the figure is not steady.\n",
            wide_figures, figures, BENCH_SPREAD_MAX * 100);
    return 0;
}
