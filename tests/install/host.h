// SPDX-License-Identifier: MIT
/*
 * host.h - what the programs here share that link or load an installed libtrove.
 */
#ifndef TROVE_TESTS_HOST_H
#define TROVE_TESTS_HOST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trove/cache.h>

/* PROGRAM is this one's name. */
static inline void fail(const char *what)
{
    fprintf(stderr, PROGRAM ": %s\n", what);
    exit(1);
}

/* Good enough for data that no stranger chose. */
static inline int object_id(void *context, enum trove_type type, const void *data, size_t size,
                            struct trove_oid *ret_id)
{
    (void)context, (void)type;
    memset(ret_id, 0, sizeof(*ret_id));
    memcpy(ret_id->bytes, data, size < 20 ? size : 20);
    return 0;
}

/* --- for who loads it --------------------------------------------------------------------------------------------- */

#ifdef RTLD_NOW

static inline void *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL)
        fail(dlerror());
    return library;
}

static inline void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);

    if (found == NULL)
        fail(dlerror());
    return found;
}

/* The functions under the names they have in the headers. */
#define LOAD(library, name) __typeof__(name) *name##_ = (__typeof__(name) *)symbol(library, #name)

#endif

#endif
