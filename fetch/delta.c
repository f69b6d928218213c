// SPDX-License-Identifier: MIT
/*
 * delta.c - checking and applying deltas.
 *
 * A delta is two sizes (base, result) and a list of operations. Operation bytes: 1xxxxxxx copy, its low bits saying
 * which bytes of offset (4) and size (3) follow, size 0 meaning 0x10000; 0xxxxxxx insert that many bytes; 0 reserved.
 */
#include "fetch/delta.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { COPY = 0x80, COPY_SIZE_DEFAULT = 0x10000 };

struct cursor {
    const uint8_t *at;
    size_t left;
};

struct operation {
    bool copy;
    uint32_t offset; /* in the base; of copies only */
    uint32_t size;
};

static int read_size(struct cursor *in, uint64_t *ret_size)
{
    uint64_t size = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        if (in->left == 0)
            return -EPROTO;
        byte = *in->at++;
        in->left--;
        if (shift > 63 || (shift == 63 && (byte & 0x7e) != 0))
            return -EPROTO;
        size |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) != 0);
    *ret_size = size;
    return 0;
}

/* Moves IN behind the next operation, and behind what an insert holds. */
static inline int next_operation(struct cursor *in, struct operation *ret)
{
    uint8_t code = *in->at++;
    uint32_t operand[2] = {0, 0};

    in->left--;
    if ((code & COPY) == 0) {
        if (code == 0 || code > in->left)
            return -EPROTO;
        *ret = (struct operation){.copy = false, .size = code};
        in->at += code;
        in->left -= code;
        return 0;
    }
    if (in->left < (size_t)__builtin_popcount(code & 0x7f))
        return -EPROTO;
    for (unsigned bit = 0; bit < 7; bit++)
        if ((code & 1u << bit) != 0) {
            operand[bit >> 2] |= (uint32_t)*in->at++ << 8 * (bit & 3);
            in->left--;
        }
    *ret = (struct operation){.copy = true,
                              .offset = operand[0],
                              .size = operand[1] != 0 ? operand[1] : COPY_SIZE_DEFAULT};
    return 0;
}

static int wrong(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -EPROTO;
}

int trove__delta_check(const void *delta, size_t delta_size, uint64_t base_size,
                       uint64_t *ret_result_size, const char **ret_why)
{
    struct cursor in = {delta, delta_size};
    uint64_t base_claim, result_size, left;
    struct operation op;

    if (read_size(&in, &base_claim) < 0 || read_size(&in, &result_size) < 0)
        return wrong(ret_why, "its delta has a size that is cut short or overflows");
    if (base_claim != base_size)
        return wrong(ret_why, "its delta is for a base of another size");
    left = result_size;
    while (in.left > 0) {
        if (next_operation(&in, &op) < 0)
            return wrong(ret_why, "its delta has an operation that is reserved or cut short");
        if (op.copy && (op.offset > base_size || op.size > base_size - op.offset))
            return wrong(ret_why, "its delta copies past the end of the base");
        if (op.size > left)
            return wrong(ret_why, "its delta writes more bytes than it claims");
        left -= op.size;
    }
    if (left != 0)
        return wrong(ret_why, "its delta writes fewer bytes than it claims");
    *ret_result_size = result_size;
    return 0;
}

void trove__delta_apply(const void *delta, size_t delta_size, const void *base, void *result)
{
    struct cursor in = {delta, delta_size};
    uint8_t *out = result;
    uint64_t size;
    struct operation op;

    if (read_size(&in, &size) < 0 || read_size(&in, &size) < 0)
        return;
    while (in.left > 0 && next_operation(&in, &op) == 0) {
        const uint8_t *from = op.copy ? (const uint8_t *)base + op.offset : in.at - op.size;

        memcpy(out, from, op.size);
        out += op.size;
    }
}
