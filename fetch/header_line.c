// SPDX-License-Identifier: MIT
/*
 * header_line.c - the lines that commits and tags begin with.
 */
#include "header_line.h"

#include <errno.h>
#include <string.h>

int trove__header_id(enum trove_algo algo, const char *key, const char *text, size_t size,
                     struct trove_oid *ret_id, size_t *ret_used)
{
    size_t key_length = strlen(key), hex_length = trove_oid_bytes(algo) * 2;
    struct trove_oid id;

    if (size < key_length || memcmp(text, key, key_length) != 0)
        return 0;
    if (size - key_length <= hex_length || text[key_length + hex_length] != '\n')
        return -EPROTO;
    if (trove_oid_from_hex(algo, text + key_length, hex_length, &id) < 0)
        return -EPROTO;
    *ret_id = id;
    *ret_used = key_length + hex_length + 1;
    return 1;
}
