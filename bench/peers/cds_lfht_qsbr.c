// SPDX-License-Identifier: MIT
/*
 * cds_lfht_qsbr.c - cds_lfht with urcu-qsbr, whose sections are nothing but a store when they end: the host must be able to announce quiescence.
 */
#define _LGPL_SOURCE 1
#include <urcu/urcu-qsbr.h>

#define FLAVOR(name) urcu_qsbr_##name
#define FLAVOR_QUIESCENT() urcu_qsbr_quiescent_state()
#include "bench/peers/cds_lfht.h"

static struct peer cds_lfht_qsbr = {
    .name = "cds_lfht qsbr", .rank = 11, .traits = LFHT_TRAITS, LFHT_PEER};

PEER_REGISTER(cds_lfht_qsbr)
