// SPDX-License-Identifier: MIT
/*
 * spool.h - the bytes of a pack, kept so that an entry can be inflated again: in memory up to a bound, past it in a
 * temporary file without a name.
 *
 * ROLES  One thread appends, one views and releases; they may be two.
 */
#ifndef TROVE_FETCH_SPOOL_H
#define TROVE_FETCH_SPOOL_H

#include <trove/error.h>

struct trove__spool;

/* Up to MEMORY_MAX bytes stay in memory, in chunks of CHUNK_BYTES. Until STEADY_BYTES are there, views are valid only until
 * the next append, so that a small pack can live in less than a chunk. */
int trove__spool_create(uint64_t memory_max, size_t chunk_bytes, uint64_t steady_bytes,
                        struct trove__spool **ret);
void trove__spool_destroy(struct trove__spool *spool); /* NULL is fine */

int trove__spool_append(struct trove__spool *spool, const void *bytes, size_t size,
                        struct trove_error *err);

/* Bytes at OFFSET in one piece, as many as there are up to the end of a chunk: a pointer into memory, valid until they
 * are released and another view is asked for (of bytes that were released before: until the next view), or into SCRATCH
 * when they were read from the file. *RET_SIZE is 0 where the bytes end. */
int trove__spool_view(struct trove__spool *spool, uint64_t offset, uint8_t *scratch,
                      size_t scratch_size, const uint8_t **ret_bytes, size_t *ret_size,
                      struct trove_error *err);

/* Whole chunks before OFFSET may leave memory once the file has them. OFFSET never goes back. */
void trove__spool_release(struct trove__spool *spool, uint64_t offset);

/* Goes to the file now, to free memory; what is not released stays in memory too. */
int trove__spool_to_file(struct trove__spool *spool, struct trove_error *err);

uint64_t trove__spool_total(struct trove__spool *spool);    /* bytes appended */
uint64_t trove__spool_resident(struct trove__spool *spool); /* bytes of memory in use */
uint64_t trove__spool_in_file(struct trove__spool *spool);

#endif
