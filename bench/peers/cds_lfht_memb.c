// SPDX-License-Identifier: MIT
/*
 * cds_lfht_memb.c - cds_lfht with urcu-memb, whose sections cost what trove's cost: the one that targets name.
 */
#define _LGPL_SOURCE 1
#include <urcu/urcu-memb.h>

#define FLAVOR(name) urcu_memb_##name
#define FLAVOR_QUIESCENT() ((void)0)
#include "bench/peers/cds_lfht.h"

static struct peer cds_lfht_memb = {
    .name = "cds_lfht memb", .rank = 10, .traits = LFHT_TRAITS | PEER_LARGE, LFHT_PEER};

PEER_REGISTER(cds_lfht_memb)
