// SPDX-License-Identifier: MIT
/*
 * halted.h - a play: what is done by the thread that is halted, where it is halted, and what the others do meanwhile.
 */
#ifndef TROVE_TESTS_HALTED_H
#define TROVE_TESTS_HALTED_H

#include "tracer.h"

struct play {
    const char *name;
    enum act act;
    bool source, waiter, bump, keeps, all, others_replace; /* as in struct room */
    bool same; /* with ONCE: the others put, too, or resolve what the actor does */
    /* The first thread that the actor starts is halted, not the actor: the reclaimer, or a fetch thread. */
    bool born;
    bool everywhere; /* also outside of libtrove: allocator, hash, C library */
    bool full;       /* each put evicts, from the beginning */
    bool cold;       /* no pass before the first act: nobody has started any thread yet */
    uint32_t object_bytes, objects;
    uint64_t max_bytes;
    /* ONCE: halted once in each act, another time at another instruction, and then goes on at full speed (with FILL: the
     * others go on until there is no room; with a waiter: that must get its answer). At every STRIDE-th different
     * instruction, which a debug register reaches at once; with TROVE_LONG at every one, and then at every third of all
     * that an act executes, reached step by step.
     * Else halted in each of ACTS at each instruction when it is met first, and at every STRIDE-th, each time with another
     * offset; with TROVE_LONG in as many acts as it takes to be halted at every one. STRIDE is long and a prime: somebody
     * who is disturbed in each turn of a loop need not ever leave it. */
    bool once, fill;
    unsigned stride, acts;
    uint64_t
        steps_max; /* of a thread that never ends its work. TROVE_LONG: ten times; four times in a debug build */
    const char *run_from;      /* and it runs at full speed to this function before the first */
    const char *functions[12]; /* of libtrove, in which it must have been halted */
    const char *program;       /* NULL: the library as it is */
    bool stuck;                /* the others cannot go on, which must be noticed */
};

/* Plays it and says what was done. */
void play(const struct play *play);

#endif
