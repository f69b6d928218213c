// SPDX-License-Identifier: MIT
/*
 * ordered.h - results that are found in any order leave in the order in which they were asked for.
 *
 * ROLES     one asker reserves numbers; any thread answers them; whoever answers the number that is due writes it and
 *           what follows it, one thread at a time.
 * LIMITS    at most `window` numbers are open. At most `max_held` bytes of text wait in memory for an earlier number; what
 *           is more waits in a temporary file, and past `max_aside` there an answer is not kept: it is made again when its
 *           number is due. Of an answer that is being made at most `text_limit` bytes are in memory.
 * PROGRESS  reserve may block; answers block no longer than a writing call of their own.
 */
#ifndef TROVE_GREP_ORDERED_H
#define TROVE_GREP_ORDERED_H

#include "grep/aside.h"
#include <stdint.h>
#include <trove/error.h>

struct trove__ordered;

struct trove__ordered_options {
    size_t window; /* most numbers open at once */
    size_t max_held, text_limit;
    uint64_t max_aside;
    /* Takes what leaves, in order, from one thread at a time. Called with whole texts, or 64 KiB; nothing that is due
     * stays behind in a buffer. */
    trove__text_writer write;
    void *write_context;
    const char *mark; /* stands at the marks of a text when an earlier one was shown; borrow */
    size_t mark_size;
    /* Makes the answer again that was not kept: fills TEXT for what put_later() was given, and gives that up. A negative
     * errno ends everything. On the thread that called put_later() with WORKER. */
    int (*again)(void *worker, void *later, struct trove__text *text, struct trove_error *err);
    /* Gives LATER up unused. */
    void (*forget)(void *later);
};

/* The answer that a thread makes, one number after another. `text` takes it: beyond its limit it is written when its number
 * is due, or put aside. */
struct trove__ordered_answer {
    struct trove__text text;
    /* Ordered's own. */
    struct trove__ordered *ordered;
    uint64_t number;
    bool direct; /* its thread is the one that writes */
    struct trove__aside_list aside;
    struct trove_error err; /* code 0: none */
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

void trove__ordered_answer_init(struct trove__ordered *ordered,
                                struct trove__ordered_answer *answer);
void trove__ordered_answer_deinit(struct trove__ordered_answer *answer);
/* Begins to answer NUMBER: the text is empty. To be ended by one of the next three, on the same thread. */
void trove__ordered_begin(struct trove__ordered_answer *answer, uint64_t number);
/* True when the text failed for no other reason than that there is no room for it: it may still be put later. */
bool trove__ordered_is_cut(const struct trove__ordered_answer *answer);

/* Answers with the text, whose bytes may be taken. False: it cannot be kept, and the number is still to be answered. */
bool trove__ordered_try_put(struct trove__ordered_answer *answer, void *worker);
/* Puts LATER in the place of the text, which is given up. */
void trove__ordered_put_later(struct trove__ordered_answer *answer, void *later, void *worker);
/* Everything before it is written, and what there is of the text; then all stops with ERR (copied). */
void trove__ordered_fail(struct trove__ordered_answer *answer, const struct trove_error *err,
                         void *worker);
/* Neither: nothing was answered, and somebody else will. */
void trove__ordered_give_up(struct trove__ordered_answer *answer);

/* Stops now, with ERR (NULL: successfully). The first to stop counts. */
void trove__ordered_stop(struct trove__ordered *ordered, const struct trove_error *err);
bool trove__ordered_is_stopped(struct trove__ordered *ordered);

/* Waits until every number that was reserved has left, or all stopped. 0, or what it stopped with. */
int trove__ordered_wait(struct trove__ordered *ordered, struct trove_error *err);

#endif
