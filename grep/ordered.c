// SPDX-License-Identifier: MIT
/*
 * ordered.c - a ring of slots under one mutex; the thread that answers the slot that is due drains what is ready.
 *
 * INVARIANTS I1 numbers below `head` have left, numbers from `next` on are not given out; next - head <= window.
 *            I2 only the thread that set `writing` touches `buffer` and calls write; the lock is not held meanwhile.
 *            I3 `held` is the memory of the texts in the slots.
 */
#include "ordered.h"
#include "core/memory.h"
#include <errno.h>
#include <pthread.h>

enum { BUFFER_BYTES = 64 << 10 };

enum state { SLOT_FREE, SLOT_OPEN, SLOT_TEXT, SLOT_LATER, SLOT_FAILED };

struct slot {
    enum state state;
    struct trove__text text; /* SLOT_TEXT */
    void *later;             /* SLOT_LATER */
    struct trove_error *err; /* SLOT_FAILED; NULL when there was no memory for it */
};

struct trove__ordered {
    struct trove__ordered_options options;
    pthread_mutex_t lock; /* all below, but for the buffer */
    pthread_cond_t moved; /* head, stopped or writing changed */
    uint64_t head, next;
    size_t window, held;
    bool writing, stopped;
    struct trove_error failure; /* code 0: stopped successfully */
    /* The writing thread's. */
    bool earlier; /* lines were shown */
    size_t buffered;
    char *buffer;
    struct slot slots[];
};

static struct slot *slot_of(struct trove__ordered *ordered, uint64_t number)
{
    return &ordered->slots[number % ordered->options.window];
}

int trove__ordered_create(const struct trove__ordered_options *options, struct trove__ordered **ret)
{
    struct trove__ordered *ordered =
        trove__calloc(1, sizeof(*ordered) + options->window * sizeof(ordered->slots[0]));

    if (ordered == NULL)
        return -ENOMEM;
    ordered->buffer = trove__malloc(BUFFER_BYTES);
    if (ordered->buffer == NULL) {
        trove__free(ordered);
        return -ENOMEM;
    }
    ordered->options = *options;
    ordered->window = options->window;
    pthread_mutex_init(&ordered->lock, NULL);
    pthread_cond_init(&ordered->moved, NULL);
    *ret = ordered;
    return 0;
}

void trove__ordered_destroy(struct trove__ordered *ordered)
{
    if (ordered == NULL)
        return;
    for (size_t i = 0; i < ordered->options.window; i++) {
        struct slot *slot = &ordered->slots[i];
        if (slot->state == SLOT_LATER)
            ordered->options.forget(slot->later);
        trove__text_deinit(&slot->text);
        trove__free(slot->err);
    }
    pthread_cond_destroy(&ordered->moved);
    pthread_mutex_destroy(&ordered->lock);
    trove__free(ordered->buffer);
    trove__free(ordered);
}

void trove__ordered_set_window(struct trove__ordered *ordered, size_t window)
{
    if (window > ordered->options.window)
        window = ordered->options.window;
    pthread_mutex_lock(&ordered->lock);
    ordered->window = window > 0 ? window : 1;
    pthread_cond_broadcast(&ordered->moved);
    pthread_mutex_unlock(&ordered->lock);
}

int trove__ordered_reserve(struct trove__ordered *ordered, bool wait, uint64_t *ret_number)
{
    int r = 0;

    pthread_mutex_lock(&ordered->lock);
    while (wait && !ordered->stopped && ordered->next - ordered->head >= ordered->window)
        pthread_cond_wait(&ordered->moved, &ordered->lock);
    if (ordered->stopped) {
        r = -ECANCELED;
    } else if (ordered->next - ordered->head >= ordered->window) {
        r = -EAGAIN;
    } else {
        *ret_number = ordered->next++;
        slot_of(ordered, *ret_number)->state = SLOT_OPEN;
    }
    pthread_mutex_unlock(&ordered->lock);
    return r;
}

static void stop_locked(struct trove__ordered *ordered, const struct trove_error *err)
{
    if (ordered->stopped)
        return;
    ordered->stopped = true;
    ordered->failure.code = 0;
    if (err != NULL)
        ordered->failure = *err;
    pthread_cond_broadcast(&ordered->moved);
}

/* --- the writing thread ------------------------------------------------------------------------------------------ */

static int flush_buffer(struct trove__ordered *ordered)
{
    size_t size = ordered->buffered;

    ordered->buffered = 0;
    return size > 0 ? ordered->options.write(ordered->options.write_context, ordered->buffer, size)
                    : 0;
}

static int buffer_bytes(void *context, const void *bytes, size_t size)
{
    struct trove__ordered *ordered = context;

    if (size > BUFFER_BYTES - ordered->buffered) {
        int r = flush_buffer(ordered);
        if (r < 0)
            return r;
    }
    if (size > BUFFER_BYTES)
        return ordered->options.write(ordered->options.write_context, bytes, size);
    memcpy(ordered->buffer + ordered->buffered, bytes, size);
    ordered->buffered += size;
    return 0;
}

static int write_text(struct trove__ordered *ordered, const struct trove__text *text,
                      struct trove_error *err)
{
    int r = trove__text_write(text, ordered->earlier, ordered->options.mark,
                              ordered->options.mark_size, buffer_bytes, ordered);

    ordered->earlier |= text->shown;
    return r < 0 ? trove_error_set(err, r, "writing the output: %s", trove_strerror(r)) : 0;
}

static int write_again(struct trove__ordered *ordered, void *later, void *worker,
                       struct trove_error *err)
{
    struct trove__text text = {0};
    int r = ordered->options.again(worker, later, &text, err);

    if (r >= 0)
        r = write_text(ordered, &text, err);
    trove__text_deinit(&text);
    return r;
}

/* What was in a slot, taken out of it. */
static int write_slot(struct trove__ordered *ordered, struct slot *slot, void *worker,
                      struct trove_error *err)
{
    int r = 0;

    if (slot->state == SLOT_TEXT)
        r = write_text(ordered, &slot->text, err);
    else if (slot->state == SLOT_LATER)
        r = write_again(ordered, slot->later, worker, err);
    else if (slot->err != NULL)
        r = (*err = *slot->err).code;
    else
        r = trove_error_set(err, -ENOMEM, "out of memory");
    trove__text_deinit(&slot->text);
    trove__free(slot->err);
    return r;
}

static bool is_ready(struct trove__ordered *ordered)
{
    return !ordered->stopped && ordered->head < ordered->next &&
           slot_of(ordered, ordered->head)->state > SLOT_OPEN;
}

/* Writes the slots that are ready, from the head on. Drops the lock while it writes. */
static int write_ready_locked(struct trove__ordered *ordered, void *worker, struct trove_error *err)
{
    int r = 0;

    while (r >= 0 && is_ready(ordered)) {
        struct slot *slot = slot_of(ordered, ordered->head), taken = *slot;

        *slot = (struct slot){.state = SLOT_FREE};
        ordered->held -= taken.text.capacity;
        if (taken.state != SLOT_TEXT || !trove__text_is_silent(&taken.text)) {
            pthread_mutex_unlock(&ordered->lock);
            r = write_slot(ordered, &taken, worker, err);
            pthread_mutex_lock(&ordered->lock);
        }
        if (r >= 0)
            ordered->head++;
        pthread_cond_broadcast(&ordered->moved);
    }
    return r;
}

static int flush_locked(struct trove__ordered *ordered, struct trove_error *err)
{
    int r;

    pthread_mutex_unlock(&ordered->lock);
    r = flush_buffer(ordered);
    pthread_mutex_lock(&ordered->lock);
    return r < 0 ? trove_error_set(err, r, "writing the output: %s", trove_strerror(r)) : 0;
}

/* Called with the lock held, returns without: what is due leaves, also what became due meanwhile. */
static void drain_and_unlock(struct trove__ordered *ordered, void *worker)
{
    struct trove_error err = {.code = 0};
    int r = 0;

    if (ordered->writing) { /* that thread looks again before it stops writing */
        pthread_mutex_unlock(&ordered->lock);
        return;
    }
    ordered->writing = true;
    while (r >= 0 && (is_ready(ordered) || ordered->buffered > 0)) {
        struct trove_error flush_err = {.code = 0};
        int flushed;
        r = write_ready_locked(ordered, worker, &err);
        flushed = flush_locked(ordered, &flush_err);
        if (r >= 0 && flushed < 0) {
            err = flush_err;
            r = flushed;
        }
    }
    if (r < 0)
        stop_locked(ordered, &err);
    ordered->writing = false;
    pthread_cond_broadcast(&ordered->moved);
    pthread_mutex_unlock(&ordered->lock);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static bool fits_locked(const struct trove__ordered *ordered, size_t size)
{
    return ordered->held <= ordered->options.max_held &&
           size <= ordered->options.max_held - ordered->held;
}

static bool may_keep_locked(const struct trove__ordered *ordered, uint64_t number,
                            const struct trove__text *text)
{
    return number == ordered->head || trove__text_is_silent(text) ||
           fits_locked(ordered, text->capacity);
}

static void keep_locked(struct trove__ordered *ordered, uint64_t number, struct trove__text *text)
{
    struct slot *slot = slot_of(ordered, number);

    slot->state = SLOT_TEXT;
    if (trove__text_is_silent(text))
        return;
    slot->text = *text;
    ordered->held += text->capacity;
    *text = (struct trove__text){.limit = text->limit};
}

bool trove__ordered_try_put(struct trove__ordered *ordered, uint64_t number,
                            struct trove__text *text, void *worker)
{
    pthread_mutex_lock(&ordered->lock);
    if (!may_keep_locked(ordered, number, text)) {
        pthread_mutex_unlock(&ordered->lock);
        return false;
    }
    keep_locked(ordered, number, text);
    drain_and_unlock(ordered, worker);
    return true;
}

uint64_t trove__ordered_due(struct trove__ordered *ordered)
{
    uint64_t due;

    pthread_mutex_lock(&ordered->lock);
    due = ordered->head;
    pthread_mutex_unlock(&ordered->lock);
    return due;
}

void trove__ordered_put(struct trove__ordered *ordered, uint64_t number, struct trove__text *text,
                        void *later, void *worker)
{
    struct slot *slot = slot_of(ordered, number);

    pthread_mutex_lock(&ordered->lock);
    if (later != NULL && !may_keep_locked(ordered, number, text)) {
        slot->state = SLOT_LATER;
        slot->later = later;
        later = NULL;
    } else {
        keep_locked(ordered, number, text);
    }
    drain_and_unlock(ordered, worker);
    if (later != NULL)
        ordered->options.forget(later);
}

void trove__ordered_put_later(struct trove__ordered *ordered, uint64_t number, void *later,
                              void *worker)
{
    struct slot *slot = slot_of(ordered, number);

    pthread_mutex_lock(&ordered->lock);
    slot->state = SLOT_LATER;
    slot->later = later;
    drain_and_unlock(ordered, worker);
}

void trove__ordered_fail(struct trove__ordered *ordered, uint64_t number,
                         const struct trove_error *err, void *worker)
{
    struct slot *slot = slot_of(ordered, number);
    struct trove_error *copy = trove__malloc(sizeof(*copy));

    if (copy != NULL)
        *copy = *err;
    pthread_mutex_lock(&ordered->lock);
    slot->state = SLOT_FAILED;
    slot->err = copy;
    drain_and_unlock(ordered, worker);
}

void trove__ordered_stop(struct trove__ordered *ordered, const struct trove_error *err)
{
    pthread_mutex_lock(&ordered->lock);
    stop_locked(ordered, err);
    pthread_mutex_unlock(&ordered->lock);
}

bool trove__ordered_is_stopped(struct trove__ordered *ordered)
{
    bool stopped;

    pthread_mutex_lock(&ordered->lock);
    stopped = ordered->stopped;
    pthread_mutex_unlock(&ordered->lock);
    return stopped;
}

int trove__ordered_wait(struct trove__ordered *ordered, struct trove_error *err)
{
    int r = 0;

    pthread_mutex_lock(&ordered->lock);
    while (!ordered->stopped && (ordered->head < ordered->next || ordered->writing))
        pthread_cond_wait(&ordered->moved, &ordered->lock);
    if (ordered->stopped && ordered->failure.code != 0) {
        r = ordered->failure.code;
        if (err != NULL)
            *err = ordered->failure;
    }
    pthread_mutex_unlock(&ordered->lock);
    return r;
}
