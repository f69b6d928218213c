// SPDX-License-Identifier: MIT
/*
 * session_pool.c - the open conversations with one repository.
 */
#include "session_pool.h"

#include <errno.h>
#include <pthread.h>

#include "core/memory.h"

struct trove__pooled {
    struct trove__session *session;
    bool idle;
    struct trove__pooled *next;
};

struct trove__pool {
    char *url;
    struct trove__session_options options;
    pthread_mutex_t lock;           /* all below */
    struct trove__pooled *sessions; /* idle and taken */
    unsigned idle_count;
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
    pthread_mutex_destroy(&pool->lock);
    trove__free(pool->url);
    trove__free(pool);
}

static struct trove__pooled *take_idle(struct trove__pool *pool)
{
    struct trove__pooled *pooled;

    pthread_mutex_lock(&pool->lock);
    pooled = pool->sessions;
    while (pooled != NULL && !pooled->idle)
        pooled = pooled->next;
    if (pooled != NULL) {
        pooled->idle = false;
        pool->idle_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return pooled;
}

static int open_another(struct trove__pool *pool, const struct trove_until *until,
                        struct trove__pooled **ret, struct trove_error *err)
{
    struct trove__pooled *pooled = trove__calloc(1, sizeof(*pooled));
    int status;

    if (pooled == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a connection");
    status = trove__session_open(pool->url, &pool->options, until, &pooled->session, err);
    if (status < 0) {
        trove__free(pooled);
        return status;
    }
    pthread_mutex_lock(&pool->lock);
    pooled->next = pool->sessions;
    pool->sessions = pooled;
    pthread_mutex_unlock(&pool->lock);
    *ret = pooled;
    return 0;
}

int trove__pool_take(struct trove__pool *pool, const struct trove_until *until,
                     struct trove__pooled **ret, bool *ret_reused, struct trove_error *err)
{
    struct trove__pooled *pooled = take_idle(pool);

    *ret_reused = pooled != NULL;
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

    while (*link != pooled)
        link = &(*link)->next;
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
