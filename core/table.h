// SPDX-License-Identifier: MIT
/*
 * table.h - the map from ids to objects.
 */
#ifndef TROVE_CORE_TABLE_H
#define TROVE_CORE_TABLE_H

#include "core/object.h"

struct trove__table;

int trove__table_create(enum trove_algo algo, struct trove__table **ret_table);
void trove__table_destroy(
    struct trove__table *table); /* drops the cache's pin of everything in it */

/* In a section: rcu-borrow. NULL when it is not there. */
struct trove_object *trove__table_find(struct trove__table *table, const uint8_t *id,
                                       uint64_t hash);

/* In a section. 0: inserted; -EEXIST: *RET_OTHER has the id (rcu-borrow); -ENOMEM. */
int trove__table_insert(struct trove__table *table, struct trove_object *object, uint64_t hash,
                        struct trove_object **ret_other);

#endif
