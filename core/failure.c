// SPDX-License-Identifier: MIT
/*
 * failure.c - why ids failed. See failure.h.
 *
 * INVARIANTS I1 a failure never changes once it is made; it is freed with its last reference.
 * EDGES      E1 free  failure_unref() release -> the last failure_unref() acquire   all uses before the free
 * TESTS      tests/unit/test_resolve.c, tests/unit/test_stream.c
 */
#include "core/failure.h"
#include "core/memory.h"
#include <string.h>

struct trove__failure *trove__failure_create(int code, const char *message)
{
    size_t length = strlen(message);
    struct trove__failure *failure = trove__malloc(sizeof(*failure) + length + 1);

    if (failure == NULL)
        return NULL;
    atomic_init(&failure->references, 1);
    failure->code = code;
    memcpy(failure->message, message, length + 1);
    return failure;
}

struct trove__failure *trove__failure_ref(struct trove__failure *failure)
{
    /* RELAXED: the caller has a reference. */
    if (failure != NULL)
        trove__add_relaxed(&failure->references, 1);
    return failure;
}

void trove__failure_unref(struct trove__failure *failure)
{
    /* ACQ_REL [E1 free]: pairs with itself in the threads that let go earlier. */
    if (failure != NULL && trove__sub_acq_rel(&failure->references, 1) == 1)
        trove__free(failure);
}

void trove__error_of(int status, const struct trove__failure *failure, struct trove_error *err)
{
    if (status < 0)
        trove_error_set(err, status, "%s",
                        failure != NULL && failure->message[0] != '\0' ? failure->message
                                                                       : trove_strerror(status));
}
