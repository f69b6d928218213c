// SPDX-License-Identifier: MIT
/*
 * pack_lanes.c - computing ids and giving objects away.
 */
#include "fetch/pack_reader.h"
#include <errno.h>

int trove__pack_hash_and_give(struct trove__pack_reader *reader,
                              const struct trove__pack_task *task, struct trove_oid *ret_id,
                              struct trove_error *err)
{
    char hex[TROVE_OID_HEX_MAX + 1];
    int r =
        reader->hash->object_id(reader->hash->context, task->type, task->data, task->size, ret_id);

    if (r < 0) {
        trove_unpin(task->object);
        return trove__pack_wrong(task->offset, r,
                                 r == -EBADMSG ? "its bytes are part of a hash collision attack"
                                               : "its id cannot be computed",
                                 err);
    }
    r = reader->target.give(reader->target.context, task->object, ret_id);
    if (r == 0)
        return 0;
    return trove_error_set(err, r, "object %s of the pack is refused: %s",
                           trove_oid_to_hex(reader->hash->algo, ret_id, hex),
                           r == -EBADMSG ? "other bytes are cached under its id"
                                         : trove_strerror(r));
}
