// SPDX-License-Identifier: MIT
/*
 * queue.c - a lock-free queue of objects: linked segments of cells, handed out by tickets.
 *
 * INVARIANTS
 *   I1 A cell goes EMPTY -> object -> TAKEN, or EMPTY -> TAKEN, and never back.
 *   I2 An object pushed is popped at most once: the exchange that takes its cell decides.
 *   I3 A segment that is retired is not reachable from head or tail any more.
 *   I4 Segments of a queue have different numbers, so a stripe's tickets are of the segment they name, and each ticket is
 *      in one stripe once.
 *
 * ROLES     Any thread pushes and pops, inside sections.
 *
 * PROTOCOL  push: a ticket of the tail segment (one addition), then a compare-and-swap of that cell from EMPTY. Lost to a
 *           popper that would not wait: another ticket. Past the last cell: link a new segment with the object in its
 *           first cell, or follow the one that is linked.
 *           In a large cache a pusher takes a line of tickets at once, and its stripe keeps those that are left, with the
 *           number of the segment that they are of; when that is the tail no more they are forgotten, and poppers find
 *           their cells EMPTY. So pushers meet once in a while, and each has a line of cells for itself.
 *           pop: a ticket of the head segment, then an exchange of that cell to TAKEN. EMPTY came out: its pusher was
 *           slow and takes another ticket; so does the popper. Past the last cell: move tail off this segment (I3), then
 *           head; who moves head retires the segment.
 *
 * EDGES
 *   E1 push-cell     trove__queue_push() release -> trove__queue_pop(), trove__queue_peek() acquire     the pusher's writes to the object
 *   E2 link-segment  link_segment() release -> tail_of(), leave_segment(), trove__queue_peek()          the new segment's cells
 *
 * PROGRESS  lock-free: a retry means that another ticket was served, or a segment linked. No thread waits for another: a
 *           pusher stopped between ticket and cell loses the cell, nobody else loses anything.
 * LIMITS    A queue holds at least one segment. Cells that were poisoned or forgotten stay unused. Where tickets are taken by the
 *           line, first in first out holds for each pusher by itself, and among pushers but for less than a segment.
 * TESTS     tests/stepped/test_stopped_cache.c (a pusher and popper stopped at each step, also while segments come and
 *           go), tests/stress/test_cache_stress.c, by what the evictor finds.
 * SOURCES   Correia, Ramalhete: FAAArrayQueue. Yang, Mellor-Crummey: A wait-free queue as fast as fetch-and-add.
 */
#include "core/queue.h"
#include "core/memory.h"
#include <errno.h>

#define TAKEN ((uintptr_t)1)

struct trove__segment {
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong pushed; /* tickets given to pushers */
    _Alignas(TROVE__FALSE_SHARING_BYTES) atomic_ulong popped; /* and to poppers */
    _Alignas(TROVE__FALSE_SHARING_BYTES) _Atomic(struct trove__segment *) next;
    struct trove__retired retired;
    struct trove__budget *budget;
    uint64_t number;
    _Alignas(TROVE__FALSE_SHARING_BYTES)
        atomic_ulong cells[TROVE__SEGMENT_CELLS]; /* 0, an object's address, or TAKEN */
};

_Static_assert(sizeof(struct trove__segment) <= 4096, "a segment fits a page");

size_t trove__segment_bytes(void)
{
    return trove__sized_usable(sizeof(struct trove__segment), _Alignof(struct trove__segment));
}

static void segment_free(struct trove__segment *segment)
{
    struct trove__budget *budget = segment->budget;

    trove__sized_free(segment, sizeof(*segment), _Alignof(struct trove__segment));
    trove__budget_unreserve(budget, trove__segment_bytes());
}

static void segment_free_retired(struct trove__retired *retired)
{
    segment_free(
        (struct trove__segment *)((char *)retired - offsetof(struct trove__segment, retired)));
}

/* A charged segment, or NULL: no room in the budget, or no memory. */
static struct trove__segment *segment_create(struct trove__reclaim *reclaim)
{
    struct trove__segment *segment;

    if (!trove__budget_reserve(reclaim->budget, trove__segment_bytes()))
        return NULL;
    segment = trove__sized_alloc(sizeof(*segment), _Alignof(struct trove__segment));
    if (segment == NULL) {
        trove__budget_unreserve(reclaim->budget, trove__segment_bytes());
        return NULL;
    }
    atomic_init(&segment->pushed, 0);
    atomic_init(&segment->popped, 0);
    atomic_init(&segment->next, NULL);
    segment->retired.free = segment_free_retired;
    segment->budget = reclaim->budget;
    for (unsigned i = 0; i < TROVE__SEGMENT_CELLS; i++)
        atomic_init(&segment->cells[i], 0);
    return segment;
}

int trove__queue_init(struct trove__queue *queue, struct trove__reclaim *reclaim, unsigned batch,
                      long slack)
{
    struct trove__segment *first = segment_create(reclaim);

    if (first == NULL)
        return -ENOMEM;
    first->number = 0;
    queue->reclaim = reclaim;
    queue->batch = batch;
    atomic_init(&queue->tail, first);
    atomic_init(&queue->head, first);
    trove__sum_init(&queue->bytes, slack);
    for (unsigned s = 0; s < TROVE__COUNTER_STRIPES; s++)
        atomic_init(&queue->pushers[s].tickets, 0);
    return 0;
}

void trove__queue_deinit(struct trove__queue *queue)
{
    struct trove__segment *segment =
        trove__load_relaxed(&queue->head); /* RELAXED: nobody else is here */

    while (segment != NULL) {
        struct trove__segment *next = trove__load_relaxed(&segment->next); /* RELAXED: as above */

        segment_free(segment);
        segment = next;
    }
}

static struct trove__segment *tail_of(const struct trove__queue *queue)
{
    /* ACQUIRE [E2 link-segment]: pairs with link_segment(). */
    return trove__load_acquire(&queue->tail);
}

/* A stripe's tickets in one word: their segment's number, and the next of them. A line begins at a multiple of the batch, and
 * what is there when the next would be is nothing. */
#define NEXT_BITS 16
#define NEXT_MASK (((uint64_t)1 << NEXT_BITS) - 1)

_Static_assert(TROVE__SEGMENT_CELLS <= NEXT_MASK, "a ticket fits its bits");

/* TICKET, of segment NUMBER, is used; what follows it in its line is for this stripe. */
static void keep_tickets(struct trove__queue *queue, uint64_t number, uint64_t ticket)
{
    if (queue->batch > 1)
        /* RELAXED: what another thread of the stripe had left there is forgotten. */
        trove__store_relaxed(&queue->pushers[trove__thread_stripe()].tickets,
                             number << NEXT_BITS | (ticket + 1));
}

/* A ticket of TAIL: this stripe's next, or the first of another line, which may be past the last cell. */
static uint64_t take_ticket(struct trove__queue *queue, struct trove__segment *tail)
{
    atomic_ulong *own = &queue->pushers[trove__thread_stripe()].tickets;
    unsigned long word;
    uint64_t ticket;

    if (queue->batch > 1) {
        word = trove__load_relaxed(own); /* RELAXED, all: the cell hands over */
        while (word >> NEXT_BITS == tail->number && (word & (queue->batch - 1)) != 0)
            if (trove__cas_relaxed(own, &word, word + 1))
                return word & NEXT_MASK;
    }
    ticket = trove__add_relaxed(&tail->pushed, queue->batch);
    if (ticket < TROVE__SEGMENT_CELLS)
        keep_tickets(queue, tail->number, ticket);
    return ticket;
}

/* Links a segment that holds OBJECT behind TAIL. 0; -EAGAIN: there is one now, not ours; -ENOMEM. */
static int link_segment(struct trove__queue *queue, struct trove__segment *tail,
                        struct trove_object *object)
{
    struct trove__segment *fresh = segment_create(queue->reclaim), *none = NULL;

    if (fresh == NULL)
        return -ENOMEM;
    fresh->number = tail->number + 1;
    atomic_init(&fresh->cells[0], (uintptr_t)object);
    atomic_init(&fresh->pushed, queue->batch);
    /* ACQ_REL [E2 link-segment], [E1 push-cell]: hands over the cells; pairs with tail_of() and leave_segment(). */
    if (trove__cas_acq_rel(&tail->next, &none, fresh)) {
        /* RELEASE [E2 link-segment]. Failure: somebody moved it on already. */
        trove__cas_release(&queue->tail, &tail, fresh);
        keep_tickets(queue, fresh->number, 0);
        return 0;
    }
    segment_free(fresh); /* nobody has seen it */
    return -EAGAIN;
}

int trove__queue_push(struct trove__queue *queue, struct trove_object *object)
{
    int r;

    for (;;) {
        struct trove__segment *tail = tail_of(queue), *next;
        uint64_t ticket = take_ticket(queue, tail);
        unsigned long empty = 0;

        if (ticket < TROVE__SEGMENT_CELLS) {
            /* RELEASE [E1 push-cell]: pairs with ACQUIRE in trove__queue_pop(). */
            if (trove__cas_release(&tail->cells[ticket], &empty, (uintptr_t)object))
                return 0;
            continue;
        }
        next = trove__load_acquire(&tail->next); /* [E2 link-segment] */
        if (next != NULL) {
            trove__cas_release(&queue->tail, &tail,
                               next); /* [E2 link-segment]; failure: it is on its way */
            continue;
        }
        r = link_segment(queue, tail, object);
        if (r != -EAGAIN)
            return r;
    }
}

/* HEAD is used up: on to the next segment. False when there is none. */
static bool leave_segment(struct trove__queue *queue, struct trove__segment *head)
{
    struct trove__segment *next = trove__load_acquire(&head->next); /* [E2 link-segment] */
    struct trove__segment *tail = head, *seen = head;

    if (next == NULL)
        return false;
    /* RELEASE [E2 link-segment], both: first tail, then head, so that a retired segment cannot be reached (I3). */
    trove__cas_release(&queue->tail, &tail, next);
    if (trove__cas_release(&queue->head, &seen, next))
        trove__reclaim_memory(queue->reclaim, &head->retired);
    return true;
}

struct trove_object *trove__queue_pop(struct trove__queue *queue)
{
    for (;;) {
        struct trove__segment *head = trove__load_acquire(&queue->head); /* [E2 link-segment] */
        /* RELAXED, all: tickets; an empty queue seen a moment too early is an answer too. */
        uint64_t ticket = trove__load_relaxed(&head->popped), cell;

        if (ticket >= trove__load_relaxed(&head->pushed) &&
            trove__load_acquire(&head->next) == NULL) /* [E2 link-segment] */
            return NULL;
        ticket = trove__add_relaxed(&head->popped, 1);
        if (ticket >= TROVE__SEGMENT_CELLS) {
            if (!leave_segment(queue, head))
                return NULL;
            continue;
        }
        /* ACQUIRE [E1 push-cell]: pairs with RELEASE in trove__queue_push(). */
        cell = trove__exchange_acquire(&head->cells[ticket], TAKEN);
        if (cell != 0)
            return (struct trove_object *)cell;
    }
}

struct trove_object *trove__queue_peek(const struct trove__queue *queue, unsigned ahead)
{
    struct trove__segment *head = trove__load_acquire(&queue->head); /* [E2 link-segment] */
    uint64_t ticket = trove__load_relaxed(&head->popped) + ahead;    /* RELAXED: a guess */
    uintptr_t cell;

    if (ticket >= TROVE__SEGMENT_CELLS)
        return NULL;
    cell = trove__load_acquire(&head->cells[ticket]); /* [E1 push-cell] */
    return cell == TAKEN ? NULL : (struct trove_object *)cell;
}

static uint64_t tickets(atomic_ulong *given)
{
    uint64_t count = trove__load_relaxed(given); /* RELAXED: what comes meanwhile does not count */

    return count < TROVE__SEGMENT_CELLS ? count : TROVE__SEGMENT_CELLS;
}

uint64_t trove__queue_cells(struct trove__queue *queue)
{
    struct trove__segment *segment = trove__load_acquire(&queue->head); /* [E2 link-segment] */
    uint64_t cells = 0;

    for (; segment != NULL; segment = trove__load_acquire(&segment->next)) { /* [E2 link-segment] */
        uint64_t popped = tickets(&segment->popped), pushed = tickets(&segment->pushed);

        cells += pushed > popped ? pushed - popped : 0;
    }
    return cells;
}

uint64_t trove__queue_segments(struct trove__queue *queue)
{
    struct trove__segment *segment = trove__load_acquire(&queue->head); /* [E2 link-segment] */
    uint64_t count = 0;

    for (; segment != NULL; segment = trove__load_acquire(&segment->next)) /* [E2 link-segment] */
        count++;
    return count;
}
