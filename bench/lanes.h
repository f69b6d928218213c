// SPDX-License-Identifier: MIT
/*
 * lanes.h - the threads of a measurement: begun together, timed each, kept on processors of their own where that is wanted.
 *
 * What an operation takes is, with one thread that never waits, its own processor time: what other programs take of the machine
 * is not counted (what they take of its caches is). With more threads, or when a lane says that it waits, it is the time from
 * the first begin to the last end, times the processors that the threads can have, over the operations of all: waiting for a
 * lock or for a grace period counts then, as it must.
 */
#ifndef TROVE_BENCH_LANES_H
#define TROVE_BENCH_LANES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct bench_lane {
    unsigned index, threads;
    void *context;
    bool waits;          /* set by the body: it may sleep between begin and end */
    uint64_t operations; /* set by bench_lane_end() */
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

/* Keeps the calling thread on the processor of lane INDEX. Not where threads may be started meanwhile: they would be kept there,
 * too (trove starts its reclaimer with the first eviction). */
void bench_pin(unsigned index);

/* Runs BODY in THREADS threads. BODY makes ready, calls bench_lane_begin(), works, and calls bench_lane_end(). Returns
 * nanoseconds an operation, as above. */
double bench_lanes(unsigned threads, void (*body)(struct bench_lane *lane), void *context);

/* Around what is timed: waits until every lane has come here; takes the time. */
void bench_lane_begin(struct bench_lane *lane);
void bench_lane_end(struct bench_lane *lane, uint64_t operations);

#endif
