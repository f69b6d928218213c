// SPDX-License-Identifier: MIT
/*
 * gather_internal.h - what the files of gathering share.
 */
#ifndef TROVE_CORE_GATHER_INTERNAL_H
#define TROVE_CORE_GATHER_INTERNAL_H

#include "core/gather.h"

/* What leaves in one request: ids of one type, or a fetch. */
struct trove__work {
    int type; /* of a request by id, -1 for none */
    struct trove__gather_node *nodes;
    size_t count, limit; /* of the nodes */
    struct trove_fetch *fetch;
    int64_t wait_until_ns; /* when there is neither */
};

/* --- gather.c ------------------------------------------------------------------------------------------------------- */

/* Empties the stack of LANE into its lists, oldest first. Under the lock. */
void trove__gather_detach(struct trove__gather *gather, enum trove__lane lane, int64_t now);
/* The same for fetches. */
void trove__gather_detach_fetches(struct trove__gather *gather, int64_t now);

/* --- gather_batch.c ------------------------------------------------------------------------------------------------- */

void trove__gather_batch_init(struct trove__gather *gather, const struct trove_options *options);
/* What leaves now; if nothing does, when something will have waited enough. */
struct trove__work trove__gather_take(struct trove__gather *gather);
/* True when something waits that an idle thread could look at. */
bool trove__gather_is_work_left(struct trove__gather *gather);
/* What a request for ids that took DURATION teaches about the next. FULL: it held as many as one may. Under the lock. */
void trove__gather_learn(struct trove__gather *gather, bool full, int64_t duration_ns);

/* --- gather_threads.c ----------------------------------------------------------------------------------------------- */

/* Something was pushed, or is left: wakes an idle fetch thread, or starts one. */
void trove__gather_kick(struct trove__unit *unit);

#endif
