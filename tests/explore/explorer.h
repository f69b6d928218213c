// SPDX-License-Identifier: MIT
/*
 * explorer.h - runs a small case in every order that its bounds allow, with every value that C11 lets a load return.
 *
 * WHAT
 *   A case is a few threads that use core/, explored.h before it. Each run makes the case anew; the runs together are a
 *   depth-first search over choices: which thread goes next, and which store a load reads.
 *
 * THREADS   Coroutines of one thread of the system, so nothing moves by itself, and a run repeats exactly. A choice which
 *           thread goes next is made before each access to a word that another thread uses too, at least one of them
 *           writing. Which words these are is learnt: a run that finds one more starts the search again. Leaving a thread
 *           that could go on is a preemption; runs have at most bounds.preemptions. Ends and sleeps are no preemptions.
 * LOADS     Each word has the list of its stores, in the order in which they were made. A load may return any of them but
 *           what coherence forbids (older than one that happened before, or than one that was read before) and what
 *           seq_cst forbids. At most bounds.stale loads of a run return another store than the newest, and as
 *           many again twice the same one.
 *           A strong compare-and-swap that fails is a load like any other; one that succeeds reads the newest.
 *   happens before   vector clocks. Release and acquire, release sequences (read-modify-writes only, as since C++20; C11's
 *           stores of the same thread do not prolong one), acquire and release fences.
 *   seq_cst   Its one order is the order of the run; the search tries the others. Fences and accesses obey what C++20
 *           says, which mends C11: a load after a fence sees what happened before an earlier fence, and the seq_cst
 *           stores before the fence; a seq_cst load sees the last seq_cst store to the word, and what happened before an
 *           earlier fence. Fences do not make anything else happen before.
 *   NOT       A load never returns a store that is made later in the run (load buffering), and a word's stores are ordered
 *           as they are made (so not all of what C11 allows for two threads that store to two words crosswise, when
 *           nobody reads in between). Both need compilers or processors that delay a load, or exchange stores to words
 *           that more than one thread stores to.
 * FAILURES  What the case asserts. A plain access that races with another access. Any access to memory that is free, or
 *           not allocated, or whose making did not happen before. Freeing what somebody may still use. All threads asleep;
 *           a run without end. Memory is not used again within a run, so all of this is seen whatever the order.
 * REPLAY    A failure comes with its choices as text; explorer_replay() does the same run and prints each access.
 */
#ifndef TROVE_TESTS_EXPLORER_H
#define TROVE_TESTS_EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORER_THREADS 4

struct explorer_case {
    const char *name;
    size_t bytes; /* of the context, zeroed for each run */
    void (*setup)(void *context);
    void (*threads[EXPLORER_THREADS])(void *context);
    void (*check)(void *context); /* when all have ended. May be NULL */
    bool endless;  /* deadlines never come: who sleeps is woken, or it is a failure */
    uint64_t runs; /* a search is cut off after so many, but for TROVE_LONG; 0: never */
};

struct explorer_bounds {
    unsigned preemptions, stale;
    uint64_t runs; /* gives up after so many; 0: never */
};

struct explorer_result {
    bool failed;
    bool gave_up;
    uint64_t runs;
    uint64_t accesses;
    char why[160];
    char choices[160]; /* for explorer_replay() */
};

struct explorer_result explorer_run(const struct explorer_case *one, struct explorer_bounds bounds);
struct explorer_result explorer_replay(const struct explorer_case *one, const char *choices);

/* In threads and checks: ends the run as a failure. */
void explorer_fail(const char *why);
#define EXPLORER_TEXT(text) #text
#define EXPLORER_WHERE(line) EXPLORER_TEXT(line)
#define explorer_assert(condition)                                                                 \
    ((condition) ? (void)0 : explorer_fail("line " EXPLORER_WHERE(__LINE__) ": " #condition))

/* In checks: VALUE is how this run ended. What all runs of the last search said, in the order in which it came up. */
void explorer_outcome(uint64_t value);
unsigned explorer_outcomes(const uint64_t **ret_values);

/* Memory of the run, as trove's own (explorer.c sets the allocator). */
void *explorer_alloc(size_t size, size_t align);
void explorer_free(void *memory);
bool explorer_is_free(const void *memory);

/* What grace periods do in the model: nothing, for a mutant. */
void explorer_skip_grace_periods(bool skip);

#endif
