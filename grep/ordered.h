// SPDX-License-Identifier: MIT
/*
 * ordered.h - results that are found in any order leave in the order in which they were asked for.
 *
 * ROLES     one asker reserves numbers; any thread answers them; whoever answers the number that is due writes it and
 *           what follows it, one thread at a time.
 * LIMITS    at most `window` numbers are open, and at most `max_held` bytes of text wait for an earlier number. Past
 *           that an answer is not kept: it is made again when its number is due.
 * PROGRESS  reserve may block; answers block no longer than a writing call of their own.
 */
#ifndef TROVE_GREP_ORDERED_H
#define TROVE_GREP_ORDERED_H

#include "grep/text.h"
#include <stdint.h>
#include <trove/error.h>

struct trove__ordered;

struct trove__ordered_options {
    size_t window;   /* most numbers open at once */
    size_t max_held; /* bytes */
    /* Takes what leaves, in order, from one thread at a time. Called with whole texts, or 64 KiB; nothing that is due
     * stays behind in a buffer. */
    trove__text_writer write;
    void *write_context;
    const char *mark; /* stands at the marks of a text when an earlier one was shown; borrow */
    size_t mark_size;
    /* Makes the answer again that was not kept: fills TEXT for what put() was given as LATER, and gives that up. A
     * negative errno ends everything. On the thread that called put() with WORKER. */
    int (*again)(void *worker, void *later, struct trove__text *text, struct trove_error *err);
    /* Gives LATER up unused. */
    void (*forget)(void *later);
};

/* OPTIONS is copied. *RET is own: trove__ordered_destroy(). 0 or -ENOMEM. */
int trove__ordered_create(const struct trove__ordered_options *options,
                          struct trove__ordered **ret);
void trove__ordered_destroy(struct trove__ordered *ordered); /* NULL is fine; nobody is inside */

/* At most WINDOW numbers may be open from now on, 1 up to the window at creation. */
void trove__ordered_set_window(struct trove__ordered *ordered, size_t window);

/* The next number. Waits for room in the window if WAIT. 0; -EAGAIN (no room, and not to wait); -ECANCELED: stopped. */
int trove__ordered_reserve(struct trove__ordered *ordered, bool wait, uint64_t *ret_number);

/* The number that is due: all below have left. */
uint64_t trove__ordered_due(struct trove__ordered *ordered);

/* Answers NUMBER with TEXT, whose bytes may be taken (it is empty then). LATER stands for the answer if that cannot be
 * kept; NULL: it must be kept. Always consumes LATER. */
void trove__ordered_put(struct trove__ordered *ordered, uint64_t number, struct trove__text *text,
                        void *later, void *worker);
/* As put() without LATER, if the text can be kept. False: it cannot, and NUMBER is still to be answered. */
bool trove__ordered_try_put(struct trove__ordered *ordered, uint64_t number,
                            struct trove__text *text, void *worker);
/* The same for an answer that was too long to be made: only LATER. */
void trove__ordered_put_later(struct trove__ordered *ordered, uint64_t number, void *later,
                              void *worker);
/* NUMBER failed: everything before it is written, then all stops with ERR (copied). */
void trove__ordered_fail(struct trove__ordered *ordered, uint64_t number,
                         const struct trove_error *err, void *worker);

/* Stops now, with ERR (NULL: successfully). The first to stop counts. */
void trove__ordered_stop(struct trove__ordered *ordered, const struct trove_error *err);
bool trove__ordered_is_stopped(struct trove__ordered *ordered);

/* Waits until every number that was reserved has left, or all stopped. 0, or what it stopped with. */
int trove__ordered_wait(struct trove__ordered *ordered, struct trove_error *err);

#endif
