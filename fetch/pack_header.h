// SPDX-License-Identifier: MIT
/*
 * pack_header.h - the headers in a pack: of the pack itself and of each entry. Pure.
 */
#ifndef TROVE_FETCH_PACK_HEADER_H
#define TROVE_FETCH_PACK_HEADER_H

#include <trove/oid.h>

enum {
    TROVE__PACK_HEADER_BYTES = 12,
    TROVE__PACK_ENTRY_HEADER_MAX =
        10 + TROVE_OID_BYTES_MAX, /* size, then offset or id of the base */
};

/* As in the pack; the first four are those of enum trove_type. */
enum trove__pack_kind { TROVE__PACK_OFS_DELTA = 6, TROVE__PACK_REF_DELTA = 7 };

struct trove__pack_entry_header {
    unsigned kind;            /* enum trove_type or enum trove__pack_kind */
    unsigned length;          /* of the header itself */
    uint64_t size;            /* of what follows it, inflated */
    uint64_t base_offset;     /* of an OFS_DELTA: from the start of the pack */
    struct trove_oid base_id; /* of a REF_DELTA */
};

static inline bool trove__pack_kind_is_delta(unsigned kind)
{
    return kind >= TROVE__PACK_OFS_DELTA;
}

/* BYTES are the first TROVE__PACK_HEADER_BYTES of a pack. Returns 0 or -EPROTO and *RET_WHY (static). */
int trove__pack_parse_header(const uint8_t *bytes, uint32_t *ret_count, const char **ret_why);

/* The header of the entry that begins OFFSET bytes behind the start of the pack. Returns 0; -EAGAIN, SIZE bytes are not
 * enough (TROVE__PACK_ENTRY_HEADER_MAX always are); -EPROTO and *RET_WHY (static). */
int trove__pack_parse_entry(enum trove_algo algo, uint64_t offset, const uint8_t *bytes,
                            size_t size, struct trove__pack_entry_header *ret,
                            const char **ret_why);

#endif
