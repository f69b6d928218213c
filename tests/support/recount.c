// SPDX-License-Identifier: MIT
/*
 * recount.c - see recount.h.
 */
#include "recount.h"
#include "core/cache_struct.h"
#include "core/memory.h"
#include "core/policy_cells.h"
#include "core/rcu.h"
#include "support.h"

struct seen {
    uint64_t objects, bytes;
};

static void see(void *context, struct trove_object *object)
{
    struct seen *seen = context;

    seen->objects++;
    seen->bytes += trove__object_usable(object->algo, object->size);
}

static uint64_t fixed_bytes(struct trove__policy *policy)
{
    return (trove__queue_segments(&policy->small) + trove__queue_segments(&policy->main)) *
               trove__segment_bytes() +
           trove__sized_usable((policy->ghosts.mask + 1) * sizeof(atomic_uint), TROVE__LINE_BYTES);
}

/* Empties the queues. Returns the cells of live objects; the bytes of dead ones, which are charged too, go to *BYTES. */
static uint64_t take_cells(struct trove__policy *policy, uint64_t *bytes)
{
    uint64_t cells = 0;

    for (;;) {
        struct trove_object *object = trove__queue_pop(&policy->small);

        if (object == NULL)
            object = trove__queue_pop(&policy->main);
        if (object == NULL)
            return cells;
        if ((trove__load_relaxed(&object->state) & TROVE__STATE_DEAD) ==
            0) { /* RELAXED: it is quiet */
            cells++;
            continue;
        }
        *bytes += trove__object_usable(object->algo, object->size);
        trove__object_release(object);
    }
}

void recount(struct trove *cache)
{
    recount_in_child(cache, 0);
}

void recount_in_child(struct trove *cache, uint64_t lost)
{
    struct seen seen = {0};
    struct trove_stats stats;
    uint64_t fixed = 0;

    assert_int_equal(trove__reclaim_stop(&cache->reclaim, NULL), 0);
    trove__section_enter();
    trove__table_each(&cache->table, see, &seen);
    trove__section_leave();
    trove_stats(cache, &stats);
    assert_int_equal(stats.object_count, seen.objects);
    assert_int_equal(stats.object_bytes, seen.bytes);
    assert_in_range(trove__table_sizes(&cache->table).entries, seen.objects, seen.objects + lost);
    assert_int_equal(stats.deferred_bytes, 0);
    assert_int_equal(stats.pinned_bytes, 0);
    if (cache->policy.evicts) {
        fixed = fixed_bytes(&cache->policy);
        assert_int_equal(take_cells(&cache->policy, &seen.bytes), seen.objects);
    }
    assert_int_equal(stats.used_bytes, seen.bytes + stats.table_bytes + fixed);
}
