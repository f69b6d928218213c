// SPDX-License-Identifier: MIT
/*
 * inflate.h - zlib streams whose inflated size is known beforehand, whole (libdeflate) or piece by piece (zlib).
 *
 * Sizes are exact: a stream that holds more or less than it should is an error, found without writing past the output.
 */
#ifndef TROVE_FETCH_INFLATE_H
#define TROVE_FETCH_INFLATE_H

#include <stddef.h>
#include <stdint.h>

struct trove__inflater;

int trove__inflate_create(struct trove__inflater **ret);       /* 0, -ENOMEM */
void trove__inflate_destroy(struct trove__inflater *inflater); /* NULL is fine */

/* Inflates the stream at the start of the IN_SIZE bytes at IN into the SIZE bytes at OUT. Returns 0 with *RET_USED, the
 * length of the stream; -EAGAIN when it could not: the stream is not complete, or wrong, and the calls below can tell. */
int trove__inflate_whole(struct trove__inflater *inflater, const void *in, size_t in_size,
                         void *out, size_t size, size_t *ret_used);

/* Begins a stream that comes in pieces. OUT NULL: nothing is kept, the size alone is verified. */
int trove__inflate_begin(struct trove__inflater *inflater, void *out, uint64_t size);
/* Takes the next piece. Returns 0 at the end of the stream, -EAGAIN when all was used and more is needed; *RET_USED is
 * how much was taken. -EPROTO (wrong: *RET_WHY, static, says what), -ENOMEM. */
int trove__inflate_push(struct trove__inflater *inflater, const void *in, size_t in_size,
                        size_t *ret_used, const char **ret_why);
/* Of the stream begun last. */
uint64_t trove__inflate_total_in(const struct trove__inflater *inflater);
uint64_t trove__inflate_total_out(const struct trove__inflater *inflater);

#endif
