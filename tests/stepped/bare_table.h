// SPDX-License-Identifier: MIT
/*
 * bare_table.h - a table without a cache around it, for tests that stop threads: nothing is evicted, services and grace
 * periods are called by the test.
 */
#ifndef TROVE_TESTS_BARE_TABLE_H
#define TROVE_TESTS_BARE_TABLE_H

#include "core/reclaim.h"
#include "core/table_internal.h"

#define BARE_OBJECTS 4096

struct bare_table {
    struct trove__budget budget;
    struct trove__reclaim reclaim;
    struct trove__ledger *ledger;
    struct trove__table table;
    struct trove_object *objects[BARE_OBJECTS]; /* a pin of the test's own on each */
    unsigned count;
};

/* ONE_HASH: all ids have the same. */
void bare_setup(struct bare_table *f, bool one_hash);
/* Ends the reclaimer's thread, which may have objects on their way home: until they arrive each has two slots, and is counted
 * twice. From here on what is retired stays. */
void bare_come_to_rest(struct bare_table *f);
void bare_teardown(struct bare_table *f);

struct trove_oid bare_id_of(uint32_t n);

/* An object that is not in the table; the table's pin, which insert takes, and the test's own. */
struct trove_object *bare_object(struct bare_table *f, uint32_t n);

int bare_insert(struct bare_table *f, struct trove_object *object);
void bare_add(struct bare_table *f, uint32_t n);
struct trove_object *bare_find(struct bare_table *f, uint32_t n);
/* As an eviction: removed, and retired when that was done here. */
int bare_take_out(struct bare_table *f, struct trove_object *object);

#endif
