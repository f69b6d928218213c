// SPDX-License-Identifier: MIT
/*
 * text.c - a growing buffer that remembers where separators may stand.
 */
#include "text.h"
#include "core/memory.h"
#include <errno.h>
#include <stdint.h>

bool trove__text_reserve(struct trove__text *text, size_t more)
{
    size_t limit = text->limit != 0 ? text->limit : SIZE_MAX / 2;
    size_t capacity = text->capacity != 0 ? text->capacity : 256;
    char *bytes;

    if (text->failure < 0)
        return false;
    if (text->size > limit || more > limit - text->size) {
        text->failure = -EFBIG;
        return false;
    }
    while (capacity < text->size + more)
        capacity *= 2;
    if (capacity <= text->capacity)
        return true;
    bytes = trove__realloc(text->bytes, capacity);
    if (bytes == NULL) {
        text->failure = -ENOMEM;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void trove__text_mark(struct trove__text *text)
{
    if (text->mark_count == text->mark_capacity) {
        size_t capacity = text->mark_capacity != 0 ? text->mark_capacity * 2 : 4;
        size_t *marks = trove__realloc(text->marks, capacity * sizeof(*marks));
        if (marks == NULL) {
            text->failure = text->failure < 0 ? text->failure : -ENOMEM;
            return;
        }
        text->marks = marks;
        text->mark_capacity = capacity;
    }
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
