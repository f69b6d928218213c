// SPDX-License-Identifier: MIT
/*
 * lanes.h - the threads of a measurement: pinned in turn to the processors, begun together, timed each.
 *
 * What an operation takes is, with one thread, its own processor time: what other programs take of the machine is not counted
 * (what they take of its caches is). With more threads it is the time from the first begin to the last end, times the
 * processors that the threads can have, over the operations of all: waiting for a lock counts then, as it must.
 */
#ifndef TROVE_BENCH_LANES_H
#define TROVE_BENCH_LANES_H

#include <pthread.h>
#include <stdint.h>

struct bench_lane {
    unsigned index, threads;
    void *context;
    uint64_t operations; /* set by the body */
    /* the harness's own */
    void (*body)(struct bench_lane *lane);
    pthread_t thread;
    pthread_barrier_t *barrier;
    double begin_s, end_s, own_s;
};

/* How many processors this process may use. */
unsigned bench_processors(void);

/* Seconds: of the world, and of this thread alone. */
double bench_clock(void);
double bench_own_clock(void);

/* Keeps the calling thread on the processor of lane INDEX. */
void bench_pin(unsigned index);

/* Runs BODY in THREADS threads. BODY makes ready, calls bench_lane_begin(), works, and calls bench_lane_end(). Returns
 * nanoseconds an operation, as above. */
double bench_lanes(unsigned threads, void (*body)(struct bench_lane *lane), void *context);

/* Around what is timed: waits until every lane has come here; takes the time. */
void bench_lane_begin(struct bench_lane *lane);
void bench_lane_end(struct bench_lane *lane, uint64_t operations);

#endif
