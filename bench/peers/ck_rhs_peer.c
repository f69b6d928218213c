// SPDX-License-Identifier: MIT
/*
 * ck_rhs_peer.c - ck_rhs, the Robin Hood hash set of Concurrency Kit.
 *
 * Configuration  as ck_hs, in the layout for reading (CK_RHS_MODE_READ_MOSTLY).
 */
#include <ck_rhs.h>

#define CK_SET(name) ck_rhs_##name
#define CK_SET_MODE (CK_RHS_MODE_SPMC | CK_RHS_MODE_OBJECT | CK_RHS_MODE_READ_MOSTLY)
#include "bench/peers/ck_set.h"

static struct peer ck_rhs_peer = {.name = "ck_rhs", .rank = 22, .traits = CK_TRAITS, CK_SET_PEER};

PEER_REGISTER(ck_rhs_peer)
