// SPDX-License-Identifier: MIT
/*
 * edges.h - the labelled edges of the sources as mutants: each end of each edge weakened in turn, and each site by itself.
 *
 * The labels are read from the sources as the lint reads them, so a new edge is a new mutant without a word here.
 */
#ifndef TROVE_TESTS_EDGES_H
#define TROVE_TESTS_EDGES_H

#include "explorer.h"

/* What a mutant takes away. */
enum weakening {
    NO_RELEASE, /* release -> relaxed, acq_rel -> acquire, seq_cst -> acquire */
    NO_ACQUIRE, /* acquire -> relaxed, acq_rel -> release, seq_cst -> release; acquire fences altogether */
    NO_SEQ_CST, /* seq_cst -> acq_rel; seq_cst fences altogether */
    WEAKENINGS,
};

struct mutant {
    char name[96];
    enum weakening how;
    unsigned edge;              /* all sites of this edge, or */
    struct explored_site *site; /* this one, if not NULL */
};

/* The mutants of the edges that are listed in files of FAMILY ("table": table.c, table_find.h, ...), in RET; returns how
 * many. */
unsigned edges_of(const char *family, struct mutant *ret, unsigned max);
/* Those of single sites, whatever their label, in files whose name begins with FILE. */
unsigned sites_of(const char *file, struct mutant *ret, unsigned max);

/* From now on MUTANT is what is explored; NULL: the sources as they are. */
void mutate(const struct mutant *mutant);

/* A reading of the sources: the loads of trove__match() relaxed, as the lanes of a vector load are. The fence behind them
 * is a fence in both readings. Stays until it is set again. */
void read_lanes_relaxed(bool relaxed);

/* A mutant that no case kills, by the beginning of its name, and why. */
struct spared {
    const char *mutant, *why;
};

/* Runs CASES against each mutant of FAMILIES (ends with NULL), with more and more of bounds, until one fails; prints which
 * kills which. Returns how many survive but those of SPARED (ends with {0}; may be NULL). */
struct mutants_run {
    const struct explorer_case *cases;
    unsigned case_count;
    const char *const *families;
    const struct spared *spared;
    bool sites; /* of single sites in files of these names, instead of edges */
};
unsigned mutants_that_survive(const struct mutants_run *what);

/* Runs CASES against the sources as they are, with bounds that TROVE_LONG widens; prints runs and, after a failure, its
 * replay. Returns how many fail. */
unsigned cases_that_fail(const struct explorer_case *cases, unsigned count);

#endif
