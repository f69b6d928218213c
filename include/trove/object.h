// SPDX-License-Identifier: MIT
/*
 * trove/object.h - immutable git objects, and how long they live.
 *
 * An object found inside a read section is borrowed (rcu-borrow): valid until that section ends, whatever eviction
 * does. A pin makes it outlive the section, and the cache. What resolve returns is pinned.
 */
#ifndef TROVE_OBJECT_H
#define TROVE_OBJECT_H

#include <trove/oid.h>

struct trove_object;

TROVE_BEGIN_DECLS

/* Opens and closes a read section of the calling thread; sections nest. Wait-free after the thread's first call, which
 * registers the thread and may block briefly (trove_thread_init() does that early). No shared memory that another
 * reader writes is written. Nothing that blocks belongs inside: trove's own blocking calls answer -EDEADLK there. */
TROVE_API void trove_read_lock(void);
TROVE_API void trove_read_unlock(void);

/* Registers the calling thread now instead of at its first call. May block briefly. Thread exit unregisters. */
TROVE_API void trove_thread_init(void);

/* What an object is. OBJECT is borrowed. Wait-free; write nothing. The bytes are followed by one NUL, not counted. */
TROVE_API enum trove_type trove_object_type(const struct trove_object *object);
TROVE_API size_t trove_object_size(const struct trove_object *object);
TROVE_API const void *trove_object_data(const struct trove_object *object);
TROVE_API struct trove_oid trove_object_id(const struct trove_object *object);

/* Takes one more pin on OBJECT, which is borrowed in the caller's read section or pinned already. Returns it, own:
 * released by trove_unpin(). Wait-free: one atomic add, not on the line that `get` reads. */
TROVE_API struct trove_object *trove_pin(const struct trove_object *object);

/* Gives a pin back. NULL is fine. Lock-free. The last pin of an evicted object frees it. */
TROVE_API void trove_unpin(struct trove_object *object);

TROVE_END_DECLS

#endif
