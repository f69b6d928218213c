// SPDX-License-Identifier: MIT
/*
 * policy_spare.c - which objects go round once more. See policy_spare.h, and policy.c for the rules.
 *
 * Why an object was spared stands in three bits of its state, until the hand comes to it again and sees whether it was used
 * since. Only who holds the object's cell writes them.
 */
#include "core/policy_spare.h"
#include "core/policy_cells.h"

#define SMALL_KEEP_HINT 2
#define LIGHT_PART 2   /* an object is light at this part of the average, and below */
#define SPARED_SHIFT 5 /* of `state`; between these bits and policy_cells.h's: object.h */

enum spared {
    SPARED_USED, /* it was used; or it was not looked at yet */
    SPARED_LEFT_1,
    SPARED_LEFT_2, /* the same, and this of its hint was left to it */
    SPARED_ONCE,   /* it was used once in small */
    SPARED_LIGHT   /* it was not used */
};

/* The bytes of an object as they usually are. */
static uint64_t average_bytes(struct trove__policy *policy)
{
    return (trove__sum_look(&policy->small.bytes) + trove__sum_look(&policy->main.bytes)) /
           (trove__policy_objects(policy) + 1);
}

/* Notes of OBJECT, whose cell the caller holds, what it was SPARED for at HINT. */
static void spare(struct trove_object *object, unsigned char state, unsigned char hint,
                  enum spared spared)
{
    unsigned char change = (unsigned char)((unsigned)spared - (state >> SPARED_SHIFT));

    /* RELAXED: see trove__policy_touch() */
    trove__store_relaxed(&object->hint, hint);
    /* RELAXED: nobody else changes these bits, and an addition leaves the others as they are */
    if (change != 0)
        trove__add_relaxed(&object->state, (unsigned char)(change << SPARED_SHIFT));
}

/* Does OBJECT of small go to main? Else it leaves as *RET_KIND. */
static bool small_spares(struct trove__policy *policy, struct trove_object *object,
                         enum trove__leaver *ret_kind)
{
    /* RELAXED, both: see trove__policy_touch(); DEAD seen late costs a search */
    unsigned char hint = trove__load_relaxed(&object->hint);
    unsigned char state = trove__load_relaxed(&object->state);

    *ret_kind = hint == 0 ? TROVE__LEAVER_NEW : TROVE__LEAVER_ONCE;
    if (hint == 0 || (hint < SMALL_KEEP_HINT &&
                      !trove__worth_sparing(&policy->worth, object, TROVE__LEAVER_ONCE,
                                            trove__policy_bytes(object), average_bytes(policy),
                                            trove__ghosts_turn(&policy->ghosts))))
        return false;
    spare(object, state, 0, hint < SMALL_KEEP_HINT ? SPARED_ONCE : SPARED_USED);
    return true;
}

/* What came of sparing OBJECT at the last look, now that its hint is HINT. Returns whether it was used since. */
static bool was_used(struct trove__policy *policy, const struct trove_object *object,
                     enum spared spared, unsigned char hint)
{
    bool used = hint > (spared == SPARED_LEFT_1 ? 1 : spared == SPARED_LEFT_2 ? 2 : 0);

    if (spared == SPARED_ONCE)
        trove__policy_seen(policy, object, TROVE__LEAVER_ONCE, used);
    else if (spared == SPARED_LEFT_1 || spared == SPARED_LEFT_2)
        trove__policy_seen(policy, object, TROVE__LEAVER_CREDIT, used);
    return used;
}

static bool main_spares(struct trove__policy *policy, struct trove_object *object,
                        enum trove__leaver *ret_kind)
{
    /* RELAXED, both: see small_spares() */
    unsigned char hint = trove__load_relaxed(&object->hint);
    unsigned char state = trove__load_relaxed(&object->state);
    enum spared spared = (enum spared)(state >> SPARED_SHIFT);
    uint64_t bytes = trove__policy_bytes(object);
    bool used = was_used(policy, object, spared, hint);

    *ret_kind = hint == 0 ? TROVE__LEAVER_IDLE : TROVE__LEAVER_CREDIT;
    if (hint == 0) {
        if (spared == SPARED_LIGHT || bytes > average_bytes(policy) / LIGHT_PART)
            return false;
        spare(object, state, 0, SPARED_LIGHT);
        return true;
    }
    if (!used && !trove__worth_sparing(&policy->worth, object, TROVE__LEAVER_CREDIT, bytes,
                                       average_bytes(policy), trove__ghosts_turn(&policy->ghosts)))
        return false;
    spare(object, state, (unsigned char)(hint - 1),
          hint == 1   ? SPARED_USED
          : hint == 2 ? SPARED_LEFT_1
                      : SPARED_LEFT_2);
    return true;
}

bool trove__policy_spares(struct trove__policy *policy, const struct trove__queue *from,
                          struct trove_object *object, enum trove__leaver *ret_kind)
{
    return from == &policy->small ? small_spares(policy, object, ret_kind)
                                  : main_spares(policy, object, ret_kind);
}
