// SPDX-License-Identifier: MIT
/*
 * rounds.h - the bookkeeping of a request for ids: what to send next, until each id has come or is known to be absent.
 * Pure: no I/O, no lock; the caller serialises.
 *
 * Servers leave wanted ids out of filtered answers when another want reaches them first, and refuse a whole request for
 * one id they do not have. So: what is missing goes out again together, round after round while a round brings
 * something; what is left goes alone; a refused id is taken out and the rest sent again; a refusal that names no id
 * halves the batch. Where a second one comes, it is time to ask the server which of the ids it has (question.h).
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

/* True when the server refused two of its ids already and enough are left to make the question pay. */
bool trove__rounds_should_ask(const struct trove__rounds *rounds);
/* All that have not come and are not known to be absent, borrowed until the next call. It is asked about them once. */
size_t trove__rounds_ask(struct trove__rounds *rounds, const struct trove_oid **ret_ids);
/* The server says that it has ID; ids that were not asked for are ignored. Returns whether it was. */
bool trove__rounds_acknowledged(struct trove__rounds *rounds, const struct trove_oid *id);
/* The answer can be believed: returns how many of those asked for it did not name, which are absent now; *RET_IDS as
 * above. Without this call nothing was learned. */
size_t trove__rounds_believe(struct trove__rounds *rounds, const struct trove_oid **ret_ids);

/* ID has come. At any time; ids that were not wanted are ignored. */
void trove__rounds_arrived(struct trove__rounds *rounds, const struct trove_oid *id);

#endif
