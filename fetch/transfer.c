// SPDX-License-Identifier: MIT
/*
 * transfer.c - one fetch command: bytes come from a session on the calling thread, go through the pack reader, and leave
 * as objects through the sink, from the reader's threads.
 */
#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "pack_sink.h"
#include <trove/telemetry.h>

/* A transfer while it runs. */
struct run {
    struct trove__transfer *transfer;
    struct trove__pack_target
        sink; /* where the objects go, through the functions below that count them */
    struct trove__pack_reader *reader;
    int64_t sent_ns, first_byte_ns;
    struct trove_span span; /* until the first byte, and from there */
    pthread_mutex_t lock;   /* transfer->rounds */
    char begun[4];          /* of progress: the start of a character */
    size_t begun_size;
};

static void count(struct trove_git *git, uint64_t objects, uint64_t pack_bytes)
{
    pthread_mutex_lock(&git->lock);
    git->stats.pack_objects += objects;
    git->stats.pack_bytes += pack_bytes;
    pthread_mutex_unlock(&git->lock);
}

/* --- from the pack to the sink ----------------------------------------------------------------------------------- */

static int give(void *context, struct trove_object *object, const struct trove_oid *id)
{
    struct run *run = context;
    struct trove__rounds *rounds = run->transfer->rounds;
    int status;

    /* Before whoever waits for the object wakes, so that the counters he sees have it. */
    count(run->transfer->git, 1, 0);
    status = run->sink.give(run->sink.context, object, id);
    if (status < 0 || rounds == NULL)
        return status;
    pthread_mutex_lock(&run->lock);
    trove__rounds_arrived(rounds, id);
    pthread_mutex_unlock(&run->lock);
    return 0;
}

static int alloc(void *context, enum trove_type type, uint64_t size, struct trove_object **ret)
{
    struct run *run = context;

    return run->sink.alloc(run->sink.context, type, size, ret);
}

static void *buffer(void *context, struct trove_object *object)
{
    struct run *run = context;

    return run->sink.buffer(run->sink.context, object);
}

static struct trove_object *find(void *context, const struct trove_oid *id)
{
    struct run *run = context;

    return run->sink.find(run->sink.context, id);
}

static int create_reader(struct run *run, uint64_t inflight_bytes, struct trove_error *err)
{
    const struct trove_git_options *options = &run->transfer->git->options;
    const struct trove__pack_target target = {
        .context = run, .alloc = alloc, .buffer = buffer, .give = give, .find = find};
    struct trove__pack_limits limits;

    trove__pack_limits_init(&limits);
    if (options->max_pack_bytes != 0)
        limits.max_pack_bytes = options->max_pack_bytes;
    if (options->max_pack_objects != 0)
        limits.max_objects = options->max_pack_objects;
    if (options->max_object_bytes != 0)
        limits.max_object_bytes = options->max_object_bytes;
    limits.max_inflight_bytes = inflight_bytes;
    return trove__pack_reader_create(run->transfer->git->hash, &limits, &target,
                                     run->transfer->until, &run->reader, err);
}

/* --- from the session to the pack -------------------------------------------------------------------------------- */

static int on_pack(void *context, const void *bytes, size_t size, struct trove_error *err)
{
    struct run *run = context;

    if (run->first_byte_ns == 0) {
        run->first_byte_ns = trove_now_ns();
        trove_sink_span_stop(run->transfer->sink, &run->span, 0);
        trove_sink_span_start(run->transfer->sink, &run->span, "pack");
    }
    run->span.bytes += size;
    run->transfer->got_pack = true;
    count(run->transfer->git, 0, size);
    return trove__pack_reader_feed(run->reader, bytes, size, err);
}

/* Control characters, C0 and C1, never reach a terminal. A character that two packets part is put together. */
static void on_progress(void *context, const char *text, size_t size)
{
    struct run *run = context;
    const struct trove_git_options *options = &run->transfer->git->options;
    char line[1024];

    while (size > 0) {
        size_t kept = run->begun_size, room = sizeof(line) - kept, n = size < room ? size : room;
        size_t done;

        memcpy(line, run->begun, kept);
        memcpy(line + kept, text, n);
        done = trove__mask(line, kept + n);
        if (done > 0)
            options->progress(options->progress_context, line, done);
        run->begun_size = kept + n - done;
        memcpy(run->begun, line + done, run->begun_size);
        text += n;
        size -= n;
    }
}

static void count_times(struct run *run)
{
    struct trove_git *git = run->transfer->git;
    int64_t now_ns = trove_now_ns();
    int64_t first_ns = run->first_byte_ns != 0 ? run->first_byte_ns : now_ns;

    pthread_mutex_lock(&git->lock);
    git->stats.wait_ns += (uint64_t)(first_ns - run->sent_ns);
    git->stats.pack_ns += (uint64_t)(now_ns - first_ns);
    pthread_mutex_unlock(&git->lock);
}

/* The connection broke: what had come is given. When that is wrong in itself, asking again is no use: its error counts. */
static int finish_broken(struct run *run, int status, struct trove_error *err)
{
    struct trove_error wrong;
    int finished = trove__pack_reader_finish(run->reader, NULL, &wrong);

    if (finished >= 0 || finished == -EIO)
        return status;
    if (err != NULL)
        *err = wrong;
    run->transfer->pack_is_wrong = true;
    return finished;
}

static int converse(struct run *run, struct trove__session *session,
                    const struct trove__fetch_args *args, struct trove_error *err)
{
    struct trove__transfer *transfer = run->transfer;
    struct trove__fetch_events events = {.context = run, .pack = on_pack};
    int status;

    if (transfer->git->options.progress != NULL)
        events.progress = on_progress;
    run->sent_ns = trove_now_ns();
    trove_sink_span_start(transfer->sink, &run->span, "answer");
    trove__git_count_request(transfer->git);
    status = trove__session_fetch(session, args, &events, transfer->until, &transfer->refused,
                                  &transfer->is_refused, err);
    if (status == 0)
        status = trove__pack_reader_finish(run->reader, NULL, err);
    else if (trove__session_broke_off(session))
        status = finish_broken(run, status, err);
    trove_sink_span_stop(transfer->sink, &run->span, status);
    return status;
}

/* One attempt on one session, with that much memory. */
static int attempt_with(struct trove__transfer *transfer, struct trove__pooled *pooled,
                        uint64_t inflight_bytes, const struct trove__fetch_args *args,
                        struct trove_error *err)
{
    struct run run = {.transfer = transfer,
                      .sink = trove__pack_sink(transfer->sink),
                      .lock = PTHREAD_MUTEX_INITIALIZER};
    int status = create_reader(&run, inflight_bytes, err);

    if (status < 0)
        return status;
    status = converse(&run, trove__pooled_session(pooled), args, err);
    trove__pack_reader_destroy(run.reader);
    count_times(&run);
    pthread_mutex_destroy(&run.lock);
    return status;
}

/* *RET_AGAIN: it failed because the connection had died while it was idle, which says nothing about the request. */
static int attempt(struct trove__transfer *transfer, bool whole_memory, bool *ret_again,
                   const struct trove__fetch_args *args, struct trove_error *err)
{
    struct trove_git *git = transfer->git;
    struct trove__pooled *pooled;
    struct trove_span span;
    uint64_t bytes;
    bool reused;
    int status = trove__inflight_take(&git->inflight, whole_memory, transfer->until, &bytes);

    if (status < 0)
        return trove_error_set(err, status, "waiting for memory for one more pack: %s",
                               trove_strerror(status));
    trove_sink_span_start(transfer->sink, &span, "connection");
    status = trove__pool_take(git->pool, transfer->until, &pooled, &reused, err);
    trove_sink_span_stop(transfer->sink, &span, status);
    if (status == 0) {
        status = attempt_with(transfer, pooled, bytes, args, err);
        *ret_again = reused && status < 0 && !transfer->is_refused &&
                     trove__session_is_gone(trove__pooled_session(pooled));
        transfer->broke_off = status < 0 && !transfer->is_refused && !transfer->pack_is_wrong &&
                              trove__session_broke_off(trove__pooled_session(pooled));
        snprintf(transfer->said, sizeof(transfer->said), "%s",
                 trove__session_said(trove__pooled_session(pooled)));
        trove__pool_give(git->pool, pooled);
    }
    trove__inflight_give(&git->inflight, bytes);
    return status;
}

/* An object that did not fit beside other requests' packs may fit when it is alone. */
static bool needs_more_memory(int status, const struct trove_error *err)
{
    return status == -EFBIG && strstr(err->message, "the memory for packs under way") != NULL;
}

int trove__transfer_run(struct trove__transfer *transfer, const struct trove__fetch_args *args,
                        struct trove_error *err)
{
    bool whole_memory = false, again;
    struct trove_error local;
    int status;

    do {
        again = false;
        local = (struct trove_error){0};
        transfer->is_refused = false;
        transfer->said[0] = '\0';
        transfer->got_pack = transfer->broke_off = transfer->pack_is_wrong = false;
        status = attempt(transfer, whole_memory, &again, args, &local);
        if (!whole_memory && needs_more_memory(status, &local))
            whole_memory = again = true;
    } while (again);
    if (status < 0 && err != NULL)
        *err = local;
    return status;
}
