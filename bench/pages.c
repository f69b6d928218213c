// SPDX-License-Identifier: MIT
/*
 * pages.c - huge pages under everything large that a bench has in memory, whoever mapped it.
 */
#include "bench/pages.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif
#define HUGE_PAGE (2ul << 20)

void bench_collapse_pages(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        char access[5];

        if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3 || strchr(line, '/') != NULL ||
            strcmp(access, "rw-p") != 0 || to - from < HUGE_PAGE)
            continue;
        for (from = (from + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1); from + HUGE_PAGE <= to;
             from += HUGE_PAGE) {
            madvise((void *)from, HUGE_PAGE, MADV_HUGEPAGE);
            madvise((void *)from, HUGE_PAGE, MADV_COLLAPSE);
        }
    }
    if (maps != NULL)
        fclose(maps);
}
