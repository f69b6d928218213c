// SPDX-License-Identifier: MIT
/*
 * pack_spill.c - a file of objects, each behind its size; an array of places, which becomes a file too when it is long.
 */
#include "fetch/pack_spill.h"
#include "fetch/temp_file.h"
#include <errno.h>
#include <stdbool.h>

void trove__pack_spill_init(struct trove__pack_spill *spill, uint64_t memory_max)
{
    *spill = (struct trove__pack_spill){.fd = -1};
    trove__bulk_init(&spill->places, memory_max);
}

void trove__pack_spill_deinit(struct trove__pack_spill *spill)
{
    trove__bulk_deinit(&spill->places);
    trove__temp_file_close(&spill->fd);
}

static uint64_t *place_of(struct trove__pack_spill *spill, uint32_t entry)
{
    return (uint64_t *)spill->places.bytes + entry;
}

static bool is_there(struct trove__pack_spill *spill, uint32_t entry)
{
    bool there = entry < spill->places.capacity / sizeof(uint64_t) && *place_of(spill, entry) != 0;

    trove__bulk_trim(&spill->places);
    return there;
}

int trove__pack_spill_put(struct trove__pack_spill *spill, uint32_t entry, const void *data,
                          uint64_t size, struct trove_error *err)
{
    int r = 0;

    if (is_there(spill, entry))
        return 0;
    if (spill->fd < 0)
        r = trove__temp_file_open(&spill->fd, err);
    if (r == 0)
        r = trove__bulk_reserve(&spill->places, ((uint64_t)entry + 1) * sizeof(uint64_t), err);
    if (r == 0)
        r = trove__temp_file_write(spill->fd, spill->size, &size, sizeof(size), err);
    if (r == 0)
        r = trove__temp_file_write(spill->fd, spill->size + sizeof(size), data, size, err);
    if (r < 0)
        return r;
    *place_of(spill, entry) = spill->size + 1;
    spill->size += sizeof(size) + size;
    return 0;
}

int trove__pack_spill_size(struct trove__pack_spill *spill, uint32_t entry, uint64_t *ret_size,
                           struct trove_error *err)
{
    if (!is_there(spill, entry))
        return -ENOENT;
    return trove__temp_file_read(spill->fd, *place_of(spill, entry) - 1, ret_size,
                                 sizeof(*ret_size), err);
}

int trove__pack_spill_get(struct trove__pack_spill *spill, uint32_t entry, void *data,
                          uint64_t size, struct trove_error *err)
{
    return trove__temp_file_read(spill->fd, *place_of(spill, entry) - 1 + sizeof(size), data, size,
                                 err);
}
