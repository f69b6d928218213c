// SPDX-License-Identifier: MIT
/*
 * fetch_op.c - trove_fetch(): wants with a filter and a depth, and what comes is merged into the cache.
 *
 * INVARIANTS I1 the phase goes QUEUED -> RUNNING -> DONE; the CAS to RUNNING is the right to run it or to end it unrun.
 *            I2 `parked` is closed once, at the end, and what it held is pushed for gathering: an id that the fetch did not
 *            bring is asked for; or it fails with the fetch, if that is about the objects (fails_all()). I3 the result is
 *            written before `done` is terminal, and not changed afterwards.
 * ROLES      callers: start, wait, is_done, free, park. One fetch thread: the rest.
 * EDGES      E1 result  fetch_end() release -> is_done() acquire   the result
 *            E2 park    park() release -> fetch_end() acquire   parked nodes
 *                       fetch_end() release -> fetch_failed_all() acquire   how it ended
 *            E3 free    fetch_unref() release -> the last fetch_unref() acquire
 * PROGRESS   start and park never wait. wait sleeps until the end, its deadline, or the shutdown.
 * TESTS      tests/unit/test_fetch_op.c
 */
#include "core/fetch_op.h"
#include "core/cycle.h"
#include "core/failure.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/probes.h"
#include "core/request.h"
#include "core/unit.h"
#include "core/until.h"
#include <errno.h>

#define PARKED_CLOSED ((struct trove__gather_node *)1)

/* --- life --------------------------------------------------------------------------------------------------------- */

struct trove_fetch *trove__fetch_ref(struct trove_fetch *fetch)
{
    /* RELAXED: the caller has a reference. */
    if (fetch != NULL)
        trove__add_relaxed(&fetch->references, 1);
    return fetch;
}

void trove__fetch_unref(struct trove_fetch *fetch)
{
    /* ACQ_REL [E3 free]: pairs with itself in the threads that let go earlier. */
    if (fetch == NULL || trove__sub_acq_rel(&fetch->references, 1) != 1)
        return;
    trove_cancel_unref(fetch->until.cancel);
    trove__failure_unref(fetch->failure);
    trove__free(fetch->wants);
    trove__free(fetch->filter);
    trove__unit_unref(fetch->unit);
    trove__free(fetch);
}

static int fetch_init(struct trove_fetch *fetch, const struct trove_fetch_options *options,
                      const struct trove_until *until)
{
    struct trove_until u = trove__until_of(until);

    fetch->want_count = options->want_count;
    fetch->depth = options->depth;
    fetch->until.deadline_ns = u.deadline_ns;
    fetch->wants = trove__calloc(options->want_count, sizeof(*fetch->wants));
    if (fetch->wants == NULL)
        return -ENOMEM;
    memcpy(fetch->wants, options->wants, options->want_count * sizeof(*fetch->wants));
    if (options->filter != NULL) {
        fetch->filter = trove__strdup(options->filter);
        if (fetch->filter == NULL)
            return -ENOMEM;
    }
    return trove__cancel_create_linked(u.cancel, fetch->unit->token, &fetch->until.cancel);
}

/* A fetch that nobody knows yet. */
static int fetch_create(struct trove *cache, const struct trove_fetch_options *options,
                        const struct trove_until *until, struct trove_fetch **ret_fetch)
{
    struct trove_fetch *fetch;
    int r;

    if (options->wants == NULL || options->want_count == 0)
        return -EINVAL;
    fetch = trove__calloc(1, sizeof(*fetch));
    if (fetch == NULL)
        return -ENOMEM;
    atomic_init(&fetch->references, 1);
    r = trove__unit_get(cache, &fetch->unit);
    if (r < 0) {
        trove__free(fetch);
        return r;
    }
    r = fetch->unit->source.ops != NULL ? fetch_init(fetch, options, until) : -ENOTSUP;
    if (r < 0) {
        trove__fetch_unref(fetch);
        return r;
    }
    *ret_fetch = fetch;
    return 0;
}

/* --- parked flights ----------------------------------------------------------------------------------------------- */

bool trove__fetch_park(struct trove_fetch *fetch, struct trove__gather_node *nodes)
{
    struct trove__gather_node *last = nodes;
    /* RELAXED: a guess, the CAS checks it; a closed list stays closed. */
    struct trove__gather_node *top = trove__load_relaxed(&fetch->parked);

    while (last->next != NULL)
        last = last->next;
    do {
        if (top == PARKED_CLOSED) {
            last->next = NULL;
            return false;
        }
        last->next = top;
        /* ACQ_REL [E2 park]: hands over the nodes. Pairs with trove__fetch_end(). */
    } while (!trove__cas_acq_rel(&fetch->parked, &top, nodes));
    return true;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

bool trove__fetch_claim(struct trove_fetch *fetch)
{
    unsigned phase = TROVE__FETCH_QUEUED;

    /* RELAXED: a right; the fetch itself came to the thread that wants it in other ways. */
    return trove__cas_relaxed(&fetch->phase, &phase, TROVE__FETCH_RUNNING);
}

/* Whether STATUS is about what the fetch brings and not about the fetch alone. Asking a server again that sends nonsense
 * or nothing would only fail later; a connection that broke, or a caller who gave up, says nothing about the objects. */
static bool fails_all(const struct trove_fetch *fetch, int status)
{
    switch (status) {
    case -ECONNRESET:
    case -ECANCELED:
    case -ECACHE_OVERFULL:
    case -ENOENT:
        return false;
    case -ETIMEDOUT:
        return trove__until_check(&fetch->until) == 0; /* a limit of the source's own */
    default:
        return status < 0;
    }
}

static void begin_span(struct trove *cache, struct trove_fetch *fetch)
{
    const struct trove_span what = {.kind = TROVE_SPAN_FETCH, .count = fetch->want_count};

    TROVE_PROBE(fetch_start, cache, fetch->want_count);
    trove__timed_begin_at(trove__cache_telemetry(cache), &fetch->timed, &what, true, 0);
}

static void end_span(struct trove_fetch *fetch, int status, const struct trove_fetch_result *result)
{
    struct trove__telemetry *telemetry = trove__unit_telemetry(fetch->unit);
    const struct trove_span what = {
        .kind = TROVE_SPAN_FETCH, .status = status, .count = result->objects};

    TROVE_PROBE(fetch_done, fetch->unit->cache, result->objects, status);
    if (telemetry != NULL)
        trove__timed_end_at(telemetry, &fetch->timed, &what, TROVE_LATENCY_FETCH, 0);
}

void trove__fetch_end(struct trove_fetch *fetch, int status, const char *message,
                      const struct trove_fetch_result *result)
{
    struct trove__gather_node *parked;

    end_span(fetch, status, result); /* before anybody hears of it */
    fetch->status = status;
    fetch->fails_all = fails_all(fetch, status);
    fetch->result = *result;
    if (status < 0)
        fetch->failure = trove__failure_create(status, message);
    /* ACQ_REL [E2 park]: takes the nodes, hands over how it ended. Pairs with trove__fetch_park() and
     * trove__fetch_failed_all(). */
    parked = trove__exchange_acq_rel(&fetch->parked, PARKED_CLOSED);
    if (fetch->fails_all)
        trove__request_fail_nodes(fetch->unit, parked, status, fetch->failure);
    else if (parked != NULL)
        trove__gather_push(fetch->unit, TROVE__INTERACTIVE, parked);
    /* ACQ_REL [E1 result]: hands over the result. Pairs with trove__fetch_is_done(). */
    if (trove__exchange_acq_rel(&fetch->done, TROVE__TERMINAL) == TROVE__PENDING_SLEEPERS)
        trove__futex_wake(&fetch->done, INT_MAX);
}

bool trove__fetch_failed_all(const struct trove_fetch *fetch)
{
    /* ACQUIRE [E2 park]: pairs with trove__fetch_end(). */
    return trove__load_acquire(&((struct trove_fetch *)fetch)->parked) == PARKED_CLOSED &&
           fetch->fails_all;
}

bool trove__fetch_is_done(const struct trove_fetch *fetch)
{
    /* ACQUIRE [E1 result]: pairs with trove__fetch_end(). */
    return trove__load_acquire(&((struct trove_fetch *)fetch)->done) == TROVE__TERMINAL;
}

/* Ends FETCH unrun, if nobody runs it. */
static void cancel_queued(struct trove_fetch *fetch)
{
    struct trove_fetch_result nothing = {0};

    if (trove__fetch_claim(fetch))
        trove__fetch_end(fetch, -ECANCELED, "cancelled before it was sent", &nothing);
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

/* Sleeps until FETCH is done; 0, or why not. The fetch's own token is cancelled by the shutdown too. */
static int wait_done(struct trove_fetch *fetch, const struct trove_until *until)
{
    const struct trove__watch watch = {&fetch->done, TROVE__PENDING_SLEEPERS};
    struct trove__pace *pace = &fetch->unit->pace;
    struct trove_until both = trove__until_of(until);
    struct trove_cancel *token;
    unsigned pending;
    int r = trove__cancel_create_linked(both.cancel, fetch->unit->token, &token);

    if (r < 0)
        return r;
    both.cancel = token;
    trove__pace_sleep(pace);
    while (r == 0 && !trove__fetch_is_done(fetch)) {
        pending = TROVE__PENDING;
        /* RELAXED: hands nothing over, it only asks to be woken. */
        trove__cas_relaxed(&fetch->done, &pending, TROVE__PENDING_SLEEPERS);
        if (pending != TROVE__TERMINAL)
            r = trove__gather_wait(fetch->unit, &watch, 1, &both);
    }
    trove__pace_wake(pace);
    trove_cancel_unref(token);
    if (r == -ECANCELED && trove__unit_is_closed(fetch->unit))
        cancel_queued(fetch);
    return trove__fetch_is_done(fetch) ? 0 : r;
}

/* The same on a fetch thread: runs what nobody runs yet, refuses to wait for itself. */
static int wait_nested(struct trove__fetcher *self, struct trove_fetch *fetch,
                       const struct trove_until *until)
{
    int r;

    if (self->depth > TROVE__NESTING_MAX)
        return -EDEADLK;
    if (!trove__unit_is_closed(fetch->unit) && trove__fetch_claim(fetch)) {
        trove__request_run_fetch(fetch->unit, self, fetch);
        return 0;
    }
    r = trove__cycle_begin(self, NULL, fetch);
    if (r < 0)
        return r;
    r = wait_done(fetch, until);
    trove__cycle_end(self);
    return r;
}

/* Once the cache is gone nobody runs FETCH any more, and nobody has to be started for it. */
static int wait_inside(struct trove_fetch *fetch, const struct trove_until *until)
{
    struct trove__fetcher *self = trove__fetcher_self();
    bool inside = trove__unit_enter(fetch->unit);
    int r = self != NULL ? wait_nested(self, fetch, until) : wait_done(fetch, until);

    if (inside)
        trove__unit_leave(fetch->unit);
    return r;
}

int trove_fetch_wait(struct trove_fetch *fetch, const struct trove_until *until,
                     struct trove_fetch_result *ret, struct trove_error *err)
{
    int r = 0;

    if (!trove__fetch_is_done(fetch)) {
        if (trove__must_not_wait())
            r = -EDEADLK;
        else if (trove__unit_is_foreign(fetch->unit))
            r = -ECANCELED;
        else
            r = wait_inside(fetch, until);
    }
    if (r < 0)
        return trove_error_set(err, r, "waiting for a fetch: %s", trove_strerror(r));
    if (ret != NULL && (fetch->status == 0 || fetch->status == -ECACHE_OVERFULL))
        *ret = fetch->result;
    trove__error_of(fetch->status, fetch->failure, err);
    return fetch->status;
}

bool trove_fetch_is_done(const struct trove_fetch *fetch)
{
    bool done = trove__fetch_is_done(fetch);

    if (!done)
        trove__pace_asked(&fetch->unit->pace);
    return done;
}

/* --- public ------------------------------------------------------------------------------------------------------- */

int trove_fetch_start(struct trove *cache, const struct trove_fetch_options *options,
                      const struct trove_until *until, struct trove_fetch **ret_fetch,
                      struct trove_error *err)
{
    int r = trove__cache_enter(cache);

    if (r == 0) {
        r = fetch_create(cache, options, until, ret_fetch);
        if (r == 0) {
            begin_span(cache, *ret_fetch);
            trove__gather_push_fetch((*ret_fetch)->unit, trove__fetch_ref(*ret_fetch));
        }
        trove__cache_leave(cache);
    }
    return r == 0 ? 0 : trove_error_set(err, r, "cannot start a fetch: %s", trove_strerror(r));
}

static void end_and_unref(struct trove_fetch *fetch)
{
    trove_cancel(fetch->until.cancel);
    cancel_queued(fetch);
    while (!trove__fetch_is_done(fetch)) {
        unsigned pending = TROVE__PENDING;
        /* RELAXED: hands nothing over, it only asks to be woken. */
        trove__cas_relaxed(&fetch->done, &pending, TROVE__PENDING_SLEEPERS);
        if (pending != TROVE__TERMINAL)
            trove__futex_wait(&fetch->done, TROVE__PENDING_SLEEPERS, TROVE_NO_DEADLINE);
    }
    trove__fetch_unref(fetch);
}

void trove_fetch_free(struct trove_fetch *fetch)
{
    struct trove__unit *unit;
    bool inside;

    /* A child of fork() lets the parent's be: cancelling would reach the parent's request through the token's descriptor,
     * and what waits for the fetch belongs to a unit whose threads are not here. */
    if (fetch == NULL || trove__unit_is_foreign(fetch->unit))
        return;
    unit = trove__unit_ref(fetch->unit); /* the fetch's may be the last */
    inside = trove__unit_enter(unit);
    end_and_unref(fetch);
    if (inside)
        trove__unit_leave(unit);
    trove__unit_unref(unit);
}

int trove_fetch(struct trove *cache, const struct trove_fetch_options *options,
                const struct trove_until *until, struct trove_fetch_result *ret,
                struct trove_error *err)
{
    struct trove_fetch *fetch;
    int r;

    if (trove__must_not_wait())
        return trove_error_set(err, -EDEADLK, "would wait inside a read section or a callback");
    r = trove_fetch_start(cache, options, until, &fetch, err);
    if (r < 0)
        return r;
    r = trove_fetch_wait(fetch, until, ret, err);
    /* A source that does not let go holds up its fetch thread, not this caller: no trove_fetch_free(). */
    trove_cancel(fetch->until.cancel);
    cancel_queued(fetch);
    trove__fetch_unref(fetch);
    return r;
}
