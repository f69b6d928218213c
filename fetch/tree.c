// SPDX-License-Identifier: MIT
/*
 * tree.c - the entries of a tree object: "<octal mode> <name>\0<id>", one after the other.
 */
#include "tree.h"

#include <errno.h>
#include <string.h>

void trove__tree_reader_init(struct trove__tree_reader *reader, enum trove_algo algo,
                             const void *data, size_t size)
{
    *reader = (struct trove__tree_reader){.at = data, .left = size, .algo = algo};
}

static uint32_t canonical_mode(uint32_t mode)
{
    switch (mode & 0170000) {
    case 0100000:
        return mode & 0100 ? TROVE__MODE_EXECUTABLE : TROVE__MODE_FILE;
    case 0120000:
        return TROVE__MODE_LINK;
    case 0040000:
        return TROVE__MODE_TREE;
    default:
        return TROVE__MODE_GITLINK;
    }
}

/* Octal digits up to a space. Returns how many bytes that took, the space included; 0 if it is no mode. The number wraps
 * as git's does. */
static size_t read_mode(const unsigned char *at, size_t left, uint32_t *ret_mode)
{
    uint32_t mode = 0;

    for (size_t i = 0; i < left; i++) {
        if (at[i] == ' ') {
            *ret_mode = canonical_mode(mode);
            return i == 0 ? 0 : i + 1;
        }
        if (at[i] < '0' || at[i] > '7')
            return 0;
        mode = (mode << 3) + (uint32_t)(at[i] - '0');
    }
    return 0;
}

int trove__tree_next(struct trove__tree_reader *reader, struct trove__tree_entry *ret_entry,
                     struct trove_error *err)
{
    size_t id_bytes = trove_oid_bytes(reader->algo), mode_bytes, name_bytes;
    const unsigned char *name, *end;
    uint32_t mode;

    if (reader->left == 0)
        return 0;
    /* A tree ends with NUL and an id. That the NUL is there ends the search for each name within the tree. */
    if (reader->left < id_bytes + 3 || reader->at[reader->left - id_bytes - 1] != '\0')
        return trove_error_set(err, -EPROTO, "too-short tree object");
    mode_bytes = read_mode(reader->at, reader->left - id_bytes - 1, &mode);
    if (mode_bytes == 0)
        return trove_error_set(err, -EPROTO, "malformed mode in tree entry");
    name = reader->at + mode_bytes;
    end = memchr(name, '\0', reader->left - id_bytes - mode_bytes);
    if (end == NULL || end == name)
        return trove_error_set(err, -EPROTO, "empty filename in tree entry");
    name_bytes = (size_t)(end - name);

    ret_entry->name = (const char *)name;
    ret_entry->name_length = name_bytes;
    ret_entry->mode = mode;
    memset(&ret_entry->id, 0, sizeof(ret_entry->id));
    memcpy(ret_entry->id.bytes, end + 1, id_bytes);
    reader->at = end + 1 + id_bytes;
    reader->left -= mode_bytes + name_bytes + 1 + id_bytes;
    return 1;
}

enum trove_type trove__mode_type(uint32_t mode)
{
    if (mode == TROVE__MODE_TREE)
        return TROVE_TREE;
    return mode == TROVE__MODE_GITLINK ? TROVE_COMMIT : TROVE_BLOB;
}

/* What ENTRY is to PATH: 0 covers its beginning, <0 look further, >0 PATH is not in this tree. */
static int compare_path(const struct trove__tree_entry *entry, const char *path, size_t length)
{
    int order;

    if (entry->name_length > length)
        return -1;
    order = memcmp(path, entry->name, entry->name_length);
    if (order != 0)
        return order > 0 ? -1 : 1;
    if (entry->name_length == length)
        return 0;
    if (path[entry->name_length] != '/')
        return -1;
    return entry->mode == TROVE__MODE_TREE ? 0 : 1;
}

int trove__tree_find(enum trove_algo algo, const void *data, size_t size, const char *path,
                     size_t length, struct trove__tree_entry *ret_entry, size_t *ret_used,
                     struct trove_error *err)
{
    struct trove__tree_reader reader;
    struct trove__tree_entry entry;
    int status;

    trove__tree_reader_init(&reader, algo, data, size);
    while ((status = trove__tree_next(&reader, &entry, err)) == 1) {
        int order = compare_path(&entry, path, length);
        if (order > 0)
            break;
        if (order == 0) {
            *ret_entry = entry;
            *ret_used = entry.name_length + (entry.name_length < length);
            return 0;
        }
    }
    return status < 0 ? status : -ENOENT;
}
