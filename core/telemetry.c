// SPDX-License-Identifier: MIT
/*
 * telemetry.c - who listens to a cache, and telling them of spans.
 *
 * INVARIANTS I1 a listener's subscriber changes only while its state is TAKEN. I2 `inside` counts the threads between looking
 *            at the state and having called it; who unsubscribes waits for 0 after the state has left ON.
 *            I3 `listening` is the union of the kinds of all that are ON, once every subscribe and unsubscribe has ended.
 *            I4 a thread that is in a listener tells nothing (so listeners cannot call themselves).
 * ROLES      any thread: tell, subscribe, unsubscribe.
 * PROTOCOL   tell: count yourself in, look at the state, call, count yourself out. unsubscribe: GOING, then look at the count:
 *            one sees the other (E1). What is listened to is computed anew after each change of a state, and replaced by
 *            compare-and-swap with a version: whoever is second sees what the first had changed.
 * EDGES
 *   E1 inside      tell_one() seq_cst -> wait_until_left() seq_cst         a store-load pair on both sides
 *   E2 subscriber  trove_subscribe() seq_cst -> tell_one() seq_cst         the functions to call
 *   E3 free        wait_until_left() release -> take_place() acquire       the place, to who subscribes there next
 *   E4 listening   refresh() acq_rel -> refresh() acq_rel                  states that were changed before
 * PROGRESS   telling is lock-free but for the listener; subscribing is lock-free; unsubscribing waits for those inside.
 * TESTS      tests/unit/test_telemetry.c, tests/stress/test_telemetry_stress.c
 */
#include "core/telemetry.h"
#include "core/futex.h"
#include "core/until.h"
#include <errno.h>
#include <string.h>

enum listener_state { LISTENER_FREE, LISTENER_TAKEN, LISTENER_ON, LISTENER_GOING };

#define VERSION_SHIFT 16
#define KINDS_MASK ((1ul << VERSION_SHIFT) - 1)

_Thread_local uint32_t trove__sample_state;
static _Thread_local uint64_t current_span;
static _Thread_local unsigned in_listener; /* listeners that this thread is in: at most one */
static atomic_ulong ids_given; /* of the process, so that spans of several caches do not mix */

/* --- life --------------------------------------------------------------------------------------------------------- */

void trove__telemetry_init(struct trove__telemetry *telemetry, const struct trove_options *options)
{
    memset(telemetry, 0, sizeof(*telemetry)); /* atomics of 0, in nobody's sight */
    telemetry->leader_tag = options->leader_tag;
    telemetry->leader_tag_context = options->leader_tag_context;
}

void trove__telemetry_deinit(struct trove__telemetry *telemetry)
{
    trove__latency_deinit(telemetry);
}

void trove__telemetry_after_fork(struct trove__telemetry *telemetry)
{
    /* A listener that forks is still in itself, and which one it is, is not known: it cannot unsubscribe there anyhow. */
    if (in_listener != 0)
        return;
    for (unsigned i = 0; i < TROVE_SUBSCRIBERS_MAX; i++)
        /* SEQ_CST [E1 inside]: one thread is left, so any order would do. */
        trove__store_seq_cst(&telemetry->listeners[i].inside, 0);
}

uint64_t trove__leader_tag(const struct trove__telemetry *telemetry)
{
    return telemetry->leader_tag != NULL ? telemetry->leader_tag(telemetry->leader_tag_context) : 0;
}

/* --- who listens -------------------------------------------------------------------------------------------------- */

static unsigned kinds_of(struct trove__listener *listener)
{
    /* SEQ_CST [E2 subscriber]: pairs with trove_subscribe(). */
    return trove__load_seq_cst(&listener->state) == LISTENER_ON ? listener->subscriber.kinds : 0;
}

/* The state of a listener has changed (I3). */
static void refresh(struct trove__telemetry *telemetry)
{
    unsigned long old = trove__load_acquire(&telemetry->listening); /* [E4 listening] */
    unsigned long next;

    do {
        next = ((old >> VERSION_SHIFT) + 1) << VERSION_SHIFT;
        for (unsigned i = 0; i < TROVE_SUBSCRIBERS_MAX; i++)
            next |= kinds_of(&telemetry->listeners[i]);
        /* ACQ_REL [E4 listening]: pairs with itself. */
    } while (!trove__cas_acq_rel(&telemetry->listening, &old, next));
}

static struct trove__listener *take_place(struct trove__telemetry *telemetry)
{
    for (unsigned i = 0; i < TROVE_SUBSCRIBERS_MAX; i++) {
        unsigned state = LISTENER_FREE;

        /* ACQUIRE [E3 free]: pairs with wait_until_left(). */
        if (trove__cas_acquire(&telemetry->listeners[i].state, &state, LISTENER_TAKEN))
            return &telemetry->listeners[i];
    }
    return NULL;
}

int trove__telemetry_subscribe(struct trove__telemetry *telemetry,
                               const struct trove_subscriber *subscriber, unsigned *ret_number)
{
    struct trove__listener *listener;

    if ((subscriber->kinds & ~TROVE_SPAN_ALL) != 0)
        return -EINVAL;
    listener = take_place(telemetry);
    if (listener == NULL)
        return -EMFILE;
    listener->subscriber = *subscriber;
    if (listener->subscriber.kinds == 0)
        listener->subscriber.kinds = TROVE_SPAN_ALL;
    /* SEQ_CST [E2 subscriber]: pairs with tell_one(). */
    trove__store_seq_cst(&listener->state, LISTENER_ON);
    refresh(telemetry);
    *ret_number = (unsigned)(listener - telemetry->listeners);
    return 0;
}

static int wait_until_left(struct trove__listener *listener, const struct trove_until *until)
{
    unsigned inside, going = LISTENER_GOING;
    int r = 0;

    /* SEQ_CST [E1 inside], all: after the state was changed. Pairs with tell_one(). */
    trove__add_seq_cst(&listener->waiting, 1);
    while (r >= 0 && (inside = trove__load_seq_cst(&listener->inside)) != 0)
        r = trove__wait(&listener->inside, inside, until);
    trove__sub_relaxed(&listener->waiting, 1); /* RELAXED: at worst one wake-up too many */
    if (r < 0 && trove__load_seq_cst(&listener->inside) != 0)
        return r;
    /* ACQ_REL [E3 free]: pairs with take_place(). Of several who wait one frees it. */
    trove__cas_acq_rel(&listener->state, &going, LISTENER_FREE);
    return 0;
}

int trove__telemetry_unsubscribe(struct trove__telemetry *telemetry, unsigned number,
                                 const struct trove_until *until)
{
    struct trove__listener *listener;
    unsigned state = LISTENER_ON;

    if (in_listener != 0)
        return -EDEADLK;
    if (number >= TROVE_SUBSCRIBERS_MAX)
        return -ENOENT;
    listener = &telemetry->listeners[number];
    /* SEQ_CST [E1 inside]: before the look at the count. Pairs with tell_one(). */
    if (!trove__cas_seq_cst(&listener->state, &state, LISTENER_GOING) && state != LISTENER_GOING)
        return -ENOENT;
    refresh(telemetry);
    return wait_until_left(listener, until);
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

static void tell_one(struct trove__listener *listener, const struct trove_span *span, bool stops)
{
    void (*fn)(void *, const struct trove_span *) = NULL;

    /* SEQ_CST [E1 inside] [E2 subscriber]: in, then the state. Pairs with trove_subscribe() and wait_until_left(). */
    trove__add_seq_cst(&listener->inside, 1);
    if (kinds_of(listener) & (unsigned)span->kind)
        fn = stops ? listener->subscriber.stop : listener->subscriber.start;
    if (fn != NULL) {
        uint64_t outer = current_span;

        in_listener++;
        fn(listener->subscriber.context, span);
        in_listener--;
        current_span = outer;
    }
    /* SEQ_CST [E1 inside]: pairs with wait_until_left(). Not the state: of two who wait the first frees the place. */
    if (trove__sub_seq_cst(&listener->inside, 1) == 1 &&
        trove__load_seq_cst(&listener->waiting) != 0)
        trove__futex_wake(&listener->inside, INT_MAX);
}

static void tell(struct trove__telemetry *telemetry, const struct trove_span *span, bool stops)
{
    for (unsigned i = 0; i < TROVE_SUBSCRIBERS_MAX; i++) {
        /* RELAXED: a first look, so that places that are free cost nothing. */
        if (trove__load_relaxed(&telemetry->listeners[i].state) == LISTENER_ON)
            tell_one(&telemetry->listeners[i], span, stops);
    }
}

static const char *name_of(enum trove_span_kind kind)
{
    static const char *const names[] = {"resolve", "put",    "has",   "get",     "fetch",
                                        "request", "source", "evict", "overfull"};

    return names[__builtin_ctz((unsigned)kind)];
}

/* --- spans -------------------------------------------------------------------------------------------------------- */

uint64_t trove__span_current(void)
{
    return current_span;
}

uint64_t trove__span_set_current(uint64_t id)
{
    uint64_t before = current_span;

    current_span = id;
    return before;
}

static struct trove_span span_of(const struct trove__timed *timed, const struct trove_span *what)
{
    struct trove_span span = *what;

    span.id = timed->id;
    span.parent = timed->parent;
    span.start_ns = timed->start_ns;
    if (span.name == NULL)
        span.name = name_of(what->kind);
    return span;
}

void trove__timed_begin_at(struct trove__telemetry *telemetry, struct trove__timed *timed,
                           const struct trove_span *what, bool is_sampled, int64_t start_ns)
{
    struct trove_span span;

    *timed = (struct trove__timed){.parent = what->parent != 0 ? what->parent : current_span,
                                   .is_sampled = is_sampled};
    if (!trove__is_listened(telemetry, what->kind) || in_listener != 0) { /* I4 */
        if (is_sampled)
            timed->start_ns = start_ns != 0 ? start_ns : trove_now_ns();
        return;
    }
    timed->id = trove__add_relaxed(&ids_given, 1) + 1; /* RELAXED: a number */
    timed->start_ns = start_ns != 0 ? start_ns : trove_now_ns();
    span = span_of(timed, what);
    tell(telemetry, &span, false);
}

void trove__timed_end_at(struct trove__telemetry *telemetry, const struct trove__timed *timed,
                         const struct trove_span *what, enum trove_latency_of of, int64_t end_ns)
{
    struct trove_span span;
    int64_t end = end_ns;
    uint64_t duration;

    if (timed->start_ns == 0)
        return;
    if (end == 0)
        end = trove_now_ns();
    duration = end > timed->start_ns ? (uint64_t)(end - timed->start_ns) : 0;
    if (timed->is_sampled && what->status >= 0 && of < TROVE_LATENCIES)
        trove__latency_record(telemetry, of, duration);
    if (timed->id == 0)
        return;
    span = span_of(timed, what);
    span.duration_ns = duration;
    tell(telemetry, &span, true);
}

void trove__timed_begin(struct trove__telemetry *telemetry, struct trove__timed *timed,
                        const struct trove_span *what, bool is_sampled)
{
    trove__timed_begin_at(telemetry, timed, what, is_sampled, 0);
    if (timed->id != 0)
        timed->outer = trove__span_set_current(timed->id);
}

void trove__timed_end(struct trove__telemetry *telemetry, struct trove__timed *timed,
                      const struct trove_span *what, enum trove_latency_of of)
{
    if (timed->id != 0)
        current_span = timed->outer;
    trove__timed_end_at(telemetry, timed, what, of, 0);
}
