// SPDX-License-Identifier: MIT
/*
 * edges.c - which access carries which label, and what is weakened. See edges.h.
 *
 * A label in a comment of its own stands for the statement below it (for two, or three, where the comment says "both" or
 * "three"); one behind code for the statement that ends there.
 */
#include "edges.h"
#include "explored.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#undef memset
#undef memcpy
#undef memcmp

#define LINES_MAX 800
#define LINE_BYTES 200
#define EDGES_MAX 128
#define LABELS_MAX 1024

extern struct explored_site *__start_explored_sites[], *__stop_explored_sites[];

/* An edge is known by the first part of the names of the files it is in, and by its label. */
static struct edge {
    char family[24], label[40];
} edges[EDGES_MAX];
static unsigned edge_count;

static struct label {
    struct explored_site *site;
    unsigned edge;
} labels[LABELS_MAX];
static unsigned label_count;

static char lines[LINES_MAX][LINE_BYTES];
static bool in_comment[LINES_MAX]; /* nothing but comment */
static unsigned line_count;

static struct explored_site **sites_begin(void)
{
    return __start_explored_sites;
}

static struct explored_site **sites_end(void)
{
    return __stop_explored_sites;
}

static const char *file_name(const char *path)
{
    const char *name = strrchr(path, '/');

    return name == NULL ? path : name + 1;
}

static void family_of(const char *path, char ret[24])
{
    const char *name = file_name(path);

    snprintf(ret, 24, "%.*s", (int)strcspn(name, "_."), name);
}

static bool is_of_core(const struct explored_site *site)
{
    return strstr(site->file, "core/") != NULL && strstr(site->file, "tests/") == NULL;
}

/* --- labels ------------------------------------------------------------------------------------------------------- */

static void read_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    bool comment = false;

    line_count = 1;
    /* A compiler's cache may have made the name relative; tests run in the sources' folder. */
    if (file == NULL)
        file = fopen(strstr(path, "core/"), "r");
    if (file == NULL) {
        perror(path);
        abort();
    }
    while (line_count < LINES_MAX && fgets(lines[line_count], LINE_BYTES, file) != NULL) {
        char *start = lines[line_count] + strspn(lines[line_count], " \t");
        char *begin = strstr(start, "/*"), *end = strstr(start, "*/");

        in_comment[line_count] = comment || begin == start;
        if (begin != NULL)
            comment = true;
        if (end != NULL)
            comment = false;
        line_count++;
    }
    fclose(file);
}

/* Does a statement, or what opens a block, end in this line? */
static bool ends_statement(unsigned line)
{
    const char *comment = strstr(lines[line], "/*");
    size_t length = comment == NULL ? strlen(lines[line]) : (size_t)(comment - lines[line]);

    return !in_comment[line] &&
           (memchr(lines[line], ';', length) || memchr(lines[line], '{', length));
}

static unsigned edge_number(const char *family, const char *label)
{
    for (unsigned i = 0; i < edge_count; i++)
        if (strcmp(edges[i].family, family) == 0 && strcmp(edges[i].label, label) == 0)
            return i;
    if (edge_count == EDGES_MAX)
        abort();
    snprintf(edges[edge_count].family, sizeof(edges[0].family), "%s", family);
    snprintf(edges[edge_count].label, sizeof(edges[0].label), "%s", label);
    return edge_count++;
}

static bool has_site(const char *path, unsigned first, unsigned last)
{
    for (struct explored_site **at = sites_begin(); at < sites_end(); at++)
        if ((unsigned)(*at)->line >= first && (unsigned)(*at)->line <= last &&
            strcmp((*at)->file, path) == 0)
            return true;
    return false;
}

static void label_sites(const char *path, unsigned first, unsigned last, unsigned edge)
{
    for (struct explored_site **at = sites_begin(); at < sites_end(); at++) {
        struct explored_site *site = *at;

        if ((unsigned)site->line < first || (unsigned)site->line > last ||
            strcmp(site->file, path) != 0)
            continue;
        if (label_count == LABELS_MAX)
            abort();
        labels[label_count++] = (struct label){site, edge};
    }
}

/* The label in LINE stands for the accesses of these statements. */
static void label_statements(const char *path, unsigned line, unsigned edge)
{
    unsigned first = line, last = line, statements = 1;

    if (!in_comment[line]) {
        while (first > 1 && !ends_statement(first - 1) && !in_comment[first - 1] &&
               !has_site(path, line, line))
            first--;
        label_sites(path, first, last, edge);
        return;
    }
    if (strstr(lines[line], "both") != NULL)
        statements = 2;
    else if (strstr(lines[line], "three") != NULL)
        statements = 3;
    for (; statements > 0 && last < line_count && last < line + 24; last++)
        if (ends_statement(last) && has_site(path, first, last)) {
            statements--;
            if (statements == 0)
                break;
        }
    label_sites(path, first, last, edge);
}

static void read_labels(const char *path)
{
    char family[24], label[40];

    family_of(path, family);
    read_lines(path);
    for (unsigned line = 1; line < line_count; line++)
        for (const char *at = lines[line]; (at = strstr(at, "[E")) != NULL; at++) {
            size_t length = strcspn(at, "]");

            if (!isdigit((unsigned char)at[2]) || at[length] != ']' || length > sizeof(label))
                continue;
            snprintf(label, sizeof(label), "%.*s", (int)length - 1, at + 1);
            label_statements(path, line, edge_number(family, label));
        }
}

/* Once: every file that has a site. */
static void read_all(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    for (struct explored_site **at = sites_begin(); at < sites_end(); at++) {
        struct explored_site **before = sites_begin();

        while (before < at && strcmp((*before)->file, (*at)->file) != 0)
            before++;
        if (before == at && is_of_core(*at))
            read_labels((*at)->file);
    }
}

/* --- mutants ------------------------------------------------------------------------------------------------------ */

static int weakened(int order, enum weakening how, enum explored_kind kind)
{
    bool changes = kind != EXPLORED_LOAD && kind != EXPLORED_STORE;

    switch (how) {
    case NO_RELEASE:
        if (order == memory_order_release)
            return memory_order_relaxed;
        if (order == memory_order_acq_rel || (order == memory_order_seq_cst && changes))
            return memory_order_acquire;
        return order == memory_order_seq_cst && kind == EXPLORED_STORE ? memory_order_relaxed
                                                                       : order;
    case NO_ACQUIRE:
        if (order == memory_order_acquire)
            return memory_order_relaxed;
        if (order == memory_order_acq_rel || (order == memory_order_seq_cst && changes))
            return memory_order_release;
        return order == memory_order_seq_cst && kind == EXPLORED_LOAD ? memory_order_relaxed
                                                                      : order;
    default:
        if (order != memory_order_seq_cst)
            return order;
        if (changes)
            return memory_order_acq_rel;
        return kind == EXPLORED_LOAD ? memory_order_acquire : memory_order_release;
    }
}

static bool lanes_relaxed;

static void restore(struct explored_site *site)
{
    site->kind_now = site->kind;
    site->order_now = site->order;
    site->failure_now = site->failure;
    if (lanes_relaxed && strcmp(site->function, "trove__match") == 0)
        site->order_now = memory_order_relaxed;
}

/* What weakening does to SITE; false: nothing. */
static bool weaken(struct explored_site *site, enum weakening how)
{
    int order = weakened(site->order, how, site->kind);
    int failure = how == NO_RELEASE ? site->failure : weakened(site->failure, how, EXPLORED_LOAD);

    if (site->kind == EXPLORED_FENCE) {
        if (how == NO_RELEASE || (how == NO_ACQUIRE && site->order == memory_order_seq_cst) ||
            (how == NO_SEQ_CST && site->order != memory_order_seq_cst))
            return false;
        site->kind_now = EXPLORED_NOTHING;
        return true;
    }
    if (order == site->order && failure == site->failure)
        return false;
    site->order_now = order;
    site->failure_now = failure;
    return true;
}

static bool belongs(const struct mutant *mutant, const struct explored_site *site)
{
    /* A function in a header is one site in each file that includes it. */
    if (mutant->site != NULL)
        return site->line == mutant->site->line && site->kind == mutant->site->kind &&
               strcmp(site->file, mutant->site->file) == 0;
    for (unsigned i = 0; i < label_count; i++)
        if (labels[i].site == site && labels[i].edge == mutant->edge)
            return true;
    return false;
}

static bool apply(const struct mutant *mutant)
{
    bool changes = false;

    for (struct explored_site **at = sites_begin(); at < sites_end(); at++)
        if (belongs(mutant, *at))
            changes |= weaken(*at, mutant->how);
    return changes;
}

void mutate(const struct mutant *mutant)
{
    for (struct explored_site **at = sites_begin(); at < sites_end(); at++)
        restore(*at);
    if (mutant != NULL)
        apply(mutant);
}

void read_lanes_relaxed(bool relaxed)
{
    lanes_relaxed = relaxed;
    mutate(NULL);
}

static const char *const taken_away[] = {"without release", "without acquire", "without seq_cst"};

/* Adds MUTANT in all the ways that change anything. */
static unsigned add_ways(struct mutant mutant, const char *name, struct mutant *ret, unsigned count,
                         unsigned max)
{
    for (unsigned how = 0; how < WEAKENINGS; how++) {
        mutant.how = (enum weakening)how;
        mutate(NULL);
        if (!apply(&mutant))
            continue;
        if (count == max)
            abort();
        ret[count] = mutant;
        snprintf(ret[count].name, sizeof(ret[count].name), "%s %s", name, taken_away[how]);
        count++;
    }
    mutate(NULL);
    return count;
}

unsigned edges_of(const char *family, struct mutant *ret, unsigned max)
{
    unsigned count = 0;

    read_all();
    for (unsigned i = 0; i < edge_count; i++) {
        char name[80];

        if (strcmp(edges[i].family, family) != 0)
            continue;
        snprintf(name, sizeof(name), "%s: %s,", family, edges[i].label);
        count = add_ways((struct mutant){.edge = i}, name, ret, count, max);
    }
    return count;
}

unsigned sites_of(const char *file, struct mutant *ret, unsigned max)
{
    unsigned count = 0;

    read_all();
    for (struct explored_site **at = sites_begin(); at < sites_end(); at++) {
        struct mutant mutant = {.site = *at};
        struct explored_site **before = sites_begin();
        char name[80];

        while (before < at && !belongs(&mutant, *before))
            before++;
        if (before < at || !is_of_core(*at) ||
            strncmp(file_name((*at)->file), file, strlen(file)) != 0)
            continue;
        snprintf(name, sizeof(name), "%s() line %d,", (*at)->function, (*at)->line);
        count = add_ways(mutant, name, ret, count, max);
    }
    return count;
}
