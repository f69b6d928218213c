// SPDX-License-Identifier: MIT
/*
 * lookup_report.h - what came out, as tables to read: the times, and the ratios beside their targets.
 */
#ifndef TROVE_BENCH_LOOKUP_REPORT_H
#define TROVE_BENCH_LOOKUP_REPORT_H

#include "bench/tables.h"

void lookup_print_times(const struct bench_tables *tables, const char *state, unsigned threads);

/* The ratios that were aimed at, with one thread. */
void lookup_print_targets(const struct bench_tables *tables, const char *state);

/* What a second thread adds to the time of an operation, beside what it adds to the hardware's reads. */
void lookup_print_second_thread(const struct bench_tables *tables, const char *state);

#endif
