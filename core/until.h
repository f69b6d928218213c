// SPDX-License-Identifier: MIT
/*
 * until.h - waiting with a deadline and a cancel token, for all of trove.
 */
#ifndef TROVE_CORE_UNTIL_H
#define TROVE_CORE_UNTIL_H

#include "core/order.h"
#include <trove/until.h>

/* UNTIL, or "for ever" for NULL. */
struct trove_until trove__until_of(const struct trove_until *until);

/* 0 while the caller may go on; -ECANCELED or -ETIMEDOUT when it may not. NULL is for ever. */
int trove__until_check(const struct trove_until *until);

/* Sleeps while *WORD is EXPECTED. Returns 0 when woken, interrupted, or *WORD is something else: look again;
 * -ETIMEDOUT or -ECANCELED. A result beats a time-out: on a failure the caller looks at its word once more. */
int trove__wait(atomic_uint *word, uint32_t expected, const struct trove_until *until);

/* The same for several words: sleeps while each holds what is expected of it. At most TROVE__WATCHES_MAX. */
struct trove__watch {
    atomic_uint *word;
    uint32_t expected;
};
#define TROVE__WATCHES_MAX 4
int trove__wait_any(const struct trove__watch *watches, unsigned count,
                    const struct trove_until *until);

/* A descriptor that polls readable once CANCEL (or a token it is linked to) is cancelled: borrowed, lives as long as the
 * token; never to be read. -1 for NULL. */
int trove__cancel_fd(const struct trove_cancel *cancel);

/* A token of its own that is also cancelled when A or B (either may be NULL) is. It holds references on both. Returns 0,
 * -ENOMEM, -EMFILE, -ENFILE. */
int trove__cancel_create_linked(struct trove_cancel *a, struct trove_cancel *b,
                                struct trove_cancel **ret_cancel);

#endif
