// SPDX-License-Identifier: MIT
/*
 * session_pool.c - the open conversations with one repository.
 */
#include "session_pool.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "condition.h"
#include "core/memory.h"
#include "logins.h"

#define NS_PER_S 1000000000
#define WAIT_MAX_NS (NS_PER_S / 4)

struct trove__pooled {
    struct trove__session *session;
    bool idle;
    struct trove__pooled *next;
};

struct trove__pool {
    char *url;
    struct trove__session_options options;
    struct trove__logins logins;
    pthread_mutex_t lock;           /* all below */
    pthread_cond_t given;           /* one was given back */
    struct trove__pooled *sessions; /* idle and taken */
    unsigned idle_count;
    int64_t connect_ns;                 /* what opening the last one took */
    struct trove__session_stats closed; /* of sessions that are gone */
};

int trove__pool_create(const char *url, const struct trove__session_options *options,
                       struct trove__pool **ret_pool)
{
    struct trove__pool *pool = trove__calloc(1, sizeof(*pool));

    if (pool == NULL)
        return -ENOMEM;
    pool->url = trove__strdup(url);
    if (pool->url == NULL) {
        trove__free(pool);
        return -ENOMEM;
    }
    pool->options = *options;
    pthread_mutex_init(&pool->lock, NULL);
    trove__condition_init(&pool->given);
    trove__logins_init(&pool->logins);
    pool->options.logins = &pool->logins;
    *ret_pool = pool;
    return 0;
}

static void free_pooled(struct trove__pooled *pooled)
{
    trove__session_close(pooled->session);
    trove__free(pooled);
}

void trove__pool_destroy(struct trove__pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->sessions != NULL) {
        struct trove__pooled *pooled = pool->sessions;
        pool->sessions = pooled->next;
        free_pooled(pooled);
    }
    trove__logins_deinit(&pool->logins);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
    trove__free(pool->url);
    trove__free(pool);
}

static struct trove__pooled *find_idle_locked(const struct trove__pool *pool)
{
    struct trove__pooled *pooled = pool->sessions;

    while (pooled != NULL && !pooled->idle)
        pooled = pooled->next;
    return pooled;
}

/* Waits for one that is taken as long as opening another would take: an object wakes whoever waits for it before the
 * answer that brought it has ended, and what is asked for next would find no connection free. */
static struct trove__pooled *await_idle_locked(struct trove__pool *pool, int64_t deadline_ns)
{
    int64_t wait_ns = pool->connect_ns < WAIT_MAX_NS ? pool->connect_ns : WAIT_MAX_NS;
    int64_t end_ns = trove_now_ns() + wait_ns;
    struct trove__pooled *pooled;

    if (end_ns > deadline_ns)
        end_ns = deadline_ns;
    while ((pooled = find_idle_locked(pool)) == NULL && pool->sessions != NULL) {
        struct timespec at = {.tv_sec = end_ns / NS_PER_S, .tv_nsec = end_ns % NS_PER_S};
        if (pthread_cond_timedwait(&pool->given, &pool->lock, &at) != 0)
            return find_idle_locked(pool);
    }
    return pooled;
}

static void take_locked(struct trove__pool *pool, struct trove__pooled *pooled)
{
    pooled->idle = false;
    pool->idle_count--;
}

static struct trove__pooled *take_idle(struct trove__pool *pool, const struct trove_until *until)
{
    struct trove__pooled *pooled;

    pthread_mutex_lock(&pool->lock);
    pooled = await_idle_locked(pool, until != NULL ? until->deadline_ns : TROVE_NO_DEADLINE);
    if (pooled != NULL)
        take_locked(pool, pooled);
    pthread_mutex_unlock(&pool->lock);
    return pooled;
}

static int open_another(struct trove__pool *pool, const struct trove_until *until,
                        struct trove__pooled **ret, struct trove_error *err)
{
    struct trove__pooled *pooled = trove__calloc(1, sizeof(*pooled));
    int64_t start_ns = trove_now_ns();
    int status;

    if (pooled == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    status = trove__session_open(pool->url, &pool->options, until, &pooled->session, err);
    if (status < 0) {
        trove__free(pooled);
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    pool->connect_ns = trove_now_ns() - start_ns;
    pooled->next = pool->sessions;
    pool->sessions = pooled;
    pthread_mutex_unlock(&pool->lock);
    *ret = pooled;
    return 0;
}

int trove__pool_take(struct trove__pool *pool, const struct trove_until *until,
                     struct trove__pooled **ret, bool *ret_reused, struct trove_error *err)
{
    struct trove__pooled *pooled = take_idle(pool, until);

    *ret_reused = pooled != NULL;
    if (pooled == NULL)
        return open_another(pool, until, ret, err);
    *ret = pooled;
    return 0;
}

int trove__pool_take_fresh(struct trove__pool *pool, const struct trove_until *until,
                           struct trove__pooled **ret, struct trove_error *err)
{
    struct trove__pooled *pooled;

    pthread_mutex_lock(&pool->lock);
    pooled = find_idle_locked(pool);
    if (pooled != NULL && !trove__session_is_stateless(pooled->session))
        pooled = NULL;
    if (pooled != NULL)
        take_locked(pool, pooled);
    pthread_mutex_unlock(&pool->lock);
    if (pooled == NULL)
        return open_another(pool, until, ret, err);
    *ret = pooled;
    return 0;
}

static void add_stats(struct trove__session_stats *sum, const struct trove__session *session)
{
    struct trove__session_stats stats;

    trove__session_stats(session, &stats);
    sum->round_trips += stats.round_trips;
    sum->connections += stats.connections;
    sum->sent_bytes += stats.sent_bytes;
    sum->received_bytes += stats.received_bytes;
    sum->connect_ns += stats.connect_ns;
}

static void unlink_locked(struct trove__pool *pool, struct trove__pooled *pooled)
{
    struct trove__pooled **link = &pool->sessions;

    while (*link != NULL && *link != pooled)
        link = &(*link)->next;
    if (*link == NULL)
        return; /* a forked parent's, taken by the thread that forked */
    *link = pooled->next;
    add_stats(&pool->closed, pooled->session);
}

void trove__pool_give(struct trove__pool *pool, struct trove__pooled *pooled)
{
    bool keep;

    pthread_mutex_lock(&pool->lock);
    keep = pool->idle_count < TROVE__IDLE_SESSIONS_MAX && trove__session_usable(pooled->session);
    if (keep) {
        pooled->idle = true;
        pool->idle_count++;
    } else {
        unlink_locked(pool, pooled);
    }
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
    if (!keep)
        free_pooled(pooled);
}

struct trove__session *trove__pooled_session(struct trove__pooled *pooled)
{
    return pooled->session;
}

void trove__pool_stats(struct trove__pool *pool, struct trove__session_stats *ret_stats)
{
    pthread_mutex_lock(&pool->lock);
    *ret_stats = pool->closed;
    for (struct trove__pooled *pooled = pool->sessions; pooled != NULL; pooled = pooled->next)
        add_stats(ret_stats, pooled->session);
    pthread_mutex_unlock(&pool->lock);
}

/* --- fork -------------------------------------------------------------------------------------------------------- */

void trove__pool_hold(struct trove__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pthread_mutex_lock(&pool->logins.lock);
}

void trove__pool_let_go(struct trove__pool *pool)
{
    pthread_mutex_unlock(&pool->logins.lock);
    pthread_mutex_unlock(&pool->lock);
}

void trove__pool_forget(struct trove__pool *pool)
{
    for (struct trove__pooled *pooled = pool->sessions; pooled != NULL; pooled = pooled->next)
        add_stats(&pool->closed, pooled->session);
    pool->sessions = NULL;
    pool->idle_count = 0;
    trove__condition_init(&pool->given);
    trove__logins_forget(&pool->logins);
}
