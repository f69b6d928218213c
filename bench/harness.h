// SPDX-License-Identifier: MIT
/*
 * harness.h - what all benches share: rounds, figures with their spread, lines of bench-results.jsonl.
 *
 * A cell is one figure that is wanted: nanoseconds an operation of one implementation under one workload. bench_rounds() takes
 * each cell of a group once a round, in turn, beginning with another one each time, after a dummy run, because whoever comes
 * first in a round pays for all. Cells of one group can be compared: bench_ratio() takes the ratio within each round, and of
 * these the median and the quartiles. Its spread is the distance between the quartiles over the median; figures with more
 * than 15 % are marked with `~`, and bench_finish() says so.
 *
 *     struct bench_cell cell = {.impl = "trove", .workload = "hit", .state = "fresh", .objects = n, .threads = 1,
 *                               .measure = run_it, .context = &what_it_needs};
 *     bench_begin("lookup", argc, argv, own_option);
 *     bench_rounds(cells, count, NULL, NULL);
 *     bench_record(cells, count);
 *     return bench_finish();
 */
#ifndef TROVE_BENCH_HARNESS_H
#define TROVE_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ROUNDS_MAX 101
#define BENCH_SPREAD_MAX 0.15
#define BENCH_CANNOT_RUN 77 /* exit status: ctest skips the test */

struct bench_cell {
    const char *impl, *workload, *state;
    uint64_t objects;
    unsigned threads;
    /* Nanoseconds an operation; checks what came out, and calls bench_die() when it is wrong. */
    double (*measure)(struct bench_cell *cell, unsigned round);
    void *context;
    unsigned rounds; /* how many of the following are there */
    double ns[BENCH_ROUNDS_MAX];
};

/* A median with what lies around it. */
struct bench_figure {
    double median, quartile_low, quartile_high, min, max;
};

/* What the command line said: --rounds N, --quick, --json FILE. */
struct bench_settings {
    const char *bench; /* the family's name in each line of results */
    unsigned rounds;
    bool quick; /* does it work? The figures say nothing */
};
extern struct bench_settings bench_settings;

/* Reads the options. OWN (may be NULL) is asked for each that is not the harness's: it returns how many arguments it took, 0
 * for an option that it does not know either. Lines of results are appended to --json FILE, else to $BENCH_RESULTS, if set. */
void bench_begin(const char *bench, int argc, char **argv, int (*own)(int argc, char **argv));

/* Measures every cell once in each of bench_settings.rounds rounds. BEGIN_ROUND (may be NULL) comes before each. */
void bench_rounds(struct bench_cell *const cells[], size_t count,
                  void (*begin_round)(void *context, unsigned round), void *context);

/* One line of results for each cell. */
void bench_record(struct bench_cell *const cells[], size_t count);

/* Median and quartiles of VALUES, which stay as they are. */
struct bench_figure bench_figure_of(const double *values, unsigned count);

/* The time of ABOVE over that of BELOW, within rounds: how many times as fast BELOW is. */
struct bench_figure bench_ratio(const struct bench_cell *above, const struct bench_cell *below);

/* The quartiles' distance over the median. */
double bench_spread(const struct bench_figure *figure);

/* `2.85` or, where it spreads too much, `2.85~`, into TEXT; remembers that there was such a figure. */
const char *bench_text(const struct bench_figure *figure, int decimals, char text[32]);

/* Says what `~` means if there was one. The exit status. */
int bench_finish(void);

/* The run is void. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *format, ...);

#endif
