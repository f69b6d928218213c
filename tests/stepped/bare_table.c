// SPDX-License-Identifier: MIT
/*
 * bare_table.c - see bare_table.h.
 */
#include "bare_table.h"
#include "core/rcu.h"
#include "support.h"
#include <string.h>

static void host_unlinked(void *context, struct trove_object *object)
{
    trove__reclaim_object(&((struct bare_table *)context)->reclaim, object);
}

static bool host_reserve(void *context, uint64_t bytes, bool may_evict)
{
    (void)may_evict;
    return trove__budget_reserve(&((struct bare_table *)context)->budget, bytes);
}

static void host_unreserve(void *context, uint64_t bytes)
{
    trove__budget_unreserve(&((struct bare_table *)context)->budget, bytes);
}

static void host_wake(void *context)
{
    (void)context; /* tests call service themselves */
}

static bool host_work(void *context)
{
    (void)context;
    return false;
}

static void host_before_grace(void *context, uint64_t freed)
{
    trove__table_homing_leave(&((struct bare_table *)context)->table, freed);
}

static void host_after_grace(void *context)
{
    trove__table_homing_arrive(&((struct bare_table *)context)->table);
}

static uint64_t keyed_hash(const struct trove__secret *secret, const uint8_t *id)
{
    const struct trove__needle needle = trove__needle_of(id, TROVE_SHA1);

    return trove__keyed_hash(secret, &needle, TROVE_SHA1);
}

static uint64_t same_hash(const struct trove__secret *secret, const uint8_t *id)
{
    (void)secret, (void)id;
    return 0;
}

void bare_setup(struct bare_table *f, bool one_hash)
{
    const struct trove__table_host host = {
        host_unlinked, host_reserve, host_unreserve, host_wake, f, NULL,
    };
    const struct trove__reclaim_host reclaim_host = {host_work, host_before_grace, host_after_grace,
                                                     f};

    memset(f, 0, sizeof(*f));
    trove__budget_init(&f->budget, 64 << 20, 8 << 20, false, NULL);
    f->ledger = trove__ledger_create();
    assert_non_null(f->ledger);
    trove__reclaim_init(&f->reclaim, &f->budget, f->ledger, &reclaim_host);
    assert_int_equal(trove__table_init(&f->table, TROVE_SHA1, one_hash ? same_hash : keyed_hash, 0,
                                       0, &host, &f->reclaim),
                     0);
}

void bare_come_to_rest(struct bare_table *f)
{
    assert_int_equal(trove__reclaim_stop(&f->reclaim, NULL), 0);
}

void bare_teardown(struct bare_table *f)
{
    bare_come_to_rest(f);
    trove__table_deinit(&f->table);
    for (unsigned i = 0; i < f->count; i++)
        trove_unpin(f->objects[i]);
    trove__ledger_unref(f->ledger);
}

struct trove_oid bare_id_of(uint32_t n)
{
    struct trove_oid id = {{0}};

    memcpy(id.bytes + 8, &n, sizeof(n));
    return id;
}

struct trove_object *bare_object(struct bare_table *f, uint32_t n)
{
    struct trove_object *object = trove__object_create(f->ledger, TROVE_SHA1, TROVE_BLOB, 8);
    struct trove_oid id = bare_id_of(n);

    assert_non_null(object);
    trove__object_set_id(object, &id);
    trove__budget_force(&f->budget, trove__object_usable(TROVE_SHA1, 8));
    trove_pin(object);
    assert_true(f->count < BARE_OBJECTS);
    f->objects[f->count++] = object;
    return object;
}

int bare_insert(struct bare_table *f, struct trove_object *object)
{
    struct trove_object *other;
    int r;

    trove__section_enter();
    r = trove__table_insert(&f->table, NULL, object, trove__table_hash(&f->table, object->id),
                            false, &other);
    trove__section_leave();
    return r;
}

void bare_add(struct bare_table *f, uint32_t n)
{
    assert_int_equal(bare_insert(f, bare_object(f, n)), 0);
}

struct trove_object *bare_find(struct bare_table *f, uint32_t n)
{
    struct trove_oid id = bare_id_of(n);
    struct trove_object *object;

    trove__section_enter();
    object =
        trove__table_find(&f->table, id.bytes, trove__table_hash(&f->table, id.bytes), TROVE_SHA1);
    trove__section_leave();
    return object;
}

int bare_take_out(struct bare_table *f, struct trove_object *object)
{
    int r;

    trove__section_enter();
    r = trove__table_remove(&f->table, object, trove__table_hash(&f->table, object->id));
    if (r == 0)
        host_unlinked(f, object);
    trove__section_leave();
    return r;
}
