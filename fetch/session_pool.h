// SPDX-License-Identifier: MIT
/*
 * session_pool.h - the open conversations with one repository: opened on demand, kept for the next request.
 */
#ifndef TROVE_FETCH_SESSION_POOL_H
#define TROVE_FETCH_SESSION_POOL_H

#include "session.h"

#define TROVE__IDLE_SESSIONS_MAX 2

struct trove__pool;
struct trove__pooled;

int trove__pool_create(const char *url, const struct trove__session_options *options,
                       struct trove__pool **ret_pool);
/* Closes every session; none may be taken. NULL is fine. */
void trove__pool_destroy(struct trove__pool *pool);

/* A session for one thread: an idle one, one that is given back before another could be opened, or a new one. *RET_REUSED tells which: an idle connection may have died
 * meanwhile. Own: given back by trove__pool_give(). */
int trove__pool_take(struct trove__pool *pool, const struct trove_until *until,
                     struct trove__pooled **ret, bool *ret_reused, struct trove_error *err);
/* The same, but one whose peer has not looked at its repository before. */
int trove__pool_take_fresh(struct trove__pool *pool, const struct trove_until *until,
                           struct trove__pooled **ret, struct trove_error *err);
/* Gives it back; it is kept if another command may follow and there are not enough. */
void trove__pool_give(struct trove__pool *pool, struct trove__pooled *pooled);

struct trove__session *trove__pooled_session(struct trove__pooled *pooled);

/* Around fork(): all locks of POOL, taken and given back by one thread. In the child, in between: no session is there any
 * more, and nobody asks for a password; nothing of the parent's is touched. */
void trove__pool_hold(struct trove__pool *pool);
void trove__pool_let_go(struct trove__pool *pool);
void trove__pool_forget(struct trove__pool *pool);

/* The sums over all sessions that ever were. */
void trove__pool_stats(struct trove__pool *pool, struct trove__session_stats *ret_stats);

#endif
