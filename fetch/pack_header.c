// SPDX-License-Identifier: MIT
/*
 * pack_header.c - parsing the headers in a pack.
 */
#include "fetch/pack_header.h"
#include <errno.h>

static int wrong(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -EPROTO;
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

int trove__pack_parse_header(const uint8_t *bytes, uint32_t *ret_count, const char **ret_why)
{
    uint32_t version = big_endian(bytes + 4);

    if (memcmp(bytes, "PACK", 4) != 0)
        return wrong(ret_why, "it does not begin with PACK");
    if (version != 2 && version != 3)
        return wrong(ret_why, "its version is neither 2 nor 3");
    *ret_count = big_endian(bytes + 8);
    return 0;
}

/* Type and size: 4 bits of size in the first byte, then 7 bits a byte, least first. */
static int parse_size(const uint8_t *bytes, size_t size, struct trove__pack_entry_header *header,
                      const char **ret_why)
{
    unsigned shift = 4;
    uint8_t byte;

    if (size == 0)
        return -EAGAIN;
    byte = bytes[0];
    header->length = 1;
    header->kind = byte >> 4 & 7;
    header->size = byte & 15;
    while ((byte & 0x80) != 0) {
        if (header->length == size)
            return -EAGAIN;
        byte = bytes[header->length++];
        if (shift > 60 || (shift == 60 && (byte & 0x70) != 0))
            return wrong(ret_why, "its size overflows 64 bits");
        header->size |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    return 0;
}

/* How far back the base begins: 7 bits a byte, most first, 1 added at each continuation. */
static int parse_distance(uint64_t offset, const uint8_t *bytes, size_t size,
                          struct trove__pack_entry_header *header, const char **ret_why)
{
    uint64_t distance = 0;
    uint8_t byte;

    do {
        if (header->length == size)
            return -EAGAIN;
        if (distance > UINT64_MAX >> 8)
            return wrong(ret_why, "the offset of its base overflows");
        byte = bytes[header->length++];
        distance = distance << 7 | (byte & 0x7f);
        if ((byte & 0x80) != 0)
            distance++;
    } while ((byte & 0x80) != 0);
    if (distance == 0)
        return wrong(ret_why, "it is a delta of itself (offset 0)");
    if (distance > offset || offset - distance < TROVE__PACK_HEADER_BYTES)
        return wrong(ret_why, "its base lies before the start of the pack");
    header->base_offset = offset - distance;
    return 0;
}

int trove__pack_parse_entry(enum trove_algo algo, uint64_t offset, const uint8_t *bytes,
                            size_t size, struct trove__pack_entry_header *ret, const char **ret_why)
{
    struct trove__pack_entry_header header = {0};
    int r = parse_size(bytes, size, &header, ret_why);

    if (r < 0)
        return r;
    if (header.kind == 0 || header.kind == 5)
        return wrong(ret_why, "its type is unknown");
    if (header.kind == TROVE__PACK_OFS_DELTA)
        r = parse_distance(offset, bytes, size, &header, ret_why);
    if (header.kind == TROVE__PACK_REF_DELTA) {
        if (size - header.length < trove_oid_bytes(algo))
            return -EAGAIN;
        memcpy(header.base_id.bytes, bytes + header.length, trove_oid_bytes(algo));
        header.length += (unsigned)trove_oid_bytes(algo);
    }
    if (r == 0)
        *ret = header;
    return r;
}
