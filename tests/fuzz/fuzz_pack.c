// SPDX-License-Identifier: MIT
/*
 * fuzz_pack.c - any bytes as a pack.
 *
 * Input: one byte that chooses the hash and how the rest is cut into pieces, then the pack, whose count and trailer are
 * made right first when a bit of that byte says so, so that the fuzzer gets behind them. Properties: those of
 * pack_checked.h; a pack read in pieces ends as the same pack read whole, with the same objects.
 */
#include "fetch/digest.h"
#include "fuzz.h"
#include "pack_checked.h"
#include <stdlib.h>
#include <string.h>

enum { PACK_MAX = 1 << 16 };

/* A right trailer, and a count that is not hopeless. */
static void mend(enum trove_algo algo, uint8_t *bytes, size_t size)
{
    size_t sum_size = trove_oid_bytes(algo);
    struct trove__digest digest;
    struct trove_oid sum;

    if (size < 12 + sum_size)
        return;
    memcpy(bytes, "PACK\0\0\0\2\0\0\0", 11);
    trove__digest_init(&digest, algo);
    trove__digest_update(&digest, bytes, size - sum_size);
    trove__digest_final(&digest, &sum);
    memcpy(bytes + size - sum_size, sum.bytes, sum_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t pack[PACK_MAX];
    const struct trove_hash *hash;
    struct pack_result whole, pieces;

    if (size == 0 || size > PACK_MAX)
        return 0;
    hash = (data[0] & 1) != 0 ? trove_hash_sha256() : trove_hash_sha1();
    memcpy(pack, data + 1, size - 1);
    if ((data[0] & 2) != 0)
        mend(hash->algo, pack, size - 1);
    whole = pack_checked(hash, pack, size - 1, (struct pack_way){.piece = PACK_MAX});
    pieces =
        pack_checked(hash, pack, size - 1, (struct pack_way){.piece = (size_t)(data[0] >> 2) + 1});
    /* Which of two faults is met first may depend on the pieces; whether there is one does not. */
    if ((whole.status < 0) != (pieces.status < 0) || whole.objects != pieces.objects ||
        whole.ids != pieces.ids)
        abort();
    return 0;
}
