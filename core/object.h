// SPDX-License-Identifier: MIT
/*
 * object.h - one cached object in memory: header, bytes, trailer, in one allocation.
 *
 *     offset 0          size, hint, type, algo, state, id     everything that `get` reads or writes
 *     32 or 48          the bytes, followed by one NUL
 *     64 or later       pins, ledger                          on another line than the header
 *
 * INVARIANTS
 *   I1 The allocation is aligned to 32 bytes, so the 32-byte header of a SHA-1 object lies in one cache line. A SHA-256
 *      header has 44 bytes and may touch two.
 *   I2 After publication nothing but `hint`, `state` and `pins` changes.
 *   I3 An object holds its cache's pin from before its publication until the grace period after its removal has passed.
 *      So inside a section a found object's pins are at least 1, and only the end of its last pin frees it.
 *   I4 An object without its cache's pin is outside: its bytes are in ledger.outside_bytes and hold one reference on the
 *      ledger, which may outlive the cache. An object that nobody but the running put has seen is neither.
 *
 * EDGES
 *   E1 unpin   object_drop() release -> the last object_drop() acquire   all uses of the object before its memory is freed
 *   E2 ledger  ledger_unref() release -> the last ledger_unref() acquire   all uses of the ledger before it is freed
 *
 * PROGRESS  All wait-free but for the allocator. TESTS  tests/unit/test_cache.c.
 */
#ifndef TROVE_CORE_OBJECT_H
#define TROVE_CORE_OBJECT_H

#include "core/memory.h"
#include "core/order.h"
#include <trove/object.h>

#define TROVE__OBJECT_ALIGN 32

/* Outside memory of one cache: what its users hold pinned although it is cached no more. Outlives the cache. */
struct trove__ledger {
    atomic_ulong references; /* the cache, and one for each object outside */
    atomic_ulong outside_bytes;
};

struct trove_object {
    uint64_t size;
    atomic_uchar
        hint; /* use since the last look of the evictor; written by readers, relaxed, only below its ceiling */
    uint8_t type;
    uint8_t algo;
    atomic_uchar state; /* owner: policy_*.c (1, 2 and from 32), and of the bits below table.c */
    uint8_t id[];       /* 20 or 32 bytes */
};

/* Of state, which of several puts at once says that it added the id: see `insert` in table.c. */
#define TROVE__OBJECT_CLAIMED 4u
#define TROVE__OBJECT_SAID 8u
#define TROVE__OBJECT_HEIR 16u

_Static_assert(offsetof(struct trove_object, id) + 20 == 32, "a SHA-1 header is one half line");

static inline size_t trove__object_header_bytes(enum trove_algo algo)
{
    return algo == TROVE_SHA256 ? 48 : 32;
}

#define TROVE__PINS_OFFSET_MIN 64 /* the header is at offset 0: pins are never on its line */

/* pins, then the ledger's address, unaligned: together 12 bytes behind the NUL. */
#define TROVE__TRAILER_BYTES (sizeof(atomic_uint) + sizeof(void *))

/* Where pins are; SIZE is known to be small enough. */
static inline size_t trove__trailer_offset(enum trove_algo algo, uint64_t size)
{
    size_t end = (trove__object_header_bytes(algo) + (size_t)size + 1 + 3) & ~(size_t)3;

    return end < TROVE__PINS_OFFSET_MIN ? TROVE__PINS_OFFSET_MIN : end;
}

static inline size_t trove__allocation_bytes(enum trove_algo algo, uint64_t size)
{
    return trove__trailer_offset(algo, size) + TROVE__TRAILER_BYTES;
}

_Static_assert(TROVE__OBJECT_ALIGN == TROVE__KNOWN_ALIGN, "objects are what sizes are known of");

/* What an object of SIZE bytes occupies in the allocator, the number that every account uses; SIZE_MAX when no such
 * allocation can be. */
static inline size_t trove__object_usable(enum trove_algo algo, uint64_t size)
{
    if (size > (uint64_t)PTRDIFF_MAX - 4096)
        return SIZE_MAX;
    return trove__known_or_usable(trove__allocation_bytes(algo, size));
}

struct trove__ledger *trove__ledger_create(void); /* NULL: no memory. One reference, the caller's */
void trove__ledger_unref(struct trove__ledger *ledger);

/* A private object with one pin, hint 0, state 0, id unset, the final NUL set. NULL when there is no memory. */
struct trove_object *trove__object_create(struct trove__ledger *ledger, enum trove_algo algo,
                                          enum trove_type type, uint64_t size);
/* The object's bytes, to be filled before it is published. */
void *trove__object_buffer(struct trove_object *object);
void trove__object_set_id(struct trove_object *object, const struct trove_oid *id);

/* For who will retire OBJECT soon. */
static inline void trove__object_prefetch_trailer(const struct trove_object *object)
{
    __builtin_prefetch((const char *)object + trove__trailer_offset(object->algo, object->size), 1);
}

static inline bool trove__object_same_bytes(const struct trove_object *a,
                                            const struct trove_object *b)
{
    return a->type == b->type && a->size == b->size &&
           memcmp(trove_object_data(a), trove_object_data(b), a->size) == 0;
}

/* Frees an object that was never published and never outside. */
void trove__object_destroy(struct trove_object *object);

/* Moves the account of an object that the caller has pinned: outside when a user gets it without the cache having it;
 * inside before the cache takes its pin. */
void trove__object_go_outside(struct trove_object *object);
void trove__object_come_inside(struct trove_object *object);

/* Chains retired objects through their trailers, where the ledger's address is otherwise (reclaim.c I4). unlink puts
 * LEDGER back. Readers of the object see nothing of it. */
void trove__object_set_link(struct trove_object *object, struct trove_object *next);
struct trove_object *trove__object_link(const struct trove_object *object);
void trove__object_unlink(struct trove_object *object, struct trove__ledger *ledger);

/* Ends the cache's pin of an object that no section can see any more. Returns true when somebody else still holds the
 * object, which is outside from now on. */
bool trove__object_release(struct trove_object *object);

#endif
