// SPDX-License-Identifier: MIT
/*
 * pack_hasher.c - tasks between parser and hasher: objects to be hashed and given away, and their ids on the way back. What
 * is shared, and how, stands in pack_lanes_struct.h.
 */
#include "fetch/pack_lanes_struct.h"
#include <errno.h>

enum {
    BATCH = 16,             /* tasks the hasher takes at a time */
    WAKE_TASKS = 8,         /* enough to wake it for ... */
    WAKE_BYTES = 64 * 1024, /* ... or so many bytes */
    QUEUE_OF_INFLIGHT = 8,  /* bytes waiting to be hashed at most: this part of the bound */
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
        lanes->task_first = (lanes->task_first + 1) % TROVE__PACK_TASKS_MAX;
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
    struct trove__pack_done done[BATCH];
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

void *trove__pack_hasher_main(void *context)
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

void trove__pack_kick_hasher_locked(struct trove__pack_lanes *lanes)
{
    if (lanes->hasher_waits && lanes->task_count > 0)
        pthread_cond_signal(&lanes->for_hasher);
}

int trove__pack_note_done_unlock(struct trove__pack_reader *reader, struct trove_error *err)
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
    if (lanes->under_way == TROVE__PACK_TASKS_MAX ||
        (lanes->task_count > 0 && lanes->task_bytes + task->size > max))
        return false;
    lanes->tasks[(lanes->task_first + lanes->task_count++) % TROVE__PACK_TASKS_MAX] = *task;
    lanes->task_bytes += task->size;
    lanes->under_way++;
    if (lanes->task_count >= WAKE_TASKS || lanes->task_bytes >= WAKE_BYTES)
        trove__pack_kick_hasher_locked(lanes);
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
    r = trove__pack_note_done_unlock(reader, err);
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
    trove__pack_kick_hasher_locked(lanes);
    lanes->parser_waits_for_done = true;
    while (lanes->done_count == 0)
        pthread_cond_wait(&lanes->for_parser, &lanes->lock);
    lanes->parser_waits_for_done = false;
    r = trove__pack_note_done_unlock(reader, err);
    return r < 0 ? r : 1;
}
