// SPDX-License-Identifier: MIT
/*
 * worth.h - is it worth sparing an object that was hardly used? Learnt from how often such objects are wanted again.
 *
 * PROTOCOL  A hand that has a doubtful object asks trove__worth_sparing(). What comes of it is told: of an object that was
 *           spared, at the hand's next look, whether it was used since; of one that was evicted, when it went, and again if
 *           it comes back while it is remembered. So each kind has a rate, whichever is done with it. A kind is spared while
 *           its rate is above that of idle objects of main, which go instead; one in 32 goes all the same, so that
 *           both ends stay known.
 *           The rates are weighed by size: per byte, but by the root only, because bytes cost as well as requests. So a light
 *           object (commits and most trees: each a round trip before anything below it can be asked for) is spared where a
 *           large blob is not.
 * EDGES     none: a stale rate costs a miss at most. RELAXED throughout; what two threads count at once may count once.
 * PROGRESS  wait-free.
 * LIMITS    In large caches only one id in eight is counted, so that evictors do not meet on the rates' line.
 * TESTS     tests/unit/test_policy.c, bench/policy/test_references.c
 */
#ifndef TROVE_CORE_WORTH_H
#define TROVE_CORE_WORTH_H

#include "core/object.h"
#include "core/order.h"
#include <stdbool.h>
#include <stdint.h>

/* As what an object leaves its queue. Those of small come first. */
enum trove__leaver {
    TROVE__LEAVER_NEW,    /* of small, not used there */
    TROVE__LEAVER_ONCE,   /* of small, used once */
    TROVE__LEAVER_IDLE,   /* of main, not used for a round or more */
    TROVE__LEAVER_CREDIT, /* of main, not used since the hand's last look, but often before */
    TROVE__LEAVERS
};

struct trove__worth {
    /* READ-MOSTLY */
    unsigned char skip; /* ids of which a byte has one of these bits are not counted */
    /* SHARED-HOT */
    struct {
        _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong seen;
        atomic_ulong wanted;
    } rates[TROVE__LEAVERS];
};

void trove__worth_init(struct trove__worth *worth, uint64_t max_bytes);

/* Whether what becomes of OBJECT, which leaves as KIND, is counted at all. */
static inline bool trove__worth_counts(const struct trove__worth *worth,
                                       const struct trove_object *object, enum trove__leaver kind)
{
    return kind != TROVE__LEAVER_NEW && (object->id[6] & worth->skip) == 0;
}

/* An object that counts, one of OBJECTS, was evicted as KIND, or was spared as KIND and looked at again, WANTED or not. */
void trove__worth_seen(struct trove__worth *worth, enum trove__leaver kind, bool wanted,
                       uint64_t objects);
/* OBJECT, evicted as KIND, came back. */
void trove__worth_back(struct trove__worth *worth, const struct trove_object *object,
                       enum trove__leaver kind);

/* Should OBJECT, of BYTES where AVERAGE is usual, stay although it would leave as KIND, ONCE or CREDIT? TURN: changes with
 * each eviction. */
bool trove__worth_sparing(struct trove__worth *worth, const struct trove_object *object,
                          enum trove__leaver kind, uint64_t bytes, uint64_t average, uint64_t turn);

/* Does most of what leaves main idle come back? Then main is too small for what goes round in it, and would keep none of it. */
bool trove__worth_is_outrun(struct trove__worth *worth);

#endif
