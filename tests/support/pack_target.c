// SPDX-License-Identifier: MIT
/*
 * pack_target.c - a cache as the target of a pack reader. Every id that is given is computed once more.
 */
#include "pack_target.h"
#include "core/cache_internal.h"
#include "core/object.h"
#include <errno.h>

enum { TARGET_MIB = 128 }; /* opening a larger cache costs more, and tests open thousands */

static int target_alloc(void *context, enum trove_type type, uint64_t size,
                        struct trove_object **ret)
{
    struct pack_target *target = context;
    bool fail;

    pthread_mutex_lock(&target->lock);
    fail = ++target->allocs == target->fail_alloc_at;
    if (size > target->alloc_max)
        target->alloc_max = size;
    pthread_mutex_unlock(&target->lock);
    return fail ? -ENOMEM : trove__cache_draft(target->cache, type, size, ret);
}

static void *target_buffer(void *context, struct trove_object *object)
{
    (void)context;
    return trove__object_buffer(object);
}

static int target_give(void *context, struct trove_object *object, const struct trove_oid *id)
{
    struct pack_target *target = context;
    struct trove_object *cached;
    struct trove_oid again;
    bool fail;
    int r;

    r = target->hash->object_id(target->hash->context, trove_object_type(object),
                                trove_object_data(object), trove_object_size(object), &again);
    pthread_mutex_lock(&target->lock);
    fail = ++target->gives == target->fail_give_at;
    if (target->gives == target->cancel_at_give)
        trove_cancel(target->until.cancel);
    if (r < 0 || !trove_oid_equal(&again, id))
        target->wrong_ids++;
    pthread_mutex_unlock(&target->lock);
    if (fail) {
        trove_unpin(object);
        return -ENOMEM;
    }
    if (target->discard) {
        trove_unpin(object);
        return 0;
    }
    trove__object_set_id(object, id);
    r = trove__cache_insert(target->cache, NULL, object, &cached);
    if (r < 0)
        return r;
    trove_unpin(cached);
    return 0;
}

static struct trove_object *target_find(void *context, const struct trove_oid *id)
{
    struct pack_target *target = context;
    struct trove_object *object = trove__cache_find(target->cache, NULL, id);
    bool gone;

    pthread_mutex_lock(&target->lock);
    target->finds++;
    gone = target->found_most > 0 && object != NULL && target->found++ >= target->found_most;
    pthread_mutex_unlock(&target->lock);
    if (!gone)
        return object;
    trove_unpin(object);
    return NULL;
}

static bool target_open(struct pack_target *target, const struct trove_hash *hash,
                        enum trove_overfull overfull, uint64_t max_bytes)
{
    struct trove_options options;

    *target = (struct pack_target){.hash = hash, .until.deadline_ns = TROVE_NO_DEADLINE};
    trove_options_init(&options);
    options.hash = hash;
    options.max_bytes = max_bytes;
    options.max_cached_percent = 100;
    options.overfull = overfull;
    if (trove_open(&options, &target->cache, NULL) < 0)
        return false;
    pthread_mutex_init(&target->lock, NULL);
    return true;
}

bool pack_target_init(struct pack_target *target, const struct trove_hash *hash)
{
    /* Nothing leaves, and opening is cheap without an evictor. */
    return pack_target_init_refusing(target, hash, (uint64_t)TARGET_MIB << 20);
}

bool pack_target_init_evicting(struct pack_target *target, const struct trove_hash *hash,
                               uint64_t max_bytes)
{
    return target_open(target, hash, TROVE_OVERFULL_EVICT, max_bytes);
}

bool pack_target_init_refusing(struct pack_target *target, const struct trove_hash *hash,
                               uint64_t max_bytes)
{
    return target_open(target, hash, TROVE_OVERFULL_ERROR, max_bytes);
}

void pack_target_deinit(struct pack_target *target)
{
    if (target->cache == NULL)
        return;
    trove_close(target->cache, NULL);
    pthread_mutex_destroy(&target->lock);
    target->cache = NULL;
}

struct trove__pack_target pack_target_calls(struct pack_target *target)
{
    return (struct trove__pack_target){.context = target,
                                       .alloc = target_alloc,
                                       .buffer = target_buffer,
                                       .give = target_give,
                                       .find = target_find};
}

bool pack_target_has(struct pack_target *target, enum trove_type type, const void *data,
                     size_t size)
{
    struct trove_oid id;

    return target->hash->object_id(target->hash->context, type, data, size, &id) == 0 &&
           trove_has(target->cache, &id);
}
