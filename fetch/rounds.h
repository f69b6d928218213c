// SPDX-License-Identifier: MIT
/*
 * rounds.h - the bookkeeping of a request for ids: what to send next, until each id has come or is known to be absent.
 * Pure: no I/O, no lock; the caller serialises.
 *
 * Servers leave wanted ids out of filtered answers when another want reaches them first, and refuse a whole request for
 * one id they do not have. So: what is missing goes out again together, round after round while a round brings
 * something; what is left goes alone; a refused id is taken out and the rest sent again; a refusal that names no id
 * halves the batch.
 */
#ifndef TROVE_FETCH_ROUNDS_H
#define TROVE_FETCH_ROUNDS_H

#include <trove/source.h>

#define TROVE__ROUNDS_MAX 8

struct trove__rounds;

/* COUNT (at least 1) wants, borrowed for the call; one asked twice counts once. Returns 0 or -ENOMEM. */
int trove__rounds_create(const struct trove_want *wants, size_t count, struct trove__rounds **ret);
void trove__rounds_destroy(struct trove__rounds *rounds); /* NULL is fine */

/* The batch to send now. Returns how many ids *RET_IDS (borrowed until the next call) has; 0: all is known.
 * The batch ends with one of the four calls below. */
size_t trove__rounds_next(struct trove__rounds *rounds, const struct trove_oid **ret_ids);

/* Its answer has ended and was verified. */
void trove__rounds_answered(struct trove__rounds *rounds);
/* Its answer broke off. Returns true if the rest may be asked for again: this one or the one before it brought something,
 * and it has not happened too often. */
bool trove__rounds_broke_off(struct trove__rounds *rounds);
/* The server refused it because of ID. Returns false if ID is not in the batch, and changes nothing. */
bool trove__rounds_refused(struct trove__rounds *rounds, const struct trove_oid *id);
/* The server refused it and did not say why. A batch of one: that id is what it refuses. */
void trove__rounds_refused_unnamed(struct trove__rounds *rounds);

/* ID has come. At any time; ids that were not wanted are ignored. */
void trove__rounds_arrived(struct trove__rounds *rounds, const struct trove_oid *id);

#endif
