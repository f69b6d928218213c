// SPDX-License-Identifier: MIT
/*
 * ls_tree_rows.c - the lines of ls-tree.
 */
#include "ls_tree_rows.h"
#include "grep/quote.h"
#include "grep/relative.h"
#include <errno.h>
#include <inttypes.h>

void trove__rows_init(struct trove__rows *rows, FILE *out)
{
    rows->out = out;
    rows->folder = "";
    rows->quote_fully = true;
}

void trove__rows_deinit(struct trove__rows *rows)
{
    trove__text_deinit(&rows->paths);
    trove__text_deinit(&rows->name);
    trove__text_deinit(&rows->line);
}

static void add_format(struct trove__text *line, const char *text)
{
    trove__text_add(line, text, strlen(text));
}

/* SIZE is that of a blob; -1 for anything else. */
static void add_columns(struct trove__rows *rows, const struct trove__row *row, int64_t size)
{
    char hex[TROVE_OID_HEX_MAX + 1], columns[160], shown_size[24] = "-";
    const char *type = trove_type_name(trove__mode_type(row->mode));

    trove_oid_to_hex(trove_algo(rows->cache), &row->id, hex);
    if (size >= 0)
        snprintf(shown_size, sizeof(shown_size), "%" PRId64, size);
    if (rows->form == TROVE__ROW_OBJECT)
        snprintf(columns, sizeof(columns), "%s", hex);
    else if (rows->form == TROVE__ROW_LONG)
        snprintf(columns, sizeof(columns), "%06" PRIo32 " %s %s %7s\t", row->mode, type, hex,
                 shown_size);
    else
        snprintf(columns, sizeof(columns), "%06" PRIo32 " %s %s\t", row->mode, type, hex);
    add_format(&rows->line, columns);
}

static void add_name(struct trove__rows *rows, const char *path, size_t length)
{
    trove__text_reset(&rows->name);
    trove__relative_path(path, length, rows->folder, &rows->name);
    if (rows->nul)
        trove__text_add(&rows->line, rows->name.bytes, rows->name.size);
    else
        trove__quote_path(rows->name.bytes, rows->name.size, rows->quote_fully, &rows->line);
}

static int print(struct trove__rows *rows, const struct trove__row *row, const char *path,
                 int64_t size, struct trove_error *err)
{
    trove__text_reset(&rows->line);
    if (rows->form != TROVE__ROW_NAME)
        add_columns(rows, row, size);
    if (rows->form != TROVE__ROW_OBJECT)
        add_name(rows, path, row->path_length);
    trove__text_add(&rows->line, rows->nul ? "" : "\n", 1);
    if (rows->line.failure < 0 || rows->name.failure < 0)
        return trove_error_set(err, -ENOMEM, "out of memory");
    if (fwrite(rows->line.bytes, 1, rows->line.size, rows->out) != rows->line.size)
        return trove_error_set(err, errno != 0 ? -errno : -EIO, "writing the output");
    return 0;
}

int trove__rows_add(struct trove__rows *rows, const struct trove__walk_entry *entry,
                    struct trove_error *err)
{
    struct trove__row row = {.id = entry->id,
                             .mode = entry->mode,
                             .path_offset = rows->paths.size,
                             .path_length = entry->length};

    if (rows->form != TROVE__ROW_LONG)
        return print(rows, &row, entry->path, -1, err);
    trove__text_add(&rows->paths, entry->path, entry->length);
    if (rows->paths.failure < 0)
        return trove_error_set(err, rows->paths.failure, "out of memory");
    rows->waiting[rows->waiting_count++] = row;
    return rows->waiting_count == TROVE__ROWS_WAITING ? trove__rows_flush(rows, err) : 0;
}

/* Asks for the blobs among the waiting rows; SIZES are -1 for now. */
static int ask_for_sizes(struct trove__rows *rows, struct trove_stream *stream, int64_t *sizes,
                         struct trove_error *err)
{
    struct trove_want wants[TROVE__ROWS_WAITING];
    uintptr_t tags[TROVE__ROWS_WAITING];
    size_t count = 0;
    int r = 0;

    for (size_t i = 0; i < rows->waiting_count; i++) {
        const struct trove__row *row = &rows->waiting[i];
        sizes[i] = -1;
        if (trove__mode_type(row->mode) != TROVE_BLOB)
            continue;
        wants[count] = (struct trove_want){.id = row->id, .type = TROVE_BLOB};
        tags[count++] = i;
    }
    if (count > 0)
        r = trove_stream_add(stream, wants, tags, count, rows->until);
    return r < 0 ? trove_error_set(err, r, "asking for sizes: %s", trove_strerror(r)) : 0;
}

/* Sizes of the blobs among the waiting rows into SIZES; -1 for the rest. Each blob is let go as soon as it is there. */
static int find_sizes(struct trove__rows *rows, int64_t *sizes, struct trove_error *err)
{
    struct trove_stream *stream = NULL;
    struct trove_result result;
    int r = trove_stream_open(rows->cache, NULL, &stream, err);

    if (r == 0)
        r = ask_for_sizes(rows, stream, sizes, err);
    while (r == 0 && (r = trove_stream_next(stream, rows->until, &result, err)) == 1) {
        r = result.status;
        if (r == 0)
            sizes[result.tag] = (int64_t)trove_object_size(result.object);
        trove_unpin(result.object);
    }
    trove_stream_close(stream);
    return r;
}

int trove__rows_flush(struct trove__rows *rows, struct trove_error *err)
{
    int64_t sizes[TROVE__ROWS_WAITING];
    int r = find_sizes(rows, sizes, err);

    for (size_t i = 0; i < rows->waiting_count && r == 0; i++)
        r = print(rows, &rows->waiting[i], rows->paths.bytes + rows->waiting[i].path_offset,
                  sizes[i], err);
    rows->waiting_count = 0;
    trove__text_reset(&rows->paths);
    return r;
}
