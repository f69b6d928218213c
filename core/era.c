// SPDX-License-Identifier: MIT
/*
 * era.c - the eras of a cache: replaced, discarded, closed. trove_replace() is here.
 *
 * WHAT       Levels of the table name their era, so what `view` says decides about contents, source and flights at once: a
 *            call that needs a unit takes that of the era in force, and stays with it. Its flights put what they bring only
 *            into contents of that era, and find only there; after a replacement they go on, with the old source, for who
 *            waits for them.
 * INVARIANTS I1 an era's source is destroyed once, by the last reference: when it is in the table no more and its unit, if it
 *            had one, has ended. I2 an era's unit ends when the era is discarded, nobody holds it (callers, streams, fetches)
 *            and its threads have gone; the last holder closes it, so that they do. I3 `hands` is 0 only when no thread of the
 *            cache's runs and nobody ends a unit. I4 an era stays in the list until it has ended.
 * ROLES      callers: get, replace. The reclaimer's thread: discarded. The closer: drain, destroy.
 * PROTOCOL   replace: make the era, list it, have the table begin it (one store decides: table_replace.c). Then, as long as
 *            the caller may wait, until the old contents are discarded and their memory has come back.
 *            discarded, one grace period after nothing was left: no call that has not a unit of that era gets one.
 *            shutdown and drain look at each era in the list: one that is not there yet has no unit, and who makes its unit
 *            finds `closed` set.
 * EDGES      E1 listed    list_era() release -> next_era() acquire   a complete era
 *            E2 last      era_unref() release -> the last era_unref() acquire   all uses of the source before its end
 *            E3 ended     trove__era_unref() release -> prune() acquire   the end of the source before the era's
 *            E4 hands     hand_leave(), and trove__unit_leave() of unit.c, release -> wait_for() acquire   all that a thread
 *                         did, or who used a unit
 *            E5 discarded trove__flights_discarded() release -> await_discarded() acquire  what was discarded is retired
 *            E6 unit      trove__unit_get() release -> trove__era_get(), unit_of() acquire   a complete unit
 *            E7 closed    trove__flights_shutdown() seq_cst -> trove__unit_get() seq_cst   a store-load pair: `closed`, fence, eras
 *                         and units; era and unit, fence, `closed`
 * PROGRESS   replace is lock-free until the new era is in force, but for the allocator and for waiting, within its deadline,
 *            until what was replaced before is discarded. The lock is taken by who ends a unit, discards, or closes; a replace
 *            that fails tries to.
 * LIMITS     A source that hangs, and that somebody waits for without a deadline, keeps its unit and its threads until the
 *            cache is closed.
 * TESTS      tests/unit/test_replace.c, tests/unit/test_shutdown.c, tests/unit/test_fork.c, tests/stress/test_replace_stress.c,
 *            tests/stepped/test_stopped_replace.c, tests/stepped/test_stopped_fork.c, tests/stress/test_linear.c,
 *            tests/explore/test_explore_unit.c (each edge)
 */
#include "core/era.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/process.h"
#include "core/rcu.h"
#include "core/unit.h"
#include "core/until.h"
#include <errno.h>

#define POLL_NS ((int64_t)20 * 1000000)

/* --- one era ------------------------------------------------------------------------------------------------------ */

static void list_era(struct trove__flights *flights, struct trove__era *era)
{
    era->next = trove__load_relaxed(&flights->eras); /* RELAXED: a guess, the exchange checks it */
    /* RELEASE [E1 listed]: pairs with next_era(). */
    while (!trove__cas_release(&flights->eras, &era->next, era))
        ;
}

/* In the list, with the table's reference. */
static int era_create(struct trove__flights *flights, const struct trove_source *source,
                      struct trove__era **ret_era)
{
    struct trove__era *era = trove__calloc(1, sizeof(*era));

    if (era == NULL)
        return -ENOMEM;
    era->flights = flights;
    if (source != NULL)
        era->source = *source;
    era->holds_unit = true;
    atomic_init(&era->references, 1);
    list_era(flights, era);
    *ret_era = era;
    return 0;
}

static void destroy_source(struct trove__era *era)
{
    if (era->source.ops != NULL && era->source.ops->destroy != NULL)
        era->source.ops->destroy(era->source.source);
}

struct trove__era *trove__era_ref(struct trove__era *era)
{
    trove__add_relaxed(&era->references,
                       1); /* RELAXED: the caller has a reference, or the table in its section */
    return era;
}

void trove__era_unref(struct trove__era *era)
{
    /* ACQ_REL [E2 last]: pairs with itself in the threads that let go earlier. */
    if (era == NULL || trove__sub_acq_rel(&era->references, 1) != 1)
        return;
    destroy_source(era);
    /* RELEASE [E3 ended]: pairs with prune(). */
    trove__store_release(&era->ended, 1);
}

static bool try_ref(atomic_uint *references)
{
    unsigned seen = trove__load_relaxed(references); /* RELAXED: a guess, the exchange checks it */

    while (seen != 0)
        if (trove__cas_relaxed(references, &seen,
                               seen + 1)) /* RELAXED: the lock hands over the rest */
            return true;
    return false;
}

struct trove__era *trove__era_get(struct trove *cache, struct trove__unit **ret_unit)
{
    struct trove__era *era;
    struct trove__unit *unit;

    trove__section_enter();
    era = trove__cache_era(cache);
    /* ACQUIRE [E6 unit]: pairs with trove__unit_get(). */
    unit = trove__load_acquire(&era->unit);
    if (unit != NULL && unit != TROVE__NO_UNIT && !trove__unit_is_foreign(unit)) {
        *ret_unit = trove__unit_ref(unit);
        era = NULL;
    } else {
        trove__era_ref(era);
    }
    trove__section_leave();
    return era;
}

/* --- the list ----------------------------------------------------------------------------------------------------- */

/* Takes the eras that have ended out of the list. With the lock; returns them. */
static struct trove__era *take_ended(struct trove__flights *flights)
{
    struct trove__era *era, *before = NULL, *next, *gone = NULL;

    /* ACQUIRE [E1 listed]: pairs with list_era(). */
    for (era = trove__load_acquire(&flights->eras); era != NULL; era = next) {
        struct trove__era *first = era;

        next = era->next;
        /* ACQUIRE [E3 ended]: pairs with trove__era_unref(). The newest stays, where others come before it just now. */
        if (trove__load_acquire(&era->ended) == 0 ||
            (before == NULL &&
             !trove__cas_relaxed(&flights->eras, &first, next))) { /* RELAXED: taken out */
            before = era;
            continue;
        }
        if (before != NULL)
            before->next = next;
        era->next = gone;
        gone = era;
    }
    return gone;
}

/* Frees those that have ended. MAY_WAIT for who has the lock, or else leave it to the next. */
static void prune(struct trove__flights *flights, bool may_wait)
{
    struct trove__era *gone, *next;

    if (may_wait)
        pthread_mutex_lock(&flights->lock);
    else if (pthread_mutex_trylock(&flights->lock) != 0)
        return;
    gone = take_ended(flights);
    pthread_mutex_unlock(&flights->lock);
    for (; gone != NULL; gone = next) {
        next = gone->next;
        trove__free(gone);
    }
}

/* The next one after AFTER (its reference is given back; NULL: the first) that has not ended, with a reference. */
static struct trove__era *next_era(struct trove__flights *flights, struct trove__era *after)
{
    struct trove__era *era;

    pthread_mutex_lock(&flights->lock);
    /* ACQUIRE [E1 listed]: pairs with list_era(). */
    era = after != NULL ? after->next : trove__load_acquire(&flights->eras);
    while (era != NULL && !try_ref(&era->references))
        era = era->next;
    pthread_mutex_unlock(&flights->lock);
    trove__era_unref(after);
    return era;
}

static bool is_own(struct trove__unit *unit)
{
    return unit != NULL && unit != TROVE__NO_UNIT && !trove__unit_is_foreign(unit);
}

/* The unit of ERA, if it has one of this process that has not ended: kept until trove__unit_let_go(). */
static struct trove__unit *unit_of(struct trove__era *era)
{
    struct trove__unit *unit;

    pthread_mutex_lock(&era->flights->lock);
    unit = trove__load_acquire(&era->unit); /* [E6 unit]: pairs with trove__unit_get() */
    if (!is_own(unit) || !try_ref(&unit->references))
        unit = NULL;
    pthread_mutex_unlock(&era->flights->lock);
    return unit;
}

/* From here on ERA has no unit to give; its own hold on one ends. Returns that unit, if there is one, with that hold. */
static struct trove__unit *take_hold(struct trove__era *era, bool unlist)
{
    struct trove__unit *unit;

    pthread_mutex_lock(&era->flights->lock);
    unit = trove__load_acquire(&era->unit); /* [E6 unit] */
    /* ACQ_REL [E6 unit]: no unit comes any more. */
    while ((unlist || !is_own(unit)) && unit != TROVE__NO_UNIT &&
           !trove__cas_acq_rel(&era->unit, &unit, TROVE__NO_UNIT))
        ;
    if (!era->holds_unit || !is_own(unit))
        unit = NULL;
    era->holds_unit = false;
    pthread_mutex_unlock(&era->flights->lock);
    return unit;
}

void trove__era_unit_ended(struct trove__era *era, struct trove__unit *unit)
{
    pthread_mutex_lock(&era->flights->lock);
    /* ACQ_REL [E6 unit]: nobody may look at it any more. Failure: it is not the era's already. */
    trove__cas_acq_rel(&era->unit, &unit, TROVE__NO_UNIT);
    pthread_mutex_unlock(&era->flights->lock);
    trove__era_unref(era);
}

/* --- the cache's threads ------------------------------------------------------------------------------------------ */

void trove__hand_enter(struct trove__flights *flights)
{
    trove__add_relaxed(&flights->hands,
                       1); /* RELAXED: the caller is counted otherwise until it has done this */
}

void trove__hand_leave(struct trove__flights *flights)
{
    atomic_uint *hands = &flights->hands;

    /* ACQ_REL [E4 hands]: pairs with wait_for(). */
    trove__sub_acq_rel(hands, 1);
    trove__futex_wake(hands, INT_MAX); /* by address only: the cache may be gone */
}

/* Waits until *COUNT is 0. */
static int wait_for(atomic_uint *count, const struct trove_until *until)
{
    unsigned seen;
    int r;

    /* SEQ_CST [E4 hands]: pairs with trove__hand_leave(), trove__unit_enter(), trove__unit_leave(). */
    while ((seen = trove__load_seq_cst(count)) != 0) {
        r = trove__wait(count, seen, until);
        if (r < 0 && trove__load_seq_cst(count) != 0) /* [E4 hands] */
            return r;
    }
    return 0;
}

/* --- what the cache calls ----------------------------------------------------------------------------------------- */

int trove__flights_create(struct trove *cache, struct trove__flights **ret_flights)
{
    struct trove__flights *flights;
    struct trove__era *first;
    int r = trove__process_watch();

    if (r < 0)
        return r;
    flights = trove__calloc(1, sizeof(*flights));
    if (flights == NULL)
        return -ENOMEM;
    flights->cache = cache;
    pthread_mutex_init(&flights->lock, NULL);
    r = era_create(flights, &trove__cache_options(cache)->source, &first);
    if (r < 0) {
        pthread_mutex_destroy(&flights->lock);
        trove__free(flights);
        return r;
    }
    *ret_flights = flights;
    return 0;
}

const struct trove__era *trove__flights_first_era(const struct trove__flights *flights)
{
    return trove__load_acquire(&((struct trove__flights *)flights)->eras); /* [E1 listed] */
}

void trove__flights_discarded(struct trove__flights *flights, const struct trove__era *discarded)
{
    struct trove__era *era = (struct trove__era *)discarded;

    trove__unit_unref(take_hold(era, false));
    /* RELEASE [E5 discarded], both: pair with await_discarded() and replace(). */
    trove__store_release(&era->is_discarded, 1);
    trove__era_unref(era);
    prune(flights, true);
    trove__add_acq_rel(&flights->discarded, 1);
    trove__futex_wake(&flights->discarded, INT_MAX);
}

void trove__flights_shutdown(struct trove__flights *flights)
{
    struct trove__era *era = NULL;

    trove__store_relaxed(&flights->closed, 1); /* RELAXED: ordered by the fence */
    /* SEQ_CST [E7 closed]: before the look at eras and units. Pairs with trove__unit_get(). */
    trove__fence_seq_cst();
    while ((era = next_era(flights, era)) != NULL) {
        struct trove__unit *unit = unit_of(era);

        if (unit != NULL) {
            trove__unit_close(unit);
            trove__unit_let_go(unit);
        }
    }
}

/* Waits until nobody is in UNIT, of ERA, and says that the cache is gone. */
static int drain_unit(struct trove__era *era, struct trove__unit *unit,
                      const struct trove_until *until)
{
    int r = wait_for(&unit->users, until);

    if (r == 0) {
        trove__dispatch_drain(unit);
        trove__unit_orphan(unit);
        (void)wait_for(&unit->users, NULL); /* who came just before, and finds all closed */
        trove__unit_unref(take_hold(era, true));
        trove__gather_drop_fetches(unit);
        trove__era_unref(era); /* the unit's reference */
    }
    trove__unit_let_go(unit);
    return r;
}

static void stop_dispatchers(struct trove__flights *flights)
{
    struct trove__era *era = NULL;

    while ((era = next_era(flights, era)) != NULL) {
        struct trove__unit *unit = unit_of(era);

        if (unit != NULL) {
            trove__dispatch_stop(unit);
            trove__unit_let_go(unit);
        }
    }
}

int trove__flights_drain(struct trove__flights *flights, const struct trove_until *until)
{
    struct trove__era *era = NULL;
    int r;

    stop_dispatchers(flights);
    r = wait_for(&flights->hands, until);
    while (r == 0 && (era = next_era(flights, era)) != NULL) {
        struct trove__unit *unit = unit_of(era);

        if (unit != NULL)
            r = drain_unit(era, unit, until);
    }
    if (r < 0) {
        trove__era_unref(era);
        return r;
    }
    return wait_for(&flights->hands, until); /* who ended a unit meanwhile */
}

void trove__flights_destroy(struct trove__flights *flights)
{
    struct trove__era *era, *next;

    if (flights == NULL)
        return;
    for (era = trove__load_acquire(&flights->eras); era != NULL; era = next) { /* [E1 listed] */
        next = era->next;
        if (trove__load_acquire(&era->ended) == 0) /* [E3 ended] */
            destroy_source(era);
        trove__free(era);
    }
    pthread_mutex_destroy(&flights->lock);
    trove__free(flights);
}

void trove__flights_forked(struct trove__flights *flights)
{
    /* RELAXED, all: one thread is left. Locks, threads and what they held were the parent's. */
    pthread_mutex_init(&flights->lock, NULL);
    trove__store_relaxed(&flights->hands, 0);
    for (struct trove__era *era = trove__load_relaxed(&flights->eras); era != NULL; era = era->next)
        if (era->holds_unit)
            trove__store_relaxed(&era->references, 1);
}

/* --- replacing ---------------------------------------------------------------------------------------------------- */

/* Sleeps for a while, or until a discarding has ended after SEEN. */
static int wait_discarded(struct trove__flights *flights, unsigned seen,
                          const struct trove_until *until)
{
    struct trove_until slice = trove__until_of(until);
    int64_t end_ns = trove_now_ns() + POLL_NS;
    int r;

    trove__cache_wake(
        flights->cache); /* a start of the thread may have failed, or be a forked parent's */
    r = trove__until_check(until);
    if (r < 0)
        return r;
    if (slice.deadline_ns > end_ns)
        slice.deadline_ns = end_ns;
    r = trove__wait(&flights->discarded, seen, &slice);
    return r == -ETIMEDOUT ? trove__until_check(until) : r;
}

/* As long as UNTIL allows: until the contents of BEFORE are discarded and their memory is free. */
static void await_discarded(struct trove__flights *flights, struct trove__era *before,
                            const struct trove_until *until)
{
    unsigned seen = trove__load_acquire(&flights->discarded); /* [E5 discarded]: before the flag */
    int r = 0;

    /* ACQUIRE [E5 discarded]: pairs with trove__flights_discarded(). */
    while (r == 0 && trove__load_acquire(&before->is_discarded) == 0) {
        r = wait_discarded(flights, seen, until);
        seen = trove__load_acquire(&flights->discarded); /* [E5 discarded]: as above */
    }
    /* Twice: what is retired is freed in any order, and the first may come before what was retired with it. */
    for (unsigned i = 0; r == 0 && i < 2; i++)
        r = trove__cache_await_grace(flights->cache, until);
}

static int replace(struct trove__flights *flights, const struct trove_source *source,
                   const struct trove_until *until)
{
    struct trove__era *era, *before;
    int r = era_create(flights, source, &era);

    if (r < 0)
        return r;
    do {
        unsigned seen =
            trove__load_acquire(&flights->discarded); /* [E5 discarded]: before the try */

        r = until != NULL && trove_is_canceled(until->cancel)
                ? -ECANCELED
                : trove__cache_begin_era(flights->cache, era, until, &before);
        if (r == -EBUSY && (r = wait_discarded(flights, seen, until)) == 0)
            r = -EBUSY;
    } while (r == -EBUSY);
    if (r < 0) {
        era->source = (struct trove_source){0}; /* the caller's still */
        trove__era_unref(era);
        prune(flights, false);
        return r;
    }
    await_discarded(flights, before, until);
    trove__era_unref(before);
    return 0;
}

int trove_replace(struct trove *cache, const struct trove_source *source,
                  const struct trove_until *until, struct trove_error *err)
{
    int r = trove__must_not_wait() ? -EDEADLK : trove__cache_enter(cache);

    if (r == -EDEADLK)
        return trove_error_set(err, r, "would wait inside a read section or a callback");
    if (r < 0)
        return trove_error_set(err, r, "the cache is shut down");
    r = replace(trove__cache_flights(cache), source, until);
    trove__cache_leave(cache);
    return r == 0 ? 0
                  : trove_error_set(err, r, "cannot replace what is cached: %s", trove_strerror(r));
}
