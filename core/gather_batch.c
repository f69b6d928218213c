// SPDX-License-Identifier: MIT
/*
 * gather_batch.c - which misses leave in one request, when, and how many.
 *
 * POLICY     The first miss of a type leaves at once. While a request of that type runs, further misses gather, and leave
 *            when it ends, when they fill a request, or when they have waited for `patience` (half of what a request
 *            takes, 1 to 50 ms): a request that hangs must not hold up what a second thread could ask for. Ids per request
 *            double, up to the option's maximum, while full requests are answered within a second, and halve when one
 *            takes more than four. Order: fetches and interactive misses as they came, each by its own time in line, then
 *            prefetched ones. Ids of different types leave in different requests.
 * ROLES      fetch threads.
 * EDGES      is_work_left() has one of the ends of gather_threads.c's.
 * PROGRESS   takes gather's lock for short work.
 * TESTS      tests/unit/test_gather.c
 */
#include "core/fetch_op.h"
#include "core/gather_internal.h"

#define MILLISECOND_NS 1000000
#define PATIENCE_MIN_NS (1 * MILLISECOND_NS)
#define PATIENCE_MAX_NS (50 * MILLISECOND_NS)
#define PATIENCE_FIRST_NS PATIENCE_MAX_NS /* nothing is known yet of the source */
#define FAST_NS ((int64_t)1000 * MILLISECOND_NS)
#define SLOW_NS ((int64_t)4000 * MILLISECOND_NS)

void trove__gather_batch_init(struct trove__gather *gather, const struct trove_options *options)
{
    gather->ids_min = options->ids_per_request_min > 0 ? options->ids_per_request_min : 1;
    gather->ids_max = options->ids_per_request_max > gather->ids_min ? options->ids_per_request_max
                                                                     : gather->ids_min;
    gather->ids_now = gather->ids_min;
    gather->patience_ns = PATIENCE_FIRST_NS;
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

/* Moves nodes from LIST behind *TAIL until WORK holds its limit of those that are still to be asked for; returns the new
 * tail. The others count for nothing: what a fetch has brought meanwhile must not part what it has not. */
static struct trove__gather_node **take_nodes(struct trove__pending *list, struct trove__work *work,
                                              struct trove__gather_node **tail)
{
    while (work->count < work->limit && list->first != NULL) {
        struct trove__gather_node *node = list->first;
        list->first = node->next;
        list->count--;
        node->next = NULL;
        *tail = node;
        tail = &node->next;
        work->count += trove__flight_phase(node->flight) < TROVE__FLIGHT_SENT;
    }
    return tail;
}

static void take_ids(struct trove__gather *gather, int type, struct trove__work *work)
{
    struct trove__gather_node **tail = &work->nodes;

    work->type = type;
    work->limit = gather->ids_now;
    tail = take_nodes(&gather->pending[TROVE__INTERACTIVE][type], work, tail);
    take_nodes(&gather->pending[TROVE__PREFETCH][type], work, tail);
    gather->running[type]++;
}

static void take_fetch(struct trove__gather *gather, struct trove__work *work)
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

struct trove__work trove__gather_take(struct trove__gather *gather)
{
    struct trove__work work = {.type = -1, .wait_until_ns = TROVE_NO_DEADLINE};
    int64_t now = trove_now_ns();
    int type;

    pthread_mutex_lock(&gather->lock);
    trove__gather_detach(gather, TROVE__INTERACTIVE, now);
    trove__gather_detach(gather, TROVE__PREFETCH, now);
    trove__gather_detach_fetches(gather, now);
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

bool trove__gather_is_work_left(struct trove__gather *gather)
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

void trove__gather_learn(struct trove__gather *gather, bool full, int64_t duration_ns)
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
