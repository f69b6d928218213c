// SPDX-License-Identifier: MIT
/*
 * pages.h - huge pages under everything large that a bench has in memory, whoever mapped it.
 */
#ifndef TROVE_BENCH_PAGES_H
#define TROVE_BENCH_PAGES_H

/* Advice: where the kernel does not follow it, all implementations lie in small pages alike. */
void bench_collapse_pages(void);

#endif
