// SPDX-License-Identifier: MIT
/*
 * bulk.c - arrays that may outgrow memory.
 */
#include "fetch/bulk.h"
#include "core/memory.h"
#include "fetch/temp_file.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { FIRST_BYTES = 4096, FILE_STEP = 4 << 20 };

void trove__bulk_init(struct trove__bulk *bulk, uint64_t memory_max)
{
    *bulk = (struct trove__bulk){.memory_max = memory_max, .fd = -1};
}

void trove__bulk_deinit(struct trove__bulk *bulk)
{
    if (bulk->fd >= 0) {
        if (bulk->bytes != NULL)
            munmap(bulk->bytes, bulk->capacity);
        trove__temp_file_close(&bulk->fd);
    } else {
        trove__free(bulk->bytes);
    }
    trove__bulk_init(bulk, bulk->memory_max);
}

static int grow_memory(struct trove__bulk *bulk, uint64_t capacity, struct trove_error *err)
{
    char *bytes = trove__realloc(bulk->bytes, capacity);

    if (bytes == NULL)
        return trove_error_set(err, -ENOMEM, "no memory for the index of a pack");
    memset(bytes + bulk->capacity, 0, capacity - bulk->capacity);
    bulk->bytes = bytes;
    bulk->capacity = capacity;
    return 0;
}

static int grow_file(struct trove__bulk *bulk, int fd, uint64_t capacity, struct trove_error *err)
{
    void *bytes;
    int r = trove__temp_file_extend(fd, capacity, err);

    if (r < 0)
        return r;
    bytes = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        return trove_error_set(err, -errno, "cannot map the index of a pack: %s",
                               trove_strerror(errno));
    if (bulk->fd >= 0) {
        munmap(bulk->bytes, bulk->capacity);
    } else if (bulk->bytes != NULL) {
        memcpy(bytes, bulk->bytes, bulk->capacity);
        trove__free(bulk->bytes);
    }
    bulk->bytes = bytes;
    bulk->capacity = capacity;
    bulk->fd = fd;
    trove__bulk_trim(bulk);
    return 0;
}

int trove__bulk_reserve(struct trove__bulk *bulk, uint64_t size, struct trove_error *err)
{
    uint64_t capacity = bulk->capacity < FIRST_BYTES ? FIRST_BYTES : bulk->capacity;
    int fd = bulk->fd;
    int r = 0;

    if (size <= bulk->capacity)
        return 0;
    if (size > SIZE_MAX / 4)
        return trove_error_set(err, -ENOMEM, "the index of a pack is too large");
    while (capacity < size)
        capacity += capacity / 2;
    if (fd < 0 && capacity <= bulk->memory_max)
        return grow_memory(bulk, capacity, err);
    capacity = (capacity + FILE_STEP - 1) / FILE_STEP * FILE_STEP;
    if (fd < 0)
        r = trove__temp_file_open(&fd, err);
    if (r == 0)
        r = grow_file(bulk, fd, capacity, err);
    if (r < 0 && bulk->fd < 0 && fd >= 0)
        trove__temp_file_close(&fd);
    return r;
}

void trove__bulk_trim(struct trove__bulk *bulk)
{
    if (bulk->fd >= 0)
        madvise(bulk->bytes, bulk->capacity, MADV_DONTNEED); /* shared: the file keeps the bytes */
}

uint64_t trove__bulk_resident(const struct trove__bulk *bulk)
{
    return bulk->fd < 0 ? bulk->capacity : 0;
}
