// SPDX-License-Identifier: MIT
/*
 * idle_host.h - a reclaimer's host that does nothing, or nothing around grace periods.
 */
#ifndef TROVE_TESTS_IDLE_HOST_H
#define TROVE_TESTS_IDLE_HOST_H

#include "core/reclaim.h"

static inline bool idle_work(void *context)
{
    (void)context;
    return false;
}

static inline void idle_before_grace(void *context, uint64_t freed)
{
    (void)context, (void)freed;
}

static inline void idle_after_grace(void *context)
{
    (void)context;
}

static const struct trove__reclaim_host idle_host
    __attribute__((unused)) = {idle_work, idle_before_grace, idle_after_grace, NULL};

#endif
