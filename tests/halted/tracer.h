// SPDX-License-Identifier: MIT
/*
 * tracer.h - starts a subject, holds one of its threads by ptrace, and knows where that stands. x86-64 only.
 */
#ifndef TROVE_TESTS_TRACER_H
#define TROVE_TESTS_TRACER_H

#include "room.h"
#include <stddef.h>
#include <stdint.h>

/* Functions of libtrove, from its symbol table. */
struct function {
    uint64_t begin, end; /* offsets from the text's begin */
    const char *name;
};

/* What is mapped to be executed. */
struct text {
    uint64_t begin, end;
    uint64_t steps; /* of victims in it, counted by whoever likes */
    char name[64];
};

#define TEXTS_MAX 24

struct subject {
    struct room *room;
    pid_t pid;
    int fd;
    uint64_t text_begin, text_end; /* of libtrove-core */
    struct text texts[TEXTS_MAX];
    unsigned text_count;
    struct function *functions;
    size_t function_count;
    void *image; /* of the library's file, which holds the names */
    size_t image_bytes;
};

/* How a victim's run ended. */
enum stop {
    STOP_STEP,  /* after one instruction */
    STOP_GATE,  /* the actor has come to its gate */
    STOP_BIRTH, /* it has started a thread, which stands still too */
    STOP_ENDED, /* it is no more */
};

struct victim {
    pid_t tid, child; /* CHILD: of STOP_BIRTH */
    uint64_t gate;    /* where the actor stands after the gate's trap. 0: it has none */
    uint64_t at;      /* its next instruction */
};

/* Shared memory; what is to be played is filled in before subject_start(). */
struct room *room_create(int *ret_fd);
/* Runs PROGRAM, which lies beside the test, and waits until all its threads are there. Fails the test loudly where ptrace
 * is forbidden. Then its actor is held and stands at the gate: *RET_ACTOR. */
void subject_start(struct subject *subject, const char *program, struct room *room, int fd,
                   struct victim *ret_actor);
void subject_kill(struct subject *subject);

const struct function *subject_function_at(const struct subject *subject, uint64_t at);
struct text *subject_text_at(struct subject *subject, uint64_t at); /* NULL: unknown */
const struct function *subject_function_named(const struct subject *subject, const char *name);

void victim_hold(struct victim *victim, pid_t tid); /* a thread that runs or sleeps */
void victim_let_go(struct victim *victim);
enum stop victim_step(struct victim *victim);
enum stop victim_run(struct victim *victim); /* to the gate, a birth, or AT of victim_run_to() */
/* Runs until it is about to execute ADDRESS, by a debug register: nothing else in the subject notices. */
enum stop victim_run_to(struct victim *victim, uint64_t address);
/* The same without waiting for it; then, again and again: has it stopped? */
void victim_set_off_to(struct victim *victim, uint64_t address);
bool victim_has_stopped(struct victim *victim, enum stop *ret_stop);
/* Is the next instruction a system call, and is it a sleep on a futex? */
bool victim_is_at_syscall(const struct victim *victim);
bool victim_is_about_to_sleep(const struct victim *victim);

/* One pass of all others while HALTED stands still. False: they are shown never to finish it. */
bool subject_pass(struct subject *subject, enum pass pass, pid_t halted);
/* Waits until WORD is VALUE. False: it is shown that this never happens. */
bool subject_wait(struct subject *subject, atomic_uint *word, unsigned value, pid_t halted);

#endif
