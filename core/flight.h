// SPDX-License-Identifier: MIT
/*
 * flight.h - one missing id on its way: who waits for it, what came of it.
 *
 * The protocol is told in flight.c, the pool in flight_pool.c, the table in flight_table.c, the way here in admission.c.
 */
#ifndef TROVE_CORE_FLIGHT_H
#define TROVE_CORE_FLIGHT_H

#include "core/order.h"
#include <trove/cache.h>

struct trove__unit;
struct trove__failure;
struct trove__interest;
struct trove__fetcher;
struct trove__stream_node;
struct trove__watch;

/* The last four are decided; nothing changes them any more, but FOUND becomes LEFT. */
enum trove__phase {
    TROVE__FLIGHT_NEW,      /* in the table, not yet pushed by its leader */
    TROVE__FLIGHT_GATHERED, /* on a gather stack */
    TROVE__FLIGHT_PARKED,   /* waits for the objects of a running fetch */
    TROVE__FLIGHT_SENT,     /* in a request */
    TROVE__FLIGHT_FOUND,
    TROVE__FLIGHT_FAILED,
    TROVE__FLIGHT_DROPPED, /* nobody waited, never sent */
    TROVE__FLIGHT_LEFT,    /* was found, and all who waited have it: its object is let go */
};

/* Interactive misses leave before prefetched ones. */
enum trove__lane { TROVE__INTERACTIVE, TROVE__PREFETCH, TROVE__LANES };

/* The futex word of a flight. */
enum { TROVE__PENDING = 0, TROVE__PENDING_SLEEPERS = 1, TROVE__TERMINAL = 2 };

/* An entry of a gather stack; holds a reference on its flight. */
struct trove__gather_node {
    struct trove__gather_node *next;
    struct trove__flight *flight;
    int64_t queued_ns; /* when a fetch thread put it in line */
};

struct trove__flight {
    /* Read by strangers who hold no reference: flight_table.c. `id` and `hash` change only while `references` is 0. */
    _Alignas(TROVE__LINE_BYTES) atomic_ulong next; /* link word */
    atomic_ulong hash;
    atomic_ulong id[4];
    atomic_uint references;
    atomic_uint state; /* phase, and the number of waiters */

    /* The rest belongs to those who hold a reference. */
    _Alignas(TROVE__LINE_BYTES) atomic_uint word; /* futex */
    atomic_uint lane;
    atomic_uint next_free; /* of the pool */
    uint32_t index;        /* in the pool, from 1; never changes */
    enum trove_type type;
    const struct trove_fetch *within; /* its leader's; to be compared only, as it may be gone */
    uint64_t span, tag;  /* its leader's: the span it began in, and what errors carry */
    atomic_long sent_ns; /* when its request began; 0: it is in none */
    struct trove__interest
        *interest; /* referenced; of its request, for who sees that it is watched */

    /* The result: written by the thread that decided, before `word` is terminal. */
    int status;
    bool uncached;
    int64_t done_ns;                /* when it was decided */
    struct trove_object *object;    /* pinned */
    struct trove__failure *failure; /* referenced; may be NULL also when status is not 0 */

    _Atomic(struct trove__stream_node *) nodes; /* asynchronous waiters; closed once decided */
    struct trove__gather_node own_node;         /* the leader's, in one list at most */
    struct trove__fetcher *owner;               /* who sent it; under the graph lock of cycle.c */
    struct trove__flight *next_dispatch;        /* of the dispatcher */
    struct trove__stream_node *undelivered;     /* of the dispatcher */
};

/* --- flight_pool.c: type-stable memory ------------------------------------------------------------------------------ */

#define TROVE__FLIGHTS_MAX (1u << 24)
#ifndef TROVE__POOL_CHUNK /* a test may have smaller ones */
#define TROVE__POOL_CHUNK 64
#endif

struct trove__flight_pool {
    uint32_t max;
    uint32_t chunk_count;
    _Atomic(struct trove__flight *)
        *chunks; /* each of TROVE__POOL_CHUNK flights, made when first needed */
    _Alignas(TROVE__FALSE_SHARING_BYTES)
        atomic_ulong free; /* stack of free flights: index and version */
    atomic_uint used;      /* indices ever handed out */
    _Alignas(TROVE__FALSE_SHARING_BYTES)
        atomic_uint space; /* futex: counts frees while somebody waits for one */
    atomic_uint space_waiters;
};

int trove__flight_pool_init(struct trove__flight_pool *pool, uint32_t max); /* 0, -ENOMEM */
void trove__flight_pool_deinit(struct trove__flight_pool *pool);

/* A flight with no references, whose content is what its last life left. 0, -ENOMEM, -EAGAIN (all are in use). */
int trove__flight_pool_take(struct trove__flight_pool *pool, struct trove__flight **ret_flight);
void trove__flight_pool_give(struct trove__flight_pool *pool, struct trove__flight *flight);
/* INDEX was handed out once, so its memory is there until deinit. */
struct trove__flight *trove__flight_pool_at(struct trove__flight_pool *pool, uint32_t index);
/* The highest index that was handed out, by those that the caller is ordered after, and perhaps others. */
uint32_t trove__flight_pool_used(struct trove__flight_pool *pool);

/* For those who wait for a free flight, between watch and unwatch. watch: false when one is free already; else
 * *RET_WATCH changes when one may be. */
bool trove__flight_pool_watch(struct trove__flight_pool *pool, struct trove__watch *ret_watch);
void trove__flight_pool_unwatch(struct trove__flight_pool *pool);
/* Wakes them, to see that the unit is closed. */
void trove__flight_pool_wake_all(struct trove__flight_pool *pool);

/* --- flight_table.c: at most one flight of an id ------------------------------------------------------------------ */

struct trove__flight_table {
    atomic_ulong *heads;
    size_t head_count;
    unsigned shift;
};

int trove__flight_table_init(struct trove__flight_table *table, uint32_t flights_max);
void trove__flight_table_deinit(struct trove__flight_table *table);

/* The flight of ID, referenced, or NULL. Lock-free. */
struct trove__flight *trove__flight_find(struct trove__unit *unit, const struct trove_oid *id);
/* Adds FLIGHT if no flight of its id is there, in one step. False: there is one. */
bool trove__flight_insert(struct trove__unit *unit, struct trove__flight *flight);
/* Takes FLIGHT out, whoever else does so too. The caller has a reference. */
void trove__flight_remove(struct trove__unit *unit, struct trove__flight *flight);

/* --- flight.c: the protocol --------------------------------------------------------------------------------------- */

/* A flight for WANT, in nobody's sight, with one waiter and two references: the table's and the caller's. */
int trove__flight_create(struct trove__unit *unit, const struct trove_want *want, uint64_t hash,
                         enum trove__lane lane, struct trove__flight **ret_flight);

bool trove__flight_try_ref(struct trove__flight *flight); /* false: it is free */
void trove__flight_ref(struct trove__flight *flight);
void trove__flight_unref(struct trove__unit *unit, struct trove__flight *flight);

enum trove__phase trove__flight_phase(const struct trove__flight *flight);
unsigned trove__flight_waiters(const struct trove__flight *flight);
struct trove_oid trove__flight_id(const struct trove__flight *flight);

/* One more waiter. False: decided without an object; take it out of the table and start over. */
bool trove__flight_join(struct trove__flight *flight);
/* One waiter less, who has read the result if there is one; the reference stays. */
void trove__flight_leave(struct trove__flight *flight);

/* NEW or PARKED becomes GATHERED or PARKED, unless somebody was faster. */
void trove__flight_moved(struct trove__flight *flight, enum trove__phase from,
                         enum trove__phase to);
/* The right to send: true once in a flight's life, and only while somebody waits. Otherwise, when nobody waits for the
 * unsent flight, it is DROPPED and out of the table. */
bool trove__flight_send(struct trove__unit *unit, struct trove__flight *flight);

/* Of a sent flight nobody waits for: DROPPED and out of the table, true. For the thread that sent it. */
bool trove__flight_drop(struct trove__unit *unit, struct trove__flight *flight);

/* From here on INTEREST, of which the caller has a reference for FLIGHT, is told of FLIGHT's waiters; once in a flight's life. The
 * result says whether somebody waits now. */
enum trove__watched {
    TROVE__WATCHED_AWAITED,
    TROVE__WATCHED_LEFT,
    TROVE__WATCHED_DECIDED, /* it is not watched, the reference is still the caller's */
};
enum trove__watched trove__flight_watch(struct trove__flight *flight,
                                        struct trove__interest *interest);

/* Decides FLIGHT: STATUS 0 with OBJECT (own, consumed), or a negative errno with FAILURE (borrowed, may be NULL), then
 * wakes who waits. Fetch threads, dispatcher and shutdown only. False: it was decided already (OBJECT is unpinned). */
bool trove__flight_complete(struct trove__unit *unit, struct trove__flight *flight, int status,
                            struct trove_object *object, bool uncached,
                            struct trove__failure *failure);

bool trove__flight_is_done(const struct trove__flight *flight);
/* Sleeps until FLIGHT is done. 0, -ETIMEDOUT, -ECANCELED, or why no fetch thread can be started; a result beats them. */
int trove__flight_wait(struct trove__unit *unit, struct trove__flight *flight,
                       const struct trove_until *until);

/* Copies the result of a done FLIGHT, the object pinned once more. */
void trove__flight_result(struct trove__flight *flight, enum trove_how how,
                          struct trove_result *ret);

#endif
