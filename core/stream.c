// SPDX-License-Identifier: MIT
/*
 * stream.c - ids in at one end, answers out at the other, in the order in which they arrive.
 *
 * WHAT       Each id is a node. It waits in the backlog for a flight, then on its flight's list, then its answer is on the
 *            stream's queue until somebody takes it.
 * INVARIANTS I1 a node's state goes IDLE -> WAITING -> DELIVERED (the thread that completed the flight, the dispatcher, or
 *            the adder when there is nothing to wait for), or IDLE or WAITING -> ABANDONED (close). I2 every node that is
 *            not DELIVERED and not ABANDONED holds a reference on the stream; so delivery never touches freed memory.
 *            I3 a WAITING node holds a reference on its flight and counts as one waiter of it. I4 the lock is taken by
 *            callers only; delivery is a push on a stack, so a stopped caller holds up no fetch thread.
 * ROLES      callers: open, add, next, close. fetch threads and dispatcher: deliver.
 * PROTOCOL   add: allocates all nodes, puts them into the backlog, then pumps: admits node after node, and pushes the misses
 *            together. What finds no free flight stays in the backlog; who waits in next() pumps again, and as long as
 *            there is a backlog, watches for free flights too: whoever leaves, the others go on.
 *            next: looks, and sleeps on `event`, which every delivery counts up before it looks for sleepers.
 * EDGES      E1 answer   push_answer() release -> collect() acquire   a delivered node
 *            E2 nodes    trove__stream_wait_for() release -> trove__flight_complete() acquire   a waiting node
 *            E3 state    state CAS release -> state CAS acquire   what a node holds
 *            E4 event    push_answer(): stack, event, sleepers seq_cst -> next: sleepers, event, stack seq_cst
 *            E5 free     stream_unref() release -> the last stream_unref() acquire
 * PROGRESS   deliver is lock-free but for the wake-up. The others take the stream's lock for short and fixed work.
 * LIMITS     Not on fetch threads (-EDEADLK). What is answered and not taken stays pinned: pace.c holds the givers back.
 * TESTS      tests/unit/test_stream.c, tests/stress/test_flight_stress.c
 */
#include "core/stream.h"
#include "core/fetch_op.h"
#include "core/futex.h"
#include "core/memory.h"
#include "core/unit.h"
#include "core/until.h"

#define PUMP_SLICE 256

enum node_state { NODE_IDLE, NODE_WAITING, NODE_DELIVERED, NODE_ABANDONED };

struct trove_stream {
    struct trove__unit *unit;
    struct trove_fetch *within; /* referenced; may be NULL */
    enum trove__lane lane;
    atomic_uint references; /* the owner's, and one for each node that is under way */
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove__stream_node *) answers; /* stack */
    atomic_uint event; /* futex: counts deliveries */
    atomic_uint sleepers;
    atomic_uint hungry; /* somebody sleeps and there is no answer */
    _Alignas(TROVE__FALSE_SHARING_BYTES) pthread_mutex_t lock; /* guards what follows */
    struct trove__stream_node *first_answer, *last_answer;     /* in order */
    struct trove__stream_node *first_backlog, *last_backlog;   /* by `next` */
    struct trove__stream_node *youngest; /* all nodes that were not taken, by `older` */
    size_t outstanding;                  /* their number */
    size_t backlog;            /* of these, not yet admitted, also while somebody does so */
    pthread_mutex_t pump_lock; /* one thread at a time admits; outside of `lock` */
};

/* --- life --------------------------------------------------------------------------------------------------------- */

int trove__stream_create(struct trove__unit *unit, struct trove_fetch *within,
                         enum trove__lane lane, struct trove_stream **ret_stream)
{
    struct trove_stream *stream =
        trove__sized_alloc(sizeof(*stream), _Alignof(struct trove_stream));

    if (stream == NULL)
        return -ENOMEM;
    memset(stream, 0, sizeof(*stream));
    pthread_mutex_init(&stream->lock, NULL);
    pthread_mutex_init(&stream->pump_lock, NULL);
    stream->unit = trove__unit_ref(unit);
    stream->within = trove__fetch_ref(within);
    stream->lane = lane;
    atomic_init(&stream->references, 1);
    *ret_stream = stream;
    return 0;
}

int trove_stream_open(struct trove *cache, struct trove_fetch *within,
                      struct trove_stream **ret_stream, struct trove_error *err)
{
    struct trove__unit *unit;
    int r;

    if (trove__fetcher_self() != NULL)
        return trove_error_set(err, -EDEADLK, "a source cannot open a stream");
    r = trove__cache_enter(cache);
    if (r < 0)
        return trove_error_set(err, r, "the cache is shut down");
    r = trove__unit_get(cache, &unit);
    if (r == 0) {
        r = trove__stream_create(unit, within, TROVE__PREFETCH, ret_stream);
        trove__unit_unref(unit);
    }
    trove__cache_leave(cache);
    return r == 0 ? 0 : trove_error_set(err, r, "cannot open a stream: %s", trove_strerror(r));
}

static uint64_t bytes_of(const struct trove__stream_node *node)
{
    return node->result.object != NULL ? trove_object_size(node->result.object) : 0;
}

static void free_node(struct trove__stream_node *node)
{
    trove__pace_taken(&node->stream->unit->pace, bytes_of(node));
    trove_unpin(node->result.object);
    trove__failure_unref(node->failure);
    trove__free(node);
}

static void free_nodes(struct trove__stream_node *node)
{
    struct trove__stream_node *next;

    for (; node != NULL; node = next) {
        next = node->next;
        free_node(node);
    }
}

/* Of a stream that nobody takes from any more. */
static void free_answers(struct trove_stream *stream)
{
    free_nodes(stream->first_answer);
    stream->first_answer = NULL;
    free_nodes(trove__exchange_acquire(&stream->answers, NULL)); /* ACQUIRE [E1 answer] */
}

static void stream_unref(struct trove_stream *stream)
{
    /* ACQ_REL [E5 free]: pairs with itself in the threads that let go earlier. */
    if (trove__sub_acq_rel(&stream->references, 1) != 1)
        return;
    free_answers(stream);
    pthread_mutex_destroy(&stream->lock);
    pthread_mutex_destroy(&stream->pump_lock);
    trove__fetch_unref(stream->within);
    trove__unit_unref(stream->unit);
    trove__sized_free(stream, sizeof(*stream), _Alignof(struct trove_stream));
}

/* --- delivery ----------------------------------------------------------------------------------------------------- */

/* Whether somebody sleeps for an answer that is not there, as far as the pace of givers goes: a guess that is late by an
 * answer does no harm. */
static void set_hungry(struct trove_stream *stream, bool hungry)
{
    struct trove__pace *pace = &stream->unit->pace;

    /* RELAXED: the flag; who changes it tells the pace. */
    if (trove__load_relaxed(&stream->hungry) == hungry ||
        trove__exchange_relaxed(&stream->hungry, hungry) == hungry)
        return;
    if (hungry)
        trove__pace_sleep(pace);
    else
        trove__pace_wake(pace);
}

/* NODE has its result. Gives the node's reference on the stream back. */
static void push_answer(struct trove__stream_node *node)
{
    struct trove_stream *stream = node->stream;
    /* RELAXED: a guess, the CAS checks it. */
    struct trove__stream_node *top = trove__load_relaxed(&stream->answers);

    trove__pace_answer(&stream->unit->pace, bytes_of(node));
    do {
        node->next = top;
        /* SEQ_CST [E1 answer] [E4 event]: hands over the node. Pairs with collect(). */
    } while (!trove__cas_seq_cst(&stream->answers, &top, node));
    trove__add_seq_cst(&stream->event, 1);
    if (trove__load_seq_cst(&stream->sleepers) != 0) {
        set_hungry(stream, false);
        trove__futex_wake(&stream->event, 1);
    }
    stream_unref(stream);
}

/* Turns NODE, which has no flight, into an answer. */
static void answer(struct trove__stream_node *node, int status, struct trove_object *object)
{
    node->result = (struct trove_result){
        .status = status, .how = TROVE_HIT, .object = object, .tag = node->result.tag};
    /* RELAXED: the push below hands the node over; nobody else changes a node without a flight. */
    trove__store_relaxed(&node->state, NODE_DELIVERED);
    push_answer(node);
}

/* Turns NODE, whose flight is done, into an answer, or frees it when its stream was closed. */
static void deliver(struct trove__unit *unit, struct trove__stream_node *node)
{
    struct trove__flight *flight = node->flight;
    uintptr_t tag = node->result.tag;
    unsigned state = NODE_WAITING;

    /* ACQ_REL [E3 state]: pairs with abandon(). */
    if (trove__cas_acq_rel(&node->state, &state, NODE_DELIVERED)) {
        trove__flight_result(flight, node->result.how, &node->result);
        node->result.tag = tag;
        node->failure = trove__failure_ref(flight->failure);
        trove__flight_leave(flight);
        push_answer(node);
    } else {
        struct trove_stream *stream = node->stream;
        free_node(node);
        stream_unref(stream);
    }
    trove__flight_unref(unit, flight);
}

struct trove__stream_node *trove__stream_deliver(struct trove__unit *unit,
                                                 struct trove__stream_node *nodes, unsigned limit)
{
    struct trove__stream_node *next;

    for (; nodes != NULL && limit > 0; nodes = next, limit--) {
        next = nodes->next;
        deliver(unit, nodes);
    }
    return nodes;
}

/* Leaves NODE to its flight. */
static void wait_for(struct trove__unit *unit, struct trove__stream_node *node)
{
    struct trove__flight *flight = node->flight;
    /* ACQUIRE [E2 nodes]: of a closed list, and so of the result. Pairs with trove__flight_complete(). */
    struct trove__stream_node *top = trove__load_acquire(&flight->nodes);

    /* RELAXED: the CAS below hands the node over. */
    trove__store_relaxed(&node->state, NODE_WAITING);
    do {
        if (top == TROVE__NODES_CLOSED) {
            deliver(unit, node);
            return;
        }
        node->next = top;
        /* ACQ_REL [E2 nodes]: hands over the node. Pairs with trove__flight_complete(). */
    } while (!trove__cas_acq_rel(&flight->nodes, &top, node));
}

/* --- adding ------------------------------------------------------------------------------------------------------- */

/* COUNT nodes linked by `next`, or NULL. */
static struct trove__stream_node *make_nodes(struct trove_stream *stream,
                                             const struct trove_want *wants, const uintptr_t *tags,
                                             size_t count)
{
    struct trove__stream_node *first = NULL, **tail = &first;

    for (size_t i = 0; i < count; i++) {
        struct trove__stream_node *node = trove__calloc(1, sizeof(*node));
        if (node == NULL) {
            free_nodes(first);
            return NULL;
        }
        node->stream = stream;
        node->want = wants[i];
        node->result.tag = tags != NULL ? tags[i] : 0;
        *tail = node;
        tail = &node->next;
    }
    return first;
}

/* Takes up to PUMP_SLICE nodes out of the backlog, which they still count for. */
static struct trove__stream_node *take_backlog(struct trove_stream *stream)
{
    struct trove__stream_node *first, *node;

    pthread_mutex_lock(&stream->lock);
    first = node = stream->first_backlog;
    for (unsigned i = 1; node != NULL && i < PUMP_SLICE && node->next != NULL; i++)
        node = node->next;
    if (node != NULL) {
        stream->first_backlog = node->next;
        node->next = NULL;
    }
    pthread_mutex_unlock(&stream->lock);
    return first;
}

/* Of the nodes taken, ADMITTED are on their way; NODES (may be NULL) go back to the front of the backlog. */
static void settle_backlog(struct trove_stream *stream, size_t admitted,
                           struct trove__stream_node *nodes)
{
    struct trove__stream_node *last = nodes;

    while (last != NULL && last->next != NULL)
        last = last->next;
    pthread_mutex_lock(&stream->lock);
    stream->backlog -= admitted;
    if (nodes != NULL) {
        last->next = stream->first_backlog;
        if (stream->first_backlog == NULL)
            stream->last_backlog = last;
        stream->first_backlog = nodes;
    }
    pthread_mutex_unlock(&stream->lock);
}

/* Answers NODE, which expected its object of a fetch that failed: from the cache, or with that failure. */
static void answer_after(struct trove_stream *stream, struct trove__stream_node *node)
{
    struct trove_object *object = trove__cache_find(stream->unit->cache, &node->want.id);

    if (object == NULL)
        node->failure = trove__failure_ref(stream->within->failure);
    answer(node, object != NULL ? 0 : stream->within->status, object);
}

/* Finds NODE its object or its flight. -EAGAIN: there is no flight for it now. */
static int admit(struct trove_stream *stream, struct trove__admission *admission,
                 struct trove__stream_node *node)
{
    struct trove__unit *unit = stream->unit;
    struct trove__ticket ticket;
    int r;

    if (stream->within != NULL && trove__fetch_failed_all(stream->within)) {
        answer_after(stream, node);
        return 0;
    }
    r = trove__admit(unit, admission, &node->want, &ticket);
    if (r == -EAGAIN)
        return r;
    if (r < 0 || ticket.object != NULL) {
        answer(node, r, r < 0 ? NULL : ticket.object);
        return 0;
    }
    node->flight = ticket.flight;
    node->result.how = ticket.how;
    wait_for(unit, node);
    return 0;
}

/* Admits a slice of the backlog; returns how many. *RET_MORE: all of the slice, so that another is worth a try. */
static size_t pump_slice(struct trove_stream *stream, struct trove__admission *admission,
                         bool *ret_more)
{
    struct trove__stream_node *node, *next;
    size_t admitted = 0;

    pthread_mutex_lock(&stream->pump_lock);
    for (node = take_backlog(stream); node != NULL; node = next, admitted++) {
        next = node->next;
        if (admit(stream, admission, node) == -EAGAIN)
            break;
    }
    settle_backlog(stream, admitted, node);
    pthread_mutex_unlock(&stream->pump_lock);
    *ret_more = node == NULL && admitted > 0;
    return admitted;
}

/* Admits what the backlog holds, as far as there are flights. True when it admitted anything. */
static bool pump(struct trove_stream *stream)
{
    struct trove__admission admission = {.lane = stream->lane, .within = stream->within};
    size_t admitted = 0;
    bool more = true;

    while (more)
        admitted += pump_slice(stream, &admission, &more);
    trove__admission_push(stream->unit, &admission);
    return admitted > 0;
}

static void enqueue(struct trove_stream *stream, struct trove__stream_node *nodes, size_t count)
{
    struct trove__stream_node *last = NULL;

    /* RELAXED: the caller has a reference. */
    trove__add_relaxed(&stream->references, (unsigned)count);
    pthread_mutex_lock(&stream->lock);
    for (struct trove__stream_node *node = nodes; node != NULL; node = node->next) {
        node->older = stream->youngest;
        if (node->older != NULL)
            node->older->younger = node;
        stream->youngest = node;
        last = node;
    }
    if (stream->first_backlog == NULL)
        stream->first_backlog = nodes;
    else
        stream->last_backlog->next = nodes;
    stream->last_backlog = last;
    stream->outstanding += count;
    stream->backlog += count;
    pthread_mutex_unlock(&stream->lock);
}

/* Between enter and leave the cache is there. -ECANCELED once it is shut down, or in a child of fork(). */
static int enter(struct trove_stream *stream)
{
    if (trove__unit_is_foreign(stream->unit) || !trove__unit_enter(stream->unit))
        return -ECANCELED;
    if (!trove__unit_is_closed(stream->unit))
        return 0;
    trove__unit_leave(stream->unit);
    return -ECANCELED;
}

int trove_stream_add(struct trove_stream *stream, const struct trove_want *wants,
                     const uintptr_t *tags, size_t count, const struct trove_until *until)
{
    struct trove__stream_node *nodes;
    int r;

    (void)until; /* what finds no flight waits in the backlog, the caller need not */
    if (trove__in_section())
        return -EDEADLK;
    if (count == 0)
        return 0;
    if (count > UINT32_MAX / 2)
        return -EINVAL;
    r = enter(stream);
    if (r < 0)
        return r;
    nodes = make_nodes(stream, wants, tags, count);
    if (nodes == NULL) {
        r = -ENOMEM;
    } else {
        enqueue(stream, nodes, count);
        pump(stream);
    }
    trove__unit_leave(stream->unit);
    return r;
}

/* --- taking ------------------------------------------------------------------------------------------------------- */

/* Moves delivered answers to the end of the queue, in their order. */
static void collect_locked(struct trove_stream *stream)
{
    /* SEQ_CST [E1 answer] [E4 event]: pairs with push_answer(). */
    struct trove__stream_node *node = trove__exchange_seq_cst(&stream->answers, NULL);
    struct trove__stream_node *reversed = NULL, *last = node, *next;

    for (; node != NULL; node = next) {
        next = node->next;
        node->next = reversed;
        reversed = node;
    }
    if (reversed == NULL)
        return;
    if (stream->first_answer == NULL)
        stream->first_answer = reversed;
    else
        stream->last_answer->next = reversed;
    stream->last_answer = last;
}

static void unlink_locked(struct trove_stream *stream, struct trove__stream_node *node)
{
    if (node->younger != NULL)
        node->younger->older = node->older;
    else
        stream->youngest = node->older;
    if (node->older != NULL)
        node->older->younger = node->younger;
}

enum { NOTHING_YET = -1 };

/* The next answer: 1 and *RET_NODE (own), 0 when none will come, or NOTHING_YET. */
static int take(struct trove_stream *stream, struct trove__stream_node **ret_node)
{
    struct trove__stream_node *node;
    bool last = false, starving = false;
    int r = NOTHING_YET;

    pthread_mutex_lock(&stream->lock);
    collect_locked(stream);
    node = stream->first_answer;
    if (node != NULL) {
        stream->first_answer = node->next;
        unlink_locked(stream, node);
        last = --stream->outstanding == 0;
        starving = stream->first_answer == NULL && !last;
        r = 1;
    } else if (stream->outstanding == 0) {
        r = 0;
    }
    pthread_mutex_unlock(&stream->lock);
    if (last) { /* others wait for an answer that will not come; SEQ_CST [E4 event]: as in push_answer() */
        trove__add_seq_cst(&stream->event, 1);
        if (trove__load_seq_cst(&stream->sleepers) != 0)
            trove__futex_wake(&stream->event, INT_MAX);
    }
    if (starving && trove__load_relaxed(&stream->sleepers) != 0) /* RELAXED: see set_hungry() */
        set_hungry(stream, true);
    *ret_node = node;
    return r;
}

static bool has_backlog(struct trove_stream *stream)
{
    bool has;

    pthread_mutex_lock(&stream->lock);
    has = stream->backlog != 0;
    pthread_mutex_unlock(&stream->lock);
    return has;
}

/* Sleeps until something may have happened since EVENT was SEEN: an answer, or a free flight for what has none. */
static int sleep_on(struct trove_stream *stream, unsigned seen, const struct trove_until *until)
{
    const struct trove__watch watch = {&stream->event, seen};
    int r;

    /* SEQ_CST [E4 event]: pairs with push_answer(); EVENT was read before the last look. */
    trove__add_seq_cst(&stream->sleepers, 1);
    set_hungry(stream, true);
    if (has_backlog(stream))
        r = trove__gather_wait_space(stream->unit, &watch, until);
    else
        r = trove__gather_wait(stream->unit, &watch, 1, until);
    if (trove__sub_relaxed(&stream->sleepers, 1) == 1) /* RELAXED: at worst one wake-up too many */
        set_hungry(stream, false);
    return r;
}

/* As take(), but waits. The failure of a wait comes back only after one more look. */
static int take_wait(struct trove_stream *stream, const struct trove_until *until,
                     struct trove__stream_node **ret_node)
{
    int waited = 0, r;

    for (;;) {
        /* SEQ_CST [E4 event]: read before the look. */
        unsigned seen = trove__load_seq_cst(&stream->event);
        r = take(stream, ret_node);
        if (r != NOTHING_YET)
            return r;
        if (waited < 0)
            return waited;
        if (has_backlog(stream) && pump(stream))
            continue;
        waited = sleep_on(stream, seen, until);
    }
}

void trove__count_answer(struct trove__unit *unit, const struct trove_result *result)
{
    if (result->status == 0 && result->how == TROVE_HIT)
        trove__unit_count(unit, TROVE__COUNT_HITS, 1);
    else
        trove__unit_count(unit, TROVE__COUNT_MISSES, 1);
    if (result->status == -ENOENT)
        trove__unit_count(unit, TROVE__COUNT_ABSENT, 1);
    else if (result->status != 0)
        trove__unit_count(unit, TROVE__COUNT_FAILED, 1);
    else if (result->how == TROVE_FETCHED)
        trove__unit_count(unit, TROVE__COUNT_FETCHED, 1);
    else if (result->how == TROVE_JOINED)
        trove__unit_count(unit, TROVE__COUNT_JOINED, 1);
    if (result->uncached)
        trove__unit_count(unit, TROVE__COUNT_UNCACHED, 1);
}

void trove__error_of(int status, const struct trove__failure *failure, struct trove_error *err)
{
    if (status < 0)
        trove_error_set(err, status, "%s",
                        failure != NULL && failure->message[0] != '\0' ? failure->message
                                                                       : trove_strerror(status));
}

int trove_stream_next(struct trove_stream *stream, const struct trove_until *until,
                      struct trove_result *ret, struct trove_error *err)
{
    struct trove__stream_node *node = NULL;
    int entered, r;

    if (trove__in_section())
        return trove_error_set(err, -EDEADLK, "would wait inside a read section");
    if (trove__fetcher_self() != NULL)
        return trove_error_set(err, -EDEADLK, "a source cannot wait for a stream");
    entered = enter(stream);
    if (entered == 0) {
        r = take_wait(stream, until, &node);
        if (r == 1)
            trove__count_answer(stream->unit, &node->result);
        trove__unit_leave(stream->unit);
    } else if (trove__unit_is_foreign(stream->unit)) {
        r = entered; /* a thread of the parent may hold the lock */
    } else {
        r = take(stream, &node); /* what was answered before is still there */
        if (r == NOTHING_YET)
            r = entered;
    }
    if (r < 0)
        return trove_error_set(err, r, "waiting for objects: %s", trove_strerror(r));
    if (r == 0)
        return 0;
    *ret = node->result;
    trove__pace_taken(&stream->unit->pace, bytes_of(node));
    node->result.object = NULL;
    trove__error_of(ret->status, node->failure, err);
    free_node(node);
    return 1;
}

/* --- closing ------------------------------------------------------------------------------------------------------ */

/* NODE was not taken. Delivered ones are freed with the stream's queue. */
static void abandon(struct trove_stream *stream, struct trove__stream_node *node)
{
    struct trove__unit *unit = stream->unit;
    struct trove__flight *flight = node->flight;
    unsigned state = NODE_IDLE;

    /* ACQ_REL [E3 state]: pairs with deliver(). */
    if (trove__cas_acq_rel(&node->state, &state, NODE_ABANDONED)) {
        free_node(node);
        stream_unref(stream);
        return;
    }
    /* While the node waits its flight is referenced; if it does not wait any more, this may be a reference on a later life
     * of the flight, which does no harm. */
    if (state != NODE_WAITING || !trove__flight_try_ref(flight))
        return;
    if (trove__cas_acq_rel(&node->state, &state, NODE_ABANDONED))
        trove__flight_leave(flight);
    trove__flight_unref(unit, flight);
}

/* Frees STREAM, but for what a request still owes it. */
static void forget(struct trove_stream *stream)
{
    struct trove__stream_node *node, *older;

    pthread_mutex_lock(&stream->lock);
    node = stream->youngest;
    stream->youngest = NULL;
    stream->first_backlog = NULL;
    pthread_mutex_unlock(&stream->lock);
    for (; node != NULL; node = older) {
        older = node->older;
        abandon(stream, node);
    }
    /* What a hanging request still owes keeps the stream; what was answered need not stay pinned so long. */
    free_answers(stream);
    stream_unref(stream);
}

void trove_stream_close(struct trove_stream *stream)
{
    struct trove__unit *unit;
    bool inside;

    if (stream == NULL || trove__unit_is_foreign(stream->unit))
        return; /* of the parent: its locks may be held for ever, its nodes belong to threads that are not here */
    unit = trove__unit_ref(stream->unit); /* the stream's may be the last */
    inside = trove__unit_enter(
        unit); /* else the cache is gone, and what is forgotten is counted nowhere */
    forget(stream);
    if (inside)
        trove__unit_leave(unit);
    trove__unit_unref(unit);
}
