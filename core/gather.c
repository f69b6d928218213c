// SPDX-License-Identifier: MIT
/*
 * gather.c - fetch threads, and how misses leave in as few requests as possible.
 *
 * WHAT       Callers push chains of gather nodes on two stacks, interactive and prefetch, and started fetches on a third.
 *            Fetch threads, started on demand up to requests_at_once, detach the stacks whole, sort the nodes by what is
 *            known of their type (ids of different kinds leave in different requests), and run the requests.
 * POLICY     The first miss of a type leaves at once. While a request of that type runs, further misses gather, and leave
 *            when it ends, when they fill a request, or when they have waited for `patience` (half of what a request
 *            takes, 1 to 50 ms): a request that hangs must not hold up what a second thread could ask for. Ids per request
 *            double, up to the option's maximum, while full requests are answered within a second, and halve when one
 *            takes more than four. Order: fetches and interactive misses as they came, each by its own time in line, then prefetched ones.
 * INVARIANTS I1 callers touch the stacks and counters only, and those without a lock. I2 `pending` and what is beside it
 *            change under `lock`, which only fetch threads take. I3 a node is taken once, by the exchange that detached its
 *            stack. I4 while work is left and a fetch thread is idle, or one may be started, somebody is on the way to wake
 *            or start it: a pusher looks for idle threads after its push; a thread that looked for work looks once more
 *            after it stopped being idle.
 * ROLES      any thread: push, wait. fetch threads: everything else.
 * EDGES      E1 push    push_nodes() release -> detach() acquire   the nodes
 *            E2 work    push: stack, then `work`, then `idle` seq_cst -> fetch thread: `idle`, then `work`, then stack seq_cst
 * PROGRESS   push is lock-free but for starting a thread, which the C library does.
 * LIMITS     A thread that starts the first fetch thread and stops before it has, is waited for 10 ms, then another does.
 * TESTS      tests/unit/test_gather.c, tests/stress/test_flight_stress.c
 */
#include "core/gather.h"
#include "core/cycle.h"
#include "core/fetch_op.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/request.h"
#include "core/unit.h"
#include "core/until.h"

#define MILLISECOND_NS 1000000
#define PATIENCE_MIN_NS (1 * MILLISECOND_NS)
#define PATIENCE_MAX_NS (50 * MILLISECOND_NS)
#define PATIENCE_FIRST_NS PATIENCE_MAX_NS /* nothing is known yet of the source */
#define FAST_NS ((int64_t)1000 * MILLISECOND_NS)
#define SLOW_NS ((int64_t)4000 * MILLISECOND_NS)
#define STARTING_NS (10 * MILLISECOND_NS)

static _Thread_local struct trove__fetcher *self_fetcher;

struct trove__fetcher *trove__fetcher_self(void)
{
    return self_fetcher;
}

int trove__gather_init(struct trove__gather *gather, const struct trove_options *options)
{
    gather->fetchers_max = options->requests_at_once > 0 ? options->requests_at_once : 1;
    gather->ids_min = options->ids_per_request_min > 0 ? options->ids_per_request_min : 1;
    gather->ids_max = options->ids_per_request_max > gather->ids_min ? options->ids_per_request_max
                                                                     : gather->ids_min;
    gather->ids_now = gather->ids_min;
    gather->patience_ns = PATIENCE_FIRST_NS;
    return -pthread_mutex_init(&gather->lock, NULL);
}

/* --- callers ------------------------------------------------------------------------------------------------------ */

/* Wakes an idle fetch thread; false when none is idle. */
static bool wake_idle(struct trove__gather *gather)
{
    /* SEQ_CST [E2 work]: the push before is ordered before the look at `idle`. Pairs with next_work(). */
    trove__add_seq_cst(&gather->work, 1);
    if (trove__load_seq_cst(&gather->idle) == 0)
        return false;
    trove__futex_wake(&gather->work, 1);
    return true;
}

static void *fetcher_main(void *unit);

/* Starts one more fetch thread, unless there are enough or somebody else is at it. */
static int start_fetcher(struct trove__unit *unit)
{
    struct trove__gather *gather = &unit->gather;
    int64_t now = trove_now_ns();
    long starting, mine = now + STARTING_NS;
    int r;

    /* RELAXED all: a thread too many ends at once, one too few is started by the next caller. */
    if (trove__unit_is_closed(unit) ||
        trove__load_relaxed(&gather->fetchers) >= gather->fetchers_max)
        return 0;
    starting = trove__load_relaxed(&gather->starting);
    if (now < starting || !trove__cas_relaxed(&gather->starting, &starting, mine))
        return 0;
    r = trove__unit_start_thread(unit, fetcher_main);
    /* A thread that was created will begin, however late; unless it has, which starting says, or others tried meanwhile. */
    trove__cas_relaxed(&gather->starting, &mine, r < 0 ? 0 : LONG_MAX);
    /* Without a further thread the ones that run do the work. */
    return trove__load_relaxed(&gather->fetchers) > 0 ? 0 : r;
}

static void kick(struct trove__unit *unit)
{
    if (!wake_idle(&unit->gather))
        (void)start_fetcher(unit); /* who waits tries again, and hears of a failure there */
}

void trove__gather_push(struct trove__unit *unit, enum trove__lane lane,
                        struct trove__gather_node *nodes)
{
    _Atomic(struct trove__gather_node *) *stack = &unit->gather.lanes[lane];
    struct trove__gather_node *last = nodes;
    /* RELAXED: a guess, the CAS checks it. */
    struct trove__gather_node *top = trove__load_relaxed(stack);

    while (last->next != NULL)
        last = last->next;
    do {
        last->next = top;
        /* SEQ_CST [E1 push] [E2 work]: hands over the nodes. Pairs with detach(). */
    } while (!trove__cas_seq_cst(stack, &top, nodes));
    kick(unit);
}

void trove__gather_push_fetch(struct trove__unit *unit, struct trove_fetch *fetch)
{
    /* RELAXED: a guess, the CAS checks it. */
    struct trove_fetch *top = trove__load_relaxed(&unit->gather.fetches);

    do {
        fetch->next = top;
        /* SEQ_CST [E1 push] [E2 work]: hands over the fetch. Pairs with detach(). */
    } while (!trove__cas_seq_cst(&unit->gather.fetches, &top, fetch));
    kick(unit);
}

int trove__gather_wait(struct trove__unit *unit, const struct trove__watch *watches, unsigned count,
                       const struct trove_until *until)
{
    struct trove_until slice = trove__until_of(until);
    int64_t end_ns;
    int r = 0;

    /* RELAXED: a stale 0 starts a thread too many, which ends at once. */
    if (trove__load_relaxed(&unit->gather.fetchers) > 0 || trove__unit_is_closed(unit))
        return trove__wait_any(watches, count, until);
    r = start_fetcher(unit);
    if (r < 0)
        return r;
    /* Until the first thread is there its starter may be stopped for ever: look again after a while. */
    end_ns = trove_now_ns() + STARTING_NS;
    if (slice.deadline_ns <= end_ns)
        return trove__wait_any(watches, count, until);
    slice.deadline_ns = end_ns;
    r = trove__wait_any(watches, count, &slice);
    return r == -ETIMEDOUT ? 0 : r;
}

int trove__gather_wait_space(struct trove__unit *unit, const struct trove__watch *other,
                             const struct trove_until *until)
{
    struct trove__watch watches[2];
    unsigned count = 1;
    int r = 0;

    if (other != NULL)
        watches[count++] = *other;
    /* Watched first: a closing unit wakes those who watch, and who watches later sees that it is closed. */
    if (trove__flight_pool_watch(&unit->pool, &watches[0]) && !trove__unit_is_closed(unit))
        r = trove__gather_wait(unit, watches, count, until);
    trove__flight_pool_unwatch(&unit->pool);
    return r;
}

bool trove__gather_has_hands(struct trove__unit *unit)
{
    /* RELAXED: a guess that the caller makes again after a while. */
    return trove__load_relaxed(&unit->gather.idle) != 0 ||
           trove__load_relaxed(&unit->gather.fetchers) < unit->gather.fetchers_max;
}

void trove__gather_wake_all(struct trove__unit *unit)
{
    /* SEQ_CST [E2 work]: after `closed` was set, which a thread looks at between `work` and its sleep. */
    trove__add_seq_cst(&unit->gather.work, 1);
    trove__futex_wake(&unit->gather.work, INT_MAX);
}

/* --- taking ------------------------------------------------------------------------------------------------------- */

static void append(struct trove__pending *list, struct trove__gather_node *node, int64_t now)
{
    node->next = NULL;
    node->queued_ns = now;
    if (list->first == NULL)
        list->first = node;
    else
        list->last->next = node;
    list->last = node;
    list->count++;
}

/* Empties the stack of LANE into its lists, oldest first. */
static void detach(struct trove__gather *gather, enum trove__lane lane, int64_t now)
{
    /* SEQ_CST [E1 push] [E2 work]: pairs with trove__gather_push(). */
    struct trove__gather_node *node = trove__exchange_seq_cst(&gather->lanes[lane], NULL);
    struct trove__gather_node *reversed = NULL, *next;

    for (; node != NULL; node = next) {
        next = node->next;
        node->next = reversed;
        reversed = node;
    }
    for (node = reversed; node != NULL; node = next) {
        next = node->next;
        trove__flight_moved(node->flight, TROVE__FLIGHT_NEW, TROVE__FLIGHT_GATHERED);
        trove__flight_moved(node->flight, TROVE__FLIGHT_PARKED, TROVE__FLIGHT_GATHERED);
        append(&gather->pending[lane][node->flight->type], node, now);
    }
}

static void detach_fetches(struct trove__gather *gather, int64_t now)
{
    /* SEQ_CST [E1 push] [E2 work]: pairs with trove__gather_push_fetch(). */
    struct trove_fetch *fetch = trove__exchange_seq_cst(&gather->fetches, NULL);
    struct trove_fetch *reversed = NULL, *last = fetch, *next;

    for (; fetch != NULL; fetch = next) {
        next = fetch->next;
        fetch->next = reversed;
        fetch->queued_ns = now;
        reversed = fetch;
    }
    if (reversed == NULL)
        return;
    if (gather->first_fetch == NULL)
        gather->first_fetch = reversed;
    else
        gather->last_fetch->next = reversed;
    gather->last_fetch = last;
}

/* The type whose misses of LANE leave now, oldest first; -1 for none. *WAIT_UNTIL_NS: when one will have waited enough. */
static int choose(struct trove__gather *gather, enum trove__lane lane, int64_t now,
                  int64_t *wait_until_ns)
{
    int best = -1;

    for (int type = 0; type < TROVE__TYPES; type++) {
        struct trove__pending *list = &gather->pending[lane][type];
        size_t all = gather->pending[TROVE__INTERACTIVE][type].count +
                     gather->pending[TROVE__PREFETCH][type].count;
        int64_t due;

        if (list->first == NULL)
            continue;
        due = list->first->queued_ns + gather->patience_ns;
        if (gather->running[type] != 0 && all < gather->ids_now && now < due) {
            if (due < *wait_until_ns)
                *wait_until_ns = due;
            continue;
        }
        if (best < 0 || list->first->queued_ns < gather->pending[lane][best].first->queued_ns)
            best = type;
    }
    return best;
}

struct work {
    int type; /* of a request by id, -1 for none */
    struct trove__gather_node *nodes;
    size_t count, limit; /* of the nodes */
    struct trove_fetch *fetch;
    int64_t wait_until_ns; /* when there is neither */
};

/* Moves nodes from LIST behind *TAIL until WORK holds its limit; returns the new tail. */
static struct trove__gather_node **take_nodes(struct trove__pending *list, struct work *work,
                                              struct trove__gather_node **tail)
{
    while (work->count < work->limit && list->first != NULL) {
        struct trove__gather_node *node = list->first;
        list->first = node->next;
        list->count--;
        node->next = NULL;
        *tail = node;
        tail = &node->next;
        work->count++;
    }
    return tail;
}

static void take_ids(struct trove__gather *gather, int type, struct work *work)
{
    struct trove__gather_node **tail = &work->nodes;

    work->type = type;
    work->limit = gather->ids_now;
    tail = take_nodes(&gather->pending[TROVE__INTERACTIVE][type], work, tail);
    take_nodes(&gather->pending[TROVE__PREFETCH][type], work, tail);
    gather->running[type]++;
}

static void take_fetch(struct trove__gather *gather, struct work *work)
{
    work->fetch = gather->first_fetch;
    gather->first_fetch = work->fetch->next;
    work->fetch->next = NULL;
}

/* Whether a fetch comes before the interactive misses of TYPE (-1: there are none that leave now). */
static bool is_fetch_first(const struct trove__gather *gather, int type)
{
    return gather->first_fetch != NULL &&
           (type < 0 || gather->first_fetch->queued_ns <=
                            gather->pending[TROVE__INTERACTIVE][type].first->queued_ns);
}

static struct work take_work(struct trove__gather *gather)
{
    struct work work = {.type = -1, .wait_until_ns = TROVE_NO_DEADLINE};
    int64_t now = trove_now_ns();
    int type;

    pthread_mutex_lock(&gather->lock);
    detach(gather, TROVE__INTERACTIVE, now);
    detach(gather, TROVE__PREFETCH, now);
    detach_fetches(gather, now);
    type = choose(gather, TROVE__INTERACTIVE, now, &work.wait_until_ns);
    if (is_fetch_first(gather, type)) {
        take_fetch(gather, &work);
    } else if (type >= 0) {
        take_ids(gather, type, &work);
    } else {
        type = choose(gather, TROVE__PREFETCH, now, &work.wait_until_ns);
        if (type >= 0)
            take_ids(gather, type, &work);
    }
    pthread_mutex_unlock(&gather->lock);
    return work;
}

/* True when something waits that an idle thread could look at. */
static bool is_work_left(struct trove__gather *gather)
{
    bool left;

    /* SEQ_CST [E2 work]: after `idle` went down; a pusher that saw us idle pushed before. */
    if (trove__load_seq_cst(&gather->lanes[TROVE__INTERACTIVE]) != NULL ||
        trove__load_seq_cst(&gather->lanes[TROVE__PREFETCH]) != NULL ||
        trove__load_seq_cst(&gather->fetches) != NULL)
        return true;
    pthread_mutex_lock(&gather->lock);
    left = gather->first_fetch != NULL;
    for (int type = 0; type < TROVE__TYPES; type++)
        left |= gather->pending[TROVE__INTERACTIVE][type].first != NULL ||
                gather->pending[TROVE__PREFETCH][type].first != NULL;
    pthread_mutex_unlock(&gather->lock);
    return left;
}

/* Waits for work; false when the unit is closed. */
static bool next_work(struct trove__unit *unit, struct work *ret_work)
{
    struct trove__gather *gather = &unit->gather;
    unsigned seen;
    bool found = false;

    /* SEQ_CST [E2 work]: idle, then work, then the stacks. Pairs with wake_idle(). */
    trove__add_seq_cst(&gather->idle, 1);
    while (!found && !trove__unit_is_closed(unit)) {
        seen = trove__load_seq_cst(&gather->work);
        *ret_work = take_work(gather);
        found = ret_work->type >= 0 || ret_work->fetch != NULL;
        if (!found && !trove__unit_is_closed(unit))
            trove__futex_wait(&gather->work, seen, ret_work->wait_until_ns);
    }
    trove__sub_seq_cst(&gather->idle, 1);
    if (found && is_work_left(gather)) /* I4 */
        kick(unit);
    return found;
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static void free_node(struct trove__unit *unit, struct trove__gather_node *node)
{
    struct trove__flight *flight = node->flight;

    if (node != &flight->own_node)
        trove__free(node);
    trove__flight_unref(unit, flight);
}

void trove__gather_fail(struct trove__unit *unit, struct trove__gather_node *nodes, int code,
                        struct trove__failure *failure)
{
    struct trove__gather_node *next;

    for (; nodes != NULL; nodes = next) {
        struct trove__flight *flight = nodes->flight;
        enum trove__phase phase = trove__flight_phase(flight);

        next = nodes->next;
        /* One that is gathered waits in another queue too. */
        if ((phase == TROVE__FLIGHT_NEW || phase == TROVE__FLIGHT_PARKED) &&
            trove__request_claim(unit, flight))
            trove__flight_complete(unit, flight, code, NULL, false, failure);
        free_node(unit, nodes);
    }
}

/* Room for COUNT ids, or for fewer when there is no memory for so many: at least one. */
static size_t make_room(struct trove__fetcher *fetcher, size_t count)
{
    struct trove_want *wants;
    struct trove__flight **flights;

    if (count <= fetcher->room)
        return count;
    wants = trove__realloc(fetcher->wants, count * sizeof(*wants));
    if (wants != NULL)
        fetcher->wants = wants;
    flights = trove__realloc(fetcher->flights, count * sizeof(struct trove__flight *));
    if (flights != NULL)
        fetcher->flights = flights;
    if (wants != NULL && flights != NULL)
        fetcher->room = count;
    return fetcher->room;
}

/* What a request for ids that took DURATION teaches about the next. FULL: it held as many as one may. */
static void learn(struct trove__gather *gather, bool full, int64_t duration_ns)
{
    int64_t patience = (gather->patience_ns * 3 + duration_ns / 2) / 4;

    if (patience < PATIENCE_MIN_NS)
        patience = PATIENCE_MIN_NS;
    gather->patience_ns = patience < PATIENCE_MAX_NS ? patience : PATIENCE_MAX_NS;
    if (full && duration_ns < FAST_NS)
        gather->ids_now =
            gather->ids_now > gather->ids_max / 2 ? gather->ids_max : gather->ids_now * 2;
    else if (duration_ns > SLOW_NS && gather->ids_now / 2 >= gather->ids_min)
        gather->ids_now /= 2;
}

/* Moves the nodes that are still wanted from *NODES into the arrays, ROOM at most; returns how many. */
static size_t claim_nodes(struct trove__unit *unit, struct trove__gather_node **nodes,
                          struct trove_want *wants, struct trove__flight **flights, size_t room)
{
    size_t count = 0;

    while (*nodes != NULL && count < room) {
        struct trove__gather_node *node = *nodes;
        struct trove__flight *flight = node->flight;

        *nodes = node->next;
        if (trove__request_claim(unit, flight)) {
            trove__flight_ref(flight);
            wants[count] = (struct trove_want){trove__flight_id(flight), flight->type};
            flights[count++] = flight;
        }
        free_node(unit, node);
    }
    return count;
}

/* Asks for what is still wanted of WORK's nodes; in one request, when there is room for it. */
static void run_ids(struct trove__fetcher *fetcher, struct work *work)
{
    struct trove__unit *unit = fetcher->unit;
    struct trove__gather_node *nodes = work->nodes;
    struct trove_want one_want, *wants = &one_want;
    struct trove__flight *one_flight, **flights = &one_flight;
    int64_t began = trove_now_ns();
    size_t room = make_room(fetcher, work->count), sent = 0, count;

    if (room > 0) {
        wants = fetcher->wants;
        flights = fetcher->flights;
    }
    while ((count = claim_nodes(unit, &nodes, wants, flights, room > 0 ? room : 1)) > 0) {
        trove__request_run_ids(unit, fetcher, wants, flights, count);
        sent += count;
    }
    pthread_mutex_lock(&unit->gather.lock);
    unit->gather.running[work->type]--;
    if (sent > 0)
        learn(&unit->gather, work->count >= work->limit, trove_now_ns() - began);
    pthread_mutex_unlock(&unit->gather.lock);
}

static void run(struct trove__fetcher *fetcher, struct work *work)
{
    if (work->fetch == NULL) {
        run_ids(fetcher, work);
        return;
    }
    if (trove__fetch_claim(work->fetch))
        trove__request_run_fetch(fetcher->unit, fetcher, work->fetch);
    trove__fetch_unref(work->fetch);
}

/* Takes a place among the fetch threads; false when all are taken. */
static bool take_place(struct trove__gather *gather)
{
    /* RELAXED: a count; nothing is handed over. */
    unsigned fetchers = trove__load_relaxed(&gather->fetchers);

    do {
        if (fetchers >= gather->fetchers_max)
            return false;
    } while (!trove__cas_relaxed(&gather->fetchers, &fetchers, fetchers + 1));
    trove__store_relaxed(&gather->starting, 0);
    return true;
}

static void *fetcher_main(void *argument)
{
    struct trove__unit *unit = argument;
    struct trove__fetcher fetcher = {.unit = unit};
    struct work work;

    if (trove__unit_thread_enter(unit) && take_place(&unit->gather)) {
        self_fetcher = &fetcher;
        while (next_work(unit, &work))
            run(&fetcher, &work);
        self_fetcher = NULL;
        /* RELAXED: a count. */
        trove__sub_relaxed(&unit->gather.fetchers, 1);
        trove__free(fetcher.wants);
        trove__free(fetcher.flights);
    }
    trove__unit_thread_leave(unit);
    return NULL;
}

/* --- end ---------------------------------------------------------------------------------------------------------- */

static void free_chain(struct trove__unit *unit, struct trove__gather_node *node)
{
    struct trove__gather_node *next;

    for (; node != NULL; node = next) {
        next = node->next;
        free_node(unit, node);
    }
}

void trove__gather_drop_fetches(struct trove__unit *unit)
{
    struct trove__gather *gather = &unit->gather;
    struct trove_fetch *fetch, *next;

    detach_fetches(gather, 0);
    fetch = gather->first_fetch;
    gather->first_fetch = NULL;
    for (; fetch != NULL; fetch = next) {
        next = fetch->next;
        trove__fetch_unref(fetch);
    }
}

void trove__gather_deinit(struct trove__unit *unit)
{
    struct trove__gather *gather = &unit->gather;

    for (unsigned lane = 0; lane < TROVE__LANES; lane++) {
        detach(gather, lane, 0);
        for (unsigned type = 0; type < TROVE__TYPES; type++)
            free_chain(unit, gather->pending[lane][type].first);
    }
    pthread_mutex_destroy(&gather->lock);
}
