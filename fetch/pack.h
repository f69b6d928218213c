// SPDX-License-Identifier: MIT
/*
 * pack.h - the streaming pack reader: bytes in, verified objects out, while the pack is still arriving.
 *
 * A push parser: feed() takes any slice of the pack and never reads from a descriptor. Objects leave through callbacks
 * in no promised order, each with its id computed from its bytes. Past a few hundred KiB, inflating and hashing run on two
 * threads of the reader's own; callbacks may come from any of the three, one entry never twice.
 */
#ifndef TROVE_FETCH_PACK_H
#define TROVE_FETCH_PACK_H

#include <trove/error.h>
#include <trove/hash.h>
#include <trove/object.h>
#include <trove/until.h>

/* Each is checked before what it limits is allocated; past any of them the pack fails with -EFBIG. An object must also
 * fit into max_inflight_bytes, a delta together with its base. */
struct trove__pack_limits {
    uint64_t max_pack_bytes;
    uint64_t max_objects; /* less than 2^32 */
    uint64_t max_object_bytes;
    uint64_t max_delta_output_bytes; /* the sum of what deltas write */
    uint32_t max_delta_depth;        /* less than 2^28 */
    uint32_t max_inflate_ratio;  /* inflated/deflated of one entry that inflates to more than ... */
    uint64_t ratio_floor_bytes;  /* ... this: small files of zeros are no bombs */
    uint64_t max_inflight_bytes; /* memory for entries, bases and queues; at least 1 MiB */
    uint64_t spool_bytes;        /* past this the pack spools to an unlinked temporary file */
    uint64_t thread_bytes; /* past this the reader works on threads of its own; UINT64_MAX: never */
};

/* Where objects come from and go to. Thread-safe. */
struct trove__pack_target {
    void *context;
    /* A draft of SIZE bytes to fill, as trove_sink_alloc(); given up with trove_unpin() when the pack fails. */
    int (*alloc)(void *context, enum trove_type type, uint64_t size, struct trove_object **ret);
    void *(*buffer)(void *context, struct trove_object *object);
    /* Takes OBJECT (always), whose bytes hash to ID. Non-zero ends the pack with that error. */
    int (*give)(void *context, struct trove_object *object, const struct trove_oid *id);
    /* The base ID of a thin pack from outside the pack, pinned, or NULL. Never fetches. */
    struct trove_object *(*find)(void *context, const struct trove_oid *id);
};

struct trove__pack_stats {
    uint64_t pack_bytes, objects, deltas, spooled_bytes, peak_bytes, reinflated;
};

struct trove__pack_reader;

void trove__pack_limits_init(struct trove__pack_limits *limits); /* the defaults */

int trove__pack_reader_create(const struct trove_hash *hash,
                              const struct trove__pack_limits *limits,
                              const struct trove__pack_target *target,
                              const struct trove_until *until, struct trove__pack_reader **ret,
                              struct trove_error *err);
/* Takes all of SIZE bytes; may wait for the reader's threads (until). The first failure sticks. All that is complete in the
 * bytes fed so far is given away without waiting for more. Failures: -EPROTO (malformed), -EFBIG (a limit), -EBADMSG (a
 * collision, or give says so), -ENOSPC, -ENOMEM, -ETIMEDOUT, -ECANCELED, and what the target answered. */
int trove__pack_reader_feed(struct trove__pack_reader *reader, const void *bytes, size_t size,
                            struct trove_error *err);
/* No more bytes: resolves what is left, verifies trailer and count. An empty pack (0 objects) is success. Failures are
 * those of feed, and -EIO: the pack ends early. What was given before a failure stays given: its ids were verified.
 * RET_STATS may be NULL; it is written also on failure. */
int trove__pack_reader_finish(struct trove__pack_reader *reader,
                              struct trove__pack_stats *ret_stats, struct trove_error *err);
void trove__pack_reader_destroy(
    struct trove__pack_reader *reader); /* at any moment; NULL is fine */

#endif
