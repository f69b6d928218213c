// SPDX-License-Identifier: MIT
/*
 * trove/frozen.h - what a cache held, kept: an immutable view in memory, with get and list only.
 *
 *     trove_freeze(cache, NULL, &frozen, &err);
 *     trove_close(cache, NULL);                          the view lives on
 *     object = trove_frozen_get(frozen, &id);            borrowed until trove_frozen_free()
 */
#ifndef TROVE_FROZEN_H
#define TROVE_FROZEN_H

#include <trove/cache.h>

struct trove_frozen;

TROVE_BEGIN_DECLS

/*
 * A view of CACHE: every object that was cached throughout the call is in it, none that never was; of what came or went
 * meanwhile it has some. It pins its objects, so they stay valid whatever is evicted, and after trove_close(); what is evicted
 * is then counted in trove_stats.pinned_bytes. Its own memory is some 18 bytes an object, beside max_bytes.
 * Fetches nothing and does not count as use.
 * First it waits (UNTIL) for a grace period, so that no put that began before it is still under way; then it pins all in one
 * read section. *RET_FROZEN is own: ended by trove_frozen_free(). Returns 0, -ENOMEM, -ETIMEDOUT, -ECANCELED (also after
 * shutdown), -EDEADLK (in a read section or a callback).
 */
TROVE_API TROVE_NODISCARD int trove_freeze(struct trove *cache, const struct trove_until *until,
                                           struct trove_frozen **ret_frozen,
                                           struct trove_error *err);

/* The object ID, borrowed as long as FROZEN is there (take a pin to keep it longer), or NULL. Any thread, no read section;
 * wait-free, writes nothing. */
TROVE_API const struct trove_object *trove_frozen_get(const struct trove_frozen *frozen,
                                                      const struct trove_oid *id);

/* How many objects there are. Wait-free. */
TROVE_API size_t trove_frozen_count(const struct trove_frozen *frozen);

/* Calls FN with each object (borrowed as by get) in the order of ids, from behind AFTER (NULL: from the first) on, until it
 * returns other than 0, which is then returned; 0 at the end. Any thread. */
typedef int (*trove_frozen_fn)(void *context, const struct trove_object *object);
TROVE_API int trove_frozen_list(const struct trove_frozen *frozen, const struct trove_oid *after,
                                trove_frozen_fn fn, void *context);

/* Unpins its objects, frees. Nobody may use it or what it lent any more. NULL is fine. */
TROVE_API void trove_frozen_free(struct trove_frozen *frozen);

TROVE_END_DECLS

#endif
