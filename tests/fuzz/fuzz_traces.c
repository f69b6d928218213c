// SPDX-License-Identifier: MIT
/*
 * fuzz_traces.c - the bench's readers of traces. The first byte chooses the format: 0 oracleGeneral, 1 csv with the columns by
 * default, 2 csv whose first line says which columns; the rest is the file.
 *
 * Whatever the bytes are, there are no more requests than they can hold, each of an object that is there, and what is wrong is
 * told with its place: what stands before it is read as it would be alone. An oracleGeneral file is bad only where it ends within
 * a record. A trace written out as csv and read again is the same trace.
 */
#include "bench/policy/trace.h"
#include "fuzz.h"
#include <errno.h>
#include <string.h>
#include <trove/object.h>

#define RECORD_BYTES 24
#define LEAST_LINE 2 /* a number that is both id and size, and the end of the line */

static void check_trace(const struct trace *trace, size_t most)
{
    CHECK(trace->request_count <= most && trace->object_count <= trace->request_count);
    for (size_t n = 0; n < trace->request_count; n++)
        CHECK(trace->requests[n] < trace->object_count);
    for (uint32_t i = 0; i < trace->object_count; i++)
        CHECK(trace->sizes[i] <= TRACE_SIZE_MAX && trace->types[i] >= TROVE_COMMIT &&
              trace->types[i] <= TROVE_TAG);
}

static void check_same(const struct trace *a, const struct trace *b)
{
    CHECK(a->request_count == b->request_count && a->object_count == b->object_count);
    if (a->request_count == 0)
        return;
    CHECK(memcmp(a->requests, b->requests, a->request_count * sizeof(*a->requests)) == 0);
    CHECK(memcmp(a->sizes, b->sizes, a->object_count * sizeof(*a->sizes)) == 0);
    CHECK(memcmp(a->types, b->types, a->object_count * sizeof(*a->types)) == 0);
}

/* Written as csv, with the numbers of objects as their ids, and read again. */
static void check_written(const struct trace *trace)
{
    static const struct trace_columns columns = {.id = 2, .size = 1, .type = 3, .delimiter = ';'};
    size_t room = trace->request_count * 40 + 1, size = 0;
    char *text = malloc(room);
    struct trace again;
    uint64_t place;

    CHECK(text != NULL);
    for (size_t n = 0; n < trace->request_count; n++) {
        uint32_t object = trace->requests[n];

        size += (size_t)snprintf(text + size, room - size, "%lu; %u;%u\n", trace->sizes[object],
                                 object, trace->types[object]);
    }
    trace_init(&again, "again");
    CHECK(trace_parse_csv(&again, &columns, (unsigned char *)text, size, &place) == 0);
    check_same(trace, &again);
    trace_free(&again);
    free(text);
}

static void check_oracle(const uint8_t *data, size_t size)
{
    struct trace trace;
    uint64_t place = 0;
    int r;

    trace_init(&trace, "oracle");
    r = trace_parse_oracle(&trace, data, size, &place);
    CHECK(r == (size % RECORD_BYTES == 0 ? 0 : -EBADMSG));
    CHECK(place == (r == 0 ? 0 : size / RECORD_BYTES + 1));
    CHECK(trace.request_count == size / RECORD_BYTES);
    check_trace(&trace, size / RECORD_BYTES);
    check_written(&trace);
    trace_free(&trace);
}

/* Where the LINEth line begins, from 1. */
static size_t line_at(const uint8_t *data, size_t size, uint64_t line)
{
    size_t at = 0;

    while (--line > 0) {
        const uint8_t *end = memchr(data + at, '\n', size - at);

        CHECK(end != NULL);
        at = (size_t)(end - data) + 1;
    }
    return at;
}

static void check_csv(const struct trace_columns *columns, const uint8_t *data, size_t size)
{
    struct trace trace, before;
    uint64_t place = 0, other = 0;
    int r;

    trace_init(&trace, "csv");
    r = trace_parse_csv(&trace, columns, data, size, &place);
    CHECK(r == 0 || r == -EBADMSG || r == -ERANGE);
    CHECK((place == 0) == (r == 0));
    check_trace(&trace, (size + 1) / LEAST_LINE);
    if (r < 0) {
        trace_init(&before, "before");
        CHECK(trace_parse_csv(&before, columns, data, line_at(data, size, place), &other) == 0);
        check_same(&trace, &before);
        trace_free(&before);
    }
    check_written(&trace);
    trace_free(&trace);
}

/* The first line is what the user says of the columns. */
static void check_told_csv(const uint8_t *data, size_t size)
{
    struct trace_columns columns = TRACE_COLUMNS_DEFAULT;
    const uint8_t *end = memchr(data, '\n', size);
    size_t length = end != NULL ? (size_t)(end - data) : size;
    char *text = malloc(length + 1);
    int r;

    CHECK(text != NULL);
    memcpy(text, data, length);
    text[length] = 0;
    r = trace_columns_parse(&columns, text);
    CHECK(r == 0 || r == -EINVAL);
    CHECK(r < 0 || (columns.id > 0 && columns.size > 0));
    if (r == 0 && end != NULL)
        check_csv(&columns, end + 1, size - length - 1);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct trace_columns columns = TRACE_COLUMNS_DEFAULT;

    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        check_oracle(data + 1, size - 1);
    else if (data[0] % 3 == 1)
        check_csv(&columns, data + 1, size - 1);
    else
        check_told_csv(data + 1, size - 1);
    return 0;
}
