// SPDX-License-Identifier: MIT
/*
 * sections.h - in debug builds: which caches the caller's read section has looked into, so that closing one of them meanwhile
 * is noticed. In other builds nothing.
 *
 * A section that is the host's own, begun with liburcu's calls, is not seen; nor are caches beyond the eighth of a section.
 * TESTS tests/unit/test_shutdown.c
 */
#ifndef TROVE_CORE_SECTIONS_H
#define TROVE_CORE_SECTIONS_H

#include "core/cache_struct.h"
#include "core/rcu.h"
#include <stdlib.h>

#ifdef TROVE_DEBUG

#define TROVE__SECTION_CACHES 8

static _Thread_local struct trove__looked {
    struct trove *caches[TROVE__SECTION_CACHES];
    unsigned count, depth; /* sections opened by trove_read_lock() */
} trove__looked;

static inline void trove__section_opened(void)
{
    trove__looked.depth++;
}

static inline void trove__section_closing(void)
{
    if (trove__looked.depth == 0)
        abort(); /* unlocked more often than locked */
    if (--trove__looked.depth > 0)
        return;
    while (trove__looked.count > 0) /* RELAXED: a count */
        trove__sub_relaxed(&trove__looked.caches[--trove__looked.count]->readers, 1);
}

static inline void trove__section_looks(struct trove *cache)
{
    struct trove__looked *looked = &trove__looked;

    for (unsigned i = 0; i < looked->count; i++)
        if (looked->caches[i] == cache)
            return;
    if (looked->depth == 0 || looked->count == TROVE__SECTION_CACHES)
        return;
    looked->caches[looked->count++] = cache;
    trove__add_relaxed(&cache->readers, 1); /* RELAXED: a count */
}

/* In a child of fork() only the forking thread's sections are there. */
static inline void trove__sections_forked(struct trove *cache)
{
    unsigned own = 0;

    for (unsigned i = 0; i < trove__looked.count; i++)
        own += trove__looked.caches[i] == cache;
    trove__store_relaxed(&cache->readers, own); /* RELAXED: a count; one thread is left */
}

#else

static inline void trove__section_opened(void)
{
}

static inline void trove__sections_forked(struct trove *cache)
{
    (void)cache;
}

static inline void trove__section_closing(void)
{
}

static inline void trove__section_looks(struct trove *cache)
{
    (void)cache;
}

#endif

#endif
