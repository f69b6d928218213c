// SPDX-License-Identifier: MIT
/*
 * trove/async.h - resolve for event loops: it is started, and its end is told by a callback or through a descriptor.
 *
 *     trove_ready_open(&ready, &err);                   epoll, poll or io_uring watch trove_ready_fd(ready)
 *     notice = (struct trove_notice){.ready = ready, .context = mine};
 *     if (trove_resolve_start(cache, &want, &notice, &result, &resolving, &err) == 1)
 *         use(&result);                                 it was cached
 *     ...                                               when the descriptor is readable:
 *     while ((resolving = trove_ready_next(ready)) != NULL) {
 *         trove_resolve_take(resolving, &result, &err);
 *         use(&result);
 *         trove_resolve_free(resolving);
 *     }
 *
 * No call here waits for an object, and no thread is held for one: what is outstanding costs some 200 bytes and its flight.
 * There is no deadline, because a loop has timers of its own: when one fires it cancels. Answers that are there and not
 * taken hold back the source as those of streams do (trove/cache.h).
 */
#ifndef TROVE_ASYNC_H
#define TROVE_ASYNC_H

#include <trove/cache.h>

struct trove_resolving; /* one resolve that was started */
struct trove_ready;     /* those that have ended, and a descriptor that says so */

/* Whom to tell of the end, once. Any of it may be left out; with nobody to tell, ask trove_resolve_take(). */
struct trove_notice {
    /*
     * Called by one of trove's threads, which has other work (be short), or by the thread that shuts the cache down, within
     * that call; never from within trove_resolve_start() or trove_resolve_cancel(). RESOLVING is answered: take it and free
     * it here, or later. Calls of trove that may block answer -EDEADLK in it; more may be started.
     */
    void (*ended)(void *context, struct trove_resolving *resolving);
    void *context;
    struct trove_ready *ready; /* RESOLVING comes out of trove_ready_next(); referenced */
};

TROVE_BEGIN_DECLS

/*
 * Starts to resolve WANT (borrowed for the call, as NOTICE, which may be NULL). Never waits, and may be called inside a read
 * section and in a callback. Lock-free but for the allocator and for starting a fetch thread.
 * Returns 1: answered already (a hit, nearly always), *RET is written (own: unpin RET->object; RET->status may be a failure
 * that came meanwhile, or an absence that is remembered), nothing was started and nobody will be told. 0: *RET_RESOLVING is own, ended by
 * trove_resolve_free(). Else nothing was started: -EAGAIN (flights_max is reached: try again when something has ended),
 * -ENOTSUP (a miss, and no source), -ENOMEM, -ECANCELED (shut down), -EDEADLK (called by a source), or why no fetch thread
 * can be started.
 */
TROVE_API TROVE_NODISCARD int
trove_resolve_start(struct trove *cache, const struct trove_want *want,
                    const struct trove_notice *notice, struct trove_result *ret,
                    struct trove_resolving **ret_resolving, struct trove_error *err);

/* The answer. Returns 1 with *RET written (own: unpin RET->object), *ERR holding the message when RET->status is a failure;
 * 0 when there is none yet; -EINVAL when it was taken before. Any thread, also after the cache was closed; wait-free. */
TROVE_API int trove_resolve_take(struct trove_resolving *resolving, struct trove_result *ret,
                                 struct trove_error *err);

/* Stops waiting for it; the flight goes on for others, and is dropped if there are none and it was not yet sent. True: the
 * answer is -ECANCELED, nobody was told, and nobody will be. False: it has its answer; whoever is to be told was, or is just
 * being told. Any thread; lock-free. */
TROVE_API bool trove_resolve_cancel(struct trove_resolving *resolving);

/* Cancels, unpins what was not taken, frees. Nobody is told of it afterwards: while the callback runs in another thread this
 * waits for its return. Within the callback it does not. NULL is fine. In a child of fork() one of the parent's that has no
 * answer stays as it is, and is never told of. */
TROVE_API void trove_resolve_free(struct trove_resolving *resolving);

/* The context in the notice that it was started with. Wait-free. */
TROVE_API void *trove_resolve_context(const struct trove_resolving *resolving);

/* What has ended waits here for a loop to take it. *RET_READY is own: closed by trove_ready_close(). One may serve many
 * caches. Returns 0, -ENOMEM, -EMFILE or -ENFILE. Not to be used in a child of fork(): the descriptor is the parent's. */
TROVE_API TROVE_NODISCARD int trove_ready_open(struct trove_ready **ret_ready,
                                               struct trove_error *err);

/* Polls readable while there may be something to take: a nonblocking eventfd, borrowed, which only trove_ready_next() should
 * read. Wait-free. */
TROVE_API int trove_ready_fd(const struct trove_ready *ready);

/* The next that has ended, in the order in which they did, each once; NULL when there is none, and the descriptor is no
 * longer readable. The handle is what trove_resolve_start() gave, still the caller's to free; one that was freed meanwhile
 * does not come. Any thread. Never waits but for another thread in this call. */
TROVE_API struct trove_resolving *trove_ready_next(struct trove_ready *ready);

/* Forgets what was not taken; the handles stay the caller's. What is still to end tells nobody. NULL is fine. */
TROVE_API void trove_ready_close(struct trove_ready *ready);

TROVE_END_DECLS

#endif
