// SPDX-License-Identifier: MIT
/*
 * trace.h - a sequence of uses of objects, in memory: what the bench replays.
 */
#ifndef TROVE_BENCH_POLICY_TRACE_H
#define TROVE_BENCH_POLICY_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_NAME_MAX 64
#define TRACE_REQUESTS_MAX ((size_t)100000000) /* of hostile or just very long files */
#define TRACE_SIZE_MAX ((uint64_t)1 << 32)     /* of one object */

struct trace {
    char name[TRACE_NAME_MAX];
    /* a number of an object each, from 0 */
    uint32_t *requests;
    size_t request_count, request_room;
    /* of each object: its size when it was first used; enum trove_type; what it takes in a cache */
    uint64_t *sizes;
    uint8_t *types;
    uint64_t *weights;
    uint32_t object_count, object_room;
    uint64_t footprint; /* the sum of the weights */
    /* numbers of ids, while the trace grows */
    uint64_t *keys;
    uint32_t *numbers;
    size_t slots;
};

void trace_init(struct trace *trace, const char *name);
void trace_free(struct trace *trace);

/* One use of the object KEY. 0, -E2BIG (TRACE_REQUESTS_MAX), -ERANGE (SIZE above TRACE_SIZE_MAX), -ENOMEM. */
int trace_add(struct trace *trace, uint64_t key, uint64_t size, unsigned type);
/* No more is added: weighs the objects. 0, -ENODATA: nothing was added. -ENOMEM */
int trace_finish(struct trace *trace);

/* For each request the number of the next one of its object, or UINT32_MAX. Allocated; NULL: no memory. */
uint32_t *trace_next_uses(const struct trace *trace);

/* The two formats of libCacheSim, from SIZE bytes at DATA. They add to TRACE; 0, or a negative errno with *RET_PLACE the
 * record or line, from 1, that is wrong: -EBADMSG (not that format), or what trace_add() answered. */
int trace_parse_oracle(struct trace *trace, const unsigned char *data, size_t size,
                       uint64_t *ret_place);

/* Columns count from 1; type_column 0: all are blobs. */
struct trace_columns {
    unsigned id, size, type;
    char delimiter;
    int has_header;
};
#define TRACE_COLUMNS_DEFAULT                                                                      \
    {                                                                                              \
        2, 3, 0, ',', 1                                                                            \
    }
/* "obj-id-col=2,obj-size-col=3,obj-type-col=4,delimiter=;,has-header=true", as libCacheSim's, in any order; what is not
 * named stays. 0, -EINVAL. */
int trace_columns_parse(struct trace_columns *columns, const char *text);
int trace_parse_csv(struct trace *trace, const struct trace_columns *columns,
                    const unsigned char *data, size_t size, uint64_t *ret_place);

/* A file of either format, told by its name: *.csv, or else oracleGeneral. Says what is wrong on stderr. 0, or negative. */
int trace_load(struct trace *trace, const char *path, const struct trace_columns *columns);

/* The WHICHth synthetic trace, about SCALE requests long; false: there are no more. */
int trace_synthetic(struct trace *trace, unsigned which, size_t scale);
/* The WHICHth of those with which no rule was chosen; false: there are no more. */
bool trace_held_out(struct trace *trace, unsigned which);

#endif
