// SPDX-License-Identifier: MIT
/*
 * oid.c - ids: hashing and hex.
 */
#include <trove/oid.h>

const char *trove_type_name(enum trove_type type)
{
    static const char *const names[] = {"any", "commit", "tree", "blob", "tag"};

    return (unsigned)type < sizeof(names) / sizeof(names[0]) ? names[type] : "any";
}
