// SPDX-License-Identifier: MIT
/*
 * trace_file.c - traces in the two plain formats of libCacheSim: oracleGeneral and csv. The files are somebody else's: all
 * lengths are compared before anything is read, and a number that is out of its range is an error, not another number.
 *
 * oracleGeneral  24 bytes a request, little-endian, unaligned: time (4), id (8), size (4), the next use (8, ignored here).
 * csv            a line a request; the columns of id, size and perhaps the type of the object are told; an id is any text.
 */
#include "trace.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <trove/object.h>
#include <unistd.h>

#define RECORD_BYTES 24
#define LINE_MAX_BYTES 4096
#define COLUMN_MAX 64

static uint64_t little_endian(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

int trace_parse_oracle(struct trace *trace, const unsigned char *data, size_t size,
                       uint64_t *ret_place)
{
    for (size_t at = 0; at < size; at += RECORD_BYTES) {
        int r = -EBADMSG;

        if (size - at >= RECORD_BYTES)
            r = trace_add(trace, little_endian(data + at + 4, 8), little_endian(data + at + 12, 4),
                          TROVE_BLOB);
        if (r < 0) {
            *ret_place = at / RECORD_BYTES + 1;
            return r;
        }
    }
    return 0;
}

/* --- csv ---------------------------------------------------------------------------------------------------------- */

struct field {
    const unsigned char *bytes;
    size_t size;
};

/* The COLUMNth field of a line; false: there are not so many. Blanks around it do not count. */
static int field_of(const unsigned char *line, size_t size, char delimiter, unsigned column,
                    struct field *ret_field)
{
    size_t from = 0, to;

    while (--column > 0) {
        const unsigned char *next = memchr(line + from, delimiter, size - from);

        if (next == NULL)
            return 0;
        from = (size_t)(next - line) + 1;
    }
    to = from;
    while (to < size && line[to] != (unsigned char)delimiter)
        to++;
    while (from < to && line[from] == ' ')
        from++;
    while (from < to && (line[to - 1] == ' ' || line[to - 1] == '\r'))
        to--;
    *ret_field = (struct field){line + from, to - from};
    return to > from;
}

static int number_of(const struct field *field, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < field->size; i++) {
        unsigned digit = field->bytes[i] - (unsigned)'0';

        if (digit > 9)
            return -EBADMSG;
        if (digit > max || number > (max - digit) / 10)
            return -ERANGE;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return 0;
}

/* FNV-1a, then mixed: ids of a trace are many, not hostile to the bench that reads them. */
static uint64_t key_of(const struct field *field)
{
    uint64_t key = 0xcbf29ce484222325;

    for (size_t i = 0; i < field->size; i++)
        key = (key ^ field->bytes[i]) * 0x100000001b3;
    return (key ^ key >> 32) * 0xd6e8feb86659fd93;
}

static int parse_line(struct trace *trace, const struct trace_columns *columns,
                      const unsigned char *line, size_t size)
{
    uint64_t bytes, type = TROVE_BLOB;
    struct field field, id;
    int r = -EBADMSG;

    if (!field_of(line, size, columns->delimiter, columns->id, &id) ||
        !field_of(line, size, columns->delimiter, columns->size, &field))
        return r;
    r = number_of(&field, TRACE_SIZE_MAX, &bytes);
    if (r == 0 && columns->type != 0)
        r = field_of(line, size, columns->delimiter, columns->type, &field)
                ? number_of(&field, TROVE_TAG, &type)
                : -EBADMSG;
    if (r == 0 && type < TROVE_COMMIT)
        r = -ERANGE;
    return r < 0 ? r : trace_add(trace, key_of(&id), bytes, (unsigned)type);
}

int trace_parse_csv(struct trace *trace, const struct trace_columns *columns,
                    const unsigned char *data, size_t size, uint64_t *ret_place)
{
    uint64_t line = 0;

    for (size_t at = 0, length; at < size; at += length + 1) {
        const unsigned char *end = memchr(data + at, '\n', size - at);
        int r = 0;

        length = end != NULL ? (size_t)(end - (data + at)) : size - at;
        line++;
        if (length > LINE_MAX_BYTES)
            r = -EBADMSG;
        else if (length > 0 && (line > 1 || !columns->has_header))
            r = parse_line(trace, columns, data + at, length);
        if (r < 0) {
            *ret_place = line;
            return r;
        }
    }
    return 0;
}

/* --- which columns ------------------------------------------------------------------------------------------------ */

static int column_of(const char *value, size_t size, unsigned *ret_column)
{
    const struct field field = {(const unsigned char *)value, size};
    uint64_t number;

    if (size == 0 || number_of(&field, COLUMN_MAX, &number) < 0)
        return -EINVAL;
    *ret_column = (unsigned)number;
    return 0;
}

static int set_one(struct trace_columns *columns, const char *text, size_t name, size_t size)
{
    const char *value = text + name + 1;
    size_t length = size - name - 1;

#define IS(word) (name == strlen(word) && memcmp(text, word, name) == 0)
    if (IS("obj-id-col"))
        return column_of(value, length, &columns->id);
    if (IS("obj-size-col"))
        return column_of(value, length, &columns->size);
    if (IS("obj-type-col"))
        return column_of(value, length, &columns->type);
    if (IS("delimiter") && length == 1) {
        columns->delimiter = *value;
        return 0;
    }
    if (IS("has-header") || IS("header")) {
        columns->has_header = length == 4 && memcmp(value, "true", 4) == 0;
        return 0;
    }
    return IS("time-col") || IS("obj-id-is-num") ? 0 : -EINVAL;
#undef IS
}

int trace_columns_parse(struct trace_columns *columns, const char *text)
{
    while (*text != 0) {
        /* A delimiter may be a comma itself. */
        size_t size =
            strncmp(text, "delimiter=", 10) == 0 && text[10] != 0 ? 11 : strcspn(text, ",");
        const char *equals = memchr(text, '=', size);
        int r = -EINVAL;

        if (equals != NULL)
            r = set_one(columns, text, (size_t)(equals - text), size);
        if (r < 0)
            return r;
        text += size;
        text += *text == ',';
    }
    return columns->id == 0 || columns->size == 0 ? -EINVAL : 0;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static int parse_file(struct trace *trace, const char *path, const struct trace_columns *columns,
                      int fd, size_t size, uint64_t *ret_place)
{
    size_t length = strlen(path);
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int r;

    if (data == MAP_FAILED)
        return -errno;
    r = length > 4 && strcmp(path + length - 4, ".csv") == 0
            ? trace_parse_csv(trace, columns, data, size, ret_place)
            : trace_parse_oracle(trace, data, size, ret_place);
    munmap(data, size);
    return r;
}

int trace_load(struct trace *trace, const char *path, const struct trace_columns *columns)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = -ENODATA;
    uint64_t place = 0;
    struct stat stat;

    if (fd < 0 || fstat(fd, &stat) < 0)
        r = -errno;
    else if (stat.st_size > 0)
        r = parse_file(trace, path, columns, fd, (size_t)stat.st_size, &place);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        r = trace_finish(trace);
    if (r < 0)
        fprintf(stderr, "%s: %s, at request or line %lu\n", path, strerror(-r), place);
    return r;
}
