// SPDX-License-Identifier: MIT
/*
 * trove/source.h - anything that can bring missing objects, in batches.
 *
 * The cache calls `fetch` on its own fetch threads, several at once (trove_options.requests_at_once). A source answers
 * through the sink: as objects arrive, not at the end. It never touches the cache in another way; a source that
 * resolves ids of its own cache gets -EDEADLK where that would wait for itself.
 */
#ifndef TROVE_SOURCE_H
#define TROVE_SOURCE_H

#include <trove/error.h>
#include <trove/object.h>
#include <trove/until.h>

struct trove_sink;

/* One wanted id. TYPE is what the caller knows of it (the mode in a tree entry says so), TROVE_ANY if nothing. */
struct trove_want {
    struct trove_oid id;
    enum trove_type type;
};

/* What a source is asked for. */
struct trove_request {
    const struct trove_want *wants; /* at least one; from resolve: all of one type */
    size_t want_count;
    /* from resolve: bring the wanted objects themselves, no closure; filter and depth are unset */
    bool by_id;
    const char *filter; /* partial-clone filter of a `fetch`, NULL for none */
    uint32_t depth;     /* of a `fetch`; 0 for no limit */
    /* deadline and cancel token of the request; fetch must return soon after either */
    struct trove_until until;
};

/* What a source can do. */
struct trove_source_ops {
    /*
     * Brings what REQUEST wants. All pointers are borrowed for the call. Called by several threads at once.
     * Returns 0 after trove_sink_done(): wanted ids that were not given are absent (-ENOENT for their callers).
     * Returns 0 without it: ids not given get -EIO. Returns a negative errno (with *ERR set): they get that error. Of
     * a `fetch` with -ECONNRESET (the connection broke) who waits for its objects asks for them by id instead.
     */
    int (*fetch)(void *source, const struct trove_request *request, struct trove_sink *sink,
                 struct trove_error *err);
    /* Called once, by any thread, when the cache that owns the source is closed, or when the source was replaced and its last
     * request has ended; may be NULL. */
    void (*destroy)(void *source);
};

/* Handed to trove_open(), which takes it over on success. */
struct trove_source {
    const struct trove_source_ops *ops;
    void *source;
};

/* What a source says beside an object. */
enum trove_give_flags {
    TROVE_GIVE_DEFAULT = 0,
    TROVE_GIVE_NO_CACHE = 1, /* here it is, for those who wait, but do not cache it */
};

TROVE_BEGIN_DECLS

/*
 * The sink: the cache's side of one request, valid during `fetch` only. All calls are thread-safe, so that a source may
 * parse on several threads.
 */

/* Hashes SIZE bytes at DATA (borrowed), caches the object and wakes whoever waits for it.
 * Returns 0; -EBADMSG (hash refuses, or other bytes are cached under that id), -ENOMEM, -ECANCELED. Lock-free but for
 * the wake-ups and what the hash does. */
TROVE_API TROVE_NODISCARD int trove_sink_put(struct trove_sink *sink, enum trove_type type,
                                             const void *data, size_t size, unsigned flags);

/* The same in two steps without a copy. alloc gives an object of TYPE whose SIZE bytes are the caller's to fill through
 * trove_sink_buffer(); own: it ends with give (always consumed, also on failure) or trove_unpin(). ID must be the hash
 * of the bytes, computed by the caller from the bytes: an unverified id must never reach give. To keep using the object
 * after give, take a pin before (trove_pin). alloc: 0, -ENOMEM, -EFBIG (above the cache's object limit). give: as put. */
TROVE_API TROVE_NODISCARD int trove_sink_alloc(struct trove_sink *sink, enum trove_type type,
                                               uint64_t size, struct trove_object **ret_object);
TROVE_API void *trove_sink_buffer(struct trove_object *object);
TROVE_API TROVE_NODISCARD int trove_sink_give(struct trove_sink *sink, struct trove_object *object,
                                              const struct trove_oid *id, unsigned flags);

/* The cached object ID, pinned (own), or NULL: bases of thin packs. Never fetches. Lock-free. */
TROVE_API struct trove_object *trove_sink_find(struct trove_sink *sink, const struct trove_oid *id);

/* Fails one wanted id, and nobody else's: CODE is -ENOENT or another negative errno. */
TROVE_API void trove_sink_refuse(struct trove_sink *sink, const struct trove_oid *id, int code,
                                 const char *message);

/* Everything the request could bring was given and verified: what is left unanswered is absent. */
TROVE_API void trove_sink_done(struct trove_sink *sink);

TROVE_END_DECLS

#endif
