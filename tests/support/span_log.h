// SPDX-License-Identifier: MIT
/*
 * span_log.h - a listener that writes down what it is told.
 */
#ifndef TROVE_TESTS_SPAN_LOG_H
#define TROVE_TESTS_SPAN_LOG_H

#include <pthread.h>
#include <trove/telemetry.h>

#define SPAN_LOG_MAX 4096

struct span_entry {
    bool is_stop, in_section;
    struct trove_span span; /* its oid is NULL, or points at the next */
    struct trove_oid oid;
};

struct span_log {
    pthread_mutex_t lock;
    unsigned count; /* SPAN_LOG_MAX at most are kept */
    struct span_entry entries[SPAN_LOG_MAX];
    unsigned number; /* of the subscription */
};

/* Listens to KINDS of CACHE. */
void span_log_start(struct span_log *log, struct trove *cache, unsigned kinds);
void span_log_stop(struct span_log *log, struct trove *cache);

/* How many of KIND were told of, starts or stops. */
unsigned span_log_count(struct span_log *log, unsigned kind, bool stops);
/* The N-th of them, from 0; NULL: there is none. Constant once it is there. */
const struct trove_span *span_log_nth(struct span_log *log, unsigned kind, bool stops, unsigned n);
/* The start or stop of the span ID. */
const struct span_entry *span_log_of(struct span_log *log, uint64_t id, bool is_stop);
/* Fails unless every span in LOG has one start, and a stop after it that says the same of it. */
void span_log_check(struct span_log *log);

#endif
