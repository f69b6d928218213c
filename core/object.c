// SPDX-License-Identifier: MIT
/*
 * object.c - creating, pinning and freeing objects. The layout and the invariants are in object.h.
 */
#include "core/object.h"
#include "core/memory.h"
#include <string.h>

static atomic_uint *pins_of(const struct trove_object *object)
{
    return (atomic_uint *)((uintptr_t)object + trove__trailer_offset(object->algo, object->size));
}

/* The trailer's second part: the ledger's address, or the link of a retired object. */
static void *trailer_pointer(const struct trove_object *object)
{
    void *pointer;

    memcpy(&pointer, (const unsigned char *)pins_of(object) + sizeof(atomic_uint), sizeof(pointer));
    return pointer;
}

static void set_trailer_pointer(struct trove_object *object, void *pointer)
{
    memcpy((unsigned char *)pins_of(object) + sizeof(atomic_uint), &pointer, sizeof(pointer));
}

static struct trove__ledger *ledger_of(const struct trove_object *object)
{
    return trailer_pointer(object);
}

static size_t usable_of(const struct trove_object *object)
{
    return trove__object_usable(object->algo, object->size);
}

struct trove__ledger *trove__ledger_create(void)
{
    struct trove__ledger *ledger = trove__malloc(sizeof(*ledger));

    if (ledger == NULL)
        return NULL;
    atomic_init(&ledger->references, 1);
    atomic_init(&ledger->outside_bytes, 0);
    return ledger;
}

void trove__ledger_unref(struct trove__ledger *ledger)
{
    /* ACQ_REL [E2 ledger]: pairs with itself in those who let go earlier. */
    if (trove__sub_acq_rel(&ledger->references, 1) == 1)
        trove__free(ledger);
}

struct trove_object *trove__object_create(struct trove__ledger *ledger, enum trove_algo algo,
                                          enum trove_type type, uint64_t size)
{
    struct trove_object *object;

    if (trove__object_usable(algo, size) == SIZE_MAX)
        return NULL;
    object = trove__sized_alloc(trove__allocation_bytes(algo, size), TROVE__OBJECT_ALIGN);
    if (object == NULL)
        return NULL;
    object->size = size;
    object->type = (uint8_t)type;
    object->algo = (uint8_t)algo;
    atomic_init(&object->hint, 0);
    atomic_init(&object->state, 0);
    ((unsigned char *)object)[trove__object_header_bytes(algo) + size] = 0;
    atomic_init(pins_of(object), 1);
    set_trailer_pointer(object, ledger);
    return object;
}

void *trove__object_buffer(struct trove_object *object)
{
    return (unsigned char *)object + trove__object_header_bytes(object->algo);
}

void trove__object_set_id(struct trove_object *object, const struct trove_oid *id)
{
    memcpy(object->id, id->bytes, trove_oid_bytes(object->algo));
}

void trove__object_destroy(struct trove_object *object)
{
    trove__sized_free(object, trove__allocation_bytes(object->algo, object->size),
                      TROVE__OBJECT_ALIGN);
}

void trove__object_go_outside(struct trove_object *object)
{
    struct trove__ledger *ledger = ledger_of(object);

    /* RELAXED both: sums. The reference cannot end the ledger's life, the caller's cache or pin holds it. */
    trove__add_relaxed(&ledger->references, 1);
    trove__add_relaxed(&ledger->outside_bytes, usable_of(object));
}

void trove__object_come_inside(struct trove_object *object)
{
    struct trove__ledger *ledger = ledger_of(object);

    trove__sub_relaxed(&ledger->outside_bytes, usable_of(object)); /* RELAXED: a sum */
    trove__ledger_unref(ledger);
}

void trove__object_set_link(struct trove_object *object, struct trove_object *next)
{
    set_trailer_pointer(object, next);
}

struct trove_object *trove__object_link(const struct trove_object *object)
{
    return trailer_pointer(object);
}

void trove__object_unlink(struct trove_object *object, struct trove__ledger *ledger)
{
    set_trailer_pointer(object, ledger);
}

/* Ends one pin; true when it was the last. */
static bool object_drop(const struct trove_object *object)
{
    /* ACQ_REL [E1 unpin]: the release half hands over this thread's uses of the object, the acquire half of the last
     * drop takes over everybody's before the memory is freed. Both ends are this line. */
    return trove__sub_acq_rel(pins_of(object), 1) == 1;
}

bool trove__object_release(struct trove_object *object)
{
    /* ACQUIRE [E1 unpin]: with 1 pin left it is the cache's, and nobody can take another (no section sees the object). */
    if (trove__load_acquire(pins_of(object)) == 1) {
        trove__object_destroy(object);
        return false;
    }
    trove__object_go_outside(object);
    trove_unpin(object);
    return true;
}

enum trove_type trove_object_type(const struct trove_object *object)
{
    return (enum trove_type)object->type;
}

size_t trove_object_size(const struct trove_object *object)
{
    return (size_t)object->size;
}

const void *trove_object_data(const struct trove_object *object)
{
    return (const unsigned char *)object + trove__object_header_bytes(object->algo);
}

struct trove_oid trove_object_id(const struct trove_object *object)
{
    struct trove_oid id = {{0}};

    memcpy(id.bytes, object->id, trove_oid_bytes(object->algo));
    return id;
}

struct trove_object *trove_pin(const struct trove_object *object)
{
    /* RELAXED: the caller's section or pin keeps the object alive (I3); a pin hands nothing over. */
    trove__add_relaxed(pins_of(object), 1);
    return (struct trove_object *)(uintptr_t)object;
}

void trove_unpin(struct trove_object *object)
{
    if (object == NULL || !object_drop(object))
        return;
    trove__object_come_inside(object); /* I4: without the cache's pin it was outside */
    trove__object_destroy(object);
}
