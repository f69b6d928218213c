// SPDX-License-Identifier: MIT
/*
 * engine.c - the adding thread fills jobs and a stream; workers take the stream's answers and search them; `ordered` puts
 * the texts in order.
 *
 * INVARIANTS I1 claimed <= added: a worker asks the stream only for answers that are on their way.
 *            I2 the job of a number is written before the number is added to the stream and read by whom the stream gave
 *               the answer, until that answer is put; then the number leaves the window and the job may be filled anew.
 *            I3 a number that was put off is asked for again once it is near the one that is due, by a worker that looks
 *               after each answer it has put: so the one that is due is never forgotten.
 *
 * WINDOW     Blobs that leave by id are asked for as far ahead as they fit into `window_bytes`. What a fetch brings comes
 *            whether it is asked for or not, and not in the order of the names; asked for, it is searched when it comes
 *            and need not stay in the cache. So there the window is as wide as it can be: the texts wait, in memory and
 *            then in a file. An answer that is far ahead and whose text has no room there either is put off: the object
 *            is let go, and asked for again when it is near.
 */
#include "engine.h"
#include "core/memory.h"
#include "ordered.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum {
    WINDOW_MAX = 16384, /* jobs open at once */
    NEAR_MAX = 4096,    /* of these, asked for by id */
    WINDOW_MIN = 32,    /* keeps all workers busy, and packs are hardly ever more out of order */
    WINDOW_START = 128, /* until sizes are known */
    BATCH_MAX = 64,     /* ids added to the stream at once */
    USES_THAT_KEEP = 2, /* more than a scan's */
    SIZES_WEIGHT = 256, /* the last so many objects decide what an object's size is */
};

struct job {
    struct trove_oid id;
    bool put_off; /* under the lock */
    char *name;
    size_t capacity;
    enum trove__content content;
};

/* An object whose text was not kept. */
struct later {
    uint64_t number;
    struct trove_object *object;
};

struct worker {
    struct trove__engine *engine;
    pthread_t thread;
    struct trove__grep_scratch *scratch;
    struct trove__ordered_answer answer;
};

struct trove__engine {
    struct trove__engine_options options;
    struct trove__ordered *ordered;
    bool first_hit_ends;
    bool has_fetch; /* a fetch is under way that brings what is searched */
    struct job jobs[WINDOW_MAX];

    /* The adding thread's. */
    struct trove_stream *stream; /* the workers read it after they saw `added` grow */
    struct trove_want wants[BATCH_MAX];
    uintptr_t tags[BATCH_MAX];
    size_t want_count;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t work;
    uint64_t added, claimed;
    bool ending, hit;
    size_t put_off;         /* jobs */
    uint64_t average_bytes; /* of the objects searched lately */
    unsigned sizes_seen;    /* objects it comes from, up to a bound; 0: none yet */

    unsigned worker_count;
    struct worker workers[];
};

/* Over, successfully if ERR is NULL: no more output, and nobody goes on waiting. */
static void stop(struct trove__engine *engine, const struct trove_error *err)
{
    trove__ordered_stop(engine->ordered, err);
    pthread_mutex_lock(&engine->lock);
    engine->ending = true;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    trove_cancel(engine->options.until.cancel);
}

/* --- the window --------------------------------------------------------------------------------------------------- */

/* How many objects may be open when they are of this size. */
static size_t window_for(const struct trove__engine *engine, uint64_t average_bytes)
{
    uint64_t window = engine->options.window_bytes / (average_bytes + 1);

    if (window < WINDOW_MIN)
        window = WINDOW_MIN;
    return window < NEAR_MAX ? (size_t)window : NEAR_MAX;
}

/* How many numbers from the one that is due are near. */
static size_t near_locked(const struct trove__engine *engine)
{
    return engine->sizes_seen == 0 ? WINDOW_START : window_for(engine, engine->average_bytes);
}

static void note_size(struct trove__engine *engine, uint64_t bytes)
{
    size_t before, after;

    pthread_mutex_lock(&engine->lock);
    before = near_locked(engine);
    /* A few large objects among many small ones are most of the bytes: a long memory, and half as much again. */
    bytes += bytes / 2 + 128;
    engine->sizes_seen += engine->sizes_seen < SIZES_WEIGHT;
    if (bytes > engine->average_bytes)
        engine->average_bytes += (bytes - engine->average_bytes) / engine->sizes_seen;
    else
        engine->average_bytes -= (engine->average_bytes - bytes) / engine->sizes_seen;
    after = near_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    if (after != before && !engine->has_fetch)
        trove__ordered_set_window(engine->ordered, after);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* The wants are on their way: workers may ask for their answers. */
static int ask(struct trove__engine *engine, const struct trove_want *wants, const uintptr_t *tags,
               size_t count)
{
    int r = trove_stream_add(engine->stream, wants, tags, count, &engine->options.until);

    if (r < 0) {
        struct trove_error err;
        trove_error_set(&err, r, "asking for objects: %s", trove_strerror(r));
        stop(engine, &err);
        return -ECANCELED;
    }
    pthread_mutex_lock(&engine->lock);
    engine->added += count;
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->lock);
    return 0;
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
    far = number - due >= near_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    return far;
}

/* NUMBER is answered when it is near. Its object will be used then: worth more than what has been. */
static void put_off(struct trove__engine *engine, uint64_t number)
{
    struct job *job = &engine->jobs[number % WINDOW_MAX];
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

/* Takes what was put off and is near by now: at most BATCH_MAX. */
static size_t take_put_off(struct trove__engine *engine, struct trove_want *wants, uintptr_t *tags)
{
    uint64_t due = trove__ordered_due(engine->ordered);
    size_t count = 0, near;

    pthread_mutex_lock(&engine->lock);
    near = near_locked(engine);
    for (uint64_t number = due; number < due + near && count < BATCH_MAX && engine->put_off > 0;
         number++) {
        struct job *job = &engine->jobs[number % WINDOW_MAX];
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
    struct trove_want wants[BATCH_MAX];
    uintptr_t tags[BATCH_MAX];
    size_t count;

    while ((count = take_put_off(engine, wants, tags)) > 0)
        if (ask(engine, wants, tags, count) < 0)
            break;
}

/* --- the workers ------------------------------------------------------------------------------------------------- */

static int search(struct worker *worker, uint64_t number, const struct trove_object *object,
                  struct trove__text *text, struct trove_error *err)
{
    struct trove__engine *engine = worker->engine;
    const struct job *job = &engine->jobs[number % WINDOW_MAX];
    int r = trove__grep_buffer(engine->options.grep, worker->scratch, job->name, job->content,
                               trove_object_data(object), trove_object_size(object), text, err);

    if (r == 1) {
        pthread_mutex_lock(&engine->lock);
        engine->hit = true;
        pthread_mutex_unlock(&engine->lock);
    }
    return r;
}

static int search_again(void *context, void *later_context, struct trove__text *text,
                        struct trove_error *err)
{
    struct later *later = later_context;
    int r = search(context, later->number, later->object, text, err);

    trove_unpin(later->object);
    trove__free(later);
    return r;
}

static void forget_later(void *context)
{
    struct later *later = context;

    trove_unpin(later->object);
    trove__free(later);
}

static void fail(struct worker *worker, int code, struct trove_error *err)
{
    if (err->code == 0 && worker->answer.err.code < 0)
        *err = worker->answer.err;
    if (err->code == 0)
        trove_error_set(err, code, "%s", trove_strerror(code));
    trove__ordered_fail(&worker->answer, err, worker);
}

/* What was found in OBJECT cannot be kept until it is due. Its pin is consumed. */
static void put_later(struct worker *worker, uint64_t number, struct trove_object *object)
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
static void search_and_put(struct worker *worker, uint64_t number, struct trove_object *object)
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
        stop(engine, NULL);
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

static void *work(void *context)
{
    struct worker *worker = context;
    struct trove__engine *engine = worker->engine;

    while (claim(engine)) {
        struct trove_error err = {.code = 0};
        struct trove_result result;
        int r = trove_stream_next(engine->stream, &engine->options.until, &result, &err);

        if (r <= 0) {
            r = r == 0 ? -EIO : r;
            if (err.code == 0)
                trove_error_set(&err, r, "%s", trove_strerror(r));
            stop(engine, &err);
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

/* --- life -------------------------------------------------------------------------------------------------------- */

static unsigned core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > 256 ? 256 : (unsigned)count;
}

static int create_ordered(struct trove__engine *engine)
{
    struct trove__ordered_options options = {
        .window = WINDOW_MAX,
        .max_held = engine->options.held_bytes,
        .text_limit = engine->options.held_bytes / 4,
        .max_aside = engine->options.aside_bytes,
        .write = engine->options.write,
        .write_context = engine->options.write_context,
        .again = search_again,
        .forget = forget_later,
    };
    int r;

    options.mark = trove__grep_mark(engine->options.grep, &options.mark_size);
    r = trove__ordered_create(&options, &engine->ordered);
    if (r == 0)
        trove__ordered_set_window(engine->ordered, WINDOW_START);
    return r;
}

static int start_worker(struct trove__engine *engine)
{
    struct worker *worker = &engine->workers[engine->worker_count];
    int r = trove__grep_scratch_create(engine->options.grep, &worker->scratch);

    if (r < 0)
        return r;
    worker->engine = engine;
    trove__ordered_answer_init(engine->ordered, &worker->answer);
    if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
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
    stop(engine, NULL);
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
    for (size_t i = 0; i < WINDOW_MAX; i++)
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
    near = near_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    trove__ordered_set_window(engine->ordered, engine->has_fetch ? WINDOW_MAX : near);
    return 0;
}

int trove__engine_flush(struct trove__engine *engine)
{
    size_t count = engine->want_count;

    engine->want_count = 0;
    return count > 0 ? ask(engine, engine->wants, engine->tags, count) : 0;
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

static int fill_job(struct job *job, const struct trove_oid *id, const char *name, size_t length,
                    enum trove__content content)
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
    r = fill_job(&engine->jobs[number % WINDOW_MAX], id, name, length, content);
    if (r < 0) {
        struct trove_error err;
        trove_error_set(&err, r, "out of memory");
        stop(engine, &err);
        return r;
    }
    engine->wants[engine->want_count] = (struct trove_want){.id = *id, .type = TROVE_BLOB};
    engine->tags[engine->want_count++] = (uintptr_t)number;
    return engine->want_count == BATCH_MAX ? trove__engine_flush(engine) : 0;
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
