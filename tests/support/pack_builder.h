// SPDX-License-Identifier: MIT
/*
 * pack_builder.h - packs and deltas made by hand, right ones and wrong ones.
 */
#ifndef TROVE_TESTS_PACK_BUILDER_H
#define TROVE_TESTS_PACK_BUILDER_H

#include <stdlib.h>
#include <trove/hash.h>

struct bytes {
    uint8_t *at;
    size_t size, room;
};

void bytes_add(struct bytes *bytes, const void *from, size_t size);
void bytes_add_byte(struct bytes *bytes, uint8_t byte);
void bytes_free(struct bytes *bytes);

/* --- packs --- */

struct pack_builder {
    struct bytes out;
    enum trove_algo algo;
    uint32_t count;
    int level; /* of zlib */
};

void pack_begin(struct pack_builder *pack, enum trove_algo algo);
/* Each returns the offset of the entry. */
size_t pack_add(struct pack_builder *pack, enum trove_type type, const void *data, size_t size);
size_t pack_add_ofs(struct pack_builder *pack, size_t base_offset, const struct bytes *delta);
size_t pack_add_ref(struct pack_builder *pack, const struct trove_oid *base,
                    const struct bytes *delta);
/* The pieces of an entry, for wrong ones: a header that claims SIZE, a distance, a zlib stream. */
size_t pack_add_header(struct pack_builder *pack, unsigned kind, uint64_t size);
void pack_add_distance(struct pack_builder *pack, uint64_t distance);
void pack_add_stream(struct pack_builder *pack, const void *data, size_t size);
/* Writes the count, which may be any, and the trailer. */
void pack_end_claiming(struct pack_builder *pack, uint32_t count);
void pack_end(struct pack_builder *pack);
void pack_free(struct pack_builder *pack);

/* --- deltas --- */

void delta_begin(struct bytes *delta, uint64_t base_size, uint64_t result_size);
void delta_copy(struct bytes *delta, uint32_t offset, uint32_t size);
void delta_insert(struct bytes *delta, const void *data, size_t size);

/* --- contents --- */

/* Bytes that do not compress, the same for the same SEED. */
void fill_noise(uint8_t *data, size_t size, uint32_t seed);

struct trove_oid oid_of(enum trove_algo algo, enum trove_type type, const void *data, size_t size);

#endif
