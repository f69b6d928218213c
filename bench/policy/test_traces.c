// SPDX-License-Identifier: MIT
/*
 * test_traces.c - the bench's readers of traces, with files as they should be and as they should not.
 */
#include "bench/keys.h"
#include "support.h"
#include "trace.h"
#include <errno.h>
#include <string.h>
#include <trove/object.h>

#define RECORD 24

static void add_record(unsigned char *record, uint64_t id, uint32_t size)
{
    memset(record, 0xee, RECORD);
    memcpy(record + 4, &id, sizeof(id));
    memcpy(record + 12, &size, sizeof(size));
}

static void traces__oracle(void **state)
{
    unsigned char data[4 * RECORD];
    uint64_t place = 0;
    struct trace trace;
    uint32_t *next;

    (void)state;
    add_record(data, 77, 1000);
    add_record(data + RECORD, UINT64_MAX, UINT32_MAX);
    add_record(data + 2 * RECORD, 77, 9); /* an object has the size of its first use */
    add_record(data + 3 * RECORD, 0, 0);
    trace_init(&trace, "oracle");
    assert_int_equal(trace_parse_oracle(&trace, data, sizeof(data), &place), 0);
    assert_int_equal(trace_finish(&trace), 0);
    assert_int_equal(trace.request_count, 4);
    assert_int_equal(trace.object_count, 3);
    assert_int_equal(trace.requests[2], trace.requests[0]);
    assert_int_equal(trace.sizes[0], 1000);
    assert_int_equal(trace.sizes[1], UINT32_MAX);
    next = trace_next_uses(&trace);
    assert_int_equal(next[0], 2);
    assert_int_equal(next[1], UINT32_MAX);
    free(next);
    trace_free(&trace);
}

/* Goal: a file that ends within a record is refused, and the record told. */
static void traces__a_cut_oracle_is_refused(void **state)
{
    unsigned char data[2 * RECORD];

    (void)state;
    add_record(data, 1, 1);
    add_record(data + RECORD, 2, 2);
    for (size_t size = 1; size < sizeof(data); size++) {
        uint64_t place = 0;
        struct trace trace;
        int r;

        trace_init(&trace, "cut");
        r = trace_parse_oracle(&trace, data, size, &place);
        assert_int_equal(r, size == RECORD ? 0 : -EBADMSG);
        assert_int_equal(place, r == 0 ? 0 : size / RECORD + 1);
        trace_free(&trace);
    }
}

/* Parses TEXT from memory that ends where it ends, so that a sanitizer sees a step too far. */
static int parse(struct trace *trace, const char *columns, const char *text, uint64_t *ret_place)
{
    struct trace_columns parsed = TRACE_COLUMNS_DEFAULT;
    size_t size = strlen(text);
    unsigned char *data = malloc(size);
    int r;

    memcpy(data, text, size);
    assert_int_equal(trace_columns_parse(&parsed, columns), 0);
    trace_init(trace, "csv");
    *ret_place = 0;
    r = trace_parse_csv(trace, &parsed, data, size, ret_place);
    free(data);
    return r;
}

static void traces__csv(void **state)
{
    uint64_t place;
    struct trace trace;

    (void)state;
    assert_int_equal(parse(&trace, "obj-type-col=4",
                           "time,id,size,type\n0,a,10,1\r\n\n1, b ,4294967296,3\n2,a,99,1", &place),
                     0);
    assert_int_equal(trace_finish(&trace), 0);
    assert_int_equal(trace.request_count, 3);
    assert_int_equal(trace.object_count, 2);
    assert_int_equal(trace.requests[2], 0);
    assert_int_equal(trace.sizes[0], 10);
    assert_int_equal(trace.sizes[1], (uint64_t)1 << 32);
    assert_int_equal(trace.types[0], TROVE_COMMIT);
    assert_int_equal(trace.types[1], TROVE_BLOB);
    trace_free(&trace);
    assert_int_equal(parse(&trace, "delimiter=;,obj-size-col=1,has-header=false,obj-id-col=2",
                           "5;x\n6;y\n", &place),
                     0);
    assert_int_equal(trace.object_count, 2);
    assert_int_equal(trace.sizes[1], 6);
    trace_free(&trace);
}

static void traces__bad_csv_is_refused(void **state)
{
    static const struct {
        const char *text;
        int r;
        uint64_t line;
    } bad[] = {
        {"h\n1,a", -EBADMSG, 2},
        {"h\n1,a,\n", -EBADMSG, 2},
        {"h\n1,,5\n", -EBADMSG, 2},
        {"h\n1,a,-5\n", -EBADMSG, 2},
        {"h\n1,a,5x\n", -EBADMSG, 2},
        {"h\n1,a,1\n1,a,0x5\n", -EBADMSG, 3},
        {"h\n1,a,4294967297\n", -ERANGE, 2},
        {"h\n1,a,99999999999999999999999999\n", -ERANGE, 2},
        {"h\n1,a,18446744073709551617\n", -ERANGE, 2},
    };
    char *line = malloc(6000);
    struct trace trace;
    uint64_t place;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(&trace, "", bad[i].text, &place), bad[i].r);
        assert_int_equal(place, bad[i].line);
        trace_free(&trace);
    }
    memset(line, 'x', 5999);
    line[5999] = 0;
    assert_int_equal(parse(&trace, "", line, &place), -EBADMSG);
    trace_free(&trace);
    assert_int_equal(parse(&trace, "obj-type-col=4", "h\n1,a,1,5\n", &place), -ERANGE);
    trace_free(&trace);
    assert_int_equal(parse(&trace, "obj-type-col=4", "h\n1,a,1,0\n", &place), -ERANGE);
    trace_free(&trace);
    assert_int_equal(parse(&trace, "", "", &place), 0);
    assert_int_equal(trace_finish(&trace), -ENODATA);
    trace_free(&trace);
    free(line);
}

static void traces__columns(void **state)
{
    static const char *const bad[] = {"obj-id-col",
                                      "obj-id-col=",
                                      "obj-id-col=x",
                                      "obj-id-col=0",
                                      "obj-id-col=65",
                                      "delimiter=",
                                      "obj-size-col=0",
                                      "nothing=1",
                                      "=",
                                      ",",
                                      "obj-id-col=1,,x=1",
                                      "obj-id-col=-1"};
    struct trace_columns columns = TRACE_COLUMNS_DEFAULT;

    (void)state;
    assert_int_equal(trace_columns_parse(&columns, "time-col=2, obj-id-col=5"),
                     -EINVAL); /* no blanks */
    assert_int_equal(trace_columns_parse(&columns, "time-col=2,delimiter=,,obj-id-col=5"), 0);
    assert_int_equal(columns.id, 5);
    assert_int_equal(columns.delimiter, ',');
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        columns = (struct trace_columns)TRACE_COLUMNS_DEFAULT;
        assert_int_equal(trace_columns_parse(&columns, bad[i]), -EINVAL);
    }
}

/* Goal: whatever the bytes are, there is an answer, and never more requests than the bytes can hold. */
static void traces__any_bytes(void **state)
{
    static const char alphabet[] = "0123456789,,,\n\n\r ab-";
    unsigned char *data;

    (void)state;
    for (uint64_t n = 0; n < 20000; n++) {
        const struct trace_columns columns = {2, 3, n % 2 ? 4 : 0, ',', n % 3 == 0};
        size_t size = bench_mix(n) % 200;
        struct trace trace;
        uint64_t place;
        int r;

        data = malloc(size + 1);
        for (size_t i = 0; i < size; i++)
            data[i] = (unsigned char)alphabet[bench_mix(n << 8 | i) % (sizeof(alphabet) - 1)];
        trace_init(&trace, "any");
        r = trace_parse_csv(&trace, &columns, data, size, &place);
        assert_true(r == 0 || (r < 0 && place > 0));
        assert_true(trace.request_count <= size / 3);
        r = trace_parse_oracle(&trace, data, size, &place);
        assert_true(r == (size % RECORD == 0 ? 0 : -EBADMSG));
        trace_free(&trace);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces__oracle),  cmocka_unit_test(traces__a_cut_oracle_is_refused),
        cmocka_unit_test(traces__csv),     cmocka_unit_test(traces__bad_csv_is_refused),
        cmocka_unit_test(traces__columns), cmocka_unit_test(traces__any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
