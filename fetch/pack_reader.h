// SPDX-License-Identifier: MIT
/*
 * pack_reader.h - the inside of the pack reader, shared by its files.
 *
 *     feeder   trove__pack_reader_feed()   keeps bytes in the spool, sums them for the trailer          pack.c
 *     parser   pack_parse.c                finds entries
 *              pack_entry.c                inflates them
 *              pack_resolve.c              deltas: bases, waiting
 *              pack_remake.c               bases that have left memory
 *              pack_room.c                 accounts for memory
 *              pack_finish.c               complete objects, the end of the pack
 *     hasher   pack_hasher.c               computes ids and gives objects away
 *
 * A small pack runs all three on the feeder's thread. A larger one gets a thread for the parser and one for the hasher
 * (pack_lanes.c). The parser's state belongs to whoever parses.
 *
 * MEMORY  max_inflight_bytes = raw bytes (spool) + index + fixed parts + objects (drafts, deltas, bases kept). The first
 * three have shares that they cannot pass; trove__pack_make_room() holds the fourth to what is left. When an object does
 * not fit, bases go first, then the raw bytes go to the file and leave their share but for a window.
 */
#ifndef TROVE_FETCH_PACK_READER_H
#define TROVE_FETCH_PACK_READER_H

#include "fetch/digest.h"
#include "fetch/inflate.h"
#include "fetch/pack.h"
#include "fetch/pack_bases.h"
#include "fetch/pack_header.h"
#include "fetch/pack_index.h"
#include "fetch/pack_spill.h"
#include "fetch/spool.h"

enum {
    TROVE__PACK_VIEW_BYTES = 16 * 1024,   /* read from the file at a time */
    TROVE__PACK_FIXED_BYTES = 192 * 1024, /* inflaters, views, the reader itself */
    TROVE__PACK_WINDOW_CHUNKS = 4,        /* bytes that arrived and are not parsed */
    TROVE__PACK_JOINED_CHUNKS = 3,        /* what may be put together to inflate it in one go */
    TROVE__PACK_FILE_CHUNKS =
        14, /* raw memory at most, once there is a file: those two, a piece that arrives, what a
                                     claim is being proved with, spare ones, one viewed */
};

enum trove__pack_stage {
    TROVE__PACK_AT_HEADER,
    TROVE__PACK_AT_ENTRY,
    TROVE__PACK_AT_DATA,
    TROVE__PACK_AT_TRAILER,
    TROVE__PACK_AT_END,
};

/* How the data of the entry at hand is being inflated. */
enum trove__pack_inflating {
    TROVE__PACK_NOT_YET,
    TROVE__PACK_PROVING, /* counting only: the claimed size is not believed enough to allocate it */
    TROVE__PACK_INTO_OUT, /* in pieces, into its place */
};

/* An object that is complete, on its way to be hashed and given away. */
struct trove__pack_task {
    struct trove_object *object; /* one pin, for give */
    const void *data;
    uint64_t size;
    uint64_t offset; /* for messages */
    uint32_t entry, slot;
    enum trove_type type;
};

/* The entry at hand. */
struct trove__pack_current {
    struct trove__pack_entry_header header;
    uint64_t offset, data_offset;
    uint32_t base; /* of an OFS_DELTA */
    enum trove__pack_inflating inflating;
    struct trove_object *object; /* own, of what is no delta */
    uint8_t *delta;              /* own, of a delta */
    bool allocated;
    uint64_t tried; /* this many bytes of it were not the whole, when they were all */
};

struct trove__pack_parser {
    enum trove__pack_stage stage;
    uint64_t at;                  /* parsed up to here */
    uint64_t released, published; /* up to here the spool and the feeder know of it */
    const uint8_t *window;        /* bytes from window_at on, as the spool showed them last */
    uint64_t window_at;
    size_t window_size;
    uint8_t *joined; /* bytes from both sides of a chunk's end */
    bool ending;     /* no more bytes will come */
    uint32_t entries_claimed, entries_seen;
    struct trove__pack_current current;
    struct trove__inflater *inflater, *again; /* of the entry at hand; of earlier ones */
    struct trove__pack_index index;
    struct trove__pack_bases bases;
    struct trove__bulk chain; /* deltas to apply while a base is made again */
    struct trove__pack_spill spill;
    uint64_t work_bytes; /* drafts and deltas being worked on */
    uint64_t raw_share;  /* what of the bound the spool may use now */
    uint64_t delta_output;
    uint64_t deflated, inflated; /* sums over entries */
    uint64_t deltas, reinflated, given, peak;
    uint64_t until_look;                  /* bytes of work until the next look at the clock */
    uint8_t view[TROVE__PACK_VIEW_BYTES]; /* of what is read from the file */
};

struct trove__pack_lanes;

struct trove__pack_reader {
    const struct trove_hash *hash;
    struct trove__pack_limits limits;
    struct trove__pack_target target;
    struct trove_until until;
    size_t chunk_bytes;
    struct trove__spool *spool;

    struct trove__pack_parser parser;

    /* feeder */
    uint64_t fed;
    struct trove__digest digest; /* of all but `tail` */
    uint8_t tail[TROVE_OID_BYTES_MAX];
    size_t tail_size;
    int status; /* the first failure, which sticks; its message is in `error` */
    struct trove_error error;
    bool finished;

    struct trove__pack_lanes *lanes; /* NULL: everything runs on the feeder's thread */
};

/* --- pack_parse.c ------------------------------------------------------------------------------------------------- */

/* Parses all that has arrived. Returns -EAGAIN then, or the failure. */
int trove__pack_parse(struct trove__pack_reader *reader, struct trove_error *err);
void trove__pack_parser_deinit(struct trove__pack_parser *parser);

/* SIZE bytes of work are next: -ETIMEDOUT or -ECANCELED when the reader has to end. Looks now and then. */
int trove__pack_go_on(struct trove__pack_reader *reader, uint64_t size, struct trove_error *err);
/* Up to WANT bytes from AT on, in BYTES. */
int trove__pack_look(struct trove__pack_reader *reader, uint64_t at, uint8_t *bytes, size_t want,
                     size_t *ret_size, struct trove_error *err);

/* Sets "pack entry at offset N: WHY". */
int trove__pack_wrong(uint64_t offset, int code, const char *why, struct trove_error *err);

/* --- pack_entry.c ------------------------------------------------------------------------------------------------- */

/* The bytes at the parser's place, in one piece; FRESH asks the spool even when some are known. */
int trove__pack_see(struct trove__pack_reader *reader, bool fresh, const uint8_t **ret_bytes,
                    size_t *ret_size, struct trove_error *err);
/* Goes on with the data of the entry at hand. Returns 0, -EAGAIN, or the failure. */
int trove__pack_entry_data(struct trove__pack_reader *reader, struct trove_error *err);
/* Gives back what was allocated for it. */
void trove__pack_entry_forget(struct trove__pack_parser *parser);

/* --- pack_room.c -------------------------------------------------------------------------------------------------- */

/* -EFBIG for SIZE bytes that can never fit, whatever is dropped for them. */
int trove__pack_check_room(const struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                           struct trove_error *err);
/* Makes room for SIZE more bytes of objects and counts them as being worked on. */
int trove__pack_make_room(struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                          struct trove_error *err);
/* A draft with room made for it. */
int trove__pack_draft(struct trove__pack_reader *reader, enum trove_type type, uint64_t size,
                      uint64_t offset, struct trove_object **ret, struct trove_error *err);

/* --- pack_finish.c ------------------------------------------------------------------------------------------------ */

/* ENTRY is complete: OBJECT (taken) holds its bytes. Sends it to be hashed and wakes what waits for it. */
int trove__pack_complete(struct trove__pack_reader *reader, uint32_t entry, enum trove_type type,
                         uint32_t depth, struct trove_object *object, uint64_t size,
                         struct trove_error *err);
/* A task has been hashed and given away as ID. */
int trove__pack_completed(struct trove__pack_reader *reader, const struct trove__pack_task *task,
                          const struct trove_oid *id, struct trove_error *err);
/* No more bytes will come: brings the last deltas home and waits for all tasks. Returns 0 or the failure. */
int trove__pack_parse_end(struct trove__pack_reader *reader, struct trove_error *err);

/* --- pack_resolve.c ----------------------------------------------------------------------------------------------- */

/* Applies DELTA (borrowed, SIZE bytes), or lets ENTRY wait for its base. */
int trove__pack_resolve(struct trove__pack_reader *reader, uint32_t entry,
                        const struct trove__pack_entry_header *header, const void *delta,
                        uint64_t size, struct trove_error *err);
/* Resolves all entries whose base has come. */
int trove__pack_run_ready(struct trove__pack_reader *reader, struct trove_error *err);
/* Counts SIZE bytes that the pack's deltas make the reader write, against their limit. */
int trove__pack_count_work(struct trove__pack_reader *reader, uint64_t size, uint64_t offset,
                           struct trove_error *err);

/* --- pack_remake.c ------------------------------------------------------------------------------------------------ */

/* The bytes a delta applies to, held meanwhile. */
struct trove__pack_held {
    const void *data;
    uint64_t size;
    enum trove_type type;
    uint32_t depth;
    uint32_t slot;                /* in the base store, or TROVE__PACK_NONE: */
    struct trove_object *outside; /* pinned, counted as being worked on */
    bool in_pack;                 /* they are those of an entry */
};

/* The bytes of ENTRY, which has been complete before. */
int trove__pack_hold_entry(struct trove__pack_reader *reader, uint32_t entry,
                           struct trove__pack_held *ret, struct trove_error *err);
/* OBJECT (taken) from the cache, for the delta at OFFSET. */
int trove__pack_hold_outside(struct trove__pack_reader *reader, struct trove_object *object,
                             uint64_t offset, struct trove__pack_held *ret,
                             struct trove_error *err);
void trove__pack_let_go(struct trove__pack_reader *reader, struct trove__pack_held *held);

/* The header and the inflated data of ENTRY once more, whose size its first reading has proved. *RET is own, counted as
 * being worked on, and ends with trove__pack_give_memory(). */
int trove__pack_inflate_again(struct trove__pack_reader *reader, uint32_t entry,
                              struct trove__pack_entry_header *ret_header, uint8_t **ret,
                              struct trove_error *err);
void trove__pack_give_memory(struct trove__pack_reader *reader, uint8_t *memory, uint64_t size);

/* --- pack_hasher.c ------------------------------------------------------------------------------------------------ */

/* Hashes and gives TASK away, whose object is taken; any thread. */
int trove__pack_hash_and_give(struct trove__pack_reader *reader,
                              const struct trove__pack_task *task, struct trove_oid *ret_id,
                              struct trove_error *err);

#endif
