// SPDX-License-Identifier: MIT
/*
 * interest.c - whether anybody still waits for what a request asks for.
 *
 * WHAT       Two counts for a request: flights that are not decided, and those among them that somebody waits for. Who makes the
 *            second 0 while the first is not cancels the request.
 * INVARIANTS I1 a flight's steps (a waiter more or less, decided) are those of its `state` word (flight.c). Who is about to wait is
 *            counted before that step, all else right after it: so neither sum is ever less than what it counts, and both are
 *            right once all have counted.
 *            I2 until all flights are watched the request counts as one that is waited for.
 * ROLES      the fetch thread: create, unref. who joins, leaves or decides a watched flight: lost, back, decided.
 * PROTOCOL   Who makes `awaited` 0 knows that nobody waits. Somebody may join afterwards: that is why the fetch thread, once its
 *            source has returned cancelled, asks again for what is waited for then (request.c). And what nobody waits for may
 *            be just decided: then a request is cancelled that is over but for its end, which costs a connection.
 * EDGES      E1 awaited trove__interest_lost() acq_rel, trove__interest_decided() acq_rel: who makes `awaited` 0 sees all that is decided
 *            E2 free    trove__interest_unref() release -> the last trove__interest_unref() acquire   all uses before the free
 * PROGRESS   wait-free; cancelling writes to a descriptor, once for each time that nobody waits.
 * TESTS      tests/unit/test_abandoned.c, tests/stress/test_flight_stress.c, tests/explore/test_explore_interest.c (I1, each edge)
 */
#include "core/interest.h"
#include "core/flight.h"
#include "core/memory.h"
#include "core/until.h"

struct trove__interest {
    atomic_uint references; /* the request's, and one of each flight */
    atomic_uint undecided;
    atomic_uint awaited;
    struct trove_cancel *token;
};

void trove__interest_lost(struct trove__interest *interest)
{
    /* ACQ_REL [E1 awaited], and ACQUIRE: pair with trove__interest_decided(). */
    if (trove__sub_acq_rel(&interest->awaited, 1) == 1 &&
        trove__load_acquire(&interest->undecided) != 0) /* [E1 awaited] */
        trove_cancel(interest->token);
}

static void watch(struct trove__interest *interest, struct trove__flight *flight)
{
    /* RELAXED: the request has a reference. */
    trove__add_relaxed(&interest->references, 1);
    switch (trove__flight_watch(flight, interest)) {
    case TROVE__WATCHED_AWAITED:
        return;
    case TROVE__WATCHED_LEFT:
        trove__interest_lost(interest);
        return;
    default: /* decided already */
        trove__interest_decided(interest, true);
        trove__interest_unref(interest);
    }
}

struct trove__interest *trove__interest_create(struct trove_cancel *unit_token,
                                               struct trove__flight *const *flights, size_t count)
{
    struct trove__interest *interest = trove__calloc(1, sizeof(*interest));

    if (interest == NULL)
        return NULL;
    if (trove__cancel_create_linked(unit_token, NULL, &interest->token) < 0) {
        trove__free(interest);
        return NULL;
    }
    atomic_init(&interest->references, 1);
    atomic_init(&interest->undecided, (unsigned)count);
    atomic_init(&interest->awaited, (unsigned)count + 1); /* I2 */
    for (size_t i = 0; i < count; i++)
        watch(interest, flights[i]);
    trove__interest_lost(interest);
    return interest;
}

void trove__interest_unref(struct trove__interest *interest)
{
    /* ACQ_REL [E2 free]: pairs with itself in those who let go earlier. */
    if (interest == NULL || trove__sub_acq_rel(&interest->references, 1) != 1)
        return;
    trove_cancel_unref(interest->token);
    trove__free(interest);
}

struct trove_cancel *trove__interest_token(const struct trove__interest *interest)
{
    return interest->token;
}

void trove__interest_back(struct trove__interest *interest)
{
    /* RELAXED: a count; the step of `state` that follows has who decides or leaves subtract after it. */
    trove__add_relaxed(&interest->awaited, 1);
}

void trove__interest_decided(struct trove__interest *interest, bool awaited)
{
    /* RELEASE [E1 awaited]: before it is off the other count. Pairs with trove__interest_lost(). */
    trove__sub_acq_rel(&interest->undecided, 1);
    if (awaited)
        trove__interest_lost(interest);
}
