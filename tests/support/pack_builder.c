// SPDX-License-Identifier: MIT
/*
 * pack_builder.c - packs and deltas made by hand.
 */
#include "pack_builder.h"
#include "fetch/digest.h"
#include <zlib.h>

void bytes_add(struct bytes *bytes, const void *from, size_t size)
{
    if (bytes->room - bytes->size < size) {
        bytes->room = 2 * bytes->room + size + 64;
        bytes->at = realloc(bytes->at, bytes->room);
        if (bytes->at == NULL)
            abort();
    }
    if (size > 0)
        memcpy(bytes->at + bytes->size, from, size);
    bytes->size += size;
}

void bytes_add_byte(struct bytes *bytes, uint8_t byte)
{
    bytes_add(bytes, &byte, 1);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){0};
}

static void add_big_endian(struct bytes *bytes, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes_add_byte(bytes, (uint8_t)(value >> shift));
}

void pack_begin(struct pack_builder *pack, enum trove_algo algo)
{
    *pack = (struct pack_builder){.algo = algo, .level = 6};
    bytes_add(&pack->out, "PACK", 4);
    add_big_endian(&pack->out, 2);
    add_big_endian(&pack->out, 0);
}

size_t pack_add_header(struct pack_builder *pack, unsigned kind, uint64_t size)
{
    size_t offset = pack->out.size;
    uint8_t byte = (uint8_t)(kind << 4 | (size & 15));

    for (size >>= 4; size != 0; size >>= 7) {
        bytes_add_byte(&pack->out, byte | 0x80);
        byte = (uint8_t)(size & 0x7f);
    }
    bytes_add_byte(&pack->out, byte);
    pack->count++;
    return offset;
}

void pack_add_distance(struct pack_builder *pack, uint64_t distance)
{
    uint8_t digits[10];
    size_t count = 0;

    digits[count++] = distance & 0x7f;
    while ((distance >>= 7) != 0)
        digits[count++] = (uint8_t)(0x80 | (--distance & 0x7f));
    while (count > 0)
        bytes_add_byte(&pack->out, digits[--count]);
}

void pack_add_stream(struct pack_builder *pack, const void *data, size_t size)
{
    uLongf room = compressBound((uLong)size);
    uint8_t *to = malloc(room);

    if (to == NULL || compress2(to, &room, data, (uLong)size, pack->level) != Z_OK)
        abort();
    bytes_add(&pack->out, to, room);
    free(to);
}

size_t pack_add(struct pack_builder *pack, enum trove_type type, const void *data, size_t size)
{
    size_t offset = pack_add_header(pack, type, size);

    pack_add_stream(pack, data, size);
    return offset;
}

size_t pack_add_ofs(struct pack_builder *pack, size_t base_offset, const struct bytes *delta)
{
    size_t offset = pack_add_header(pack, 6, delta->size);

    pack_add_distance(pack, offset - base_offset);
    pack_add_stream(pack, delta->at, delta->size);
    return offset;
}

size_t pack_add_ref(struct pack_builder *pack, const struct trove_oid *base,
                    const struct bytes *delta)
{
    size_t offset = pack_add_header(pack, 7, delta->size);

    bytes_add(&pack->out, base->bytes, trove_oid_bytes(pack->algo));
    pack_add_stream(pack, delta->at, delta->size);
    return offset;
}

void pack_end_claiming(struct pack_builder *pack, uint32_t count)
{
    struct bytes header = {0};
    struct trove__digest digest;
    struct trove_oid sum;

    add_big_endian(&header, count);
    memcpy(pack->out.at + 8, header.at, 4);
    bytes_free(&header);
    trove__digest_init(&digest, pack->algo);
    trove__digest_update(&digest, pack->out.at, pack->out.size);
    trove__digest_final(&digest, &sum);
    bytes_add(&pack->out, sum.bytes, trove_oid_bytes(pack->algo));
}

void pack_end(struct pack_builder *pack)
{
    pack_end_claiming(pack, pack->count);
}

void pack_free(struct pack_builder *pack)
{
    bytes_free(&pack->out);
}

static void add_size(struct bytes *bytes, uint64_t size)
{
    for (; size >= 0x80; size >>= 7)
        bytes_add_byte(bytes, (uint8_t)(size | 0x80));
    bytes_add_byte(bytes, (uint8_t)size);
}

void delta_begin(struct bytes *delta, uint64_t base_size, uint64_t result_size)
{
    *delta = (struct bytes){0};
    add_size(delta, base_size);
    add_size(delta, result_size);
}

void delta_copy(struct bytes *delta, uint32_t offset, uint32_t size)
{
    uint8_t operands[7];
    size_t count = 0;
    uint8_t code = 0x80;

    for (int i = 0; i < 4; i++)
        if ((offset >> 8 * i & 0xff) != 0) {
            code |= (uint8_t)(1 << i);
            operands[count++] = (uint8_t)(offset >> 8 * i);
        }
    for (int i = 0; i < 3 && size != 0x10000; i++)
        if ((size >> 8 * i & 0xff) != 0) {
            code |= (uint8_t)(0x10 << i);
            operands[count++] = (uint8_t)(size >> 8 * i);
        }
    bytes_add_byte(delta, code);
    bytes_add(delta, operands, count);
}

void delta_insert(struct bytes *delta, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        uint8_t piece = (uint8_t)(size < 127 ? size : 127);

        bytes_add_byte(delta, piece);
        bytes_add(delta, at, piece);
        at += piece;
        size -= piece;
    }
}

void fill_noise(uint8_t *data, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
}

struct trove_oid oid_of(enum trove_algo algo, enum trove_type type, const void *data, size_t size)
{
    const struct trove_hash *hash = algo == TROVE_SHA256 ? trove_hash_sha256() : trove_hash_sha1();
    struct trove_oid id;

    if (hash->object_id(hash->context, type, data, size, &id) < 0)
        abort();
    return id;
}
