// SPDX-License-Identifier: MIT
/*
 * room.h - the memory that a tracer (test_halted.c) shares with its subject (halted_subject.c), and how they talk.
 *
 * The tracer fills in what is to be played and starts the subject, another process. There the actor does one thing again and
 * again, and comes to the gate before each; the tracer lets it go on step by step. While somebody is halted the tracer
 * orders passes: in each, every other thread of the subject makes its calls once, to the end.
 */
#ifndef TROVE_TESTS_ROOM_H
#define TROVE_TESTS_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ROOM_OTHERS 2
#define ROOM_NUMBERS (1u << 21)
#define ROOM_FD 3 /* where the subject finds it */

/* What the actor does. */
enum act {
    ACT_PUT,           /* an object that is new */
    ACT_PUT_AGAIN,     /* one that is there */
    ACT_READ,          /* has, get, get_many in a section */
    ACT_RESOLVE,       /* an id that only the source has */
    ACT_RESOLVE_MANY,  /* four of them */
    ACT_STATS,         /* stats, is_empty */
    ACT_RESOLVE_START, /* as ACT_RESOLVE, started, and asked for until it is there */
    ACT_FREEZE,
    ACT_REPLACE,
    ACT_COUNT,
};

/* What the others do in one pass. */
enum pass {
    PASS_CALLS, /* has, get, get_many, put; resolve where a source is */
    PASS_FILL, /* put until there is no room, or until more was put than all bounds allow to wait */
    PASS_FULL, /* put until each put evicts */
    PASS_DRAIN, /* put until it goes well again, and what waited is free */
};

struct room {
    /* what is played; set before the subject starts */
    enum act act;
    bool source;         /* there is one, which has every object; the others resolve */
    bool waiter;         /* one more thread, who resolves what the actor puts or resolves */
    bool holds;          /* which the source holds back */
    bool bump;           /* the allocator of bump.h */
    bool keeps;          /* nothing is evicted: what was put stays */
    bool all;            /* of which one of the others looks for each in each pass */
    bool others_resolve; /* what is missing, too */
    bool others_replace; /* in each pass one of them, too */
    uint32_t object_bytes, objects; /* how large, and how many are put first */
    uint32_t requests_at_once;
    uint64_t max_bytes;

    /* futexes between the two processes */
    atomic_uint ready;    /* threads of the subject that are there */
    atomic_uint attached; /* the tracer holds the actor */
    atomic_uint order;    /* passes ordered */
    atomic_uint finished; /* threads that have made the pass */
    atomic_uint wanted;   /* what the waiter was told to do so often */
    atomic_uint waits;    /* and what it has begun */
    atomic_uint got;      /* and what it has ended */
    atomic_uint held;     /* requests at the source, which waits */
    atomic_uint let_go;   /* and until how many it has to */

    enum pass pass;
    bool same;                        /* the others put, too, or resolve what the actor does */
    atomic_uint is_done[ROOM_OTHERS]; /* the last pass that it made */
    pid_t actor, others[ROOM_OTHERS], waiter_tid;

    atomic_uint count;      /* objects have numbers below this */
    atomic_uint number;     /* the actor's */
    atomic_bool in_section; /* the actor is in a section of its own */
    atomic_bool over;       /* the actor is to end */
    uint64_t deferred_max;

    /* what was seen */
    atomic_ulong calls, overfulls, resolves, replacements;
    atomic_bool fill_was_refused;
    atomic_bool is_wrong;
    char wrong[160];

    atomic_uchar there[ROOM_NUMBERS]; /* was put, and somebody knows it */
};

#endif
