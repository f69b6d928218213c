// SPDX-License-Identifier: MIT
/*
 * gzip.h - a request's body made smaller.
 */
#ifndef TROVE_FETCH_GZIP_H
#define TROVE_FETCH_GZIP_H

#include "bytes.h"

/* SIZE bytes at BODY as gzip in OUT (cleared first). Returns 0 or -ENOMEM. */
int trove__gzip(struct trove__bytes *out, const void *body, size_t size);

#endif
