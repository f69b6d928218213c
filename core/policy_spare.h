// SPDX-License-Identifier: MIT
/*
 * policy_spare.h - which of the objects that the hand looks at go round once more.
 */
#ifndef TROVE_CORE_POLICY_SPARE_H
#define TROVE_CORE_POLICY_SPARE_H

#include "core/policy.h"

/* Should OBJECT, whose cell the caller took from FROM, go to the end of main? Lowers its hint. Else, and if it cannot go
 * there, it leaves as *RET_KIND. */
bool trove__policy_spares(struct trove__policy *policy, const struct trove__queue *from,
                          struct trove_object *object, enum trove__leaver *ret_kind);

#endif
