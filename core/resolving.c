// SPDX-License-Identifier: MIT
/*
 * resolving.c - trove_resolve_start(): a miss waits on its flight's list as the nodes of streams do, and its answer is told of
 * by a callback or through a queue with a descriptor.
 *
 * INVARIANTS I1 the node's state decides between the answer and the cancellation: who wins writes the result, then `word`.
 *            I2 `word` goes PENDING -> TELLING -> TOLD, or PENDING -> TOLD when cancelled, by additions, with AWAITED beside it
 *            once its owner is in trove_resolve_free(). The result is there from TELLING on. I3 the flight's reference goes with
 *            the node's leaving of the flight's list, after the last word of who tells.
 * ROLES      callers: start, take, cancel, free. fetch threads, dispatcher, shutdown: answered, left.
 * EDGES      E1 answer  advance() release -> phase_of() acquire   the result
 *            E2 told    advance() release -> wait_told() acquire   the callback's work
 *            E3 free    resolving_unref() release -> the last resolving_unref() acquire   all uses before the free
 * PROGRESS   start, take and cancel never wait. free waits for a callback that runs in another thread.
 * LIMITS     A caller that stops for ever while it starts the first fetch thread holds the others up until the next start.
 * TESTS      tests/unit/test_resolve_start.c, tests/unit/test_core_nomem.c
 */
#include "core/resolving.h"
#include "core/admission.h"
#include "core/failure.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/stream_internal.h"
#include "core/unit.h"
#include <errno.h>

/* The phases of `word`; AWAITED is added when the owner sleeps in trove_resolve_free(). */
enum { PENDING, TELLING, TOLD, AWAITED = 4 };

/* What this thread just tells of, by callback; the innermost first. */
static _Thread_local struct trove_resolving *telling;

bool trove__is_telling(void)
{
    return telling != NULL;
}

static struct trove_resolving *resolving_of(struct trove__stream_node *node)
{
    return (struct trove_resolving *)node;
}

_Static_assert(offsetof(struct trove_resolving, node) == 0, "a node is its resolving");

/* --- life --------------------------------------------------------------------------------------------------------- */

static struct trove_resolving *resolving_create(struct trove__unit *unit,
                                                const struct trove_want *want,
                                                const struct trove_notice *notice)
{
    struct trove_resolving *resolving = trove__calloc(1, sizeof(*resolving));

    if (resolving == NULL)
        return NULL;
    resolving->unit = trove__unit_ref(unit);
    resolving->node.want = *want;
    if (notice != NULL)
        resolving->notice = *notice;
    trove__ready_ref(resolving->notice.ready);
    atomic_init(&resolving->references, 2); /* the owner's and the flight's */
    return resolving;
}

static void resolving_free(struct trove_resolving *resolving)
{
    struct trove__unit *unit = resolving->unit;

    trove__failure_unref(resolving->node.failure);
    trove__ready_unref(resolving->notice.ready);
    trove__free(resolving);
    trove__unit_unref(unit);
}

void trove__resolving_unref(struct trove_resolving *resolving)
{
    /* ACQ_REL [E3 free]: pairs with itself in the threads that let go earlier. */
    if (trove__sub_acq_rel(&resolving->references, 1) == 1)
        resolving_free(resolving);
}

/* --- its span ----------------------------------------------------------------------------------------------------- */

static void begin_span(struct trove_resolving *resolving)
{
    const struct trove_span what = {
        .kind = TROVE_SPAN_RESOLVE, .oid = &resolving->node.want.id, .count = 1};

    trove__timed_begin_at(trove__cache_telemetry(resolving->unit->cache), &resolving->node.timed,
                          &what, true, 0);
}

/* It ends with RESULT. */
static void end_span(struct trove_resolving *resolving, const struct trove_result *result,
                     const struct trove__parts *parts)
{
    struct trove__telemetry *telemetry = trove__unit_telemetry(resolving->unit);

    if (telemetry != NULL)
        trove__resolve_span_end(telemetry, &resolving->node.timed, &resolving->node.want.id, result,
                                parts, 0);
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

static unsigned phase_of(struct trove_resolving *resolving)
{
    /* ACQUIRE [E1 answer]: pairs with advance(). */
    return trove__load_acquire(&resolving->word) & ~(unsigned)AWAITED;
}

/* STEPS phases on. */
static void advance(struct trove_resolving *resolving, unsigned steps)
{
    atomic_uint *word = &resolving->word;
    /* ACQ_REL [E1 answer] [E2 told]: pairs with phase_of() and wait_told(). */
    unsigned old = trove__add_acq_rel(word, steps);

    if (old & AWAITED)
        trove__futex_wake(word, INT_MAX);
}

static void tell(struct trove_resolving *resolving)
{
    const struct trove_notice *notice = &resolving->notice;

    if (notice->ready != NULL) {
        trove__add_relaxed(&resolving->references, 1); /* RELAXED: the flight's is ours */
        trove__ready_push(notice->ready, resolving);
    }
    if (notice->ended == NULL)
        return;
    resolving->outer = telling;
    telling = resolving;
    notice->ended(notice->context, resolving);
    telling = resolving->outer;
}

void trove__resolving_answered(struct trove__stream_node *node)
{
    struct trove_resolving *resolving = resolving_of(node);

    trove__unit_count_answer(resolving->unit, &node->result);
    end_span(resolving, &node->result, &node->parts);
    trove__pace_answer(&resolving->unit->pace, trove__stream_bytes_of(node));
    advance(resolving, TELLING - PENDING);
    tell(resolving);
    advance(resolving, TOLD - TELLING);
    trove__resolving_unref(resolving);
}

void trove__resolving_left(struct trove__stream_node *node)
{
    trove__resolving_unref(resolving_of(node));
}

/* --- starting ----------------------------------------------------------------------------------------------------- */

/* The result of TICKET, which is given back: the flight was done before the node could wait for it. */
static void take_done(struct trove__unit *unit, const struct trove__ticket *ticket,
                      struct trove_result *ret, struct trove_error *err)
{
    trove__flight_result(ticket->flight, ticket->how, ret);
    trove__error_of(ret->status, ticket->flight->failure, err);
    if (ret->status < 0 && err != NULL)
        err->tag = ticket->flight->tag;
    trove__flight_leave(ticket->flight);
    trove__flight_unref(unit, ticket->flight);
}

/* Leaves RESOLVING to TICKET's flight: 0; 1 when the flight is done, *RET has its result. */
static int wait_for(struct trove_resolving *resolving, const struct trove__ticket *ticket,
                    struct trove_result *ret, struct trove_error *err)
{
    struct trove__unit *unit = resolving->unit;

    resolving->node.flight = ticket->flight;
    resolving->node.result.how = ticket->how;
    if (trove__stream_wait_for(&resolving->node))
        return 0;
    take_done(unit, ticket, ret, err);
    trove__unit_count_answer(unit, ret);
    return 1;
}

/* As trove_resolve_start(), for a miss. */
static int start(struct trove__unit *unit, struct trove_resolving *resolving,
                 struct trove_result *ret, struct trove_error *err)
{
    struct trove__admission admission = {.lane = TROVE__INTERACTIVE};
    struct trove__ticket ticket = {0};
    uint64_t outer = trove__span_set_current(resolving->node.timed.id);
    int r = trove__admit(unit, &admission, &resolving->node.want, &ticket), started;

    trove__span_set_current(outer);
    if (r == 0 && ticket.object != NULL) {
        *ret = (struct trove_result){.how = TROVE_HIT, .object = ticket.object};
        trove__unit_count_answer(unit, ret);
        r = 1;
    } else if (r == -ENOENT) {
        *ret = (struct trove_result){.status = r};
        trove__error_of(r, NULL, err);
        trove__unit_count_answer(unit, ret);
        r = 1;
    } else if (r == 0) {
        r = wait_for(resolving, &ticket, ret, err);
    }
    trove__admission_push(unit, &admission);
    if (r != 0)
        return r;
    started = trove__gather_ensure(unit);
    return started < 0 && trove_resolve_cancel(resolving) ? started : 0;
}

/* With a reference on UNIT, the cache entered. */
static int start_new(struct trove__unit *unit, const struct trove_want *want,
                     const struct trove_notice *notice, struct trove_result *ret,
                     struct trove_resolving **ret_resolving, struct trove_error *err)
{
    struct trove_resolving *resolving = resolving_create(unit, want, notice);
    int r;

    if (resolving == NULL)
        return -ENOMEM;
    begin_span(resolving);
    r = start(unit, resolving, ret, err);
    if (r != 0 && resolving->node.result.status != -ECANCELED) { /* cancelled, it has had its end */
        const struct trove_result failed = {.status = r};

        end_span(resolving, r > 0 ? ret : &failed, &(struct trove__parts){0});
    }
    if (r == 0) {
        *ret_resolving = resolving;
        return 0;
    }
    if (resolving->node.flight == NULL || r > 0) /* the flight never had its reference */
        trove__resolving_unref(resolving);
    trove__resolving_unref(resolving);
    return r;
}

int trove_resolve_start(struct trove *cache, const struct trove_want *want,
                        const struct trove_notice *notice, struct trove_result *ret,
                        struct trove_resolving **ret_resolving, struct trove_error *err)
{
    struct trove__unit *unit;
    int r;

    if (trove__fetcher_self() != NULL && !trove__is_telling())
        return trove_error_set(err, -EDEADLK, "a source cannot start a resolve");
    r = trove__cache_enter(cache);
    if (r < 0)
        return trove_error_set(err, r, "the cache is shut down");
    if (trove__admit_hit(cache, &want->id, ret)) {
        r = 1;
    } else {
        r = trove__unit_get(cache, &unit);
        if (r == 0) {
            r = start_new(unit, want, notice, ret, ret_resolving, err);
            trove__unit_unref(unit);
        }
    }
    trove__cache_leave(cache);
    return r >= 0 ? r : trove_error_set(err, r, "cannot start to resolve: %s", trove_strerror(r));
}

/* --- the owner's calls -------------------------------------------------------------------------------------------- */

int trove_resolve_take(struct trove_resolving *resolving, struct trove_result *ret,
                       struct trove_error *err)
{
    struct trove__stream_node *node = &resolving->node;
    unsigned taken = 0;

    if (phase_of(resolving) == PENDING) {
        if (!trove__unit_is_foreign(resolving->unit))
            trove__pace_asked(&resolving->unit->pace);
        return 0;
    }
    /* RELAXED: one caller wins; what it takes was there before. */
    if (!trove__cas_relaxed(&resolving->taken, &taken, 1))
        return trove_error_set(err, -EINVAL, "the answer was taken before");
    *ret = node->result;
    trove__pace_taken(&resolving->unit->pace, trove__stream_bytes_of(node));
    node->result.object = NULL;
    trove__error_of(ret->status, node->failure, err);
    if (ret->status < 0 && err != NULL)
        err->tag = node->parts.tag;
    return 1;
}

bool trove_resolve_cancel(struct trove_resolving *resolving)
{
    struct trove__unit *unit = resolving->unit;
    bool inside, canceled;

    if (trove__unit_is_foreign(unit))
        return phase_of(resolving) == PENDING;
    inside = trove__unit_enter(unit); /* else the cache is gone, and all has its answer */
    canceled = trove__stream_give_up(unit, &resolving->node);
    if (canceled) {
        resolving->node.result.status = -ECANCELED;
        trove__unit_count_answer(unit, &resolving->node.result);
        end_span(resolving, &resolving->node.result, &(struct trove__parts){0});
        advance(resolving, TOLD - PENDING);
    }
    if (inside)
        trove__unit_leave(unit);
    return canceled;
}

static bool is_told_here(const struct trove_resolving *resolving)
{
    const struct trove_resolving *at = telling;

    while (at != NULL && at != resolving)
        at = at->outer;
    return at != NULL;
}

/* Sleeps until whoever tells of RESOLVING, or writes that it is cancelled, has done so. */
static void wait_told(struct trove_resolving *resolving)
{
    /* ACQ_REL [E2 told]: pairs with advance(), which sees AWAITED or has its effect seen here. */
    unsigned word = trove__or_acq_rel(&resolving->word, AWAITED) | AWAITED;

    for (; word != (TOLD | AWAITED); word = trove__load_acquire(&resolving->word)) /* [E2 told] */
        trove__futex_wait(&resolving->word, word, TROVE_NO_DEADLINE);
}

/* The queue may keep RESOLVING for a while; what it holds need not stay so long. */
static void drop_answer(struct trove_resolving *resolving)
{
    struct trove_result result;

    if (trove_resolve_take(resolving, &result, NULL) == 1)
        trove_unpin(result.object);
}

void trove_resolve_free(struct trove_resolving *resolving)
{
    if (resolving == NULL)
        return;
    if (trove__unit_is_foreign(resolving->unit)) {
        /* The parent's threads, and with them the flight's reference, are not here. */
        if (phase_of(resolving) != TOLD)
            return;
    } else if (!trove_resolve_cancel(resolving) && !is_told_here(resolving)) {
        wait_told(resolving);
    }
    drop_answer(resolving);
    trove__store_relaxed(&resolving->freed, 1); /* RELAXED: who takes it late passes it over */
    trove__resolving_unref(resolving);
}

void *trove_resolve_context(const struct trove_resolving *resolving)
{
    return resolving->notice.context;
}
