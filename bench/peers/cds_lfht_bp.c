// SPDX-License-Identifier: MIT
/*
 * cds_lfht_bp.c - cds_lfht with urcu-bp, the flavour that trove itself uses.
 */
#define _LGPL_SOURCE 1
#include <urcu/urcu-bp.h>

#define FLAVOR(name) urcu_bp_##name
#define FLAVOR_QUIESCENT() ((void)0)
#include "bench/peers/cds_lfht.h"

static struct peer cds_lfht_bp = {
    .name = "cds_lfht bp", .rank = 12, .traits = LFHT_TRAITS, LFHT_PEER};

PEER_REGISTER(cds_lfht_bp)
