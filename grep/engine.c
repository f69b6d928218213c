// SPDX-License-Identifier: MIT
/*
 * engine.c - the adding thread fills jobs and a stream; workers (engine_work.c) take the stream's answers and search them;
 * `ordered` puts the texts in order.
 *
 * INVARIANTS I1 claimed <= added: a worker asks the stream only for answers that are on their way.
 *            I2 the job of a number is written before the number is added to the stream and read by whom the stream gave
 *               the answer, until that answer is put; then the number leaves the window and the job may be filled anew.
 *            I3 a number that was put off is asked for again once it is near the one that is due, by a worker that looks
 *               after each answer it has put: so the one that is due is never forgotten.
 */
#include "engine.h"
#include "core/memory.h"
#include "engine_internal.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void trove__engine_stop(struct trove__engine *engine, const struct trove_error *err)
{
    trove__ordered_stop(engine->ordered, err);
    pthread_mutex_lock(&engine->lock);
    engine->ending = true;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    trove_cancel(engine->options.until.cancel);
}

int trove__engine_ask(struct trove__engine *engine, const struct trove_want *wants,
                      const uintptr_t *tags, size_t count)
{
    int r = trove_stream_add(engine->stream, wants, tags, count, &engine->options.until);

    if (r < 0) {
        struct trove_error err;
        trove_error_set(&err, r, "asking for objects: %s", trove_strerror(r));
        trove__engine_stop(engine, &err);
        return -ECANCELED;
    }
    pthread_mutex_lock(&engine->lock);
    engine->added += count;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    return 0;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static unsigned core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > 256 ? 256 : (unsigned)count;
}

static int create_ordered(struct trove__engine *engine)
{
    struct trove__ordered_options options = {
        .window = TROVE__ENGINE_WINDOW_MAX,
        .max_held = engine->options.held_bytes,
        .text_limit = engine->options.held_bytes / 4,
        .max_aside = engine->options.aside_bytes,
        .write = engine->options.write,
        .write_context = engine->options.write_context,
        .again = trove__engine_search_again,
        .forget = trove__engine_forget_later,
    };
    int r;

    options.mark = trove__grep_mark(engine->options.grep, &options.mark_size);
    r = trove__ordered_create(&options, &engine->ordered);
    if (r == 0)
        trove__ordered_set_window(engine->ordered, TROVE__ENGINE_WINDOW_START);
    return r;
}

static int start_worker(struct trove__engine *engine)
{
    struct trove__engine_worker *worker = &engine->workers[engine->worker_count];
    int r = trove__grep_scratch_create(engine->options.grep, &worker->scratch);

    if (r < 0)
        return r;
    worker->engine = engine;
    trove__ordered_answer_init(engine->ordered, &worker->answer);
    if (pthread_create(&worker->thread, NULL, trove__engine_work, worker) != 0) {
        trove__grep_scratch_destroy(worker->scratch);
        return -EAGAIN;
    }
    engine->worker_count++;
    return 0;
}

int trove__engine_create(const struct trove__engine_options *options, struct trove__engine **ret,
                         struct trove_error *err)
{
    unsigned threads = options->threads > 0 ? options->threads : core_count();
    struct trove__engine *engine =
        trove__calloc(1, sizeof(*engine) + threads * sizeof(engine->workers[0]));
    int r = -ENOMEM;

    if (engine == NULL)
        return trove_error_set(err, r, "out of memory");
    engine->options = *options;
    if (engine->options.window_bytes == 0)
        engine->options.window_bytes = 16 << 20;
    if (engine->options.held_bytes == 0)
        engine->options.held_bytes = 32 << 20;
    engine->first_hit_ends = trove__grep_first_hit_ends(options->grep);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->work, NULL);
    r = create_ordered(engine);
    for (unsigned i = 0; i < threads && r == 0; i++) {
        r = start_worker(engine);
        if (r == -EAGAIN && i > 0) {
            r = 0; /* fewer will do */
            break;
        }
    }
    if (r < 0) {
        trove__engine_destroy(engine);
        return trove_error_set(err, r, "starting to search: %s", trove_strerror(r));
    }
    *ret = engine;
    return 0;
}

static void end_workers(struct trove__engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->ending = true;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    for (unsigned i = 0; i < engine->worker_count; i++) {
        pthread_join(engine->workers[i].thread, NULL);
        trove__grep_scratch_destroy(engine->workers[i].scratch);
        trove__ordered_answer_deinit(&engine->workers[i].answer);
    }
    engine->worker_count = 0;
    trove_stream_close(engine->stream);
    engine->stream = NULL;
}

void trove__engine_abandon(struct trove__engine *engine)
{
    trove__engine_stop(engine, NULL);
    end_workers(engine);
}

void trove__engine_destroy(struct trove__engine *engine)
{
    if (engine == NULL)
        return;
    if (engine->stream != NULL)
        trove__engine_abandon(engine);
    end_workers(engine);
    trove__ordered_destroy(engine->ordered);
    for (size_t i = 0; i < TROVE__ENGINE_WINDOW_MAX; i++)
        trove__free(engine->jobs[i].name);
    pthread_cond_destroy(&engine->work);
    pthread_mutex_destroy(&engine->lock);
    trove__free(engine);
}

/* --- the adding thread ------------------------------------------------------------------------------------------- */

int trove__engine_begin(struct trove__engine *engine, struct trove_fetch *within,
                        struct trove_error *err)
{
    size_t near;
    int r = trove_stream_open(engine->options.cache, within, &engine->stream, err);

    if (r < 0)
        return r;
    engine->has_fetch = within != NULL;
    pthread_mutex_lock(&engine->lock);
    near = trove__engine_near_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    trove__ordered_set_window(engine->ordered, engine->has_fetch ? TROVE__ENGINE_WINDOW_MAX : near);
    return 0;
}

int trove__engine_flush(struct trove__engine *engine)
{
    size_t count = engine->want_count;

    engine->want_count = 0;
    return count > 0 ? trove__engine_ask(engine, engine->wants, engine->tags, count) : 0;
}

/* A number; what is ready to be asked for leaves before there is any waiting. */
static int reserve(struct trove__engine *engine, uint64_t *ret_number)
{
    int r = trove__ordered_reserve(engine->ordered, false, ret_number);

    if (r != -EAGAIN)
        return r;
    r = trove__engine_flush(engine);
    return r < 0 ? r : trove__ordered_reserve(engine->ordered, true, ret_number);
}

static int fill_job(struct trove__engine_job *job, const struct trove_oid *id, const char *name,
                    size_t length, enum trove__content content)
{
    if (length + 1 > job->capacity) {
        char *bytes = trove__realloc(job->name, length + 64);
        if (bytes == NULL)
            return -ENOMEM;
        job->name = bytes;
        job->capacity = length + 64;
    }
    memcpy(job->name, name, length + 1);
    job->id = *id;
    job->content = content;
    return 0;
}

int trove__engine_add(struct trove__engine *engine, const struct trove_oid *id, const char *name,
                      size_t length, enum trove__content content)
{
    uint64_t number;
    int r = reserve(engine, &number);

    if (r < 0)
        return r;
    r = fill_job(&engine->jobs[number % TROVE__ENGINE_WINDOW_MAX], id, name, length, content);
    if (r < 0) {
        struct trove_error err;
        trove_error_set(&err, r, "out of memory");
        trove__engine_stop(engine, &err);
        return r;
    }
    engine->wants[engine->want_count] = (struct trove_want){.id = *id, .type = TROVE_BLOB};
    engine->tags[engine->want_count++] = (uintptr_t)number;
    return engine->want_count == TROVE__ENGINE_BATCH_MAX ? trove__engine_flush(engine) : 0;
}

int trove__engine_end(struct trove__engine *engine, struct trove_error *err)
{
    int r;

    trove__engine_flush(engine); /* a failure comes back from wait */
    r = trove__ordered_wait(engine->ordered, err);
    if (r < 0 || trove__ordered_is_stopped(engine->ordered))
        return r; /* workers may still be inside the stream: abandon or destroy closes it */
    trove_stream_close(engine->stream);
    engine->stream = NULL;
    return 0;
}

bool trove__engine_is_answered(struct trove__engine *engine)
{
    return engine->first_hit_ends && trove__engine_hit(engine);
}

bool trove__engine_hit(struct trove__engine *engine)
{
    bool hit;

    pthread_mutex_lock(&engine->lock);
    hit = engine->hit;
    pthread_mutex_unlock(&engine->lock);
    return hit;
}
