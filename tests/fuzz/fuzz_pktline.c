// SPDX-License-Identifier: MIT
/*
 * fuzz_pktline.c - frames. Properties: what was read, written again, is the same bytes; a shorter input asks for more or
 * is wrong in the same way; text made visible holds no control byte.
 */
#include "fetch/pktline.h"
#include "fuzz.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The frame at DATA, USED bytes long, written again; hex digits may have been upper case. */
static void check_again(const struct trove__pkt *pkt, size_t used)
{
    struct trove__bytes out = {0};
    struct trove__pkt again;
    size_t again_used;

    if (pkt->kind == TROVE__PKT_DATA)
        trove__pkt_add(&out, pkt->data, pkt->size);
    else if (pkt->kind == TROVE__PKT_FLUSH)
        trove__pkt_flush(&out);
    else if (pkt->kind == TROVE__PKT_DELIM)
        trove__pkt_delim(&out);
    else
        trove__bytes_add(&out, "0002", 4);
    CHECK(!out.failed && out.size == used);
    CHECK(trove__pkt_parse(out.data, out.size, &again, &again_used) == 0);
    CHECK(again.kind == pkt->kind && again.size == pkt->size && again_used == used);
    CHECK(pkt->size == 0 || memcmp(again.data, pkt->data, pkt->size) == 0);
    trove__bytes_free(&out);
}

static void check_visible(const uint8_t *data, size_t size)
{
    char text[256];
    size_t length = trove__visible(text, sizeof(text), data, size, 3);
    unsigned lines = 0;

    CHECK(length < sizeof(text) && text[length] == '\0');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        CHECK(c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f));
        CHECK(!(c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)); /* C1 as UTF-8 */
        lines += c == '\n';
    }
    CHECK(lines < 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trove__pkt pkt;
    size_t offset = 0, used;
    int result;

    check_visible(data, size);
    while ((result = trove__pkt_parse(data + offset, size - offset, &pkt, &used)) == 0) {
        size_t shorter = used - 1, ignored;
        struct trove__pkt cut;

        CHECK(used >= 4 && used <= size - offset && used <= TROVE__PKT_MAX_BYTES);
        CHECK(trove__pkt_parse(data + offset, shorter, &cut, &ignored) == -EAGAIN);
        CHECK(trove__pkt_line(pkt).size <= pkt.size);
        check_again(&pkt, used);
        offset += used;
    }
    CHECK(result == -EAGAIN || result == -EPROTO);
    return 0;
}
