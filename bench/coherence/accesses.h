// SPDX-License-Identifier: MIT
/*
 * accesses.h - the accesses of one thread to memory, in order; operations that make such accesses; who makes them.
 */
#ifndef TROVE_BENCH_ACCESSES_H
#define TROVE_BENCH_ACCESSES_H

#include "mesi.h"
#include <stdbool.h>
#include <stddef.h>

#define TRACE_LINE_SHIFT 6
#define TRACE_THREADS_MAX 128

struct trace_access {
    uint64_t line : 62;
    uint64_t access : 2; /* enum mesi_access */
};

struct trace {
    struct trace_access *at;
    size_t count, room;
};

/* All lines that the BYTES at ADDRESS touch. A load after a load of the same line is left out. */
void trace_add(struct trace *trace, uint64_t address, size_t bytes, enum mesi_access access);

/* One operation: object KEY is looked up, or replaced, or KEY is one that was never there. */
enum op_kind { OP_GET, OP_REPLACE };
struct op {
    enum op_kind kind;
    uint32_t key;
};

/* Who does operations. One at a time is alive. */
struct subject {
    const char *name;
    /* For THREADS, with KEYS objects that are all there. */
    void (*begin)(unsigned threads, uint32_t keys);
    /* THREAD does COUNT operations; its accesses are added to TRACE. */
    void (*act)(unsigned thread, const struct op *ops, size_t count, struct trace *trace);
    /* A grace period, and what is done after it, by a thread of its own. NULL: it has none. */
    void (*grace)(struct trace *trace);
    /* Whether that cannot wait for its time. NULL: it always can. */
    bool (*hurries)(void);
    /* What lies in LINE. NULL: unknown. */
    const char *(*name_of)(uint64_t line);
    void (*end)(void);
};

/* The real code (subject_trove.c), and patterns of accesses (patterns.c). */
extern const struct subject subject_trove;
extern const struct subject pattern_rwlock, pattern_bucket_lock, pattern_refcount, pattern_chain;

#endif
