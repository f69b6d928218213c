// SPDX-License-Identifier: MIT
/*
 * ordered.c - a ring of slots under one mutex; the thread that answers the slot that is due drains what is ready.
 *
 * INVARIANTS I1 numbers below `head` have left, numbers from `next` on are not given out; next - head <= window.
 *            I2 only the thread that set `writing` touches `buffer` and calls write; the lock is not held meanwhile.
 *            I3 `held` is the memory of the texts in the slots.
 *            I4 an open slot is its answerer's: it fills it without the lock, and answers it under the lock.
 *            I5 a long text whose number is due is written while it is made: its answerer has set `writing`.
 */
#include "core/memory.h"
#include "ordered_internal.h"
#include <errno.h>

enum { BUFFER_BYTES = 64 << 10 };

int trove__ordered_create(const struct trove__ordered_options *options, struct trove__ordered **ret)
{
    struct trove__ordered *ordered =
        trove__calloc(1, sizeof(*ordered) + options->window * sizeof(ordered->slots[0]));

    if (ordered == NULL)
        return -ENOMEM;
    ordered->buffer = trove__malloc(BUFFER_BYTES);
    if (ordered->buffer == NULL || trove__aside_create(options->max_aside, &ordered->aside) < 0) {
        trove__free(ordered->buffer);
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

static void deinit_slot(struct trove__ordered *ordered, struct trove__slot *slot)
{
    trove__aside_drop(ordered->aside, &slot->aside);
    trove__text_deinit(&slot->text);
    trove__free(slot->err);
    slot->err = NULL;
}

void trove__ordered_destroy(struct trove__ordered *ordered)
{
    if (ordered == NULL)
        return;
    for (size_t i = 0; i < ordered->options.window; i++) {
        struct trove__slot *slot = &ordered->slots[i];
        if (slot->state == TROVE__SLOT_LATER)
            ordered->options.forget(slot->later);
        deinit_slot(ordered, slot);
    }
    trove__aside_destroy(ordered->aside);
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
        trove__ordered_slot(ordered, *ret_number)->state = TROVE__SLOT_OPEN;
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

int trove__ordered_flush(struct trove__ordered *ordered)
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
        int r = trove__ordered_flush(ordered);
        if (r < 0)
            return r;
    }
    if (size > BUFFER_BYTES)
        return ordered->options.write(ordered->options.write_context, bytes, size);
    memcpy(ordered->buffer + ordered->buffered, bytes, size);
    ordered->buffered += size;
    return 0;
}

int trove__ordered_write_piece(struct trove__ordered *ordered,
                               const struct trove__aside_list *aside,
                               const struct trove__text *text, struct trove_error *err)
{
    struct trove_error file_err = {.code = 0};
    int r = trove__aside_write(ordered->aside, aside, ordered->earlier, ordered->options.mark,
                               ordered->options.mark_size, buffer_bytes, ordered, &file_err);

    if (file_err.code < 0)
        return (*err = file_err).code;
    if (r == 0)
        r = trove__text_write(text, ordered->earlier, ordered->options.mark,
                              ordered->options.mark_size, buffer_bytes, ordered);
    return r < 0 ? trove_error_set(err, r, "writing the output: %s", trove_strerror(r)) : 0;
}

static int write_text(struct trove__ordered *ordered, const struct trove__aside_list *aside,
                      const struct trove__text *text, struct trove_error *err)
{
    int r = trove__ordered_write_piece(ordered, aside, text, err);

    ordered->earlier |= text->shown;
    return r;
}

static int write_again(struct trove__ordered *ordered, void *later, void *worker,
                       struct trove_error *err)
{
    struct trove__ordered_answer answer;
    struct trove_error write_err = {.code = 0};
    int r, written = 0;

    trove__ordered_answer_init(ordered, &answer);
    trove__ordered_begin(&answer, ordered->head); /* the writing thread's: nobody else moves it */
    answer.direct = true;
    r = ordered->options.again(worker, later, &answer.text, err);
    if (answer.err.code < 0)
        *err = answer.err;
    else
        written = write_text(ordered, &answer.aside, &answer.text, &write_err);
    /* Out of memory for the text: a stop that has no code would say that all is well. */
    if (r < 0 && err->code == 0)
        trove_error_set(err, r, "%s", trove_strerror(r));
    if (r >= 0 && written < 0)
        r = (*err = write_err).code;
    trove__ordered_answer_deinit(&answer);
    return r < 0 ? r : 0;
}

/* What was in a slot, taken out of it. */
static int write_slot(struct trove__ordered *ordered, struct trove__slot *slot, void *worker,
                      struct trove_error *err)
{
    int r;

    if (slot->state == TROVE__SLOT_LATER)
        r = write_again(ordered, slot->later, worker, err);
    else
        r = write_text(ordered, &slot->aside, &slot->text, err);
    if (r == 0 && slot->state == TROVE__SLOT_FAILED)
        r = slot->err != NULL ? (*err = *slot->err).code
                              : trove_error_set(err, -ENOMEM, "out of memory");
    deinit_slot(ordered, slot);
    return r;
}

/* Nothing happens when its turn comes. */
static bool is_silent(const struct trove__slot *slot)
{
    return slot->state == TROVE__SLOT_TEXT && slot->aside.count == 0 &&
           trove__text_is_silent(&slot->text) && !slot->text.shown;
}

static bool is_ready(struct trove__ordered *ordered)
{
    return !ordered->stopped && ordered->head < ordered->next &&
           trove__ordered_slot(ordered, ordered->head)->state > TROVE__SLOT_OPEN;
}

/* Writes the slots that are ready, from the head on. Drops the lock while it writes. */
static int write_ready_locked(struct trove__ordered *ordered, void *worker, struct trove_error *err)
{
    int r = 0;

    while (r >= 0 && is_ready(ordered)) {
        struct trove__slot *slot = trove__ordered_slot(ordered, ordered->head), taken = *slot;

        *slot = (struct trove__slot){.state = TROVE__SLOT_FREE};
        ordered->held -= trove__text_memory(&taken.text);
        if (!is_silent(&taken)) {
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
    r = trove__ordered_flush(ordered);
    pthread_mutex_lock(&ordered->lock);
    return r < 0 ? trove_error_set(err, r, "writing the output: %s", trove_strerror(r)) : 0;
}

void trove__ordered_drain_unlock(struct trove__ordered *ordered, void *worker)
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

/* --- from outside ------------------------------------------------------------------------------------------------ */

uint64_t trove__ordered_due(struct trove__ordered *ordered)
{
    uint64_t due;

    pthread_mutex_lock(&ordered->lock);
    due = ordered->head;
    pthread_mutex_unlock(&ordered->lock);
    return due;
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
