// SPDX-License-Identifier: MIT
/*
 * table.c - a plain locked map, in the place of the lock-free table while the rooms around it are built.
 */
#include "core/table.h"
#include "core/memory.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

struct trove__table {
    pthread_mutex_t lock;
    enum trove_algo algo;
    size_t count, size;
    struct trove_object **slots; /* linear probing, at most half full, nothing is ever removed */
};

int trove__table_create(enum trove_algo algo, struct trove__table **ret_table)
{
    struct trove__table *table = trove__calloc(1, sizeof(*table));

    if (table == NULL)
        return -ENOMEM;
    table->size = 1024;
    table->slots = trove__calloc(table->size, sizeof(*table->slots));
    if (table->slots == NULL) {
        trove__free(table);
        return -ENOMEM;
    }
    table->algo = algo;
    pthread_mutex_init(&table->lock, NULL);
    *ret_table = table;
    return 0;
}

void trove__table_destroy(struct trove__table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->size; i++)
        if (table->slots[i] != NULL)
            trove__object_release(table->slots[i]);
    pthread_mutex_destroy(&table->lock);
    trove__free(table->slots);
    trove__free(table);
}

/* Until the real hash comes: ids are their own hash. */
static uint64_t position_of(const uint8_t *id)
{
    uint64_t word;

    memcpy(&word, id, sizeof(word));
    return word;
}

static struct trove_object **slot_locked(struct trove__table *table, const uint8_t *id)
{
    size_t i = position_of(id) & (table->size - 1);

    while (table->slots[i] != NULL &&
           memcmp(table->slots[i]->id, id, trove_oid_bytes(table->algo)) != 0)
        i = (i + 1) & (table->size - 1);
    return &table->slots[i];
}

static int grow_locked(struct trove__table *table)
{
    struct trove_object **old = table->slots;
    size_t old_size = table->size;
    struct trove_object **slots = trove__calloc(old_size * 2, sizeof(*slots));

    if (slots == NULL)
        return -ENOMEM;
    table->slots = slots;
    table->size = old_size * 2;
    for (size_t i = 0; i < old_size; i++)
        if (old[i] != NULL)
            *slot_locked(table, old[i]->id) = old[i];
    trove__free(old);
    return 0;
}

struct trove_object *trove__table_find(struct trove__table *table, const uint8_t *id, uint64_t hash)
{
    struct trove_object *found;

    (void)hash;
    pthread_mutex_lock(&table->lock);
    found = *slot_locked(table, id);
    pthread_mutex_unlock(&table->lock);
    return found;
}

int trove__table_insert(struct trove__table *table, struct trove_object *object, uint64_t hash,
                        struct trove_object **ret_other)
{
    struct trove_object **slot;
    int r = 0;

    (void)hash;
    pthread_mutex_lock(&table->lock);
    if ((table->count + 1) * 2 > table->size)
        r = grow_locked(table);
    if (r == 0) {
        slot = slot_locked(table, object->id);
        if (*slot != NULL) {
            *ret_other = *slot;
            r = -EEXIST;
        } else {
            *slot = object;
            table->count++;
        }
    }
    pthread_mutex_unlock(&table->lock);
    return r;
}
