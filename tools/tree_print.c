// SPDX-License-Identifier: MIT
/*
 * tree_print.c - a tree as `git ls-tree` lists it.
 */
#include "tree_print.h"

#include <inttypes.h>

#include "fetch/tree.h"
#include "grep/quote.h"

static void print_entry(enum trove_algo algo, const struct trove__tree_entry *entry,
                        const struct trove__text *name, FILE *out)
{
    char hex[TROVE_OID_HEX_MAX + 1];

    fprintf(out, "%06" PRIo32 " %s %s\t", entry->mode,
            trove_type_name(trove__mode_type(entry->mode)),
            trove_oid_to_hex(algo, &entry->id, hex));
    fwrite(name->bytes, 1, name->size, out);
    fputc('\n', out);
}

int trove__tree_print(enum trove_algo algo, const struct trove_object *tree, bool quote_fully,
                      FILE *out, struct trove_error *err)
{
    struct trove__tree_reader reader;
    struct trove__tree_entry entry;
    struct trove__text name = {.size = 0};
    int status;

    trove__tree_reader_init(&reader, algo, trove_object_data(tree), trove_object_size(tree));
    while ((status = trove__tree_next(&reader, &entry, err)) == 1) {
        trove__text_reset(&name);
        trove__quote_path(entry.name, entry.name_length, quote_fully, &name);
        if (name.failure != 0) {
            status = trove_error_set(err, name.failure, "no memory for a name");
            break;
        }
        print_entry(algo, &entry, &name, out);
    }
    trove__text_deinit(&name);
    return status;
}
