// SPDX-License-Identifier: MIT
/*
 * lookup_workloads.h - what is asked of each table: the workloads, their groups, and one measurement of one of them.
 */
#ifndef TROVE_BENCH_LOOKUP_WORKLOADS_H
#define TROVE_BENCH_LOOKUP_WORKLOADS_H

#include "bench/harness.h"
#include "bench/tables.h"

/* Measures with THREADS threads the workloads that only read, or those that replace as well, interleaved within groups, and
 * records them. What replaces comes after all that only reads: trove may evict what is asked for then. STATE is "fresh" or
 * "turned". */
void lookup_measure(struct bench_tables *tables, const char *state, unsigned threads,
                    bool replacing);

/* What was measured: the cell, or NULL. It stays until the process ends. */
const struct bench_cell *lookup_cell(const char *impl, const char *workload, const char *state,
                                     unsigned threads);

/* The workloads that stand beside each other in the tables, in order, NULL at the end. */
extern const char *const lookup_workload_names[];

#endif
