// SPDX-License-Identifier: MIT
/*
 * pktline.c - git's frames, read and written.
 */
#include "pktline.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int trove__pkt_parse(const void *bytes, size_t size, struct trove__pkt *ret, size_t *ret_used)
{
    const uint8_t *in = bytes;
    uint32_t length = 0;

    for (size_t i = 0; i < TROVE__PKT_HEADER_BYTES; i++) {
        if (i >= size)
            return -EAGAIN;
        int digit = hex_value(in[i]);
        if (digit < 0)
            return -EPROTO;
        length = length << 4 | (uint32_t)digit;
    }
    if (length == 3 || length > TROVE__PKT_MAX_BYTES)
        return -EPROTO;
    if (length < TROVE__PKT_HEADER_BYTES) {
        *ret = (struct trove__pkt){.kind = (enum trove__pkt_kind)length};
        *ret_used = TROVE__PKT_HEADER_BYTES;
        return 0;
    }
    if (length > size)
        return -EAGAIN;
    ret->kind = TROVE__PKT_DATA;
    ret->data = in + TROVE__PKT_HEADER_BYTES;
    ret->size = length - TROVE__PKT_HEADER_BYTES;
    *ret_used = length;
    return 0;
}

bool trove__pkt_starts(const struct trove__pkt *pkt, const char *text)
{
    size_t length = strlen(text);

    return pkt->kind == TROVE__PKT_DATA && pkt->size >= length &&
           memcmp(pkt->data, text, length) == 0;
}

struct trove__pkt trove__pkt_line(struct trove__pkt pkt)
{
    if (pkt.kind == TROVE__PKT_DATA && pkt.size > 0 && pkt.data[pkt.size - 1] == '\n')
        pkt.size--;
    return pkt;
}

void trove__pkt_add(struct trove__bytes *out, const void *data, size_t size)
{
    if (size > TROVE__PKT_MAX_BYTES - TROVE__PKT_HEADER_BYTES) {
        out->failed = true;
        return;
    }
    trove__bytes_addf(out, "%04zx", size + TROVE__PKT_HEADER_BYTES);
    trove__bytes_add(out, data, size);
}

void trove__pkt_addf(struct trove__bytes *out, const char *format, ...)
{
    size_t start = out->size, length;
    char header[TROVE__PKT_HEADER_BYTES + 1];
    va_list args;

    trove__bytes_add(out, "0000",
                     TROVE__PKT_HEADER_BYTES); /* the length is known when the text is there */
    va_start(args, format);
    trove__bytes_vaddf(out, format, args);
    va_end(args);
    length = out->size - start;
    if (length > TROVE__PKT_MAX_BYTES)
        out->failed = true;
    if (out->failed)
        return;
    snprintf(header, sizeof(header), "%04x", (unsigned)length & 0xffff);
    memcpy(out->data + start, header, TROVE__PKT_HEADER_BYTES);
}

void trove__pkt_flush(struct trove__bytes *out)
{
    trove__bytes_add(out, "0000", 4);
}

void trove__pkt_delim(struct trove__bytes *out)
{
    trove__bytes_add(out, "0001", 4);
}
