// SPDX-License-Identifier: MIT
/*
 * pack_lanes_struct.h - what feeder, parser and hasher share. For pack_lanes.c and pack_hasher.c only.
 *
 * INVARIANTS  I1 whatever the threads share is a field of struct trove__pack_lanes and guarded by its lock, but for the
 * spool, which has its own. I2 `under_way` counts tasks that were queued and whose end the parser has not noted; each
 * keeps its object held in the base store. I3 a failure of the parser is published after all tasks before it are done:
 * what was complete in front of the damage has been given away.
 * ROLES       feeder: any thread that calls the reader, one at a time. parser, hasher: threads of the reader.
 * PROTOCOL    Bytes (pack_lanes.c): feeder appends to the spool, raises `arrived`, and waits while it is a window ahead of
 * `parsed`. Tasks (pack_hasher.c): the parser queues; when the queue is full it does the work itself, so that neither core
 * idles. The hasher takes a few at a time and posts their ids. It is woken for a handful of tasks, or before the parser
 * waits, not for each one.
 * EDGES       None of its own: every hand-over is through the lock or a pthread_join(); start_threads() hands the parser's
 * state over by pthread_create(), join() takes it back. The bytes of an object were written before its task was queued.
 * LIMITS      TASKS_MAX tasks under way, max_inflight_bytes / QUEUE_OF_INFLIGHT bytes waiting to be hashed.
 * PROGRESS    May block. No wait is timed: the feeder waits only for the parser, the parser for the hasher, which waits
 * for nothing but work; the parser looks at the deadline, and at `dropped`.
 * TESTS       tests/unit/test_pack_git.c, test_pack_memory.c, test_pack_remake.c (all with threads and without),
 * tests/fuzz/fuzz_pack_deltas.c (one thread and three come to the same end), ThreadSanitizer.
 */
#ifndef TROVE_FETCH_PACK_LANES_STRUCT_H
#define TROVE_FETCH_PACK_LANES_STRUCT_H

#include "fetch/pack_lanes.h"
#include <pthread.h>

enum { TROVE__PACK_TASKS_MAX = 256 };

struct trove__pack_done {
    struct trove__pack_task task;
    struct trove_oid id;
};

struct trove__pack_lanes {
    pthread_mutex_t lock;
    pthread_cond_t for_feeder, for_parser, for_hasher;
    pthread_t parser, hasher;

    /* bytes */
    uint64_t arrived, parsed;
    bool ended;   /* no more bytes */
    bool dropped; /* the reader is being destroyed */
    bool feeder_waits, parser_waits_for_bytes, parser_waits_for_done, hasher_waits;

    /* tasks */
    struct trove__pack_task tasks[TROVE__PACK_TASKS_MAX];
    uint32_t task_first, task_count;
    uint64_t task_bytes;
    struct trove__pack_done done[TROVE__PACK_TASKS_MAX];
    uint32_t done_count;
    uint32_t under_way;
    bool tasks_ended;

    /* outcome */
    bool parser_done;
    int status; /* of the parser */
    struct trove_error error;
    int hash_status; /* of the hasher */
    struct trove_error hash_error;

    struct trove__pack_done noted[TROVE__PACK_TASKS_MAX]; /* the parser's copy */
};

/* --- pack_hasher.c --- */

void *trove__pack_hasher_main(void *reader);
/* Wakes the hasher if there is work. The lock is held. */
void trove__pack_kick_hasher_locked(struct trove__pack_lanes *lanes);
/* Takes note of what the hasher has done. The lock is held at the start and not at the end. */
int trove__pack_note_done_unlock(struct trove__pack_reader *reader, struct trove_error *err);

#endif
