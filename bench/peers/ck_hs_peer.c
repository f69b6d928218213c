// SPDX-License-Identifier: MIT
/*
 * ck_hs_peer.c - ck_hs, the hash set of Concurrency Kit.
 *
 * Configuration  presized for twice the objects, so that it does not grow; its mode for one writer with deletion; rebuilt after
 *                each turnover, which clears its tombstones. Debian's ck is built without pointer packing: its slots carry no
 *                tags, so a probe may read an object in vain.
 */
#include <ck_hs.h>

#define CK_SET(name) ck_hs_##name
#define CK_SET_MODE (CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT | CK_HS_MODE_DELETE)
#include "bench/peers/ck_set.h"

static struct peer ck_hs_peer = {
    .name = "ck_hs", .rank = 20, .traits = CK_TRAITS | PEER_LARGE, CK_SET_PEER};

PEER_REGISTER(ck_hs_peer)
