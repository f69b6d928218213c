// SPDX-License-Identifier: MIT
/*
 * inflate.c - the streams of pack entries.
 */
#include "fetch/inflate.h"
#include "core/memory.h"
#include <errno.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <zlib.h>

enum { SCRATCH_BYTES = 16 * 1024, PIECE_MAX = 1 << 30 };

struct trove__inflater {
    struct libdeflate_decompressor *whole;
    z_stream stream;
    bool stream_ready;
    uint8_t *out;      /* NULL: output goes to scratch and is forgotten */
    uint64_t out_left; /* of the size claimed */
    uint64_t total_in, total_out;
    uint8_t scratch[SCRATCH_BYTES];
};

static void *stream_alloc(void *context, unsigned count, unsigned size)
{
    (void)context;
    return trove__calloc(count, size);
}

static void stream_free(void *context, void *memory)
{
    (void)context;
    trove__free(memory);
}

int trove__inflate_create(struct trove__inflater **ret)
{
    struct trove__inflater *inflater = trove__malloc(sizeof(*inflater));

    if (inflater == NULL)
        return -ENOMEM;
    inflater->stream_ready = false;
    inflater->whole = libdeflate_alloc_decompressor();
    if (inflater->whole == NULL) {
        trove__free(inflater);
        return -ENOMEM;
    }
    *ret = inflater;
    return 0;
}

void trove__inflate_destroy(struct trove__inflater *inflater)
{
    if (inflater == NULL)
        return;
    if (inflater->stream_ready)
        inflateEnd(&inflater->stream);
    libdeflate_free_decompressor(inflater->whole);
    trove__free(inflater);
}

int trove__inflate_whole(struct trove__inflater *inflater, const void *in, size_t in_size,
                         void *out, size_t size, size_t *ret_used)
{
    size_t used, written;

    if (libdeflate_zlib_decompress_ex(inflater->whole, in, in_size, out, size, &used, &written) !=
            LIBDEFLATE_SUCCESS ||
        written != size)
        return -EAGAIN;
    *ret_used = used;
    return 0;
}

int trove__inflate_begin(struct trove__inflater *inflater, void *out, uint64_t size)
{
    int r;

    if (inflater->stream_ready) {
        r = inflateReset(&inflater->stream);
    } else {
        inflater->stream = (z_stream){.zalloc = stream_alloc, .zfree = stream_free};
        r = inflateInit(&inflater->stream);
    }
    if (r != Z_OK)
        return -ENOMEM;
    inflater->stream_ready = true;
    inflater->out = out;
    inflater->out_left = size;
    inflater->total_in = 0;
    inflater->total_out = 0;
    return 0;
}

/* Gives zlib room for output: what is left of the caller's, else scratch, where one byte too many is noticed. */
static size_t offer_output(struct trove__inflater *inflater)
{
    z_stream *stream = &inflater->stream;

    if (inflater->out != NULL && inflater->out_left > 0) {
        stream->next_out = inflater->out;
        stream->avail_out = inflater->out_left < PIECE_MAX ? (uInt)inflater->out_left : PIECE_MAX;
    } else {
        stream->next_out = inflater->scratch;
        stream->avail_out = SCRATCH_BYTES;
    }
    return stream->avail_out;
}

static int wrong(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -EPROTO;
}

/* What RESULT of zlib's inflate() means once its input and output are counted. 1: go on. */
static int judge(const struct trove__inflater *inflater, int result, bool too_long,
                 const char **ret_why)
{
    if (result == Z_NEED_DICT)
        return wrong(ret_why, "its zlib stream asks for a preset dictionary");
    if (result == Z_MEM_ERROR)
        return -ENOMEM;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return wrong(ret_why, "its zlib stream is malformed");
    if (too_long)
        return wrong(ret_why, "it inflates to more bytes than its header claims");
    if (result != Z_STREAM_END)
        return 1;
    return inflater->out_left == 0
               ? 0
               : wrong(ret_why, "it inflates to fewer bytes than its header claims");
}

int trove__inflate_push(struct trove__inflater *inflater, const void *in, size_t in_size,
                        size_t *ret_used, const char **ret_why)
{
    z_stream *stream = &inflater->stream;
    size_t used = 0;
    int r = 1;

    while (r == 1) {
        size_t piece = in_size - used < PIECE_MAX ? in_size - used : PIECE_MAX;
        size_t room = offer_output(inflater);
        size_t written;
        bool too_long;
        int result;

        stream->next_in = (Bytef *)(uintptr_t)((const uint8_t *)in + used);
        stream->avail_in = (uInt)piece;
        result = inflate(stream, Z_NO_FLUSH);
        used += piece - stream->avail_in;
        inflater->total_in += piece - stream->avail_in;
        written = room - stream->avail_out;
        too_long = written > inflater->out_left;
        inflater->total_out += written;
        inflater->out_left -= too_long ? inflater->out_left : written;
        if (inflater->out != NULL && !too_long)
            inflater->out += written;
        r = judge(inflater, result, too_long, ret_why);
        if (r == 1 && used == in_size && stream->avail_out > 0)
            r = -EAGAIN; /* zlib holds back no output when it was offered room */
    }
    if (r == 0 || r == -EAGAIN)
        *ret_used = used;
    return r;
}

uint64_t trove__inflate_total_in(const struct trove__inflater *inflater)
{
    return inflater->total_in;
}

uint64_t trove__inflate_total_out(const struct trove__inflater *inflater)
{
    return inflater->total_out;
}
