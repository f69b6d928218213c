// SPDX-License-Identifier: MIT
/*
 * digest.c - running digests, and the two plain hash providers made of them.
 */
#include "fetch/digest.h"
#include <stdio.h>
#include <trove/hash.h>

void trove__digest_init(struct trove__digest *digest, enum trove_algo algo)
{
    digest->algo = algo;
    if (algo == TROVE_SHA256)
        SHA256_Init(&digest->of.sha256);
    else
        SHA1_Init(&digest->of.sha1);
}

void trove__digest_update(struct trove__digest *digest, const void *bytes, size_t size)
{
    if (digest->algo == TROVE_SHA256)
        SHA256_Update(&digest->of.sha256, bytes, size);
    else
        SHA1_Update(&digest->of.sha1, bytes, size);
}

void trove__digest_final(struct trove__digest *digest, struct trove_oid *ret_sum)
{
    memset(ret_sum, 0, sizeof(*ret_sum));
    if (digest->algo == TROVE_SHA256)
        SHA256_Final(ret_sum->bytes, &digest->of.sha256);
    else
        SHA1_Final(ret_sum->bytes, &digest->of.sha1);
}

size_t trove__object_header(enum trove_type type, uint64_t size,
                            char buffer[TROVE__OBJECT_HEADER_MAX])
{
    char digits[20];
    size_t digit_count = 0;
    const char *name = trove_type_name(type);
    size_t length = strlen(name);

    memcpy(buffer, name, length);
    buffer[length++] = ' ';
    do {
        digits[digit_count++] = (char)('0' + size % 10);
        size /= 10;
    } while (size != 0);
    while (digit_count > 0)
        buffer[length++] = digits[--digit_count];
    buffer[length++] = '\0';
    return length;
}

static int plain_object_id(enum trove_algo algo, enum trove_type type, const void *data,
                           size_t size, struct trove_oid *ret_id)
{
    struct trove__digest digest;
    char header[TROVE__OBJECT_HEADER_MAX];

    trove__digest_init(&digest, algo);
    trove__digest_update(&digest, header, trove__object_header(type, size, header));
    trove__digest_update(&digest, data, size);
    trove__digest_final(&digest, ret_id);
    return 0;
}

static int sha1_object_id(void *context, enum trove_type type, const void *data, size_t size,
                          struct trove_oid *ret_id)
{
    (void)context;
    return plain_object_id(TROVE_SHA1, type, data, size, ret_id);
}

static int sha256_object_id(void *context, enum trove_type type, const void *data, size_t size,
                            struct trove_oid *ret_id)
{
    (void)context;
    return plain_object_id(TROVE_SHA256, type, data, size, ret_id);
}

const struct trove_hash *trove_hash_sha1(void)
{
    static const struct trove_hash hash = {.algo = TROVE_SHA1, .object_id = sha1_object_id};

    return &hash;
}

const struct trove_hash *trove_hash_sha256(void)
{
    static const struct trove_hash hash = {.algo = TROVE_SHA256, .object_id = sha256_object_id};

    return &hash;
}
