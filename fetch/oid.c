// SPDX-License-Identifier: MIT
/*
 * oid.c - names of objects and of their types as text.
 */
#include <errno.h>
#include <trove/oid.h>

static const char *const type_names[] = {"any", "commit", "tree", "blob", "tag"};
enum { TYPE_COUNT = sizeof(type_names) / sizeof(type_names[0]) };

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

int trove_oid_from_hex(enum trove_algo algo, const char *hex, size_t length,
                       struct trove_oid *ret_id)
{
    size_t size = trove_oid_bytes(algo);
    struct trove_oid id = {{0}};

    if (length < 2 * size)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(hex[2 * i]);
        int low = high < 0 ? -1 : hex_value(hex[2 * i + 1]); /* never looks past a terminator */

        if (low < 0)
            return -EINVAL;
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_id = id;
    return 0;
}

char *trove_oid_to_hex(enum trove_algo algo, const struct trove_oid *id, char *buffer)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = trove_oid_bytes(algo);

    for (size_t i = 0; i < size; i++) {
        buffer[2 * i] = digits[id->bytes[i] >> 4];
        buffer[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    buffer[2 * size] = '\0';
    return buffer;
}

const char *trove_type_name(enum trove_type type)
{
    return (unsigned)type < TYPE_COUNT ? type_names[type] : type_names[TROVE_ANY];
}

enum trove_type trove_type_from_name(const char *name, size_t length)
{
    for (unsigned type = TROVE_COMMIT; type < TYPE_COUNT; type++)
        if (strlen(type_names[type]) == length && memcmp(type_names[type], name, length) == 0)
            return (enum trove_type)type;
    return TROVE_ANY;
}
