// SPDX-License-Identifier: MIT
/*
 * ordered_internal.h - what the files of the order share: its slots, and the writing thread's steps.
 */
#ifndef TROVE_GREP_ORDERED_INTERNAL_H
#define TROVE_GREP_ORDERED_INTERNAL_H

#include "ordered.h"
#include <pthread.h>

enum trove__slot_state {
    TROVE__SLOT_FREE,
    TROVE__SLOT_OPEN,
    TROVE__SLOT_TEXT,
    TROVE__SLOT_LATER,
    TROVE__SLOT_FAILED
};

struct trove__slot {
    enum trove__slot_state state;
    struct trove__aside_list aside; /* TROVE__SLOT_TEXT, TROVE__SLOT_FAILED: before the text */
    struct trove__text text;
    void *later;             /* TROVE__SLOT_LATER */
    struct trove_error *err; /* TROVE__SLOT_FAILED; NULL when there was no memory for it */
};

struct trove__ordered {
    struct trove__ordered_options options;
    struct trove__aside *aside;
    pthread_mutex_t lock; /* all below, but for the buffer */
    pthread_cond_t moved; /* head, stopped or writing changed */
    uint64_t head, next;
    size_t window, held;
    bool writing, stopped;
    struct trove_error failure; /* code 0: stopped successfully */
    /* The writing thread's. */
    bool earlier; /* lines were shown */
    size_t buffered;
    char *buffer;
    struct trove__slot slots[];
};

static inline struct trove__slot *trove__ordered_slot(struct trove__ordered *ordered,
                                                      uint64_t number)
{
    return &ordered->slots[number % ordered->options.window];
}

/* What is due leaves, also what became due meanwhile. Called with the lock held, returns without. */
void trove__ordered_drain_unlock(struct trove__ordered *ordered, void *worker);

/* For the thread that set `writing`: buffers what was put aside and then TEXT, without ending it: what it has shown is not
 * noted; and writes what is buffered. */
int trove__ordered_write_piece(struct trove__ordered *ordered,
                               const struct trove__aside_list *aside,
                               const struct trove__text *text, struct trove_error *err);
int trove__ordered_flush(struct trove__ordered *ordered);

#endif
