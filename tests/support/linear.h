// SPDX-License-Identifier: MIT
/*
 * linear.h - is a history of calls what a cache that does one thing at a time could have answered?
 */
#ifndef TROVE_TESTS_LINEAR_H
#define TROVE_TESTS_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call said, and so what must hold at some moment between its begin and its end. */
enum linear_kind {
    LINEAR_FOUND,   /* the id is there */
    LINEAR_MISSED,  /* it is not */
    LINEAR_ADDED,   /* it was not, and is from then on */
    LINEAR_EXISTED, /* a put that added nothing: it is there */
    LINEAR_MAYBE, /* a put that was refused, and may have been there for a moment: nothing, or as ADDED */
    LINEAR_EVICTED,  /* it was there, and is no more */
    LINEAR_REPLACED, /* of no id: from then on none is there */
};

/* The id of LINEAR_REPLACED. */
#define LINEAR_EVERY UINT32_MAX

/* One call about one id. Ends are after begins; two calls with a moment in common overlap. */
struct linear_event {
    int64_t begin, end;
    uint32_t id;
    uint32_t kind;
};

/* EVENTS, which it sorts: NULL when each id's calls can be put in one order in which all is true and which no call leaves
 * its interval for; else the first call at whose end that is impossible. At most 32 calls about an id may overlap, or
 * it aborts. */
const struct linear_event *linear_check(struct linear_event *events, size_t count);

#endif
