// SPDX-License-Identifier: MIT
/*
 * pace.c - requests that go no faster than the streams they fill are emptied.
 *
 * WHAT       Answers of streams are pinned. A source that is faster than who takes them would fill the memory with them, far
 *            past max_bytes, or, if they were not pinned, have them evicted before they are read and fetched again. So who
 *            gives an object waits while answers of an eighth of max_bytes are there to be taken.
 * INVARIANTS I1 `untaken` is the sum of the objects in answers on the queues of the unit's streams. I2 nobody waits here while
 *            a caller sleeps for anything of the unit: what it waits for may be what the giver brings, or behind it.
 * ROLES      givers (a source's threads): wait. callers: taken, sleep, wake, asked. Who delivers: answer.
 * PROTOCOL   A giver counts itself in, reads `event`, looks at the sums, and sleeps on `event`; who changes a sum so that a giver
 *            may go on looks for waiting givers afterwards: one of them sees the other (E1).
 *            Never a deadlock: whoever could take an answer and does not is asleep in another call of the unit, which lets
 *            givers go on (I2); or asks again and again without sleeping, and each question lets givers go on by one
 *            object; or is busy elsewhere, with the deadline of the request as the end of it. For who does none of this
 *            (waits outside of the library for what get says, say), the wait ends after PATIENCE_NS, and all do until
 *            something is taken.
 * EDGES      E1 event    trove__pace_wait(): waiting, event, sums seq_cst -> let_go(): sums, waiting seq_cst   a store-load pair
 * PROGRESS   wait sleeps, until its deadline at most. The others are wait-free but for the wake-up.
 * LIMITS     One sum for all streams of a cache: one that nobody empties holds up the requests of others, unless somebody
 *            sleeps for them. Objects of atomic requests come at their end and do not wait.
 * TESTS      tests/unit/test_pace.c, tests/e2e/limits_test.py
 */
#include "core/pace.h"
#include "core/futex.h"
#include "core/until.h"
#include <errno.h>

#define SHARE 8 /* of max_bytes */
#define PATIENCE_NS ((int64_t)10 * 1000000000)

void trove__pace_init(struct trove__pace *pace, uint64_t max_cache_bytes)
{
    pace->max_bytes = max_cache_bytes / SHARE;
    atomic_init(&pace->untaken, 0);
    atomic_init(&pace->asleep, 0);
    atomic_init(&pace->calls, 0);
    atomic_init(&pace->event, 0);
    atomic_init(&pace->waiting, 0);
    atomic_init(&pace->vain, 0);
}

/* After a change that may let a giver go on. */
static void let_go(struct trove__pace *pace)
{
    /* SEQ_CST [E1 event]: after the change. Pairs with trove__pace_wait(). */
    if (trove__load_seq_cst(&pace->waiting) == 0)
        return;
    trove__add_seq_cst(&pace->event, 1);
    trove__futex_wake(&pace->event, INT_MAX);
}

void trove__pace_answer(struct trove__pace *pace, uint64_t bytes)
{
    trove__add_relaxed(&pace->untaken, bytes); /* RELAXED: a giver that misses it gives one more */
}

void trove__pace_taken(struct trove__pace *pace, uint64_t bytes)
{
    if (bytes == 0)
        return;
    trove__sub_seq_cst(&pace->untaken, bytes); /* [E1 event] */
    trove__store_relaxed(&pace->vain, 0);      /* RELAXED: a hint */
    let_go(pace);
}

void trove__pace_sleep(struct trove__pace *pace)
{
    trove__add_seq_cst(&pace->asleep, 1); /* [E1 event] */
    trove__pace_asked(pace);
}

void trove__pace_wake(struct trove__pace *pace)
{
    trove__sub_relaxed(&pace->asleep, 1); /* RELAXED: a giver that misses it gives one more */
}

void trove__pace_asked(struct trove__pace *pace)
{
    trove__add_seq_cst(&pace->calls, 1); /* [E1 event] */
    let_go(pace);
}

/* CALLS: what it was when the giver came. */
static bool must_wait(struct trove__pace *pace, unsigned calls)
{
    /* SEQ_CST all [E1 event]: after `event` was read. Pairs with let_go(). */
    return trove__load_seq_cst(&pace->untaken) > pace->max_bytes &&
           trove__load_seq_cst(&pace->asleep) == 0 && trove__load_seq_cst(&pace->calls) == calls &&
           trove__load_relaxed(&pace->vain) == 0; /* RELAXED: a hint */
}

static void wait_here(struct trove__pace *pace, const struct trove_until *until)
{
    unsigned calls = trove__load_seq_cst(&pace->calls), event; /* [E1 event] */
    struct trove_until slice = trove__until_of(until);
    int64_t end_ns = trove_now_ns() + PATIENCE_NS;
    int r = 0;

    if (end_ns < slice.deadline_ns)
        slice.deadline_ns = end_ns;
    trove__add_seq_cst(&pace->waiting, 1); /* [E1 event] */
    for (;;) {
        event = trove__load_seq_cst(&pace->event); /* [E1 event] */
        if (r < 0 || !must_wait(pace, calls))
            break;
        r = trove__wait(&pace->event, event, &slice);
    }
    trove__sub_relaxed(&pace->waiting, 1); /* RELAXED: at worst one wake-up too many */
    if (r == -ETIMEDOUT)
        trove__store_relaxed(&pace->vain, 1); /* RELAXED: a hint */
}

void trove__pace_wait(struct trove__pace *pace, const struct trove_until *until)
{
    /* RELAXED: the usual case; wait_here() looks again. */
    if (trove__load_relaxed(&pace->untaken) > pace->max_bytes)
        wait_here(pace, until);
}
