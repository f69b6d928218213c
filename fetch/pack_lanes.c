// SPDX-License-Identifier: MIT
/*
 * pack_lanes.c - feeder, parser and hasher side by side: the threads, and the bytes between feeder and parser. What is
 * shared, and how, stands in pack_lanes_struct.h.
 */
#include "core/memory.h"
#include "fetch/pack_lanes_struct.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>

/* --- parser ------------------------------------------------------------------------------------------------------- */

static void publish_parsed_locked(struct trove__pack_reader *reader)
{
    struct trove__pack_lanes *lanes = reader->lanes;

    if (reader->parser.at > lanes->parsed)
        lanes->parsed = reader->parser.at;
    if (lanes->feeder_waits)
        pthread_cond_signal(&lanes->for_feeder);
}

void trove__pack_lanes_parsed(struct trove__pack_reader *reader)
{
    struct trove__pack_lanes *lanes = reader->lanes;

    if (lanes == NULL)
        return;
    pthread_mutex_lock(&lanes->lock);
    publish_parsed_locked(reader);
    trove__pack_kick_hasher_locked(lanes);
    pthread_mutex_unlock(&lanes->lock);
}

bool trove__pack_lanes_dropped(struct trove__pack_reader *reader)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    bool dropped;

    if (lanes == NULL)
        return false;
    pthread_mutex_lock(&lanes->lock);
    dropped = lanes->dropped;
    pthread_mutex_unlock(&lanes->lock);
    return dropped;
}

/* Waits for more bytes than SEEN, or for ids that deltas wait for. Returns 0, or 1 when no more bytes will come. */
static int await_bytes(struct trove__pack_reader *reader, uint64_t seen, struct trove_error *err)
{
    struct trove__pack_lanes *lanes = reader->lanes;
    bool deltas_wait = reader->parser.index.waiting > 0;
    bool ended, dropped;
    int r;

    pthread_mutex_lock(&lanes->lock);
    publish_parsed_locked(reader);
    trove__pack_kick_hasher_locked(lanes);
    lanes->parser_waits_for_bytes = true;
    lanes->parser_waits_for_done = deltas_wait;
    while (lanes->arrived == seen && !lanes->ended && !lanes->dropped &&
           !(deltas_wait && lanes->done_count > 0))
        pthread_cond_wait(&lanes->for_parser, &lanes->lock);
    lanes->parser_waits_for_bytes = false;
    lanes->parser_waits_for_done = false;
    ended = lanes->ended && lanes->arrived == seen;
    dropped = lanes->dropped;
    r = trove__pack_note_done_unlock(reader, err);
    if (r == 0 && dropped)
        r = -ECANCELED; /* nobody asks why */
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
    r = pthread_create(&lanes->hasher, NULL, trove__pack_hasher_main, reader);
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
    return reader->lanes != NULL ? join(reader, false, err) : 0;
}

void trove__pack_lanes_stop(struct trove__pack_reader *reader)
{
    if (reader->lanes != NULL)
        (void)join(reader, true, NULL);
}
