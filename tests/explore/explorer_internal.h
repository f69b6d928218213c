// SPDX-License-Identifier: MIT
/*
 * explorer_internal.h - what the explorer's files share. See explorer.h.
 */
#ifndef TROVE_TESTS_EXPLORER_INTERNAL_H
#define TROVE_TESTS_EXPLORER_INTERNAL_H

#include "explorer.h"
#include <ucontext.h>

#define WORDS_MAX 8
#define THREADS (EXPLORER_THREADS + 1) /* 0 is the test's own: setup and check */

/* How many steps of each thread one knows of. */
struct clock {
    uint16_t at[THREADS];
};

/* What a thread, or whoever acquires a store, must see. */
struct view {
    struct clock before; /* what happened before */
    struct clock seen;   /* and what loads must not go behind, because of seq_cst fences */
    uint32_t stores;     /* seq_cst stores up to this one, because of seq_cst fences */
};

enum thread_state { READY, ASLEEP, DONE };

struct thread {
    ucontext_t context;
    enum thread_state state;
    /* ASLEEP: on words, until a deadline; for a grace period; or until another thread stores something. */
    const void *words[WORDS_MAX];
    unsigned word_count;
    bool has_deadline, timed_out;
    uint32_t late_at;   /* the step of its last time-out, or yield */
    bool is_helper;     /* started by the case: it may be asleep at the end */
    unsigned joined_by; /* who sleeps until it ends; 0: nobody */
    void *(*start)(void *context);
    void *start_context;
    uint64_t stores_before; /* yielded when there were so many; 0: did not */
    unsigned waits_for;     /* whose sections, one bit a thread */
    /* sections */
    unsigned depth;
    struct clock left; /* the last section's end */
    struct clock grace;
    /* memory */
    struct view view;
    struct view released; /* at the last release fence */
    bool has_released;
    struct view pending; /* what an acquire fence would acquire */
};

/* The run that is under way. */
struct run {
    const struct explorer_case *one;
    struct explorer_bounds bounds;
    void *context;
    struct thread threads[THREADS];
    unsigned current;
    bool checking;
    bool verbose;
    unsigned preemptions, stale, again;
    uint32_t step;
    uint64_t stores;
    uint64_t number; /* of the run, never 0 */
};
extern struct run run;

static inline struct thread *self(void)
{
    return &run.threads[run.current];
}

static inline bool in_thread(void)
{
    return run.current != 0;
}

static inline void clock_join(struct clock *clock, const struct clock *other)
{
    for (unsigned i = 0; i < THREADS; i++)
        if (other->at[i] > clock->at[i])
            clock->at[i] = other->at[i];
}

static inline bool clock_knows(const struct clock *clock, const struct clock *other)
{
    for (unsigned i = 0; i < THREADS; i++)
        if (other->at[i] > clock->at[i])
            return false;
    return true;
}

static inline void view_join(struct view *view, const struct view *other)
{
    clock_join(&view->before, &other->before);
    clock_join(&view->seen, &other->seen);
    if (other->stores > view->stores)
        view->stores = other->stores;
}

/* --- explorer.c ----------------------------------------------------------------------------------------------------- */

/* One of COUNT alternatives; 0 is what comes first. KIND tells them apart in a replay. */
unsigned choose(char kind, unsigned count);
/* Before an access: may let another thread go first. Places are numbers of words (plain_memory.c). */
void schedule_point(uint32_t place, bool writes);
/* The current thread cannot go on: its state is set. */
void switch_away(void);
/* The end of a step of the current thread. */
void tick(void);
/* A thread that the case starts; returns its number. What it may see is what the current thread has seen. */
unsigned start_helper(void *(*start)(void *context), void *context);
void complain(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- explored_locals.c ---------------------------------------------------------------------------------------------- */

void local_begin(void);
void local_exchange(unsigned before, unsigned next);
/* The current thread comes to its end. */
void local_end(void);

/* --- weak_memory.c -------------------------------------------------------------------------------------------------- */

struct location;

void weak_memory_begin(void);
/* May the current thread free or overwrite a word, or read it as plain memory? */
bool location_is_settled(const struct location *location, bool for_write);
void location_forget(uint32_t place);
struct location *location_find(uint32_t place);
uint64_t newest_value(const void *word, unsigned size);

/* --- plain_memory.c ------------------------------------------------------------------------------------------------- */

#define ARENA_BYTES ((size_t)5 << 18)
#define STATICS 64
enum { PLACE_FENCES = ARENA_BYTES + STATICS, PLACE_SECTIONS, PLACES };

void plain_memory_begin(void);
/* A number for the word at ADDRESS, the same in each run. */
uint32_t place_of(const void *address);
/* The memory of the word is there, its making and its plain accesses happened before. */
void check_word(const void *word, unsigned size, bool writes, uint32_t *ret_made_by,
                uint32_t *ret_made_at);

/* --- explored_kernel.c ---------------------------------------------------------------------------------------------- */

void explored_kernel_begin(void);

#endif
