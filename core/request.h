// SPDX-License-Identifier: MIT
/*
 * request.h - running one request on the calling thread, from the call of the source to the last waiter's answer.
 */
#ifndef TROVE_CORE_REQUEST_H
#define TROVE_CORE_REQUEST_H

#include "core/gather.h"

/* Asks for COUNT ids of one type, on FETCHER, the calling thread (which may be one of another cache). FLIGHTS are sent and referenced; each is decided and its reference given back. Both
 * arrays are changed. */
void trove__request_run_ids(struct trove__unit *unit, struct trove__fetcher *fetcher,
                            struct trove_want *wants, struct trove__flight **flights, size_t count);

/* The same for FETCH, which the caller claimed. */
void trove__request_run_fetch(struct trove__unit *unit, struct trove__fetcher *fetcher,
                              struct trove_fetch *fetch);

/* The last look before FLIGHT leaves in a request, then the right to send it: true. Otherwise it is done, dropped or
 * somebody else's. */
bool trove__request_claim(struct trove__unit *unit, struct trove__flight *flight);

/* Ends FLIGHT without the source having given its object: with what is cached after all, or else with CODE. */
void trove__request_fail(struct trove__unit *unit, struct trove__flight *flight, int code,
                         struct trove__failure *failure);

/* On a fetch thread: of NODES, which end here, flights that nobody else asks for fail with CODE and FAILURE (may be NULL). */
void trove__request_fail_nodes(struct trove__unit *unit, struct trove__gather_node *nodes, int code,
                               struct trove__failure *failure);

#endif
