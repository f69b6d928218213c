// SPDX-License-Identifier: MIT
/*
 * lanes.c - the threads of a measurement: begun together, timed each, kept on processors of their own where that is wanted.
 */
#include "bench/lanes.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "bench/harness.h"

static cpu_set_t allowed; /* before anything was pinned */
static pthread_once_t allowed_once = PTHREAD_ONCE_INIT;

static void learn_allowed(void)
{
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        bench_die("sched_getaffinity");
}

unsigned bench_processors(void)
{
    pthread_once(&allowed_once, learn_allowed);
    return (unsigned)CPU_COUNT(&allowed);
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double bench_clock(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double bench_own_clock(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

void bench_pin(unsigned index)
{
    unsigned wanted = index % bench_processors();
    cpu_set_t set;

    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || wanted-- > 0)
            continue;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        /* Advice: where it is refused, the scheduler does nearly the same. */
        pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
        return;
    }
}

void bench_lane_begin(struct bench_lane *lane)
{
    pthread_barrier_wait(lane->barrier);
    lane->begin_s = bench_clock();
    lane->own_s = bench_own_clock();
}

void bench_lane_end(struct bench_lane *lane, uint64_t operations)
{
    lane->own_s = bench_own_clock() - lane->own_s;
    lane->end_s = bench_clock();
    lane->operations = operations;
}

static void *lane_main(void *context)
{
    struct bench_lane *lane = context;

    lane->body(lane);
    return NULL;
}

static double lanes_ns(const struct bench_lane *lanes, unsigned threads)
{
    double begin = lanes[0].begin_s, end = lanes[0].end_s;
    uint64_t operations = 0;
    bool waits = threads > 1;
    unsigned processors = bench_processors() < threads ? bench_processors() : threads;

    for (unsigned t = 0; t < threads; t++) {
        begin = lanes[t].begin_s < begin ? lanes[t].begin_s : begin;
        end = lanes[t].end_s > end ? lanes[t].end_s : end;
        operations += lanes[t].operations;
        waits = waits || lanes[t].waits;
    }
    return (!waits ? lanes[0].own_s : (end - begin) * processors) * 1e9 / (double)operations;
}

double bench_lanes(unsigned threads, void (*body)(struct bench_lane *lane), void *context)
{
    struct bench_lane *lanes = calloc(threads, sizeof(*lanes));
    pthread_barrier_t barrier;
    double ns;

    bench_processors();
    if (lanes == NULL || pthread_barrier_init(&barrier, NULL, threads) != 0)
        bench_die("no memory");
    for (unsigned t = 0; t < threads; t++) {
        lanes[t] = (struct bench_lane){
            .index = t, .threads = threads, .context = context, .body = body, .barrier = &barrier};
        if (pthread_create(&lanes[t].thread, NULL, lane_main, &lanes[t]) != 0)
            bench_die("no thread");
    }
    for (unsigned t = 0; t < threads; t++)
        pthread_join(lanes[t].thread, NULL);
    ns = lanes_ns(lanes, threads);
    pthread_barrier_destroy(&barrier);
    free(lanes);
    return ns;
}
