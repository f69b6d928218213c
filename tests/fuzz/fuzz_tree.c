// SPDX-License-Identifier: MIT
/*
 * fuzz_tree.c - tree objects. The first byte chooses the algorithm. Entries lie one behind the other and cover the tree
 * exactly when its end is reached; looking an entry's own name up finds an entry of that name as long as names ascend.
 */
#include "fetch/tree.h"
#include "fuzz.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check_find(enum trove_algo algo, const uint8_t *data, size_t size,
                       const struct trove__tree_entry *wanted)
{
    struct trove__tree_entry found;
    size_t used = 0;

    CHECK(trove__tree_find(algo, data, size, wanted->name, wanted->name_length, &found, &used,
                           NULL) == 0);
    CHECK(used > 0 && used <= wanted->name_length);
    CHECK(memcmp(found.name, wanted->name, found.name_length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trove__tree_reader reader;
    struct trove__tree_entry entry;
    const uint8_t *end;
    char last[256] = "";
    bool ascending = true;
    enum trove_algo algo;
    int status;

    if (size == 0)
        return 0;
    algo = data[0] & 1 ? TROVE_SHA256 : TROVE_SHA1;
    end = ++data;
    size--;
    trove__tree_reader_init(&reader, algo, data, size);
    while ((status = trove__tree_next(&reader, &entry, NULL)) == 1) {
        CHECK((const uint8_t *)entry.name > end && entry.name_length > 0);
        CHECK(strlen(entry.name) == entry.name_length);
        CHECK(trove__mode_type(entry.mode) != TROVE_ANY);
        end = (const uint8_t *)entry.name + entry.name_length + 1 + trove_oid_bytes(algo);
        CHECK((size_t)(end - data) + reader.left == size);
        ascending = ascending && entry.name_length < sizeof(last) &&
                    strncmp(last, entry.name, sizeof(last) - 1) <= 0 &&
                    strchr(entry.name, '/') == NULL;
        if (ascending)
            check_find(algo, data, size, &entry);
        strncpy(last, entry.name, sizeof(last) - 1);
    }
    CHECK(status == -EPROTO || (size_t)(end - data) == size);
    return 0;
}
