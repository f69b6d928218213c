// SPDX-License-Identifier: MIT
/*
 * rcu.h - read sections and grace periods.
 */
#ifndef TROVE_CORE_RCU_H
#define TROVE_CORE_RCU_H

#include <stdbool.h>
#define _LGPL_SOURCE 1 /* liburcu's inline versions: 2 ns a section instead of 10 */
#include <urcu/urcu-bp.h>

static inline void trove__section_enter(void)
{
    urcu_bp_read_lock();
}

static inline void trove__section_leave(void)
{
    urcu_bp_read_unlock();
}

static inline bool trove__section_ongoing(void)
{
    return urcu_bp_read_ongoing() != 0;
}

/* Waits until every section that was open at the call has ended. Outside sections. */
static inline void trove__grace_period(void)
{
    urcu_bp_synchronize_rcu();
}

#endif
