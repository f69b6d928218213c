// SPDX-License-Identifier: MIT
/*
 * interest.h - whether anybody still waits for what a request asks for; one that nobody waits for is cancelled
 * (trove_options.cancel_abandoned).
 */
#ifndef TROVE_CORE_INTEREST_H
#define TROVE_CORE_INTEREST_H

#include "core/order.h"
#include <trove/until.h>

struct trove__flight;
struct trove__interest;

/* In a request for COUNT flights, which are sent: each of them is watched from here on. To be let go of by
 * trove__interest_unref(). NULL: no memory, or no descriptors; then nobody is watched. */
struct trove__interest *trove__interest_create(struct trove_cancel *unit_token,
                                               struct trove__flight *const *flights, size_t count);
void trove__interest_unref(struct trove__interest *interest); /* NULL is fine */

/* Cancelled with the unit's, or when nobody waits for what is not yet decided. Borrowed. */
struct trove_cancel *trove__interest_token(const struct trove__interest *interest);

/* What flight.c says of a watched flight that is not decided: its last waiter has left, or somebody is not about to wait after all;
 * somebody is about to wait for it again; it is decided, and (AWAITED) somebody waited. The caller has a reference on the
 * flight, which has one on INTEREST. */
void trove__interest_lost(struct trove__interest *interest);
void trove__interest_back(struct trove__interest *interest);
void trove__interest_decided(struct trove__interest *interest, bool awaited);

#endif
