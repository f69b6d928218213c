// SPDX-License-Identifier: MIT
/*
 * gather_threads.c - fetch threads: started on demand, up to requests_at_once, they run what has gathered.
 *
 * INVARIANTS I1 while work is left and a fetch thread is idle, or one may be started, somebody is on the way to wake or start
 *            it: a pusher looks for idle threads after its push; a thread that looked for work looks once more after it
 *            stopped being idle.
 * ROLES      any thread: kick, wait. fetch threads: everything else.
 * EDGES      E2 work    push: stack, then `work`, then `idle` seq_cst -> fetch thread: `idle`, then `work`, then stack seq_cst
 * PROGRESS   kick is lock-free but for starting a thread, which the C library does.
 * LIMITS     A thread that starts the first fetch thread and stops before it has, is waited for 10 ms, then another does.
 * TESTS      tests/unit/test_gather.c, tests/stress/test_flight_stress.c
 */
#include "core/fetch_op.h"
#include "core/futex.h"
#include "core/gather_internal.h"
#include "core/memory.h"
#include "core/request.h"
#include "core/unit.h"
#include "core/until.h"

#define STARTING_NS (10 * (int64_t)1000000)

static _Thread_local struct trove__fetcher *self_fetcher;

struct trove__fetcher *trove__fetcher_self(void)
{
    return self_fetcher;
}

/* --- waking and starting ------------------------------------------------------------------------------------------ */

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

void trove__gather_kick(struct trove__unit *unit)
{
    if (!wake_idle(&unit->gather))
        (void)start_fetcher(unit); /* who waits tries again, and hears of a failure there */
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

int trove__gather_ensure(struct trove__unit *unit)
{
    /* RELAXED: a stale 0 starts a thread too many, which ends at once. */
    return trove__load_relaxed(&unit->gather.fetchers) > 0 ? 0 : start_fetcher(unit);
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

/* --- running ------------------------------------------------------------------------------------------------------ */

/* Waits for work; false when the unit is closed. */
static bool next_work(struct trove__unit *unit, struct trove__work *ret_work)
{
    struct trove__gather *gather = &unit->gather;
    unsigned seen;
    bool found = false;

    /* SEQ_CST [E2 work]: idle, then work, then the stacks. Pairs with wake_idle(). */
    trove__add_seq_cst(&gather->idle, 1);
    while (!found && !trove__unit_is_closed(unit)) {
        seen = trove__load_seq_cst(&gather->work);
        *ret_work = trove__gather_take(gather);
        found = ret_work->type >= 0 || ret_work->fetch != NULL;
        if (!found && !trove__unit_is_closed(unit))
            trove__futex_wait(&gather->work, seen, ret_work->wait_until_ns);
    }
    trove__sub_seq_cst(&gather->idle, 1);
    if (found && trove__gather_is_work_left(gather)) /* I1 */
        trove__gather_kick(unit);
    return found;
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
        trove__gather_node_free(unit, node);
    }
    return count;
}

/* Asks for what is still wanted of WORK's nodes; in one request, when there is room for it. */
static void run_ids(struct trove__fetcher *fetcher, struct trove__work *work)
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
        trove__gather_learn(&unit->gather, work->count >= work->limit, trove_now_ns() - began);
    pthread_mutex_unlock(&unit->gather.lock);
}

static void run(struct trove__fetcher *fetcher, struct trove__work *work)
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
    struct trove__work work;

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
