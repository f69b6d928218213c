// SPDX-License-Identifier: MIT
/*
 * engine_work.c - the workers: each takes what the stream answers, searches it, and puts it in order or off.
 *
 * WINDOW     Blobs that leave by id are asked for as far ahead as they fit into `window_bytes`. What a fetch brings comes
 *            whether it is asked for or not, and not in the order of the names; asked for, it is searched when it comes
 *            and need not stay in the cache. So there the window is as wide as it can be: the texts wait, in memory and
 *            then in a file. An answer that is far ahead and whose text has no room there either is put off: the object
 *            is let go, and asked for again when it is near.
 */
#include "core/memory.h"
#include "engine_internal.h"
#include <errno.h>

enum {
    NEAR_MAX = 4096,    /* of the jobs open at once, asked for by id */
    WINDOW_MIN = 32,    /* keeps all workers busy, and packs are hardly ever more out of order */
    USES_THAT_KEEP = 2, /* more than a scan's */
    SIZES_WEIGHT = 256, /* the last so many objects decide what an object's size is */
};

/* An object whose text was not kept. */
struct later {
    uint64_t number;
    struct trove_object *object;
};

/* --- the window --------------------------------------------------------------------------------------------------- */

/* How many objects may be open when they are of this size. */
static size_t window_for(const struct trove__engine *engine, uint64_t average_bytes)
{
    uint64_t window = engine->options.window_bytes / (average_bytes + 1);

    if (window < WINDOW_MIN)
        window = WINDOW_MIN;
    return window < NEAR_MAX ? (size_t)window : NEAR_MAX;
}

size_t trove__engine_near_locked(const struct trove__engine *engine)
{
    return engine->sizes_seen == 0 ? TROVE__ENGINE_WINDOW_START
                                   : window_for(engine, engine->average_bytes);
}

static void note_size(struct trove__engine *engine, uint64_t bytes)
{
    size_t before, after;

    pthread_mutex_lock(&engine->lock);
    before = trove__engine_near_locked(engine);
    /* A few large objects among many small ones are most of the bytes: a long memory, and half as much again. */
    bytes += bytes / 2 + 128;
    engine->sizes_seen += engine->sizes_seen < SIZES_WEIGHT;
    if (bytes > engine->average_bytes)
        engine->average_bytes += (bytes - engine->average_bytes) / engine->sizes_seen;
    else
        engine->average_bytes -= (engine->average_bytes - bytes) / engine->sizes_seen;
    after = trove__engine_near_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    if (after != before && !engine->has_fetch)
        trove__ordered_set_window(engine->ordered, after);
}

/* --- what is put off ---------------------------------------------------------------------------------------------- */

static bool is_far(struct trove__engine *engine, uint64_t number)
{
    uint64_t due;
    bool far;

    if (!engine->has_fetch)
        return false;
    due = trove__ordered_due(engine->ordered);
    pthread_mutex_lock(&engine->lock);
    far = number - due >= trove__engine_near_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    return far;
}

/* NUMBER is answered when it is near. Its object will be used then: worth more than what has been. */
static void put_off(struct trove__engine *engine, uint64_t number)
{
    struct trove__engine_job *job = &engine->jobs[number % TROVE__ENGINE_WINDOW_MAX];
    const struct trove_object *object;

    trove_read_lock();
    for (int i = 0; i < USES_THAT_KEEP; i++)
        (void)trove_get(engine->options.cache, &job->id, &object);
    trove_read_unlock();
    pthread_mutex_lock(&engine->lock);
    job->put_off = true;
    engine->put_off++;
    pthread_mutex_unlock(&engine->lock);
}

/* Takes what was put off and is near by now: at most TROVE__ENGINE_BATCH_MAX. */
static size_t take_put_off(struct trove__engine *engine, struct trove_want *wants, uintptr_t *tags)
{
    uint64_t due = trove__ordered_due(engine->ordered);
    size_t count = 0, near;

    pthread_mutex_lock(&engine->lock);
    near = trove__engine_near_locked(engine);
    for (uint64_t number = due;
         number < due + near && count < TROVE__ENGINE_BATCH_MAX && engine->put_off > 0; number++) {
        struct trove__engine_job *job = &engine->jobs[number % TROVE__ENGINE_WINDOW_MAX];
        if (!job->put_off)
            continue;
        job->put_off = false;
        engine->put_off--;
        wants[count] = (struct trove_want){.id = job->id, .type = TROVE_BLOB};
        tags[count++] = (uintptr_t)number;
    }
    pthread_mutex_unlock(&engine->lock);
    return count;
}

static void ask_again(struct trove__engine *engine)
{
    struct trove_want wants[TROVE__ENGINE_BATCH_MAX];
    uintptr_t tags[TROVE__ENGINE_BATCH_MAX];
    size_t count;

    while ((count = take_put_off(engine, wants, tags)) > 0)
        if (trove__engine_ask(engine, wants, tags, count) < 0)
            break;
}

/* --- the workers ------------------------------------------------------------------------------------------------- */

static int search(struct trove__engine_worker *worker, uint64_t number,
                  const struct trove_object *object, struct trove__text *text,
                  struct trove_error *err)
{
    struct trove__engine *engine = worker->engine;
    const struct trove__engine_job *job = &engine->jobs[number % TROVE__ENGINE_WINDOW_MAX];
    int r = trove__grep_buffer(engine->options.grep, worker->scratch, job->name, job->content,
                               trove_object_data(object), trove_object_size(object), text, err);

    if (r == 1) {
        pthread_mutex_lock(&engine->lock);
        engine->hit = true;
        pthread_mutex_unlock(&engine->lock);
    }
    return r;
}

int trove__engine_search_again(void *context, void *later_context, struct trove__text *text,
                               struct trove_error *err)
{
    struct later *later = later_context;
    int r = search(context, later->number, later->object, text, err);

    trove_unpin(later->object);
    trove__free(later);
    return r;
}

void trove__engine_forget_later(void *context)
{
    struct later *later = context;

    trove_unpin(later->object);
    trove__free(later);
}

static void fail(struct trove__engine_worker *worker, int code, struct trove_error *err)
{
    if (err->code == 0 && worker->answer.err.code < 0)
        *err = worker->answer.err;
    if (err->code == 0)
        trove_error_set(err, code, "%s", trove_strerror(code));
    trove__ordered_fail(&worker->answer, err, worker);
}

/* What was found in OBJECT cannot be kept until it is due. Its pin is consumed. */
static void put_later(struct trove__engine_worker *worker, uint64_t number,
                      struct trove_object *object)
{
    struct trove_error err = {.code = 0};
    struct later *later = trove__malloc(sizeof(*later));

    if (later == NULL) {
        trove_unpin(object);
        fail(worker, -ENOMEM, &err);
        return;
    }
    *later = (struct later){.number = number, .object = object};
    trove__ordered_put_later(&worker->answer, later, worker);
}

/* An object has come. Its pin is consumed. */
static void search_and_put(struct trove__engine_worker *worker, uint64_t number,
                           struct trove_object *object)
{
    struct trove__engine *engine = worker->engine;
    struct trove_error err = {.code = 0};
    int r;

    note_size(engine, trove_object_size(object));
    r = search(worker, number, object, &worker->answer.text, &err);
    if (r < 0 && !trove__ordered_is_cut(&worker->answer)) {
        trove_unpin(object);
        fail(worker, r, &err);
    } else if (r == 1 && engine->first_hit_ends) {
        trove_unpin(object);
        trove__engine_stop(engine, NULL);
    } else if (r >= 0 && trove__ordered_try_put(&worker->answer, worker)) {
        trove_unpin(object);
    } else if (is_far(engine, number)) {
        trove_unpin(object);
        trove__ordered_give_up(&worker->answer);
        put_off(engine, number);
    } else {
        put_later(worker, number, object);
    }
}

/* Waits until there is an answer to ask for. False when there will be none. */
static bool claim(struct trove__engine *engine)
{
    bool claimed = false;

    pthread_mutex_lock(&engine->lock);
    while (engine->claimed == engine->added && !engine->ending)
        pthread_cond_wait(&engine->work, &engine->lock);
    if (!engine->ending) {
        engine->claimed++;
        claimed = true;
    }
    pthread_mutex_unlock(&engine->lock);
    return claimed;
}

void *trove__engine_work(void *context)
{
    struct trove__engine_worker *worker = context;
    struct trove__engine *engine = worker->engine;

    while (claim(engine)) {
        struct trove_error err = {.code = 0};
        struct trove_result result;
        int r = trove_stream_next(engine->stream, &engine->options.until, &result, &err);

        if (r <= 0) {
            r = r == 0 ? -EIO : r;
            if (err.code == 0)
                trove_error_set(&err, r, "%s", trove_strerror(r));
            trove__engine_stop(engine, &err);
            break;
        }
        trove__ordered_begin(&worker->answer, result.tag);
        if (result.status < 0)
            fail(worker, result.status, &err);
        else
            search_and_put(worker, result.tag, result.object);
        ask_again(engine);
    }
    return NULL;
}
