// SPDX-License-Identifier: MIT
/*
 * pack_lanes.h - the threads of a pack reader and what they hand to each other. The parser's calls take a reader without
 * lanes too: then they do their work on the calling thread, or nothing.
 */
#ifndef TROVE_FETCH_PACK_LANES_H
#define TROVE_FETCH_PACK_LANES_H

#include "fetch/pack_reader.h"

/* --- feeder --- */

/* Starts the threads; the parser's state is theirs from now on. When the system gives none, all stays as it is. */
void trove__pack_lanes_start(struct trove__pack_reader *reader);
/* Waits until the parser is close enough behind for more bytes to be kept. Returns the parser's failure, if any. */
int trove__pack_lanes_wait_room(struct trove__pack_reader *reader, struct trove_error *err);
/* SIZE more bytes are in the spool. */
void trove__pack_lanes_arrived(struct trove__pack_reader *reader, size_t size);
/* No more bytes: waits for both threads to end their work. Returns what the parser came to; 0 without lanes. */
int trove__pack_lanes_finish(struct trove__pack_reader *reader, struct trove_error *err);
/* Ends the threads soon, whatever is left to do. */
void trove__pack_lanes_stop(struct trove__pack_reader *reader);

/* --- parser --- */

/* Whether the reader is being destroyed, so that nobody needs what is still to be done. */
bool trove__pack_lanes_dropped(struct trove__pack_reader *reader);
/* Gets TASK (its object taken) hashed and given away, and takes note of earlier ones that have been. */
int trove__pack_lanes_submit(struct trove__pack_reader *reader, const struct trove__pack_task *task,
                             struct trove_error *err);
/* Waits until a task is done. Returns 1, or 0 when none is under way, or a failure. */
int trove__pack_lanes_await_one(struct trove__pack_reader *reader, struct trove_error *err);
/* Lets the feeder know how far parsing has come, and the hasher that there is work. */
void trove__pack_lanes_parsed(struct trove__pack_reader *reader);

#endif
