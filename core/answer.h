// SPDX-License-Identifier: MIT
/*
 * answer.h - what callers hear of their ids: why some failed, as text and code, and how answers are counted.
 */
#ifndef TROVE_CORE_ANSWER_H
#define TROVE_CORE_ANSWER_H

#include "core/order.h"
#include <trove/cache.h>

struct trove__unit;

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
/* Counts RESULT, which a caller is about to get. */
void trove__count_answer(struct trove__unit *unit, const struct trove_result *result);

#endif
