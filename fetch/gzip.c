// SPDX-License-Identifier: MIT
/*
 * gzip.c - a request's body made smaller: hex digits of ids, at half their size.
 */
#include "gzip.h"
#include <errno.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib's way to say "with gzip's header" */

int trove__gzip(struct trove__bytes *out, const void *body, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)body, .avail_in = (uInt)size};
    int status;

    trove__bytes_clear(out);
    if (size > UINT32_MAX / 2 ||
        deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    do {
        uint8_t piece[16384];
        stream.next_out = piece;
        stream.avail_out = sizeof(piece);
        status = deflate(&stream, Z_FINISH);
        trove__bytes_add(out, piece, sizeof(piece) - stream.avail_out);
    } while (status == Z_OK);
    deflateEnd(&stream);
    return status == Z_STREAM_END && !out->failed ? 0 : -ENOMEM;
}
