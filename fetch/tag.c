// SPDX-License-Identifier: MIT
/*
 * tag.c - what an annotated tag points at.
 */
#include "tag.h"

#include <errno.h>
#include <string.h>

#include "header_line.h"

/* "type <name>\n" at TEXT (SIZE bytes), or TROVE_ANY. */
static enum trove_type read_type(const char *text, size_t size)
{
    static const char key[] = "type ";
    size_t key_length = sizeof(key) - 1;
    const char *end;

    if (size < key_length || memcmp(text, key, key_length) != 0)
        return TROVE_ANY;
    end = memchr(text + key_length, '\n', size - key_length);
    if (end == NULL)
        return TROVE_ANY;
    return trove_type_from_name(text + key_length, (size_t)(end - text) - key_length);
}

int trove__tag_parse(enum trove_algo algo, const void *data, size_t size,
                     struct trove__tag *ret_tag, struct trove_error *err)
{
    struct trove__tag tag;
    size_t used;

    if (trove__header_id(algo, "object ", data, size, &tag.target, &used) != 1)
        return trove_error_set(err, -EPROTO, "bogus tag object: it names no object");
    tag.type = read_type((const char *)data + used, size - used);
    if (tag.type == TROVE_ANY)
        return trove_error_set(err, -EPROTO, "bogus tag object: its target has no known type");
    *ret_tag = tag;
    return 0;
}
