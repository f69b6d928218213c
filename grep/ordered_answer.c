// SPDX-License-Identifier: MIT
/*
 * ordered_answer.c - the answer that a thread makes: kept in its slot, put aside, written at once when it is due, or given up.
 *
 * The invariants are those of ordered.c.
 */
#include "core/memory.h"
#include "ordered_internal.h"
#include <errno.h>

enum { TRIM_BYTES = 4096 };

/* True when this thread writes from now on, because ANSWER is due. */
static bool take_writing(struct trove__ordered_answer *answer)
{
    struct trove__ordered *ordered = answer->ordered;

    pthread_mutex_lock(&ordered->lock);
    if (!ordered->stopped && !ordered->writing && answer->number == ordered->head)
        answer->direct = ordered->writing = true;
    pthread_mutex_unlock(&ordered->lock);
    return answer->direct;
}

/* What is there of the text leaves, this thread being the one that writes. A failure stops all. */
static int write_now(struct trove__ordered_answer *answer, const struct trove__text *text)
{
    struct trove__ordered *ordered = answer->ordered;
    int r = trove__ordered_write_piece(ordered, &answer->aside, text, &answer->err);

    trove__aside_drop(ordered->aside, &answer->aside);
    if (r == 0) {
        r = trove__ordered_flush(ordered);
        if (r < 0)
            trove_error_set(&answer->err, r, "writing the output: %s", trove_strerror(r));
    }
    if (r < 0)
        trove__ordered_stop(ordered, &answer->err);
    return r;
}

static int overflow(void *context, const struct trove__text *text)
{
    struct trove__ordered_answer *answer = context;
    int r;

    if (trove__ordered_is_stopped(answer->ordered))
        return trove_error_set(&answer->err, -ECANCELED, "stopped");
    if (answer->direct || take_writing(answer))
        return write_now(answer, text);
    r = trove__aside_put(answer->ordered->aside, text, &answer->aside, &answer->err);
    return r == 0 ? -EFBIG : r < 0 ? r : 0;
}

void trove__ordered_answer_init(struct trove__ordered *ordered,
                                struct trove__ordered_answer *answer)
{
    *answer = (struct trove__ordered_answer){.ordered = ordered};
    answer->text.limit = ordered->options.text_limit;
    answer->text.overflow = overflow;
    answer->text.overflow_context = answer;
}

void trove__ordered_answer_deinit(struct trove__ordered_answer *answer)
{
    if (answer->ordered == NULL)
        return;
    trove__aside_drop(answer->ordered->aside, &answer->aside);
    trove__text_deinit(&answer->text);
}

void trove__ordered_begin(struct trove__ordered_answer *answer, uint64_t number)
{
    trove__text_reset(&answer->text);
    answer->number = number;
    answer->direct = false;
    answer->err.code = 0;
}

bool trove__ordered_is_cut(const struct trove__ordered_answer *answer)
{
    return answer->text.failure == -EFBIG && answer->err.code == 0;
}

static bool fits_locked(const struct trove__ordered *ordered, size_t size)
{
    return ordered->held <= ordered->options.max_held &&
           size <= ordered->options.max_held - ordered->held;
}

/* A short text in a buffer that was made for a long one waits in a small one. */
static void trim(struct trove__text *text)
{
    char *bytes;

    if (text->capacity / 2 <= text->size + TRIM_BYTES)
        return;
    bytes = trove__realloc(text->bytes, text->size + 1);
    if (bytes == NULL)
        return;
    text->bytes = bytes;
    text->capacity = text->size + 1;
}

static void take_text(struct trove__slot *slot, struct trove__text *text)
{
    struct trove__text empty = {.limit = text->limit,
                                .overflow = text->overflow,
                                .overflow_context = text->overflow_context};

    slot->text = *text;
    *text = empty;
}

/* Moves the answer to where it waits. 1; 0: there is no room; or an error, which is in the answer. */
static int stow(struct trove__ordered_answer *answer)
{
    struct trove__ordered *ordered = answer->ordered;
    struct trove__slot *slot = trove__ordered_slot(ordered, answer->number);
    bool fits;
    int r = 1;

    trim(&answer->text);
    pthread_mutex_lock(&ordered->lock);
    fits =
        answer->number == ordered->head || fits_locked(ordered, trove__text_memory(&answer->text));
    if (fits)
        ordered->held += trove__text_memory(&answer->text);
    pthread_mutex_unlock(&ordered->lock);
    if (fits)
        take_text(slot, &answer->text);
    else
        r = trove__aside_put(ordered->aside, &answer->text, &answer->aside, &answer->err);
    if (r <= 0)
        return r;
    slot->text.shown |= answer->text.shown;
    slot->aside = answer->aside;
    answer->aside = (struct trove__aside_list){0};
    return 1;
}

static void answer_slot(struct trove__ordered_answer *answer, enum trove__slot_state state,
                        void *worker)
{
    struct trove__ordered *ordered = answer->ordered;

    pthread_mutex_lock(&ordered->lock);
    if (answer->direct)
        ordered->writing = false; /* it is written as what follows is */
    answer->direct = false;
    trove__ordered_slot(ordered, answer->number)->state = state;
    trove__ordered_drain_unlock(ordered, worker);
}

bool trove__ordered_try_put(struct trove__ordered_answer *answer, void *worker)
{
    bool nothing = trove__text_is_silent(&answer->text) && answer->aside.count == 0;
    int r = 1;

    if (!nothing)
        r = stow(answer);
    else /* what it showed has left, if there was anything */
        trove__ordered_slot(answer->ordered, answer->number)->text.shown = answer->text.shown;
    if (r < 0)
        trove__ordered_fail(answer, &answer->err, worker);
    else if (r > 0)
        answer_slot(answer, TROVE__SLOT_TEXT, worker);
    return r != 0;
}

void trove__ordered_give_up(struct trove__ordered_answer *answer)
{
    trove__aside_drop(answer->ordered->aside, &answer->aside);
}

void trove__ordered_put_later(struct trove__ordered_answer *answer, void *later, void *worker)
{
    trove__ordered_give_up(answer);
    trove__ordered_slot(answer->ordered, answer->number)->later = later;
    answer_slot(answer, TROVE__SLOT_LATER, worker);
}

void trove__ordered_fail(struct trove__ordered_answer *answer, const struct trove_error *err,
                         void *worker)
{
    struct trove__slot *slot = trove__ordered_slot(answer->ordered, answer->number);

    slot->err = trove__malloc(sizeof(*slot->err));
    if (slot->err != NULL)
        *slot->err = *err;
    if (stow(answer) <= 0) /* what does not fit is lost; what is aside is not */
        slot->aside = answer->aside;
    answer->aside = (struct trove__aside_list){0};
    answer_slot(answer, TROVE__SLOT_FAILED, worker);
}
