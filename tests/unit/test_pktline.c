// SPDX-License-Identifier: MIT
/*
 * Goal: frames are read and written exactly, cut and broken ones are told apart, and text from outside is made visible.
 * Method: each prefix of a frame stands right before a page that may not be touched.
 */
#include "fetch/pktline.h"
#include "peer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int parse(const char *text, size_t size, struct trove__pkt *ret, size_t *ret_used)
{
    void *guarded = peer_guard(text, size);
    int result = trove__pkt_parse(guarded, size, ret, ret_used);

    peer_unguard(guarded, size);
    return result;
}

static void pktline__every_prefix_asks_for_more(void **state)
{
    static const char frame[] = "000ahello\n";

    (void)state;
    for (size_t cut = 0; cut <= strlen(frame); cut++) {
        struct trove__pkt pkt = {.size = 77};
        size_t used = 77;
        int result = parse(frame, cut, &pkt, &used);

        assert_int_equal(result, cut < strlen(frame) ? -EAGAIN : 0);
        assert_int_equal(used, cut < strlen(frame) ? 77 : 10);
        assert_int_equal(pkt.size, cut < strlen(frame) ? 77 : 6);
    }
}

static void pktline__lengths(void **state)
{
    static const struct {
        const char *header;
        int result;
        enum trove__pkt_kind kind;
    } cases[] = {
        {"0000", 0, TROVE__PKT_FLUSH}, {"0001", 0, TROVE__PKT_DELIM}, {"0002", 0, TROVE__PKT_END},
        {"0003", -EPROTO, 0},          {"0004", 0, TROVE__PKT_DATA},  {"0005", -EAGAIN, 0},
        {"fff0", -EAGAIN, 0},          {"FFF0", -EAGAIN, 0},          {"fff1", -EPROTO, 0},
        {"ffff", -EPROTO, 0},          {"-001", -EPROTO, 0},          {"0x10", -EPROTO, 0},
        {"    ", -EPROTO, 0},          {"000g", -EPROTO, 0},          {"PACK", -EPROTO, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trove__pkt pkt = {.size = 77};
        size_t used = 0;

        assert_int_equal(parse(cases[i].header, 4, &pkt, &used), cases[i].result);
        if (cases[i].result == 0) {
            assert_int_equal(pkt.kind, cases[i].kind);
            assert_int_equal(pkt.size, 0);
            assert_int_equal(used, 4);
        }
    }
    /* A byte that is no digit is known to be wrong before the rest has come. */
    for (size_t cut = 1; cut < 4; cut++) {
        struct trove__pkt pkt;
        size_t used;
        assert_int_equal(parse("ERR ", cut, &pkt, &used), cut < 2 ? -EAGAIN : -EPROTO);
    }
}

static void pktline__written_is_read(void **state)
{
    struct trove__bytes out = {0};
    struct trove__pkt pkt;
    size_t used, offset = 0;
    uint8_t *large = calloc(1, TROVE__PKT_MAX_BYTES);

    (void)state;
    trove__pkt_addf(&out, "want %s\n", "abc");
    trove__pkt_delim(&out);
    trove__pkt_add(&out, large, TROVE__PKT_MAX_BYTES - TROVE__PKT_HEADER_BYTES);
    trove__pkt_flush(&out);
    assert_false(out.failed);
    assert_int_equal(trove__pkt_parse(out.data, out.size, &pkt, &used), 0);
    assert_true(trove__pkt_starts(&pkt, "want abc"));
    assert_false(trove__pkt_starts(&pkt, "want abc\nd"));
    assert_int_equal(trove__pkt_line(pkt).size, 8);
    offset += used;
    assert_int_equal(trove__pkt_parse(out.data + offset, out.size - offset, &pkt, &used), 0);
    assert_int_equal(pkt.kind, TROVE__PKT_DELIM);
    offset += used;
    assert_int_equal(trove__pkt_parse(out.data + offset, out.size - offset, &pkt, &used), 0);
    assert_int_equal(used, TROVE__PKT_MAX_BYTES);
    offset += used;
    assert_int_equal(trove__pkt_parse(out.data + offset, out.size - offset, &pkt, &used), 0);
    assert_int_equal(pkt.kind, TROVE__PKT_FLUSH);
    assert_int_equal(offset + used, out.size);

    trove__pkt_add(&out, large, TROVE__PKT_MAX_BYTES - TROVE__PKT_HEADER_BYTES + 1);
    assert_true(out.failed);
    trove__bytes_clear(&out);
    trove__pkt_addf(&out, "%070000d", 1);
    assert_true(out.failed);
    trove__bytes_free(&out);
    free(large);
}

static void assert_visible(const char *text, size_t size, const char *expected)
{
    char out[256];

    assert_int_equal(trove__visible(out, sizeof(out), text, size, 20), strlen(expected));
    assert_string_equal(out, expected);
}

/* Goal: what does not fit is lost at the front, and nothing is written behind CAPACITY. */
static void bytes__visible_end(void **state)
{
    static const struct {
        const char *text;
        size_t capacity;
        unsigned lines;
        const char *shown;
    } cases[] = {
        {"a\nb\nc\n\n", 32, 2, "b\nc"},
        {"a\nb\nc", 32, 20, "a\nb\nc"},
        {"abcdef", 4, 20, "def"},
        {"", 4, 20, ""},
        {"\n\n", 4, 20, ""},
        {"a\rb\r\n", 32, 1, "b"},
        {"x\x1b", 6, 20, "x\\x1b"},
        {"x\x1b", 5, 20, "\\x1b"},
        {"x\x1b", 4, 20, ""},
        {"a\xc3\xbc", 6, 20, ""},
        {"a\xc3\xbc", 9, 20, "\xc3\xbc"},
        {"abc", 1, 20, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[40];
        size_t length;

        memset(out, '!', sizeof(out));
        length = trove__visible_end(out, cases[i].capacity, cases[i].text, strlen(cases[i].text),
                                    cases[i].lines);
        assert_string_equal(out, cases[i].shown);
        assert_int_equal(length, strlen(cases[i].shown));
        assert_int_equal(out[cases[i].capacity], '!');
    }
}

static void bytes__visible(void **state)
{
    char out[256], small[8];

    (void)state;
    assert_visible("plain text", 10, "plain text");
    assert_visible("a\x1b[31mb", 7, "a\\x1b[31mb");
    assert_visible("\x7f", 1, "\\x7f");
    assert_visible("a\0b", 3, "a\\x00b");
    assert_visible("\x9b"
                   "31m",
                   4, "\\x9b31m"); /* C1 as one byte */
    assert_visible("\xc2\x9b"
                   "31m",
                   5, "\\xc2\\x9b31m"); /* C1 as UTF-8 */
    assert_visible("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
    assert_visible("\xe2\x82\xac \xf0\x9f\x98\x80", 8, "\xe2\x82\xac \xf0\x9f\x98\x80");
    assert_visible("\xe2\x82", 2, "\\xe2\\x82");          /* cut */
    assert_visible("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* a surrogate */
    assert_visible("\xc0\xaf", 2, "\\xc0\\xaf");          /* too long a form */
    assert_visible("a\r\nb\n\n\n", 7, "a\nb");
    assert_visible("\n\na", 3, "a");
    assert_int_equal(trove__visible(out, sizeof(out), "1\n2\n3\n4\n", 8, 2), 3);
    assert_string_equal(out, "1\n2");
    assert_int_equal(trove__visible(small, sizeof(small),
                                    "abcd\x1b"
                                    "efgh",
                                    9, 20),
                     4);
    assert_string_equal(small, "abcd"); /* nothing is cut in its middle */
}

static void bytes__redact(void **state)
{
    char text[64] = "http://u:s3cret@h and s3cret";

    (void)state;
    trove__redact(text, "s3cret");
    assert_string_equal(text, "http://u:***@h and ***");
    trove__redact(text, NULL);
    trove__redact(text, "");
    assert_string_equal(text, "http://u:***@h and ***");
    strcpy(text, "aaaa");
    trove__redact(text, "a");
    assert_string_equal(text, "****");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pktline__every_prefix_asks_for_more),
        cmocka_unit_test(pktline__lengths),
        cmocka_unit_test(pktline__written_is_read),
        cmocka_unit_test(bytes__visible),
        cmocka_unit_test(bytes__visible_end),
        cmocka_unit_test(bytes__redact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
