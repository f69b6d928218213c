// SPDX-License-Identifier: MIT
/*
 * stats.c - what a run cost: one table of rows, printed as text or as one JSON object.
 */
#include "stats.h"

#include <inttypes.h>

enum row_kind { COUNT, BYTES, TIME };

struct row {
    const char *key;
    enum row_kind kind;
    uint64_t value;
};

/* The last row is a phase of the command's own, so that both forms print phases like everything else. */
#define ROWS_MAX (24 + TROVE__PHASES_MAX)

static size_t add_row(struct row *rows, size_t count, const char *key, enum row_kind kind,
                      uint64_t value)
{
    rows[count] = (struct row){.key = key, .kind = kind, .value = value};
    return count + 1;
}

static size_t git_rows(const struct trove_git_stats *git, struct row *rows, size_t n)
{
    n = add_row(rows, n, "objects_fetched", COUNT, git->pack_objects);
    n = add_row(rows, n, "bytes_fetched", BYTES, git->received_bytes);
    n = add_row(rows, n, "pack_bytes", BYTES, git->pack_bytes);
    n = add_row(rows, n, "bytes_sent", BYTES, git->sent_bytes);
    n = add_row(rows, n, "requests", COUNT, git->requests);
    n = add_row(rows, n, "round_trips", COUNT, git->round_trips);
    n = add_row(rows, n, "connections", COUNT, git->connections);
    return n;
}

/* The most memory that this program had resident at a time, or 0 where the kernel does not tell. */
static uint64_t peak_memory(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    unsigned long long kilobytes = 0;
    char line[256];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmHWM: %llu kB", &kilobytes) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    return kilobytes * 1024;
}

static size_t cache_rows(const struct trove_stats *cache, struct row *rows, size_t n)
{
    n = add_row(rows, n, "hits", COUNT, cache->hits);
    n = add_row(rows, n, "misses", COUNT, cache->misses);
    n = add_row(rows, n, "joins", COUNT, cache->joined);
    n = add_row(rows, n, "evictions", COUNT, cache->evictions);
    n = add_row(rows, n, "uncached", COUNT, cache->uncached);
    n = add_row(rows, n, "cached_objects", COUNT, cache->object_count);
    n = add_row(rows, n, "cache_bytes", BYTES, cache->used_bytes);
    n = add_row(rows, n, "peak_memory", BYTES, peak_memory());
    return n;
}

static size_t time_rows(const struct trove__tool *tool, const struct trove_git_stats *git,
                        struct row *rows, size_t n)
{
    n = add_row(rows, n, "connect_seconds", TIME, git->connect_ns);
    n = add_row(rows, n, "refs_seconds", TIME, git->refs_ns);
    n = add_row(rows, n, "wait_seconds", TIME, git->wait_ns);
    n = add_row(rows, n, "pack_seconds", TIME, git->pack_ns);
    for (size_t i = 0; i < tool->phase_count; i++)
        n = add_row(rows, n, tool->phases[i].name, TIME, tool->phases[i].ns);
    return add_row(rows, n, "total_seconds", TIME, (uint64_t)(trove_now_ns() - tool->start_ns));
}

static void print_value(FILE *out, const struct row *row)
{
    if (row->kind == TIME)
        fprintf(out, "%" PRIu64 ".%06" PRIu64, row->value / 1000000000,
                row->value % 1000000000 / 1000);
    else
        fprintf(out, "%" PRIu64, row->value);
}

static void print_json(FILE *out, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s\"%s\":", i == 0 ? "{" : ",", rows[i].key);
        print_value(out, &rows[i]);
    }
    fputs("}\n", out);
}

/* "pack_bytes" reads better as "pack bytes". */
static void print_text(FILE *out, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int width = 0;
        for (const char *c = rows[i].key; *c != '\0'; c++, width++)
            fputc(*c == '_' ? ' ' : *c, out);
        fprintf(out, ":%*s", width < 18 ? 18 - width : 1, "");
        print_value(out, &rows[i]);
        if (rows[i].kind == BYTES && rows[i].value >= 1024)
            fprintf(out, " (%.2f MiB)", (double)rows[i].value / (1024 * 1024));
        fputc('\n', out);
    }
}

void trove__stats_print(const struct trove__tool *tool, const struct trove_stats *cache, FILE *out)
{
    struct row rows[ROWS_MAX];
    struct trove_git_stats git = {0};
    size_t count;

    if (tool->git != NULL)
        trove_git_stats(tool->git, &git);
    count = git_rows(&git, rows, 0);
    count = cache_rows(cache, rows, count);
    count = time_rows(tool, &git, rows, count);
    if (tool->stats == TROVE__STATS_JSON)
        print_json(out, rows, count);
    else
        print_text(out, rows, count);
}
