// SPDX-License-Identifier: MIT
/*
 * pktline.h - git's frames: four hex digits of length (which count themselves), then the bytes.
 */
#ifndef TROVE_FETCH_PKTLINE_H
#define TROVE_FETCH_PKTLINE_H

#include "bytes.h"

#define TROVE__PKT_HEADER_BYTES 4
#define TROVE__PKT_MAX_BYTES 65520 /* header and data of the largest frame */

enum trove__pkt_kind {
    TROVE__PKT_FLUSH = 0, /* 0000: ends a message */
    TROVE__PKT_DELIM = 1, /* 0001: parts sections */
    TROVE__PKT_END = 2,   /* 0002: ends a response between helpers; never on a wire */
    TROVE__PKT_DATA = 4,
};

struct trove__pkt {
    enum trove__pkt_kind kind;
    const uint8_t *data; /* into the caller's bytes */
    size_t size;
};

/* The frame at the start of SIZE bytes. *RET and *RET_USED are set only on success. Returns 0, -EAGAIN (more bytes are
 * needed), or -EPROTO (no hex digits, 0003, or longer than a frame may be). */
int trove__pkt_parse(const void *bytes, size_t size, struct trove__pkt *ret, size_t *ret_used);

/* True when PKT is data that begins with TEXT. */
bool trove__pkt_starts(const struct trove__pkt *pkt, const char *text);
/* PKT without the one newline that text frames end with. */
struct trove__pkt trove__pkt_line(struct trove__pkt pkt);

/* Adds a frame to OUT; a text too long for one makes OUT fail. */
void trove__pkt_addf(struct trove__bytes *out, const char *format, ...) TROVE_PRINTF(2, 3);
void trove__pkt_add(struct trove__bytes *out, const void *data, size_t size);
void trove__pkt_flush(struct trove__bytes *out);
void trove__pkt_delim(struct trove__bytes *out);

#endif
