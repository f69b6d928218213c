// SPDX-License-Identifier: MIT
/*
 * fuzz_pack_deltas.c - packs whose streams and trailer are right and whose entries are any: what no fuzzer that must
 * guess checksums gets to. Chains, late bases, circles, bases outside the pack; by one thread and by three, with a file
 * or without, with a cache that remembers or forgets.
 *
 * Input: one byte of ways, then entries: a byte of kind (low 3 bits: 0 to 3 a plain object of that type + 1, 4 an offset
 * delta, 5 a delta of a plain object anywhere in the pack, 6 of the object outside, 7 of an id nobody has; bit 3: the
 * delta's sizes are made right; bit 4: plain data is repeated 400 times), for 4 and 5 a byte that picks the base, a byte
 * of length, and so many bytes of data or delta operations. Properties: those of pack_checked.h; one thread and three
 * come to the same end, and, when it is success, to the same objects.
 */
#include "../support/pack_builder.h"
#include "fuzz.h"
#include "pack_checked.h"
#include <errno.h>
#include <string.h>

enum { ENTRIES_MAX = 48, REPEATS = 400, PLAIN_KINDS = 4, OFFSET_DELTA = 4, LATE, OUTSIDE };
enum { WAY_SHA256 = 1, WAY_SPOOLS = 2, WAY_REMEMBERS = 4, WAY_PIECE_SHIFT = 3 };

struct entry {
    unsigned kind;
    bool right_sizes;
    uint8_t base;
    const uint8_t *data;
    size_t size;
    size_t repeats;
    uint64_t result_size; /* of a plain object, or of a delta with right sizes */
    size_t offset;
};

static bool has_base_byte(unsigned kind)
{
    return kind == OFFSET_DELTA || kind == LATE;
}

static size_t parse(const uint8_t *data, size_t size, struct entry *entries)
{
    size_t count = 0;

    while (count < ENTRIES_MAX && size >= 3) {
        struct entry *entry = &entries[count++];
        size_t head = has_base_byte(data[0] & 7u) ? 3 : 2;

        *entry = (struct entry){.kind = data[0] & 7u,
                                .right_sizes = (data[0] & 8) != 0,
                                .repeats = (data[0] & 16) != 0 ? REPEATS : 1,
                                .base = data[1],
                                .data = data + head,
                                .size = data[head - 1]};
        if (entry->size > size - head)
            entry->size = size - head;
        if (entry->kind < PLAIN_KINDS)
            entry->result_size = entry->size * entry->repeats;
        data += head + entry->size;
        size -= head + entry->size;
    }
    return count;
}

/* What the operations of a delta write, as far as they can be read. */
static uint64_t written(const uint8_t *at, size_t left)
{
    uint64_t sum = 0;

    while (left > 0) {
        uint8_t code = *at++;
        size_t skip = (code & 0x80) != 0 ? (size_t)__builtin_popcount(code & 0x7f) : code;
        uint32_t size = 0;

        left--;
        if (skip > left)
            break;
        if ((code & 0x80) != 0) {
            const uint8_t *operand = at + __builtin_popcount(code & 0x0f);

            for (int i = 0; i < 3; i++)
                size |= (code >> (4 + i) & 1) != 0 ? (uint32_t)*operand++ << 8 * i : 0;
            sum += size == 0 ? 0x10000 : size;
        } else {
            sum += code;
        }
        at += skip;
        left -= skip;
    }
    return sum;
}

static void expand(const struct entry *entry, struct bytes *ret)
{
    *ret = (struct bytes){0};
    for (size_t i = 0; i < entry->repeats; i++)
        bytes_add(ret, entry->data, entry->size);
}

/* The id of a plain object that is picked by the entry's byte; a made-up one when there is none. */
static struct trove_oid late_base(enum trove_algo algo, const struct entry *entries, size_t count,
                                  uint8_t pick, uint64_t *ret_size)
{
    struct trove_oid id = {{1}};

    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[(pick + i) % count];
        struct bytes data;

        if (entry->kind >= PLAIN_KINDS)
            continue;
        expand(entry, &data);
        id = oid_of(algo, (enum trove_type)(entry->kind + 1),
                    data.at != NULL ? data.at : (void *)"", data.size);
        bytes_free(&data);
        *ret_size = entry->result_size;
        break;
    }
    return id;
}

static struct trove_oid outside_base(enum trove_algo algo)
{
    uint8_t bytes[PACK_OUTSIDE_BYTES];

    pack_outside(bytes);
    return oid_of(algo, TROVE_BLOB, bytes, sizeof(bytes));
}

static void add_delta(struct pack_builder *pack, struct entry *entries, size_t count, size_t i)
{
    struct entry *entry = &entries[i];
    struct trove_oid id = {{2}};
    struct bytes delta = {0};
    uint64_t base_size = PACK_OUTSIDE_BYTES;
    const struct entry *base = i > 0 ? &entries[i - 1 - entry->base % i] : NULL;

    if (entry->kind == LATE)
        id = late_base(pack->algo, entries, count, entry->base, &base_size);
    else if (entry->kind == OUTSIDE)
        id = outside_base(pack->algo);
    else if (entry->kind == OFFSET_DELTA && base != NULL)
        base_size = base->result_size;
    if (entry->right_sizes) {
        entry->result_size = written(entry->data, entry->size);
        delta_begin(&delta, base_size, entry->result_size);
    }
    bytes_add(&delta, entry->data, entry->size);
    entry->offset = entry->kind == OFFSET_DELTA
                        ? pack_add_ofs(pack, base != NULL ? base->offset : 0, &delta)
                        : pack_add_ref(pack, &id, &delta);
    bytes_free(&delta);
}

static void build(struct pack_builder *pack, struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &entries[i];
        struct bytes data;

        if (entry->kind >= PLAIN_KINDS) {
            add_delta(pack, entries, count, i);
            continue;
        }
        expand(entry, &data);
        entry->offset = pack_add(pack, (enum trove_type)(entry->kind + 1),
                                 data.at != NULL ? data.at : (void *)"", data.size);
        bytes_free(&data);
    }
    pack_end(pack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct entry entries[ENTRIES_MAX];
    const struct trove_hash *hash;
    struct pack_builder pack;
    struct pack_way way;
    struct pack_result one, three;

    if (size == 0)
        return 0;
    hash = (data[0] & WAY_SHA256) != 0 ? trove_hash_sha256() : trove_hash_sha1();
    way = (struct pack_way){.piece = (size_t)40 << (data[0] >> WAY_PIECE_SHIFT) % 16,
                            .spools = (data[0] & WAY_SPOOLS) != 0,
                            .remembers = (data[0] & WAY_REMEMBERS) != 0};
    pack_begin(&pack, hash->algo);
    pack.level = 1;
    build(&pack, entries, parse(data + 1, size - 1, entries));
    one = pack_checked(hash, pack.out.at, pack.out.size, way);
    way.threads = true;
    three = pack_checked(hash, pack.out.at, pack.out.size, way);
    pack_free(&pack);
    if (one.status == -EFBIG || three.status == -EFBIG)
        return 0; /* which limit is met depends on what was dropped when */
    if (one.status != three.status || (one.status == 0 && one.objects != three.objects) ||
        (one.status == 0 && one.ids != three.ids))
        abort();
    return 0;
}
