// SPDX-License-Identifier: MIT
/*
 * fake_source.h - a source with numbered objects whose behaviour a test scripts, and what tests with threads need beside it.
 */
#ifndef TROVE_TESTS_FAKE_SOURCE_H
#define TROVE_TESTS_FAKE_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <trove/cache.h>

/* Closed until somebody opens it. */
struct latch {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
};

#define LATCH_INIT                                                                                 \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false                                 \
    }

void latch_open(struct latch *latch);
void latch_wait(struct latch *latch);
/* The same, but also ends when the token is cancelled: false then. */
bool latch_wait_or_cancel(struct latch *latch, const struct trove_cancel *cancel);

struct fake_source;
typedef int (*fake_script)(struct fake_source *source, const struct trove_request *request,
                           struct trove_sink *sink, struct trove_error *err);

struct fake_source {
    fake_script script; /* NULL: gives what is wanted and there, then says it is done */
    void *context;      /* the test's */
    struct trove *cache;
    atomic_uint requests, ids, destroyed;
    atomic_uint largest;    /* most ids in a request */
    atomic_uint types_seen; /* bit per type of a request by id */
    atomic_uint mixed;      /* requests by id with ids of several types */
    struct latch started, go;
};

/* Object N: a blob whose text says so; ids past FAKE_OBJECTS are not in any source. */
#define FAKE_OBJECTS 20000
struct trove_oid fake_id(unsigned n);
size_t fake_text(unsigned n, char *text, size_t size);
/* The number of ID, or -1. */
int fake_number(const struct trove_oid *id);

void fake_source_init(struct fake_source *source, fake_script script);
struct trove_source fake_source_of(struct fake_source *source);
/* A cache over SOURCE; OPTIONS may be NULL. */
struct trove *fake_open(struct fake_source *source, struct trove_options *options);
void fake_options(struct trove_options *options);

/* Pieces of scripts. */
int fake_give(struct trove_sink *sink, unsigned n, unsigned flags);
/* Gives what REQUEST wants from FIRST on, below END. */
int fake_give_wants(const struct trove_request *request, struct trove_sink *sink, size_t first,
                    size_t end);
int fake_answer(const struct trove_request *request, struct trove_sink *sink);
/* A whole script: answers everything, but the first request only when `go` is open. */
int fake_hold_first(struct fake_source *source, const struct trove_request *request,
                    struct trove_sink *sink, struct trove_error *err);

/* A whole script: answers nothing until the request is cancelled or `go` is open, and fails then. */
int fake_hang(struct fake_source *source, const struct trove_request *request,
              struct trove_sink *sink, struct trove_error *err);

/* Somebody who wants object 1 of CACHE until the stream is closed, and has been heard by SOURCE. */
struct trove_stream *fake_occupy(struct trove *cache, struct fake_source *source);

/* Runs FN(context, index) in COUNT threads that begin together, and waits for all. */
void run_threads(unsigned count, void (*fn)(void *context, unsigned index), void *context);
/* Waits until the cache has N flights. */
void wait_for_flights(struct trove *cache, uint64_t n);

/* 0 when RESULT holds object N, else 1; unpins it. */
int check_result(struct trove_result *result, unsigned n);

#endif
