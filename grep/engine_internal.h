// SPDX-License-Identifier: MIT
/*
 * engine_internal.h - what the two sides of the engine share: who adds (engine.c) and who searches (engine_work.c).
 */
#ifndef TROVE_GREP_ENGINE_INTERNAL_H
#define TROVE_GREP_ENGINE_INTERNAL_H

#include "engine.h"
#include "ordered.h"
#include <pthread.h>

enum {
    TROVE__ENGINE_WINDOW_MAX = 16384, /* jobs open at once */
    TROVE__ENGINE_WINDOW_START = 128, /* until sizes are known */
    TROVE__ENGINE_BATCH_MAX = 64,     /* ids added to the stream at once */
};

struct trove__engine_job {
    struct trove_oid id;
    bool put_off; /* under the lock */
    char *name;
    size_t capacity;
    enum trove__content content;
};

struct trove__engine_worker {
    struct trove__engine *engine;
    pthread_t thread;
    struct trove__grep_scratch *scratch;
    struct trove__ordered_answer answer;
};

struct trove__engine {
    struct trove__engine_options options;
    struct trove__ordered *ordered;
    bool first_hit_ends;
    bool has_fetch; /* a fetch is under way that brings what is searched */
    struct trove__engine_job jobs[TROVE__ENGINE_WINDOW_MAX];

    /* The adding thread's. */
    struct trove_stream *stream; /* the workers read it after they saw `added` grow */
    struct trove_want wants[TROVE__ENGINE_BATCH_MAX];
    uintptr_t tags[TROVE__ENGINE_BATCH_MAX];
    size_t want_count;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t work;
    uint64_t added, claimed;
    bool ending, hit;
    size_t put_off;         /* jobs */
    uint64_t average_bytes; /* of the objects searched lately */
    unsigned sizes_seen;    /* objects it comes from, up to a bound; 0: none yet */

    unsigned worker_count;
    struct trove__engine_worker workers[];
};

/* Over, successfully if ERR is NULL: no more output, and nobody goes on waiting. */
void trove__engine_stop(struct trove__engine *engine, const struct trove_error *err);
/* The wants are on their way: workers may ask for their answers. 0, or -ECANCELED: all is over. */
int trove__engine_ask(struct trove__engine *engine, const struct trove_want *wants,
                      const uintptr_t *tags, size_t count);

/* How many numbers from the one that is due are near: worth to be asked for by id. */
size_t trove__engine_near_locked(const struct trove__engine *engine);
/* The main of a thread; CONTEXT is its worker. */
void *trove__engine_work(void *context);
/* For `ordered`: searches once more what it could not keep, or lets it go. */
int trove__engine_search_again(void *context, void *later_context, struct trove__text *text,
                               struct trove_error *err);
void trove__engine_forget_later(void *context);

#endif
