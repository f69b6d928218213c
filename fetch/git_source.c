// SPDX-License-Identifier: MIT
/*
 * git_source.c - the promisor: ids in, objects out.
 */
#include <errno.h>
#include <string.h>

#include "core/memory.h"
#include "core/until.h"
#include "forking.h"
#include "git_internal.h"
#include "question.h"

enum { DEFAULT_INFLIGHT_BYTES = 64 << 20 };

/* --- life -------------------------------------------------------------------------------------------------------- */

void trove_git_options_init(struct trove_git_options *options)
{
    *options = (struct trove_git_options){
        .struct_bytes = sizeof(*options),
        .low_speed_bytes = 1000,
        .low_speed_seconds = 30,
    };
}

static const struct trove_hash *choose_hash(const struct trove_git *git, enum trove_algo algo)
{
    if (algo == TROVE_SHA256)
        return trove_hash_sha256();
    if (git->options.sha1 == TROVE_GIT_SHA1_PLAIN)
        return trove_hash_sha1();
    if (git->options.sha1 == TROVE_GIT_SHA1_DEFAULT && git->is_local)
        return trove_hash_sha1();
    return trove_hash_sha1_detecting();
}

/* Connects once and learns what does not change from session to session. The session is the pool's first. */
static int learn(struct trove_git *git, const struct trove_until *until, struct trove_error *err)
{
    const struct trove__caps *caps;
    struct trove__pooled *pooled;
    bool reused;
    int status = trove__pool_take(git->pool, until, &pooled, &reused, err);

    if (status < 0)
        return status;
    caps = trove__session_caps(trove__pooled_session(pooled));
    git->server = (struct trove__plan_server){
        .shallow = caps->shallow, .filter = caps->filter, .tells = caps->wait_for_done};
    git->is_local = trove__session_is_local(trove__pooled_session(pooled));
    git->hash = choose_hash(git, caps->algo);
    if (!caps->fetch)
        status = trove_error_set(err, -ENOTSUP, "the server does not offer to fetch");
    trove__pool_give(git->pool, pooled);
    return status;
}

static void free_git(struct trove_git *git)
{
    trove__pool_destroy(git->pool);
    trove__inflight_deinit(&git->inflight);
    pthread_mutex_destroy(&git->lock);
    trove__free(git);
}

int trove_git_open(const char *url, const struct trove_git_options *options,
                   const struct trove_until *until, struct trove_git **ret_git,
                   struct trove_error *err)
{
    struct trove__session_options session_options;
    struct trove_git *git;
    int status;

    if (options != NULL && options->struct_bytes != sizeof(*options))
        return trove_error_set(err, -EINVAL, "options not set by trove_git_options_init()");
    git = trove__calloc(1, sizeof(*git));
    if (git == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a repository");
    if (options != NULL)
        git->options = *options;
    else
        trove_git_options_init(&git->options);
    git->references = 1;
    git->deadline_ns = TROVE_NO_DEADLINE;
    trove__inflight_init(&git->inflight, git->options.max_inflight_bytes != 0
                                             ? git->options.max_inflight_bytes
                                             : DEFAULT_INFLIGHT_BYTES);
    pthread_mutex_init(&git->lock, NULL);
    session_options = (struct trove__session_options){
        .low_speed_bytes = git->options.low_speed_bytes,
        .low_speed_seconds = git->options.low_speed_seconds,
    };
    status = trove__pool_create(url, &session_options, &git->pool);
    if (status < 0)
        trove_error_set(err, status, "no memory for a repository");
    else
        status = learn(git, until, err);
    if (status < 0) {
        free_git(git);
        return status;
    }
    trove__forking_add(git);
    *ret_git = git;
    return 0;
}

void trove_git_close(struct trove_git *git)
{
    unsigned left;

    if (git == NULL)
        return;
    pthread_mutex_lock(&git->lock);
    left = --git->references;
    pthread_mutex_unlock(&git->lock);
    if (left > 0)
        return;
    trove__forking_remove(git);
    free_git(git);
}

const struct trove_hash *trove_git_hash(const struct trove_git *git)
{
    return git->hash;
}

bool trove_git_is_local(const struct trove_git *git)
{
    return git->is_local;
}

void trove_git_stats(const struct trove_git *git, struct trove_git_stats *ret_stats)
{
    struct trove_git *shared = (struct trove_git *)git; /* for its lock only */
    struct trove__session_stats sessions;

    trove__pool_stats(shared->pool, &sessions);
    pthread_mutex_lock(&shared->lock);
    *ret_stats = shared->stats;
    pthread_mutex_unlock(&shared->lock);
    ret_stats->round_trips = sessions.round_trips;
    ret_stats->connections = sessions.connections;
    ret_stats->sent_bytes = sessions.sent_bytes;
    ret_stats->received_bytes = sessions.received_bytes;
    ret_stats->connect_ns = sessions.connect_ns;
}

void trove__git_count_request(struct trove_git *git)
{
    pthread_mutex_lock(&git->lock);
    git->stats.requests++;
    pthread_mutex_unlock(&git->lock);
}

/* --- refs -------------------------------------------------------------------------------------------------------- */

/* Passes refs on, and remembers that one came: then the list cannot be begun anew. */
struct refs_call {
    trove_git_ref_fn fn;
    void *context;
    bool began;
};

static int on_ref(void *context, const struct trove_git_ref *ref)
{
    struct refs_call *call = context;

    call->began = true;
    return call->fn(call->context, ref);
}

/* One listing over one session; *RET_AGAIN when that had died while it was idle. */
static int list_refs(struct trove_git *git, const char *const *prefixes, struct refs_call *call,
                     const struct trove_until *until, bool *ret_again, struct trove_error *err)
{
    struct trove__pooled *pooled;
    bool reused;
    int status = trove__pool_take(git->pool, until, &pooled, &reused, err);

    if (status < 0)
        return status;
    status =
        trove__session_ls_refs(trove__pooled_session(pooled), prefixes, on_ref, call, until, err);
    *ret_again = reused && !call->began && status < 0 &&
                 trove__session_is_gone(trove__pooled_session(pooled));
    trove__pool_give(git->pool, pooled);
    return status;
}

int trove_git_refs(struct trove_git *git, const char *const *prefixes, trove_git_ref_fn fn,
                   void *context, const struct trove_until *until, struct trove_error *err)
{
    struct refs_call call = {.fn = fn, .context = context};
    int64_t start_ns = trove_now_ns();
    struct trove_error local;
    bool again;
    int status;

    do {
        again = false;
        local = (struct trove_error){0};
        status = list_refs(git, prefixes, &call, until, &again, &local);
    } while (again);
    if (status < 0 && err != NULL)
        *err = local;
    pthread_mutex_lock(&git->lock);
    git->stats.refs_ns += (uint64_t)(trove_now_ns() - start_ns);
    pthread_mutex_unlock(&git->lock);
    return status;
}

/* --- the source -------------------------------------------------------------------------------------------------- */

static struct trove__plan_server what_server_takes(struct trove_git *git)
{
    struct trove__plan_server server;

    pthread_mutex_lock(&git->lock);
    server = git->server;
    pthread_mutex_unlock(&git->lock);
    return server;
}

/* True when the server refused FILTER; it is remembered, and the next try will ask for more. */
static bool learn_from_refusal(const struct trove__transfer *transfer, const char *filter)
{
    struct trove_git *git = transfer->git;
    uint32_t refused = trove__plan_refused(filter, transfer->said);

    if (refused == 0)
        return false;
    pthread_mutex_lock(&git->lock);
    git->server.refused |= refused;
    pthread_mutex_unlock(&git->lock);
    return true;
}

bool trove_git_can_filter(const struct trove_git *git)
{
    struct trove__plan_server server = what_server_takes((struct trove_git *)git); /* its lock */
    char filter[TROVE__FILTER_MAX];

    trove__plan_filter("blob:none", &server, filter);
    return filter[0] != '\0';
}

/* A `fetch`: wants with a filter and a depth, and all that belongs to them. */
static int fetch_closure(struct trove__transfer *transfer, const struct trove_request *request,
                         const struct trove_oid *ids, struct trove_error *err)
{
    char filter[TROVE__FILTER_MAX];
    int status;

    do {
        struct trove__plan_server server = what_server_takes(transfer->git);
        struct trove__fetch_args args = {.wants = ids, .want_count = request->want_count};

        trove__plan_filter(request->filter, &server, filter);
        args.filter = filter[0] != '\0' ? filter : NULL;
        args.depth = server.shallow ? request->depth : 0;
        args.progress = transfer->git->options.progress != NULL;
        status = trove__transfer_run(transfer, &args, err);
    } while (status < 0 && learn_from_refusal(transfer, filter));
    return status;
}

/* What a batch's failure means for its ids. Returns 0 when the rest can go on. */
static int take_refusal(struct trove__transfer *transfer, int status, const char *filter,
                        const struct trove_error *err)
{
    if (transfer->is_refused && trove__rounds_refused(transfer->rounds, &transfer->refused)) {
        trove_sink_refuse(transfer->sink, &transfer->refused, -ENOENT, err->message);
        return 0;
    }
    if (transfer->broke_off && trove__rounds_broke_off(transfer->rounds))
        return 0; /* what came was verified, and is kept */
    if (transfer->got_pack)
        return status;
    if (learn_from_refusal(transfer, filter))
        return 0;
    if (transfer->is_refused || trove__plan_is_about_ids(transfer->said)) {
        trove__rounds_refused_unnamed(transfer->rounds);
        return 0;
    }
    return status;
}

/* A `resolve`: the wanted objects themselves and as little else as can be. */
static int fetch_ids(struct trove__transfer *transfer, enum trove_type type,
                     struct trove_error *err)
{
    struct trove__fetch_args args = {.progress = transfer->git->options.progress != NULL};
    char filter[TROVE__FILTER_MAX];
    int status;

    while ((args.want_count = trove__rounds_next(transfer->rounds, &args.wants)) != 0) {
        struct trove__plan_server server = what_server_takes(transfer->git);

        trove__plan_ids(type, &server, &args.depth, filter);
        args.filter = filter[0] != '\0' ? filter : NULL;
        status = trove__transfer_run(transfer, &args, err);
        if (status == 0)
            trove__rounds_answered(transfer->rounds);
        else if (take_refusal(transfer, status, filter, err) < 0)
            return status;
        else if (server.tells && trove__rounds_should_ask(transfer->rounds))
            trove__question_ask(transfer, type);
    }
    return 0;
}

static int fetch_by_id(struct trove__transfer *transfer, const struct trove_request *request,
                       struct trove_error *err)
{
    enum trove_type type = request->wants[0].type;
    int status;

    for (size_t i = 1; i < request->want_count; i++) {
        if (request->wants[i].type != type)
            type = TROVE_ANY;
    }
    status = trove__rounds_create(request->wants, request->want_count, &transfer->rounds);
    if (status < 0)
        return trove_error_set(err, status, "no memory for a request of %zu ids",
                               request->want_count);
    status = fetch_ids(transfer, type, err);
    trove__rounds_destroy(transfer->rounds);
    return status;
}

static int fetch_wants(struct trove__transfer *transfer, const struct trove_request *request,
                       struct trove_error *err)
{
    struct trove_oid *ids = trove__calloc(request->want_count, sizeof(*ids));
    int status;

    if (ids == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for a request of %zu ids",
                               request->want_count);
    for (size_t i = 0; i < request->want_count; i++)
        ids[i] = request->wants[i].id;
    status = fetch_closure(transfer, request, ids, err);
    trove__free(ids);
    return status;
}

void trove_git_set_deadline(struct trove_git *git, int64_t deadline_ns)
{
    pthread_mutex_lock(&git->lock);
    git->deadline_ns = deadline_ns;
    pthread_mutex_unlock(&git->lock);
}

/* A request for ids has no deadline, because others may join those who wait: only the repository's counts then. */
static struct trove_until until_of(struct trove_git *git, const struct trove_request *request)
{
    struct trove_until until = request->until;

    pthread_mutex_lock(&git->lock);
    if (git->deadline_ns < until.deadline_ns)
        until.deadline_ns = git->deadline_ns;
    pthread_mutex_unlock(&git->lock);
    return until;
}

static int source_fetch(void *source, const struct trove_request *request, struct trove_sink *sink,
                        struct trove_error *err)
{
    struct trove_until until = until_of(source, request);
    struct trove__transfer transfer = {.git = source, .sink = sink, .until = &until};
    struct trove_error local = {0};
    int status = trove__until_check(&until);

    if (request->want_count == 0)
        return trove_error_set(err, -EINVAL, "a request without wants");
    if (status < 0) /* nothing is sent that nobody waits for */
        return trove_error_set(err, status, "before anything was asked: %s",
                               trove_strerror(status));
    if (request->by_id)
        status = fetch_by_id(&transfer, request, &local);
    else
        status = fetch_wants(&transfer, request, &local);
    if (status == -EIO && transfer.broke_off)
        status = local.code = -ECONNRESET;
    if (status == 0)
        trove_sink_done(sink);
    else if (err != NULL)
        *err = local;
    return status;
}

static void source_destroy(void *source)
{
    trove_git_close(source);
}

struct trove_source trove_git_source(struct trove_git *git)
{
    static const struct trove_source_ops ops = {.fetch = source_fetch, .destroy = source_destroy};

    pthread_mutex_lock(&git->lock);
    git->references++;
    pthread_mutex_unlock(&git->lock);
    return (struct trove_source){.ops = &ops, .source = git};
}
