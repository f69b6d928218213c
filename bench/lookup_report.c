// SPDX-License-Identifier: MIT
/*
 * lookup_report.c - what came out, as tables to read: the times, and the ratios beside their targets.
 */
#include "bench/lookup_report.h"

#include <stdio.h>

#include "bench/harness.h"
#include "bench/lookup_workloads.h"

#define LFHT "cds_lfht memb"
#define CK_HS "ck_hs"

/* --- times -------------------------------------------------------------------------------------------------------- */

static bool was_measured(const struct bench_tables *tables, const char *workload, const char *state,
                         unsigned threads)
{
    for (size_t t = 0; t < tables->count; t++)
        if (lookup_cell(tables->table[t].peer->name, workload, state, threads) != NULL)
            return true;
    return false;
}

void lookup_print_times(const struct bench_tables *tables, const char *state, unsigned threads)
{
    char text[32];

    printf("\n%zu objects, %s, %u thread%s: nanoseconds an operation\n%-21s", tables->objects,
           state, threads, threads == 1 ? "" : "s", "");
    for (const char *const *name = lookup_workload_names; *name != NULL; name++)
        if (was_measured(tables, *name, state, threads))
            printf(" %10s", *name);
    printf("\n");
    for (size_t t = 0; t < tables->count; t++) {
        const char *impl = tables->table[t].peer->name;

        printf("%-21s", impl);
        for (const char *const *name = lookup_workload_names; *name != NULL; name++) {
            const struct bench_cell *cell = lookup_cell(impl, *name, state, threads);
            struct bench_figure figure;

            if (!was_measured(tables, *name, state, threads))
                continue;
            if (cell != NULL)
                figure = bench_figure_of(cell->ns, cell->rounds);
            printf(" %10s", cell == NULL ? "" : bench_text(&figure, 1, text));
        }
        printf("\n");
    }
}

/* --- targets ------------------------------------------------------------------------------------------------------ */

enum beside {
    BESIDE_LFHT,
    BESIDE_CK_HS,
    BESIDE_BETTER_OF_BOTH,
    BESIDE_BEST,     /* of all peers */
    BESIDE_HARDWARE, /* trove's time over the hardware's: at most */
};

static const struct target {
    const char *text, *workload;
    /* What whoever cannot do that is asked instead. */
    const char *otherwise;
    enum beside beside;
    double must, aim;
    bool in_cache; /* a target at 2^14, or beyond */
} targets[] = {
    {"hit, beside cds_lfht", "hit", NULL, BESIDE_LFHT, 2.8, 3.5, false},
    {"hit, beside ck_hs", "hit", NULL, BESIDE_CK_HS, 2.7, 3.5, false},
    {"miss, beside cds_lfht", "miss", NULL, BESIDE_LFHT, 4.5, 6, false},
    {"miss, beside ck_hs", "miss", NULL, BESIDE_CK_HS, 3.7, 6, false},
    {"hit Zipf, beside the better of the two", "zipf", NULL, BESIDE_BETTER_OF_BOTH, 1.9, 2.5,
     false},
    {"95/5 mix, beside the better of the two", "mix95", NULL, BESIDE_BETTER_OF_BOTH, 1.9, 2.5,
     false},
    {"hit, beside the best of all", "hit", NULL, BESIDE_BEST, 1.15, 1.5, false},
    {"miss, beside the best of all", "miss", NULL, BESIDE_BEST, 0.83, 1.2, false},
    {"get_many of 32, beside the best batch", "get_many32", "hit", BESIDE_BEST, 1.5, 2.5, false},
    {"time: dependent hits / hardware", "dependent", NULL, BESIDE_HARDWARE, 1.1, 1.03, false},
    {"time: independent hits / hardware", "hit", NULL, BESIDE_HARDWARE, 3.3, 2.4, false},
    {"time: get_many of 32 / hardware", "get_many32", "hit", BESIDE_HARDWARE, 2.1, 1.3, false},
    {"hit, in cache, beside cds_lfht", "hit", NULL, BESIDE_LFHT, 2.5, 3.5, true},
    {"hit, in cache, beside ck_hs", "hit", NULL, BESIDE_CK_HS, 2.5, 3.5, true},
};

/* CALL: one section per call, for those that have sections. */
static const struct bench_cell *cell_of(const char *impl, const struct target *target,
                                        const char *state, bool call)
{
    const struct bench_cell *cell = NULL;
    char name[32];

    if (call) {
        snprintf(name, sizeof(name), "%s_call", target->workload);
        cell = lookup_cell(impl, name, state, 1);
    }
    if (cell == NULL)
        cell = lookup_cell(impl, target->workload, state, 1);
    if (cell == NULL && target->otherwise != NULL)
        cell = lookup_cell(impl, target->otherwise, state, 1);
    return cell;
}

static bool may_be_chosen(const struct peer *peer, enum beside beside)
{
    switch (beside) {
    case BESIDE_LFHT:
        return strcmp(peer->name, LFHT) == 0;
    case BESIDE_CK_HS:
        return strcmp(peer->name, CK_HS) == 0;
    case BESIDE_BETTER_OF_BOTH:
        return strcmp(peer->name, LFHT) == 0 || strcmp(peer->name, CK_HS) == 0;
    case BESIDE_BEST:
        return (peer->traits & (PEER_IS_TROVE | PEER_HARDWARE)) == 0;
    default:
        return (peer->traits & PEER_HARDWARE) != 0 && peer->shares == NULL;
    }
}

/* The fastest of those that may be chosen. */
static const struct bench_cell *other_of(const struct bench_tables *tables,
                                         const struct target *target, const char *state, bool call)
{
    const struct bench_cell *best = NULL;
    double best_ns = 0;

    for (size_t t = 0; t < tables->count; t++) {
        const struct peer *peer = tables->table[t].peer;
        const struct bench_cell *cell;
        double ns;

        if (!may_be_chosen(peer, target->beside) ||
            (cell = cell_of(peer->name, target, state, call)) == NULL)
            continue;
        ns = bench_figure_of(cell->ns, cell->rounds).median;
        if (best == NULL || ns < best_ns) {
            best = cell;
            best_ns = ns;
        }
    }
    return best;
}

static const char *verdict_of(const struct target *target, double ratio)
{
    bool least = target->beside == BESIDE_HARDWARE;

    if (least ? ratio <= target->aim : ratio >= target->aim)
        return "aim";
    return (least ? ratio <= target->must : ratio >= target->must) ? "must" : "MISSED";
}

static void print_target(const struct bench_tables *tables, const struct target *target,
                         const char *state, bool call)
{
    const struct bench_cell *ours = cell_of("trove", target, state, call);
    const struct bench_cell *theirs = other_of(tables, target, state, call);
    struct bench_figure ratio;
    char text[32], around[32];

    if (ours == NULL || theirs == NULL)
        return;
    ratio =
        target->beside == BESIDE_HARDWARE ? bench_ratio(ours, theirs) : bench_ratio(theirs, ours);
    snprintf(around, sizeof(around), "%.2f to %.2f", ratio.quartile_low, ratio.quartile_high);
    printf("%-39s %-5s %7s %14s %4.0f%% %6.2f %6.2f  %-6s %s\n", target->text, call ? "call" : "64",
           bench_text(&ratio, 2, text), around, bench_spread(&ratio) * 100, target->must,
           target->aim, verdict_of(target, ratio.median), theirs->impl);
}

#define IN_CACHE ((size_t)1 << 16)

void lookup_print_targets(const struct bench_tables *tables, const char *state)
{
    printf("\n%zu objects, %s, one thread: ratios within rounds\n%-39s %-5s %7s %14s %5s %6s %6s\n",
           tables->objects, state, "", "sect.", "ratio", "quartiles", "sprd", "must", "aim");
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const struct target *target = &targets[i];
        char name[32];

        if (target->in_cache != (tables->objects <= IN_CACHE))
            continue;
        print_target(tables, target, state, false);
        snprintf(name, sizeof(name), "%s_call", target->workload);
        if (lookup_cell("trove", name, state, 1) != NULL)
            print_target(tables, target, state, true);
    }
}

void lookup_print_second_thread(const struct bench_tables *tables, const char *state)
{
    static const char *const impls[] = {"trove", LFHT, CK_HS, "hardware dependent"};

    printf("\n%zu objects, %s: an operation with two threads, over one with one thread\n",
           tables->objects, state);
    for (size_t i = 0; i < sizeof(impls) / sizeof(impls[0]); i++) {
        printf("%-21s", impls[i]);
        for (const char *const *name = lookup_workload_names; *name != NULL; name++) {
            const struct bench_cell *one = lookup_cell(impls[i], *name, state, 1);
            const struct bench_cell *two = lookup_cell(impls[i], *name, state, 2);
            struct bench_figure ratio;
            char text[32];

            if (one == NULL || two == NULL)
                continue;
            ratio = bench_ratio(two, one);
            printf(" %s %s", *name, bench_text(&ratio, 2, text));
        }
        printf("\n");
    }
}
