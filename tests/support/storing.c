// SPDX-License-Identifier: MIT
/*
 * storing.c - the readers once more with a mistake: a hit stores its hint although it is at its ceiling. A test of who
 * writes must notice.
 */
#include "core/cache_struct.h"

static inline void touch_always(struct trove_object *object)
{
    /* RELAXED: as trove__policy_touch() does below the ceiling. */
    trove__store_relaxed(&object->hint, TROVE__HINT_MAX);
}

#define trove__policy_touch touch_always
#include "core/reader_body.h"
#include "storing.h"

const struct trove__reader storing_reader[2] = READER_TABLE("storing");
