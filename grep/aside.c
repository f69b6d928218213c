// SPDX-License-Identifier: MIT
/*
 * aside.c - texts in a temporary file: room is given out from its end, and all of it taken back at once.
 *
 * INVARIANTS I1 `kept` is the sum of the pieces in all lists, also of those that are being written; no two overlap.
 *            I2 a piece is its marks, counted from its first byte, and its bytes.
 */
#include "aside.h"
#include "core/memory.h"
#include "fetch/temp_file.h"
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, READ_MARKS = 512 };

struct trove__aside_piece {
    uint64_t offset;
    size_t mark_count, size;
};

struct trove__aside {
    pthread_mutex_t lock; /* all below */
    uint64_t max_bytes, end, kept;
    int fd; /* -1: none yet */
};

static uint64_t bytes_of(const struct trove__aside_piece *piece)
{
    return (uint64_t)piece->mark_count * sizeof(size_t) + piece->size;
}

int trove__aside_create(uint64_t max_bytes, struct trove__aside **ret)
{
    struct trove__aside *aside = trove__calloc(1, sizeof(*aside));

    if (aside == NULL)
        return -ENOMEM;
    pthread_mutex_init(&aside->lock, NULL);
    aside->max_bytes = max_bytes;
    aside->fd = -1;
    *ret = aside;
    return 0;
}

void trove__aside_destroy(struct trove__aside *aside)
{
    if (aside == NULL)
        return;
    trove__temp_file_close(&aside->fd);
    pthread_mutex_destroy(&aside->lock);
    trove__free(aside);
}

/* --- putting ----------------------------------------------------------------------------------------------------- */

static int reserve_piece(struct trove__aside_list *list)
{
    size_t capacity = list->capacity != 0 ? 2 * list->capacity : 1;
    struct trove__aside_piece *pieces;

    if (list->count < list->capacity)
        return 0;
    pieces = trove__realloc(list->pieces, capacity * sizeof(*pieces));
    if (pieces == NULL)
        return -ENOMEM;
    list->pieces = pieces;
    list->capacity = capacity;
    return 0;
}

/* Room in the file. 1, 0 when there is none, or an error. */
static int take_room(struct trove__aside *aside, struct trove__aside_piece *piece,
                     struct trove_error *err)
{
    uint64_t bytes = bytes_of(piece);
    int r = 1;

    pthread_mutex_lock(&aside->lock);
    if (aside->end > aside->max_bytes || bytes > aside->max_bytes - aside->end)
        r = 0;
    else if (aside->fd < 0 && (r = trove__temp_file_open(&aside->fd, err)) == 0)
        r = 1;
    if (r == 1) {
        piece->offset = aside->end;
        aside->end += bytes;
        aside->kept += bytes;
    }
    pthread_mutex_unlock(&aside->lock);
    return r;
}

static void give_room(struct trove__aside *aside, uint64_t bytes)
{
    pthread_mutex_lock(&aside->lock);
    aside->kept -= bytes;
    if (aside->kept == 0)
        aside->end = 0;
    pthread_mutex_unlock(&aside->lock);
}

int trove__aside_put(struct trove__aside *aside, const struct trove__text *text,
                     struct trove__aside_list *list, struct trove_error *err)
{
    struct trove__aside_piece piece = {.mark_count = text->mark_count, .size = text->size};
    size_t marks = text->mark_count * sizeof(*text->marks);
    int r;

    if (trove__text_is_silent(text))
        return 1;
    if (reserve_piece(list) < 0)
        return trove_error_set(err, -ENOMEM, "out of memory");
    r = take_room(aside, &piece, err);
    if (r <= 0)
        return r;
    r = trove__temp_file_write(aside->fd, piece.offset, text->marks, marks, err);
    if (r == 0)
        r = trove__temp_file_write(aside->fd, piece.offset + marks, text->bytes, text->size, err);
    if (r < 0) {
        give_room(aside, bytes_of(&piece));
        return r;
    }
    list->pieces[list->count++] = piece;
    return 1;
}

void trove__aside_drop(struct trove__aside *aside, struct trove__aside_list *list)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < list->count; i++)
        bytes += bytes_of(&list->pieces[i]);
    trove__free(list->pieces);
    *list = (struct trove__aside_list){0};
    if (bytes > 0)
        give_room(aside, bytes);
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

struct reading {
    struct trove__aside *aside;
    const struct trove__aside_piece *piece;
    trove__text_writer write;
    void *context;
    struct trove_error *err;
    char *buffer; /* READ_BYTES */
};

/* The bytes from FROM to UPTO. */
static int write_bytes(struct reading *reading, size_t from, size_t upto)
{
    const struct trove__aside_piece *piece = reading->piece;
    uint64_t start = piece->offset + (uint64_t)piece->mark_count * sizeof(size_t);

    while (from < upto) {
        size_t size = upto - from < READ_BYTES ? upto - from : READ_BYTES;
        int r = trove__temp_file_read(reading->aside->fd, start + from, reading->buffer, size,
                                      reading->err);

        if (r == 0)
            r = reading->write(reading->context, reading->buffer, size);
        if (r < 0)
            return r;
        from += size;
    }
    return 0;
}

static int write_with_marks(struct reading *reading, const char *mark, size_t mark_size)
{
    const struct trove__aside_piece *piece = reading->piece;
    size_t marks[READ_MARKS], done = 0;

    for (size_t i = 0; i < piece->mark_count; i++) {
        size_t at = i % READ_MARKS, left = piece->mark_count - i;
        int r = 0;

        if (at == 0)
            r = trove__temp_file_read(
                reading->aside->fd, piece->offset + i * sizeof(marks[0]), marks,
                (left < READ_MARKS ? left : READ_MARKS) * sizeof(marks[0]), reading->err);
        if (r == 0)
            r = write_bytes(reading, done, marks[at]);
        if (r == 0)
            r = reading->write(reading->context, mark, mark_size);
        if (r < 0)
            return r;
        done = marks[at];
    }
    return write_bytes(reading, done, piece->size);
}

int trove__aside_write(struct trove__aside *aside, const struct trove__aside_list *list,
                       bool earlier, const char *mark, size_t mark_size, trove__text_writer write,
                       void *context, struct trove_error *err)
{
    struct reading reading = {.aside = aside, .write = write, .context = context, .err = err};
    int r = 0;

    if (list->count == 0)
        return 0;
    reading.buffer = trove__malloc(READ_BYTES);
    if (reading.buffer == NULL)
        return trove_error_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < list->count && r == 0; i++) {
        reading.piece = &list->pieces[i];
        r = earlier ? write_with_marks(&reading, mark, mark_size)
                    : write_bytes(&reading, 0, reading.piece->size);
    }
    trove__free(reading.buffer);
    return r;
}
