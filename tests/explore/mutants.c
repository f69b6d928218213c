// SPDX-License-Identifier: MIT
/*
 * mutants.c - cases against the sources, and against each mutant of them. See edges.h.
 */
#include "edges.h"
#include "support.h"
#include <stdio.h>
#include <string.h>

#define MUTANTS_MAX 512

/* TROVE_EXPLORE_CASE and TROVE_EXPLORE_MUTANT: only what has this in its name. */
static bool is_wanted(const char *variable, const char *name)
{
    const char *part = getenv(variable);

    return part == NULL || strstr(name, part) != NULL;
}

/* Few preemptions show most. What is bounded in runs, too, is not all of what its bounds allow. */
static const struct explorer_bounds short_bounds[] = {
    {.preemptions = 1, .stale = 1},
    {.preemptions = 1, .stale = 3, .runs = 8000},
    {.preemptions = 2, .stale = 1, .runs = 8000},
    {0},
};
static const struct explorer_bounds long_bounds[] = {
    {.preemptions = 1, .stale = 1},
    {.preemptions = 2, .stale = 1},
    {.preemptions = 2, .stale = 2, .runs = 1000000},
    {.preemptions = 3, .stale = 2, .runs = 3000000},
    {0},
};

static struct explorer_result run_one(const struct explorer_case *one,
                                      struct explorer_bounds bounds)
{
    if (one->runs != 0 && !test_long())
        bounds.runs = one->runs;
    return explorer_run(one, bounds);
}

/* Runs ONE with one set of bounds after the other, until it fails. */
static struct explorer_result run_bounds(const struct explorer_case *one)
{
    const struct explorer_bounds *bounds = test_long() ? long_bounds : short_bounds;
    struct explorer_result result, all = {0};

    for (; bounds->preemptions != 0 && !all.failed; bounds++) {
        result = run_one(one, *bounds);
        result.runs += all.runs;
        all = result;
    }
    return all;
}

unsigned cases_that_fail(const struct explorer_case *cases, unsigned count)
{
    unsigned failed = 0;

    mutate(NULL);
    for (unsigned i = 0; i < count; i++) {
        struct explorer_result result;

        if (!is_wanted("TROVE_EXPLORE_CASE", cases[i].name))
            continue;
        result = run_bounds(&cases[i]);
        printf("%-52s %8lu runs%s\n", cases[i].name, result.runs,
               result.gave_up ? ", not all" : "");
        if (!result.failed)
            continue;
        printf("%s\nreplay of \"%s\":\n", result.why, result.choices);
        explorer_replay(&cases[i], result.choices);
        failed++;
    }
    return failed;
}

/* The case that kills MUTANT, or NULL. */
static const struct explorer_case *killer(const struct mutants_run *what,
                                          const struct mutant *mutant,
                                          struct explorer_result *ret_result)
{
    const struct explorer_bounds *bounds = test_long() ? long_bounds : short_bounds;

    mutate(mutant);
    for (; bounds->preemptions != 0; bounds++)
        for (unsigned i = 0; i < what->case_count; i++) {
            if (!is_wanted("TROVE_EXPLORE_CASE", what->cases[i].name))
                continue;
            *ret_result = run_one(&what->cases[i], *bounds);
            if (ret_result->failed)
                return &what->cases[i];
        }
    return NULL;
}

/* Why MUTANT is spared, or NULL. */
static const char *why_spared(const struct mutants_run *what, const struct mutant *mutant)
{
    for (const struct spared *one = what->spared; one != NULL && one->mutant != NULL; one++)
        if (strncmp(mutant->name, one->mutant, strlen(one->mutant)) == 0)
            return one->why;
    return NULL;
}

static bool survives(const struct mutants_run *what, const struct mutant *mutant)
{
    const char *why = why_spared(what, mutant);
    const struct explorer_case *by;
    struct explorer_result result;

    if (why != NULL && !test_long()) {
        printf("%-56s spared: %s\n", mutant->name, why);
        return false;
    }
    by = killer(what, mutant, &result);
    if (by != NULL)
        printf("%-56s dies in %s: %s\n", mutant->name, by->name, result.why);
    else
        printf("%-56s %s\n", mutant->name, why != NULL ? "survives, as is said" : "SURVIVES");
    return by == NULL && why == NULL;
}

unsigned mutants_that_survive(const struct mutants_run *what)
{
    static struct mutant mutants[MUTANTS_MAX];
    unsigned survivors = 0;

    for (const char *const *family = what->families; *family != NULL; family++) {
        unsigned count = what->sites ? sites_of(*family, mutants, MUTANTS_MAX)
                                     : edges_of(*family, mutants, MUTANTS_MAX);

        if (count == 0) {
            printf("%s: no such edges\n", *family);
            survivors++;
        }
        for (unsigned i = 0; i < count; i++)
            if (is_wanted("TROVE_EXPLORE_MUTANT", mutants[i].name))
                survivors += survives(what, &mutants[i]);
    }
    mutate(NULL);
    return survivors;
}
