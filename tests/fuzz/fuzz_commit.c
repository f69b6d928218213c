// SPDX-License-Identifier: MIT
/*
 * fuzz_commit.c - commits and tags. The first byte chooses the algorithm. A head that was understood, written out again,
 * is what the object begins with.
 */
#include "fetch/commit.h"
#include "fetch/tag.h"
#include "fuzz.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Checks that the object has "KEY<ID>\n" at *AT, hex digits in either case, and moves on. */
static void expect(const uint8_t *data, size_t size, size_t *at, enum trove_algo algo,
                   const char *key, const struct trove_oid *id)
{
    char hex[TROVE_OID_HEX_MAX + 1], line[TROVE_OID_HEX_MAX + 16];
    size_t length;

    length = (size_t)snprintf(line, sizeof(line), "%s%s\n", key, trove_oid_to_hex(algo, id, hex));
    CHECK(length <= size - *at);
    CHECK(strncasecmp((const char *)data + *at, line, length) == 0);
    *at += length;
}

static void check_commit(const uint8_t *data, size_t size, enum trove_algo algo)
{
    struct trove__commit commit;
    struct trove_oid parent;
    size_t at = 0;

    if (trove__commit_parse(algo, data, size, &commit, NULL) < 0)
        return;
    expect(data, size, &at, algo, "tree ", &commit.tree);
    for (size_t i = 0; i < commit.parent_count; i++) {
        CHECK(trove__commit_parent(&commit, i, &parent) == 0);
        expect(data, size, &at, algo, "parent ", &parent);
    }
    CHECK(trove__commit_parent(&commit, commit.parent_count, &parent) == -ENOENT);
    CHECK(size - at < 7 || memcmp(data + at, "parent ", 7) != 0);
}

static void check_tag(const uint8_t *data, size_t size, enum trove_algo algo)
{
    struct trove__tag tag;
    size_t at = 0, length;

    if (trove__tag_parse(algo, data, size, &tag, NULL) < 0)
        return;
    expect(data, size, &at, algo, "object ", &tag.target);
    length = strlen(trove_type_name(tag.type));
    CHECK(size - at > 5 + length);
    CHECK(memcmp(data + at + 5, trove_type_name(tag.type), length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum trove_algo algo;

    if (size == 0)
        return 0;
    algo = data[0] & 1 ? TROVE_SHA256 : TROVE_SHA1;
    check_commit(data + 1, size - 1, algo);
    check_tag(data + 1, size - 1, algo);
    return 0;
}
