// SPDX-License-Identifier: MIT
/*
 * pack_lanes.c - feeder, parser and hasher side by side.
 *
 * INVARIANTS  I1 whatever the threads share is a field of struct trove__pack_lanes and guarded by its lock, but for the
 * spool, which has its own. I2 `under_way` counts tasks that were queued and whose end the parser has not noted; each
 * keeps its object held in the base store. I3 a failure of the parser is published after all tasks before it are done:
 * what was complete in front of the damage has been given away.
 * ROLES       feeder: any thread that calls the reader, one at a time. parser, hasher: threads of the reader.
 * PROTOCOL    Bytes: feeder appends to the spool, raises `arrived`, and waits while it is a window ahead of `parsed`.
 * Tasks: the parser queues; when the queue is full it does the work itself, so that neither core idles. The hasher takes
 * a few at a time and posts their ids. It is woken for a handful of tasks, or before the parser waits, not for each one.
 * EDGES       None of its own: every hand-over is through the lock or a pthread_join(); start_threads() hands the parser's
 * state over by pthread_create(), join() takes it back. The bytes of an object were written before its task was queued.
 * LIMITS      TASKS_MAX tasks under way, max_inflight_bytes / QUEUE_OF_INFLIGHT bytes waiting to be hashed.
 * PROGRESS    May block. No wait is timed: the feeder waits only for the parser, the parser for the hasher, which waits
 * for nothing but work; the parser looks at the deadline.
 * TESTS       tests/unit/test_pack_git.c, tests/unit/test_pack_memory.c (all with threads and without), tests/fuzz/fuzz_pack_deltas.c
 * (one thread and three come to the same end), ThreadSanitizer.
 */
#include "fetch/pack_lanes.h"
#include "core/memory.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum {
    TASKS_MAX = 256,
    BATCH = 16,             /* tasks the hasher takes at a time */
    WAKE_TASKS = 8,         /* enough to wake it for ... */
    WAKE_BYTES = 64 * 1024, /* ... or so many bytes */
    QUEUE_OF_INFLIGHT = 8,  /* bytes waiting to be hashed at most: this part of the bound */
};

struct done {
    struct trove__pack_task task;
    struct trove_oid id;
};

struct trove__pack_lanes {
    pthread_mutex_t lock;
    pthread_cond_t for_feeder, for_parser, for_hasher;
    pthread_t parser, hasher;

    /* bytes */
    uint64_t arrived, parsed;
    bool ended;   /* no more bytes */
    bool dropped; /* the reader is being destroyed */
    bool feeder_waits, parser_waits_for_bytes, parser_waits_for_done, hasher_waits;

    /* tasks */
    struct trove__pack_task tasks[TASKS_MAX];
    uint32_t task_first, task_count;
    uint64_t task_bytes;
    struct done done[TASKS_MAX];
    uint32_t done_count;
    uint32_t under_way;
    bool tasks_ended;

    /* outcome */
    bool parser_done;
    int status; /* of the parser */
    struct trove_error error;
    int hash_status; /* of the hasher */
    struct trove_error hash_error;

    struct done noted[TASKS_MAX]; /* the parser's copy */
};

int trove__pack_hash_and_give(struct trove__pack_reader *reader,
                              const struct trove__pack_task *task, struct trove_oid *ret_id,
                              struct trove_error *err)
{
    char hex[TROVE_OID_HEX_MAX + 1];
    int r =
        reader->hash->object_id(reader->hash->context, task->type, task->data, task->size, ret_id);

    if (r < 0) {
        trove_unpin(task->object);
        return trove__pack_wrong(task->offset, r,
                                 r == -EBADMSG ? "its bytes are part of a hash collision attack"
                                               : "its id cannot be computed",
                                 err);
    }
    r = reader->target.give(reader->target.context, task->object, ret_id);
    if (r == 0)
        return 0;
    return trove_error_set(err, r, "object %s of the pack is refused: %s",
                           trove_oid_to_hex(reader->hash->algo, ret_id, hex),
                           r == -EBADMSG ? "other bytes are cached under its id"
                                         : trove_strerror(r));
}

/* --- hasher ------------------------------------------------------------------------------------------------------- */

static uint32_t take_tasks_locked(struct trove__pack_lanes *lanes, struct trove__pack_task *tasks)
{
    uint32_t count = 0;

    while (count < BATCH && lanes->task_count > 0) {
        tasks[count++] = lanes->tasks[lanes->task_first];
        lanes->task_bytes -= lanes->tasks[lanes->task_first].size;
        lanes->task_first = (lanes->task_first + 1) % TASKS_MAX;
        lanes->task_count--;
    }
    return count;
}

/* A task that failed is noted as done too: the parser learns of the failure and stops. */
static void hash_batch(struct trove__pack_reader *reader, struct trove__pack_task *tasks,
                       uint32_t count)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    struct trove_error err;
    struct done done[BATCH];
    int status = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct trove_error later;
        int r =
            trove__pack_hash_and_give(reader, &tasks[i], &done[i].id, status == 0 ? &err : &later);

        status = status == 0 ? r : status;
        done[i].task = tasks[i];
    }
    pthread_mutex_lock(&lanes->lock);
    memcpy(lanes->done + lanes->done_count, done, count * sizeof(*done));
    lanes->done_count += count;
    if (status < 0 && lanes->hash_status == 0) {
        lanes->hash_status = status;
        lanes->hash_error = err;
    }
    if (lanes->parser_waits_for_done)
        pthread_cond_signal(&lanes->for_parser);
    pthread_mutex_unlock(&lanes->lock);
}

static void *hasher_main(void *context)
{
    struct trove__pack_reader *reader = context;
    struct trove__pack_lanes *lanes = reader->lanes;
    struct trove__pack_task tasks[BATCH];
    uint32_t count;

    do {
        pthread_mutex_lock(&lanes->lock);
        while (lanes->task_count == 0 && !lanes->tasks_ended) {
            lanes->hasher_waits = true;
            pthread_cond_wait(&lanes->for_hasher, &lanes->lock);
            lanes->hasher_waits = false;
        }
        count = take_tasks_locked(lanes, tasks);
        pthread_mutex_unlock(&lanes->lock);
        if (count > 0)
            hash_batch(reader, tasks, count);
    } while (count > 0);
    return NULL;
}

/* --- parser ------------------------------------------------------------------------------------------------------- */

static void kick_hasher_locked(struct trove__pack_lanes *lanes)
{
    if (lanes->hasher_waits && lanes->task_count > 0)
        pthread_cond_signal(&lanes->for_hasher);
}

static void publish_parsed_locked(struct trove__pack_reader *reader)
{
    struct trove__pack_lanes *lanes = reader->lanes;

    if (reader->parser.at > lanes->parsed)
        lanes->parsed = reader->parser.at;
    if (lanes->feeder_waits)
        pthread_cond_signal(&lanes->for_feeder);
}

/* Takes note of what the hasher has done. The lock is held at the start and not at the end. */
static int note_done_unlock(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    uint32_t count = lanes->done_count;
    int r = lanes->hash_status;

    memcpy(lanes->noted, lanes->done, count * sizeof(*lanes->done));
    lanes->done_count = 0;
    lanes->under_way -= count;
    if (r < 0 && err != NULL)
        *err = lanes->hash_error;
    pthread_mutex_unlock(&lanes->lock);
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = trove__pack_completed(reader, &lanes->noted[i].task, &lanes->noted[i].id, err);
    return r;
}

static int do_here(struct trove__pack_reader *reader, const struct trove__pack_task *task,
                   struct trove_error *err)
{
    struct trove_oid id;
    int r = trove__pack_hash_and_give(reader, task, &id, err);

    return r == 0 ? trove__pack_completed(reader, task, &id, err) : r;
}

static bool queue_locked(struct trove__pack_reader *reader, const struct trove__pack_task *task)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    uint64_t max = reader->limits.max_inflight_bytes / QUEUE_OF_INFLIGHT;

    /* Every task under way needs a place in `done`. */
    if (lanes->under_way == TASKS_MAX ||
        (lanes->task_count > 0 && lanes->task_bytes + task->size > max))
        return false;
    lanes->tasks[(lanes->task_first + lanes->task_count++) % TASKS_MAX] = *task;
    lanes->task_bytes += task->size;
    lanes->under_way++;
    if (lanes->task_count >= WAKE_TASKS || lanes->task_bytes >= WAKE_BYTES)
        kick_hasher_locked(lanes);
    return true;
}

int trove__pack_lanes_submit(struct trove__pack_reader *reader, const struct trove__pack_task *task,
                             struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    bool queued;
    int r;

    if (lanes == NULL)
        return do_here(reader, task, err);
    pthread_mutex_lock(&lanes->lock);
    queued = queue_locked(reader, task);
    r = note_done_unlock(reader, err);
    if (!queued && r == 0)
        return do_here(reader, task, err);
    if (!queued)
        trove_unpin(task->object);
    return r;
}

int trove__pack_lanes_await_one(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    int r;

    if (lanes == NULL)
        return 0;
    pthread_mutex_lock(&lanes->lock);
    if (lanes->under_way == 0) {
        pthread_mutex_unlock(&lanes->lock);
        return 0;
    }
    kick_hasher_locked(lanes);
    lanes->parser_waits_for_done = true;
    while (lanes->done_count == 0)
        pthread_cond_wait(&lanes->for_parser, &lanes->lock);
    lanes->parser_waits_for_done = false;
    r = note_done_unlock(reader, err);
    return r < 0 ? r : 1;
}

void trove__pack_lanes_parsed(struct trove__pack_reader *reader)
{
    struct trove__pack_lanes *lanes = reader->lanes;

    if (lanes == NULL)
        return;
    pthread_mutex_lock(&lanes->lock);
    publish_parsed_locked(reader);
    kick_hasher_locked(lanes);
    pthread_mutex_unlock(&lanes->lock);
}

/* Waits for more bytes than SEEN, or for ids that deltas wait for. Returns 0, or 1 when no more bytes will come. */
static int await_bytes(struct trove__pack_reader *reader, uint64_t seen, struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    bool deltas_wait = reader->parser.index.waiting > 0;
    bool ended;
    int r;

    pthread_mutex_lock(&lanes->lock);
    publish_parsed_locked(reader);
    kick_hasher_locked(lanes);
    lanes->parser_waits_for_bytes = true;
    lanes->parser_waits_for_done = deltas_wait;
    while (lanes->arrived == seen && !lanes->ended && !lanes->dropped &&
           !(deltas_wait && lanes->done_count > 0))
        pthread_cond_wait(&lanes->for_parser, &lanes->lock);
    lanes->parser_waits_for_bytes = false;
    lanes->parser_waits_for_done = false;
    ended = (lanes->ended && lanes->arrived == seen) || lanes->dropped;
    r = note_done_unlock(reader, err);
    return r < 0 ? r : ended;
}

static int parse_to_end(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    int r = 0;

    while (r == 0) {
        uint64_t seen;

        pthread_mutex_lock(&lanes->lock);
        seen = lanes->arrived;
        pthread_mutex_unlock(&lanes->lock);
        r = trove__pack_parse(reader, err);
        if (r == -EAGAIN)
            r = await_bytes(reader, seen, err);
        if (r == 0)
            r = trove__pack_run_ready(reader, err);
    }
    return r < 0 ? r : trove__pack_parse_end(reader, err);
}

static void *parser_main(void *context)
{
    struct trove__pack_reader *reader = context;
    struct trove__pack_lanes *lanes = reader->lanes;
    struct trove_error err = {.message = ""};
    int r = parse_to_end(reader, &err);

    while (r < 0 && trove__pack_lanes_await_one(reader, NULL) != 0)
        ; /* I3; each turn notes at least one task as done */
    pthread_mutex_lock(&lanes->lock);
    lanes->status = r;
    if (r < 0)
        lanes->error = err;
    lanes->parser_done = true;
    lanes->tasks_ended = true;
    pthread_cond_broadcast(&lanes->for_hasher);
    pthread_cond_broadcast(&lanes->for_feeder);
    pthread_mutex_unlock(&lanes->lock);
    return NULL;
}

/* --- feeder ------------------------------------------------------------------------------------------------------- */

static bool has_two_processors(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) > 1;
}

static void lanes_free(struct trove__pack_lanes *lanes)
{
    pthread_mutex_destroy(&lanes->lock);
    pthread_cond_destroy(&lanes->for_feeder);
    pthread_cond_destroy(&lanes->for_parser);
    pthread_cond_destroy(&lanes->for_hasher);
    trove__free(lanes);
}

/* Signals stay with the threads of the host. */
static int start_threads(struct trove__pack_reader *reader)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&lanes->hasher, NULL, hasher_main, reader);
    if (r == 0) {
        r = pthread_create(&lanes->parser, NULL, parser_main, reader);
        if (r != 0) {
            pthread_mutex_lock(&lanes->lock);
            lanes->tasks_ended = true;
            pthread_cond_broadcast(&lanes->for_hasher);
            pthread_mutex_unlock(&lanes->lock);
            pthread_join(lanes->hasher, NULL);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

void trove__pack_lanes_start(struct trove__pack_reader *reader)
{
    struct trove__pack_lanes *lanes =
        has_two_processors() ? trove__calloc(1, sizeof(*lanes)) : NULL;

    reader->limits.thread_bytes = UINT64_MAX; /* tried once */
    if (lanes == NULL)
        return;
    pthread_mutex_init(&lanes->lock, NULL);
    pthread_cond_init(&lanes->for_feeder, NULL);
    pthread_cond_init(&lanes->for_parser, NULL);
    pthread_cond_init(&lanes->for_hasher, NULL);
    lanes->arrived = reader->fed;
    lanes->parsed = reader->parser.at;
    reader->lanes = lanes;
    if (start_threads(reader) < 0) {
        reader->lanes = NULL;
        lanes_free(lanes);
    }
}

int trove__pack_lanes_wait_room(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    uint64_t window = (uint64_t)TROVE__PACK_WINDOW_CHUNKS * reader->chunk_bytes;
    int r;

    pthread_mutex_lock(&lanes->lock);
    while (lanes->arrived - lanes->parsed > window && !lanes->parser_done) {
        lanes->feeder_waits = true;
        pthread_cond_wait(&lanes->for_feeder, &lanes->lock);
        lanes->feeder_waits = false;
    }
    r = lanes->status;
    if (r < 0)
        *err = lanes->error;
    pthread_mutex_unlock(&lanes->lock);
    return r;
}

void trove__pack_lanes_arrived(struct trove__pack_reader *reader, size_t size)
{
    struct trove__pack_lanes *lanes = reader->lanes;

    pthread_mutex_lock(&lanes->lock);
    lanes->arrived += size;
    if (lanes->parser_waits_for_bytes)
        pthread_cond_signal(&lanes->for_parser);
    pthread_mutex_unlock(&lanes->lock);
}

/* Ends the threads; the reader goes on, or ends, without lanes. Returns what the parser came to. */
static int join(struct trove__pack_reader *reader, bool drop, struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    int r;

    pthread_mutex_lock(&lanes->lock);
    lanes->ended = true;
    lanes->dropped = drop;
    pthread_cond_broadcast(&lanes->for_parser);
    pthread_mutex_unlock(&lanes->lock);
    pthread_join(lanes->parser, NULL);
    pthread_join(lanes->hasher, NULL);
    r = lanes->status;
    if (r < 0 && err != NULL)
        *err = lanes->error;
    reader->lanes = NULL;
    lanes_free(lanes);
    return r;
}

int trove__pack_lanes_finish(struct trove__pack_reader *reader, struct trove_error *err)
{
    return join(reader, false, err);
}

void trove__pack_lanes_stop(struct trove__pack_reader *reader)
{
    if (reader->lanes != NULL)
        (void)join(reader, true, NULL);
}
