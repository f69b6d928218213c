// SPDX-License-Identifier: MIT
/*
 * sections.h - in debug builds: which caches the caller's read section has looked into, so that closing one of them meanwhile
 * is noticed. In other builds nothing.
 *
 * Handlers of signals may read, too, and interrupt what is noted here anywhere: so each step is one access, and what a handler
 * noted it takes out again, unless the section that it interrupted will. All are RELAXED: they are the thread's alone, or counts.
 *
 * A section that is the host's own, begun with liburcu's calls, is not seen; nor are caches beyond the eighth of a section.
 * TESTS tests/unit/test_shutdown.c, tests/stress/test_signals.c
 */
#ifndef TROVE_CORE_SECTIONS_H
#define TROVE_CORE_SECTIONS_H

#include "core/cache_struct.h"
#include "core/rcu.h"
#include <stdlib.h>

#ifdef TROVE_DEBUG

#define TROVE__SECTION_CACHES 8

/* A cache is put in, or taken out, by one access. */
static _Thread_local struct trove__looked {
    _Atomic(struct trove *) caches[TROVE__SECTION_CACHES];
    atomic_uint depth; /* sections opened by trove_read_lock(); a handler leaves it as it was */
} trove__looked;

static inline void trove__section_opened(void)
{
    trove__store_relaxed(&trove__looked.depth, trove__load_relaxed(&trove__looked.depth) + 1);
}

static inline void trove__section_closing(void)
{
    unsigned depth = trove__load_relaxed(&trove__looked.depth);

    if (depth == 0)
        abort(); /* unlocked more often than locked */
    trove__store_relaxed(&trove__looked.depth,
                         depth - 1); /* first: a handler then tidies up, too */
    for (unsigned i = 0; depth == 1 && i < TROVE__SECTION_CACHES; i++) {
        struct trove *cache = trove__exchange_relaxed(&trove__looked.caches[i], NULL);

        if (cache != NULL)
            trove__sub_relaxed(&cache->readers, 1);
    }
}

static inline void trove__section_looks(struct trove *cache)
{
    if (trove__load_relaxed(&trove__looked.depth) == 0)
        return;
    for (unsigned i = 0; i < TROVE__SECTION_CACHES; i++) {
        struct trove *noted = NULL;

        if (trove__cas_relaxed(&trove__looked.caches[i], &noted, cache)) {
            trove__add_relaxed(&cache->readers, 1);
            return;
        }
        if (noted == cache)
            return;
    }
}

/* In a child of fork() only the forking thread's sections are there. */
static inline void trove__sections_forked(struct trove *cache)
{
    unsigned own = 0;

    for (unsigned i = 0; i < TROVE__SECTION_CACHES; i++)
        own += trove__load_relaxed(&trove__looked.caches[i]) == cache;
    trove__store_relaxed(&cache->readers, own);
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
