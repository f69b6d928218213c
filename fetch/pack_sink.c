// SPDX-License-Identifier: MIT
/*
 * pack_sink.c - a sink as the target of a pack reader.
 */
#include "fetch/pack_sink.h"

static int sink_alloc(void *sink, enum trove_type type, uint64_t size, struct trove_object **ret)
{
    return trove_sink_alloc(sink, type, size, ret);
}

static void *sink_buffer(void *sink, struct trove_object *object)
{
    (void)sink;
    return trove_sink_buffer(object);
}

static int sink_give(void *sink, struct trove_object *object, const struct trove_oid *id)
{
    return trove_sink_give(sink, object, id, TROVE_GIVE_DEFAULT);
}

static struct trove_object *sink_find(void *sink, const struct trove_oid *id)
{
    return trove_sink_find(sink, id);
}

struct trove__pack_target trove__pack_sink(struct trove_sink *sink)
{
    return (struct trove__pack_target){.context = sink,
                                       .alloc = sink_alloc,
                                       .buffer = sink_buffer,
                                       .give = sink_give,
                                       .find = sink_find};
}
