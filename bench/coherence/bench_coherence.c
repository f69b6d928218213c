// SPDX-License-Identifier: MIT
/*
 * bench_coherence.c - how many coherence misses an operation costs when 1 to 128 threads do it, each on a core of its own.
 *
 * Question  Does a lookup cost more the more threads do it? On two cores that cannot be timed; but it can be counted: what
 *           makes a lookup slower on many cores is lines that another core has written, or wants to write.
 * Fixed     4,096 objects. Each thread does operations of its own random sequence; all threads' accesses are woven into one
 *           another, at each step one access of a thread that is drawn by lot, all with the same seed in each run. A read
 *           section for each operation. One grace period for each 1,000 operations of a thread: trove has at most one a
 *           millisecond, in which a thread does ten times as many or more, so this counts too much of them.
 * Varied    trove (its code, recorded: subject_trove.c) and what other kinds of caches cannot do without (patterns.c); lookups
 *           that hit, uniform and Zipf 0.99; the same with 5 % of objects replaced (trove: new ones put, old ones evicted);
 *           1 to 128 threads.
 * Method    A directory of MESI states with caches that never get full (mesi.h). Counted are coherence misses, not a cache's
 *           first look at a line. Beside it, the hottest line: how often that one moved, while each thread did one operation.
 *           Such moves come one after the other, so where this grows with the threads, they wait for each other.
 * Leaves out time, and everything that is about time: bandwidth, distances between cores and sockets (NUMA), store buffers,
 *           prefetchers, the size of caches; hyperthreads that share one; retries, because each operation was recorded alone;
 *           the allocator and the kernel.
 * Checks    The figures that must grow must grow, and trove's must not, or the run fails: without grace periods warm lookups
 *           have none at all.
 *
 *     bench_coherence [--quick] [--json FILE]      $BENCH_RESULTS is the default of FILE
 */
#include "accesses.h"
#include "bench/keys.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 4096
#define TURN 8 /* operations that a thread records before the next thread does */
#define GRACE_EVERY 1000
#define GRACE_MISSES 6.0 /* of a thread, at most */
#define REPLACE_PERCENT 5
#define ZIPF 0.99
#define COUNTS_MAX 8

static unsigned thread_counts[COUNTS_MAX] = {1, 2, 4, 8, 16, 32, 64, 128};
static unsigned count_count = COUNTS_MAX;
static uint64_t ops_per_thread = 2000;
static const char *results_path;

/* --- operations --------------------------------------------------------------------------------------------------- */

static double zipf_below[KEYS]; /* how often a key up to this one is drawn */

static uint64_t draw(uint64_t *state)
{
    return bench_mix(*state += 0x9e3779b97f4a7c15);
}

static void prepare_zipf(void)
{
    double sum = 0;

    for (unsigned i = 0; i < KEYS; i++)
        zipf_below[i] = sum += 1 / pow(i + 1, ZIPF);
    for (unsigned i = 0; i < KEYS; i++)
        zipf_below[i] /= sum;
}

static uint32_t zipf_key(uint64_t *state)
{
    double wanted = (double)(draw(state) >> 11) / (double)((uint64_t)1 << 53);
    unsigned low = 0, high = KEYS - 1;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (zipf_below[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low * 2654435761u % KEYS; /* neighbours in rank are none in memory */
}

struct workload {
    const char *name;
    bool zipf, replaces, grace;
};
static const struct workload workloads[] = {
    {"hit uniform", false, false, false},
    {"hit zipf", true, false, false},
    {"hit zipf, grace periods", true, false, true},
    {"95/5 zipf", true, true, true},
};

static struct op draw_op(const struct workload *workload, uint64_t *state)
{
    struct op op = {.kind = OP_GET};

    if (workload->replaces && draw(state) % 100 < REPLACE_PERCENT)
        op.kind = OP_REPLACE;
    op.key = workload->zipf ? zipf_key(state) : (uint32_t)(draw(state) % KEYS);
    return op;
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

struct result {
    double misses;            /* coherence misses an operation */
    double hottest;           /* of the line that had most, while each thread does one operation */
    const char *hottest_name; /* NULL: not known */
    double accesses;          /* an operation */
};

/* Threads 0 to THREADS - 1, and the reclaimer's last. */
static void weave(struct mesi *mesi, struct trace *traces, unsigned threads, uint64_t *state)
{
    size_t next[TRACE_THREADS_MAX + 1] = {0};
    unsigned busy[TRACE_THREADS_MAX + 1], count = 0;

    for (unsigned t = 0; t <= threads; t++)
        if (traces[t].count > 0)
            busy[count++] = t;
    while (count > 0) {
        unsigned i = (unsigned)(draw(state) % count), t = busy[i];
        struct trace_access access = traces[t].at[next[t]++];

        mesi_access(mesi, t, access.line, access.access);
        if (next[t] == traces[t].count) {
            traces[t].count = 0;
            busy[i] = busy[--count];
        }
    }
}

static bool is_grace_due(const struct subject *subject, const struct workload *workload,
                         uint64_t turn)
{
    if (!workload->grace || subject->grace == NULL)
        return false;
    return (turn + 1) % (GRACE_EVERY / TURN) == 0 ||
           (subject->hurries != NULL && subject->hurries());
}

static struct result simulate(const struct subject *subject, const struct workload *workload,
                              unsigned threads)
{
    static struct trace traces[TRACE_THREADS_MAX + 1];
    static uint64_t states[TRACE_THREADS_MAX];
    struct mesi *mesi = mesi_create(threads + 1);
    uint64_t lot = 1, turns = ops_per_thread / TURN;
    struct mesi_counts counts;
    const char *name;

    subject->begin(threads, KEYS);
    for (unsigned t = 0; t < threads; t++)
        states[t] = (uint64_t)t << 32 | 42;
    for (uint64_t turn = 0; turn < turns; turn++) {
        struct op ops[TURN];

        for (unsigned t = 0; t < threads; t++) {
            for (unsigned i = 0; i < TURN; i++)
                ops[i] = draw_op(workload, &states[t]);
            subject->act(t, ops, TURN, &traces[t]);
        }
        if (is_grace_due(subject, workload, turn))
            subject->grace(&traces[threads]);
        weave(mesi, traces, threads, &lot);
    }
    counts = mesi_counts(mesi);
    name = subject->name_of != NULL && counts.hottest > 0 ? subject->name_of(counts.hottest_line)
                                                          : NULL;
    subject->end();
    mesi_destroy(mesi);
    return (struct result){
        .misses = (double)counts.coherence / (double)(turns * TURN * threads),
        .hottest = (double)counts.hottest / (double)(turns * TURN),
        .hottest_name = name,
        .accesses = (double)counts.accesses / (double)(turns * TURN * threads),
    };
}

/* --- what must come out ------------------------------------------------------------------------------------------- */

static bool failed;

static void expect(bool holds, const struct subject *subject, const struct workload *workload,
                   const char *what)
{
    if (holds)
        return;
    printf("FAILED: %s, %s: %s\n", subject->name, workload->name, what);
    failed = true;
}

static bool grows(const struct result *results, double factor)
{
    for (unsigned i = 1; i < count_count; i++)
        if (results[i].misses <= results[i - 1].misses)
            return false;
    return results[0].misses < 0.01 && results[count_count - 1].misses > factor * results[1].misses;
}

/* Between two looks of the evictor a lookup costs nothing, however many threads there are. A grace period costs a reader at
 * most the phase once and its own word twice, and the reclaimer each reader's word twice. */
static void judge(const struct subject *subject, const struct workload *workload,
                  const struct result *results)
{
    const struct result *last = &results[count_count - 1];
    bool locks = subject == &pattern_rwlock || subject == &pattern_bucket_lock;

    if (locks)
        expect(grows(results, 1.2), subject, workload,
               "does not grow with the threads; the model is wrong");
    if (subject == &pattern_rwlock)
        expect(last->hottest > thread_counts[count_count - 1], subject, workload,
               "its word does not move at each operation; the model is wrong");
    if (subject != &subject_trove)
        return;
    /* The secret, the view, the bucket, the object, and two stores of the reader's word, at the least. */
    expect(results[0].accesses > 6, subject, workload, "was not recorded");
    if (workload->replaces) {
        expect(results[1].misses > 0, subject, workload, "puts are not seen");
        return;
    }
    for (unsigned i = 0; i < count_count; i++)
        expect(workload->grace ? results[i].misses <= GRACE_MISSES / GRACE_EVERY
                               : results[i].misses == 0,
               subject, workload, "warm lookups touch what others write");
    expect((last->misses > 0) == workload->grace, subject, workload, "grace periods are not seen");
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static void record(const struct subject *subject, const struct workload *workload,
                   const struct result *results)
{
    FILE *file = results_path == NULL ? NULL : fopen(results_path, "a");

    if (file == NULL)
        return;
    for (unsigned i = 0; i < count_count; i++)
        fprintf(file,
                "{\"bench\":\"coherence\",\"impl\":\"%s\",\"objects\":%d,\"threads\":%u,"
                "\"workload\":\"%s\",\"misses_per_op\":%.5f,\"hottest_line\":%.5f,"
                "\"accesses_per_op\":%.1f}\n",
                subject->name, KEYS, thread_counts[i], workload->name, results[i].misses,
                results[i].hottest, results[i].accesses);
    fclose(file);
}

static void print_row(const char *name, const struct result *results, bool hottest)
{
    printf("| %-12s |", name);
    for (unsigned i = 0; i < count_count; i++)
        printf(hottest ? " %6.2f |" : " %6.4f |", hottest ? results[i].hottest : results[i].misses);
    printf("\n");
}

static void print_head(const char *what)
{
    printf("\n%s\n\n| %-12s |", what, "threads");
    for (unsigned i = 0; i < count_count; i++)
        printf(" %6u |", thread_counts[i]);
    printf("\n| --- |");
    for (unsigned i = 0; i < count_count; i++)
        printf(" ---: |");
    printf("\n");
}

static void run_workload(const struct workload *workload)
{
    static const struct subject *const subjects[] = {
        &subject_trove, &pattern_chain, &pattern_refcount, &pattern_bucket_lock, &pattern_rwlock,
    };
    enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };
    static struct result results[SUBJECTS][COUNTS_MAX];
    char head[100];

    for (unsigned s = 0; s < SUBJECTS; s++) {
        for (unsigned i = 0; i < count_count; i++)
            results[s][i] = simulate(subjects[s], workload, thread_counts[i]);
        record(subjects[s], workload, results[s]);
    }
    snprintf(head, sizeof(head), "%s: coherence misses an operation", workload->name);
    print_head(head);
    for (unsigned s = 0; s < SUBJECTS; s++)
        print_row(subjects[s]->name, results[s], false);
    snprintf(head, sizeof(head),
             "%s: moves of the hottest line, while each thread does one operation", workload->name);
    print_head(head);
    for (unsigned s = 0; s < SUBJECTS; s++)
        print_row(subjects[s]->name, results[s], true);
    for (unsigned s = 0; s < SUBJECTS; s++)
        if (results[s][count_count - 1].hottest_name != NULL)
            printf("\nThe hottest line of %s with %u threads: %s\n", subjects[s]->name,
                   thread_counts[count_count - 1], results[s][count_count - 1].hottest_name);
    for (unsigned s = 0; s < SUBJECTS; s++)
        judge(subjects[s], workload, results[s]);
}

static void read_arguments(int argc, char **argv)
{
    results_path = getenv("BENCH_RESULTS");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            static const unsigned few[] = {1, 2, 8, 32};

            memcpy(thread_counts, few, sizeof(few));
            count_count = 4;
            ops_per_thread = 1000;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            results_path = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_coherence [--quick] [--json FILE]\n");
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    prepare_zipf();
    for (unsigned w = 0; w < sizeof(workloads) / sizeof(workloads[0]); w++)
        run_workload(&workloads[w]);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
