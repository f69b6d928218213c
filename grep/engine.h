// SPDX-License-Identifier: MIT
/*
 * engine.h - searching many objects on all cores, in the order in which they arrive; what is found leaves in the order in
 * which they were added.
 *
 * ROLES   one thread begins, adds, ends; threads of the engine's own search.
 * LIMITS  the objects added by id and not yet done are few enough that, at the size that objects have been so far, they
 *         take `window_bytes`; texts that wait for earlier ones take `held_bytes` of memory, and `aside_bytes` of a
 *         temporary file.
 */
#ifndef TROVE_GREP_ENGINE_H
#define TROVE_GREP_ENGINE_H

#include "grep/grep.h"
#include <trove/cache.h>

struct trove__engine;

struct trove__engine_options {
    struct trove *cache;             /* borrow */
    const struct trove__grep *grep;  /* borrow */
    unsigned threads;                /* 0: one a core */
    size_t window_bytes, held_bytes; /* 0: 16 MiB, 32 MiB */
    uint64_t aside_bytes;            /* 0: no temporary file */
    /* For every call that blocks. The token is required: the engine cancels it when the search is over early (a first
     * hit that answers all, a failure), so that transfers under way end too. */
    struct trove_until until;
    trove__text_writer write; /* takes the output, from one thread at a time */
    void *write_context;
};

/* OPTIONS is copied. *RET is own: trove__engine_destroy(). 0, -ENOMEM, -EAGAIN (no threads). */
int trove__engine_create(const struct trove__engine_options *options, struct trove__engine **ret,
                         struct trove_error *err);
void trove__engine_destroy(
    struct trove__engine *engine); /* NULL is fine; abandons what is under way */

/* Opens a part of the search whose objects WITHIN (may be NULL) is expected to bring; it must outlive end. */
int trove__engine_begin(struct trove__engine *engine, struct trove_fetch *within,
                        struct trove_error *err);
/* Adds the blob ID, shown as NAME (LENGTH bytes, NUL-terminated, copied). May wait for room. 0; -ECANCELED when all is
 * over (end tells why), -ENOMEM. */
int trove__engine_add(struct trove__engine *engine, const struct trove_oid *id, const char *name,
                      size_t length, enum trove__content content);
/* Sends off what was added and not yet asked for: to be called before waiting for something else. */
int trove__engine_flush(struct trove__engine *engine);
/* Waits until all that was added has left. 0; or what ended the search, *ERR holding the message. */
int trove__engine_end(struct trove__engine *engine, struct trove_error *err);

/* Stops everything; nobody is inside the stream, or the fetch it was opened within, when this returns. Only destroy may
 * follow. */
void trove__engine_abandon(struct trove__engine *engine);

/* True when a hit has answered the whole command; nothing more need be added. */
bool trove__engine_is_answered(struct trove__engine *engine);
/* True when anything counted as a hit. After end. */
bool trove__engine_hit(struct trove__engine *engine);

#endif
