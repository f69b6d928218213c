// SPDX-License-Identifier: MIT
/*
 * telemetry.h - what a cache tells of itself: spans to who subscribed, and latencies. See <trove/telemetry.h> for what they are,
 * telemetry.c for who listens, latency.c for the sums.
 *
 * A call that may be told of begins with trove__timed_begin() and ends with trove__timed_end(), between which its thread
 * carries its span as the parent of others. When nobody listens, and it is not one of those that are timed, the first is a
 * look at a word and the second a look at the first's answer.
 */
#ifndef TROVE_CORE_TELEMETRY_H
#define TROVE_CORE_TELEMETRY_H

#include "core/counters.h"
#include <trove/telemetry.h>

struct trove__histogram;

/* Somebody who listens. */
struct trove__listener {
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_uint state; /* enum listener_state of telemetry.c */
    atomic_uint inside;                                     /* futex: threads that may call it */
    atomic_uint waiting;                                    /* for these to leave */
    struct trove_subscriber subscriber;                     /* constant while the state is ON */
};

struct trove__telemetry {
    /* READ-MOSTLY: what every call looks at */
    atomic_ulong listening; /* kinds that somebody listens to; above them a version */
    uint64_t (*leader_tag)(void *context);
    void *leader_tag_context;
    /* made when a stripe first takes a time of that kind */
    _Atomic(struct trove__histogram *) histograms[TROVE__COUNTER_STRIPES][TROVE_LATENCIES];
    struct trove__listener listeners[TROVE_SUBSCRIBERS_MAX];
};

/* Something that began. */
struct trove__timed {
    int64_t start_ns; /* 0: it is neither timed nor told of */
    uint64_t id;      /* of its span; 0: it is not told of */
    uint64_t parent;  /* of its span */
    uint64_t outer;   /* the span that the thread carried before */
    bool is_sampled;  /* its time is to be recorded */
};

void trove__telemetry_init(struct trove__telemetry *telemetry, const struct trove_options *options);
void trove__telemetry_deinit(struct trove__telemetry *telemetry);
/* In a forked child: the parent's threads are in no listener any more. */
void trove__telemetry_after_fork(struct trove__telemetry *telemetry);

/* Whether somebody listens to one of KINDS. */
static inline bool trove__is_listened(const struct trove__telemetry *telemetry, unsigned kinds)
{
    /* RELAXED: who comes or goes meanwhile hears this call by half or not at all. */
    return (trove__load_relaxed(&telemetry->listening) & kinds) != 0;
}

extern _Thread_local uint32_t trove__sample_state
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

/* True one time in TROVE_LATENCY_SAMPLED_ONE_IN, at random, so that no pattern of calls is always missed; the first time
 * too. */
static inline bool trove__sample(void)
{
    uint32_t now = trove__sample_state;

    trove__sample_state = now * 1664525u + 1013904223u;
    return now < UINT32_MAX / TROVE_LATENCY_SAMPLED_ONE_IN + 1;
}

/*
 * WHAT tells what is known so far: kind, oid, count, and so on. It need not stay.
 */

/* A call of this thread begins. is_sampled: its time counts. Emits the start. */
void trove__timed_begin(struct trove__telemetry *telemetry, struct trove__timed *timed,
                        const struct trove_span *what, bool is_sampled);
/* It ended: emits the stop, and records the time as one of OF, but not when WHAT->status is negative. */
void trove__timed_end(struct trove__telemetry *telemetry, struct trove__timed *timed,
                      const struct trove_span *what, enum trove_latency_of of);

/* The same for what begins in one place and ends in another: the thread does not carry its span. START_NS: when it began, END_NS:
 * when it ended; 0 for now. */
void trove__timed_begin_at(struct trove__telemetry *telemetry, struct trove__timed *timed,
                           const struct trove_span *what, bool is_sampled, int64_t start_ns);
void trove__timed_end_at(struct trove__telemetry *telemetry, const struct trove__timed *timed,
                         const struct trove_span *what, enum trove_latency_of of, int64_t end_ns);

/* The span that this thread carries; 0: none. set: returns the one before, to be set again. */
uint64_t trove__span_current(void);
uint64_t trove__span_set_current(uint64_t id);

/* As trove_subscribe() and trove_unsubscribe(). */
int trove__telemetry_subscribe(struct trove__telemetry *telemetry,
                               const struct trove_subscriber *subscriber, unsigned *ret_number);
int trove__telemetry_unsubscribe(struct trove__telemetry *telemetry, unsigned number,
                                 const struct trove_until *until);

/* What the caller's errors are to carry if it leads a flight. */
uint64_t trove__leader_tag(const struct trove__telemetry *telemetry);

/* --- latency.c ---------------------------------------------------------------------------------------------------- */

void trove__latency_record(struct trove__telemetry *telemetry, enum trove_latency_of of,
                           uint64_t ns);
void trove__latency_sum(const struct trove__telemetry *telemetry, enum trove_latency_of of,
                        struct trove_latency *ret_latency);
void trove__latency_deinit(struct trove__telemetry *telemetry);

#endif
