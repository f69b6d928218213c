// SPDX-License-Identifier: MIT
/*
 * spool.c - the bytes of a pack, kept.
 *
 * INVARIANTS  I1 chunk i holds bytes [i*chunk_bytes, (i+1)*chunk_bytes). I2 `total` counts only bytes that are in place,
 * and only the appender writes behind it. I3 with a file, bytes before `in_file` are there. I4 a chunk is NULL only
 * before `released` and `in_file`, or at the end, not filled yet. The file gets only what `keep` has no room for. I5 the
 * chunk that was viewed last stays in memory until the next view, released or not: the appender may drop all others while
 * the viewer reads.
 * ROLES  `lock` guards every field; the appender copies into the last chunk without it (I2). The file is read without.
 */
#include "fetch/spool.h"
#include "core/memory.h"
#include "fetch/temp_file.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { FIRST_CHUNK_BYTES = 32 * 1024, SPARE_MAX = 2 };

#define NOT_A_CHUNK SIZE_MAX

struct trove__spool {
    pthread_mutex_t lock;
    size_t chunk_bytes;
    bool small_first;   /* chunk 0 begins small: most packs of a resolve are tiny */
    size_t first_bytes; /* its size by now */
    uint64_t keep;      /* bytes that stay in memory, the last ones, when there is a file */
    uint8_t **chunks;
    size_t chunk_count, chunk_room;
    size_t dropped; /* chunks before this one have left memory */
    uint8_t *spare[SPARE_MAX];
    size_t spare_count;
    size_t viewed; /* the chunk that was viewed last */
    uint8_t *lent; /* that chunk, once it has been dropped */
    uint64_t total, released, in_file, resident;
    int fd; /* -1: all is in memory */
};

int trove__spool_create(uint64_t memory_max, size_t chunk_bytes, uint64_t steady_bytes,
                        struct trove__spool **ret)
{
    struct trove__spool *spool = trove__calloc(1, sizeof(*spool));

    if (spool == NULL)
        return -ENOMEM;
    pthread_mutex_init(&spool->lock, NULL);
    spool->chunk_bytes = chunk_bytes;
    spool->keep = memory_max;
    spool->small_first = FIRST_CHUNK_BYTES < chunk_bytes && FIRST_CHUNK_BYTES <= steady_bytes;
    spool->viewed = NOT_A_CHUNK;
    spool->fd = -1;
    *ret = spool;
    return 0;
}

void trove__spool_destroy(struct trove__spool *spool)
{
    if (spool == NULL)
        return;
    for (size_t i = 0; i < spool->chunk_count; i++)
        trove__free(spool->chunks[i]);
    while (spool->spare_count > 0)
        trove__free(spool->spare[--spool->spare_count]);
    trove__free(spool->lent);
    trove__free(spool->chunks);
    trove__temp_file_close(&spool->fd);
    pthread_mutex_destroy(&spool->lock);
    trove__free(spool);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- all of these with the lock held ------------------------------------------------------------------------------ */

/* Writes bytes before END that the file does not have yet. */
static int write_behind_locked(struct trove__spool *spool, uint64_t end, struct trove_error *err)
{
    while (spool->in_file < end) {
        size_t index = spool->in_file / spool->chunk_bytes;
        size_t from = spool->in_file % spool->chunk_bytes;
        size_t size = (size_t)least(spool->chunk_bytes - from, end - spool->in_file);
        int r = trove__temp_file_write(spool->fd, spool->in_file, spool->chunks[index] + from, size,
                                       err);

        if (r < 0)
            return r;
        spool->in_file += size;
    }
    return 0;
}

static void recycle_locked(struct trove__spool *spool, uint8_t *chunk)
{
    if (spool->spare_count < SPARE_MAX) {
        spool->spare[spool->spare_count++] = chunk;
        return;
    }
    trove__free(chunk);
    spool->resident -= spool->chunk_bytes;
}

static void drop_locked(struct trove__spool *spool)
{
    uint64_t end = least(spool->released, spool->in_file) / spool->chunk_bytes;

    for (; spool->dropped < end; spool->dropped++) {
        uint8_t *chunk = spool->chunks[spool->dropped];

        spool->chunks[spool->dropped] = NULL;
        if (spool->dropped == spool->viewed)
            spool->lent = chunk; /* I5 */
        else
            recycle_locked(spool, chunk);
    }
}

/* I5: the viewer is done with the chunk before. */
static void view_locked(struct trove__spool *spool, size_t index)
{
    if (index == spool->viewed)
        return;
    if (spool->lent != NULL)
        recycle_locked(spool, spool->lent);
    spool->lent = NULL;
    spool->viewed = index;
}

/* The oldest chunks go, as many as it takes to keep what may be kept. */
static int to_file_locked(struct trove__spool *spool, struct trove_error *err)
{
    uint64_t end;
    int r = 0;

    if (spool->total <= spool->keep)
        return 0;
    end = spool->total - spool->keep + spool->chunk_bytes - 1;
    end = least(end - end % spool->chunk_bytes, spool->total);
    if (spool->fd < 0)
        r = trove__temp_file_open(&spool->fd, err);
    if (r == 0)
        r = write_behind_locked(spool, end, err);
    if (r == 0)
        drop_locked(spool);
    return r;
}

/* Chunk 0 grows once. */
static int first_chunk_locked(struct trove__spool *spool, size_t size)
{
    size_t bytes =
        spool->small_first && size <= FIRST_CHUNK_BYTES ? FIRST_CHUNK_BYTES : spool->chunk_bytes;
    uint8_t *chunk;

    if (bytes <= spool->first_bytes)
        return 0;
    chunk = trove__realloc(spool->chunks[0], bytes);
    if (chunk == NULL)
        return -ENOMEM;
    spool->chunks[0] = chunk;
    spool->resident += bytes - spool->first_bytes;
    spool->first_bytes = bytes;
    return 0;
}

static int add_chunk_locked(struct trove__spool *spool)
{
    uint8_t *chunk = NULL;

    if (spool->chunk_count == spool->chunk_room) {
        size_t room = spool->chunk_room == 0 ? 16 : 2 * spool->chunk_room;
        uint8_t **chunks = trove__realloc(spool->chunks, room * sizeof(*chunks));

        if (chunks == NULL)
            return -ENOMEM;
        spool->chunks = chunks;
        spool->chunk_room = room;
    }
    if (spool->chunk_count > 0) {
        bool reused = spool->spare_count > 0;

        chunk = reused ? spool->spare[--spool->spare_count] : trove__malloc(spool->chunk_bytes);
        if (chunk == NULL)
            return -ENOMEM;
        spool->resident += reused ? 0 : spool->chunk_bytes;
    }
    spool->chunks[spool->chunk_count++] = chunk;
    return 0;
}

/* Where the next bytes go, and how many of SIZE fit there. */
static int tail_locked(struct trove__spool *spool, size_t size, uint8_t **ret_to, size_t *ret_room)
{
    size_t index = spool->total / spool->chunk_bytes;
    size_t from = spool->total % spool->chunk_bytes;
    size_t room = (size_t)least(spool->chunk_bytes - from, size);
    int r = 0;

    if (index == spool->chunk_count)
        r = add_chunk_locked(spool);
    if (r == 0 && index == 0)
        r = first_chunk_locked(spool, from + room);
    if (r < 0)
        return r;
    *ret_to = spool->chunks[index] + from;
    *ret_room = room;
    return 0;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

int trove__spool_append(struct trove__spool *spool, const void *bytes, size_t size,
                        struct trove_error *err)
{
    int r = 0;

    pthread_mutex_lock(&spool->lock);
    while (r == 0 && size > 0) {
        uint8_t *to;
        size_t room;

        r = tail_locked(spool, size, &to, &room);
        if (r < 0) {
            trove_error_set(err, r, "no memory for the bytes of a pack");
            break;
        }
        pthread_mutex_unlock(&spool->lock);
        memcpy(to, bytes, room);
        pthread_mutex_lock(&spool->lock);
        spool->total += room;
        bytes = (const char *)bytes + room;
        size -= room;
        r = to_file_locked(spool, err);
    }
    pthread_mutex_unlock(&spool->lock);
    return r;
}

int trove__spool_view(struct trove__spool *spool, uint64_t offset, uint8_t *scratch,
                      size_t scratch_size, const uint8_t **ret_bytes, size_t *ret_size,
                      struct trove_error *err)
{
    size_t index = offset / spool->chunk_bytes;
    size_t from = offset % spool->chunk_bytes;
    size_t size = 0;
    const uint8_t *chunk = NULL;
    int r = 0;

    pthread_mutex_lock(&spool->lock);
    view_locked(spool, index);
    if (offset < spool->total) {
        size = (size_t)least(spool->chunk_bytes - from, spool->total - offset);
        chunk = index < spool->dropped && spool->lent != NULL ? spool->lent : spool->chunks[index];
    }
    pthread_mutex_unlock(&spool->lock);
    if (size > 0 && chunk == NULL) {
        size = size < scratch_size ? size : scratch_size;
        r = trove__temp_file_read(spool->fd, offset, scratch, size, err);
        if (r < 0)
            return r;
        *ret_bytes = scratch;
    } else if (size > 0) {
        *ret_bytes = chunk + from;
    }
    *ret_size = size;
    return 0;
}

void trove__spool_release(struct trove__spool *spool, uint64_t offset)
{
    pthread_mutex_lock(&spool->lock);
    if (offset > spool->released)
        spool->released = offset;
    drop_locked(spool);
    pthread_mutex_unlock(&spool->lock);
}

int trove__spool_to_file(struct trove__spool *spool, struct trove_error *err)
{
    int r;

    pthread_mutex_lock(&spool->lock);
    spool->keep = 0;
    r = to_file_locked(spool, err);
    pthread_mutex_unlock(&spool->lock);
    return r;
}

static uint64_t read_locked(struct trove__spool *spool, const uint64_t *field)
{
    uint64_t value;

    pthread_mutex_lock(&spool->lock);
    value = *field;
    pthread_mutex_unlock(&spool->lock);
    return value;
}

uint64_t trove__spool_total(struct trove__spool *spool)
{
    return read_locked(spool, &spool->total);
}

uint64_t trove__spool_resident(struct trove__spool *spool)
{
    return read_locked(spool, &spool->resident);
}

uint64_t trove__spool_in_file(struct trove__spool *spool)
{
    return read_locked(spool, &spool->in_file);
}
