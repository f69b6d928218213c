// SPDX-License-Identifier: MIT
/*
 * text.h - what a search prints: a growing buffer with a limit, and the places where a separator belongs if an earlier
 * file has printed lines. Files are searched out of order, so only the ordered writer knows that.
 */
#ifndef TROVE_GREP_TEXT_H
#define TROVE_GREP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* All zero is an empty text without a limit. One thread at a time. */
struct trove__text {
    char *bytes;
    size_t size;
    size_t capacity;
    size_t limit; /* most bytes that may be held; 0 for none */
    /* Takes what is there when more would pass the limit; the text goes on empty. 0, or a negative errno, which becomes
     * `failure`. NULL: that is -EFBIG. */
    int (*overflow)(void *context, const struct trove__text *full);
    void *overflow_context;
    size_t
        *marks; /* offsets at which a separator stands if an earlier file showed lines; ascending */
    size_t mark_count;
    size_t mark_capacity;
    bool shown;  /* lines were shown: separators stand in the files that follow */
    int failure; /* 0, or the negative errno of the first append that did not fit; sticky */
};

/* As trove__text_add(), for what there is no room for yet. */
void trove__text_add_slowly(struct trove__text *text, const void *bytes, size_t size);

static inline void trove__text_add(struct trove__text *text, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (size > text->capacity - text->size) {
        trove__text_add_slowly(text, bytes, size);
        return;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

/* Notes that a separator may stand at the end of what is there. */
void trove__text_mark(struct trove__text *text);

/* True when nothing of it will be written: matches of length 0 leave separators alone. */
static inline bool trove__text_is_silent(const struct trove__text *text)
{
    return text->size == 0 && text->mark_count == 0;
}

/* The memory it takes. */
static inline size_t trove__text_memory(const struct trove__text *text)
{
    return text->capacity + text->mark_capacity * sizeof(*text->marks);
}

/* Forgets the contents, keeps the memory, the limit and who takes what passes it. */
void trove__text_reset(struct trove__text *text);
void trove__text_deinit(struct trove__text *text);

/* Takes SIZE bytes; 0, or a negative errno that ends the writing. */
typedef int (*trove__text_writer)(void *context, const void *bytes, size_t size);

/* Hands the text to WRITE in order, with MARK at each mark when EARLIER says that an earlier file showed lines.
 * Returns 0 or what WRITE returned. */
int trove__text_write(const struct trove__text *text, bool earlier, const char *mark,
                      size_t mark_size, trove__text_writer write, void *context);

#endif
