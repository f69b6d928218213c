// SPDX-License-Identifier: MIT
/*
 * failure.h - why ids failed: a code and a text that the flights of a request share.
 */
#ifndef TROVE_CORE_FAILURE_H
#define TROVE_CORE_FAILURE_H

#include "core/order.h"
#include <trove/error.h>

/* Why ids failed, shared by the flights of a request; immutable. */
struct trove__failure {
    atomic_uint references;
    int code;
    char message[];
};

struct trove__failure *trove__failure_create(int code, const char *message); /* NULL: no memory */
struct trove__failure *trove__failure_ref(struct trove__failure *failure);   /* NULL is fine */
void trove__failure_unref(struct trove__failure *failure);                   /* NULL is fine */

/* Fills *ERR for a failed STATUS; FAILURE may be NULL. */
void trove__error_of(int status, const struct trove__failure *failure, struct trove_error *err);

#endif
