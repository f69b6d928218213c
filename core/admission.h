// SPDX-License-Identifier: MIT
/*
 * admission.h - ids become hits or flights, joined or led; what a call has to push for them leaves together.
 */
#ifndef TROVE_CORE_ADMISSION_H
#define TROVE_CORE_ADMISSION_H

#include "core/flight.h"

/* How the flights of one call are asked for. */
struct trove__admission {
    enum trove__lane lane;
    struct trove_fetch *within;        /* a miss waits for this fetch's objects; may be NULL */
    struct trove__gather_node *pushes; /* what the call has to push when all are admitted */
};

/* What came of one id: OBJECT (own) for a hit, else FLIGHT, referenced and joined. */
struct trove__ticket {
    enum trove_how how;
    struct trove_object *object;
    struct trove__flight *flight;
};

/* Before anything else: the cached object as a counted result; false for a miss. */
bool trove__admit_hit(struct trove *cache, const struct trove_oid *id, struct trove_result *ret);

/* Looks up WANT, joins its flight or starts one. The caller ends with trove__admission_push(), whatever came.
 * 0; -EAGAIN (no flight is free), -ENOMEM, -ECANCELED, -ENOTSUP (a miss, and no source), -ENOENT (known to be absent). */
int trove__admit(struct trove__unit *unit, struct trove__admission *admission,
                 const struct trove_want *want, struct trove__ticket *ret_ticket);
void trove__admission_push(struct trove__unit *unit, struct trove__admission *admission);

#endif
