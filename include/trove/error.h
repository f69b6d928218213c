// SPDX-License-Identifier: MIT
/*
 * trove/error.h - how calls fail.
 *
 * Every call that can fail returns 0 (or a count of zero and more) on success and a negative errno on failure.
 * One code is trove's own: -ECACHE_OVERFULL. Calls that can say more than a code take a `struct trove_error *`, which
 * the caller owns and may leave out (NULL); it is written only on failure. Nothing is kept in thread-local state.
 *
 * The codes and their one meaning everywhere:
 *   -EINVAL misuse · -ENOMEM allocation failed · -ENOENT absent · -EEXIST already there · -EAGAIN need more input, or
 *   a bound was reached and waiting was not allowed · -EFBIG a limit on what a peer may send · -EPROTO the peer broke
 *   the protocol · -EBADMSG bytes that do not hash to what they should · -ETIMEDOUT · -ECANCELED · -EDEADLK would wait
 *   for itself · -ENOTSUP · -ECONNRESET the connection broke in the middle of an answer: what came before stays, the rest
 *   can be asked for again · -EIO · -ECACHE_OVERFULL the cap is reached and the policy refuses.
 */
#ifndef TROVE_ERROR_H
#define TROVE_ERROR_H

#include <stdarg.h>
#include <trove/base.h>

/* Outside the kernel's range of errno values (1..4095), so it can never be mistaken for one. */
#ifndef ECACHE_OVERFULL
#define ECACHE_OVERFULL 4601
#endif

#define TROVE_ERROR_MESSAGE_BYTES 2048

/* The caller's: no initialisation needed, nothing to release. Copying it is fine. */
struct trove_error {
    int code;     /* the negative errno that the call returned */
    uint64_t tag; /* of a flight's failure: its leader's, see trove_options.leader_tag; else 0 */
    char message[TROVE_ERROR_MESSAGE_BYTES]; /* NUL-terminated; what failed, where, what to try */
};

TROVE_BEGIN_DECLS

/* The text for CODE (negative or positive), known also for ECACHE_OVERFULL. Static or thread-local storage of the C
 * library; valid until the next call in this thread. Thread-safe. */
TROVE_API const char *trove_strerror(int code);

/* Fills *ERR (may be NULL) with CODE and the formatted message, control characters made visible, and returns CODE, so
 * that `return trove_error_set(err, -EPROTO, "...")` is one line. For sources and stores written by users as well.
 * Thread-safe; allocates nothing. */
TROVE_API int trove_error_set(struct trove_error *err, int code, const char *format, ...)
    TROVE_PRINTF(3, 4);

TROVE_END_DECLS

#endif
