// SPDX-License-Identifier: MIT
/*
 * trove/until.h - how long a call may block: an absolute deadline and a cancel token.
 */
#ifndef TROVE_UNTIL_H
#define TROVE_UNTIL_H

#include <trove/base.h>

#define TROVE_NO_DEADLINE INT64_MAX

struct trove_cancel;

/* Passed by pointer to every call that may block; NULL means no deadline and no token. The struct and the token are
 * borrowed for the duration of the call. */
struct trove_until {
    int64_t deadline_ns;         /* absolute, CLOCK_MONOTONIC; TROVE_NO_DEADLINE for none */
    struct trove_cancel *cancel; /* may be NULL */
};

TROVE_BEGIN_DECLS

/* Now on the clock that deadlines use, in nanoseconds. */
TROVE_API int64_t trove_now_ns(void);

/* An `until` that ends MS milliseconds from now; a negative MS means never. */
TROVE_API struct trove_until trove_until_ms(int64_t ms, struct trove_cancel *cancel);

/* A token is cancelled once and for ever; it may be passed to any number of calls at once. Created with one reference;
 * own: released by trove_cancel_unref(). Returns 0, -ENOMEM, -EMFILE or -ENFILE (a token holds an eventfd, so that
 * calls that wait for descriptors hear of it too). In a child of fork() the parent's tokens share that descriptor with the
 * parent's: cancelling one there would end waits for descriptors in the parent, so a child makes tokens of its own. */
TROVE_API TROVE_NODISCARD int trove_cancel_create(struct trove_cancel **ret_cancel);
TROVE_API struct trove_cancel *trove_cancel_ref(struct trove_cancel *cancel);
TROVE_API void trove_cancel_unref(struct trove_cancel *cancel); /* NULL is fine */

/* Cancels: every call that was given the token returns -ECANCELED soon. Lock-free and async-signal-safe. */
TROVE_API void trove_cancel(struct trove_cancel *cancel);
TROVE_API bool trove_is_canceled(const struct trove_cancel *cancel); /* false for NULL; wait-free */

TROVE_END_DECLS

#endif
