// SPDX-License-Identifier: MIT
/*
 * text.c - a growing buffer that remembers where separators may stand.
 */
#include "text.h"
#include "core/memory.h"
#include <errno.h>
#include <stdint.h>

static size_t limit_of(const struct trove__text *text)
{
    return text->limit != 0 ? text->limit : SIZE_MAX / 2;
}

/* Nothing more is taken, not even what there would be room for: a text has no holes. */
static bool fail(struct trove__text *text, int code)
{
    text->failure = code;
    text->capacity = text->size;
    return false;
}

/* Hands on what is there. */
static bool pass_on(struct trove__text *text)
{
    int r = text->overflow != NULL ? text->overflow(text->overflow_context, text) : -EFBIG;

    if (r < 0)
        return fail(text, r);
    text->size = 0;
    text->mark_count = 0;
    return true;
}

/* Makes room for MORE bytes, at most the limit. */
static bool reserve(struct trove__text *text, size_t more)
{
    size_t limit = limit_of(text);
    size_t capacity = text->capacity != 0 ? text->capacity : 256;
    char *bytes;

    if ((text->size > limit || more > limit - text->size) && !pass_on(text))
        return false;
    while (capacity < text->size + more)
        capacity *= 2;
    if (capacity > limit)
        capacity = limit;
    if (capacity <= text->capacity)
        return true;
    bytes = trove__realloc(text->bytes, capacity);
    if (bytes == NULL)
        return fail(text, -ENOMEM);
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

/* More than ever fits is handed on without a copy. */
static void pass_by(struct trove__text *text, const void *bytes, size_t size)
{
    struct trove__text alone = {.bytes = (char *)bytes, .size = size};
    int r;

    if (!trove__text_is_silent(text) && !pass_on(text))
        return;
    r = text->overflow(text->overflow_context, &alone);
    if (r < 0)
        fail(text, r);
}

void trove__text_add_slowly(struct trove__text *text, const void *bytes, size_t size)
{
    if (text->failure < 0)
        return;
    if (size > limit_of(text) && text->overflow != NULL) {
        pass_by(text, bytes, size);
        return;
    }
    if (!reserve(text, size))
        return;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static bool reserve_mark(struct trove__text *text)
{
    size_t capacity = text->mark_capacity != 0 ? text->mark_capacity * 2 : 4;
    size_t *marks;

    if (text->overflow != NULL && text->mark_count > limit_of(text) / sizeof(*marks))
        return pass_on(text);
    marks = trove__realloc(text->marks, capacity * sizeof(*marks));
    if (marks == NULL)
        return fail(text, -ENOMEM);
    text->marks = marks;
    text->mark_capacity = capacity;
    return true;
}

void trove__text_mark(struct trove__text *text)
{
    if (text->failure < 0)
        return;
    if (text->mark_count == text->mark_capacity && !reserve_mark(text))
        return;
    text->marks[text->mark_count++] = text->size;
}

void trove__text_reset(struct trove__text *text)
{
    text->size = 0;
    text->mark_count = 0;
    text->shown = false;
    text->failure = 0;
}

void trove__text_deinit(struct trove__text *text)
{
    trove__free(text->bytes);
    trove__free(text->marks);
    *text = (struct trove__text){0};
}

int trove__text_write(const struct trove__text *text, bool earlier, const char *mark,
                      size_t mark_size, trove__text_writer write, void *context)
{
    size_t done = 0;
    int r;

    for (size_t i = 0; earlier && i < text->mark_count; i++) {
        size_t upto = text->marks[i];
        if (upto > done) {
            r = write(context, text->bytes + done, upto - done);
            if (r < 0)
                return r;
        }
        r = write(context, mark, mark_size);
        if (r < 0)
            return r;
        done = upto;
    }
    return done < text->size ? write(context, text->bytes + done, text->size - done) : 0;
}
