// SPDX-License-Identifier: MIT
/*
 * pack_reading.c - reading a whole pack in a test.
 */
#include "pack_reading.h"
#include "support.h"
#include <errno.h>

struct trove__pack_limits pack_limits(bool threads)
{
    struct trove__pack_limits limits;

    trove__pack_limits_init(&limits);
    limits.thread_bytes = threads ? 0 : UINT64_MAX;
    return limits;
}

void pack_target_start_discarding(struct pack_target *target)
{
    assert_true(pack_target_init(target, trove_hash_sha1()));
    target->discard = true;
}

struct pack_outcome pack_read(struct pack_target *target, const struct trove__pack_limits *limits,
                              const void *bytes, size_t size, size_t piece)
{
    struct pack_outcome outcome = {.err = {.message = ""}};
    struct trove__pack_target calls = pack_target_calls(target);
    struct trove__pack_reader *reader = NULL;
    struct trove__pack_limits defaults;
    const char *at = bytes;

    trove__pack_limits_init(&defaults);
    outcome.status = trove__pack_reader_create(target->hash, limits != NULL ? limits : &defaults,
                                               &calls, &target->until, &reader, &outcome.err);
    while (outcome.status == 0 && size > 0) {
        size_t n = size < piece ? size : piece;

        outcome.status = trove__pack_reader_feed(reader, at, n, &outcome.err);
        at += n;
        size -= n;
    }
    if (reader != NULL) {
        int r = trove__pack_reader_finish(reader, &outcome.stats,
                                          outcome.status == 0 ? &outcome.err : NULL);

        outcome.status = outcome.status == 0 ? r : outcome.status;
    }
    trove__pack_reader_destroy(reader);
    return outcome;
}

struct pack_outcome pack_read_whole(struct pack_target *target,
                                    const struct trove__pack_limits *limits,
                                    const struct pack_builder *pack)
{
    struct pack_outcome outcome = pack_read(target, limits, pack->out.at, pack->out.size, 65515);

    assert_string_equal(outcome.err.message, "");
    assert_int_equal(outcome.status, 0);
    assert_int_equal(outcome.stats.objects, pack->count);
    assert_int_equal(target->wrong_ids, 0);
    return outcome;
}

struct pack_outcome pack_try(const struct trove_hash *hash, const struct trove__pack_limits *limits,
                             const struct pack_builder *pack)
{
    struct pack_outcome outcome = {.status = -ENOMEM};
    struct pack_target target;

    if (!pack_target_init(&target, hash))
        return outcome;
    outcome = pack_read(&target, limits, pack->out.at, pack->out.size, SIZE_MAX);
    if (target.wrong_ids > 0)
        abort();
    pack_target_deinit(&target);
    return outcome;
}
