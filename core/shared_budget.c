// SPDX-License-Identifier: MIT
/*
 * shared_budget.c - one budget of several caches.
 *
 * WHAT       Each cache keeps its own account, within its own bound, and every byte of it is in the sum too (budget.c). When
 *            the sum is used up, a put evicts from the member that holds most, whichever cache it is.
 * INVARIANTS I1 a member's policy, and what hangs on it, is there until a grace period after it left: others reach it inside
 *            sections only.
 * ROLES      life.c: join, leave. any thread that makes room: largest.
 * EDGES      E1 member  trove__shared_budget_join() release -> trove__shared_budget_largest() acquire   a complete policy
 *                       and trove__shared_budget_adopt()
 *            E2 free    trove_budget_unref() release -> the last trove_budget_unref() acquire   all uses before the free
 * PROGRESS   largest is wait-free; join and leave lock-free.
 * LIMITS     64 caches at once. The sum bounds nothing of caches whose policy is to grow.
 * TESTS      tests/unit/test_shared_budget.c
 */
#include "core/shared_budget.h"
#include "core/memory.h"
#include "core/reclaim.h"
#include <errno.h>

int trove_budget_create(uint64_t max_bytes, struct trove_budget **ret_budget)
{
    struct trove_budget *shared;

    if (max_bytes == 0)
        return -EINVAL;
    shared = trove__sized_alloc(sizeof(*shared), _Alignof(struct trove_budget));
    if (shared == NULL)
        return -ENOMEM;
    memset(shared, 0, sizeof(*shared));
    shared->max_bytes = max_bytes;
    trove__budget_init(&shared->sum, max_bytes, max_bytes / 8, false, NULL);
    atomic_init(&shared->references, 1);
    *ret_budget = shared;
    return 0;
}

struct trove_budget *trove_budget_ref(struct trove_budget *budget)
{
    /* RELAXED: the caller has a reference. */
    if (budget != NULL)
        trove__add_relaxed(&budget->references, 1);
    return budget;
}

void trove_budget_unref(struct trove_budget *budget)
{
    /* ACQ_REL [E2 free]: pairs with itself in the threads that let go earlier. */
    if (budget != NULL && trove__sub_acq_rel(&budget->references, 1) == 1)
        trove__sized_free(budget, sizeof(*budget), _Alignof(struct trove_budget));
}

uint64_t trove_budget_used(const struct trove_budget *budget)
{
    return trove__budget_live(&budget->sum) + trove__budget_deferred(&budget->sum);
}

int trove__shared_budget_join(struct trove_budget *shared, struct trove__policy *policy)
{
    for (unsigned i = 0; i < TROVE__MEMBERS_MAX; i++) {
        struct trove__policy *none = NULL;
        unsigned used;

        /* RELEASE [E1 member]: hands over the policy. Pairs with trove__shared_budget_largest(). */
        if (!trove__cas_release(&shared->members[i], &none, policy))
            continue;
        /* RELAXED, both: who misses the new member takes another. */
        used = trove__load_relaxed(&shared->used);
        while (used <= i && !trove__cas_relaxed(&shared->used, &used, i + 1))
            ;
        return 0;
    }
    return -EAGAIN;
}

void trove__shared_budget_leave(struct trove_budget *shared, struct trove__policy *policy)
{
    for (unsigned i = 0; i < TROVE__MEMBERS_MAX; i++) {
        struct trove__policy *own = policy;

        /* RELAXED: hands nothing over; a grace period follows. */
        if (trove__cas_relaxed(&shared->members[i], &own, NULL))
            return;
    }
}

void trove__shared_budget_adopt(struct trove_budget *shared)
{
    unsigned used = trove__load_relaxed(&shared->used); /* RELAXED: see join() */

    for (unsigned i = 0; i < used; i++) {
        /* ACQUIRE [E1 member]: pairs with trove__shared_budget_join(). */
        struct trove__policy *policy = trove__load_acquire(&shared->members[i]);

        if (policy != NULL)
            trove__reclaim_adopt(policy->reclaim);
    }
}

struct trove__policy *trove__shared_budget_largest(struct trove_budget *shared,
                                                   struct trove__policy *none)
{
    struct trove__policy *largest = none;
    unsigned used = trove__load_relaxed(&shared->used); /* RELAXED: see join() */
    uint64_t most = 0;

    for (unsigned i = 0; i < used; i++) {
        /* ACQUIRE [E1 member]: pairs with trove__shared_budget_join(). */
        struct trove__policy *policy = trove__load_acquire(&shared->members[i]);
        uint64_t bytes;

        if (policy == NULL || !policy->evicts)
            continue;
        /* Sums that are a little off choose a little differently. */
        bytes = trove__sum_look(&policy->small.bytes) + trove__sum_look(&policy->main.bytes);
        if (bytes > most) {
            most = bytes;
            largest = policy;
        }
    }
    return largest;
}
