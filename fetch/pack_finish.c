// SPDX-License-Identifier: MIT
/*
 * pack_finish.c - what happens when an object is complete, and when the pack is.
 */
#include "fetch/pack_lanes.h"
#include <errno.h>

/* --- complete objects --------------------------------------------------------------------------------------------- */

int trove__pack_completed(struct trove__pack_reader *reader, const struct trove__pack_task *task,
                          const struct trove_oid *id, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_wait base = {.base = TROVE__PACK_NONE, .id = *id};
    int r = trove__pack_index_set_id(&parser->index, task->entry, id, err);

    trove__pack_bases_let_go(&parser->bases, task->slot);
    parser->given++;
    trove__pack_index_wake(&parser->index, &base);
    return r;
}

int trove__pack_complete(struct trove__pack_reader *reader, uint32_t entry, enum trove_type type,
                         uint32_t depth, struct trove_object *object, uint64_t size,
                         struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_entry *known = trove__pack_index_entry(&parser->index, entry);
    struct trove__pack_wait base = {.base = entry};
    struct trove__pack_task task = {
        .object = object, .size = size, .offset = known->offset, .entry = entry, .type = type};

    task.data = reader->target.buffer(reader->target.context, object);
    parser->work_bytes -= size + TROVE__PACK_BASE_OVERHEAD;
    if (trove__pack_bases_add(&parser->bases, entry, trove_pin(object), task.data, size,
                              &task.slot) < 0) {
        trove_unpin(object);
        trove_unpin(object);
        return trove__pack_wrong(known->offset, -ENOMEM, "no memory to keep it as a base", err);
    }
    known->type = type;
    known->depth = depth;
    trove__pack_index_wake(&parser->index, &base);
    return trove__pack_lanes_submit(reader, &task, err);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static int ends_early(const struct trove__pack_reader *reader, struct trove_error *err)
{
    const struct trove__pack_parser *parser = &reader->parser;

    if (parser->stage == TROVE__PACK_AT_HEADER)
        return trove_error_set(err, -EIO, "the pack ends early: after %llu bytes, in its header",
                               (unsigned long long)trove__spool_total(reader->spool));
    return trove_error_set(err, -EIO, "the pack ends early: after %llu bytes and %u of %u objects",
                           (unsigned long long)trove__spool_total(reader->spool),
                           parser->entries_seen, parser->entries_claimed);
}

/* Bases may have come into the cache meanwhile. *RET_FOUND is whether one did. */
static int look_outside_again(struct trove__pack_reader *reader, bool *ret_found,
                              struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    struct trove__pack_wait base = {.base = TROVE__PACK_NONE};
    uint32_t cursor = 0, entry;
    int r = 0;

    *ret_found = false;
    while (r == 0 && trove__pack_index_waiting(&parser->index, &cursor, &base.id, &entry)) {
        struct trove_object *object = reader->target.find(reader->target.context, &base.id);

        if (object != NULL) {
            *ret_found = true;
            trove__pack_index_wake(&parser->index, &base);
        }
        trove_unpin(object);
        r = trove__pack_go_on(reader, 0, err);
    }
    return r;
}

static int bases_missing(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_index *index = &reader->parser.index;
    char hex[TROVE_OID_HEX_MAX + 1];
    struct trove_oid id;
    uint32_t cursor = 0, entry;

    if (!trove__pack_index_waiting(index, &cursor, &id, &entry))
        return trove_error_set(err, -EPROTO, "%u deltas of the pack have no base", index->waiting);
    return trove_error_set(
        err, -EPROTO,
        "%u deltas of the pack have no base; the one at offset %llu wants %s, which neither the "
        "pack nor the cache has (or they are deltas of each other, in a circle)",
        index->waiting, (unsigned long long)trove__pack_index_entry(index, entry)->offset,
        trove_oid_to_hex(index->algo, &id, hex));
}

/* Resolves what can be, until no task is under way and nothing is ready. */
static int drain(struct trove__pack_reader *reader, struct trove_error *err)
{
    int r;

    do {
        r = trove__pack_run_ready(reader, err);
        if (r == 0)
            r = trove__pack_lanes_await_one(reader, err);
    } while (r > 0);
    return r;
}

int trove__pack_parse_end(struct trove__pack_reader *reader, struct trove_error *err)
{
    struct trove__pack_parser *parser = &reader->parser;
    bool found = true;
    int r;

    parser->ending = true;
    r = trove__pack_parse(reader, err);
    r = r == -EAGAIN ? drain(reader, err) : r;
    while (r == 0 && parser->index.waiting > 0 && found) {
        r = look_outside_again(reader, &found, err);
        r = r == 0 ? drain(reader, err) : r;
    }
    if (r == 0 && parser->stage != TROVE__PACK_AT_END)
        r = ends_early(reader, err);
    if (r == 0 && parser->index.waiting > 0)
        r = bases_missing(reader, err);
    return r;
}
